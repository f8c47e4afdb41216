#!/usr/bin/env bash
# config.sub, 1,800 lines of shell that others wrote, canonicalises every machine
# name it knows by itself, in TabOS as under this machine's dash.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/suites/config-sub
name='suite: config.sub on every machine it knows'
sums=(
	878db2aeeb04e43a70750480a4f17498b7ed46fb5fe433acb6721b3e6d38088c
	54eabe8526f590a52771d99ce8c592d3edd549e98d84ea6649db473d528cc6ec
	1613f0ac1cf484d6ec0ce3b8c06d56263cc7242f1c23b30d82d23de345a63f7a
	8410c0c004f3509c218a98b276b3308b9c46f48068e8b1a6d9ebfd61ea9f357a
)

package=$("$top/userland/fetch.sh" libtasn1-6 4.19.0-2+deb12u1 "${sums[@]}")
rm -rf "$work"
mkdir -p "$work/in"
tar -xf "$package"/*.orig.tar.gz -C "$work/in" --strip-components=2 --wildcards '*/build-aux/config.sub'
# The names are in its own case patterns; those without wildcards are taken.
sed -n 's/^[[:space:]]*\([a-z0-9| .-]*\))$/\1/p' "$work/in/config.sub" | tr -d ' ' | tr '|' '\n' |
	grep '^[a-z]' | sort -u >"$work/in/names"
cat >"$work/in/script" <<'SCRIPT'
while read -r name; do
	sh ./config.sub "$name" 2>&1 || echo "exit $?"
done <names
SCRIPT
(cd "$work/in" && dash ./script) >"$work/native.out"
tar -C "$work/in" -c . | node "$top/boot/tabos.mjs" -c 'mkdir /tmp/suite && cd /tmp/suite && tar -x && exec sh ./script' >"$work/tabos.out" ||
	echo "TabOS ended with $?" >>"$work/tabos.out"
if (($(wc -l <"$work/native.out") < 200)); then
	echo "FAIL $name: there are fewer names than expected"
	exit 1
elif ! diff "$work/native.out" "$work/tabos.out" >"$work/diff"; then
	echo "FAIL $name: TabOS (>) differs from this machine (<)"
	head -n 40 "$work/diff"
	exit 1
fi
echo "ok $name"
