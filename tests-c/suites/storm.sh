#!/usr/bin/env bash
# The whole storm: 10,000 random signals over 50 busy processes and their threads,
# with the kernel as it is and with the one that checks its locks.
# tests-c/posix/process/storm.c does it, and is the smaller test.
#
#   storm.sh [SIGNALS [PROCESSES [SEED...]]]
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/storm
signals=${1:-10000}
processes=${2:-50}
(($# > 2)) && shift 2 || set -- 1 2
rm -rf "$work"
mkdir -p "$work"
"$top/userland/cc/tabos-cc" -std=gnu17 -O1 -g -Wall -pthread "$top/tests-c/posix/process/storm.c" -o "$work/storm.wasm"

failed=0
for kernel in kernel kernel.debug; do
	for seed; do
		name="suite: storm: $signals signals over $processes processes, $kernel.wasm, seed $seed"
		if timeout -k 5 600 node "$top/boot/tabos.mjs" --kernel "$top/build/$kernel.wasm" "$work/storm.wasm" \
			"$signals" "$processes" "$seed" >"$work/out" 2>"$work/err" && [[ $(<"$work/out") == '0 wrong' ]]; then
			sed 's/^/# /' "$work/err"
			echo "ok $name"
		else
			echo "FAIL $name"
			cat "$work/err" "$work/out"
			failed=1
		fi
	done
done
exit $failed
