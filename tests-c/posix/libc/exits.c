/* How a process ends: exit and its functions, quick_exit, abort, exit and pthread_exit in threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_t first;

static void say(const char *what)
{
	write(1, what, strlen(what));
}

static void one(void)
{
	say("one\n");
}

static void two(void)
{
	say("two\n");
}

/* Runs next, though two was registered before it. */
static void registers(void)
{
	say("registers\n");
	atexit(one);
}

static void exits(void)
{
	atexit(two);
	atexit(registers);
	fputs("buffered\n", stdout);
	exit(0x104);
}

static void exits_at_once(void)
{
	atexit(one);
	fputs("never seen\n", stdout);
	_exit(5);
}

static void exits_quickly(void)
{
	at_quick_exit(one);
	at_quick_exit(two);
	atexit(registers);
	quick_exit(6);
}

static void on_abort(int sig)
{
	say("SIGABRT\n");
}

static void aborts(void)
{
	atexit(one);
	signal(SIGABRT, on_abort);
	abort();
}

static void aborts_ignored(void)
{
	signal(SIGABRT, SIG_IGN);
	abort();
}

static void aborts_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	abort();
}

static void *exit_in_thread(void *arg)
{
	atexit(one);
	exit(7);
}

static void thread_exits(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_in_thread, NULL);
	for (;;)
		pause();
}

static void *joins_first(void *arg)
{
	void *result = NULL;
	int err = pthread_join(first, &result);

	printf("joined the first thread: %d %d\n", err, (int)(intptr_t)result);
	return NULL;
}

/* The process ends with its last thread, as if by exit(0). */
static void first_leaves(void)
{
	pthread_t thread;

	atexit(one);
	first = pthread_self();
	pthread_create(&thread, NULL, joins_first, NULL);
	pthread_exit((void *)8);
}

static void *returns(void *arg)
{
	return arg;
}

static void first_leaves_last(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, returns, NULL);
	pthread_join(thread, NULL);
	pthread_exit((void *)9);
}

static void in_child(const char *name, void (*f)(void))
{
	int status = -1;
	pid_t pid;

	printf("%s:\n", name);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		f();
		_exit(99);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	printf("%s %d\n", WIFEXITED(status) ? "exit" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int main(void)
{
	in_child("exit", exits);
	in_child("_exit", exits_at_once);
	in_child("quick_exit", exits_quickly);
	in_child("abort, handled", aborts);
	in_child("abort, ignored", aborts_ignored);
	in_child("abort, blocked", aborts_blocked);
	in_child("exit in a thread", thread_exits);
	in_child("pthread_exit of the first thread", first_leaves);
	in_child("pthread_exit of the last thread", first_leaves_last);
	return 0;
}
