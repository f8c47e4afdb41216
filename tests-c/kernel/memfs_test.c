/*
 * Files in memory: data, holes, limits, directories while they change.
 */
#include "vfs_test.h"

#include "../../kernel-c/lib/alloc.h"

static uint64_t pages_used(void)
{
	uint64_t used, total;

	page_count(&used, &total);
	return used;
}

static int64_t size_of(const char *path)
{
	struct abi_stat st;

	return stat_of(path, &st) < 0 ? -1 : st.size;
}

static int64_t blocks_of(const char *path)
{
	struct abi_stat st;

	return stat_of(path, &st) < 0 ? -1 : st.blocks;
}

/* Is [offset, offset+n) of the file filled with byte? */
static bool filled(int fd, int64_t offset, uint32_t n, uint8_t byte)
{
	uaddr buffer = test_user(n);
	const uint8_t *p = test_user_at(buffer);

	memset(test_user_at(buffer), 0x55, n);
	if (sys_pread(fd, buffer, n, offset) != (int32_t)n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static int fill(int fd, int64_t offset, uint32_t n, uint8_t byte)
{
	uaddr buffer = test_user(n);

	memset(test_user_at(buffer), byte, n);
	return sys_pwrite(fd, buffer, n, offset);
}

TEST("memfs: read, write, append and the offset")
{
	uaddr buffer;
	int fd;

	vfs_begin();
	buffer = test_user(64);
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(write_text(fd, "hello"), 5);
	EXPECT_EQ(sys_read(fd, buffer, 10), 0);
	EXPECT_EQ(sys_lseek(fd, -3, SEEK_CUR), 2);
	EXPECT_EQ(sys_read(fd, buffer, 10), 3);
	EXPECT_EQ(memcmp(test_user_at(buffer), "llo", 3), 0);
	EXPECT_EQ(sys_pread(fd, buffer, 2, 1), 2);
	EXPECT_EQ(sys_pread(fd, buffer, 2, -1), -EINVAL);
	EXPECT_EQ(sys_pread(fd, buffer, 2, INT64_MAX), 0);
	EXPECT_EQ(sys_pwrite(fd, buffer, 2, INT64_MAX), -EFBIG);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_CUR), 5);
	EXPECT_EQ(sys_lseek(fd, -1, SEEK_SET), -EINVAL);
	EXPECT_EQ(sys_lseek(fd, 0, 99), -EINVAL);
	EXPECT_EQ(sys_lseek(fd, INT64_MAX, SEEK_CUR), -EOVERFLOW);
	EXPECT_EQ(sys_fcntl(fd, F_SETFL, O_APPEND), 0);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(write_text(fd, "!"), 1);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_CUR), 6);
	EXPECT_STR(get_file("f"), "hello!");
	EXPECT_EQ(sys_pwrite(fd, U("H"), 1, 0), 1); /* pwrite means its offset */
	EXPECT_STR(get_file("f"), "Hello!");
	EXPECT_EQ(sys_read(fd, 16, 1), 0);
	EXPECT_EQ(sys_pread(fd, 16, 1, 0), -EFAULT);
	EXPECT_EQ(sys_write(fd, USER_MEMORY - 2, 16), -EFAULT);
	EXPECT_EQ(sys_write(fd, 0, 0), 0);
	EXPECT_STR(get_file("f"), "Hello!");
}

TEST("memfs: descriptors opened for one direction refuse the other")
{
	int r, w, d, p;

	vfs_begin();
	w = open_at("f", O_WRONLY | O_CREAT, 0644);
	r = open_at("f", O_RDONLY, 0);
	d = open_at(".", O_RDONLY, 0);
	p = open_at("f", O_PATH, 0);
	EXPECT_EQ(sys_read(w, test_user(1), 1), -EBADF);
	EXPECT_EQ(sys_write(r, test_user(1), 1), -EBADF);
	EXPECT_EQ(sys_ftruncate(r, 0), -EINVAL);
	EXPECT_EQ(sys_read(d, test_user(1), 1), -EISDIR);
	EXPECT_EQ(sys_getdents64(r, test_user(64), 64), -ENOTDIR);
	EXPECT_EQ(sys_read(p, test_user(1), 1), -EBADF);
	EXPECT_EQ(sys_ioctl(r, TCGETS, test_user(64)), -ENOTTY);
	EXPECT_EQ(sys_fsync(r), 0);
}

