/* POSIX message queues, between processes and threads. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char name[32];
static sem_t notified;

static void show(mqd_t q)
{
	char buf[64];
	unsigned priority = 0;
	ssize_t n = mq_receive(q, buf, sizeof(buf), &priority);

	if (n < 0)
		printf("error %s\n", strerror(errno));
	else
		printf("%.*s at %u\n", (int)n, buf, priority);
}

static void on_message(union sigval v)
{
	if (v.sival_int == 5)
		sem_post(&notified);
}

static volatile sig_atomic_t caught;
static void on_signal(int sig, siginfo_t *info, void *context)
{
	caught = info->si_code == SI_MESGQ && info->si_value.sival_int == 6;
}

static void notification(mqd_t q)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_message };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	ev.sigev_value.sival_int = 5;
	sem_init(&notified, 0, 0);
	printf("notify a thread: %d", mq_notify(q, &ev));
	printf(" twice: %d", mq_notify(q, &ev));
	printf(" %d\n", errno == EBUSY);
	mq_send(q, "x", 1, 0);
	sem_wait(&notified);
	show(q);
	printf("again: %d", mq_notify(q, &ev));
	printf(" cancelled: %d\n", mq_notify(q, NULL));
	sigaction(SIGUSR1, &sa, NULL);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGUSR1;
	ev.sigev_value.sival_int = 6;
	printf("notify by signal: %d", mq_notify(q, &ev));
	mq_send(q, "y", 1, 0);
	while (!caught)
		usleep(1000);
	printf(" caught\n");
	show(q);
}

int main(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 64 }, got;
	struct timespec soon;
	struct pollfd p;
	mqd_t q, second;

	snprintf(name, sizeof(name), "/test-mqueue-%d", (int)getpid());
	setbuf(stdout, NULL);
	q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	printf("open %d", q >= 0);
	printf(" exclusive %d", mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr));
	printf(" %d\n", errno == EEXIST);
	mq_getattr(q, &got);
	printf("max %ld size %ld now %ld flags %ld\n", got.mq_maxmsg, got.mq_msgsize, got.mq_curmsgs, got.mq_flags);
	printf("close on exec %d\n", fcntl(q, F_GETFD) & FD_CLOEXEC);
	mq_send(q, "low", 3, 1);
	mq_send(q, "high", 4, 9);
	mq_send(q, "low too", 7, 1);
	p = (struct pollfd){ q, POLLIN | POLLOUT, 0 };
	printf("poll %d", poll(&p, 1, 0));
	printf(" %x\n", p.revents);
	show(q);
	show(q);
	show(q);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000)
		soon.tv_sec++, soon.tv_nsec -= 1000000000;
	char buf[64];
	printf("timed %zd", mq_timedreceive(q, buf, sizeof(buf), NULL, &soon));
	printf(" %d\n", errno == ETIMEDOUT);
	got.mq_flags = O_NONBLOCK;
	mq_setattr(q, &got, NULL);
	show(q);
	got.mq_flags = 0;
	mq_setattr(q, &got, NULL);
	printf("too long %d", mq_send(q, buf, 65, 0));
	printf(" %d", errno == EMSGSIZE);
	printf(" too short %zd", mq_receive(q, buf, 63, NULL));
	printf(" %d\n", errno == EMSGSIZE);
	notification(q);

	pid_t child = fork();
	if (child == 0) {
		mqd_t mine = mq_open(name, O_WRONLY);

		for (int i = 0; i < 100; i++) {
			snprintf(buf, sizeof(buf), "%d", i);
			mq_send(mine, buf, strlen(buf) + 1, 3);
		}
		_exit(0);
	}
	int sum = 0;
	for (int i = 0; i < 100; i++) {
		mq_receive(q, buf, sizeof(buf), NULL);
		sum += atoi(buf) == i;
	}
	waitpid(child, NULL, 0);
	printf("from a child, in order: %d\n", sum);
	second = mq_open(name, O_RDONLY);
	printf("read only %d", mq_send(second, "x", 1, 0));
	printf(" %d\n", errno == EBADF);
	printf("unlink %d", mq_unlink(name));
	printf(" again %d", mq_unlink(name));
	printf(" %d\n", errno == ENOENT);
	mq_send(q, "still", 5, 0);
	show(second);
	printf("close %d %d\n", mq_close(q), mq_close(second));
	return 0;
}
