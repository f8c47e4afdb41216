#!/bin/sh
# squashfs-images.sh DIRECTORY: makes the images that squashfs_test.c and the fuzzer
# read, with mksquashfs, of one tree: once for each compression and layout.
set -eu
out=$1
rm -rf "$out"
mkdir -p "$out/tree/dir/sub" "$out/tree/many" "$out/over/dir" "$out/over/only"
tree=$out/tree
cd "$out"

printf 'hello\n' >tree/hello
: >tree/empty
seq 1 40000 >tree/big                          # 228,894 bytes: two blocks of 128 KiB
seq 1 20000 | head -c 65536 >tree/exact        # ends with a block of most sizes
truncate -s 1M tree/sparse
printf 'middle' | dd of=tree/sparse bs=1 seek=524288 conv=notrunc status=none
printf 'end' | dd of=tree/sparse bs=1 seek=1048573 conv=notrunc status=none
head -c 20000 /dev/zero | tr '\0' a >tree/dir/as
printf 'below\n' >tree/dir/sub/below
ln -s dir/sub/below tree/link
ln tree/hello tree/dir/hard
mkfifo tree/fifo
chmod 640 tree/hello
chmod 4755 tree/dir/as
printf 'x' >"tree/$(printf '%0255d' 7)"
i=0
while [ $i -lt 700 ]; do
	printf '%d\n' $i >"$(printf 'tree/many/file%04d' $i)"
	i=$((i + 1))
done
# A layer over the other.
printf 'over\n' >over/hello
printf 'new\n' >over/dir/new
printf 'only\n' >over/only/file
ln -s nowhere over/many

pack() { # NAME TREE OPTIONS...
	name=$1 from=$2
	shift 2
	mksquashfs "$from" "$name.sqfs" -noappend -quiet -no-progress -no-xattrs -all-root \
		-mkfs-time 1767225600 -all-time 1767225600 "$@" >"$name.log" 2>&1 || {
		cat "$name.log" >&2
		exit 1
	}
}
pack zstd tree -comp zstd -p 'null c 666 0 0 1 3'
pack zstd4k tree -comp zstd -b 4K
pack gzip tree -comp gzip
pack gzip1m tree -comp gzip -b 1M -always-use-fragments
pack lz4 tree -comp lz4
pack lz4hc tree -comp lz4 -Xhc -no-fragments
pack stored tree -comp gzip -noI -noD -noF -noId
pack over over -comp lz4
pack xz over -comp xz
rm -rf tree over
