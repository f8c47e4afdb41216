#!/usr/bin/env bash
# /home survives kills of the page, in each browser and each kind of store: TABOS_KILLS (500) for
# each browser, and TABOS_MOVES (20) while it moves between stores. tests-ts/crash.ts says how.
# build/suites/crash/*.log has a line for each kill; with TABOS_RESUME=1 a run goes on where they end.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/crash
kills=${TABOS_KILLS:-500}
mkdir -p "$work"
[[ ${TABOS_RESUME:-} ]] || rm -f "$work"/*.log
"$top/userland/cc/tabos-cc" -O2 -Wall -Wextra -Werror "$top/tests-c/suites/crash.c" -o "$work/crash.wasm"
failed=0
crash() { node "$top/tests-ts/crash.ts" "$@" || failed=1; }
for browser in chromium firefox; do
	# By name: which one a page chooses differs from run to run.
	crash work $browser $((kills - kills / 5)) "$work/crash.wasm" idb "$work/$browser-idb.log"
	crash work $browser $((kills / 5)) "$work/crash.wasm" opfs "$work/$browser-opfs.log"
	crash move $browser "${TABOS_MOVES:-20}" "$work/$browser-moves.log"
done
exit "$failed"
