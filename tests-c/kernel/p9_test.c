/*
 * fs/p9*.c against the mock server: what works, and what a server can do wrong.
 */
#include "../p9_server.h"
#include "vfs_test.h"

#include "../../kernel-c/fs/p9_wire.h"

#define MOUNT "/p9" /* where no other test cleans up, should one of these fail */

static int mount_tree(const char *source, const char *options)
{
	return vfs_mount(current_process, source, MOUNT, "9p", 0, options);
}

static void begin_unmounted(void)
{
	vfs_begin();
	p9_server_reset();
	make_dir(MOUNT, 0755);
	sys_umount2(U(MOUNT), 0);
}

/* Tree 0 on MOUNT, with a file "a" that says "hello". */
static void begin(void)
{
	begin_unmounted();
	mount_tree("0", "");
	p9_server_put("a", "hello");
}

/* The mount goes, and with it every fid. */
#define END()                                            \
	do {                                             \
		p9_server_fault(0, P9_SOUND, 0);         \
		EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);  \
		EXPECT_SOON(p9_server_fids() == 0);      \
	} while (0)

static int read_error(const char *path)
{
	int fd = open_at(path, O_RDONLY, 0), n;

	if (fd < 0)
		return fd;
	n = sys_read(fd, test_user(100), 100);
	sys_close(fd);
	return n;
}

TEST("9p: mounting asks nothing of the server, and trees that are not there give ENODEV")
{
	struct abi_stat st;

	begin_unmounted();
	EXPECT_EQ(mount_tree("7", ""), 0);
	EXPECT_EQ(p9_server_count(0), 0);
	EXPECT_EQ(stat_of(MOUNT, &st), -ENODEV);
	EXPECT_EQ(stat_of(MOUNT "/a", &st), -ENODEV);
	EXPECT_EQ(open_at(MOUNT, O_RDONLY, 0), -ENODEV);
	EXPECT_EQ(sys_umount2(U(MOUNT), 0), 0);
	EXPECT_EQ(mount_tree("x", ""), -EINVAL);
	EXPECT_EQ(mount_tree("", ""), -EINVAL);
	EXPECT_EQ(mount_tree("99999999999999999999", ""), -EINVAL);
	EXPECT_EQ(mount_tree("0", "ro,bad"), -EINVAL);
}

static int supervisor_result;

static void look_as_supervisor(void)
{
	struct path at;

	supervisor_result = path_lookup(NULL, AT_FDCWD, MOUNT "/a", 0, &at);
}

TEST("9p: the supervisor, which answers, does not wait for an answer")
{
	struct inode *root;
	struct path at;

	NEEDS_THREADS(); /* else the test is the supervisor, and has a task */
	begin();
	EXPECT_EQ(path_lookup(current_process, AT_FDCWD, MOUNT, 0, &at), 0);
	root = at.dentry->inode;
	mutex_lock(&root->lock);
	test_as_supervisor(look_as_supervisor);
	mutex_unlock(&root->lock);
	path_put(&at);
	EXPECT_EQ(supervisor_result, -EAGAIN);
	END();
}

TEST("9p: files are made, written, read, appended to and cut")
{
	struct abi_stat st;
	int fd;

	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	EXPECT_EQ(put_file(MOUNT "/new", "some text"), 0);
	EXPECT_STR(get_file(MOUNT "/new"), "some text");
	EXPECT((fd = open_at(MOUNT "/new", O_WRONLY | O_APPEND, 0)) >= 0);
	p9_server_put("new", "longer on the host");
	EXPECT_EQ(write_text(fd, "!"), 1);
	EXPECT_EQ(sys_fsync(fd), 0);
	EXPECT_EQ(sys_ftruncate(fd, 6), 0);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_END), 6);
	sys_close(fd);
	EXPECT_STR(get_file(MOUNT "/new"), "longer");
	EXPECT_EQ(stat_of(MOUNT "/new", &st), 0);
	EXPECT_EQ(st.size, 6);
	END();
}

