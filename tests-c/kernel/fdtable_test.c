/*
 * Descriptor tables.
 */
#include "vfs_test.h"

static int open_null(void)
{
	return open_at("f", O_RDWR | O_CREAT, 0644);
}

TEST("fdtable: the lowest free descriptor is taken")
{
	vfs_begin();
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(open_null(), i);
	EXPECT_EQ(sys_close(3), 0);
	EXPECT_EQ(sys_close(1), 0);
	EXPECT_EQ(sys_close(1), -EBADF);
	EXPECT_EQ(open_null(), 1);
	EXPECT_EQ(sys_dup(0), 3);
	EXPECT_EQ(sys_dup(0), 5);
	EXPECT_EQ(sys_fcntl(0, F_DUPFD, 100), 100);
	EXPECT_EQ(sys_fcntl(0, F_DUPFD, 100), 101);
	EXPECT_EQ(sys_fcntl(0, F_DUPFD, 2), 6);
	EXPECT_EQ(sys_close(-1), -EBADF);
	EXPECT_EQ(sys_close(5000), -EBADF);
	EXPECT_EQ(sys_dup(50), -EBADF);
}

TEST("fdtable: RLIMIT_NOFILE gives EMFILE, and nothing is created then")
{
	struct abi_stat st;

	vfs_begin();
	current_process->limits[RLIMIT_NOFILE].cur = 40;
	for (int i = 0; i < 40; i++)
		EXPECT_EQ(open_null(), i);
	EXPECT_EQ(open_at("other", O_CREAT | O_WRONLY, 0644), -EMFILE);
	EXPECT_EQ(stat_of("other", &st), -ENOENT);
	EXPECT_EQ(sys_dup(0), -EMFILE);
	EXPECT_EQ(sys_dup3(0, 40, 0), -EBADF);
	EXPECT_EQ(sys_fcntl(0, F_DUPFD, 40), -EINVAL);
	EXPECT_EQ(sys_fcntl(0, F_DUPFD, -1), -EINVAL);
	EXPECT_EQ(sys_close(17), 0);
	EXPECT_EQ(open_null(), 17);
	EXPECT_EQ(open_at("none", O_RDONLY, 0), -EMFILE);
	EXPECT_EQ(sys_close(3), 0);
	EXPECT_EQ(open_at("none", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(open_null(), 3); /* the failed open gave its descriptor back */
}

TEST("fdtable: dup shares the description, dup3 replaces, close-on-exec is the descriptor's")
{
	int a, b;

	vfs_begin();
	a = open_null();
	b = sys_dup(a);
	EXPECT_EQ(write_text(a, "abc"), 3);
	EXPECT_EQ(sys_lseek(b, 0, SEEK_CUR), 3);
	EXPECT_EQ(sys_fcntl(a, F_SETFL, O_APPEND), 0);
	EXPECT_EQ(sys_fcntl(b, F_GETFL, 0) & (O_APPEND | O_ACCMODE), O_APPEND | O_RDWR);
	EXPECT_EQ(sys_fcntl(a, F_SETFD, FD_CLOEXEC), 0);
	EXPECT_EQ(sys_fcntl(b, F_GETFD, 0), 0);
	EXPECT_EQ(sys_fcntl(a, F_GETFD, 0), FD_CLOEXEC);
	EXPECT_EQ(sys_dup3(a, a, 0), -EINVAL);
	EXPECT_EQ(sys_dup3(a, 77, O_CLOEXEC), 77);
	EXPECT_EQ(sys_dup3(b, 78, 0), 78);
	EXPECT_EQ(fd_dup2(current_process->files, 77, 77, false), 77);
	EXPECT_EQ(sys_fcntl(77, F_GETFD, 0), 0);
	EXPECT_EQ(sys_ioctl(77, FIOCLEX, 0), 0);
	EXPECT_EQ(sys_fcntl(77, F_GETFD, 0), FD_CLOEXEC);
	fdtable_close_on_exec(current_process->files);
	EXPECT_EQ(sys_fcntl(a, F_GETFD, 0), -EBADF);
	EXPECT_EQ(sys_fcntl(77, F_GETFD, 0), -EBADF);
	EXPECT_EQ(sys_fcntl(b, F_GETFD, 0), 0);
	EXPECT_EQ(sys_fcntl(78, F_GETFD, 0), 0);
	EXPECT_EQ(sys_fcntl(b, 9999, 0), -EINVAL);
}

TEST("fdtable: a copy has the same files, and goes its own way")
{
	struct fdtable *copy;
	struct file *f;

	vfs_begin();
	EXPECT_EQ(open_null(), 0);
	EXPECT_EQ(sys_dup3(0, 200, 0), 200);
	copy = fdtable_copy(current_process->files);
	EXPECT(copy != NULL);
	EXPECT_EQ(sys_close(200), 0);
	f = fdtable_get(copy, 200);
	EXPECT(f != NULL);
	EXPECT_EQ(f->refs, 4); /* 0 in both, 200 in the copy, ours */
	file_put(f);
	fdtable_put(copy);
}

static volatile bool stop;

/* Another thread of the process: its table is shared. */
static void churn(void *arg)
{
	struct fdtable *t = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		int err, fd;
		struct file *f = vfs_open(NULL, AT_FDCWD, "/tmp/t/f", O_RDONLY, 0, &err);

		fd = fd_install(t, f, 1, false);
		fd_close(t, fd);
	}
}

TEST("fdtable: looking up races with close and reuse")
{
	struct fdtable *t;
	struct test_thread *thread;
	nsec end;
	int found = 0;

	NEEDS_THREADS();
	vfs_begin();
	EXPECT_EQ(open_null(), 0);
	t = current_process->files;
	stop = false;
	thread = test_thread(churn, t);
	end = host_clock() + 10 * NSEC_PER_SEC;
	while (found < 20000 && host_clock() < end) {
		struct file *f = fdtable_get(t, 1);

		if (!f)
			continue;
		found++;
		if (f->inode == NULL || !S_ISREG(f->inode->mode))
			test_fail(__FILE__, __LINE__, "not the file");
		file_put(f);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	test_join(thread);
	EXPECT_EQ(found, 20000);
}
