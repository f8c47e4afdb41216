#!/bin/sh
# Packs build/root and the files of userland/root: what is in /usr into package
# images (packages.sh), the rest into build/boot.tar.gz, which the kernel unpacks
# at boot; the page's copy is build/site/boot.tar.gz.
# The same input gives the same bytes.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
staging=$top/build/boot-root
archive=$top/build/boot.tar.gz
epoch=1767225600 # 2026-01-01, the age of every file

[ -d "$top/build/root" ] || {
	echo "archive: the ports come first: userland/ports/build.sh" >&2
	exit 1
}
rm -rf "$staging"
mkdir -p "$staging"
cp -a "$top/build/root/." "$staging"
cp -a "$top/userland/root/." "$staging"
# For programs built inside, and for whoever looks something up.
cp -a "$top/build/sysroot/include" "$staging/usr/include"
mkdir -p "$staging/usr/lib"
cp "$top"/build/sysroot/lib/*.a "$top"/build/sysroot/lib/*.o "$staging/usr/lib"
for dir in bin dev etc home home/user mnt proc root tmp usr var var/local \
	var/local/bin var/log var/run var/tmp; do
	mkdir -p "$staging/$dir"
done
chmod -R u=rwX,go=rX "$staging"
chmod 700 "$staging/root"
chmod 1777 "$staging/tmp" "$staging/var/tmp"

# Debug information stays behind; function names are kept, for traces.
find "$staging/bin" "$staging/usr" -path "$staging/usr/share" -prune -o -type f -print | while read -r file; do
	[ "$(head -c 4 "$file" | tail -c 3)" = asm ] || continue
	llvm-objcopy-22 --strip-debug "$file"
done

# A shell that scripts ask for by this name.
mv "$staging/bin/bash" "$staging/usr/bin/bash"
ln -s ../usr/bin/bash "$staging/bin/bash"
"$top/userland/packages.sh" "$staging"

tar_options="--format=ustar --sort=name --numeric-owner --mtime=@$epoch"
tar -C "$staging" -cf "$archive.tar" $tar_options --owner=0 --group=0 \
	--exclude=./home/user .
tar -C "$staging" -rf "$archive.tar" $tar_options --owner=1000 --group=1000 \
	./home/user
gzip -9n <"$archive.tar" >"$archive"
rm -f "$archive.tar"
mkdir -p "$top/build/site"
cp "$archive" "$top/build/site/boot.tar.gz"
echo "boot.tar.gz: $(($(wc -c <"$archive") / 1024)) KiB"