TEST("9p: a file made without permission to write is still written by who made it")
{
	struct abi_stat st;
	int fd;

	begin();
	EXPECT((fd = open_at(MOUNT "/ro", O_WRONLY | O_CREAT | O_EXCL, 0400)) >= 0);
	EXPECT_EQ(p9_server_count(P9_LOPEN), 0); /* the server would refuse it */
	EXPECT_EQ(write_text(fd, "x"), 1);
	sys_close(fd);
	sys_umask(0);
	EXPECT((fd = open_at(MOUNT "/wide", O_WRONLY | O_CREAT, 0666)) >= 0);
	sys_close(fd);
	EXPECT_EQ(stat_of(MOUNT "/wide", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 0666); /* whatever the server's umask is */
	END();
}

TEST("9p: more than one message holds goes in pieces")
{
	static char data[300000], back[300000];
	struct file *f;
	int err;

	begin();
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 7 + i / 1000);
	f = vfs_open(current_process, AT_FDCWD, MOUNT "/big", O_RDWR | O_CREAT, 0644, &err);
	EXPECT(f);
	EXPECT_EQ(file_write_kernel(f, data, sizeof data, 0), sizeof data);
	EXPECT_EQ(p9_server_count(P9_WRITE), 3);
	EXPECT_EQ(file_read_kernel(f, back, sizeof back, 0), sizeof back);
	EXPECT_EQ(memcmp(data, back, sizeof data), 0);
	EXPECT_EQ(file_read_kernel(f, back, sizeof back, 299990), 10);
	EXPECT_EQ(file_read_kernel(f, back, 10, 400000), 0);
	file_put(f);
	END();
}

TEST("9p: names are made, linked, moved and removed")
{
	struct abi_stat st;

	begin();
	EXPECT_EQ(make_dir(MOUNT "/d", 0700), 0);
	EXPECT_EQ(put_file(MOUNT "/d/f", "1"), 0);
	EXPECT_EQ(rename_to(MOUNT "/d", MOUNT "/e", 0), 0);
	EXPECT_STR(get_file(MOUNT "/e/f"), "1");
	EXPECT_EQ(rename_to(MOUNT "/e/f", MOUNT "/a", RENAME_NOREPLACE), -EEXIST);
	EXPECT_EQ(rename_to(MOUNT "/e/f", MOUNT "/a", RENAME_EXCHANGE), -EINVAL);
	EXPECT_EQ(rename_to(MOUNT "/e/f", MOUNT "/a", 0), 0);
	EXPECT_STR(get_file(MOUNT "/a"), "1");
	EXPECT_EQ(sys_symlinkat(U("/tmp/../etc"), AT_FDCWD, U(MOUNT "/s")), 0);
	EXPECT_EQ(sys_readlinkat(AT_FDCWD, U(MOUNT "/s"), test_user(64), 64), 11);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U(MOUNT "/a"), AT_FDCWD, U(MOUNT "/b"), 0), 0);
	EXPECT_EQ(stat_of(MOUNT "/b", &st), 0);
	EXPECT_EQ(st.nlink, 2);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/a"), 0), 0);
	EXPECT_STR(list_dir(MOUNT), "s e b");
	EXPECT_EQ(put_file(MOUNT "/e/x", ""), 0);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/e"), AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/e/x"), 0), 0);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/e"), AT_REMOVEDIR), 0);
	EXPECT_EQ(stat_of(MOUNT "/e", &st), -ENOENT);
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U(MOUNT "/ff"), S_IFIFO | 0600, 0), -EOPNOTSUPP);
	END();
}

