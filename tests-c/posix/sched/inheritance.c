/*
 * TabOS only (others may forbid it): who has a mutex that a real-time thread waits for
 * runs in its place, also through another mutex, and not a moment longer.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS_MAX 60

static pthread_mutex_t first, second;
static int stage; /* of the low one */
static volatile sig_atomic_t stop;

static void expect(int condition, const char *what)
{
	if (!condition) {
		printf("not so: %s\n", what);
		exit(1);
	}
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void policy(int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	expect(pthread_setschedparam(pthread_self(), policy, &p) == 0, "a priority is set");
}

static void reach(int n)
{
	__atomic_store_n(&stage, n, __ATOMIC_SEQ_CST);
}

static int at(void)
{
	return __atomic_load_n(&stage, __ATOMIC_SEQ_CST);
}

static void until(int n)
{
	while (at() < n)
		usleep(1000);
}

/* The busy children have all CPUs before it gets one, but for what it is lent. */
static void *low(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&first);
	reach(1);
	until(3);
	policy(SCHED_FIFO, 5);
	sched_yield();
	reach(4);
	pthread_mutex_unlock(&first);
	sched_yield();
	reach(5);
	return NULL;
}

static void *between(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&second);
	reach(2);
	pthread_mutex_lock(&first);
	pthread_mutex_unlock(&first);
	pthread_mutex_unlock(&second);
	return NULL;
}

static void mutex(pthread_mutex_t *m, int protocol)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	expect(pthread_mutexattr_setprotocol(&a, protocol) == 0, "a mutex may inherit");
	expect(pthread_mutex_init(m, &a) == 0, "a mutex");
}

static pid_t busy(void)
{
	int fds[2];
	pid_t pid;
	char c;

	expect(pipe(fds) == 0 && (pid = fork()) >= 0, "fork");
	if (pid == 0) {
		policy(SCHED_FIFO, 10);
		write(fds[1], "", 1);
		while (!stop)
			;
		_exit(0);
	}
	close(fds[1]);
	expect(read(fds[0], &c, 1) == 1, "a busy child begins");
	close(fds[0]);
	return pid;
}

static void shared(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	expect(pthread_mutex_init(&m, &a) != 0, "no process-shared mutex inherits");
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct sigaction term = { .sa_handler = on_term };
	struct sched_param six = { .sched_priority = 6 };
	pid_t pid[CPUS_MAX];
	pthread_t id[2];

	expect(cpus <= CPUS_MAX, "few CPUs");
	sigaction(SIGTERM, &term, NULL);
	shared();
	mutex(&first, PTHREAD_PRIO_INHERIT);
	mutex(&second, PTHREAD_PRIO_INHERIT);
	policy(SCHED_FIFO, 50);
	for (int i = 0; i < cpus; i++)
		pid[i] = busy();
	pthread_create(&id[0], NULL, low, NULL);
	until(1);
	pthread_create(&id[1], NULL, between, NULL);
	until(2);
	usleep(100000); /* by now it waits; else it will when it is lent our priority */
	expect(pthread_setschedparam(id[1], SCHED_FIFO, &six) == 0, "another's priority is set");
	reach(3);
	usleep(100000);
	expect(at() == 3, "to be lent a priority that is too low doesn't help");
	pthread_mutex_lock(&second); /* for ever, if `low` got no CPU */
	expect(at() == 4, "the owner has run, but only while it was the owner");
	pthread_mutex_unlock(&second);
	usleep(100000);
	expect(at() == 4, "afterwards it has its own priority");
	for (int i = 0; i < cpus; i++)
		kill(pid[i], SIGTERM);
	pthread_join(id[0], NULL);
	pthread_join(id[1], NULL);
	while (wait(NULL) > 0)
		;
	printf("priorities are inherited\n");
	return 0;
}
