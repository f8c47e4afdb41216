/*
 * Record locks, locks of open file descriptions, flock.
 */
#include "vfs_test.h"

#include "../../kernel-c/vfs/file_lock.h"

static int lock_op(int fd, int command, int type, int64_t start, int64_t length)
{
	struct abi_flock lk = { .type = (int16_t)type, .whence = SEEK_SET, .start = start, .length = length };

	return sys_fcntl(fd, command, test_user_copy(&lk, sizeof lk));
}

/* What F_GETLK says for a write lock. */
static struct abi_flock query(int fd, int64_t start, int64_t length)
{
	struct abi_flock lk = { .type = F_WRLCK, .whence = SEEK_SET, .start = start, .length = length };
	uaddr at = test_user_copy(&lk, sizeof lk);

	if (sys_fcntl(fd, F_GETLK, at) < 0)
		return (struct abi_flock){ .type = -1 };
	return *(struct abi_flock *)test_user_at(at);
}

static int locks_of(int fd)
{
	struct file *f = fd_get(fd);
	int n = file_locks_count(f->inode);

	file_put(f);
	return n;
}

/* A second process with the same files open; test_become switches. */
static struct task *second(void)
{
	struct task *t = test_task_new(current);

	t->process->fs = fs_context_new();
	t->process->limits[RLIMIT_NOFILE] = current_process->limits[RLIMIT_NOFILE];
	return t;
}

TEST("lock: ranges split, merge and convert")
{
	int fd;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 0, 100), 0);
	EXPECT_EQ(locks_of(fd), 1);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_UNLCK, 40, 20), 0);
	EXPECT_EQ(locks_of(fd), 2);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 40, 20), 0);
	EXPECT_EQ(locks_of(fd), 1);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 40, 20), 0);
	EXPECT_EQ(locks_of(fd), 3);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 0, 0), 0);
	EXPECT_EQ(locks_of(fd), 1);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	EXPECT_EQ(locks_of(fd), 0);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, -1, 1), -EINVAL);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 5, -6), -EINVAL);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 5, -5), 0);
	EXPECT_EQ(lock_op(fd, F_SETLK, 7, 0, 0), -EINVAL);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, INT64_MAX, 2), -EOVERFLOW);
	EXPECT_EQ(lock_op(open_at("f", O_RDONLY, 0), F_SETLK, F_WRLCK, 0, 1), -EBADF);
	EXPECT_EQ(sys_fcntl(fd, F_SETLK, 16), -EFAULT);
}

TEST("lock: another process is refused, is told who, and gets it after close")
{
	struct task *me = current, *other;
	struct abi_flock lk;
	int fd, fd2;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	fd2 = sys_dup(fd);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 10, 10), 0);
	other = second();
	test_become(other);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 15, 1), -EAGAIN);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 20, 1), 0);
	lk = query(fd, 0, 0);
	EXPECT_EQ(lk.type, F_WRLCK);
	EXPECT_EQ(lk.start, 10);
	EXPECT_EQ(lk.length, 10);
	EXPECT_EQ(lk.pid, me->process->pid);
	EXPECT_EQ(query(fd, 0, 10).type, F_UNLCK);
	test_become(me);
	EXPECT_EQ(query(fd, 10, 10).type, F_UNLCK); /* own locks don't hinder */
	EXPECT_EQ(sys_close(fd2), 0); /* any close drops them */
	test_become(other);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	test_become(me);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 0, 1), -EAGAIN);
	test_task_free(other); /* it ends */
	EXPECT_EQ(lock_op(fd, F_SETLK, F_RDLCK, 0, 1), 0);
}

