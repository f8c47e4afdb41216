/* fork from threads that are not the first: what the child has, and how it ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static __thread int tls = 1;
static pthread_key_t key;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static volatile int stop;

static void wait_for(const char *what, pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	fflush(stdout);
}

static void in_thread(void *(*f)(void *), void *arg)
{
	pthread_t t;

	fflush(stdout);
	if (pthread_create(&t, NULL, f, arg))
		exit(1);
	pthread_join(t, NULL);
}

__attribute__((noinline)) static pid_t deep(int n, volatile int *local)
{
	volatile char frame[512];
	pid_t pid;

	frame[n] = n;
	pid = n ? deep(n - 1, local) : fork();
	*local += frame[n];
	return pid;
}

/* The caller's stack, its TLS, its identity, and the first thread's stack. */
static void *state(void *arg)
{
	volatile int local = 0, *mains = arg;
	pthread_t self = pthread_self();
	pid_t pid;

	tls = 42;
	pid = deep(20, &local);
	if (pid == 0) {
		printf("child: local %d tls %d main's %d self %d tid %d\n", local, tls, *mains,
		       pthread_equal(self, pthread_self()) != 0, gettid() == getpid());
		*mains = 8;
		tls = 43;
		fflush(stdout);
		_exit(3);
	}
	wait_for("state", pid);
	printf("parent: local %d tls %d main's %d\n", local, tls, *mains);
	return NULL;
}

static void said_at_exit(void)
{
	printf("atexit in %s\n", tls == 7 ? "the forked thread" : "the first thread");
}

/* To return from the start function ends the child's last thread: exit(0). */
static void *returns(void *arg)
{
	pid_t pid;

	tls = 7;
	pid = fork();
	if (pid == 0) {
		atexit(said_at_exit);
		printf("buffered\n");
		return (void *)5;
	}
	wait_for("return", pid);
	return NULL;
}

static void destroy(void *value)
{
	printf("destructor %s\n", (char *)value);
}

static void cleanup(void *value)
{
	printf("cleanup %s\n", (char *)value);
}

static void *exits(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		pthread_setspecific(key, "of the child");
		pthread_cleanup_push(cleanup, "handler");
		pthread_exit((void *)9);
		pthread_cleanup_pop(0);
	}
	wait_for("pthread_exit", pid);
	pid = fork();
	if (pid == 0)
		exit(12);
	wait_for("exit", pid);
	return NULL;
}

static void *worker(void *arg)
{
	tls += *(int *)arg;
	return (void *)(long)tls;
}

static void *outlives(void *arg)
{
	usleep(30000);
	printf("the other thread goes on\n");
	return NULL;
}

/* The child may have threads of its own, and its first may end before them. */
static void *threads(void *arg)
{
	int add = 10;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;
		void *result;

		pthread_create(&t, NULL, worker, &add);
		pthread_join(t, &result);
		printf("a thread of the child: %ld\n", (long)result);
		pthread_create(&t, NULL, outlives, NULL);
		pthread_exit(NULL);
	}
	wait_for("threads", pid);
	return NULL;
}

static void *again(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			_exit(4);
		wait_for("grandchild", pid);
		pid = fork();
		if (pid == 0) {
			execl("/bin/sh", "sh", "-c", "exit 6", (char *)NULL);
			_exit(127);
		}
		wait_for("exec", pid);
		_exit(5);
	}
	wait_for("child", pid);
	return NULL;
}

/* What another thread holds stays locked in the child, as its owner is not there. */
static void *mutexes(void *arg)
{
	pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER;
	pid_t pid;

	pthread_mutex_lock(&mine);
	pid = fork();
	if (pid == 0) {
		printf("held elsewhere: %d\n", pthread_mutex_trylock(&held) == EBUSY);
		printf("my own: %d", pthread_mutex_unlock(&mine));
		printf(" %d\n", pthread_mutex_lock(&mine));
		fflush(stdout);
		_exit(0);
	}
	wait_for("mutexes", pid);
	return NULL;
}

static void *busy(void *arg)
{
	while (!stop) {
		char *p = malloc(100), *q = malloc(5000);
		FILE *f = fopen("/dev/null", "w");

		fprintf(f, "%p", p);
		fclose(f);
		free(p);
		free(q);
	}
	return NULL;
}

/* libc's own locks are free in the child, whoever held them. */
static void *locks(void *arg)
{
	int right = 0;
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, busy, NULL);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			char *p = malloc(3000);
			FILE *f = fopen("/dev/null", "w");

			fprintf(f, "%d", i);
			fclose(f);
			free(p);
			_exit(i);
		}
		waitpid(pid, &status, 0);
		right += WIFEXITED(status) && WEXITSTATUS(status) == i;
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("locks: %d of 20\n", right);
	return NULL;
}

static void *jumps(void *arg)
{
	jmp_buf env;
	volatile pid_t pid = -1;
	int value = setjmp(env);

	if (value) {
		printf("jumped with %d\n", value);
		fflush(stdout);
		_exit(value);
	}
	pid = fork();
	if (pid == 0)
		longjmp(env, 2);
	wait_for("jump", pid);
	return NULL;
}

static void prepare(void) { printf("prepare\n"); fflush(stdout); }
static void parent(void) { printf("parent\n"); }
static void child(void) { printf("child\n"); }

static void *atfork(void *arg)
{
	int gate[2];
	char c;
	pid_t pid;

	if (pipe(gate))
		return NULL;
	pthread_atfork(prepare, parent, child);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		read(gate[0], &c, 1); /* the parent writes first */
		fflush(stdout);
		_exit(0);
	}
	fflush(stdout);
	close(gate[1]);
	wait_for("atfork", pid);
	return NULL;
}

static void *detached(void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		return NULL;
	wait_for("detached", pid);
	write(*(int *)arg, "", 1);
	return NULL;
}

int main(void)
{
	int local = 7, done[2];
	pthread_attr_t attr;
	pthread_t t;
	char c;

	pthread_key_create(&key, destroy);
	in_thread(state, &local);
	in_thread(returns, NULL);
	in_thread(exits, NULL);
	in_thread(threads, NULL);
	in_thread(again, NULL);
	pthread_mutex_lock(&held);
	in_thread(mutexes, NULL);
	in_thread(locks, NULL);
	in_thread(jumps, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pipe(done);
	pthread_create(&t, &attr, detached, &done[1]);
	read(done[0], &c, 1);
	in_thread(atfork, NULL);
	return 0;
}
