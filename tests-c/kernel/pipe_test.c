#include "../test.h"

#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/vfs/pipe.h"
#include <sys.h>

static struct file *rd, *wr;
static char big[1 << 20];

static bool open_pipe(uint32_t flags)
{
	return pipe_new(&rd, &wr, flags) == 0;
}

static void close_both(void)
{
	if (rd)
		file_put(rd);
	if (wr)
		file_put(wr);
	rd = wr = NULL;
}

static void close_reader(void)
{
	file_put(rd);
	rd = NULL;
}

static void close_writer(void)
{
	file_put(wr);
	wr = NULL;
}

static int64_t put(const void *p, size_t n)
{
	struct uio u;
	int64_t pos = 0;

	uio_kernel(&u, (void *)(uintptr_t)p, n);
	return wr->ops->write(wr, &u, &pos);
}

static int64_t get(void *p, size_t n)
{
	struct uio u;
	int64_t pos = 0;

	uio_kernel(&u, p, n);
	return rd->ops->read(rd, &u, &pos);
}

TEST("pipe: bytes come out in order, and the end is 0")
{
	char buf[16];

	EXPECT(open_pipe(0));
	EXPECT_EQ(put("hello", 5), 5);
	EXPECT_EQ(put(" you", 4), 4);
	EXPECT_EQ(get(buf, 3), 3);
	EXPECT_EQ(memcmp(buf, "hel", 3), 0);
	EXPECT_EQ(get(buf, 16), 6);
	EXPECT_EQ(memcmp(buf, "lo you", 6), 0);
	close_writer();
	EXPECT_EQ(get(buf, 16), 0);
	close_both();
}

TEST("pipe: what was written can be read after the writer closed")
{
	char buf[4];

	EXPECT(open_pipe(0));
	put("abc", 3);
	close_writer();
	EXPECT_EQ(get(buf, 4), 3);
	EXPECT_EQ(get(buf, 4), 0);
	close_both();
}

TEST("pipe: write after the reader closed gives EPIPE and SIGPIPE")
{
	EXPECT(open_pipe(0));
	close_reader();
	EXPECT_EQ(put("x", 1), -EPIPE);
	EXPECT(test_take_signal(current, SIGPIPE));
	EXPECT_EQ(put("", 0), 0);
	EXPECT(!test_take_signal(current, SIGPIPE));
	close_both();
}

TEST("pipe: O_NONBLOCK gives EAGAIN when empty, and when full")
{
	char c;

	EXPECT(open_pipe(O_NONBLOCK));
	EXPECT_EQ(get(&c, 1), -EAGAIN);
	EXPECT_EQ(put(big, 65536 + 1), 65536);
	EXPECT_EQ(put("x", 1), -EAGAIN);
	EXPECT_EQ(get(big, 10), 10);
	EXPECT_EQ(put(big, 11), -EAGAIN); /* all or nothing up to PIPE_BUF */
	EXPECT_EQ(put(big, 10), 10);
	EXPECT_EQ(get(big, PIPE_BUF), PIPE_BUF);
	EXPECT_EQ(put(big, PIPE_BUF + 1), PIPE_BUF); /* beyond it, in part */
	close_both();
}

TEST("pipe: contents survive many turns round the ring")
{
	static char in[5000], out[5000];
	uint32_t seed = 1;

	EXPECT(open_pipe(0));
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + (seed >> 8) % sizeof(in);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (char)(seed >> 24);
		}
		EXPECT_EQ(put(in, n), n);
		EXPECT_EQ(get(out, n), n);
		EXPECT_EQ(memcmp(in, out, n), 0);
	}
	close_both();
}

TEST("pipe: a bad address is EFAULT and loses nothing")
{
	struct abi_iovec one;
	struct uio u;
	int64_t pos = 0;
	char buf[8];

	EXPECT(open_pipe(0));
	uio_user(&u, &one, 16, 100);
	EXPECT_EQ(wr->ops->write(wr, &u, &pos), -EFAULT);
	EXPECT_EQ(put("abc", 3), 3);
	uio_user(&u, &one, USER_MEMORY - 1, 100);
	EXPECT_EQ(rd->ops->read(rd, &u, &pos), -EFAULT);
	EXPECT_EQ(get(buf, 8), 3);
	close_both();
}

