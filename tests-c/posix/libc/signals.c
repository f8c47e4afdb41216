/* Handlers: kinds, masks, nesting, reset, alternate stack, what interrupts. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, depth, deepest;
static char alternate[16384];

static void plain(int sig)
{
	count++;
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (count < 3)
		raise(sig);
	depth--;
}

static void with_info(int sig, siginfo_t *info, void *context)
{
	printf("%d %d %d %d\n", sig == info->si_signo, info->si_code == SI_USER || info->si_code == SI_TKILL,
		info->si_pid == getpid(), context != NULL);
}

static void queued(int sig, siginfo_t *info, void *context)
{
	printf("%s %d\n", info->si_code == SI_QUEUE ? "queued" : "not", info->si_value.sival_int);
}

static void on_alternate(int sig)
{
	char here;

	printf("%d\n", (uintptr_t)&here - (uintptr_t)alternate < sizeof alternate);
}

static void nothing(int sig)
{
}

static void set(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static void kinds(void)
{
	struct sigaction sa = { .sa_sigaction = with_info, .sa_flags = SA_SIGINFO }, old;

	set(SIGUSR1, plain, 0);
	raise(SIGUSR1);
	printf("%d deep %d\n", (int)count, (int)deepest);
	count = deepest = 0;
	set(SIGUSR1, plain, SA_NODEFER);
	raise(SIGUSR1);
	printf("%d deep %d\n", (int)count, (int)deepest);
	sigaction(SIGUSR2, &sa, NULL);
	kill(getpid(), SIGUSR2);
	sa.sa_sigaction = queued;
	sigaction(SIGRTMIN, &sa, &old);
	printf("%d\n", old.sa_handler == SIG_DFL);
	for (int i = 0; i < 3; i++) {
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i });
	}
	set(SIGUSR1, nothing, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	printf("%d\n", old.sa_handler == SIG_DFL);
}

static void masks(void)
{
	sigset_t set1, pending, old;

	count = 5;
	set(SIGUSR1, plain, 0);
	sigemptyset(&set1);
	sigaddset(&set1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set1, &old);
	raise(SIGUSR1);
	sigpending(&pending);
	printf("%d %d\n", (int)count, sigismember(&pending, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("%d\n", (int)count);
	sigprocmask(SIG_BLOCK, &set1, NULL);
	raise(SIGUSR1);
	printf("%d\n", sigwaitinfo(&set1, NULL) == SIGUSR1);
	raise(SIGUSR1);
	printf("%d ", sigsuspend(&old));
	printf("%d %d\n", errno == EINTR, (int)count);
	printf("%d ", sigtimedwait(&set1, NULL, &(struct timespec){ 0, 1000000 }));
	printf("%d\n", errno == EAGAIN);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void interruption(void)
{
	struct itimerval soon = { .it_value = { 0, 30000 } };
	struct timespec left = { 0 };
	int p[2];
	char c;

	set(SIGALRM, nothing, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	printf("%d ", nanosleep(&(struct timespec){ 5, 0 }, &left));
	printf("%d\n", errno == EINTR);
	printf("%d\n", left.tv_sec == 4);
	if (pipe(p))
		return;
	setitimer(ITIMER_REAL, &soon, NULL);
	printf("%d ", (int)read(p[0], &c, 1));
	printf("%d\n", errno == EINTR);
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	printf("%d ", (int)write(p[1], "x", 1));
	printf("%d\n", errno == EPIPE);
}

int main(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };

	kinds();
	masks();
	interruption();
	sigaltstack(&stack, NULL);
	set(SIGUSR1, on_alternate, SA_ONSTACK);
	raise(SIGUSR1);
	printf("%d ", sigaction(SIGKILL, &(struct sigaction){ .sa_handler = nothing }, NULL));
	printf("%d\n", errno == EINVAL);
	printf("%d ", kill(getpid(), 999));
	printf("%d\n", errno == EINVAL);
	return 0;
}
