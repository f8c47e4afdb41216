/* TabOS only (others may forbid it): real-time tasks go by priority, SCHED_RR takes turns, nobody starves. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long work;
static struct timespec origin;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec - origin.tv_sec) + (t.tv_nsec - origin.tv_nsec) / 1e9;
}

static void policy(int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	if (sched_setscheduler(0, policy, &p) < 0) {
		perror("sched_setscheduler");
		exit(1);
	}
}

static void busy_until(double end)
{
	while (now() < end)
		for (int i = 0; i < 20000; i++)
			work++;
}

static void expect(int condition, const char *what)
{
	if (!condition) {
		printf("not so: %s\n", what);
		exit(1);
	}
}

/* A child that says when it first ran, and its CPU time at the end. */
struct report {
	double first, cpu;
};

static int child(int pol, int priority, double end)
{
	int fds[2];

	pipe(fds);
	if (fork() == 0) {
		struct report r;

		policy(pol, priority);
		sched_yield();
		r.first = now();
		busy_until(end);
		r.cpu = (double)clock() / CLOCKS_PER_SEC;
		write(fds[1], &r, sizeof(r));
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static struct report report_of(int fd)
{
	struct report r = { 0 };

	expect(read(fd, &r, sizeof(r)) == sizeof(r), "a child reports");
	close(fd);
	return r;
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), fd[64], low, other;
	struct timespec interval;
	double least = 1e9, most = 0;
	struct report r;

	expect(cpus < 60, "few CPUs");
	clock_gettime(CLOCK_MONOTONIC, &origin);
	expect(sched_rr_get_interval(0, &interval) == 0 && interval.tv_nsec > 0, "SCHED_OTHER has turns");
	policy(SCHED_FIFO, 50);
	expect(sched_rr_get_interval(0, &interval) == 0 && interval.tv_sec + interval.tv_nsec == 0,
	       "SCHED_FIFO has none");

	/* Every CPU is taken for half a second; a lower priority, and who has none, come after. */
	for (int i = 0; i < cpus; i++)
		fd[i] = child(SCHED_FIFO, 10, 0.5);
	low = child(SCHED_FIFO, 5, 0.6);
	other = child(SCHED_OTHER, 0, 0.6);
	for (int i = 0; i < cpus; i++) {
		r = report_of(fd[i]);
		expect(r.first < 0.4, "a high priority runs at once");
	}
	r = report_of(low);
	expect(r.first >= 0.45, "a low priority waits");
	r = report_of(other);
	expect(r.first >= 0.45, "SCHED_OTHER waits");
	while (wait(NULL) > 0)
		;

	/* One more than there are CPUs: SCHED_RR gives each its part. */
	clock_gettime(CLOCK_MONOTONIC, &origin);
	for (int i = 0; i <= cpus; i++)
		fd[i] = child(SCHED_RR, 10, 1.0);
	for (int i = 0; i <= cpus; i++) {
		r = report_of(fd[i]);
		least = r.cpu < least ? r.cpu : least;
		most = r.cpu > most ? r.cpu : most;
	}
	expect(least > most / 4, "SCHED_RR takes turns");
	while (wait(NULL) > 0)
		;

	/* All CPUs are taken for two seconds, but one without a priority gets through. */
	clock_gettime(CLOCK_MONOTONIC, &origin);
	for (int i = 0; i < cpus; i++)
		fd[i] = child(SCHED_FIFO, 10, 2.0);
	other = child(SCHED_OTHER, 0, 0);
	r = report_of(other);
	expect(r.first < 1.8, "nobody starves");
	for (int i = 0; i < cpus; i++)
		report_of(fd[i]);
	printf("real-time scheduling is as it should be\n");
	return 0;
}
