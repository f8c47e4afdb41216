/*
 * kill -9 of anything at any time leaves every other process working: 1,000
 * kills at random moments of processes that compute, fork, pipe, write files
 * and sleep, while two witnesses talk over pipes and must not stumble.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS 1000
#define VICTIMS 6

static unsigned seed = 12345;

static unsigned next(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

static void compute(void)
{
	volatile unsigned long n = 0;

	for (;;)
		n++;
}

static void fork_forever(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void pipe_forever(void)
{
	static char buf[65536];
	int fd[2];

	pipe(fd);
	if (fork() == 0) {
		close(fd[1]);
		while (read(fd[0], buf, sizeof(buf)) > 0)
			;
		_exit(0);
	}
	close(fd[0]);
	signal(SIGPIPE, SIG_DFL);
	for (;;)
		write(fd[1], buf, sizeof(buf));
}

static void files_forever(void)
{
	static char buf[10000];
	char name[64], other[64];

	snprintf(name, sizeof(name), "storm.%d", (int)getpid());
	snprintf(other, sizeof(other), "storm.%d.new", (int)getpid());
	for (;;) {
		int fd = open(name, O_CREAT | O_RDWR | O_APPEND, 0600);

		write(fd, buf, sizeof(buf));
		close(fd);
		rename(name, other);
		unlink(other);
	}
}

static void sleep_forever(void)
{
	for (;;)
		pause();
}

static void spin_in_kernel(void)
{
	struct stat st;

	for (;;)
		stat("/tmp/no/such/file", &st);
}

static void (*const kinds[VICTIMS])(void) = {
	compute, fork_forever, pipe_forever, files_forever, sleep_forever, spin_in_kernel
};

static pid_t start(int kind)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0); /* so that what it forked can be ended too */
		kinds[kind]();
	}
	return pid;
}

/* Echoes numbers until the pipe closes. */
static void witness(int in, int out)
{
	unsigned n;

	while (read(in, &n, sizeof(n)) == sizeof(n)) {
		n++;
		if (write(out, &n, sizeof(n)) != sizeof(n))
			break;
	}
	_exit(0);
}

int main(void)
{
	int to[2], from[2], killed = 0, wrong = 0, refused = 0;
	unsigned said = 0, heard = 0;
	pid_t victims[VICTIMS], w;
	struct timespec ts = { 0, 0 };

	pipe(to);
	pipe(from);
	w = fork();
	if (w == 0) {
		close(to[1]);
		close(from[0]);
		witness(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	for (int i = 0; i < VICTIMS; i++)
		victims[i] = start(i);
	while (killed < KILLS) {
		int i = next(VICTIMS), status;

		ts.tv_nsec = next(1500000);
		nanosleep(&ts, NULL);
		if (kill(victims[i], SIGKILL) != 0 || waitpid(victims[i], &status, 0) != victims[i] ||
		    !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			wrong++;
		kill(-victims[i], SIGKILL);
		killed++;
		while ((victims[i] = start(i)) < 0) {
			refused++;
			ts.tv_nsec = 1000000;
			nanosleep(&ts, NULL);
		}
		if (write(to[1], &said, sizeof(said)) != sizeof(said) ||
		    read(from[0], &heard, sizeof(heard)) != sizeof(heard) || heard != said + 1) {
			printf("the witness stumbled after %d kills\n", killed);
			return 1;
		}
		said = heard;
	}
	for (int i = 0; i < VICTIMS; i++) {
		kill(victims[i], SIGKILL);
		kill(-victims[i], SIGKILL);
		waitpid(victims[i], NULL, 0);
	}
	close(to[1]);
	waitpid(w, NULL, 0);
	system("rm -f storm.*");
	if (refused > 100)
		printf("processes were refused %d times\n", refused);
	printf("%d kills, %d wrong, the witness counted to %u\n", killed, wrong, said);
	return 0;
}