TEST("memfs: scattered reads and writes, and their limits")
{
	struct abi_iovec v[3];
	uaddr iov;
	int fd;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	v[0] = (struct abi_iovec){ U("ab"), 2 };
	v[1] = (struct abi_iovec){ 0, 0 };
	v[2] = (struct abi_iovec){ U("cde"), 3 };
	iov = test_user_copy(v, sizeof v);
	EXPECT_EQ(sys_writev(fd, iov, 3), 5);
	EXPECT_STR(get_file("f"), "abcde");
	v[0].base = test_user(2), v[2].base = test_user(3);
	iov = test_user_copy(v, sizeof v);
	EXPECT_EQ(sys_preadv(fd, iov, 3, 1), 4);
	EXPECT_EQ(memcmp(test_user_at(v[0].base), "bc", 2), 0);
	EXPECT_EQ(memcmp(test_user_at(v[2].base), "de", 2), 0);
	EXPECT_EQ(sys_readv(fd, iov, -1), -EINVAL);
	EXPECT_EQ(sys_readv(fd, iov, IOV_MAX + 1), -EINVAL);
	EXPECT_EQ(sys_readv(fd, iov, 0), 0);
	EXPECT_EQ(sys_readv(fd, 16, 2), -EFAULT);
	v[0].length = v[2].length = 0x7fffffff;
	iov = test_user_copy(v, sizeof v);
	EXPECT_EQ(sys_pwritev(fd, iov, 3, 0), -EINVAL);
}

TEST("memfs: holes take no pages, read as zero and are found by SEEK_DATA")
{
	const int64_t far = 1ll << 40;
	uint64_t before;
	int fd;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	before = pages_used();
	EXPECT_EQ(fill(fd, far, 1, 7), 1);
	EXPECT_EQ(size_of("f"), far + 1);
	EXPECT_EQ(blocks_of("f"), 8);
	EXPECT(pages_used() - before < 10);
	EXPECT(filled(fd, far - 5000, 5000, 0));
	EXPECT(filled(fd, 12345, 9000, 0));
	EXPECT_EQ(fill(fd, 3 * PAGE_SIZE + 10, PAGE_SIZE, 9), PAGE_SIZE);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_DATA), 3 * PAGE_SIZE);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_HOLE), 0);
	EXPECT_EQ(sys_lseek(fd, 3 * PAGE_SIZE + 1, SEEK_HOLE), 5 * PAGE_SIZE);
	EXPECT_EQ(sys_lseek(fd, 5 * PAGE_SIZE, SEEK_DATA), far);
	EXPECT_EQ(sys_lseek(fd, far, SEEK_HOLE), far + 1);
	EXPECT_EQ(sys_lseek(fd, far + 1, SEEK_DATA), -ENXIO);
	EXPECT_EQ(sys_ftruncate(fd, 3 * PAGE_SIZE + 20), 0);
	EXPECT_EQ(blocks_of("f"), 8);
	EXPECT_EQ(sys_ftruncate(fd, 4 * PAGE_SIZE), 0);
	EXPECT(filled(fd, 3 * PAGE_SIZE + 10, 10, 9));
	EXPECT(filled(fd, 3 * PAGE_SIZE + 20, PAGE_SIZE - 20, 0));
	EXPECT_EQ(sys_ftruncate(fd, 0), 0);
	EXPECT_EQ(blocks_of("f"), 0);
	EXPECT_EQ(sys_ftruncate(fd, -1), -EINVAL);
	EXPECT_EQ(sys_truncate(U("f"), 1ll << 60), -EFBIG);
	EXPECT_EQ(sys_truncate(U("."), 0), -EISDIR);
}

