/* The older calls for signals, and those that print them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SAY(call) printf("%s: %d\n", #call, (int)(call))

static volatile sig_atomic_t caught, number;

static void handler(int sig)
{
	caught++;
	number = sig;
}

static int pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

static void holding(void)
{
	SAY(sigset(SIGUSR1, handler) == SIG_DFL);
	SAY(sighold(SIGUSR1));
	SAY(raise(SIGUSR1));
	printf("  caught %d, pending %d\n", caught, pending(SIGUSR1));
	SAY(sigrelse(SIGUSR1));
	printf("  caught %d, pending %d\n", caught, pending(SIGUSR1));
	SAY(sigset(SIGUSR1, SIG_HOLD) == handler);
	SAY(raise(SIGUSR1));
	SAY(sigpause(SIGUSR1) == -1 && errno == EINTR);
	printf("  caught %d\n", caught);
	SAY(sigignore(SIGUSR1));
	SAY(sigrelse(SIGUSR1));
	SAY(raise(SIGUSR1));
	printf("  caught %d\n", caught);
	SAY(sighold(-1) == -1 && errno == EINVAL);
	SAY(sigset(SIGKILL, SIG_IGN) == SIG_ERR && errno == EINVAL);
}

static void interrupting(void)
{
	struct itimerval in = { { 0, 0 }, { 0, 20000 } }, left;
	struct sigaction action;
	int pipes[2];
	char c;

	(void)!pipe(pipes);
	signal(SIGALRM, handler);
	sigaction(SIGALRM, NULL, &action);
	SAY((action.sa_flags & SA_RESTART) != 0);
	SAY(siginterrupt(SIGALRM, 1));
	sigaction(SIGALRM, NULL, &action);
	SAY((action.sa_flags & SA_RESTART) != 0);
	SAY(setitimer(ITIMER_REAL, &in, NULL));
	SAY(getitimer(ITIMER_REAL, &left));
	SAY(left.it_value.tv_sec == 0 && left.it_value.tv_usec <= 20000 && left.it_interval.tv_usec == 0);
	SAY(read(pipes[0], &c, 1) == -1 && errno == EINTR);
	SAY(siginterrupt(SIGALRM, 0));
	sigaction(SIGALRM, NULL, &action);
	SAY((action.sa_flags & SA_RESTART) != 0);
}

static void waiting(void)
{
	sigset_t set, old;
	int sig = 0;

	sigfillset(&set);
	SAY(sigdelset(&set, SIGTERM));
	SAY(sigismember(&set, SIGTERM));
	SAY(sigdelset(&set, 10000) == -1 && errno == EINVAL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	SAY(raise(SIGUSR2));
	SAY(sigwait(&set, &sig));
	SAY(sig == SIGUSR2);
	SAY(pending(SIGUSR2));
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void printing(void)
{
	siginfo_t info;

	fflush(stdout);
	dup2(1, 2);
	memset(&info, 0, sizeof info);
	info.si_signo = SIGUSR1;
	psignal(SIGINT, "interrupted");
	psignal(SIGTERM, NULL);
	SAY(strcmp(strsignal(SIGKILL), "Killed"));
}

int main(void)
{
	holding();
	interrupting();
	waiting();
	printing();
	return 0;
}
