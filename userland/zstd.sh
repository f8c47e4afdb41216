#!/bin/sh
# Puts the source of libzstd's decoder into build/gen/zstd, for kernel-c/lib/zstd.c.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
target=$top/build/gen/zstd
version=1.5.4+dfsg2-5

[ "$(cat "$target/version" 2>/dev/null)" != "$version" ] || exit 0
files=$("$top/userland/fetch.sh" libzstd "$version" \
	82ce911445772861d0838bd4545f93bc50658bc7f3cefdb17a307dfb8ffca5d8 \
	8f602f92b575aa8b5e979196fb6ee82d78f233521dc9636526d3ecba1f63c1b1 \
	8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953 \
	be007507630aabfc7d88d5d3c467115935ca22025253491d525e0119bbb23d40)
scratch=$(mktemp -d "$top/build/zstd.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
dpkg-source --no-check -x "$files"/*.dsc "$scratch/source" >"$scratch/log" 2>&1 || {
	cat "$scratch/log" >&2
	exit 1
}
rm -rf "$target"
mkdir -p "$target"
cp -r "$scratch/source/lib/common" "$scratch/source/lib/decompress" \
	"$scratch/source/lib/zstd.h" "$scratch/source/lib/zstd_errors.h" \
	"$scratch/source/LICENSE" "$target"
echo "$version" >"$target/version"