TEST("memfs: all pages of a large file come back when it goes")
{
	uint64_t before;
	int fd;

	vfs_begin();
	before = pages_used();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	for (int i = 0; i < 300; i++)
		EXPECT_EQ(fill(fd, i * (int64_t)PAGE_SIZE * 7, 100, (uint8_t)i), 100);
	for (int i = 0; i < 300; i++)
		EXPECT(filled(fd, i * (int64_t)PAGE_SIZE * 7, 100, (uint8_t)i));
	EXPECT_EQ(blocks_of("f"), 300 * 8);
	EXPECT(pages_used() >= before + 300);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U("f"), 0), 0);
	EXPECT(filled(fd, 0, 100, 0)); /* unlinked, but open */
	EXPECT_EQ(sys_close(fd), 0);
	EXPECT(pages_used() < before + 30); /* slabs may keep some */
}

TEST("memfs: fallocate makes room, and punches holes")
{
	int fd;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(fill(fd, 0, 100, 1), 100);
	EXPECT_EQ(sys_fallocate(fd, 0, 0, 3 * PAGE_SIZE), 0);
	EXPECT_EQ(size_of("f"), 3 * PAGE_SIZE);
	EXPECT_EQ(blocks_of("f"), 24);
	EXPECT(filled(fd, 0, 100, 1));
	EXPECT(filled(fd, 100, 3 * PAGE_SIZE - 100, 0));
	EXPECT_EQ(fill(fd, 0, 3 * PAGE_SIZE, 2), 3 * PAGE_SIZE);
	EXPECT_EQ(sys_fallocate(fd, 3, 10, 2 * PAGE_SIZE), 0);
	EXPECT_EQ(blocks_of("f"), 16);
	EXPECT(filled(fd, 0, 10, 2));
	EXPECT(filled(fd, 10, 2 * PAGE_SIZE, 0));
	EXPECT(filled(fd, 2 * PAGE_SIZE + 10, PAGE_SIZE - 10, 2));
	EXPECT_EQ(sys_fallocate(fd, 3, PAGE_SIZE * 2 + 20, 10), 0);
	EXPECT(filled(fd, 2 * PAGE_SIZE + 20, 10, 0));
	EXPECT(filled(fd, 2 * PAGE_SIZE + 30, 10, 2));
	EXPECT_EQ(sys_fallocate(fd, 1, 0, 10 * PAGE_SIZE), 0);
	EXPECT_EQ(size_of("f"), 3 * PAGE_SIZE);
	EXPECT_EQ(sys_fallocate(fd, 0, -1, 1), -EINVAL);
	EXPECT_EQ(sys_fallocate(fd, 0, 0, 0), -EINVAL);
	EXPECT_EQ(sys_fallocate(fd, 0, INT64_MAX, 1), -EFBIG);
	EXPECT_EQ(sys_fallocate(fd, 0x10, 0, 1), -EOPNOTSUPP);
}

TEST("tmpfs: a full filesystem gives ENOSPC, and room again when files go")
{
	struct abi_statfs *st;
	uaddr buffer;
	int fd;

	vfs_begin();
	EXPECT_EQ(make_dir("m", 0755), 0);
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("tmpfs"), 0, U("size=16k,nr_inodes=4")), 0);
	fd = open_at("m/f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(fill(fd, 0, 5 * PAGE_SIZE, 1), 4 * PAGE_SIZE);
	EXPECT_EQ(fill(fd, 4 * PAGE_SIZE, 1, 1), -ENOSPC);
	EXPECT_EQ(size_of("m/f"), 4 * PAGE_SIZE);
	buffer = test_user(sizeof *st);
	st = test_user_at(buffer);
	EXPECT_EQ(sys_statfs(U("m"), buffer), 0);
	EXPECT_EQ(st->type, 0x01021994);
	EXPECT_EQ(st->blocks, 4);
	EXPECT_EQ(st->bfree, 0);
	EXPECT_EQ(st->files, 4);
	EXPECT_EQ(st->ffree, 2);
	EXPECT_EQ(put_file("m/g", ""), 0);
	EXPECT_EQ(put_file("m/h", ""), 0);
	EXPECT_EQ(put_file("m/i", ""), -ENOSPC);
	EXPECT_EQ(sys_ftruncate(fd, PAGE_SIZE), 0);
	EXPECT_EQ(sys_fstatfs(fd, buffer), 0);
	EXPECT_EQ(st->bfree, 3);
	EXPECT_EQ(put_file("m/g", "fits"), 0);
	EXPECT_EQ(sys_close(fd), 0);
	EXPECT_EQ(sys_umount2(U("m"), 0), 0);
}