TEST("pipe: FIONREAD counts, poll tells what is possible")
{
	uaddr n = test_user(4);

	EXPECT(open_pipe(0));
	EXPECT_EQ(rd->ops->poll(rd, NULL), 0);
	EXPECT_EQ(wr->ops->poll(wr, NULL), POLLOUT | POLLWRNORM);
	put("12345", 5);
	EXPECT_EQ(rd->ops->poll(rd, NULL), POLLIN | POLLRDNORM);
	EXPECT_EQ(rd->ops->ioctl(rd, FIONREAD, n), 0);
	EXPECT_EQ(*(uint32_t *)test_user_at(n), 5);
	EXPECT_EQ(rd->ops->ioctl(rd, TCGETS, n), -ENOTTY);
	put(big, 65536 - 5 - PIPE_BUF + 1);
	EXPECT_EQ(wr->ops->poll(wr, NULL), 0);
	close_writer();
	EXPECT_EQ(rd->ops->poll(rd, NULL), POLLIN | POLLRDNORM | POLLHUP);
	close_both();
	EXPECT(open_pipe(0));
	close_reader();
	EXPECT(wr->ops->poll(wr, NULL) & POLLERR);
	close_both();
}

TEST("pipe: resizing keeps the contents, and refuses what is too small or large")
{
	char buf[4096];

	EXPECT(open_pipe(0));
	EXPECT_EQ(pipe_size(rd), 65536);
	put(big, 65000);
	get(big, 60000); /* so that the queue wraps */
	for (int i = 0; i < 3000; i++)
		big[i] = (char)(i * 7);
	put(big, 3000);
	EXPECT_EQ(pipe_resize(rd, 100), -EBUSY);
	EXPECT_EQ(pipe_resize(wr, 9000), 16384);
	EXPECT_EQ(pipe_size(wr), 16384);
	EXPECT_EQ(pipe_resize(wr, 2 << 20), -EPERM);
	get(big + 500000, 5000);
	EXPECT_EQ(get(buf, 4096), 3000);
	EXPECT_EQ(memcmp(buf, big, 3000), 0);
	EXPECT_EQ(pipe_resize(rd, 1 << 20), 1 << 20);
	EXPECT_EQ(put(big, 1 << 20), 1 << 20);
	close_both();
}

TEST("pipe: a signal ends a blocked read with ERESTART")
{
	char c;

	EXPECT(open_pipe(0));
	signal_send_task(current, SIGUSR1, NULL);
	EXPECT_EQ(get(&c, 1), -ERESTART);
	EXPECT(test_take_signal(current, SIGUSR1));
	put(big, 65536);
	signal_send_task(current, SIGUSR1, NULL);
	EXPECT_EQ(put("x", 1), -ERESTART);
	EXPECT(test_take_signal(current, SIGUSR1));
	close_both();
}

static void write_sequence(void *arg)
{
	size_t total = 8 << 20, done = 0, size = (size_t)(uintptr_t)arg;
	uint32_t *words = kmalloc(size);

	while (done < total) {
		for (size_t i = 0; i < size / 4; i++)
			words[i] = (uint32_t)(done / 4 + i);
		if (put(words, size) != (int64_t)size)
			panic("short write");
		done += size;
	}
	kfree(words);
	close_writer();
}

static void check_sequence(size_t write_size, size_t read_size)
{
	struct test_thread *t;
	uint32_t *words = kmalloc(read_size), next = 0;
	size_t have = 0;
	int64_t n;

	EXPECT(open_pipe(0));
	t = test_thread(write_sequence, (void *)(uintptr_t)write_size);
	while ((n = get((char *)words + have, read_size - have)) > 0) {
		size_t whole = (have + (size_t)n) / 4;

		for (size_t i = 0; i < whole; i++)
			EXPECT_EQ(words[i], next++);
		have = (have + (size_t)n) % 4;
		memmove(words, words + whole, have);
	}
	EXPECT_EQ(n, 0);
	EXPECT_EQ(next, (8 << 20) / 4);
	test_join(t);
	kfree(words);
	close_both();
}

TEST("pipe: eight megabytes between two threads, large writes and large reads")
{
	NEEDS_THREADS();
	check_sequence(65536, 65536);
}

TEST("pipe: eight megabytes between two threads, large writes and odd reads")
{
	NEEDS_THREADS();
	check_sequence(262144, 1001);
}

TEST("pipe: eight megabytes between two threads, small writes and large reads")
{
	NEEDS_THREADS();
	check_sequence(256, 65536);
}

static void write_records(void *arg)
{
	char record[512];

	memset(record, (int)(uintptr_t)arg, sizeof(record));
	for (int i = 0; i < 1000; i++)
		put(record, sizeof(record));
}

TEST("pipe: writes of PIPE_BUF and less by several writers stay whole")
{
	struct test_thread *t[3];
	char record[512];

	NEEDS_THREADS();
	EXPECT(open_pipe(0));
	for (int i = 0; i < 3; i++)
		t[i] = test_thread(write_records, (void *)(uintptr_t)(i + 'a'));
	for (int i = 0; i < 3000; i++) {
		size_t have = 0;

		while (have < sizeof(record))
			have += (size_t)get(record + have, sizeof(record) - have);
		for (size_t j = 1; j < sizeof(record); j++)
			EXPECT_EQ(record[j], record[0]);
	}
	for (int i = 0; i < 3; i++)
		test_join(t[i]);
	close_both();
}

