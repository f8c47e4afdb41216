/*
 * fs/squashfs_*.c and fs/pkgfs*.c on images that mksquashfs made (squashfs-images.sh).
 */
#include "vfs_test.h"

#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/lib/decompress.h"
#include "../store.h"

struct image {
	const char *name;
	const uint8_t *bytes;
	size_t size;
};
#define IMAGE(name) static const uint8_t name[] = {
IMAGE(zstd_bytes)
#embed <zstd.sqfs>
};
IMAGE(zstd4k_bytes)
#embed <zstd4k.sqfs>
};
IMAGE(gzip_bytes)
#embed <gzip.sqfs>
};
IMAGE(gzip1m_bytes)
#embed <gzip1m.sqfs>
};
IMAGE(lz4_bytes)
#embed <lz4.sqfs>
};
IMAGE(lz4hc_bytes)
#embed <lz4hc.sqfs>
};
IMAGE(stored_bytes)
#embed <stored.sqfs>
};
IMAGE(over_bytes)
#embed <over.sqfs>
};
IMAGE(xz_bytes)
#embed <xz.sqfs>
};
#define OF(name) { #name, name##_bytes, sizeof name##_bytes }
/* All of the same tree. */
static const struct image images[] = { OF(zstd), OF(zstd4k), OF(gzip), OF(gzip1m), OF(lz4), OF(lz4hc), OF(stored) };
static const struct image zstd = OF(zstd), over = OF(over), xz = OF(xz);

#define MOUNT "/squash"

/* The image becomes a store of the host. */
static void image_put(const char *store, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE) {
		static uint8_t block[PAGE_SIZE];
		size_t n = min(size - at, (size_t)PAGE_SIZE);

		memset(block, 0, sizeof block);
		memcpy(block, bytes + at, n);
		test_store_put(store, (uint32_t)(at / PAGE_SIZE), block);
	}
}

static void begin(void)
{
	vfs_begin();
	make_dir(MOUNT, 0755);
	sys_umount2(U(MOUNT), 0);
	test_stores_reset();
}

static int mount_image(const struct image *i)
{
	image_put("image", i->bytes, i->size);
	return vfs_mount(current_process, "image", MOUNT, "squashfs", 0, "");
}

static int mount_layers(const char *options)
{
	image_put("packages.zstd", zstd.bytes, zstd.size);
	image_put("packages.over", over.bytes, over.size);
	return vfs_mount(current_process, "packages", MOUNT, "pkgfs", 0, options);
}

/* `n` bytes of a file at `pos`, NUL-terminated; or what error there was. */
static const char *part_of(const char *path, int64_t pos, size_t n)
{
	static char text[256];
	int err;
	struct file *f = vfs_open(NULL, AT_FDCWD, path, O_RDONLY, 0, &err);
	int64_t got = f ? file_read_kernel(f, text, n, pos) : err;

	if (f)
		file_put(f);
	if (got < 0)
		ksnprintf(text, sizeof text, "error %d", (int)-got);
	else
		text[got] = 0;
	return text;
}

/* Is tree/big what `seq 1 40000` writes? */
static bool big_is_right(void)
{
	static char data[240000];
	size_t at = 0;
	int err;
	struct file *f = vfs_open(NULL, AT_FDCWD, MOUNT "/big", O_RDONLY, 0, &err);
	int64_t n = f ? file_read_kernel(f, data, sizeof data, 0) : err;

	if (f)
		file_put(f);
	for (int i = 1; i <= 40000; i++) {
		char line[16];
		int length = ksnprintf(line, sizeof line, "%d\n", i);

		if ((int64_t)at + length > n || memcmp(data + at, line, (size_t)length) != 0)
			return false;
		at += (size_t)length;
	}
	return (int64_t)at == n;
}

