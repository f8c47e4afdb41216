/* Scheduling policies and parameters, of processes and threads. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void spawn(int policy, int priority)
{
	char *argv[] = { "true", NULL };
	struct sched_param p = { .sched_priority = priority }, q = { 0 };
	posix_spawnattr_t attr;
	int got = -1, status = -1, err;
	pid_t pid;

	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDULER);
	printf("spawn: set %d", posix_spawnattr_setschedpolicy(&attr, policy));
	printf(" %d", posix_spawnattr_setschedparam(&attr, &p));
	posix_spawnattr_getschedpolicy(&attr, &got);
	posix_spawnattr_getschedparam(&attr, &q);
	printf(" get %d %d", got == policy, q.sched_priority);
	err = posix_spawn(&pid, "/bin/true", NULL, &attr, argv, environ);
	if (err == 0)
		waitpid(pid, &status, 0);
	printf(" run %d status %d\n", err, status);
	posix_spawnattr_destroy(&attr);
}

int main(void)
{
	struct sched_param p = { .sched_priority = 1 }, q;
	struct timespec t;
	int policy;

	printf("policy %d other %d\n", sched_getscheduler(0) == SCHED_OTHER, SCHED_OTHER);
	printf("priority %d", sched_getparam(0, &q));
	printf(" %d\n", q.sched_priority);
	printf("ranges %d %d %d %d\n", sched_get_priority_min(SCHED_FIFO), sched_get_priority_max(SCHED_RR),
	       sched_get_priority_min(SCHED_OTHER), sched_get_priority_max(SCHED_OTHER));
	printf("no policy %d", sched_get_priority_max(77));
	printf(" %d\n", errno == EINVAL);
	printf("a priority for OTHER %d", sched_setscheduler(0, SCHED_OTHER, &p));
	printf(" %d\n", errno == EINVAL);
	p.sched_priority = 0;
	printf("none %d\n", sched_setscheduler(0, SCHED_OTHER, &p) >= 0);
	printf("nobody %d", sched_getscheduler(99999999));
	printf(" %d\n", errno == ESRCH);
	printf("interval %d\n", sched_rr_get_interval(0, &t));
	printf("thread %d", pthread_getschedparam(pthread_self(), &policy, &q));
	printf(" %d %d\n", policy == SCHED_OTHER, q.sched_priority);
	printf("set %d\n", pthread_setschedparam(pthread_self(), SCHED_OTHER, &q));
	spawn(SCHED_OTHER, 0);
	spawn(SCHED_OTHER, 7);
	return 0;
}