TEST("memfs: a full disk of deep directories is taken apart on unmount")
{
	uint64_t before;
	char name[8];

	vfs_begin();
	EXPECT_EQ(make_dir("m", 0755), 0);
	before = pages_used();
	EXPECT_EQ(sys_mount(U("none"), U("m"), U("tmpfs"), 0, 0), 0);
	EXPECT_EQ(sys_chdir(U("m")), 0);
	for (int i = 0; i < 500; i++) {
		ksnprintf(name, sizeof name, "d%d", i);
		EXPECT_EQ(make_dir(name, 0755), 0);
		EXPECT_EQ(put_file("f", "some text"), 0);
		EXPECT_EQ(sys_chdir(U(name)), 0);
	}
	EXPECT_EQ(sys_chdir(U("/tmp/t")), 0);
	EXPECT(pages_used() > before + 500);
	EXPECT_EQ(sys_umount2(U("m"), 0), 0);
	EXPECT(pages_used() < before + 150);
}

TEST("memfs: RLIMIT_FSIZE cuts a write, then SIGXFSZ and EFBIG")
{
	int fd;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	current_process->limits[RLIMIT_FSIZE].cur = 10;
	EXPECT_EQ(fill(fd, 5, 10, 1), 5);
	EXPECT(!test_take_signal(current, SIGXFSZ));
	EXPECT_EQ(fill(fd, 10, 1, 1), -EFBIG);
	EXPECT(test_take_signal(current, SIGXFSZ));
	EXPECT_EQ(sys_ftruncate(fd, 11), -EFBIG);
	EXPECT(test_take_signal(current, SIGXFSZ));
	EXPECT_EQ(sys_ftruncate(fd, 10), 0);
}

TEST("memfs: times, and set-id bits that a writer loses")
{
	struct abi_timespec t[2] = { { 100, 5, 0 }, { 200, UTIME_OMIT, 0 } };
	struct abi_stat st;
	uint32_t version;
	struct file *f;
	int fd;

	vfs_begin();
	EXPECT_EQ(put_file("f", "x"), 0);
	EXPECT_EQ(sys_utimensat(AT_FDCWD, U("f"), test_user_copy(t, sizeof t), 0), 0);
	EXPECT_EQ(stat_of("f", &st), 0);
	EXPECT_EQ(st.atime.sec, 100);
	EXPECT_EQ(st.atime.nsec, 5);
	EXPECT(st.mtime.sec != 200);
	t[1] = (struct abi_timespec){ 300, 0, 0 };
	fd = open_at("f", O_RDWR, 0);
	EXPECT_EQ(sys_utimensat(fd, 0, test_user_copy(t, sizeof t), 0), 0);
	EXPECT_EQ(stat_of("f", &st), 0);
	EXPECT_EQ(st.mtime.sec, 300);
	EXPECT_EQ(sys_read(fd, test_user(1), 1), 1);
	EXPECT_EQ(stat_of("f", &st), 0);
	EXPECT(st.atime.sec != 100); /* read since it changed */
	t[0].nsec = -1;
	EXPECT_EQ(sys_utimensat(AT_FDCWD, U("f"), test_user_copy(t, sizeof t), 0), -EINVAL);
	EXPECT_EQ(sys_fchmodat(AT_FDCWD, U("f"), 06777, 0), 0);
	f = fd_get(fd);
	version = f->inode->version;
	become_user(7, 7);
	EXPECT_EQ(write_text(fd, "y"), 1);
	EXPECT(f->inode->version != version);
	file_put(f);
	EXPECT_EQ(stat_of("f", &st), 0);
	EXPECT_EQ(st.mode, S_IFREG | 0777);
	EXPECT_EQ(sys_utimensat(AT_FDCWD, U("f"), 0, 0), 0); /* may write: may set to now */
	t[0].nsec = 0;
	EXPECT_EQ(sys_utimensat(AT_FDCWD, U("f"), test_user_copy(t, sizeof t), 0), -EPERM);
}

