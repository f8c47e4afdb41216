#!/usr/bin/env bash
# ext2 after 10,000 crashes of a store in memory; fuzz.sh has its hostile images.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/ext2
seed=${TABOS_SEED:-$RANDOM}
mkdir -p "$work"

make -s -C "$top/tests-c" -j"$(nproc)" native
name="suite: ext2 after 10,000 crashes (seed $seed)"
if TABOS_CUTS=10000 TABOS_SEED=$seed "$top/build/tests/kernel-tests" 'ext2: a crash' >"$work/log" 2>&1; then
	echo "ok $name"
else
	tail -n 40 "$work/log"
	echo "FAIL $name"
fi
