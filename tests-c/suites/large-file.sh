#!/usr/bin/env bash
# A file of 1 GiB on /home, which is ext2 in a file: written, read back in the same
# boot and in another; its checksum is that of what was sent, and the filesystem is sound.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/large-file
bytes=$((1 << 30))
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
tabos() { timeout 300 node "$top/boot/tabos.mjs" --home "$work/home.img" -c "$1"; }
# Numbers in a row: each block is another one.
data() { { seq 1 1000000000 2>/dev/null || true; } | head -c "$bytes"; }

sent=$(data | cksum)
written=$(data | tabos 'cat >/home/large && sync && cksum </home/large')
again=$(tabos 'cksum </home/large')
for found in "$written" "$again"; do
	if [[ $found != "$sent" ]]; then
		echo "FAIL suite: large-file: $found, not $sent"
		exit 1
	fi
done
echo "ok suite: large-file, 1 GiB written, read back in two boots"
