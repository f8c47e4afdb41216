/*
 * ext2 on a store in memory: what programs see of it, and what e2fsck does.
 */
#include "vfs_test.h"

#include "../../kernel-c/fs/ext2.h"
#include "../../kernel-c/lib/alloc.h"
#include "../store.h"

#define AT "/tmp/t/m"
#define SEEK_DATA_ 3

/* Mount `store` on AT, which is made. */
static int mount_it(const char *store, const char *options)
{
	make_dir(AT, 0755);
	return vfs_mount(current_process, store, AT, "ext2", 0, options);
}

static int unmount(void)
{
	return sys_umount2(U(AT), 0);
}

/* A fresh filesystem, mounted. */
static int begin(const char *options)
{
	test_stores_reset();
	vfs_begin();
	return mount_it("home", options);
}

static int fsync_path(const char *path)
{
	int fd = open_at(path, O_RDONLY, 0), err = sys_fsync(fd);

	sys_close(fd);
	return err;
}

TEST("ext2: an empty store is formatted, and e2fsck finds nothing to fix")
{
	EXPECT_EQ(begin(""), 0);
	EXPECT_STR(list_dir(AT), "lost+found");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: files and directories are there after mounting again")
{
	struct abi_stat st;

	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(put_file(AT "/hello", "hello, world"), 0);
	EXPECT_EQ(make_dir(AT "/dir", 0750), 0);
	EXPECT_EQ(put_file(AT "/dir/inner", "inside"), 0);
	EXPECT_EQ(sys_symlinkat(U("hello"), AT_FDCWD, U(AT "/link")), 0);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U(AT "/hello"), AT_FDCWD, U(AT "/hard"), 0), 0);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
	EXPECT_EQ(mount_it("home", ""), 0);
	EXPECT_STR(get_file(AT "/hello"), "hello, world");
	EXPECT_STR(get_file(AT "/dir/inner"), "inside");
	EXPECT_STR(get_file(AT "/link"), "hello, world");
	EXPECT_EQ(stat_of(AT "/hard", &st), 0);
	EXPECT_EQ(st.nlink, 2);
	EXPECT_EQ(stat_of(AT "/dir", &st), 0);
	EXPECT_EQ(st.mode, S_IFDIR | 0750);
	EXPECT_EQ(unmount(), 0);
}

/* A pattern for byte i of a file. */
static char pattern(uint32_t i)
{
	return (char)(i * 2654435761u >> 13);
}

TEST("ext2: a large file with single, double and triple indirect blocks and holes")
{
	static const int64_t places[] = { 0, 40000, 5 << 20, 4300ll << 20 };
	uaddr data = test_user(100000);
	struct abi_stat st;
	int fd;

	EXPECT_EQ(begin(""), 0);
	fd = open_at(AT "/large", O_RDWR | O_CREAT, 0644);
	EXPECT(fd >= 0);
	for (uint32_t i = 0; i < 100000; i++)
		((char *)test_user_at(data))[i] = pattern(i);
	for (unsigned i = 0; i < countof(places); i++)
		EXPECT_EQ(sys_pwrite(fd, data, 100000, places[i]), 100000);
	EXPECT_EQ(sys_fsync(fd), 0);
	EXPECT_EQ(sys_lseek(fd, 6 << 20, 3), 4300ll << 20);
	EXPECT_EQ(sys_lseek(fd, 0, 4), round_up(140000, 4096));
	sys_close(fd);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
	EXPECT_EQ(mount_it("home", ""), 0);
	fd = open_at(AT "/large", O_RDWR, 0);
	for (unsigned i = 1; i < countof(places); i++) {
		memset(test_user_at(data), 0, 100000);
		EXPECT_EQ(sys_pread(fd, data, 100000, places[i]), 100000);
		for (uint32_t k = 0; k < 100000; k++)
			if (((char *)test_user_at(data))[k] != pattern(k))
				EXPECT_EQ(k, UINT32_MAX);
	}
	EXPECT_EQ(sys_ftruncate(fd, 45000), 0);
	EXPECT_EQ(sys_fsync(fd), 0);
	EXPECT_EQ(stat_of(AT "/large", &st), 0);
	EXPECT_EQ(st.blocks, 11 * 8);
	EXPECT_EQ(test_fsck("home"), 0);
	sys_close(fd);
	EXPECT_EQ(unmount(), 0);
}

