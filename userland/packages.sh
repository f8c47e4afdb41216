#!/bin/sh
# packages.sh STAGING: makes the images of /usr from STAGING/usr, which it takes
# away, in build/site/packages, with a manifest of their hashes. A line for
# STAGING/etc/fstab mounts them, and pins the manifest by its hash.
#
# An image is asked for the paths named here only, so it isn't opened (fetched)
# before one of them is wanted; the last has whatever is left. The same input
# gives the same bytes.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
staging=$1
out=$top/build/site/packages
work=$top/build/packages
epoch=1767225600 # 2026-01-01, the age of every file

# take IMAGE PATH...: move these parts of /usr to the image.
take() {
	image=$1
	shift
	only=
	for path; do
		mkdir -p "$work/$image.root/$(dirname "$path")"
		mv "$staging/usr/$path" "$work/$image.root/$path"
		only="$only:$path"
	done
	images="$images,image=$image$only"
	names="$names $image"
}

# pack IMAGE: its root becomes build/packages/IMAGE.sqfs, unless that is made of the same.
pack() {
	root=$work/$1.root
	key=$({
		mksquashfs -version | head -n 1
		tar -C "$root" -cf - --format=ustar --sort=name --numeric-owner --owner=0 --group=0 --mtime=@$epoch .
		cat "$0"
	} | sha256sum)
	if [ ! -f "$work/$1.sqfs" ] || [ "$key" != "$(cat "$work/$1.key" 2>/dev/null)" ]; then
		rm -f "$work/$1.key"
		mksquashfs "$root" "$work/$1.sqfs" -noappend -quiet -no-progress \
			-comp zstd -Xcompression-level 19 -b 128K -all-root -no-xattrs -no-exports \
			-mkfs-time $epoch -all-time $epoch >"$work/$1.log" 2>&1 || {
			cat "$work/$1.log" >&2
			exit 1
		}
		echo "$key" >"$work/$1.key"
	fi
	rm -rf "$root"
}

mkdir -p "$work" "$out"
rm -rf "$work"/*.root
images=
names=
take zoneinfo share/zoneinfo
take terminfo share/terminfo
take dev include lib
take git bin/git bin/git-receive-pack bin/git-upload-archive bin/git-upload-pack \
	libexec/git-core share/git-core
take sqlite bin/sqlite3
take e2fsprogs sbin/e2fsck sbin/mke2fs sbin/tune2fs sbin/dumpe2fs sbin/debugfs \
	sbin/resize2fs sbin/mkfs.ext2 sbin/fsck.ext2
mkdir -p "$work/base.root"
mv "$staging"/usr/* "$work/base.root"
# Of /usr only this can be written.
rm -rf "$work/base.root/local"
ln -s ../var/local "$work/base.root/local"
names="base $names"
for name in $names; do
	pack "$name"
done
hash=$(node "$top/userland/manifest.mjs" "$work" "$out" $names)
printf 'packages\t/usr\tpkgfs\tro,store=pkg.%s,image=base%s\t0\t0\n' "$hash" "$images" >>"$staging/etc/fstab"
echo "packages: $(du -bc "$out"/*.sqfs | tail -n 1 | cut -f 1 | awk '{ print int($1 / 1024) }') KiB in $(echo $names | wc -w) images"
