#!/usr/bin/env bash
# build.sh: compile safepoints.cpp, clang's plugin, and print where it is.
#
# It is kept in the cache under the hash of what it is made from.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache="${TABOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tabos}"
config=${TABOS_LLVM_CONFIG:-llvm-config-22}

# Nothing is linked: the symbols are found in the clang that loads it.
flags=(-std=c++17 -O2 -fPIC -shared -fno-rtti -fno-exceptions -fvisibility=hidden
	-fvisibility-inlines-hidden -D__STDC_CONSTANT_MACROS -D__STDC_FORMAT_MACROS -D__STDC_LIMIT_MACROS
	"-I$("$config" --includedir)")
key=$({
	"$config" --version
	"${CXX:-c++}" --version
	echo "${flags[@]}"
	sha256sum <"$here/safepoints.cpp"
} | sha256sum | cut -c1-24)
plugin="$cache/safepoints/$key.so"

if [[ ! -e $plugin ]]; then
	mkdir -p "$cache/safepoints"
	"${CXX:-c++}" "${flags[@]}" "$here/safepoints.cpp" -o "$plugin.$$" >&2
	mv "$plugin.$$" "$plugin"
fi
echo "$plugin"
