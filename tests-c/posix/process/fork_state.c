/* What fork takes along: buffered output and input, scopes of setjmp, signals, functions of atexit. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static jmp_buf outer, inner;
static sigjmp_buf from_handler;

static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What is pending is written by each that exits; _exit writes nothing. */
static void pending_output(void)
{
	int fd[2];
	char text[256];
	FILE *f;
	pid_t pid;
	size_t n = 0;
	ssize_t got;

	pipe(fd);
	f = fdopen(fd[1], "w");
	fputs("pending,", f);
	if ((pid = fork()) == 0) {
		fputs("child,", f);
		exit(0);
	}
	status_of(pid);
	if ((pid = fork()) == 0) {
		fputs("never,", f);
		_exit(0);
	}
	status_of(pid);
	fputs("parent.", f);
	fclose(f);
	while ((got = read(fd[0], text + n, sizeof text - 1 - n)) > 0)
		n += got;
	text[n] = 0;
	printf("%s\n", text);
	close(fd[0]);
}

/* What was read ahead is in the child's memory, too. */
static void pending_input(void)
{
	int fd[2];
	char line[64];
	FILE *f;
	pid_t pid;

	pipe(fd);
	dprintf(fd[1], "one\ntwo\nthree\n");
	close(fd[1]);
	f = fdopen(fd[0], "r");
	fgets(line, sizeof line, f);
	ungetc('!', f);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		fgets(line, sizeof line, f);
		printf("child %s", line);
		fflush(stdout);
		_exit(0);
	}
	status_of(pid);
	while (fgets(line, sizeof line, f))
		printf("parent %s", line);
	fclose(f);
}

__attribute__((noinline)) static pid_t in_scopes(int depth)
{
	jmp_buf own;
	volatile int kept = depth;
	pid_t pid;

	if (setjmp(own) != 0)
		return -1;
	pid = depth ? in_scopes(depth - 1) : fork();
	if (pid == 0 && kept == 2)
		longjmp(inner, 40 + kept);
	return pid;
}

/* Fork below five scopes of setjmp; the child jumps to the second outermost, and then to the outermost. */
static void scopes(void)
{
	volatile int local = 1;
	volatile pid_t pid = -5;
	int value;

	fflush(stdout);
	if ((value = setjmp(outer)) != 0)
		_exit(value + local);
	if ((value = setjmp(inner)) != 0) {
		local += 10;
		longjmp(outer, value);
	}
	pid = in_scopes(3);
	value = status_of(pid);
	printf("scopes %d %d\n", value, local);
	/* The parent's are as they were. */
	if ((value = setjmp(inner)) == 0)
		longjmp(inner, 6);
	printf("then %d\n", value);
}

static void forks_and_jumps(int sig)
{
	pid_t pid = fork();

	siglongjmp(from_handler, pid ? 1 : 2);
}

static void out_of_handler(void)
{
	sigset_t set;
	volatile int value;

	signal(SIGUSR1, forks_and_jumps);
	fflush(stdout);
	if ((value = sigsetjmp(from_handler, 1)) == 0)
		raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	if (value == 2)
		_exit(10 + sigismember(&set, SIGUSR1));
	printf("handler %d %d %d\n", value, sigismember(&set, SIGUSR1), status_of(-1));
}

/* Signals that are pending, timers and alarms are the parent's only; the mask is inherited. */
static void signals(void)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	alarm(100);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		sigset_t now, mask;
		sigpending(&now);
		sigprocmask(SIG_BLOCK, NULL, &mask);
		_exit(sigismember(&now, SIGUSR2) + 2 * sigismember(&mask, SIGUSR2) + 4 * (alarm(0) > 0));
	}
	printf("child's signals %d", status_of(pid));
	sigpending(&set);
	printf(" parent's %d alarm %d\n", sigismember(&set, SIGUSR2), alarm(0) > 90);
}

static void at_exit(void)
{
	fputs("at exit\n", stdout);
}

/* Functions of atexit are inherited and run by exit in both. */
static void ends(void)
{
	pid_t pid;

	atexit(at_exit);
	fflush(stdout);
	if ((pid = fork()) == 0)
		exit(3);
	printf("ended %d\n", status_of(pid));
	fflush(stdout);
}

int main(void)
{
	pending_output();
	pending_input();
	scopes();
	out_of_handler();
	signals();
	ends();
	return 0;
}
