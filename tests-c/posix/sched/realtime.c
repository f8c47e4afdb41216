/*
 * TabOS only (others may forbid it): real-time tasks go by priority, SCHED_RR takes turns, nobody starves.
 * The machine under it may be busy, so it goes by who runs before whom and by CPU time.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX 60

static volatile sig_atomic_t stop;

static double clock_of(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0) {
		perror("clock_gettime");
		exit(1);
	}
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

static void policy(int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	if (sched_setscheduler(0, policy, &p) < 0) {
		perror("sched_setscheduler");
		exit(1);
	}
}

static void expect(int condition, const char *what)
{
	if (!condition) {
		printf("not so: %s\n", what);
		exit(1);
	}
}

static void rest(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };

	while (nanosleep(&t, &t) < 0)
		;
}

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void busy(void)
{
	static volatile unsigned long work;

	while (!stop)
		work++;
}

struct child {
	pid_t pid;
	int fd;
};

/*
 * A child says when it is there, while it still has its parent's priority, and
 * again when it first runs with its own; if `stays`, it is busy from then on.
 */
static struct child child(int pol, int priority, int stays)
{
	struct child c;
	int fds[2];

	expect(pipe(fds) == 0, "a pipe");
	c.pid = fork();
	expect(c.pid >= 0, "fork");
	if (c.pid == 0) {
		double there = now(), first;

		write(fds[1], &there, sizeof(there));
		policy(pol, priority);
		sched_yield();
		first = now();
		write(fds[1], &first, sizeof(first));
		if (stays)
			busy();
		_exit(0);
	}
	close(fds[1]);
	c.fd = fds[0];
	return c;
}

static double next(const struct child *c)
{
	double when;

	expect(read(c->fd, &when, sizeof(when)) == sizeof(when), "a child reports");
	return when;
}

static void end(const struct child *c)
{
	int status;

	kill(c->pid, SIGTERM);
	expect(waitpid(c->pid, &status, 0) == c->pid && status == 0, "a child ends well");
	close(c->fd);
}

static double cpu_of(const struct child *c)
{
	clockid_t clock;

	expect(clock_getcpuclockid(c->pid, &clock) == 0, "a child has a clock");
	return clock_of(clock);
}

/* n children that are busy and have begun. */
static void crowd(struct child *c, int n, int pol, int priority)
{
	for (int i = 0; i < n; i++)
		c[i] = child(pol, priority, 1);
	for (int i = 0; i < n; i++)
		next(&c[i]);
}

static double cpu_of_all(const struct child *c, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += cpu_of(&c[i]);
	return sum;
}

/* Every CPU is taken; who has a higher priority runs nevertheless, a lower one and one without come after. */
static void by_priority(int cpus)
{
	struct child busy[CPUS_MAX], high, low, other;
	double there, end_of_busy, first;

	crowd(busy, cpus, SCHED_FIFO, 10);
	for (int i = 0; i < cpus; i++)
		next(&busy[i]);
	low = child(SCHED_FIFO, 5, 0);
	next(&low);
	other = child(SCHED_OTHER, 0, 0);
	there = next(&other);
	high = child(SCHED_FIFO, 20, 0);
	next(&high);
	next(&high);
	rest(0.3);
	end_of_busy = now();
	for (int i = 0; i < cpus; i++)
		end(&busy[i]);
	expect(next(&low) >= end_of_busy, "a low priority waits");
	first = next(&other);
	expect(first >= end_of_busy || first >= there + 0.9, "SCHED_OTHER waits, if not for too long");
	end(&high);
	end(&low);
	end(&other);
}

/* One more than there are CPUs: SCHED_RR gives each its part. */
static void in_turns(int cpus)
{
	struct child busy[CPUS_MAX + 1];
	double before[CPUS_MAX + 1], least = 1e9, most = 0, begin;
	int n = cpus + 1;

	crowd(busy, n, SCHED_RR, 10);
	for (int i = 0; i < n; i++)
		next(&busy[i]);
	for (int i = 0; i < n; i++)
		before[i] = cpu_of(&busy[i]);
	begin = cpu_of_all(busy, n);
	while (cpu_of_all(busy, n) < begin + n)
		rest(0.1);
	for (int i = 0; i < n; i++) {
		double cpu = cpu_of(&busy[i]) - before[i];

		least = cpu < least ? cpu : least;
		most = cpu > most ? cpu : most;
		end(&busy[i]);
	}
	if (!(least > most / 4))
		printf("one got %g s, another %g\n", least, most);
	expect(least > most / 4, "SCHED_RR takes turns");
}

/* All CPUs are taken, but one without a priority gets through. */
static void nobody_starves(int cpus)
{
	struct child busy[CPUS_MAX], other;
	double there, first, begin;

	crowd(busy, cpus, SCHED_FIFO, 10);
	for (int i = 0; i < cpus; i++)
		next(&busy[i]);
	other = child(SCHED_OTHER, 0, 0);
	there = next(&other);
	begin = cpu_of_all(busy, cpus);
	first = next(&other);
	expect(first >= there + 0.9, "SCHED_OTHER waits for real-time tasks");
	expect(cpu_of_all(busy, cpus) < begin + 3 * cpus, "nobody starves");
	for (int i = 0; i < cpus; i++)
		end(&busy[i]);
	end(&other);
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct sigaction term = { .sa_handler = on_term };
	struct timespec interval;

	expect(cpus <= CPUS_MAX, "few CPUs");
	sigaction(SIGTERM, &term, NULL);
	expect(sched_rr_get_interval(0, &interval) == 0 && interval.tv_nsec > 0, "SCHED_OTHER has turns");
	policy(SCHED_FIFO, 50);
	expect(sched_rr_get_interval(0, &interval) == 0 && interval.tv_sec + interval.tv_nsec == 0,
	       "SCHED_FIFO has none");
	by_priority(cpus);
	in_turns(cpus);
	nobody_starves(cpus);
	printf("real-time scheduling is as it should be\n");
	return 0;
}
