/*
 * Processes one after the other leave nothing behind: forks, spawns, threads,
 * vforks, kills, and the kernel holds what it held before.
 *
 *   growth [COUNT [mark]]   `mark`: say when each part begins and ends, and wait for a
 *                           line, so that the host can be measured (tests-c/suites/growth.sh)
 */
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_objects.h"

#define WARM_UP 40 /* or a tenth of the count: engines let their heaps grow at first */
#define CROWD 12 /* at once, before anything is counted: the most workers that are needed */
#define SLACK_KIB 512 /* caches of pages and slabs that are kept for the next */

extern char **environ;
static const char *self;
static int wrong;

static void ended(pid_t pid, int expected)
{
	int status = -1;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != expected)
		wrong++;
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	ended(pid, 3 << 8);
}

static void do_spawn(void)
{
	char *args[] = { (char *)self, "exit", NULL };
	pid_t pid = 0;

	if (posix_spawn(&pid, self, NULL, NULL, args, environ) != 0)
		pid = -1;
	ended(pid, 4 << 8);
}

static void *thread(void *arg)
{
	return arg;
}

static void do_thread(void)
{
	pthread_t t;
	void *result = NULL;

	if (pthread_create(&t, NULL, thread, &wrong) != 0 || pthread_join(t, &result) != 0 || result != &wrong)
		wrong++;
}

static void do_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "exit", NULL);
		_exit(1);
	}
	ended(pid, 4 << 8);
}

/* Terminated in the middle of a loop: its worker goes with it. */
static void do_kill(void)
{
	int fd[2];
	char c;
	pid_t pid;

	if (pipe(fd) != 0 || (pid = fork()) < 0) {
		wrong++;
		return;
	}
	if (pid == 0) {
		volatile unsigned n = 0;

		if (write(fd[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			n++;
	}
	if (read(fd[0], &c, 1) != 1)
		wrong++;
	kill(pid, SIGKILL);
	close(fd[0]);
	close(fd[1]);
	ended(pid, SIGKILL);
}

/* A process with threads that ends under them. */
static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static void do_threads_killed(void)
{
	pthread_t t;
	pid_t pid = fork();

	if (pid == 0) {
		if (pthread_create(&t, NULL, sleeper, NULL) != 0 || pthread_create(&t, NULL, sleeper, NULL) != 0)
			_exit(1);
		_exit(5);
	}
	ended(pid, 5 << 8);
}

static void crowd(void)
{
	pid_t pid[CROWD];

	for (int i = 0; i < CROWD; i++)
		if ((pid[i] = fork()) == 0)
			for (;;)
				pause();
	for (int i = 0; i < CROWD; i++)
		if (pid[i] > 0 && kill(pid[i], SIGKILL) == 0)
			ended(pid[i], SIGKILL);
}

static const struct part {
	const char *name;
	void (*once)(void);
	int share; /* one of so many is done */
} parts[] = {
	{ "fork", do_fork, 1 },     { "spawn", do_spawn, 1 }, { "thread", do_thread, 1 },
	{ "vfork", do_vfork, 4 },   { "kill", do_kill, 10 },  { "threads killed", do_threads_killed, 2 },
};

static void mark(int marks, const char *what, const char *name)
{
	char line[16];

	if (!marks)
		return;
	printf("mark %s %s\n", what, name);
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		exit(1);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 300, marks = argc > 2;
	int warm_up = count / 10 > WARM_UP ? count / 10 : WARM_UP;
	static struct objects before;
	int grown = 0;

	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 4;
	crowd();
	for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		const struct part *p = &parts[i];

		for (int n = 0; n < warm_up / p->share + 1; n++)
			p->once();
		mark(marks, "before", p->name);
		objects_read(&before); /* makes its own file objects once */
		objects_read(&before);
		for (int n = 0; n < count / p->share; n++)
			p->once();
		mark(marks, "after", p->name);
		if (objects_settle(&before, SLACK_KIB))
			continue;
		printf("%d times %s: the kernel holds more than before\n", count / p->share, p->name);
		grown++;
	}
	printf("%d wrong, %d grown\n", wrong, grown);
	return wrong || grown;
}
