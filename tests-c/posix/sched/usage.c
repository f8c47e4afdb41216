/* CPU time and context switches: of oneself, of threads, of children, and not of who sleeps. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long work;

static double cpu_of(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double usage_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Use that much CPU time. */
static void burn(double seconds)
{
	double until = cpu_of(CLOCK_THREAD_CPUTIME_ID) + seconds;

	while (cpu_of(CLOCK_THREAD_CPUTIME_ID) < until)
		for (int i = 0; i < 10000; i++)
			work++;
}

static void nap(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void asleep(void)
{
	double process = cpu_of(CLOCK_PROCESS_CPUTIME_ID), thread = cpu_of(CLOCK_THREAD_CPUTIME_ID);

	nap(300);
	printf("asleep: process %d thread %d\n", cpu_of(CLOCK_PROCESS_CPUTIME_ID) - process < 0.15,
	       cpu_of(CLOCK_THREAD_CPUTIME_ID) - thread < 0.15);
}

static void *burner(void *arg)
{
	double before = usage_of(RUSAGE_THREAD);

	burn(0.2);
	*(double *)arg = usage_of(RUSAGE_THREAD) - before;
	return NULL;
}

static void threads(void)
{
	double process = usage_of(RUSAGE_SELF), mine = usage_of(RUSAGE_THREAD), its = 0;
	pthread_t t;

	pthread_create(&t, NULL, burner, &its);
	pthread_join(t, NULL);
	printf("threads: its own %d, the process's %d, not ours %d\n", its >= 0.19,
	       usage_of(RUSAGE_SELF) - process >= 0.19, usage_of(RUSAGE_THREAD) - mine < 0.15);
}

static void child(int ignored)
{
	double before;
	struct tms now;
	pid_t pid;

	signal(SIGCHLD, ignored ? SIG_IGN : SIG_DFL);
	before = usage_of(RUSAGE_CHILDREN);
	pid = fork();
	if (pid == 0) {
		burn(0.2);
		_exit(0);
	}
	nap(10);
	printf("child: none before it is waited for %d", usage_of(RUSAGE_CHILDREN) - before < 0.1);
	waitpid(pid, NULL, 0);
	times(&now);
	printf(", after %d, times %d\n", usage_of(RUSAGE_CHILDREN) - before >= 0.19,
	       now.tms_cutime + now.tms_cstime >= 19);
	signal(SIGCHLD, SIG_DFL);
}

static void grandchild(void)
{
	struct rusage u;
	int status;

	if (fork() == 0) {
		if (fork() == 0) {
			burn(0.2);
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait4(-1, &status, 0, &u);
	printf("grandchild: %d\n",
	       u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6 >= 0.19);
}

static void switches(void)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 5; i++)
		nap(2);
	getrusage(RUSAGE_SELF, &after);
	printf("switches: %d\n", after.ru_nvcsw - before.ru_nvcsw >= 5);
}

static void memory(void)
{
	struct rusage before, after;
	size_t n = 32 << 20;
	char *p;

	getrusage(RUSAGE_SELF, &before);
	p = malloc(n);
	for (size_t i = 0; i < n; i += 4096)
		((volatile char *)p)[i] = 1;
	free(p);
	getrusage(RUSAGE_SELF, &after);
	printf("memory: %d\n", after.ru_maxrss - before.ru_maxrss >= 24 << 10 && after.ru_maxrss < 200 << 10);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	asleep();
	threads();
	child(1);
	child(0);
	grandchild();
	switches();
	memory();
	return 0;
}