TEST("ext2: a directory of thousands of names")
{
	char name[64];
	struct abi_stat st;

	EXPECT_EQ(begin(""), 0);
	for (int i = 0; i < 2000; i++) {
		ksnprintf(name, sizeof name, AT "/a-file-with-a-rather-long-name-%d", i);
		EXPECT_EQ(sys_mknodat(AT_FDCWD, U(name), S_IFREG | 0644, 0), 0);
		test_user_reset();
	}
	for (int i = 0; i < 2000; i += 2) {
		ksnprintf(name, sizeof name, AT "/a-file-with-a-rather-long-name-%d", i);
		EXPECT_EQ(vfs_unlink(current_process, AT_FDCWD, name, false), 0);
	}
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
	EXPECT_EQ(mount_it("home", ""), 0);
	for (int i = 0; i < 2000; i++) {
		ksnprintf(name, sizeof name, AT "/a-file-with-a-rather-long-name-%d", i);
		EXPECT_EQ(stat_of(name, &st), i % 2 ? 0 : -ENOENT);
		test_user_reset();
	}
	EXPECT_EQ(unmount(), 0);
}

TEST("ext2: an unlinked file lives while it is open, and its blocks come back")
{
	struct abi_statfs before, after;
	int fd;

	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(superblock_statfs(root_path.mount->sb, 0, &before), 0);
	fd = open_at(AT "/gone", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(write_text(fd, "still here"), 10);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(AT "/gone"), 0), 0);
	EXPECT_EQ(sys_fsync(fd), 0);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_SET), 0);
	/* a crash now: the next mount frees it */
	test_store_copy("home", "crashed");
	make_dir("/tmp/t/c", 0755);
	EXPECT_EQ(vfs_mount(current_process, "crashed", "/tmp/t/c", "ext2", 0, ""), 0);
	EXPECT_EQ(sys_umount2(U("/tmp/t/c"), 0), 0);
	EXPECT_EQ(test_fsck("crashed"), 0);
	sys_close(fd);
	EXPECT_EQ(sys_statfs(U(AT), test_user(sizeof after)), 0);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: rename over a file, of directories between parents, and exchange")
{
	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(put_file(AT "/a", "a"), 0);
	EXPECT_EQ(put_file(AT "/b", "b"), 0);
	EXPECT_EQ(rename_to(AT "/a", AT "/b", 0), 0);
	EXPECT_STR(get_file(AT "/b"), "a");
	EXPECT_EQ(make_dir(AT "/d1", 0755), 0);
	EXPECT_EQ(make_dir(AT "/d2", 0755), 0);
	EXPECT_EQ(make_dir(AT "/d1/sub", 0755), 0);
	EXPECT_EQ(put_file(AT "/d1/sub/f", "f"), 0);
	EXPECT_EQ(rename_to(AT "/d1/sub", AT "/d2/moved", 0), 0);
	EXPECT_STR(get_file(AT "/d2/moved/f"), "f");
	EXPECT_EQ(rename_to(AT "/d2/moved", AT "/b", RENAME_EXCHANGE), 0);
	EXPECT_STR(get_file(AT "/b/f"), "f");
	EXPECT_STR(get_file(AT "/d2/moved"), "a");
	EXPECT_EQ(rename_to(AT "/b", AT "/d1", 0), 0);
	EXPECT_STR(get_file(AT "/d1/f"), "f");
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(AT "/d1"), AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: it grows by groups as far as allowed, then writes fail with ENOSPC")
{
	uaddr data = test_user(1 << 20);
	int fd, n = 0, written;

	NEEDS_THREADS(); /* it is alone there, and its 200 MiB are in memory three times */
	EXPECT_EQ(begin("size=16m,limit=200m"), 0);
	fd = open_at(AT "/fill", O_RDWR | O_CREAT, 0644);
	while ((written = sys_write(fd, data, 1 << 20)) == 1 << 20)
		n++;
	EXPECT(written == -ENOSPC || (written > 0 && sys_write(fd, data, 4096) == -ENOSPC));
	EXPECT(n > 180 && n < 200);
	EXPECT_EQ(sys_fsync(fd), 0);
	EXPECT_EQ(test_fsck("home"), 0);
	EXPECT_EQ(sys_ftruncate(fd, 0), 0);
	EXPECT_EQ(sys_write(fd, data, 1 << 20), 1 << 20);
	sys_close(fd);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: a store that fails gives the error to fsync, and nothing is lost")
{
	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(put_file(AT "/f", "first"), 0);
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	test_store_fail("home", 0, -EIO);
	EXPECT_EQ(put_file(AT "/f", "second"), 0);
	EXPECT_EQ(fsync_path(AT "/f"), -EIO);
	EXPECT_EQ(fsync_path(AT "/f"), -EIO);
	EXPECT_STR(get_file(AT "/f"), "second");
	test_store_fail("home", 0, 0);
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	test_store_copy("home", "crashed");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(mount_it("crashed", ""), 0);
	EXPECT_STR(get_file(AT "/f"), "second");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("crashed"), 0);
}

/* Write pieces of 64 KiB until there is no room: how many fit, or -1 if it ends otherwise. */
static int fill(const char *path)
{
	uaddr data = test_user(65536);
	int fd = open_at(path, O_WRONLY | O_CREAT | O_APPEND, 0644), n = 0, written;

	memset(test_user_at(data), 'f', 65536);
	while ((written = sys_write(fd, data, 65536)) > 0)
		n += written == 65536;
	if (written != -ENOSPC || sys_fsync(fd) != 0)
		n = -1;
	sys_close(fd);
	return n;
}

TEST("ext2: when the store can hold less than it said, writes fail before data is taken")
{
	struct abi_stat st;
	int n;

	NEEDS_THREADS(); /* it asks while it goes on */
	test_stores_reset();
	vfs_begin();
	test_store_capacity("home", 16384);
	EXPECT_EQ(mount_it("home", ""), 0);
	EXPECT_EQ(put_file(AT "/f", "first"), 0);
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	test_store_capacity("home", 4096 + 512); /* others have taken the rest */
	n = fill(AT "/fill");
	EXPECT(n > 230);
	EXPECT(n < (4096 + 512) / 16);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U(AT "/f"), AT_FDCWD, U(AT "/g"), 0), 0);
	EXPECT_EQ(put_file(AT "/f", "other"), 0); /* where it was */
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	test_store_capacity("home", 1024); /* less than it holds */
	EXPECT_EQ(fill(AT "/more"), 0);
	EXPECT_EQ(stat_of(AT "/fill", &st), 0);
	EXPECT(st.size >= n * 65536ll);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(AT "/fill"), 0), 0);
	test_store_capacity("home", 8192);
	EXPECT(fill(AT "/more") > n);
	EXPECT_STR(get_file(AT "/f"), "other");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: while a flush does not fit nothing more is taken, and nothing is lost")
{
	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(put_file(AT "/f", "first"), 0);
	EXPECT_EQ(put_file(AT "/old", "old"), 0);
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	test_store_fail("home", 0, -ENOSPC);
	EXPECT_EQ(put_file(AT "/g", "second"), 0);
	EXPECT_EQ(fsync_path(AT "/g"), -ENOSPC);
	EXPECT_EQ(put_file(AT "/h", "third"), -ENOSPC);
	EXPECT_STR(get_file(AT "/g"), "second");
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(AT "/old"), 0), 0);
	test_store_fail("home", 0, 0);
	EXPECT_EQ(put_file(AT "/h", "third"), 0);
	EXPECT_EQ(fsync_path(AT "/h"), 0);
	test_store_copy("home", "crashed");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(mount_it("crashed", ""), 0);
	EXPECT_STR(get_file(AT "/f"), "first");
	EXPECT_STR(get_file(AT "/g"), "second");
	EXPECT_STR(get_file(AT "/h"), "third");
	EXPECT_STR(list_dir(AT), "lost+found f g h");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("crashed"), 0);
}

