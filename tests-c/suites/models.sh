#!/usr/bin/env bash
# The models of the kernel's protocols, beside its code (kernel-c/*/*.pml), under
# spin: every order of steps is tried. Each model is then broken on purpose, in
# every way that its head lists, and spin must find that, too: a model that can't
# fail would show nothing.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/models
mkdir -p "$work"
cd "$work"
failed=0

# check MODEL OPTION…: what spin's verifier says goes to ./result
check() {
	local model=$1
	shift
	rm -f pan*
	spin "$@" -a "$model" >spin.log && cc -w -O1 -DSAFETY -o pan pan.c 2>>spin.log || {
		cat spin.log
		return 1
	}
	./pan -m1000000 >result
	# all was looked at, and no process is left over that never ran
	! grep -q 'max search depth too small' result
}

errors() {
	sed -n 's/.*errors: \([0-9]*\)$/\1/p' result
}

for model in "$top"/kernel-c/*/*.pml; do
	name="model: $(basename "$model" .pml)"
	right=('')
	grep -q '^#ifndef DEADLINE' "$model" && right+=(-DDEADLINE=true)
	for option in "${right[@]}"; do
		if check "$model" $option && [[ $(errors) == 0 ]]; then
			echo "ok $name${option:+ with $option}: $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' result) states, depth $(sed -n 's/.*depth reached \([0-9]*\).*/\1/p' result)"
		else
			echo "FAIL $name${option:+ with $option}"
			cat result
			failed=1
		fi
	done
	mistakes=$(sed -n '1,/\*\//p' "$model" | grep -o -- '-D[A-Z_]\+' | grep -v NAME | sort -u)
	for mistake in $mistakes; do
		if check "$model" "$mistake" && [[ $(errors) -gt 0 ]]; then
			echo "ok $name finds $mistake"
		else
			echo "FAIL $name does not find $mistake"
			failed=1
		fi
	done
done
exit $failed
