/*
 * When there is room for no more processes and threads, fork, posix_spawn and
 * pthread_create say EAGAIN, who is there works on, and room comes back.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_objects.h"

#define CROWD 200        /* more than TabOS has room for */
#define CROWD_TABOS 100  /* and so many it has room for at least */

extern char **environ;
static pid_t pids[CROWD];
static int to[CROWD][2], from[2];

static void echo(int in)
{
	unsigned n;

	while (read(in, &n, sizeof n) == sizeof n)
		if (write(from[1], &n, sizeof n) != sizeof n)
			break;
	_exit(0);
}

static void *thread(void *arg)
{
	return arg;
}

/* How many children there are; fork has said no, or there are enough. */
static int gather(void)
{
	int n;

	for (n = 0; n < CROWD; n++) {
		if (pipe(to[n]) != 0)
			break;
		pids[n] = fork();
		if (pids[n] == 0) {
			for (int i = 0; i <= n; i++)
				close(to[i][1]);
			echo(to[n][0]);
		}
		close(to[n][0]);
		if (pids[n] < 0) {
			close(to[n][1]);
			break;
		}
	}
	return n;
}

static int all_answer(int n)
{
	unsigned long sum = 0, expected = 0;
	unsigned answer;

	for (unsigned i = 0; i < (unsigned)n; i++) {
		expected += i;
		if (write(to[i][1], &i, sizeof i) != sizeof i)
			return 0;
	}
	for (int i = 0; i < n; i++) {
		if (read(from[0], &answer, sizeof answer) != sizeof answer)
			return 0;
		sum += answer;
	}
	return sum == expected;
}

static int spawn_self(const char *self)
{
	char *args[] = { (char *)self, "exit", NULL };
	int status = -1;
	pid_t pid;
	int err = posix_spawn(&pid, self, NULL, NULL, args, environ);

	if (err == 0)
		waitpid(pid, &status, 0);
	return err ? err : status;
}

int main(int argc, char **argv)
{
	int n, err, wrong = 0;
	pthread_t t;

	if (argc == 2)
		return 0;
	if (pipe(from))
		return 1;
	for (int round = 0; round < 3; round++) {
		n = gather();
		err = errno;
		if (is_tabos()) {
			if (n < CROWD_TABOS || n == CROWD || err != EAGAIN) {
				printf("%d processes, then %s\n", n, strerror(err));
				wrong++;
			}
			if ((err = spawn_self(argv[0])) != EAGAIN) {
				printf("posix_spawn with no room: %d\n", err);
				wrong++;
			}
			if ((err = pthread_create(&t, NULL, thread, NULL)) != EAGAIN) {
				printf("pthread_create with no room: %d\n", err);
				wrong++;
			}
		} else if (n != CROWD) {
			printf("this machine has no room for %d processes: %s\n", n, strerror(err));
		}
		printf("all there answer: %d\n", all_answer(n));
		/* Half end by themselves, half are killed. */
		for (int i = 0; i < n; i++) {
			close(to[i][1]);
			if (i & 1)
				kill(pids[i], SIGKILL);
		}
		for (int i = 0; i < n; i++)
			if (waitpid(pids[i], NULL, 0) != pids[i])
				wrong++;
		/* A worker that was terminated is gone a little later. */
		for (int turn = 0; turn < SETTLE_TURNS && (err = spawn_self(argv[0])) == EAGAIN; turn++)
			usleep(25000);
		printf("then posix_spawn: %d\n", err);
	}
	printf("%d wrong\n", wrong);
	return wrong;
}
