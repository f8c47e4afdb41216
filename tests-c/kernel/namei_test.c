/*
 * Path walking, permission, links, rename, chroot and mounts.
 */
#include "vfs_test.h"

static int link_to(const char *target, const char *path)
{
	return sys_symlinkat(U(target), AT_FDCWD, U(path));
}

static int unlink_at(const char *path, uint32_t flags)
{
	return sys_unlinkat(AT_FDCWD, U(path), flags);
}

static const char *cwd(void)
{
	uaddr buffer = test_user(PATH_MAX);

	return sys_getcwd(buffer, PATH_MAX) < 0 ? "" : test_user_at(buffer);
}

TEST("namei: dots, slashes and missing parts")
{
	struct abi_stat st;

	vfs_begin();
	EXPECT_EQ(make_dir("a", 0755), 0);
	EXPECT_EQ(make_dir("a/b/", 0755), 0);
	EXPECT_EQ(put_file("a/b/f", "x"), 0);
	EXPECT_EQ(stat_of("a/./b/../b//f", &st), 0);
	EXPECT_EQ(st.size, 1);
	EXPECT_EQ(stat_of("/../../tmp/t/a/b/f", &st), 0);
	EXPECT_EQ(stat_of("a/b/f/", &st), -ENOTDIR);
	EXPECT_EQ(stat_of("a/b/f/.", &st), -ENOTDIR);
	EXPECT_EQ(stat_of("a/b/f/..", &st), -ENOTDIR);
	EXPECT_EQ(stat_of("a/x/../b", &st), -ENOENT);
	EXPECT_EQ(stat_of("", &st), -ENOENT);
	EXPECT_EQ(open_at("a/b/new/", O_CREAT | O_WRONLY, 0644), -EISDIR);
	EXPECT_EQ(make_dir("a/b", 0755), -EEXIST);
	EXPECT_EQ(make_dir("a/..", 0755), -EEXIST);
	EXPECT_EQ(make_dir("/", 0755), -EEXIST);
	EXPECT_EQ(unlink_at("a/.", AT_REMOVEDIR), -EINVAL);
	EXPECT_EQ(unlink_at("a/b/..", AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(unlink_at("/", AT_REMOVEDIR), -EBUSY);
	EXPECT_EQ(unlink_at("a/b", AT_REMOVEDIR), -ENOTEMPTY);
	EXPECT_EQ(unlink_at("a/b", 0), -EISDIR);
	EXPECT_EQ(unlink_at("a/b/f", AT_REMOVEDIR), -ENOTDIR);
	EXPECT_EQ(unlink_at("a/b/f/", 0), -ENOTDIR);
}

/* How many dentries there are. */
static int dentries(void)
{
	const char *s = get_file("/proc/slabinfo");
	int n = 0;

	while (strncmp(s, "dentry ", 7) != 0)
		s++;
	for (s += 7; *s == ' '; s++)
		;
	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + *s - '0';
	return n;
}

TEST("namei: a directory that is removed takes along what was looked for in it")
{
	struct abi_stat st;
	int before;

	vfs_begin();
	stat_of("once", &st);
	stat_of("other", &st);
	before = dentries();
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(make_dir("once", 0755), 0);
		EXPECT_EQ(stat_of("once/nothing", &st), -ENOENT);
		EXPECT_EQ(unlink_at("once", AT_REMOVEDIR), 0);
		EXPECT_EQ(make_dir("once", 0755), 0);
		EXPECT_EQ(make_dir("other", 0755), 0);
		EXPECT_EQ(stat_of("once/nothing", &st), -ENOENT);
		EXPECT_EQ(sys_renameat2(AT_FDCWD, U("other"), AT_FDCWD, U("once"), 0), 0);
		EXPECT_EQ(unlink_at("once", AT_REMOVEDIR), 0);
	}
	EXPECT(dentries() <= before + 2); /* and the two names that are not there any more */
}

TEST("namei: names of 255 bytes are allowed, of 256 not, nor paths of 4096")
{
	char name[300], path[PATH_MAX + 2];
	struct abi_stat st;

	vfs_begin();
	memset(name, 'n', sizeof name);
	name[NAME_MAX] = 0;
	EXPECT_EQ(put_file(name, "x"), 0);
	EXPECT_EQ(stat_of(name, &st), 0);
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = 0;
	EXPECT_EQ(put_file(name, "x"), -ENAMETOOLONG);
	memset(path, '/', sizeof path);
	path[PATH_MAX - 1] = 0;
	EXPECT_EQ(stat_of(path, &st), 0);
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = 0;
	EXPECT_EQ(stat_of(path, &st), -ENAMETOOLONG);
}

TEST("namei: symbolic links are followed, to SYMLOOP_MAX and not around")
{
	struct abi_stat st;
	char from[16], to[16];

	vfs_begin();
	EXPECT_EQ(make_dir("d", 0755), 0);
	EXPECT_EQ(put_file("d/f", "hello"), 0);
	EXPECT_EQ(link_to("d/f", "l"), 0);
	EXPECT_EQ(link_to("/tmp/t/d", "abs"), 0);
	EXPECT_STR(get_file("l"), "hello");
	EXPECT_STR(get_file("abs/f"), "hello");
	EXPECT_STR(get_file("abs/../l"), "hello");
	EXPECT_EQ(stat_of("l", &st), 0);
	EXPECT(S_ISLNK(st.mode));
	EXPECT_EQ(st.size, 3);
	EXPECT_EQ(stat_of("abs/", &st), 0);
	EXPECT(S_ISDIR(st.mode));
	EXPECT_EQ(stat_of("l/", &st), -ENOTDIR);
	EXPECT_EQ(link_to("loop2", "loop1"), 0);
	EXPECT_EQ(link_to("loop1", "loop2"), 0);
	EXPECT_EQ(open_at("loop1", O_RDONLY, 0), -ELOOP);
	EXPECT_EQ(put_file("c0", "end"), 0);
	for (int i = 1; i <= SYMLOOP_MAX + 1; i++) {
		ksnprintf(from, sizeof from, "c%d", i);
		ksnprintf(to, sizeof to, "c%d", i - 1);
		EXPECT_EQ(link_to(to, from), 0);
	}
	ksnprintf(from, sizeof from, "c%d", SYMLOOP_MAX);
	EXPECT_STR(get_file(from), "end");
	ksnprintf(from, sizeof from, "c%d", SYMLOOP_MAX + 1);
	EXPECT_EQ(open_at(from, O_RDONLY, 0), -ELOOP);
	EXPECT_EQ(link_to("", "empty"), -ENOENT);
}

TEST("namei: O_CREAT through a dangling link makes its target; O_EXCL and O_NOFOLLOW refuse")
{
	vfs_begin();
	EXPECT_EQ(link_to("target", "l"), 0);
	EXPECT_EQ(open_at("l", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(open_at("l", O_WRONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
	EXPECT_EQ(open_at("l", O_WRONLY | O_CREAT | O_NOFOLLOW, 0644), -ELOOP);
	EXPECT_EQ(put_file("l", "made"), 0);
	EXPECT_STR(get_file("target"), "made");
	EXPECT_EQ(open_at("target", O_WRONLY | O_CREAT | O_EXCL, 0644), -EEXIST);
	EXPECT_EQ(open_at("target", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	EXPECT_EQ(open_at(".", O_RDWR, 0), -EISDIR);
	EXPECT_EQ(open_at(".", O_RDONLY | O_CREAT, 0), -EISDIR);
	EXPECT_EQ(open_at("target", 3, 0), -EINVAL);
	EXPECT(open_at("l", O_PATH | O_NOFOLLOW, 0) >= 0);
}

TEST("namei: a link in the middle that makes the path longer than PATH_MAX still works")
{
	char target[PATH_MAX], path[PATH_MAX];
	size_t n = 0;

	vfs_begin();
	EXPECT_EQ(make_dir("d", 0755), 0);
	while (n < PATH_MAX - 4) {
		target[n++] = '.';
		target[n++] = '/';
	}
	target[n++] = 'd';
	target[n] = 0;
	EXPECT_EQ(link_to(target, "l"), 0);
	n = (size_t)ksnprintf(path, sizeof path, "l/");
	while (n < PATH_MAX - 4) {
		path[n++] = '.';
		path[n++] = '/';
	}
	path[n++] = 'f';
	path[n] = 0;
	EXPECT_EQ(put_file(path, "deep"), 0);
	EXPECT_STR(get_file("d/f"), "deep");
}

TEST("namei: *at calls begin at their descriptor")
{
	int dir, file;

	vfs_begin();
	EXPECT_EQ(make_dir("d", 0755), 0);
	EXPECT_EQ(put_file("d/f", "text"), 0);
	dir = open_at("d", O_RDONLY | O_DIRECTORY, 0);
	file = open_at("d/f", O_RDONLY, 0);
	EXPECT(dir >= 0 && file >= 0);
	EXPECT(sys_openat(dir, U("f"), O_RDONLY, 0) >= 0);
	EXPECT(sys_openat(dir, U("/tmp/t/d/f"), O_RDONLY, 0) >= 0);
	EXPECT_EQ(sys_openat(dir, U("g"), O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(sys_openat(file, U("f"), O_RDONLY, 0), -ENOTDIR);
	EXPECT_EQ(sys_openat(99, U("f"), O_RDONLY, 0), -EBADF);
	EXPECT(sys_openat(99, U("/tmp"), O_RDONLY, 0) >= 0);
	EXPECT_EQ(sys_fstatat(file, U(""), test_user(144), 0), -ENOENT);
	EXPECT_EQ(sys_fstatat(file, U(""), test_user(144), AT_EMPTY_PATH), 0);
	EXPECT_EQ(sys_fstatat(file, U(""), 3, AT_EMPTY_PATH), -EFAULT);
	EXPECT_EQ(sys_openat(AT_FDCWD, 16, O_RDONLY, 0), -EFAULT);
}

TEST("namei: search permission is needed all the way, write permission to change")
{
	vfs_begin();
	EXPECT_EQ(make_dir("d", 0700), 0);
	EXPECT_EQ(put_file("d/f", "x"), 0);
	EXPECT_EQ(put_file("readable", "x"), 0);
	become_user(1000, 1000);
	EXPECT_EQ(open_at("d/f", O_RDONLY, 0), -EACCES);
	EXPECT_EQ(open_at("d/none", O_RDONLY, 0), -EACCES);
	EXPECT_EQ(open_at("readable", O_WRONLY, 0), -EACCES);
	EXPECT_EQ(open_at("readable", O_RDONLY | O_TRUNC, 0), -EACCES);
	EXPECT(open_at("readable", O_RDONLY, 0) >= 0);
	EXPECT_EQ(put_file("new", "x"), -EACCES); /* /tmp/t is root's, 0755 */
	EXPECT_EQ(unlink_at("readable", 0), -EACCES);
	EXPECT_EQ(sys_faccessat(AT_FDCWD, U("readable"), R_OK, 0), 0);
	EXPECT_EQ(sys_faccessat(AT_FDCWD, U("readable"), X_OK, 0), -EACCES);
	EXPECT_EQ(sys_fchmodat(AT_FDCWD, U("readable"), 0777, 0), -EPERM);
	EXPECT_EQ(sys_fchownat(AT_FDCWD, U("readable"), 1000, 1000, 0), -EPERM);
	EXPECT_EQ(sys_chroot(U("/tmp")), -EPERM);
	become_user(0, 0);
	EXPECT_EQ(sys_faccessat(AT_FDCWD, U("readable"), X_OK, 0), -EACCES);
	EXPECT_EQ(open_at("d/f", O_RDWR, 0) >= 0, 1);
}

TEST("namei: in a sticky directory only owners remove")
{
	vfs_begin();
	EXPECT_EQ(make_dir("s", 0777), 0);
	EXPECT_EQ(sys_fchmodat(AT_FDCWD, U("s"), 01777, 0), 0);
	become_user(1000, 1000);
	EXPECT_EQ(put_file("s/mine", "x"), 0);
	become_user(1001, 1001);
	EXPECT_EQ(put_file("s/other", "x"), 0);
	EXPECT_EQ(unlink_at("s/mine", 0), -EPERM);
	EXPECT_EQ(rename_to("s/mine", "s/stolen", 0), -EPERM);
	EXPECT_EQ(rename_to("s/other", "s/mine", 0), -EPERM);
	EXPECT_EQ(unlink_at("s/other", 0), 0);
	become_user(1000, 1000);
	EXPECT_EQ(unlink_at("s/mine", 0), 0);
}

TEST("namei: umask, set-group-id directories and creation modes")
{
	struct abi_stat st;
	int fd;

	vfs_begin();
	EXPECT_EQ(sys_umask(027), 022);
	EXPECT_EQ(put_file("f", "x"), 0);
	EXPECT_EQ(stat_of("f", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 0640);
	EXPECT_EQ(make_dir("g", 0777), 0);
	EXPECT_EQ(sys_fchownat(AT_FDCWD, U("g"), 0, 50, 0), 0);
	EXPECT_EQ(sys_fchmodat(AT_FDCWD, U("g"), 02777, 0), 0);
	EXPECT_EQ(make_dir("g/sub", 0777), 0);
	EXPECT_EQ(stat_of("g/sub", &st), 0);
	EXPECT_EQ(st.mode, S_IFDIR | 02750);
	EXPECT_EQ(st.gid, 50);
	/* The mode does not bind the descriptor that makes the file. */
	become_user(1000, 1000);
	fd = open_at("g/ro", O_RDWR | O_CREAT, 0400);
	EXPECT(fd >= 0);
	EXPECT_EQ(write_text(fd, "x"), 1);
	EXPECT_EQ(open_at("g/ro", O_RDWR, 0), -EACCES);
}

TEST("namei: getcwd follows renames and fails when the directory is gone")
{
	vfs_begin();
	EXPECT_EQ(make_dir("a", 0755), 0);
	EXPECT_EQ(make_dir("a/a-name-longer-than-fits-into-a-dentry", 0755), 0);
	EXPECT_EQ(sys_chdir(U("a/a-name-longer-than-fits-into-a-dentry")), 0);
	EXPECT_STR(cwd(), "/tmp/t/a/a-name-longer-than-fits-into-a-dentry");
	EXPECT_EQ(rename_to("/tmp/t/a", "/tmp/t/another-name-longer-than-fits-there", 0), 0);
	EXPECT_STR(cwd(), "/tmp/t/another-name-longer-than-fits-there/a-name-longer-than-fits-into-a-dentry");
	EXPECT_EQ(sys_getcwd(test_user(8), 8), -ERANGE);
	EXPECT_EQ(sys_chdir(U("..")), 0);
	EXPECT_STR(cwd(), "/tmp/t/another-name-longer-than-fits-there");
	EXPECT_EQ(sys_chdir(U("a-name-longer-than-fits-into-a-dentry")), 0);
	EXPECT_EQ(unlink_at("../a-name-longer-than-fits-into-a-dentry", AT_REMOVEDIR), 0);
	EXPECT_EQ(sys_getcwd(test_user(PATH_MAX), PATH_MAX), -ENOENT);
	EXPECT_EQ(put_file("f", "x"), -ENOENT);
	EXPECT_EQ(make_dir("d", 0755), -ENOENT);
	EXPECT_EQ(sys_chdir(U("..")), 0);
	EXPECT_EQ(sys_chdir(U("nothing")), -ENOENT);
}

TEST("namei: chroot hides what is outside")
{
	struct abi_stat st, root;

	vfs_begin();
	EXPECT_EQ(make_dir("jail", 0755), 0);
	EXPECT_EQ(put_file("jail/inside", "x"), 0);
	EXPECT_EQ(link_to("/inside", "jail/l"), 0);
	EXPECT_EQ(sys_chroot(U("jail")), 0);
	EXPECT_EQ(sys_chdir(U("/")), 0);
	EXPECT_STR(get_file("/inside"), "x");
	EXPECT_STR(get_file("/l"), "x");
	EXPECT_EQ(stat_of("/../../..", &st), 0);
	EXPECT_EQ(stat_of("/", &root), 0);
	EXPECT_EQ(st.ino, root.ino);
	EXPECT_EQ(stat_of("/tmp", &st), -ENOENT);
	EXPECT_STR(cwd(), "/");
}

TEST("namei: hard links")
{
	struct abi_stat a, b;

	vfs_begin();
	EXPECT_EQ(put_file("a", "one"), 0);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U("a"), AT_FDCWD, U("b"), 0), 0);
	EXPECT_EQ(stat_of("a", &a), 0);
	EXPECT_EQ(stat_of("b", &b), 0);
	EXPECT_EQ(a.ino, b.ino);
	EXPECT_EQ(a.nlink, 2);
	EXPECT_EQ(put_file("b", "two"), 0);
	EXPECT_STR(get_file("a"), "two");
	EXPECT_EQ(sys_linkat(AT_FDCWD, U("a"), AT_FDCWD, U("b"), 0), -EEXIST);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U("a"), AT_FDCWD, U("c/"), 0), -ENOENT);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U("."), AT_FDCWD, U("c"), 0), -EPERM);
	EXPECT_EQ(sys_linkat(AT_FDCWD, U("a"), AT_FDCWD, U("/c"), 0), -EXDEV);
	EXPECT_EQ(rename_to("a", "b", 0), 0); /* the same file: both stay */
	EXPECT_EQ(stat_of("a", &a), 0);
	EXPECT_EQ(unlink_at("a", 0), 0);
	EXPECT_EQ(stat_of("b", &b), 0);
	EXPECT_EQ(b.nlink, 1);
}

TEST("namei: rename replaces, exchanges and refuses")
{
	struct abi_stat st;

	vfs_begin();
	EXPECT_EQ(put_file("a", "A"), 0);
	EXPECT_EQ(put_file("b", "B"), 0);
	EXPECT_EQ(rename_to("a", "b", RENAME_NOREPLACE), -EEXIST);
	EXPECT_EQ(rename_to("a", "b", RENAME_EXCHANGE), 0);
	EXPECT_STR(get_file("a"), "B");
	EXPECT_STR(get_file("b"), "A");
	EXPECT_EQ(rename_to("a", "none", RENAME_EXCHANGE), -ENOENT);
	EXPECT_EQ(rename_to("a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
	EXPECT_EQ(rename_to("a", "b", 0), 0);
	EXPECT_STR(get_file("b"), "B");
	EXPECT_EQ(stat_of("a", &st), -ENOENT);
	EXPECT_EQ(make_dir("d", 0755), 0);
	EXPECT_EQ(make_dir("d/sub", 0755), 0);
	EXPECT_EQ(make_dir("e", 0755), 0);
	EXPECT_EQ(rename_to("d", "d/sub/x", 0), -EINVAL);
	EXPECT_EQ(rename_to("d/sub", "d", 0), -ENOTEMPTY);
	EXPECT_EQ(rename_to("b", "d", 0), -EISDIR);
	EXPECT_EQ(rename_to("d", "b", 0), -ENOTDIR);
	EXPECT_EQ(rename_to("e", "d", 0), -ENOTEMPTY);
	EXPECT_EQ(rename_to("d", "e", 0), 0);
	EXPECT_EQ(rename_to("b", "c/", 0), -ENOTDIR);
	EXPECT_EQ(rename_to("e", "c/", 0), 0);
	EXPECT_EQ(rename_to("c/.", "x", 0), -EBUSY);
	EXPECT_EQ(rename_to("b", "/tmp/../b", 0), -EXDEV);
	EXPECT_EQ(make_dir("p", 0755), 0);
	EXPECT_EQ(rename_to("c/sub", "p/moved", 0), 0);
	EXPECT_EQ(stat_of("c", &st), 0);
	EXPECT_EQ(st.nlink, 2);
	EXPECT_EQ(stat_of("p", &st), 0);
	EXPECT_EQ(st.nlink, 3);
	EXPECT_EQ(put_file("p/moved/../f", "dotdot"), 0);
	EXPECT_STR(list_dir("/tmp/t/p"), "moved f");
	EXPECT_EQ(rename_to("p/moved", "c", RENAME_EXCHANGE), 0);
	EXPECT_EQ(rename_to("b", "b", 0), 0);
	EXPECT_STR(get_file("b"), "B");
}

TEST("mount: a mounted filesystem covers, shows and goes")
{
	struct abi_stat st;
	int fd;

	vfs_begin();
	EXPECT_EQ(make_dir("m", 0755), 0);
	EXPECT_EQ(put_file("m/below", "x"), 0);
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("tmpfs"), 0, U("size=64k,mode=700")), 0);
	EXPECT_EQ(stat_of("m/below", &st), -ENOENT);
	EXPECT_EQ(stat_of("m", &st), 0);
	EXPECT_EQ(st.mode, S_IFDIR | 0700);
	EXPECT_EQ(put_file("m/f", "inner"), 0);
	EXPECT_EQ(sys_chdir(U("m")), 0);
	EXPECT_STR(cwd(), "/tmp/t/m");
	EXPECT_EQ(sys_umount2(U("/tmp/t/m"), 0), -EBUSY);
	EXPECT_EQ(sys_chdir(U("..")), 0);
	EXPECT_STR(cwd(), "/tmp/t");
	EXPECT_EQ(unlink_at("m", AT_REMOVEDIR), -EBUSY);
	EXPECT_EQ(rename_to("m", "n", 0), -EBUSY);
	EXPECT_EQ(rename_to("m/f", "f", 0), -EXDEV);
	fd = open_at("m/f", O_RDONLY, 0);
	EXPECT_EQ(sys_umount2(U("m"), 0), -EBUSY);
	EXPECT_EQ(sys_close(fd), 0);
	EXPECT_EQ(sys_mount(0, U("m"), 0, MS_REMOUNT | MS_RDONLY, 0), 0);
	EXPECT_EQ(put_file("m/f", "y"), -EROFS);
	EXPECT_EQ(put_file("m/g", "y"), -EROFS);
	EXPECT_EQ(unlink_at("m/f", 0), -EROFS);
	EXPECT_STR(get_file("m/f"), "inner");
	EXPECT_EQ(sys_umount2(U("m"), 0), 0);
	EXPECT_STR(get_file("m/below"), "x");
	EXPECT_EQ(sys_umount2(U("m"), 0), -EINVAL);
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("nofs"), 0, 0), -ENODEV);
	EXPECT_EQ(sys_mount(U("none"), U("m/below"), U("tmpfs"), 0, 0), -ENOTDIR);
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("tmpfs"), 0, U("size=lots")), -EINVAL);
	become_user(1000, 1000);
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("tmpfs"), 0, 0), -EPERM);
}

