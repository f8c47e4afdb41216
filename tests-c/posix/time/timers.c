/* POSIX timers and interval timers: what a program sees of them. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught, code, value;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	caught++;
	code = info->si_code == SI_TIMER;
	value = info->si_value.sival_int;
}

static struct itimerspec ms(long first, long every)
{
	return (struct itimerspec){ { every / 1000, every % 1000 * 1000000 },
				    { first / 1000, first % 1000 * 1000000 } };
}

static void wait_for(volatile sig_atomic_t *what, int n)
{
	for (int i = 0; *what < n && i < 5000; i++)
		usleep(1000);
}

static void one_shot(clockid_t clock, const char *name)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec t = ms(10, 0), left;
	timer_t id;

	ev.sigev_value.sival_int = 42;
	caught = code = value = 0;
	printf("%s: create %d", name, timer_create(clock, &ev, &id));
	printf(" set %d", timer_settime(id, 0, &t, NULL));
	wait_for(&caught, 1);
	printf(" caught %d timer %d value %d", caught, code, value);
	timer_gettime(id, &left);
	printf(" left %ld.%ld", (long)left.it_value.tv_sec, left.it_value.tv_nsec);
	printf(" delete %d\n", timer_delete(id));
}

static void overruns(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec t = ms(1, 1);
	sigset_t set;
	siginfo_t info;
	timer_t id;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &id);
	timer_settime(id, 0, &t, NULL);
	usleep(50000);
	int sig = sigwaitinfo(&set, &info);
	printf("overruns: signal %d, many %d, the same %d\n", sig == SIGRTMIN + 1,
	       info.si_overrun >= 20 && info.si_overrun < 5000,
	       timer_getoverrun(id) == info.si_overrun);
	sig = sigwaitinfo(&set, &info);
	printf("goes on: %d\n", sig == SIGRTMIN + 1);
	timer_delete(id);
	struct timespec zero = { 0, 0 };
	while (sigtimedwait(&set, &info, &zero) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static sem_t notified;
static void notify(union sigval v)
{
	if (v.sival_int == 7)
		sem_post(&notified);
}

static void thread(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify };
	struct itimerspec t = ms(5, 5);
	timer_t id;
	int n = 0;

	ev.sigev_value.sival_int = 7;
	sem_init(&notified, 0, 0);
	printf("thread: create %d", timer_create(CLOCK_REALTIME, &ev, &id));
	timer_settime(id, 0, &t, NULL);
	while (n < 3 && sem_wait(&notified) == 0)
		n++;
	printf(" notified %d delete %d\n", n, timer_delete(id));
}

static void cpu_time(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec t = ms(30, 0);
	struct timespec a, b;
	timer_t id;

	caught = 0;
	printf("cpu: create %d", timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &id));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	timer_settime(id, 0, &t, NULL);
	while (!caught)
		getppid();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	long used = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	printf(" caught %d, not early %d\n", caught, used >= 29);
	timer_delete(id);
}

static void interval(int which, int sig, const char *name)
{
	struct itimerval t = { { 0, 5000 }, { 0, 5000 } }, zero = { 0 }, old;
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
	caught = 0;
	printf("%s: set %d", name, setitimer(which, &t, NULL));
	while (caught < 3)
		getppid();
	printf(" clear %d", setitimer(which, &zero, &old));
	printf(" interval %ld\n", (long)old.it_interval.tv_usec);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct itimerspec t = ms(1, 0), bad = { { 0, 0 }, { 0, 1000000000 } };
	struct timespec now;
	clockid_t clock;
	timer_t id;

	sigaction(SIGRTMIN + 1, &sa, NULL);
	one_shot(CLOCK_REALTIME, "realtime");
	one_shot(CLOCK_MONOTONIC, "monotonic");
	overruns();
	thread();
	cpu_time();
	interval(ITIMER_REAL, SIGALRM, "real");
	interval(ITIMER_PROF, SIGPROF, "prof");
	interval(ITIMER_VIRTUAL, SIGVTALRM, "virtual");

	timer_create(CLOCK_MONOTONIC, NULL, &id);
	printf("bad value %d", timer_settime(id, 0, &bad, NULL));
	printf(" %d\n", errno == EINVAL);
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec -= 100;
	t.it_value = now;
	caught = 0;
	sigaction(SIGALRM, &sa, NULL);
	timer_delete(id);
	timer_create(CLOCK_REALTIME, NULL, &id);
	timer_settime(id, TIMER_ABSTIME, &t, NULL);
	wait_for(&caught, 1);
	printf("in the past: caught %d\n", caught);
	printf("bad clock %d", timer_create(77, NULL, &id));
	printf(" %d\n", errno == EINVAL);

	printf("getcpuclockid %d", clock_getcpuclockid(0, &clock));
	printf(" read %d", clock_gettime(clock, &now));
	printf(" of itself %d", clock_getcpuclockid(getpid(), &clock));
	printf(" read %d", clock_gettime(clock, &now));
	printf(" nobody %d\n", clock_getcpuclockid(99999999, &clock) == ESRCH);
	printf("thread clock %d", pthread_getcpuclockid(pthread_self(), &clock));
	printf(" read %d", clock_gettime(clock, &now));
	printf(" timer %d", timer_create(clock, NULL, &id));
	t = ms(10, 0);
	caught = 0;
	timer_settime(id, 0, &t, NULL);
	while (!caught)
		getppid();
	printf(" caught %d\n", caught);
	return 0;
}