static void blocked_write(void *arg)
{
	*(int64_t *)arg = put(big, 65536 + 100);
}

TEST("pipe: a blocked writer gets EPIPE when the reader closes")
{
	struct test_thread *t;
	int64_t result = 0;

	NEEDS_THREADS();
	EXPECT(open_pipe(0));
	t = test_thread(blocked_write, &result);
	EXPECT_SOON(!(wr->ops->poll(wr, NULL) & POLLOUT));
	close_reader();
	EXPECT_SOON(test_take_signal(test_thread_task(t), SIGPIPE));
	test_join(t);
	EXPECT_EQ(result, 65536);
	close_both();
}

/* ---- FIFOs ---- */

static struct file *fifo(struct inode *inode, uint32_t flags, int *err)
{
	struct file *f = file_new(inode_get(inode), &fifo_ops, flags, err);

	*err = fifo_ops.open(inode, f);
	if (*err == 0)
		return f;
	file_put(f);
	return NULL;
}

TEST("fifo: a nonblocking reader opens at once, a writer without reader gets ENXIO")
{
	struct inode *inode = inode_anonymous(S_IFIFO | 0600, &fifo_ops);
	int err;
	char c;

	EXPECT(!fifo(inode, O_WRONLY | O_NONBLOCK, &err));
	EXPECT_EQ(err, -ENXIO);
	EXPECT(inode->pipe == NULL);
	EXPECT((rd = fifo(inode, O_RDONLY | O_NONBLOCK, &err)));
	EXPECT_EQ(rd->ops->poll(rd, NULL), 0); /* no POLLHUP before a writer came */
	EXPECT_EQ(get(&c, 1), 0);
	EXPECT((wr = fifo(inode, O_WRONLY | O_NONBLOCK, &err)));
	EXPECT_EQ(get(&c, 1), -EAGAIN);
	EXPECT_EQ(put("x", 1), 1);
	EXPECT_EQ(get(&c, 1), 1);
	close_writer();
	EXPECT_EQ(rd->ops->poll(rd, NULL), POLLHUP);
	close_both();
	EXPECT(inode->pipe == NULL);
	inode_put(inode);
}

TEST("fifo: O_RDWR opens alone and talks to itself")
{
	struct inode *inode = inode_anonymous(S_IFIFO | 0600, &fifo_ops);
	int err;
	char c;

	EXPECT((rd = wr = fifo(inode, O_RDWR, &err)));
	EXPECT_EQ(put("x", 1), 1);
	EXPECT_EQ(get(&c, 1), 1);
	wr = NULL;
	close_both();
	inode_put(inode);
}

TEST("fifo: a signal ends a waiting open, which leaves no trace")
{
	struct inode *inode = inode_anonymous(S_IFIFO | 0600, &fifo_ops);
	int err;

	signal_send_task(current, SIGUSR1, NULL);
	EXPECT(!fifo(inode, O_RDONLY, &err));
	EXPECT_EQ(err, -ERESTART);
	EXPECT(test_take_signal(current, SIGUSR1));
	EXPECT(inode->pipe == NULL);
	inode_put(inode);
}

static void open_fifo_writer(void *arg)
{
	int err;

	wr = fifo(arg, O_WRONLY, &err);
}

TEST("fifo: open waits for the other end")
{
	struct inode *inode = inode_anonymous(S_IFIFO | 0600, &fifo_ops);
	struct test_thread *t;
	int err;

	NEEDS_THREADS();
	t = test_thread(open_fifo_writer, inode);
	EXPECT((rd = fifo(inode, O_RDONLY, &err)));
	test_join(t);
	EXPECT(wr);
	close_both();
	inode_put(inode);
}

TEST("pipe: opened again by /dev/fd/N when the writer has gone, it is at its end")
{
	struct file *again;
	int err = 0;

	EXPECT(open_pipe(0));
	close_writer();
	EXPECT((again = fifo(rd->inode, O_RDONLY, &err)));
	EXPECT_EQ(err, 0);
	if (again)
		file_put(again);
	close_both();
}

TEST("pipe2: two descriptors, EINVAL for strange flags, EFAULT closes them again")
{
	uaddr fds = test_user(8);
	int32_t *fd = test_user_at(fds);

	EXPECT_EQ(sys_pipe2(fds, O_CLOEXEC), 0);
	EXPECT_EQ(fd[0], 0);
	EXPECT_EQ(fd[1], 1);
	EXPECT_EQ(sys_pipe2(fds, O_DIRECT), -EINVAL);
	EXPECT_EQ(sys_pipe2(8, 0), -EFAULT);
	EXPECT_EQ(sys_pipe2(fds, 0), 0);
	EXPECT_EQ(fd[0], 2);
}
