/* Nice levels: who may set which, who inherits them, and that they share the CPUs. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long work;

static int level(void)
{
	return getpriority(PRIO_PROCESS, 0);
}

static void rights(void)
{
	if (fork() == 0) {
		printf("nice %d,", nice(3));
		printf(" now %d", level());
		printf(", more %d", nice(100));
		printf(", %d as a user", setuid(54321));
		errno = 0;
		printf(", back %d", setpriority(PRIO_PROCESS, 0, 0));
		printf(" %d", errno == EACCES);
		printf(", init's %d", setpriority(PRIO_PROCESS, getppid(), 19));
		printf(" %d\n", errno == EPERM);
		_exit(0);
	}
	wait(NULL);
	printf("as root %d", setpriority(PRIO_PROCESS, 0, -5));
	printf(", %d", level());
	printf(", %d\n", setpriority(PRIO_PROCESS, 0, 0));
	errno = 0;
	printf("nobody %d", getpriority(PRIO_PROCESS, 99999999));
	printf(" %d", errno == ESRCH);
	printf(", nothing %d", getpriority(17, 0));
	printf(" %d\n", errno == EINVAL);
}

static void inheritance(void)
{
	int status;

	if (fork() == 0) {
		setpriority(PRIO_PROCESS, 0, 7);
		if (fork() == 0)
			_exit(level());
		wait(&status);
		_exit(WEXITSTATUS(status));
	}
	wait(&status);
	printf("inherited %d\n", WEXITSTATUS(status));
}

/* Work until the time that `from` tells, and say how much CPU time there was for it. */
static void hog(int nice_level, int from, int to)
{
	struct timespec now, end;
	double cpu;

	setpriority(PRIO_PROCESS, 0, nice_level);
	if (read(from, &end, sizeof(end)) != sizeof(end))
		_exit(1);
	do {
		for (int i = 0; i < 100000; i++)
			work++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	cpu = now.tv_sec + now.tv_nsec / 1e9;
	write(to, &cpu, sizeof(cpu));
	_exit(0);
}

/*
 * Stay on one CPU, on a machine that has such calls: with others busy there, too, the nice ones
 * may else be alone on theirs.
 */
static void one_cpu(void)
{
#ifdef __linux__
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return;
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	sched_setaffinity(0, sizeof(one), &one);
#endif
}

/* On each CPU a nice one and one that isn't, all at the same time. */
static void shares(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double sum[2] = { 0 }, cpu;
	struct timespec end;
	int fds[2][2], begin[2];

	one_cpu();
	pipe(begin);
	for (int kind = 0; kind < 2; kind++) {
		pipe(fds[kind]);
		for (int i = 0; i < cpus; i++)
			if (fork() == 0)
				hog(kind ? 15 : 0, begin[0], fds[kind][1]);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 2;
	for (int i = 0; i < 2 * cpus; i++)
		write(begin[1], &end, sizeof(end));
	for (int kind = 0; kind < 2; kind++)
		for (int i = 0; i < cpus; i++) {
			read(fds[kind][0], &cpu, sizeof(cpu));
			sum[kind] += cpu;
		}
	while (wait(NULL) > 0)
		;
	printf("nice processes had time %d, but less %d\n", sum[1] > 0, sum[1] < sum[0] / 3);
	if (sum[1] >= sum[0] / 3)
		printf("%.2f s to %.2f s\n", sum[0], sum[1]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	rights();
	inheritance();
	shares();
	return 0;
}
