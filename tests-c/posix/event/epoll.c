/* epoll, eventfd, timerfd and signalfd, as programs use them. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int set;

static int add(int fd, uint32_t events, int op)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(set, op, fd, &e) ? -errno : 0;
}

static void show(const char *what, int timeout)
{
	struct epoll_event e[8];
	int n = epoll_wait(set, e, 8, timeout);

	printf("%s: %d", what, n);
	for (int i = 0; i < n; i++)
		printf(" %x", e[i].events);
	printf("\n");
}

static void pipes(void)
{
	int fd[2];
	char c;

	printf("no size %d", epoll_create(0) < 0 ? errno == EINVAL : 0);
	printf(" negative %d\n", epoll_create(-1) < 0 ? errno == EINVAL : 0);
	set = epoll_create1(EPOLL_CLOEXEC);
	printf("cloexec %d\n", fcntl(set, F_GETFD));
	pipe(fd);
	printf("add %d", add(fd[0], EPOLLIN, EPOLL_CTL_ADD));
	printf(" again %d\n", add(fd[0], EPOLLIN, EPOLL_CTL_ADD) == -EEXIST);
	show("empty", 0);
	write(fd[1], "abc", 3);
	show("level", -1);
	show("level", -1);
	add(fd[0], EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
	show("edge", 0);
	show("edge", 0);
	write(fd[1], "d", 1);
	show("edge, more", 0);
	show("edge, more", 0);
	add(fd[0], EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
	show("once", 0);
	show("once", 0);
	printf("writer %d\n", add(fd[1], EPOLLOUT, EPOLL_CTL_ADD));
	show("room", 0);
	add(fd[1], 0, EPOLL_CTL_DEL);
	add(fd[0], EPOLLIN, EPOLL_CTL_MOD);
	while (read(fd[0], &c, 1) == 1 && c != 'd')
		;
	show("drained", 0);
	close(fd[1]);
	show("hung up", 0);
	close(fd[0]);
	show("closed", 0);
	printf("a file %d", add(open("/etc/passwd", O_RDONLY), EPOLLIN, EPOLL_CTL_ADD) == -EPERM);
	printf(" itself %d", add(set, EPOLLIN, EPOLL_CTL_ADD) == -EINVAL);
	printf(" no set %d\n", epoll_wait(fd[0], &(struct epoll_event){ 0 }, 1, 0));
}

static void nested(void)
{
	int inner = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
	struct epoll_event e = { .events = EPOLLIN };
	fd_set in;

	set = epoll_create1(0);
	epoll_ctl(inner, EPOLL_CTL_ADD, fd, &e);
	add(inner, EPOLLIN, EPOLL_CTL_ADD);
	printf("loop %d", epoll_ctl(inner, EPOLL_CTL_ADD, set, &e));
	printf(" %d\n", errno == ELOOP);
	show("nested, nothing", 0);
	eventfd_write(fd, 5);
	show("nested", -1);
	FD_ZERO(&in);
	FD_SET(set, &in);
	printf("select %d\n", select(set + 1, &in, NULL, NULL, NULL));
}

static void *writer(void *arg)
{
	for (int i = 0; i < 1000; i++)
		eventfd_write(*(int *)arg, 1);
	return NULL;
}

static void threads(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct epoll_event e;
	eventfd_t sum = 0, v;
	pthread_t t[4];

	set = epoll_create1(0);
	add(fd, EPOLLIN | EPOLLET, EPOLL_CTL_ADD);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, writer, &fd);
	while (sum < 4000 && epoll_wait(set, &e, 1, 10000) == 1)
		if (eventfd_read(fd, &v) == 0)
			sum += v;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("threads: %d\n", (int)sum);
}

static void semaphore(void)
{
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	eventfd_t v = 0;
	int n = 0;

	while (eventfd_read(fd, &v) == 0)
		n += v;
	printf("semaphore: %d, then %d\n", n, errno == EAGAIN);
}

static void timer(void)
{
	struct itimerspec t = { { 0, 5000000 }, { 0, 5000000 } }, left;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t n = 0;

	set = epoll_create1(0);
	printf("timer: nothing %zd", read(fd, &n, 8));
	printf(" %d\n", errno == EAGAIN);
	add(fd, EPOLLIN, EPOLL_CTL_ADD);
	timerfd_settime(fd, 0, &t, NULL);
	show("timer", -1);
	usleep(30000);
	printf("read %zd,", read(fd, &n, 8));
	printf(" several %d\n", n >= 4 && n < 5000);
	timerfd_gettime(fd, &left);
	printf("interval %ld, left %d\n", left.it_interval.tv_nsec,
	       left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 5000000);
	fcntl(fd, F_SETFL, 0);
	printf("blocking read %zd\n", read(fd, &n, 8));
}

static void signals(void)
{
	struct signalfd_siginfo si[2];
	sigset_t mask;
	int fd, status;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_CLOEXEC);
	set = epoll_create1(0);
	add(fd, EPOLLIN, EPOLL_CTL_ADD);
	show("no signal", 0);
	raise(SIGUSR1);
	show("signal", -1);
	printf("read %zd", read(fd, si, sizeof(si)));
	printf(" signal %d from me %d\n", si[0].ssi_signo == SIGUSR1, si[0].ssi_pid == (uint32_t)getpid());
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	printf("read %zd", read(fd, si, sizeof(si)));
	printf(" child %d code %d status %d\n", si[0].ssi_pid == (uint32_t)child, si[0].ssi_code == CLD_EXITED,
	       si[0].ssi_status);
	waitpid(child, &status, 0);
}

static void on_alarm(int sig)
{
}

static void masks(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct epoll_event e;
	sigset_t mask, none, now;
	int fd = eventfd(1, 0);

	set = epoll_create1(0);
	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	raise(SIGALRM);
	printf("the mask lets it through: %d", epoll_pwait(set, &e, 1, 10000, &none));
	printf(" %d\n", errno == EINTR);
	add(fd, EPOLLIN, EPOLL_CTL_ADD);
	printf("ready: %d", epoll_pwait(set, &e, 1, 10000, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf(" and the mask is back: %d\n", sigismember(&now, SIGALRM));
	fd_set in;
	FD_ZERO(&in);
	FD_SET(fd, &in);
	printf("pselect %d", pselect(fd + 1, &in, NULL, NULL, NULL, &none));
	sigprocmask(SIG_BLOCK, NULL, &now);
	printf(" and the mask is back: %d\n", sigismember(&now, SIGALRM));
}

int main(void)
{
	pipes();
	nested();
	threads();
	semaphore();
	timer();
	signals();
	masks();
	return 0;
}
