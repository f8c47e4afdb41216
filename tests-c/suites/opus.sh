#!/usr/bin/env bash
# An autoconf package from Debian's archive, built with only CC and --host set;
# its own `make check` programs run in TabOS.
#
# The host is "wasm32-none" because the package's config.sub is of 2018 and knows
# no other system for wasm32; it also tells libtool that there are no shared libraries.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/opus
sums=(
	f4a145f0d5b9140106396fc0b0c515b1c3abd59f2aa5fb62b36b69886aa411bc
	c373ac82a1afb824819618c12e279ee47b6ac2fa18083b9ef2bb9e8e9e588419
	65b58e1e25b2a114157014736a3d9dfeaad8d41be1c8179866f144a2fb44ff9d
)

package=$("$top/userland/fetch.sh" opus 1.3.1-3 "${sums[@]}")
rm -rf "$work"
mkdir -p "$work/build"
tar -xf "$package"/*.orig.tar.gz -C "$work" --one-top-level=source --strip-components=1
cd "$work/build"
if ! { ../source/configure CC="$top/userland/cc/tabos-cc" --host=wasm32-none && make -j"$(nproc)"; } >build.log 2>&1; then
	echo "FAIL suite: opus builds with tabos-cc"
	tail -n 20 build.log
	exit 1
fi
echo "ok suite: opus builds with tabos-cc"
make -k check LOG_COMPILER="$(command -v node) $top/boot/tabos.mjs" >check.log 2>&1 || true
ran=0 failed=0
while read -r verdict program; do
	ran=$((ran + 1))
	if [[ $verdict == PASS: ]]; then
		echo "ok suite: opus $program"
	else
		failed=1
		echo "FAIL suite: opus $program: $verdict"
		tail -n 5 "$program.log"
	fi
done < <(grep -E '^(PASS|FAIL|ERROR|XFAIL|XPASS|SKIP): ' check.log)
if ((ran == 0)); then
	echo "FAIL suite: opus make check runs nothing"
	tail -n 20 check.log
	exit 1
fi
exit $failed
