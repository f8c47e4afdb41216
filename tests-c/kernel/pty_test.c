#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/tty/tty.h"

static struct file *master, *slave;
static char text[4096];

static struct file *open_path(const char *path, uint32_t flags, int *err)
{
	return vfs_open(process_init, AT_FDCWD, path, flags, 0, err);
}

static bool open_pair(void)
{
	uaddr n = test_user(4), zero = test_user(4);
	char path[32];
	int err;

	master = open_path("/dev/ptmx", O_RDWR | O_NOCTTY, &err);
	if (!master || master->ops->ioctl(master, TIOCGPTN, n) < 0)
		return false;
	ksnprintf(path, sizeof(path), "/dev/pts/%d", *(int32_t *)test_user_at(n));
	if (open_path(path, O_RDWR | O_NOCTTY, &err) || err != -EIO)
		return false; /* it must be unlocked first */
	master->ops->ioctl(master, TIOCSPTLCK, zero);
	slave = open_path(path, O_RDWR | O_NOCTTY, &err);
	return slave != NULL;
}

static int64_t get(struct file *f, size_t n)
{
	struct uio u;
	int64_t pos = 0, got;

	uio_kernel(&u, text, n);
	got = f->ops->read(f, &u, &pos);
	text[max(got, (int64_t)0)] = 0;
	return got;
}

static int64_t put(struct file *f, const char *s)
{
	struct uio u;
	int64_t pos = 0;

	uio_kernel(&u, (void *)(uintptr_t)s, strlen(s));
	return f->ops->write(f, &u, &pos);
}

TEST("pty: what one end writes the other reads, through the line discipline")
{
	EXPECT(open_pair());
	EXPECT_EQ(put(master, "typed\r"), 6);
	EXPECT_EQ(get(slave, 100), 6);
	EXPECT_STR(text, "typed\n");
	EXPECT_EQ(get(master, 100), 7);
	EXPECT_STR(text, "typed\r\n");
	EXPECT_EQ(put(slave, "out\n"), 4);
	EXPECT_EQ(get(master, 100), 5);
	EXPECT_STR(text, "out\r\n");
	file_put(slave);
	file_put(master);
}

TEST("pty: the master polls, and reads nothing with O_NONBLOCK")
{
	EXPECT(open_pair());
	master->flags |= O_NONBLOCK;
	EXPECT_EQ(get(master, 10), -EAGAIN);
	EXPECT_EQ(master->ops->poll(master, NULL), POLLOUT | POLLWRNORM);
	put(slave, "x");
	EXPECT_EQ(master->ops->poll(master, NULL), POLLOUT | POLLWRNORM | POLLIN | POLLRDNORM);
	file_put(slave);
	file_put(master);
}

TEST("pty: when the last slave closes the master reads the rest, then EIO")
{
	EXPECT(open_pair());
	put(slave, "rest");
	file_put(slave);
	EXPECT_EQ(master->ops->poll(master, NULL) & (POLLHUP | POLLIN), POLLHUP | POLLIN);
	EXPECT_EQ(get(master, 100), 4);
	EXPECT_EQ(get(master, 100), -EIO);
	file_put(master);
}

TEST("pty: when the master closes the slave is hung up and its name goes")
{
	struct tty *t;
	char path[32];
	int err;

	EXPECT(open_pair());
	t = slave->private;
	ksnprintf(path, sizeof(path), "/dev/pts/%d", (int)(t->rdev & 0xff));
	EXPECT_EQ(job_take_terminal(t, current_process, false), 0);
	file_put(master);
	EXPECT(test_take_signal(current, SIGHUP));
	EXPECT_EQ(get(slave, 100), 0);
	EXPECT_EQ(put(slave, "x"), -EIO);
	EXPECT(!open_path(path, O_RDWR, &err));
	EXPECT_EQ(err, -ENOENT);
	file_put(slave);
}

TEST("pty: the window size set on the master reaches the slave's foreground")
{
	uaddr size = test_user(sizeof(struct abi_winsize));
	struct abi_winsize *w = test_user_at(size);

	EXPECT(open_pair());
	EXPECT_EQ(job_take_terminal(slave->private, current_process, false), 0);
	*w = (struct abi_winsize){ .rows = 5, .columns = 6 };
	EXPECT_EQ(master->ops->ioctl(master, TIOCSWINSZ, size), 0);
	EXPECT(test_take_signal(current, SIGWINCH));
	*w = (struct abi_winsize){ 0 };
	EXPECT_EQ(slave->ops->ioctl(slave, TIOCGWINSZ, size), 0);
	EXPECT(w->rows == 5 && w->columns == 6);
	file_put(master);
	test_take_signal(current, SIGHUP);
	file_put(slave);
}

TEST("pty: numbers are given again, several pairs don't mix")
{
	struct file *m[3], *s[3];

	for (int i = 0; i < 3; i++) {
		EXPECT(open_pair());
		m[i] = master;
		s[i] = slave;
	}
	for (int i = 0; i < 3; i++)
		put(s[i], i == 0 ? "zero" : i == 1 ? "one" : "two");
	EXPECT_EQ(get(m[1], 100), 3);
	EXPECT_STR(text, "one");
	EXPECT_EQ(get(m[0], 100), 4);
	EXPECT_EQ(get(m[2], 100), 3);
	for (int i = 0; i < 3; i++) {
		file_put(s[i]);
		file_put(m[i]);
	}
	EXPECT(open_pair());
	EXPECT_EQ(((struct tty *)slave->private)->rdev & 0xff, 0);
	file_put(slave);
	file_put(master);
}

static void write_lots(void *arg)
{
	static char line[1001];

	memset(line, 'x', 1000);
	line[1000] = 0;
	for (int i = 0; i < 500; i++)
		if (put(slave, line) != 1000)
			panic("short write to a slave");
	file_put(slave);
}

TEST("pty: half a megabyte passes, the writer waiting for the master")
{
	struct test_thread *t;
	int64_t total = 0, n;

	NEEDS_THREADS();
	EXPECT(open_pair());
	t = test_thread(write_lots, NULL);
	while ((n = get(master, sizeof(text) - 1)) > 0)
		total += n;
	EXPECT_EQ(n, -EIO);
	EXPECT_EQ(total, 500000);
	test_join(t);
	file_put(master);
}

static void type_lots(void *arg)
{
	char line[101];

	memset(line, 'k', 100);
	line[100] = 0;
	for (int i = 0; i < 1000; i++)
		if (put(master, line) != 100)
			panic("short write to a master");
}

TEST("pty: a hundred thousand raw bytes are typed, the master waiting for the reader")
{
	uaddr modes = test_user(sizeof(struct abi_termios));
	struct abi_termios *m = test_user_at(modes);
	struct test_thread *t;
	int64_t total = 0;

	NEEDS_THREADS();
	EXPECT(open_pair());
	slave->ops->ioctl(slave, TCGETS, modes);
	m->lflag = 0;
	slave->ops->ioctl(slave, TCSETS, modes);
	t = test_thread(type_lots, NULL);
	while (total < 100000)
		total += get(slave, sizeof(text) - 1);
	EXPECT_EQ(total, 100000);
	test_join(t);
	file_put(slave);
	file_put(master);
}
