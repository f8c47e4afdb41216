#include "../test.h"

#include "../../kernel-c/vfs/pipe.h"
#include <sys.h>

#define MS 1000000ll

static int32_t *fd;     /* the last pipe's descriptors */
static struct abi_pollfd *pfd;
static uaddr user_pfd, user_time, user_sets;

static void prepare(int pipes)
{
	uaddr fds = test_user((size_t)pipes * 8);

	for (int i = 0; i < pipes; i++)
		if (sys_pipe2(fds + 8 * i, 0) < 0)
			panic("no pipe");
	fd = test_user_at(fds);
	user_pfd = test_user(100 * sizeof(*pfd));
	pfd = test_user_at(user_pfd);
	user_time = test_user(sizeof(struct abi_timespec));
	user_sets = test_user(3 * 128);
}

static uaddr timeout(nsec t)
{
	*(struct abi_timespec *)test_user_at(user_time) =
		(struct abi_timespec){ t / NSEC_PER_SEC, t % NSEC_PER_SEC, 0 };
	return user_time;
}

static void put(int where, const char *text)
{
	struct file *f = fd_get(where);

	file_write_kernel(f, text, strlen(text), 0);
	file_put(f);
}

TEST("poll: tells at once what is ready")
{
	prepare(1);
	pfd[0] = (struct abi_pollfd){ fd[0], POLLIN, -1 };
	pfd[1] = (struct abi_pollfd){ fd[1], POLLOUT, -1 };
	pfd[2] = (struct abi_pollfd){ -1, POLLIN, -1 };
	EXPECT_EQ(sys_ppoll(user_pfd, 3, 0, 0), 1);
	EXPECT_EQ(pfd[0].revents, 0);
	EXPECT_EQ(pfd[1].revents, POLLOUT);
	EXPECT_EQ(pfd[2].revents, 0);
	put(fd[1], "x");
	EXPECT_EQ(sys_ppoll(user_pfd, 3, 0, 0), 2);
	EXPECT_EQ(pfd[0].revents, POLLIN);
}

TEST("poll: a bad descriptor is POLLNVAL, a closed pipe POLLHUP")
{
	prepare(1);
	pfd[0] = (struct abi_pollfd){ 77, POLLIN, 0 };
	EXPECT_EQ(sys_ppoll(user_pfd, 1, 0, 0), 1);
	EXPECT_EQ(pfd[0].revents, POLLNVAL);
	fd_close(current_process->files, fd[1]);
	pfd[0] = (struct abi_pollfd){ fd[0], 0, 0 };
	EXPECT_EQ(sys_ppoll(user_pfd, 1, 0, 0), 1);
	EXPECT_EQ(pfd[0].revents, POLLHUP);
}

TEST("poll: the timeout passes, and not too early")
{
	nsec start = host_clock();

	prepare(1);
	pfd[0] = (struct abi_pollfd){ fd[0], POLLIN, 0 };
	EXPECT_EQ(sys_ppoll(user_pfd, 1, timeout(20 * MS), 0), 0);
	EXPECT(host_clock() - start >= 20 * MS);
	start = host_clock();
	EXPECT_EQ(sys_ppoll(0, 0, timeout(5 * MS), 0), 0);
	EXPECT(host_clock() - start >= 5 * MS);
	EXPECT_EQ(sys_ppoll(user_pfd, 1, timeout(0), 0), 0);
}

TEST("poll: bad arguments are refused")
{
	prepare(1);
	pfd[0] = (struct abi_pollfd){ fd[0], POLLIN, 0 };
	EXPECT_EQ(sys_ppoll(8, 1, 0, 0), -EFAULT);
	EXPECT_EQ(sys_ppoll(user_pfd, 1, 8, 0), -EFAULT);
	EXPECT_EQ(sys_ppoll(user_pfd, 1, 0, 8), -EFAULT);
	((struct abi_timespec *)test_user_at(timeout(0)))->nsec = 1000000000;
	EXPECT_EQ(sys_ppoll(user_pfd, 1, user_time, 0), -EINVAL);
	EXPECT_EQ(sys_ppoll(user_pfd, 0x7fffffff, 0, 0), -EINVAL);
}

