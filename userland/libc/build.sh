#!/usr/bin/env bash
# build.sh: make build/sysroot, the C library and its headers.
#
# musl comes from Debian's source package; arch/, src/ and crt/ here lie over it
# as an architecture of its own, and patches/ are applied. The result is kept in
# the cache under the hash of everything that went into it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache="${TABOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tabos}"
clang=${TABOS_CLANG:-clang-22}
ar=${TABOS_AR:-llvm-ar-22}
ranlib=${TABOS_RANLIB:-llvm-ranlib-22}
jobs=${TABOS_JOBS:-2}
sysroot="$root/build/sysroot"

version=1.2.3-1
sums=(
	243a7462e9c751da662c4c61d4c96b6318c796ba302b72f6cdf74ea5427a9b4f
	8f12cc808dbec030179a25ce2645a4c0b622ee8011c2afcec53b87ec5867a8cc
	7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4
	eb83fe63629f569ca1bd2b52b852093c75656bc526ff19c1402151d7cd584ba2
)

mapfile -t flags <"$here/../cc/target-flags"
plugin=$("$here/../cc/build.sh")
key=$({
	echo "$version" "${sums[@]}" "$(basename "$plugin")"
	"$clang" --version
	cd "$root"
	find userland/libc userland/cc/target-flags wit/posix.wit -type f | LC_ALL=C sort | xargs sha256sum
} | sha256sum | cut -c1-24)
kept="$cache/sysroot/$key"

if [[ ! -e $kept/lib/libc.a ]]; then
	package=$("$here/../fetch.sh" musl "$version" "${sums[@]}")
	mkdir -p "$cache/sysroot"
	work=$(mktemp -d "$cache/sysroot/.build.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/musl"
	tar -xzf "$package"/musl_*.orig.tar.gz -C "$work/musl" --strip-components=1
	cd "$work/musl"
	for patch in "$here"/patches/*.patch; do
		patch -s -p1 <"$patch"
	done
	cp -r "$here/arch" "$here/src" "$here/crt" .
	# Linux's generic call numbers, of which libc knows the ones that exist here.
	grep -E '^#define __NR_[a-z0-9_]+[[:space:]]+[0-9]' arch/riscv64/bits/syscall.h.in >arch/wasm32/bits/syscall.h.in
	node "$here/syscalls.mjs" "$root/wit/posix.wit" arch/wasm32/bits/syscall.h.in >arch/wasm32/tabos_syscalls.h
	cat >config.mak <<-MAK
		ARCH = wasm32
		prefix = $work/sysroot
		CC = $clang
		AR = $ar
		RANLIB = $ranlib
		CFLAGS_AUTO = ${flags[*]} -O2 -g0 -fno-builtin -fno-strict-aliasing -Wno-everything
		CFLAGS_C99FSE = -std=gnu11 -ffreestanding -nostdinc
	MAK
	# Where the library can loop for long, or calls the program back in a loop, it has safepoints.
	for name in stdlib/qsort regex/regexec regex/glob misc/nftw search/tsearch crypt/crypt_{blowfish,md5,sha256,sha512} \
		string/{memmem,strstr,strspn,strcspn}; do
		echo "obj/src/$name.o: CFLAGS_ALL += -fpass-plugin=$plugin -mllvm -disable-lsr"
	done >>config.mak
	make -s -j"$jobs" lib/libc.a install-headers >/dev/null
	mkdir -p "$work/sysroot/lib"
	cp lib/libc.a "$work/sysroot/lib/"
	for name in crt1 main-knr no-handler-fork; do
		"$clang" "${flags[@]}" -std=gnu11 -ffreestanding -nostdinc -O2 -Wno-everything \
			-Iarch/wasm32 -Iarch/generic -Iobj/src/internal -Isrc/include -Isrc/internal \
			-Iobj/include -Iinclude -c "crt/$name.c" -o "$work/sysroot/lib/$name.o"
	done
	cp "$plugin" "$work/sysroot/lib/safepoints.so"
	# Everything is in libc.a, but build systems ask for these.
	for name in m rt pthread crypt util xnet resolv dl; do
		"$ar" rc "$work/sysroot/lib/lib$name.a"
	done
	cp COPYRIGHT "$work/sysroot/"
	rm -rf "$kept"
	mv "$work/sysroot" "$kept"
fi

# A copy, so that what walks build/ finds it there.
mkdir -p "$root/build"
if [[ $(cat "$sysroot/.key" 2>/dev/null) != "$key" ]]; then
	rm -rf "$sysroot" "$sysroot.new"
	cp -r "$kept" "$sysroot.new"
	echo "$key" >"$sysroot.new/.key"
	mv "$sysroot.new" "$sysroot"
fi