/* Entries of one getdents64 call, counted; the first name is copied. */
static int entries(int fd, uint32_t size, char *first)
{
	uaddr buffer = test_user(size);
	int n = sys_getdents64(fd, buffer, size), count = 0;

	for (int at = 0; at < n; count++) {
		struct abi_dirent *d = test_user_at(buffer + (uaddr)at);

		if (count == 0 && first)
			kstrlcpy(first, d->name, 32);
		at += d->reclen;
	}
	return n < 0 ? n : count;
}

TEST("memfs: getdents gives each entry once while others come and go")
{
	char name[32];
	int fd, n, seen = 0;

	vfs_begin();
	EXPECT_EQ(make_dir("d", 0755), 0);
	for (int i = 0; i < 100; i++) {
		ksnprintf(name, sizeof name, "d/%d", i);
		EXPECT_EQ(put_file(name, ""), 0);
	}
	fd = open_at("d", O_RDONLY, 0);
	EXPECT_EQ(sys_getdents64(fd, test_user(16), 16), -EINVAL);
	while ((n = entries(fd, 240, name)) > 0) {
		seen += n;
		/* What was read is removed, and new ones are made, behind the reader's back. */
		if (seen < 60 && name[0] != '.') {
			char path[40];

			ksnprintf(path, sizeof path, "d/%s", name);
			EXPECT_EQ(sys_unlinkat(AT_FDCWD, U(path), 0), 0);
		}
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(seen, 102);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_SET), 0);
	EXPECT_EQ(entries(fd, 64, name), 2);
	EXPECT_STR(name, ".");
	for (int i = 0; i < 100; i++) {
		ksnprintf(name, sizeof name, "d/%d", i);
		sys_unlinkat(AT_FDCWD, U(name), 0);
	}
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U("d"), AT_REMOVEDIR), 0);
	EXPECT_EQ(sys_getdents64(fd, test_user(256), 256), -ENOENT);
}

TEST("memfs: a directory of thousands is found and listed whole")
{
	struct abi_stat st;
	char name[32];
	int fd, n, seen = 0;

	vfs_begin();
	EXPECT_EQ(make_dir("d", 0755), 0);
	for (int i = 0; i < 3000; i++) {
		ksnprintf(name, sizeof name, "d/file-%d", i);
		EXPECT_EQ(vfs_mknod(current_process, AT_FDCWD, name, S_IFREG | 0644, 0), 0);
	}
	EXPECT_EQ(stat_of("d/file-2999", &st), 0);
	EXPECT_EQ(stat_of("d/file-3000", &st), -ENOENT);
	fd = open_at("d", O_RDONLY, 0);
	while ((n = entries(fd, 32768, NULL)) > 0)
		seen += n;
	EXPECT_EQ(seen, 3002);
}

TEST("memfs: sendfile copies between files and keeps offsets apart")
{
	uaddr offset;
	int64_t *at;
	int in, out;

	vfs_begin();
	offset = test_user(8);
	at = test_user_at(offset);
	EXPECT_EQ(put_file("in", "0123456789"), 0);
	in = open_at("in", O_RDONLY, 0);
	out = open_at("out", O_RDWR | O_CREAT, 0644);
	*at = 4;
	EXPECT_EQ(sys_sendfile(out, in, offset, 3), 3);
	EXPECT_EQ(*at, 7);
	EXPECT_EQ(sys_lseek(in, 0, SEEK_CUR), 0);
	EXPECT_EQ(sys_sendfile(out, in, 0, 100), 10);
	EXPECT_EQ(sys_lseek(in, 0, SEEK_CUR), 10);
	EXPECT_STR(get_file("out"), "4560123456789");
	EXPECT_EQ(sys_sendfile(in, out, 0, 1), -EBADF);
	EXPECT_EQ(sys_sendfile(out, in, 16, 1), -EFAULT);
}