TEST("poll: a signal interrupts, also one that only the given mask lets through")
{
	uaddr mask = test_user(8);

	prepare(1);
	pfd[0] = (struct abi_pollfd){ fd[0], POLLIN, 0 };
	current->mask = sigbit(SIGUSR1);
	signal_send_task(current, SIGUSR1, NULL);
	EXPECT_EQ(sys_ppoll(user_pfd, 1, timeout(MS), 0), 0);
	EXPECT_EQ(sys_ppoll(user_pfd, 1, 0, mask), -ERESTARTNOHAND);
	EXPECT(current->restore_mask);
	EXPECT_EQ(current->saved_mask, sigbit(SIGUSR1));
	EXPECT(test_take_signal(current, SIGUSR1));
}

static void write_last(void *arg)
{
	struct file *f = arg;

	EXPECT_SOON(__atomic_load_n(&f->refs, __ATOMIC_RELAXED) >= 3); /* the poller holds it */
	file_write_kernel(f, "x", 1, 0);
}

TEST("poll: sleeps on forty pipes until one of them has something")
{
	struct test_thread *t;
	struct file *f;

	NEEDS_THREADS();
	prepare(40);
	for (int i = 0; i < 40; i++)
		pfd[i] = (struct abi_pollfd){ fd[2 * i], POLLIN, 0 };
	pfd[40] = (struct abi_pollfd){ fd[79], POLLPRI, 0 };
	f = fd_get(fd[79]);
	t = test_thread(write_last, f);
	EXPECT_EQ(sys_ppoll(user_pfd, 41, 0, 0), 1);
	EXPECT_EQ(pfd[39].revents, POLLIN);
	EXPECT_EQ(pfd[38].revents, 0);
	test_join(t);
	file_put(f);
}

static void set_bit(int set, int n)
{
	uint32_t *words = test_user_at(user_sets + 128 * set);

	words[n / 32] |= 1u << n % 32;
}

static bool get_bit(int set, int n)
{
	uint32_t *words = test_user_at(user_sets + 128 * set);

	return words[n / 32] >> n % 32 & 1;
}

TEST("select: counts bits, clears what isn't ready")
{
	prepare(20);
	for (int i = 0; i < 40; i += 2)
		set_bit(0, fd[i]);
	for (int i = 1; i < 40; i += 2)
		set_bit(1, fd[i]);
	put(fd[5], "x");
	EXPECT_EQ(sys_pselect6(40, user_sets, user_sets + 128, 0, 0, 0), 21);
	EXPECT(get_bit(0, fd[4]) && !get_bit(0, fd[6]) && get_bit(1, fd[1]));
	memset(test_user_at(user_sets), 0, 256);
	set_bit(0, fd[0]);
	EXPECT_EQ(sys_pselect6(40, user_sets, 0, 0, timeout(MS), 0), 0);
	EXPECT(!get_bit(0, fd[0]));
	fd_close(current_process->files, fd[1]);
	set_bit(0, fd[0]);
	EXPECT_EQ(sys_pselect6(40, user_sets, 0, 0, 0, 0), 1); /* the end can be read */
}

TEST("select: EBADF, EINVAL, EFAULT")
{
	prepare(1);
	set_bit(0, 50);
	EXPECT_EQ(sys_pselect6(51, user_sets, 0, 0, 0, 0), -EBADF);
	EXPECT_EQ(sys_pselect6(-1, user_sets, 0, 0, 0, 0), -EINVAL);
	EXPECT_EQ(sys_pselect6(51, 8, 0, 0, 0, 0), -EFAULT);
	EXPECT_EQ(sys_pselect6(0, 8, 0, 0, timeout(0), 0), 0);
}
