#!/usr/bin/env bash
# GNU make drives parallel jobs in TabOS: `make -j4` over twelve targets, half of
# them in a make of its own that takes its tokens from the same job server. The
# files made, and the statuses, are those of this machine's make; never do more
# than four jobs run at once, and at some time four do.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/make
rm -rf "$work"
mkdir -p "$work/in/half"

cat >"$work/in/Makefile" <<'MAKE'
sum: 1.out 2.out 3.out 4.out 5.out 6.out half/sum
	cat $^ | sort -n >$@
half/sum: ; @$(MAKE) -C half sum
include rules
broken: 1.out fails 2.out
fails: ; @exit 3
MAKE
cat >"$work/in/half/Makefile" <<'MAKE'
sum: 7.out 8.out 9.out 10.out 11.out 12.out
	cat $^ | sort -n >$@
include ../rules
MAKE
# Each job is a pipeline that computes, and says when it begins and ends.
cat >"$work/in/rules" <<'MAKE'
log := $(dir $(lastword $(MAKEFILE_LIST)))log
%.out:
	@echo start $* >>$(log)
	@seq $*000 | awk '{ s += $$1 * $$1 % 97 } END { print s, $* }' >$@.new
	@sleep 0.3
	@echo end $* >>$(log)
	@mv $@.new $@
MAKE
cat >"$work/in/script" <<'SCRIPT'
make -s -j4; echo "status $?"
cat sum
make -s -j4; echo "up to date, status $?"
awk '$1 == "start" { if (++n > most) most = n } $1 == "end" { n-- } END { print "at once:", most }' log
rm -f [12].out
make -s -k -j4 broken 2>/dev/null; echo "status $?"
ls [12].out
rm -rf [0-9].out sum half/*.out half/sum
make -j4 --output-sync=target >sync 2>&1; echo "synchronised, status $?"
sort sync | sed 's/make\[[0-9]*\]/make/; s#/.*/#/#; /directory/d'
make --version | head -n 1
SCRIPT
cp -r "$work/in" "$work/here"
(cd "$work/here" && env -u MAKEFLAGS -u MAKELEVEL sh ./script) >"$work/here.out" 2>&1
tar -C "$work/in" -c . | timeout 120 node "$top/boot/tabos.mjs" -c 'mkdir /tmp/suite && cd /tmp/suite && tar -x && exec sh ./script' >"$work/tabos.out" 2>&1 ||
	echo "TabOS ended with $?" >>"$work/tabos.out"
name='suite: make -j4, with a make in it'
if ! grep -q '^at once: 4$' "$work/here.out"; then
	echo "FAIL $name: this machine's make does not run four at once"
	exit 1
elif ! diff "$work/here.out" "$work/tabos.out"; then
	echo "FAIL $name: TabOS (>) differs from this machine (<)"
	exit 1
fi
echo "ok $name"
