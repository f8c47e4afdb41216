/*
 * epoll sets, and the descriptors that are most often in them.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/vfs/epoll.h"
#include "../../kernel-c/vfs/pipe.h"

#define MS 1000000ll

static struct abi_epoll_event *got;
static uaddr user_events;

static int pipe_fds(int32_t fd[2])
{
	uaddr fds = test_user(8);
	int err = sys_pipe2(fds, 0);

	memcpy(fd, test_user_at(fds), 8);
	return err;
}

static int set_new(void)
{
	user_events = test_user(100 * sizeof(*got));
	got = test_user_at(user_events);
	return sys_epoll_create1(0);
}

static int change(int set, int operation, int fd, uint32_t events, uint64_t data)
{
	struct abi_epoll_event e = { .events = events, .data = data };

	return sys_epoll_ctl(set, operation, fd, test_user_copy(&e, sizeof(e)));
}

static int look(int set)
{
	return sys_epoll_pwait(set, user_events, 100, 0, 0, 8);
}

static void put(int fd, const char *text)
{
	struct file *f = fd_get(fd);

	file_write_kernel(f, text, strlen(text), 0);
	file_put(f);
}

static void drain(int fd)
{
	struct file *f = fd_get(fd);
	char buf[64];

	file_read_kernel(f, buf, sizeof(buf), 0);
	file_put(f);
}

TEST("epoll: a level-triggered file is told of as long as it is ready")
{
	int set = set_new();
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 77), 0);
	EXPECT_EQ(look(set), 0);
	put(fd[1], "x");
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(look(set), 1);
		EXPECT_EQ(got[0].events, EPOLLIN);
		EXPECT_EQ(got[0].data, 77);
	}
	drain(fd[0]);
	EXPECT_EQ(look(set), 0);
	fd_close(current_process->files, fd[1]);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(got[0].events, EPOLLHUP);
}

TEST("epoll: an edge-triggered file is told of once for each change")
{
	int set = set_new();
	int32_t fd[2];

	pipe_fds(fd);
	put(fd[1], "x");
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLET, 1), 0);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(look(set), 0);
	put(fd[1], "y");
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(look(set), 0);
}

TEST("epoll: a one-shot watch rests until it is set again")
{
	int set = set_new();
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLONESHOT, 1), 0);
	put(fd[1], "x");
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(look(set), 0);
	put(fd[1], "x");
	EXPECT_EQ(look(set), 0);
	EXPECT_EQ(change(set, EPOLL_CTL_MOD, fd[0], EPOLLIN | EPOLLONESHOT, 2), 0);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(got[0].data, 2);
}

TEST("epoll: errors of epoll_ctl")
{
	int set = set_new(), other = sys_epoll_create1(O_CLOEXEC);
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(sys_epoll_create1(1), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, 99, EPOLLIN, 0), -EBADF);
	EXPECT_EQ(change(99, EPOLL_CTL_ADD, fd[0], EPOLLIN, 0), -EBADF);
	EXPECT_EQ(change(fd[0], EPOLL_CTL_ADD, fd[1], EPOLLIN, 0), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, set, EPOLLIN, 0), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_MOD, fd[0], EPOLLIN, 0), -ENOENT);
	EXPECT_EQ(change(set, EPOLL_CTL_DEL, fd[0], 0, 0), -ENOENT);
	EXPECT_EQ(change(set, 9, fd[0], 0, 0), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 0), 0);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 0), -EEXIST);
	EXPECT_EQ(change(set, EPOLL_CTL_DEL, fd[0], 0, 0), 0);
	put(fd[1], "x");
	EXPECT_EQ(look(set), 0);
	EXPECT_EQ(sys_epoll_ctl(set, EPOLL_CTL_ADD, fd[0], 8), -EFAULT);
	EXPECT_EQ(sys_epoll_pwait(set, user_events, 0, 0, 0, 8), -EINVAL);
	EXPECT_EQ(sys_epoll_pwait(set, 8, 1, 0, 0, 8), -EFAULT);
	EXPECT_EQ(sys_epoll_pwait(fd[0], user_events, 1, 0, 0, 8), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, other, EPOLLIN, 0), 0);
	EXPECT_EQ(change(other, EPOLL_CTL_ADD, set, EPOLLIN, 0), -ELOOP);
}

TEST("epoll: sets watch sets, to a limit")
{
	int set = set_new(), outer[8], n = 0;
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1), 0);
	for (int inner = set;; inner = outer[n++]) {
		int err;

		outer[n] = sys_epoll_create1(0);
		err = change(outer[n], EPOLL_CTL_ADD, inner, EPOLLIN, 5);
		if (err < 0) {
			EXPECT_EQ(err, -ELOOP);
			break;
		}
		EXPECT(n < 6);
	}
	EXPECT_EQ(n, 4);
	EXPECT_EQ(look(outer[3]), 0);
	put(fd[1], "x");
	EXPECT_EQ(look(outer[3]), 1);
	EXPECT_EQ(got[0].data, 5);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(got[0].data, 1);
	drain(fd[0]);
	EXPECT_EQ(look(outer[3]), 0);
}

TEST("epoll: sets may be put together from either end")
{
	int a = set_new(), b = sys_epoll_create1(0), c = sys_epoll_create1(0);
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(change(c, EPOLL_CTL_ADD, b, EPOLLIN | EPOLLET, 3), 0); /* the outer first */
	EXPECT_EQ(change(b, EPOLL_CTL_ADD, a, EPOLLIN, 2), 0);
	EXPECT_EQ(change(a, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1), 0);
	EXPECT_EQ(change(a, EPOLL_CTL_ADD, c, EPOLLIN, 1), -ELOOP);
	put(fd[1], "x");
	EXPECT_EQ(look(c), 1);
	EXPECT_EQ(look(c), 0);
	EXPECT_EQ(look(b), 1);
}

