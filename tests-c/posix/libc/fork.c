/* fork: separate memory, stdio, setjmp in the child, atfork handlers, vfork. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static jmp_buf back;
static int global = 1;

static void prepare(void)
{
	puts("prepare");
}

static void parent(void)
{
	puts("parent");
}

static void child(void)
{
	puts("child");
}

static int wait_for(pid_t pid)
{
	int status = -1;

	fflush(stdout);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

__attribute__((noinline)) static pid_t deep(int n, int *local)
{
	pid_t pid = n ? deep(n - 1, local) : fork();

	*local += pid ? 0 : 1;
	return pid;
}

static void memory(void)
{
	int local = 0;
	char *heap = strdup("parent");

	fflush(stdout);
	pid_t pid = deep(10, &local);
	if (pid == 0) {
		global = 2;
		strcpy(heap, "child");
		printf("child %d %d %s %d\n", local, global, heap, getpid() != getppid());
		exit(7);
	}
	printf("status %d\n", wait_for(pid));
	printf("parent %d %d %s\n", local, global, heap);
	free(heap);
}

static void jumps(void)
{
	volatile pid_t pid = -1;
	int value = setjmp(back);

	fflush(stdout);
	if (value == 0) {
		pid = fork();
		if (pid == 0)
			longjmp(back, 5);
		printf("status %d\n", wait_for(pid));
		return;
	}
	printf("child jumped with %d\n", value);
	fflush(stdout);
	_exit(value);
}

static void vforks(void)
{
	for (int i = 0; i < 3; i++) {
		fflush(stdout);
		pid_t pid = vfork();
		if (pid == 0) {
			if (i == 0)
				execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
			if (i == 1)
				execl("/nonexistent", "x", (char *)NULL);
			_exit(20 + i);
		}
		printf("vfork status %d\n", wait_for(pid));
	}
}

int main(void)
{
	memory();
	jumps();
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(i);
		if (wait_for(pid) != i)
			puts("wrong status");
	}
	vforks();
	pthread_atfork(prepare, parent, child);
	fflush(stdout);
	int parent_wrote[2];
	char end;
	pipe(parent_wrote);
	pid_t pid = fork();
	if (pid == 0) {
		close(parent_wrote[1]);
		read(parent_wrote[0], &end, 1);
		fflush(stdout);
		raise(9);
	}
	fflush(stdout);
	close(parent_wrote[1]);
	printf("killed %d\n", wait_for(pid));
	return 0;
}
