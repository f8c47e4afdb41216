/* fork in signal handlers: what they interrupted goes on in parent and child. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t forked;
static volatile sig_atomic_t arrived;
static sigjmp_buf out;
static char alternate[65536];
static int gate[2];
static volatile uint64_t sink;

static void wait_for(const char *what, pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		;
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	fflush(stdout);
}

static void forks(int sig)
{
	forked = fork();
	arrived = 1;
}

static void forks_and_jumps(int sig)
{
	forked = fork();
	siglongjmp(out, forked ? 1 : 2);
}

/* What the interrupted read is restarted for: a byte for each. */
static void forks_and_feeds(int sig)
{
	forked = fork();
	if (forked)
		write(gate[1], "xy", 2);
}

static void sends(int sig)
{
	raise(SIGUSR1);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

static void in(unsigned ms)
{
	struct itimerval t = { .it_value = { 0, ms * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void in_call(const char *what, int sig)
{
	volatile int local = 5;

	arrived = 0;
	raise(sig);
	if (forked == 0)
		_exit(local + arrived);
	wait_for(what, forked);
}

/* Without calls: values that live in the loop must be there in both. */
static uint64_t compute(void)
{
	uint64_t sum = 0, x = 1;

	for (int i = 0; i < 3000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		sum ^= x >> 7;
	}
	while (!arrived) {
		for (uint64_t y = sum | 1; y > 1; x++)
			y = y & 1 && y < UINT64_MAX / 4 ? 3 * y + 1 : y / 2;
	}
	return sum;
}

static void in_loop(const char *what)
{
	uint64_t expected, sum;

	arrived = 1;
	expected = compute();
	arrived = 0;
	in(20);
	sum = compute();
	if (forked == 0)
		_exit(sum == expected ? 6 : 99);
	wait_for(what, forked);
	printf("%s: %d\n", what, sum == expected);
}

static void jump_out(const char *what, int loop)
{
	volatile int local = 30;
	int value = sigsetjmp(out, 1);

	if (value == 2)
		_exit(local + value);
	if (value == 1) {
		wait_for(what, forked);
		return;
	}
	arrived = 0;
	fflush(stdout);
	if (loop) {
		in(20);
		sink = compute();
	} else {
		raise(SIGALRM);
	}
}

static void *in_thread(void *arg)
{
	volatile int mine = 11;
	sigset_t alarm_only;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	handle(SIGALRM, forks, 0);
	pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
	arrived = 0;
	in(20);
	sink = compute();
	if (forked == 0)
		_exit(mine);
	wait_for("a thread's loop", forked);
	return NULL;
}

int main(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	sigset_t alarm_only;
	pthread_t t;
	char c;

	handle(SIGUSR1, forks, 0);
	in_call("raise", SIGUSR1);
	handle(SIGUSR2, sends, 0);
	in_call("nested", SIGUSR2);

	handle(SIGALRM, forks, 0);
	in_loop("loop");
	handle(SIGALRM, forks_and_jumps, 0);
	jump_out("jump out of a call", 0);
	jump_out("jump out of a loop", 1);

	pipe(gate);
	handle(SIGALRM, forks_and_feeds, SA_RESTART);
	in(20);
	if (read(gate[0], &c, 1) != 1)
		return 1;
	if (forked == 0)
		_exit(c == 'x' || c == 'y' ? 7 : 1);
	wait_for("read, restarted", forked);

	sigaltstack(&stack, NULL);
	handle(SIGUSR1, forks, SA_ONSTACK);
	in_call("alternate stack", SIGUSR1);
	handle(SIGALRM, forks, SA_ONSTACK);
	in_loop("loop, alternate stack");
	handle(SIGALRM, forks_and_jumps, SA_ONSTACK);
	jump_out("jump off the alternate stack", 1);

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_only, NULL);
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	return 0;
}