TEST("9p: mode and times are stored, an owner the host does not allow is refused")
{
	struct abi_timespec t[2] = { { 77, 0, 0 }, { 88, 0, 0 } };
	struct abi_stat st;

	begin();
	EXPECT_EQ(sys_fchmodat(AT_FDCWD, U(MOUNT "/a"), 0604, 0), 0);
	EXPECT_EQ(sys_utimensat(AT_FDCWD, U(MOUNT "/a"), test_user_copy(t, sizeof t), 0), 0);
	EXPECT_EQ(stat_of(MOUNT "/a", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 0604);
	EXPECT_EQ(st.mtime.sec, 88);
	EXPECT_EQ(sys_fchownat(AT_FDCWD, U(MOUNT "/a"), 1000, 1000, 0), -EPERM);
	EXPECT_EQ(sys_fchownat(AT_FDCWD, U(MOUNT "/a"), 0, UINT32_MAX, 0), 0);
	EXPECT_EQ(stat_of(MOUNT "/a", &st), 0);
	EXPECT_EQ(st.uid, 0);
	END();
}

TEST("9p: what changes on the host is seen at once")
{
	struct abi_stat st;
	struct file *f;
	uint32_t version;
	int err;

	begin();
	EXPECT_EQ(stat_of(MOUNT "/later", &st), -ENOENT);
	p9_server_put("later", "now");
	EXPECT_STR(get_file(MOUNT "/later"), "now");
	f = vfs_open(current_process, AT_FDCWD, MOUNT "/later", O_RDONLY, 0, &err);
	version = f->inode->version;
	EXPECT_EQ(stat_of(MOUNT "/later", &st), 0);
	EXPECT_EQ(f->inode->version, version);
	p9_server_put("later", "then");
	EXPECT_EQ(stat_of(MOUNT "/later", &st), 0);
	EXPECT_EQ(st.size, 4);
	EXPECT(f->inode->version != version); /* a compiled module of it is no longer right */
	p9_server_remove("later");
	EXPECT_EQ(stat_of(MOUNT "/later", &st), -ENOENT);
	p9_server_put("later", "another");
	EXPECT_STR(get_file(MOUNT "/later"), "another");
	file_put(f);
	END();
}

TEST("9p: a directory of many entries is read whole, a page at a time")
{
	char name[40], path[80];
	int n = 0;

	begin();
	for (int i = 0; i < 50; i++) {
		ksnprintf(name, sizeof name, "a-name-that-is-rather-long-%d", i);
		ksnprintf(path, sizeof path, MOUNT "/%s", name);
		p9_server_put(name, "");
	}
	for (const char *p = list_dir(MOUNT); *p; p++)
		n += *p == ' ';
	EXPECT_EQ(n, 50); /* and "a" */
	END();
}

TEST("9p: a file that is removed while open can be used")
{
	struct abi_stat st;
	uaddr buf;
	int fd;

	begin();
	EXPECT((fd = open_at(MOUNT "/a", O_RDWR, 0)) >= 0);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/a"), 0), 0);
	EXPECT_EQ(write_text(fd, "HELLO there"), 11);
	buf = test_user(sizeof st);
	EXPECT_EQ(sys_fstatat(fd, 0, buf, AT_EMPTY_PATH), 0);
	memcpy(&st, test_user_at(buf), sizeof st);
	EXPECT_EQ(st.nlink, 0);
	EXPECT_EQ(st.size, 11);
	sys_close(fd);
	END();
}

TEST("9p: a read-only mount refuses changes without asking")
{
	int before;

	begin_unmounted();
	p9_server_put("a", "hello");
	EXPECT_EQ(mount_tree("0", "ro"), 0);
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	before = p9_server_count(P9_WRITE) + p9_server_count(P9_LCREATE) +
		 p9_server_count(P9_UNLINKAT);
	EXPECT_EQ(put_file(MOUNT "/a", "x"), -EROFS);
	EXPECT_EQ(put_file(MOUNT "/b", "x"), -EROFS);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(MOUNT "/a"), 0), -EROFS);
	EXPECT_EQ(p9_server_count(P9_WRITE) + p9_server_count(P9_LCREATE) +
			  p9_server_count(P9_UNLINKAT),
		  before);
	END();
}

