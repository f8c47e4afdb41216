/* Signals reach loops that make no calls. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double a[64][64], b[64][64];
static volatile uint64_t sink; /* results are used, so that the loops stay */
static volatile sig_atomic_t arrived;
static sigjmp_buf out;

static void note(int sig)
{
	arrived++;
}

static void jump(int sig)
{
	siglongjmp(out, sig);
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(sig, &sa, 0);
}

/* Collatz steps of numbers, for ever: nested loops, no end to be known, no volatile. */
static uint64_t steps_for_ever(uint64_t from)
{
	uint64_t steps = 0;

	for (uint64_t i = from; i; i++)
		for (uint64_t x = i; x > 1; steps++)
			x = x & 1 ? 3 * x + 1 : x / 2;
	return steps;
}

/* Counted: every loop has a bound, together they don't end. */
static double product_for_ever(void)
{
	double sum = 0;

	for (unsigned turn = 0; turn < 4000000000u; turn++)
		for (int i = 0; i < 64; i++)
			for (int j = 0; j < 64; j++)
				for (int k = 0; k < 64; k++)
					sum += a[i][k] * b[k][j];
	return sum;
}

static unsigned recursion(unsigned depth, unsigned x)
{
	return depth ? recursion(depth - 1, x * 3) ^ recursion(depth - 1, x + 1) : x;
}

/*
 * A jump into a loop: one that is not a loop to the compiler. Both steps only permute the
 * numbers, and in 64 bits no start comes to 4 in the time a test takes: in 32 bits one in a
 * hundred did.
 */
static uint64_t irreducible(uint64_t x)
{
	if (x & 1)
		goto odd;
even:
	x = x * 5 + 1;
	if (x == 4)
		return x;
odd:
	x ^= x << 3;
	goto even;
}

static void alarm_in_loop(void)
{
	unsigned i = 0;

	arrived = 0;
	handle(SIGALRM, note);
	alarm(1);
	while (!arrived)
		i++;
	printf("alarm: the handler ran %d time, and the loop went on\n", (int)arrived);
}

static void timer_in_loop(void)
{
	struct itimerval t = { { 0, 10000 }, { 0, 10000 } }, none = { 0 };
	unsigned i = 0;

	arrived = 0;
	setitimer(ITIMER_REAL, &t, 0);
	while (arrived < 10)
		i++;
	setitimer(ITIMER_REAL, &none, 0);
	printf("setitimer: 10 times\n");
}

static void jump_out_of(const char *what, int which)
{
	struct itimerval t = { { 0, 0 }, { 0, 20000 } };

	handle(SIGALRM, jump);
	if (sigsetjmp(out, 1) == 0) {
		setitimer(ITIMER_REAL, &t, 0);
		if (which == 0)
			sink = steps_for_ever(3);
		else if (which == 1)
			sink = product_for_ever();
		else if (which == 2)
			sink = recursion(60, 1);
		else
			sink = irreducible(getpid() | 1);
		printf("%s: ended by itself\n", what);
	}
	printf("%s: longjmp came out of it\n", what);
}

static pid_t busy_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		sink = steps_for_ever(5);
		_exit(1);
	}
	return pid;
}

static void defaults(void)
{
	pid_t pid = busy_child();
	int status;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	printf("SIGTERM: killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);

	pid = busy_child();
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		printf("SIGSTOP: stopped %d by SIGSTOP %d\n", WIFSTOPPED(status) != 0,
		       WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		kill(pid, SIGCONT);
		waitpid(pid, &status, WCONTINUED);
		printf("SIGCONT: continued %d\n", WIFCONTINUED(status) != 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("SIGKILL: killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void leave(int sig)
{
	_exit(7);
}

/* The child may not even have begun its loop. */
static void handler_at_once(void)
{
	int status, right = 0;

	handle(SIGUSR1, leave);
	for (int i = 0; i < 20; i++) {
		pid_t pid = busy_child();

		kill(pid, SIGUSR1);
		waitpid(pid, &status, 0);
		right += WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	printf("signals right after fork: %d of 20 handled\n", right);
}

static void *busy_thread(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
	sink = steps_for_ever(7);
	return 0;
}

static void cancel(void)
{
	pthread_t t;
	void *result;

	pthread_create(&t, 0, busy_thread, 0);
	usleep(20000);
	pthread_cancel(t);
	pthread_join(t, &result);
	printf("asynchronous cancellation: %d\n", result == PTHREAD_CANCELED);
}

int main(void)
{
	alarm_in_loop();
	timer_in_loop();
	jump_out_of("uncounted loops", 0);
	jump_out_of("counted loops", 1);
	jump_out_of("recursion", 2);
	jump_out_of("irreducible loop", 3);
	fflush(stdout);
	defaults();
	handler_at_once();
	cancel();
	return 0;
}