TEST("epoll: the last close of a file ends its watch, whoever goes first")
{
	struct fdtable *files = current_process->files;
	int set = set_new(), copy;
	int32_t fd[2];

	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1), 0);
	copy = sys_dup(fd[0]);
	put(fd[1], "x");
	EXPECT_EQ(sys_close(fd[0]), 0);
	EXPECT_EQ(look(set), 1); /* the description is still open */
	EXPECT_EQ(sys_close(copy), 0);
	EXPECT_EQ(look(set), 0);
	fd_close(files, fd[1]);
	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1), 0);
	EXPECT_EQ(sys_close(set), 0);
	put(fd[1], "x");
}

static void write_later(void *arg)
{
	struct file *f = arg;

	for (int i = 0; i < 200; i++) {
		file_write_kernel(f, "x", 1, 0);
		test_yield();
	}
}

TEST("epoll: sleepers are woken, and nothing is lost between two threads")
{
	int set, n = 0;
	struct test_thread *t;
	struct file *f;
	int32_t fd[2];

	NEEDS_THREADS();
	set = set_new();
	pipe_fds(fd);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd[0], EPOLLIN | EPOLLET, 1), 0);
	f = fd_get(fd[1]);
	t = test_thread(write_later, f);
	while (n < 200) {
		struct file *r = fd_get(fd[0]);
		char buf[256]; /* all there can be: an edge says nothing of what is left */

		EXPECT_EQ(sys_epoll_pwait(set, user_events, 10, 5000, 0, 8), 1);
		n += (int)file_read_kernel(r, buf, sizeof(buf), 0);
		file_put(r);
	}
	test_join(t);
	file_put(f);
	EXPECT_EQ(n, 200);
}

static struct file *stressed;

static void open_and_close(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		struct abi_epoll_event e = { .events = EPOLLIN | (i & 1 ? EPOLLET : 0), .data = 1 };
		struct file *r, *w;

		if (pipe_new(&r, &w, 0) < 0)
			panic("no pipe");
		if (epoll_change(stressed, EPOLL_CTL_ADD, r, i, &e) < 0)
			panic("not added");
		file_write_kernel(w, "x", 1, 0);
		if (i % 3 == 0)
			epoll_change(stressed, EPOLL_CTL_DEL, r, i, NULL);
		if (i % 5 == 0)
			test_yield();
		file_put(r);
		file_put(w);
	}
}

static uint32_t watches;

static void count_watches(const struct slab_cache *c, void *arg)
{
	if (strcmp(c->name, "epoll_watch") == 0 || strcmp(c->name, "epoll_wait") == 0)
		*(uint32_t *)arg += c->live;
}

TEST("epoll: files are closed while others wait for the set, and nothing is left of them")
{
	struct abi_epoll_event out[4];
	struct test_thread *t[3];
	uint32_t before = 0;
	int err;

	NEEDS_THREADS();
	slab_each(count_watches, &before);
	stressed = epoll_new(&err);
	for (int i = 0; i < 3; i++)
		t[i] = test_thread(open_and_close, NULL);
	for (int i = 0; i < 2000; i++)
		EXPECT(epoll_wait_events(stressed, out, 4, host_clock() + 100000) >= 0);
	for (int i = 0; i < 3; i++)
		test_join(t[i]);
	EXPECT_EQ(epoll_wait_events(stressed, out, 4, 0), 0);
	file_put(stressed);
	watches = 0;
	slab_each(count_watches, &watches);
	EXPECT_EQ(watches, before);
}

TEST("epoll: the timeout passes, and a signal interrupts")
{
	int set = set_new();
	nsec start = host_clock();

	EXPECT_EQ(sys_epoll_pwait(set, user_events, 1, 5, 0, 8), 0);
	EXPECT(host_clock() - start >= 5 * MS);
	signal_send_task(current, SIGUSR1, NULL);
	EXPECT_EQ(sys_epoll_pwait(set, user_events, 1, -1, 0, 8), -EINTR);
	EXPECT(test_take_signal(current, SIGUSR1));
}