TEST("9p: a tree mounted twice has one session")
{
	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	make_dir("/tmp/t/n", 0755);
	EXPECT_EQ(vfs_mount(current_process, "0", "/tmp/t/n", "9p", 0, ""), 0);
	EXPECT_STR(get_file("/tmp/t/n/a"), "hello");
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	EXPECT_EQ(sys_umount2(U("/tmp/t/n"), 0), 0);
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	END();
}

TEST("9p: the server's errors are the caller's, and those it can't mean are EIO")
{
	static const struct { int told, seen; } errors[] = {
		{ EACCES, -EACCES }, { EPERM, -EPERM }, { EIO, -EIO },
		{ 0, -EIO }, { 512, -EIO }, { 100000, -EIO }, { -1, -EIO },
	};

	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	for (unsigned i = 0; i < countof(errors); i++) {
		p9_server_fault(P9_LOPEN, P9_REFUSE, errors[i].told);
		EXPECT_EQ(read_error(MOUNT "/a"), errors[i].seen);
		p9_server_fault(P9_READ, P9_REFUSE, errors[i].told);
		EXPECT_EQ(read_error(MOUNT "/a"), errors[i].seen);
	}
	p9_server_fault(P9_READ, P9_DRIVER, EIO);
	EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
	END();
}

/* Use every kind of message once; whatever it gives, nothing may break. */
static void use_all(void)
{
	static const char *const paths[] = { MOUNT "/a", MOUNT "/link", MOUNT "/dir", MOUNT "/new" };
	struct abi_timespec t[2] = { { 1, 0, 0 }, { 2, 0, 0 } };
	struct abi_stat st;
	uaddr buf = test_user(4096);
	int fd;

	sys_symlinkat(U("a"), AT_FDCWD, U(MOUNT "/link"));
	make_dir(MOUNT "/dir", 0755);
	put_file(MOUNT "/new", "text");
	for (unsigned i = 0; i < countof(paths); i++) {
		stat_of(paths[i], &st);
		get_file(paths[i]);
		list_dir(paths[i]);
		sys_readlinkat(AT_FDCWD, U(paths[i]), buf, 4096);
		sys_utimensat(AT_FDCWD, U(paths[i]), test_user_copy(t, sizeof t), 0);
	}
	list_dir(MOUNT);
	sys_statfs(U(MOUNT), buf);
	if ((fd = open_at(MOUNT "/a", O_RDWR | O_APPEND, 0)) >= 0) {
		write_text(fd, "more");
		sys_fsync(fd);
		sys_ftruncate(fd, 5);
		sys_close(fd);
	}
	sys_linkat(AT_FDCWD, U(MOUNT "/a"), AT_FDCWD, U(MOUNT "/hard"), 0);
	rename_to(MOUNT "/hard", MOUNT "/moved", 0);
	sys_unlinkat(AT_FDCWD, U(MOUNT "/moved"), 0);
	sys_unlinkat(AT_FDCWD, U(MOUNT "/new"), 0);
	sys_unlinkat(AT_FDCWD, U(MOUNT "/link"), 0);
	sys_unlinkat(AT_FDCWD, U(MOUNT "/dir"), AT_REMOVEDIR);
	test_user_reset();
}

static const uint8_t types[] = {
	P9_STATFS, P9_LOPEN, P9_LCREATE, P9_SYMLINK, P9_READLINK, P9_GETATTR, P9_SETATTR,
	P9_READDIR, P9_FSYNC, P9_LINK, P9_MKDIR, P9_RENAMEAT, P9_UNLINKAT, P9_WALK, P9_READ,
	P9_WRITE,
};

static void use_all_spoilt(enum p9_fault fault, int value)
{
	for (unsigned i = 0; i < countof(types); i++) {
		p9_server_fault(types[i], fault, value);
		use_all();
		p9_server_fault(0, P9_SOUND, 0);
		p9_server_remove("moved");
		p9_server_put("a", "hello");
	}
}