TEST("memfs: nodes: FIFOs and devices by number, sockets can't be opened")
{
	struct abi_stat st;

	vfs_begin();
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U("p"), S_IFIFO | 0644, 0), 0);
	EXPECT_EQ(stat_of("p", &st), 0);
	EXPECT(S_ISFIFO(st.mode));
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U("c"), S_IFCHR | 0666, 0x0fff), 0);
	EXPECT_EQ(stat_of("c", &st), 0);
	EXPECT_EQ(st.rdev, 0x0fff);
	EXPECT_EQ(open_at("c", O_RDONLY, 0), -ENXIO);
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U("s"), S_IFSOCK | 0666, 0), 0);
	EXPECT_EQ(open_at("s", O_RDONLY, 0), -ENXIO);
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U("d"), S_IFDIR | 0666, 0), -EPERM);
	EXPECT_EQ(open_at("p", O_RDONLY | O_NONBLOCK, 0) >= 0, 1);
	become_user(5, 5);
	EXPECT_EQ(sys_mknodat(AT_FDCWD, U("c2"), S_IFCHR | 0666, 1), -EPERM);
}

static int64_t zero_read(struct file *f, struct uio *u, int64_t *pos)
{
	(void)f, (void)pos;
	return uio_out_zero(u, u->left);
}

TEST("devfs: a device added is there until it is removed, and drives its number anywhere")
{
	static const struct file_ops ops = { .read = zero_read, .stream = true };
	struct abi_stat st;
	int fd;

	vfs_begin();
	EXPECT_EQ(devfs_add("pts/77", 0620, makedev(250, 77), &ops), 0);
	EXPECT_EQ(stat_of("/dev/pts/77", &st), 0);
	EXPECT_EQ(st.mode, S_IFCHR | 0620);
	EXPECT_EQ(st.rdev, makedev(250, 77));
	EXPECT_EQ(vfs_mknod(NULL, AT_FDCWD, "/tmp/t/copy", S_IFCHR | 0666, makedev(250, 77)), 0);
	fd = open_at("copy", O_RDONLY, 0);
	EXPECT(fd >= 0);
	EXPECT_EQ(sys_read(fd, test_user(5), 5), 5);
	EXPECT_EQ(sys_pread(fd, test_user(5), 5, 0), -ESPIPE);
	EXPECT_EQ(sys_lseek(fd, 0, SEEK_SET), -ESPIPE);
	EXPECT_EQ(devfs_remove("pts/77"), 0);
	EXPECT_EQ(stat_of("/dev/pts/77", &st), -ENOENT);
	EXPECT_EQ(devfs_remove("pts/77"), -ENOENT);
	EXPECT_EQ(open_at("copy", O_RDONLY, 0), -ENXIO);
	EXPECT_EQ(sys_read(fd, test_user(5), 5), 5); /* what is open stays */
}

TEST("memfs: a file grows by thousands of pages in little time")
{
	uaddr buffer;
	nsec start;
	int fd;

	vfs_begin();
	buffer = test_user(PAGE_SIZE);
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	memset(test_user_at(buffer), 3, PAGE_SIZE);
	start = host_clock();
	for (int i = 0; i < 2000; i++)
		EXPECT_EQ(sys_write(fd, buffer, PAGE_SIZE), PAGE_SIZE);
	EXPECT(host_clock() - start < 10 * NSEC_PER_SEC); /* not quadratic */
	EXPECT(filled(fd, 1999 * (int64_t)PAGE_SIZE, PAGE_SIZE, 3));
}
