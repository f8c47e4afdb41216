#!/usr/bin/env bash
# A configure script that others wrote (iso-codes, 3,959 lines of shell) runs to
# its end in TabOS, and says and makes the same as under this machine's dash.
#
# It needs no compiler, only the shell and the usual tools: so it tests those.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/configure
name='suite: iso-codes configure in the shell'
sums=(
	342cf8f28638b58a2e01c043036e4600379bf12056c48ff71ee8a2a9f1d82612
	868f173a1467cc2d09a9e663972ceacc72ed6870e40f74b4bbe32b6af52bc2ac
	3d50750bf1d62d83b6085f5815ceb8392df34266a15f16bcf8d4cf7eb15d245c
)

package=$("$top/userland/fetch.sh" iso-codes 4.15.0-1 "${sums[@]}")
rm -rf "$work"
mkdir -p "$work/in/source" "$work/native/build" "$work/path"
tar -xf "$package"/*.orig.tar.xz -C "$work/in/source" --strip-components=1 \
	--wildcards '*/configure' '*/install-sh' '*/missing' '*.in'

# The tools that TabOS has, from this machine: what configure finds must be the same.
find "$top"/build/root/{bin,usr/bin} -not -type d -printf '%f\n' | sort -u | while read -r tool; do
	found=$(PATH=/usr/bin:/bin command -v "$tool") && [[ $found == /* ]] && ln -s "$found" "$work/path/$tool"
done || true
ln -sf "$(command -v dash)" "$work/path/sh"
rm -f "$work/path/bash"

# Prints what configure says, then every file it made.
cat >"$work/in/script" <<'SCRIPT'
# It would look for a better shell than dash, which only this machine has: so the shell is named.
CONFIG_SHELL=/bin/sh SHELL=/bin/sh
export CONFIG_SHELL SHELL
# mkdir is named because configure takes one as race-free by GNU's --version.
$CONFIG_SHELL ../source/configure --prefix=/usr MKDIR_P='mkdir -p' 2>&1
echo "exit $?"
find . -type f ! -name 'config.*' | sort | while read -r file; do
	echo "== $file"
	cat "$file"
done
SCRIPT
cp -r "$work/in/source" "$work/native/source"
(cd "$work/native/build" && env -i PATH="$work/path" HOME=/root sh "$work/in/script") |
	sed "s#$work/path#/bin#g; s#$work/native#/tmp/suite#g" >"$work/native.out"
tar -C "$work/in" -c . | node "$top/boot/tabos.mjs" --env PATH=/bin -c '
	mkdir -p /tmp/suite/build && cd /tmp/suite && tar -x &&
	cd build && exec sh ../script' >"$work/tabos.out" || echo "TabOS ended with $?" >>"$work/tabos.out"

if ! grep -q '^exit 0$' "$work/native.out"; then
	echo "FAIL $name: it fails on this machine"
	tail -n 5 "$work/native.out"
	exit 1
elif ! diff "$work/native.out" "$work/tabos.out" >"$work/diff"; then
	echo "FAIL $name: TabOS (>) differs from this machine (<)"
	head -n 40 "$work/diff"
	exit 1
fi
echo "ok $name"