static uint64_t read8(int fd, int *result)
{
	uaddr to = test_user(8);

	*result = sys_read(fd, to, 8);
	return *(uint64_t *)test_user_at(to);
}

static int write8(int fd, uint64_t value)
{
	return sys_write(fd, test_user_copy(&value, 8), 8);
}

TEST("eventfd: counts, and as a semaphore gives one at a time")
{
	int fd = sys_eventfd2(3, O_NONBLOCK), r;

	EXPECT_EQ(read8(fd, &r), 3);
	EXPECT_EQ(r, 8);
	read8(fd, &r);
	EXPECT_EQ(r, -EAGAIN);
	EXPECT_EQ(write8(fd, UINT64_MAX), -EINVAL);
	EXPECT_EQ(write8(fd, UINT64_MAX - 1), 8);
	EXPECT_EQ(write8(fd, 1), -EAGAIN);
	EXPECT_EQ(sys_write(fd, test_user(8), 4), -EINVAL);
	EXPECT_EQ(read8(fd, &r), UINT64_MAX - 1);
	fd = sys_eventfd2(2, O_NONBLOCK | 1);
	EXPECT_EQ(read8(fd, &r), 1);
	EXPECT_EQ(read8(fd, &r), 1);
	read8(fd, &r);
	EXPECT_EQ(r, -EAGAIN);
	EXPECT_EQ(sys_eventfd2(0, 2), -EINVAL);
}

TEST("timerfd: reads how often it expired")
{
	struct abi_itimerspec s = { { 0, MS, 0 }, { 0, MS, 0 } };
	int fd = sys_timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK), r;
	uaddr user = test_user_copy(&s, sizeof(s));
	nsec end = host_clock() + 20 * MS;

	read8(fd, &r);
	EXPECT_EQ(r, -EAGAIN);
	EXPECT_EQ(sys_timerfd_settime(fd, 0, user, 0), 0);
	while (host_clock() < end)
		test_yield();
	EXPECT(read8(fd, &r) >= 15);
	EXPECT_EQ(r, 8);
	EXPECT_EQ(sys_timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), -EINVAL);
	EXPECT_EQ(sys_timerfd_settime(99, 0, user, 0), -EBADF);
}

TEST("timerfd: wakes a set that watches it")
{
	struct abi_itimerspec s = { { 0 }, { 0, 5 * MS, 0 } };
	int set = set_new(), fd = sys_timerfd_create(CLOCK_REALTIME, 0), r;

	EXPECT_EQ(sys_timerfd_settime(fd, 0, test_user_copy(&s, sizeof(s)), 0), 0);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1), 0);
	EXPECT_EQ(look(set), 0);
	EXPECT_EQ(sys_epoll_pwait(set, user_events, 1, 5000, 0, 8), 1);
	EXPECT_EQ(read8(fd, &r), 1);
}

TEST("signalfd: reads pending signals of its mask")
{
	sigset mask = sigbit(SIGUSR1) | sigbit(SIGRTMIN + 2) | sigbit(SIGKILL);
	struct abi_siginfo si = { .code = SI_QUEUE, .kill = { 12, 34, 56 } };
	struct abi_signalfd_siginfo *out;
	uaddr to = test_user(3 * sizeof(*out));
	int set = set_new(), fd;

	current->mask = ~0ull;
	fd = sys_signalfd4(-1, test_user_copy(&mask, 8), 8, O_NONBLOCK);
	out = test_user_at(to);
	EXPECT_EQ(sys_read(fd, to, 256), -EAGAIN);
	EXPECT_EQ(sys_read(fd, to, 127), -EINVAL);
	EXPECT_EQ(change(set, EPOLL_CTL_ADD, fd, EPOLLIN, 1), 0);
	signal_send_process(current_process, SIGUSR2, NULL);
	EXPECT_EQ(look(set), 0);
	signal_send_process(current_process, SIGRTMIN + 2, &si);
	signal_send_process(current_process, SIGUSR1, &si);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(sys_read(fd, to, 3 * 128), 256);
	EXPECT_EQ(out[0].signo, SIGUSR1);
	EXPECT_EQ(out[1].signo, SIGRTMIN + 2);
	EXPECT_EQ(out[1].pid, 12);
	EXPECT_EQ(out[1].uid, 34);
	EXPECT_EQ(out[1].integer, 56);
	EXPECT_EQ(look(set), 0);
	mask = sigbit(SIGUSR2);
	EXPECT_EQ(sys_signalfd4(fd, test_user_copy(&mask, 8), 8, 0), fd);
	EXPECT_EQ(look(set), 1);
	EXPECT_EQ(sys_read(fd, to, 128), 128);
	EXPECT_EQ(sys_signalfd4(set, test_user_copy(&mask, 8), 8, 0), -EINVAL);
}