/* One image's every kind of file. */
static void check_tree(const struct image *i)
{
	struct abi_stat st, hard;
	static char long_name[300] = MOUNT "/";

	begin();
	EXPECT_EQ(mount_image(i), 0);
	EXPECT_STR(get_file(MOUNT "/hello"), "hello\n");
	EXPECT_STR(get_file(MOUNT "/dir/sub/below"), "below\n");
	EXPECT_STR(get_file(MOUNT "/link"), "below\n");
	EXPECT_STR(get_file(MOUNT "/empty"), "");
	EXPECT(big_is_right());
	EXPECT_STR(part_of(MOUNT "/big", 131070, 8), "23697\n23");
	EXPECT_STR(part_of(MOUNT "/sparse", 524286, 6), "");
	EXPECT_EQ(memcmp(part_of(MOUNT "/sparse", 524286, 10), "\0\0middle\0\0", 10), 0);
	EXPECT_STR(part_of(MOUNT "/sparse", 1048573, 100), "end");
	EXPECT_STR(part_of(MOUNT "/sparse", 1048576, 100), "");
	EXPECT_STR(part_of(MOUNT "/dir/as", 19997, 100), "aaa");
	EXPECT_EQ(stat_of(MOUNT "/exact", &st), 0);
	EXPECT_EQ(st.size, 65536);
	EXPECT_EQ(strlen(part_of(MOUNT "/exact", 65436, 200)), 100);
	EXPECT_EQ(stat_of(MOUNT "/hello", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 0640);
	EXPECT_EQ(st.nlink, 2);
	EXPECT_EQ(st.mtime.sec, 1767225600);
	EXPECT_EQ(stat_of(MOUNT "/dir/hard", &hard), 0);
	EXPECT_EQ(hard.ino, st.ino);
	EXPECT_EQ(stat_of(MOUNT "/dir/as", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 04755);
	EXPECT_EQ(stat_of(MOUNT "/fifo", &st), 0);
	EXPECT_EQ(st.mode & S_IFMT, S_IFIFO);
	memset(long_name + sizeof(MOUNT), '0', 254);
	long_name[sizeof(MOUNT) + 254] = '7';
	EXPECT_STR(get_file(long_name), "x");
	/* A directory long enough for an index. */
	EXPECT_STR(get_file(MOUNT "/many/file0000"), "0\n");
	EXPECT_STR(get_file(MOUNT "/many/file0350"), "350\n");
	EXPECT_STR(get_file(MOUNT "/many/file0699"), "699\n");
	EXPECT_EQ(stat_of(MOUNT "/many/file0700", &st), -ENOENT);
	EXPECT_EQ(stat_of(MOUNT "/many/file", &st), -ENOENT);
	EXPECT_EQ(stat_of(MOUNT "/many/zzz", &st), -ENOENT);
	EXPECT_EQ(strlen(list_dir(MOUNT "/many")), 700 * strlen("file0000 ") - 1);
	/* Nothing can be changed. */
	EXPECT_EQ(open_at(MOUNT "/hello", O_WRONLY, 0), -EROFS);
	EXPECT_EQ(open_at(MOUNT "/new", O_WRONLY | O_CREAT, 0644), -EROFS);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/hello"), 0), -EROFS);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("squashfs: zstd")
{
	check_tree(&images[0]);
}
TEST("squashfs: zstd with blocks of 4 KiB")
{
	check_tree(&images[1]);
}
TEST("squashfs: gzip")
{
	check_tree(&images[2]);
}
TEST("squashfs: gzip with blocks of 1 MiB and everything in fragments")
{
	check_tree(&images[3]);
}
TEST("squashfs: lz4")
{
	check_tree(&images[4]);
}
TEST("squashfs: lz4 at its best, without fragments")
{
	check_tree(&images[5]);
}
TEST("squashfs: nothing compressed")
{
	check_tree(&images[6]);
}

TEST("squashfs: a device has its number")
{
	struct abi_stat st;

	begin();
	EXPECT_EQ(mount_image(&zstd), 0);
	EXPECT_EQ(stat_of(MOUNT "/null", &st), 0);
	EXPECT_EQ(st.mode, S_IFCHR | 0666);
	EXPECT_EQ(st.rdev, makedev(1, 3));
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("squashfs: what is no image, is cut short, or of a compression we don't have, is not mounted")
{
	begin();
	image_put("cut", (const uint8_t *)"no image at all", 15);
	EXPECT_EQ(vfs_mount(current_process, "cut", MOUNT, "squashfs", 0, ""), -EINVAL);
	image_put("cut", zstd.bytes, zstd.size / 2);
	EXPECT_EQ(vfs_mount(current_process, "cut", MOUNT, "squashfs", 0, ""), -EINVAL);
	image_put("cut", xz.bytes, xz.size);
	EXPECT_EQ(vfs_mount(current_process, "cut", MOUNT, "squashfs", 0, ""), -EINVAL);
	EXPECT_EQ(vfs_mount(current_process, "/nowhere", MOUNT, "squashfs", 0, ""), -ENOENT);
	EXPECT_EQ(vfs_mount(current_process, "image", MOUNT, "squashfs", 0, "bad"), -EINVAL);
}

TEST("squashfs: an image with wrong bytes anywhere gives errors, and takes nothing else along")
{
	static uint8_t copy[sizeof zstd4k_bytes];
	uint32_t seed = 1;

	begin();
	for (int round = 0; round < 60; round++) {
		struct abi_stat st;

		memcpy(copy, zstd4k_bytes, sizeof copy);
		for (int i = 0; i < 20; i++) {
			seed = seed * 1664525 + 1013904223;
			copy[96 + seed % (sizeof copy - 96)] ^= (uint8_t)(seed >> 24 | 1);
		}
		image_put("image", copy, sizeof copy);
		if (vfs_mount(current_process, "image", MOUNT, "squashfs", 0, "") < 0)
			continue;
		stat_of(MOUNT "/dir/sub/below", &st);
		list_dir(MOUNT "/many");
		part_of(MOUNT "/big", 200000, 100);
		part_of(MOUNT "/many/file0699", 0, 100);
		part_of(MOUNT "/link", 0, 100);
		test_user_reset();
		EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	}
}

/* ---- layers ---- */

TEST("pkgfs: the first layer that has a name wins, and directories show what all have")
{
	begin();
	EXPECT_EQ(mount_layers("image=over,image=zstd"), 0);
	EXPECT_STR(get_file(MOUNT "/hello"), "over\n");
	EXPECT_STR(get_file(MOUNT "/dir/new"), "new\n");
	EXPECT_STR(get_file(MOUNT "/dir/hard"), "hello\n");
	EXPECT_STR(get_file(MOUNT "/dir/sub/below"), "below\n");
	EXPECT_STR(get_file(MOUNT "/only/file"), "only\n");
	EXPECT_STR(list_dir(MOUNT "/dir"), "as hard new sub");
	/* What is something else in the first layer hides the directory below. */
	EXPECT_STR(part_of(MOUNT "/many/file0000", 0, 10), "error 2");
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	EXPECT_EQ(mount_layers("image=zstd,image=over"), 0);
	EXPECT_STR(get_file(MOUNT "/hello"), "hello\n");
	EXPECT_STR(get_file(MOUNT "/dir/new"), "new\n");
	EXPECT_STR(get_file(MOUNT "/many/file0001"), "1\n");
	EXPECT_STR(list_dir(MOUNT "/dir"), "as hard new sub");
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	EXPECT_EQ(vfs_mount(current_process, "any", MOUNT, "pkgfs", 0, "ro,store=packages,image=over"), 0);
	EXPECT_STR(get_file(MOUNT "/hello"), "over\n");
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("pkgfs: an image is opened when a name is wanted that only it can have")
{
	struct abi_stat st;

	begin();
	/* The second and third are no images: that shows only when they are needed. */
	EXPECT_EQ(mount_layers("image=zstd,image=gone,image=away:lib/only:hello/x"), 0);
	EXPECT_EQ(stat_of(MOUNT, &st), 0);
	EXPECT_STR(get_file(MOUNT "/hello"), "hello\n");
	EXPECT_STR(get_file(MOUNT "/dir/sub/below"), "below\n");
	EXPECT_EQ(stat_of(MOUNT "/nothing", &st), -EINVAL);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	EXPECT_EQ(mount_layers("image=zstd,image=away:lib/only"), 0);
	EXPECT_EQ(stat_of(MOUNT "/nothing", &st), -ENOENT);
	EXPECT_EQ(stat_of(MOUNT "/libs", &st), -ENOENT);
	EXPECT_EQ(stat_of(MOUNT "/dir/only", &st), -ENOENT);
	EXPECT_STR(list_dir(MOUNT "/dir"), "as hard sub");
	/* Now somebody wants what could be in it. */
	EXPECT_EQ(stat_of(MOUNT "/lib", &st), -EINVAL);
	image_put("packages.away", over.bytes, over.size);
	EXPECT_EQ(stat_of(MOUNT "/lib", &st), -ENOENT);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("pkgfs: layers are asked for the paths they are for, and for those above and below")
{
	begin();
	EXPECT_EQ(mount_layers("image=over:only:dir/new,image=zstd:dir/sub:hello"), 0);
	EXPECT_STR(get_file(MOUNT "/only/file"), "only\n");
	EXPECT_STR(get_file(MOUNT "/dir/new"), "new\n");
	EXPECT_STR(get_file(MOUNT "/dir/sub/below"), "below\n");
	EXPECT_STR(get_file(MOUNT "/hello"), "hello\n");
	EXPECT_STR(part_of(MOUNT "/big", 0, 10), "error 2");
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("pkgfs: a directory is read in pieces, from where it was left, and again")
{
	struct file *f;
	int err;
	struct abi_stat st;
	int first, second;

	begin();
	EXPECT_EQ(mount_layers("image=zstd,image=over"), 0);
	EXPECT((f = vfs_open(current_process, AT_FDCWD, MOUNT "/many", O_RDONLY | O_DIRECTORY, 0, &err)));
	EXPECT((first = fd_install(current_process->files, f, 0, false)) >= 0);
	second = 0;
	for (int n; (n = sys_getdents64(first, test_user(1000), 1000)) > 0; second++)
		EXPECT(second < 100);
	EXPECT(second > 15);
	EXPECT_EQ(sys_lseek(first, 0, SEEK_SET), 0);
	EXPECT(sys_getdents64(first, test_user(1000), 1000) > 0);
	EXPECT_EQ(sys_close(first), 0);
	EXPECT_EQ(stat_of(MOUNT "/many", &st), 0);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

TEST("pkgfs: options that make no sense are refused")
{
	begin();
	EXPECT_EQ(mount_layers(""), -EINVAL);
	EXPECT_EQ(mount_layers("ro"), -EINVAL);
	EXPECT_EQ(mount_layers("image="), -EINVAL);
	EXPECT_EQ(mount_layers("image=:a"), -EINVAL);
	EXPECT_EQ(mount_layers("store=,image=a"), -EINVAL);
	EXPECT_EQ(mount_layers("image=zstd,bad"), -EINVAL);
}

static int supervisor_result;

static void look_as_supervisor(void)
{
	struct path at;

	supervisor_result = path_lookup(NULL, AT_FDCWD, MOUNT "/hello", 0, &at);
}

TEST("pkgfs: the supervisor, which runs the drivers, does not wait for one")
{
	NEEDS_THREADS(); /* else the test is the supervisor, and has a task */
	begin();
	EXPECT_EQ(mount_layers("image=zstd"), 0);
	test_as_supervisor(look_as_supervisor);
	EXPECT_EQ(supervisor_result, -EAGAIN);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

static void read_all(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5; i++) {
		if (!big_is_right())
			panic("big is not right");
		part_of(MOUNT "/dir/as", 100, 50);
	}
}

TEST("squashfs: an image in a file")
{
	struct file *f;
	int err;

	NEEDS_THREADS(); /* a worker reads the file */
	begin();
	f = vfs_open(NULL, AT_FDCWD, "/image", O_WRONLY | O_CREAT | O_TRUNC, 0644, &err);
	EXPECT(f);
	EXPECT_EQ(file_write_kernel(f, zstd.bytes, zstd.size, 0), zstd.size);
	file_put(f);
	EXPECT_EQ(vfs_mount(current_process, "/image", MOUNT, "squashfs", 0, ""), 0);
	EXPECT_STR(get_file(MOUNT "/dir/sub/below"), "below\n");
	EXPECT(big_is_right());
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U("/image"), 0), 0);
}

TEST("squashfs: two read the same image at once")
{
	struct test_thread *t;
	struct abi_stat st;

	NEEDS_THREADS();
	begin();
	EXPECT_EQ(mount_image(&zstd), 0);
	t = test_thread(read_all, NULL);
	for (int i = 0; i < 700; i += 7) {
		char path[64];

		ksnprintf(path, sizeof path, MOUNT "/many/file%d%d%d%d", i / 1000, i / 100 % 10, i / 10 % 10, i % 10);
		EXPECT_EQ(stat_of(path, &st), 0);
		test_user_reset();
	}
	test_join(t);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
}

/* ---- decompression ---- */

TEST("decompress: input that is cut short or too much for the room gives EIO")
{
	static const uint8_t stored[] = { 0x78, 0x01, 1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c', 0x02, 0x4d, 0x01, 0x27 };
	static const uint8_t lz4[] = { 0x14, 'a', 1, 0, 0x50, 'b', 'c', 'd', 'e', 'f' };
	char out[32];

	EXPECT_EQ(inflate_zlib(out, sizeof out, stored, sizeof stored), 3);
	EXPECT_EQ(memcmp(out, "abc", 3), 0);
	EXPECT_EQ(inflate_zlib(out, 2, stored, sizeof stored), -EIO);
	for (size_t n = 0; n < sizeof stored; n++)
		EXPECT_EQ(inflate_zlib(out, sizeof out, stored, n), -EIO);
	EXPECT_EQ(lz4_block(out, sizeof out, lz4, sizeof lz4), 14);
	EXPECT_EQ(memcmp(out, "aaaaaaaaabcdef", 14), 0);
	EXPECT_EQ(lz4_block(out, 13, lz4, sizeof lz4), -EIO);
	for (size_t n = 0; n < sizeof lz4; n++)
		EXPECT(n == 2 || lz4_block(out, sizeof out, lz4, n) == -EIO);
	EXPECT_EQ(zstd_frame(out, sizeof out, "(\xb5/\xfd", 4), -EIO);
	EXPECT_EQ(zstd_frame(out, sizeof out, "", 0), -EIO);
}
