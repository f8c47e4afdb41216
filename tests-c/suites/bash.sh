#!/usr/bin/env bash
# bash's own tests, run by bash in TabOS and by bash built from the same sources
# for this machine: what both print must be the same. Which differences there
# are, and why, is in bash.known: `NAME LINES: reason`, with how many lines differ at most.
#
#   bash.sh [NAME...]   these tests only (`jobs` for tests/run-jobs)
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests-c/suites
work=$top/build/suites/bash
timeout=120 # seconds for one test
sums=(
	7a315bc0e9d90713159e4390ec1096a41e4f33cd8cc3d1a749a8e5ad56600f51
	998f8ea5b754a734ae7d8306e149c43d713ddfcf49623a036004b729237dbcca
	f51753e946af43eb58549c81e03b35a47af9fe6c6364179ccd4ef862b7c3b2d3
)
all=(alias appendop arith arith-for array array2 assoc attr braces builtins case
	casemod comsub comsub-eof comsub-posix cond coproc cprint dbg-support
	dbg-support2 dirstack dollars dynvar errors execscript exp-tests exportfunc
	extglob extglob2 extglob3 func getopts glob-test globstar heredoc herestr
	histexpand history ifs ifs-posix input-test invert iquote jobs
	lastpipe mapfile more-exp nameref new-exp nquote nquote1 nquote2 nquote3
	nquote4 nquote5 parser posix2 posixexp posixexp2 posixpat posixpipe precedence
	printf procsub quote read redir rhs-exp rsh set-e set-x shopt strip test
	tilde tilde2 trap type varenv vredir)

package=$("$top/userland/fetch.sh" bash 5.2.15-2 "${sums[@]}")

# This machine's bash, once.
if [[ ! -x $work/machine/bash ]]; then
	rm -rf "$work"
	mkdir -p "$work/machine"
	dpkg-source --no-check -x "$package"/*.dsc "$work/source" >"$work/log" 2>&1
	if ! (cd "$work/machine" && ../source/configure --without-bash-malloc --disable-nls CC=gcc CFLAGS='-O2 -w' &&
		make -j"$(nproc)") >>"$work/log" 2>&1; then
		echo "FAIL suite: bash builds on this machine"
		tail -n 20 "$work/log"
		exit 1
	fi
fi

# in/ goes to TabOS, here/ stays: the tests, their helpers and a diff that keeps what was printed.
rm -rf "$work"/{in,here,out}
mkdir -p "$work"/{in,here,out}
for side in in here; do
	mkdir "$work/$side/bin"
	cp -r "$work/source/tests" "$work/$side/tests"
	cp "$work/source/y.tab.c" "$work"/machine/{config,version}.h "$work/$side/" # heredoc.tests reads them
	cc=$top/userland/cc/tabos-cc
	[[ $side == in ]] || cc=gcc
	for helper in recho zecho printenv xcase; do
		"$cc" -O2 -w -DHAVE_CONFIG_H -I"$work/machine" -I"$work/source" -I"$work/source/include" \
			"$work/source/support/$helper.c" -o "$work/$side/bin/$helper"
	done
	cat >"$work/$side/bin/diff" <<'SCRIPT'
#!/bin/sh
case $2 in *.right) exit 1 ;; esac
[ -x /usr/bin/diff ] && exec /usr/bin/diff "$@"
exec /bin/diff "$@"
SCRIPT
	chmod 755 "$work/$side/bin/diff"
	# run_one NAME: the test's output on standard output
	cat >"$work/$side/run_one" <<'SCRIPT'
cd "$2/tests" || exit
exec env -i HOME=/root USER=root LOGNAME=root TERM=dumb TMPDIR=/tmp \
	PATH="$2/bin:.:/usr/bin:/bin" THIS_SH="$2/bin/bash" BUILD_DIR="$2" \
	BASH_TSTOUT="$2/out" sh -c 'sh "./run-$0" >/dev/null 2>&1 </dev/null
	if [ -e "/tmp/$0.check" ]; then mv "/tmp/$0.check" "$BASH_TSTOUT"; fi
	cat "$BASH_TSTOUT"' "$1"
SCRIPT
done
cp "$work/machine/bash" "$work/here/bin/bash"
cp "$top/build/root/bin/bash" "$work/in/bin/bash"

# What may differ in each run, or by where it is run.
normalise() { # FILE DIRECTORY
	# The locales that are here; process ids; an error's text, which is the C library's.
	sed -i -e "s#$2#/tmp/suite#g" -e '/warning: setlocale: LC_ALL: cannot change locale/d' \
		-e 's/\(terminal process group\) ([0-9]*): .*/\1/' "$1"
}

# Tests print which descriptors they get: none may be open but three.
for fd in /proc/self/fd/*; do
	fd=${fd##*/}
	if ((fd > 2 && fd < 255)); then eval "exec $fd>&-"; fi
done

(($#)) || set -- "${all[@]}"
failed=0
for name; do
	out=$work/out/$name
	timeout -k 5 $timeout sh "$work/here/run_one" "$name" "$work/here" >"$out.here" 2>&1 ||
		echo "ended with $?" >>"$out.here"
	tar -C "$work/in" -c . | timeout -k 5 $timeout node "$top/boot/tabos.mjs" -c \
		'mkdir /tmp/suite && cd /tmp/suite && tar -x && exec sh ./run_one "$0" /tmp/suite' "$name" >"$out.tabos" 2>&1 ||
		echo "ended with $?" >>"$out.tabos"
	normalise "$out.here" "$work/here"
	normalise "$out.tabos" /tmp/suite
	known=$(sed -n "s/^$name [0-9]*: //p" "$here/bash.known")
	most=$(sed -n "s/^$name \([0-9]*\): .*/\1/p" "$here/bash.known")
	if [[ ! -s $out.here ]]; then
		echo "FAIL suite: bash $name: it prints nothing on this machine"
		failed=1
	elif diff -a "$out.here" "$out.tabos" >"$out.diff"; then
		echo "ok suite: bash $name"
		[[ -z $known ]] || echo "# bash.known lists $name, which is the same now"
	elif [[ $known ]] && (($(grep -c '^[<>]' "$out.diff") <= most)); then
		echo "skip suite: bash $name: $known"
	else
		echo "FAIL suite: bash $name: TabOS (>) differs from this machine (<)"
		head -n 20 "$out.diff"
		failed=1
	fi
done
exit $failed