TEST("9p: answers of another tag, type or length are EIO")
{
	static const enum p9_fault faults[] = { P9_TAG, P9_TYPE, P9_TOO_LONG };

	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	for (unsigned i = 0; i < countof(faults); i++)
		for (unsigned j = 0; j < countof(types); j++) {
			if (types[j] != P9_READ && types[j] != P9_LOPEN && types[j] != P9_WALK &&
			    types[j] != P9_GETATTR)
				continue;
			p9_server_fault(types[j], faults[i], 0);
			EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
		}
	p9_server_fault(0, P9_SOUND, 0);
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	for (unsigned i = 0; i < countof(faults); i++)
		use_all_spoilt(faults[i], 0);
	END();
}

TEST("9p: answers that end too early are EIO, wherever they end")
{
	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	for (int n = 0; n < 11; n++) {
		p9_server_fault(P9_READ, P9_TRUNCATE, n);
		EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
		p9_server_fault(P9_READ, P9_CUT, n);
		EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
	}
	for (int n = 0; n < 153; n += n < 16 ? 1 : 8) {
		p9_server_fault(P9_GETATTR, P9_TRUNCATE, n);
		EXPECT_EQ(read_error(MOUNT "/a"), n < 7 + 8 + 13 + 12 + 5 * 8 + 48 ? -EIO : 5);
		use_all_spoilt(P9_TRUNCATE, n);
	}
	p9_server_fault(0, P9_SOUND, 0);
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	END();
}

TEST("9p: garbled answers are EIO, whichever byte is wrong")
{
	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	p9_server_fault(P9_READ, P9_GARBLE, 0);
	EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
	p9_server_fault(P9_GETATTR, P9_GARBLE, 0);
	EXPECT_EQ(read_error(MOUNT "/a"), -EIO);
	use_all_spoilt(P9_GARBLE, 0);
	for (int n = 0; n < 60; n++)
		use_all_spoilt(P9_PATCH, n);
	p9_server_fault(0, P9_SOUND, 0);
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	END();
}

TEST("9p: who is killed does not wait, and what the server answers later leaks nothing")
{
	struct abi_stat st;

	begin();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	p9_server_fault(P9_WALK, P9_HOLD, 0);
	current->killed = true;
	EXPECT_EQ(stat_of(MOUNT "/a", &st), -EINTR);
	current->killed = false;
	EXPECT_SOON(p9_server_held() == 1);
	p9_server_release();
	EXPECT_STR(get_file(MOUNT "/a"), "hello");
	END();
}

static void look_in(void *arg)
{
	struct abi_stat st;

	current_process->fs = fs_context_new();
	for (int i = 0; i < 200; i++) {
		struct path at;

		if (path_lookup(current_process, AT_FDCWD, MOUNT "/d/a", 0, &at) < 0)
			continue;
		if (inode_stat(at.dentry->inode, &st) == 0 && st.size >= 0)
			__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
		path_put(&at);
	}
	fs_context_put(current_process->fs);
	current_process->fs = NULL;
}

TEST("9p: many at once, while names come and go")
{
	struct test_thread *t[3];
	int seen = 0;

	NEEDS_THREADS();
	begin();
	EXPECT_EQ(make_dir(MOUNT "/d", 0755), 0);
	for (unsigned i = 0; i < countof(t); i++)
		t[i] = test_thread(look_in, &seen);
	for (int i = 0; i < 100; i++) {
		put_file(MOUNT "/d/a", "text");
		rename_to(MOUNT "/d/a", MOUNT "/d/b", 0);
		rename_to(MOUNT "/d/b", MOUNT "/d/a", 0);
		if (i % 10 == 9)
			sys_unlinkat(AT_FDCWD, U(MOUNT "/d/a"), 0);
		test_user_reset();
	}
	for (unsigned i = 0; i < countof(t); i++)
		test_join(t[i]);
	EXPECT(seen > 0);
	END();
}
