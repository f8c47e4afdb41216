/* How threads end: cancellation points, masks of cancellation, robust mutexes, signals to a thread, exit with others asleep. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipes[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, robust;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t ready;
static pthread_t signalled;
static volatile sig_atomic_t handled_by_right_one, woken;

static void unlock(void *m)
{
	pthread_mutex_unlock(m);
}

static void *in_read(void *arg)
{
	char c;

	sem_post(&ready);
	return (void *)(long)read(pipes[0], &c, 1);
}

static void *in_condition(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	sem_post(&ready);
	for (;;)
		pthread_cond_wait(&condition, &mutex);
	pthread_cleanup_pop(1);
	return NULL;
}

static void *disabled(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	sem_post(&ready);
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	puts("not cancelled while disabled");
	pthread_setcancelstate(old, NULL);
	pthread_testcancel();
	puts("never here");
	return NULL;
}

static void *dies_with_lock(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}

static void handler(int sig)
{
	handled_by_right_one = pthread_equal(pthread_self(), signalled);
}

static void *waits_for_signal(void *arg)
{
	sem_post(&ready);
	printf("pause %d\n", pause());
	woken = 1;
	return NULL;
}

static void *sleeps_for_ever(void *arg)
{
	sem_post(&ready);
	for (;;)
		pause();
}

static void cancel(void *(*body)(void *), const char *name)
{
	pthread_t t;
	void *result;

	pthread_create(&t, NULL, body, NULL);
	while (sem_wait(&ready))
		;
	pthread_cancel(t);
	pthread_join(t, &result);
	printf("%s: %d\n", name, result == PTHREAD_CANCELED);
}

static void robustness(void)
{
	pthread_mutexattr_t attr;
	pthread_t t;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&robust, &attr);
	pthread_create(&t, NULL, dies_with_lock, NULL);
	pthread_join(t, NULL);
	printf("owner died %d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);
	printf("consistent %d\n", pthread_mutex_consistent(&robust));
	printf("again %d\n", pthread_mutex_lock(&robust) == EDEADLK);
	printf("unlock %d", pthread_mutex_unlock(&robust));
	printf(" %d\n", pthread_mutex_unlock(&robust) == EPERM);
}

static void *last(void *arg)
{
	usleep(20000);
	puts("last thread");
	return NULL;
}

int main(void)
{
	struct timespec soon;
	pthread_t t;
	int status;

	if (pipe(pipes))
		return 1;
	sem_init(&ready, 0, 0);
	cancel(in_read, "read");
	cancel(in_condition, "condition");
	printf("mutex is free %d\n", pthread_mutex_trylock(&mutex) == 0);
	cancel(disabled, "disabled");
	robustness();
	signal(SIGUSR1, handler);
	pthread_create(&signalled, NULL, waits_for_signal, NULL);
	sem_wait(&ready);
	do {
		pthread_kill(signalled, SIGUSR1);
		usleep(1000);
	} while (!woken); /* a signal may come before the pause */
	pthread_join(signalled, NULL);
	printf("right one %d\n", handled_by_right_one);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000)
		soon.tv_sec++, soon.tv_nsec -= 1000000000;
	printf("%d", sem_timedwait(&ready, &soon));
	printf(" %d\n", errno == ETIMEDOUT);
	printf("timed lock %d\n", pthread_mutex_timedlock(&mutex, &soon) == ETIMEDOUT);
	fflush(stdout);
	pthread_create(&t, NULL, sleeps_for_ever, NULL);
	sem_wait(&ready);
	pid_t pid = fork(); /* a thread sleeps; the child has only this one */
	if (pid == 0) {
		puts("child");
		exit(5);
	}
	waitpid(pid, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
	pthread_cancel(t);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, last, NULL);
	pthread_exit(NULL); /* the process goes on, and ends with 0 */
}
