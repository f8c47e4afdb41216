#!/bin/sh
# Builds the ports into build/root, the staging copy of the root file system.
#
#   userland/ports/build.sh            every port
#   userland/ports/build.sh dash bc    these, leaving the others as they are
#
# A port is a folder here with a file `recipe` (shell) and perhaps `patches/`.
# The recipe sets
#   source, version, sha256   the Debian source package, and the checksums of
#                     its files, as userland/fetch.sh takes them; source may be
#                     empty, when there is nothing to unpack
# and defines functions that run in an empty build directory, with $src the
# unpacked source (Debian's patches and ours applied) and $recipe the folder
# of the recipe:
#   compile           configures and compiles with $CC (tabos-cc, --host=$host);
#                     $BUILD_CC makes programs for this machine
#   install_to DIR    copies what belongs on the target to DIR
#
# The result is cached by the hash of everything that goes into it: recipe,
# patches, compiler and C library. While one works on the compiler or the C
# library, TABOS_KEEP_PORTS=1 takes what the last complete build made.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=$top/build/ports
root=$top/build/root
cache=${TABOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tabos}/ports

export PATH="$top/node_modules/.bin:$PATH"
export CC="$top/userland/cc/tabos-cc"
export BUILD_CC="${BUILD_CC:-cc}"
export host=wasm32-tabos
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1767225600
jobs=$(nproc 2>/dev/null || echo 2)

# What the compiler makes depends on these; one hash for all ports.
toolchain_hash() {
	(
		cd "$top"
		find userland/cc build/sysroot -type f | sort | xargs sha256sum
	) | sha256sum | cut -c1-16
}

port_hash() { # NAME
	(
		cd "$here"
		echo "$toolchain"
		find "$1" -type f | sort | xargs sha256sum
		for used in $(sed -n 's/^# uses: //p' "$1/recipe"); do
			find "$used" -type f | sort | xargs sha256sum
		done
	) | sha256sum | cut -c1-32
}

# Unpack the source package into $1 and apply our patches.
unpack() {
	[ -n "$source" ] || return 0
	files=$("$top/userland/fetch.sh" "$source" "$version" $sha256)
	dpkg-source --no-check -x "$files"/*.dsc "$1"
	for patch in "$recipe"/patches/*.patch; do
		[ -e "$patch" ] || continue
		patch -d "$1" -p1 -s --no-backup-if-mismatch <"$patch"
	done
}

# Generated files shipped in a tarball must look newer than what they are made
# from, though Debian's patches touched that: nothing is to be regenerated.
touch_generated() { # FILES, in order of dependence
	for file; do
		find "$src" -name "$file" -exec touch {} +
		sleep 0.1
	done
}

# In a process of its own (build.sh --steps NAME): set -e is off in a condition.
port_steps() { # NAME
	recipe=$here/$1
	src=$out/$1/source
	. "$recipe/recipe"
	unpack "$src"
	cd "$out/$1/build"
	compile
	install_to "$out/$1/root"
}

port_build() { # NAME
	archive=$cache/$1-$(port_hash "$1").tar
	if [ -n "${TABOS_KEEP_PORTS-}" ] && [ -f "$out/.toolchain" ]; then
		kept=$cache/$1-$(toolchain=$(cat "$out/.toolchain") && port_hash "$1").tar
		[ ! -f "$kept" ] || archive=$kept
	fi
	if [ ! -f "$archive" ]; then
		echo "port $1: building"
		work=$out/$1
		rm -rf "$work"
		mkdir -p "$work/build" "$work/root" "$cache"
		if ! "$0" --steps "$1" >"$work/log" 2>&1; then
			tail -n 30 "$work/log" >&2
			echo "port $1: failed; all of it is in $work/log" >&2
			exit 1
		fi
		tar -C "$work/root" -cf "$archive.$$" .
		mv "$archive.$$" "$archive"
	fi
	mkdir -p "$root"
	tar -C "$root" -xf "$archive"
}

[ -x "$CC" ] && [ -d "$top/build/sysroot" ] || {
	echo "ports: the C library comes first: ./build.sh libc" >&2
	exit 1
}
if [ "${1-}" = --steps ]; then
	port_steps "$2"
	exit
fi
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9 # two builds at once would share folders
toolchain=$(toolchain_hash)
if [ $# -eq 0 ]; then
	rm -rf "$root"
	set -- $(cd "$here" && for r in */recipe; do dirname "$r"; done)
fi
for name; do
	port_build "$name"
done
[ -n "${TABOS_KEEP_PORTS-}" ] || echo "$toolchain" >"$out/.toolchain"
