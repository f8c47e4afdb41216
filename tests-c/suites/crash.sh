#!/usr/bin/env bash
# /home survives kills of the page, in each browser and each kind of store:
# TABOS_KILLS (500) for each browser. tests-ts/crash.ts says how.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/crash
kills=${TABOS_KILLS:-500}
mkdir -p "$work"
"$top/userland/cc/tabos-cc" -O2 -Wall -Wextra -Werror "$top/tests-c/suites/crash.c" -o "$work/crash.wasm"
failed=0
for browser in chromium firefox; do
	# What the browser prefers gets the larger part; the other kind of store is tested too.
	node "$top/tests-ts/crash.ts" "$browser" $((kills - kills / 5)) "$work/crash.wasm" || failed=1
	node "$top/tests-ts/crash.ts" "$browser" $((kills / 5)) "$work/crash.wasm" opfs || failed=1
done
exit "$failed"
