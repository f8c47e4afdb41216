#!/usr/bin/env bash
# 10,000 forks, 10,000 spawns and 10,000 threads one after the other in one boot: the
# kernel's objects and memory, the host's threads (a worker is one) and its memory
# do not grow. tests-c/posix/process/growth.c does it, and is the smaller test.
#
#   growth.sh [COUNT]
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/growth
count=${1:-10000}
# The young generations of a score of V8 heaps grow at first: 60 MiB after 10,000 forks, and 40 after 40,000.
slack_kib=$((96 * 1024))
# A worker that was terminated, and the one that is started in its place.
slack_threads=2
rm -rf "$work"
mkdir -p "$work"
"$top/userland/cc/tabos-cc" -std=gnu17 -O1 -g -Wall -pthread "$top/tests-c/posix/process/growth.c" -o "$work/growth.wasm"

# Not by boot/tabos.mjs, which may start another process.
coproc tabos { exec "$top/node_modules/node/bin/node" "$top/build/node/cli.js" "$work/growth.wasm" "$count" mark 2>&1; }
host=$tabos_PID
exec {from}<&"${tabos[0]}" {to}>&"${tabos[1]}"

status_of() { # FIELD of the host process
	sed -n "s/^$1:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$host/status"
}

failed=0 part= threads= memory= told=
while read -r -t 300 -u "$from" word when name; do
	if [[ $word != mark ]]; then
		told+="$word $when $name"$'\n'
		continue
	fi
	if [[ $when == before ]]; then
		threads=$(status_of Threads) memory=$(status_of VmRSS)
	else
		part="growth: $count times $name"
		now_threads=$(status_of Threads) now_memory=$(status_of VmRSS)
		echo "# $name: $threads threads of the host, then $now_threads; $memory KiB, then $now_memory"
		if ((now_threads > threads + slack_threads)); then
			echo "FAIL suite: $part: the host has more threads"
			failed=1
		elif ((now_memory > memory + slack_kib)); then
			echo "FAIL suite: $part: the host has more memory"
			failed=1
		else
			echo "ok suite: $part"
		fi
	fi
	echo go >&"$to"
done
echo "# $told"
if [[ $told != '0 wrong, 0 grown'* ]]; then
	echo "FAIL suite: growth: of what the kernel holds"
	failed=1
fi
exit $failed
