#!/bin/sh
# Runs programs and scripts of others, from Debian source packages, in TabOS:
#
#   tests-c/suites/run.sh [NAME…]     every suite, or those named
#
# A suite is NAME.suite, shell that sets source, version and sha256 as a port's
# recipe does, and defines run_suite. It runs in an empty directory with the
# package's files in $files, the commands below, and ends with 0 when all is well.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export PATH="$top/node_modules/.bin:$PATH"
export LC_ALL=C

# tabos ARGUMENTS…: the system in Node.
tabos() {
	node "$top/boot/tabos.mjs" "$@"
}

# in_both SCRIPT TAR: run the text SCRIPT by dash here and by sh in TabOS, each in
# a new directory /tmp/suite into which TAR was unpacked, and with a PATH that has
# the same tools. Leaves what they wrote in native.out and tabos.out, and fails
# with the difference when they differ.
in_both() {
	{
		cat <<-'E'
			umask 022
			rm -rf /tmp/suite
			mkdir -p /tmp/suite/bin /tmp/suite/work
			for tool in [ awk basename cat chmod cmp cp cut date diff dirname \
				echo env expr false grep head hostname id install ln ls mkdir \
				mktemp mv printf pwd rm rmdir sed sleep sort tail test touch tr \
				true uname uniq wc; do
				ln -s "$(command -v which >/dev/null && which "$tool")" "/tmp/suite/bin/$tool"
			done
			ln -s "$SUITE_SHELL" /tmp/suite/bin/sh
			cd /tmp/suite/work
			tar xf - || exit 99
			export PATH=/tmp/suite/bin SHELL=/tmp/suite/bin/sh CONFIG_SHELL=/tmp/suite/bin/sh
			unset SUITE_SHELL
		E
		echo "$1"
	} >script
	SUITE_SHELL=/bin/dash dash -c "$(cat script)" <"$2" >native.out 2>&1
	echo "exit status $?" >>native.out
	tabos --env SUITE_SHELL=/bin/sh -c "$(cat script)" <"$2" >tabos.out 2>&1
	echo "exit status $?" >>tabos.out
	rm -rf /tmp/suite
	diff -u native.out tabos.out
}

if [ $# -eq 0 ]; then
	set -- "$here"/*.suite
	for suite; do
		shift
		suite=${suite##*/}
		set -- "$@" "${suite%.suite}"
	done
fi
failed=0
for suite; do
	work=$top/build/suites/$suite
	rm -rf "$work"
	mkdir -p "$work"
	if (
		. "$here/$suite.suite"
		files=$("$top/userland/fetch.sh" "$source" "$version" $sha256) || exit
		cd "$work" && run_suite
	) >"$work.log" 2>&1; then
		echo "ok     $suite: $(tail -n 1 "$work.log")"
	else
		tail -n 40 "$work.log"
		echo "not ok $suite; all of it is in build/suites/$suite.log"
		failed=1
	fi
done
exit $failed