TEST("lock: open file descriptions and flock own their locks, through dup and fork")
{
	struct task *me = current, *other;
	int a, b, d;

	vfs_begin();
	a = open_at("f", O_RDWR | O_CREAT, 0644);
	b = open_at("f", O_RDWR, 0);
	EXPECT_EQ(lock_op(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	EXPECT_EQ(lock_op(b, F_OFD_SETLK, F_WRLCK, 5, 10), -EAGAIN);
	EXPECT_EQ(lock_op(b, F_SETLK, F_WRLCK, 5, 10), -EAGAIN);
	EXPECT_EQ(query(b, 0, 0).pid, -1);
	EXPECT_EQ(sys_flock(b, LOCK_EX), 0); /* another kind */
	EXPECT_EQ(sys_flock(a, LOCK_SH | LOCK_NB), -EAGAIN);
	EXPECT_EQ(sys_flock(b, LOCK_SH), 0);
	EXPECT_EQ(sys_flock(a, LOCK_SH | LOCK_NB), 0);
	EXPECT_EQ(sys_flock(a, 99), -EINVAL);
	EXPECT_EQ(sys_flock(a, LOCK_UN), 0);
	d = sys_dup(a);
	other = second();
	test_become(other);
	EXPECT_EQ(lock_op(a, F_OFD_SETLK, F_WRLCK, 0, 20), 0); /* the same description */
	test_task_free(other);
	test_become(me);
	EXPECT_EQ(sys_close(a), 0);
	EXPECT_EQ(lock_op(b, F_OFD_SETLK, F_RDLCK, 0, 1), -EAGAIN);
	EXPECT_EQ(sys_close(d), 0);
	EXPECT_EQ(lock_op(b, F_OFD_SETLK, F_RDLCK, 0, 1), 0);
	EXPECT_EQ(sys_close(b), 0);
}

static int wait_result, wait_started, wait_ended;

static void wait_for_lock(void *arg)
{
	int fd = *(int *)arg;
	struct abi_flock lk = { .type = F_WRLCK, .start = 0, .length = 1 };
	struct file *f = fd_get(fd);

	__atomic_store_n(&wait_started, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&wait_result, file_lock_set(f, &lk, false, true), __ATOMIC_SEQ_CST);
	__atomic_store_n(&wait_ended, 1, __ATOMIC_SEQ_CST);
	file_put(f);
}

TEST("lock: F_SETLKW waits until the lock is free")
{
	struct test_thread *t;
	int fd;

	NEEDS_THREADS();
	vfs_begin();
	wait_started = wait_ended = 0;
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	t = test_thread(wait_for_lock, &fd);
	EXPECT_SOON(__atomic_load_n(&wait_started, __ATOMIC_SEQ_CST));
	EXPECT_EQ(__atomic_load_n(&wait_ended, __ATOMIC_SEQ_CST), 0);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_UNLCK, 0, 1), 0);
	EXPECT_SOON(__atomic_load_n(&wait_ended, __ATOMIC_SEQ_CST));
	EXPECT_EQ(wait_result, 0);
	test_join(t);
}

static void lock_both(void *arg)
{
	int fd = *(int *)arg;
	struct abi_flock lk = { .type = F_WRLCK, .start = 1, .length = 1 };
	struct file *f = fd_get(fd);

	file_lock_set(f, &lk, false, false);
	file_put(f);
	wait_for_lock(arg); /* for the byte the other holds */
}

TEST("lock: a circle of waiters gives EDEADLK")
{
	struct test_thread *t;
	int fd, err;

	NEEDS_THREADS();
	vfs_begin();
	wait_started = wait_ended = 0;
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(lock_op(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	t = test_thread(lock_both, &fd);
	EXPECT_SOON(__atomic_load_n(&wait_started, __ATOMIC_SEQ_CST));
	/* One of the two comes second, and is told. */
	err = lock_op(fd, F_SETLKW, F_WRLCK, 1, 1);
	EXPECT(err == -EDEADLK || (err == 0 && wait_result == -EDEADLK));
	EXPECT_EQ(lock_op(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	EXPECT_SOON(__atomic_load_n(&wait_ended, __ATOMIC_SEQ_CST));
	test_join(t);
}