TEST("ext2: fsync of a file that was not changed needs no flush")
{
	unsigned before;

	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(put_file(AT "/f", "first"), 0);
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	before = test_store_flushes("home");
	EXPECT_EQ(fsync_path(AT "/f"), 0);
	EXPECT_EQ(test_store_flushes("home"), before);
	EXPECT_EQ(unmount(), 0);
}

TEST("ext2: punching a hole, and blocks for one")
{
	uaddr data = test_user(40960);
	struct abi_stat st;
	int fd;

	EXPECT_EQ(begin(""), 0);
	fd = open_at(AT "/f", O_RDWR | O_CREAT, 0644);
	memset(test_user_at(data), 'x', 40960);
	EXPECT_EQ(sys_write(fd, data, 40960), 40960);
	EXPECT_EQ(sys_fallocate(fd, 3, 5000, 20000), 0);
	EXPECT_EQ(stat_of(AT "/f", &st), 0);
	EXPECT_EQ(st.blocks, 6 * 8);
	EXPECT_EQ(sys_pread(fd, data, 40960, 0), 40960);
	EXPECT_EQ(((char *)test_user_at(data))[4999], 'x');
	EXPECT_EQ(((char *)test_user_at(data))[5000], 0);
	EXPECT_EQ(((char *)test_user_at(data))[24999], 0);
	EXPECT_EQ(((char *)test_user_at(data))[25000], 'x');
	EXPECT_EQ(sys_fallocate(fd, 0, 0, 100000), 0);
	EXPECT_EQ(stat_of(AT "/f", &st), 0);
	EXPECT_EQ(st.size, 100000);
	EXPECT_EQ(st.blocks, 26 * 8); /* and the indirect block */
	sys_close(fd);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: a long symbolic link, and attributes with nanoseconds")
{
	static char target[3000], back[3001];
	struct abi_timespec times[2] = { { 5000000000, 123456789, 0 }, { -5, 987654321, 0 } };
	struct abi_stat st;
	struct path p;

	EXPECT_EQ(begin(""), 0);
	memset(target, 'l', sizeof target - 1);
	EXPECT_EQ(vfs_symlink(current_process, target, AT_FDCWD, AT "/long"), 0);
	EXPECT_EQ(put_file(AT "/f", "x"), 0);
	EXPECT_EQ(path_lookup(current_process, AT_FDCWD, AT "/f", 0, &p), 0);
	EXPECT_EQ(vfs_utimes(current_process, &p, times), 0);
	EXPECT_EQ(vfs_chown(current_process, &p, 100000, 70000), 0);
	path_put(&p);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
	EXPECT_EQ(mount_it("home", ""), 0);
	EXPECT_EQ(path_lookup(current_process, AT_FDCWD, AT "/long", 0, &p), 0);
	EXPECT_EQ(p.dentry->inode->ops->readlink(p.dentry->inode, back, sizeof back), 2999);
	path_put(&p);
	EXPECT_STR(back, target);
	EXPECT_EQ(stat_of(AT "/f", &st), 0);
	EXPECT_EQ(st.atime.sec, 5000000000);
	EXPECT_EQ(st.atime.nsec, 123456789);
	EXPECT_EQ(st.mtime.sec, -5);
	EXPECT_EQ(st.mtime.nsec, 987654321);
	EXPECT_EQ(st.uid, 100000);
	EXPECT_EQ(st.gid, 70000);
	EXPECT_EQ(unmount(), 0);
}

TEST("ext2: an image in a file, on another ext2")
{
	int fd;

	NEEDS_THREADS();
	EXPECT_EQ(begin(""), 0);
	fd = open_at(AT "/image", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(sys_ftruncate(fd, 8 << 20), 0);
	sys_close(fd);
	make_dir("/tmp/t/l", 0755);
	EXPECT_EQ(vfs_mount(current_process, AT "/image", "/tmp/t/l", "ext2", 0, "loop"), -EINVAL);
	EXPECT_EQ(vfs_mount(current_process, AT "/image", "/tmp/t/l", "ext2", 0, "loop,format"), 0);
	EXPECT_EQ(put_file("/tmp/t/l/inner", "in the image"), 0);
	EXPECT_EQ(fsync_path("/tmp/t/l/inner"), 0);
	EXPECT_EQ(vfs_mount(current_process, AT "/image", "/tmp/t/l", "ext2", 0, "loop"), -EBUSY);
	EXPECT_EQ(unmount(), -EBUSY);
	EXPECT_EQ(sys_umount2(U("/tmp/t/l"), 0), 0);
	EXPECT_EQ(vfs_mount(current_process, AT "/image", "/tmp/t/l", "ext2", MS_RDONLY, ""), 0);
	EXPECT_STR(get_file("/tmp/t/l/inner"), "in the image");
	EXPECT_EQ(put_file("/tmp/t/l/inner", "more"), -EROFS);
	EXPECT_EQ(sys_umount2(U("/tmp/t/l"), 0), 0);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(vfs_mount(current_process, AT "/image", "/tmp/t/l", "ext2", 0, ""), 0);
		EXPECT_EQ(put_file("/tmp/t/l/inner", "again"), 0);
		EXPECT_EQ(sys_umount2(U("/tmp/t/l"), 0), 0);
		EXPECT_EQ(unmount(), 0); /* the loop device has been closed */
		EXPECT_EQ(mount_it("home", ""), 0);
	}
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

TEST("ext2: a device mounted twice is one filesystem, and a part bound elsewhere outlives its mount")
{
	EXPECT_EQ(begin(""), 0);
	EXPECT_EQ(make_dir(AT "/part", 0755), 0);
	EXPECT_EQ(put_file(AT "/part/f", "one"), 0);
	make_dir("/tmp/t/bound", 0755);
	make_dir("/tmp/t/second", 0755);
	EXPECT_EQ(vfs_mount(current_process, AT "/part", "/tmp/t/bound", "", MS_BIND, ""), 0);
	EXPECT_EQ(vfs_mount(current_process, "home", AT, "ext2", 0, ""), -EBUSY); /* it is there */
	EXPECT_EQ(unmount(), 0);
	EXPECT_STR(get_file("/tmp/t/bound/f"), "one");
	EXPECT_EQ(vfs_mount(current_process, "home", "/tmp/t/second", "ext2", MS_RDONLY, ""), -EBUSY);
	EXPECT_EQ(vfs_mount(current_process, "home", "/tmp/t/second", "ext2", 0, "format"), -EBUSY);
	EXPECT_EQ(mount_it("home", ""), 0);
	EXPECT_EQ(vfs_mount(current_process, "home", "/tmp/t/second", "ext2", 0, ""), 0);
	EXPECT_EQ(put_file("/tmp/t/second/part/f", "two"), 0);
	EXPECT_STR(get_file("/tmp/t/bound/f"), "two");
	EXPECT_STR(get_file(AT "/part/f"), "two");
	EXPECT_EQ(sys_umount2(U("/tmp/t/second"), 0), 0);
	EXPECT_EQ(sys_umount2(U("/tmp/t/bound"), 0), 0);
	EXPECT_STR(get_file(AT "/part/f"), "two");
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

static uint32_t threads_failed;

/* Files of its own, made, changed, moved and removed. */
static void busy(void *number)
{
	uint32_t me = (uint32_t)(uintptr_t)number;
	char name[64], other[64];

	for (uint32_t i = 0; i < 150; i++) {
		struct file *f;
		int err;

		ksnprintf(name, sizeof name, AT "/t%u-%u", me, i % 7);
		ksnprintf(other, sizeof other, AT "/t%u-%u", me, (i + 3) % 7);
		f = vfs_open(current_process, AT_FDCWD, name, O_RDWR | O_CREAT, 0644, &err);
		if (!f || file_write_kernel(f, name, sizeof name, (int64_t)i * 5000) != sizeof name ||
		    (i % 5 == 0 && f->ops->fsync(f, false) < 0))
			__atomic_add_fetch(&threads_failed, 1, __ATOMIC_RELAXED);
		if (f)
			file_put(f);
		if (i % 4 == 1)
			vfs_rename(current_process, AT_FDCWD, name, AT_FDCWD, other, 0);
		if (i % 6 == 5)
			vfs_unlink(current_process, AT_FDCWD, other, false);
	}
}

TEST("ext2: four tasks at once")
{
	struct test_thread *t[4];

	NEEDS_THREADS();
	EXPECT_EQ(begin(""), 0);
	threads_failed = 0;
	for (uintptr_t i = 0; i < countof(t); i++)
		t[i] = test_thread(busy, (void *)i);
	for (unsigned i = 0; i < countof(t); i++)
		test_join(t[i]);
	EXPECT_EQ(threads_failed, 0);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

/* meta_lock and icache_lock held: is an inode in memory whose number is free? */
static bool free_in_memory(struct ext2 *fs)
{
	for (unsigned i = 0; i < EXT2_ICACHE; i++) {
		struct ext2_node *node;

		list_for_each(node, &fs->buckets[i], bucket)
			if (ext2_inode_used(fs, (uint32_t)node->inode->ino) == 0)
				return true;
	}
	return false;
}

TEST("ext2: an inode whose number is free is in memory no more")
{
	struct ext2 *fs;
	struct file *f;
	int err, seen = 0, looked = 0;

	NEEDS_THREADS();
	EXPECT_EQ(begin(""), 0);
	for (unsigned i = 0; i < 300; i++) {
		f = vfs_open(current_process, AT_FDCWD, AT "/f", O_RDWR | O_CREAT | O_EXCL, 0600, &err);
		EXPECT(f != NULL);
		fs = ext2_of(f->inode);
		EXPECT_EQ(vfs_unlink(current_process, AT_FDCWD, AT "/f", false), 0);
		file_put(f);
		/* a worker takes it and frees it */
		for (unsigned spins = 0; ext2_has_doomed(fs) && spins < 10000000; spins++)
			;
		for (unsigned delay = i % 50 * 20; delay > 0; delay--)
			__atomic_load_n(&fs->ndoomed, __ATOMIC_ACQUIRE);
		lock(&fs->icache_lock); /* it can't get further than this now */
		for (unsigned n = 0; n < 5000; n++)
			if (mutex_try(&fs->meta_lock)) {
				looked++;
				seen += free_in_memory(fs);
				mutex_unlock(&fs->meta_lock);
			}
		unlock(&fs->icache_lock);
	}
	EXPECT(looked > 0);
	EXPECT_EQ(seen, 0);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}

/*
 * Files come and go, some of them removed while they are open, so that their
 * numbers are freed by whoever passes while others look for a free one.
 */
static void come_and_go(void *number)
{
	uint32_t me = (uint32_t)(uintptr_t)number;
	char name[64];

	for (uint32_t i = 0; i < 400; i++) {
		struct file *f;
		int err;

		ksnprintf(name, sizeof name, AT "/c%u-%u", me, i % 3);
		f = vfs_open(current_process, AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL, 0600 + me, &err);
		if (!f) {
			__atomic_store_n(&threads_failed, (uint32_t)-err, __ATOMIC_RELAXED);
			return;
		}
		if (i % 8 == 0 && f->ops->fsync(f, false) < 0)
			__atomic_store_n(&threads_failed, EIO, __ATOMIC_RELAXED);
		if (i % 2)
			file_put(f);
		if (vfs_unlink(current_process, AT_FDCWD, name, false) < 0)
			__atomic_store_n(&threads_failed, ENOENT, __ATOMIC_RELAXED);
		if (i % 2 == 0)
			file_put(f);
	}
}

TEST("ext2: a number that is free again has no inode in memory")
{
	struct test_thread *t[6];

	NEEDS_THREADS();
	EXPECT_EQ(begin(""), 0);
	threads_failed = 0;
	for (uintptr_t i = 0; i < countof(t); i++)
		t[i] = test_thread(come_and_go, (void *)i);
	for (unsigned i = 0; i < countof(t); i++)
		test_join(t[i]);
	EXPECT_EQ(threads_failed, 0);
	EXPECT_EQ(unmount(), 0);
	EXPECT_EQ(test_fsck("home"), 0);
}
