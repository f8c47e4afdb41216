/* RLIMIT_CPU: SIGXCPU at the soft limit and each second from then on, SIGKILL at the hard one. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t told;
static volatile unsigned long work;

static void count(int sig)
{
	(void)sig;
	told++;
}

static void limit(rlim_t soft, rlim_t hard)
{
	struct rlimit l = { soft, hard };

	if (setrlimit(RLIMIT_CPU, &l) < 0)
		perror("setrlimit");
}

static void busy(void)
{
	for (;;)
		work++;
}

static void default_action(void)
{
	int status;

	if (fork() == 0) {
		limit(1, RLIM_INFINITY);
		busy();
	}
	wait(&status);
	printf("ends by SIGXCPU %d, core %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU,
	       WCOREDUMP(status) != 0);
}

/* The second child tells what it saw before it dies. */
static void hard_limit(void)
{
	struct rlimit l;
	int status, fds[2];
	char said = 0;

	pipe(fds);
	if (fork() == 0) {
		signal(SIGXCPU, count);
		limit(1, 2);
		while (!told)
			work++;
		getrlimit(RLIMIT_CPU, &l);
		said = l.rlim_cur == 2 && l.rlim_max == 2;
		write(fds[1], &said, 1);
		busy();
	}
	wait(&status);
	printf("told %zd,", read(fds[0], &said, 1));
	printf(" the limit moved %d\n", said);
	printf("ends by SIGKILL %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void in_children(void)
{
	struct rlimit l;
	int status;

	if (fork() == 0) {
		limit(7, 9);
		if (fork() == 0) {
			getrlimit(RLIMIT_CPU, &l);
			_exit(l.rlim_cur == 7 && l.rlim_max == 9 ? 3 : 4);
		}
		wait(&status);
		_exit(WEXITSTATUS(status));
	}
	wait(&status);
	printf("inherited %d\n", WEXITSTATUS(status));
}

int main(void)
{
	struct rlimit no_core = { 0, 0 }, bad = { 5, 4 };

	setvbuf(stdout, NULL, _IONBF, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	printf("soft over hard %d", setrlimit(RLIMIT_CPU, &bad));
	printf(" %d\n", errno == EINVAL);
	in_children();
	default_action();
	hard_limit();
	return 0;
}