TEST("mount: a bind mount shows the same files elsewhere")
{
	vfs_begin();
	EXPECT_EQ(make_dir("a", 0755), 0);
	EXPECT_EQ(make_dir("b", 0755), 0);
	EXPECT_EQ(put_file("a/f", "x"), 0);
	EXPECT_EQ(sys_mount(U("a"), U("b"), 0, MS_BIND, 0), 0);
	EXPECT_EQ(put_file("b/f", "both"), 0);
	EXPECT_STR(get_file("a/f"), "both");
	EXPECT_EQ(sys_chdir(U("b")), 0);
	EXPECT_STR(cwd(), "/tmp/t/b");
	EXPECT_EQ(sys_chdir(U("..")), 0);
	EXPECT_EQ(sys_umount2(U("b"), 0), 0);
	EXPECT_STR(list_dir("/tmp/t/b"), "");
}

static void race_rename(void *arg)
{
	const char *const *names = arg;

	for (int i = 0; i < 3000; i++) {
		vfs_rename(NULL, AT_FDCWD, names[0], AT_FDCWD, names[1], 0);
		vfs_rename(NULL, AT_FDCWD, names[1], AT_FDCWD, names[0], 0);
	}
}

static void race_make(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		vfs_mkdir(NULL, AT_FDCWD, arg, 0755);
		vfs_unlink(NULL, AT_FDCWD, arg, true);
	}
}

TEST("namei: renames, makes and removes race without harm")
{
	static const char *one[] = { "/tmp/t/a/x", "/tmp/t/b/y" }, *two[] = { "/tmp/t/b", "/tmp/t/a/x/b" };
	struct test_thread *t[3];
	struct abi_stat st;

	NEEDS_THREADS();
	vfs_begin();
	EXPECT_EQ(make_dir("a", 0755), 0);
	EXPECT_EQ(make_dir("a/x", 0755), 0);
	EXPECT_EQ(make_dir("b", 0755), 0);
	t[0] = test_thread(race_rename, one);
	t[1] = test_thread(race_rename, two);
	t[2] = test_thread(race_make, "/tmp/t/a/x/z");
	for (int i = 0; i < 3000; i++) {
		stat_of("a/x/b/y", &st);
		stat_of("b/y/../../a/x", &st);
		test_user_reset();
	}
	for (int i = 0; i < 3; i++)
		test_join(t[i]);
	EXPECT_EQ(stat_of("a", &st), 0);
}
