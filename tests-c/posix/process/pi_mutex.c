/* Mutexes with PTHREAD_PRIO_INHERIT: all types, time-outs, an owner that ends, conditions, and many threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 6
#define TURNS 300

static pthread_mutex_t m;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int counter, stage;

static const char *name(int err)
{
	return err == 0 ? "0" : err == EBUSY ? "EBUSY" : err == EPERM ? "EPERM" : err == EDEADLK ? "EDEADLK" :
	       err == ETIMEDOUT ? "ETIMEDOUT" : err == EOWNERDEAD ? "EOWNERDEAD" : strerror(err);
}

static void make(int type, int robust)
{
	pthread_mutexattr_t a;
	int protocol;

	pthread_mutexattr_init(&a);
	printf("setprotocol: %s\n", name(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT)));
	pthread_mutexattr_getprotocol(&a, &protocol);
	printf("inherit: %d\n", protocol == PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_settype(&a, type);
	pthread_mutexattr_setrobust(&a, robust);
	printf("init: %s\n", name(pthread_mutex_init(&m, &a)));
}

static struct timespec in_ms(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000l;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *tries(void *arg)
{
	struct timespec soon = in_ms(30);

	(void)arg;
	printf("trylock of another's: %s\n", name(pthread_mutex_trylock(&m)));
	printf("timedlock of another's: %s\n", name(pthread_mutex_timedlock(&m, &soon)));
	printf("unlock of another's: %s\n", name(pthread_mutex_unlock(&m)));
	return NULL;
}

static void *counts(void *arg)
{
	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&m);
		int before = counter;

		if (i % 50 == 0)
			usleep(100);
		counter = before + 1;
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

static void *ends(void *arg)
{
	pthread_mutex_lock(&m);
	__atomic_store_n(&stage, 1, __ATOMIC_SEQ_CST);
	usleep(*(int *)arg);
	return NULL;
}

static void *waits(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&m);
	while (stage != 2)
		pthread_cond_wait(&changed, &m);
	stage = 3;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void together(void *(*f)(void *), int n)
{
	pthread_t id[THREADS];

	for (int i = 0; i < n; i++)
		pthread_create(&id[i], NULL, f, NULL);
	for (int i = 0; i < n; i++)
		pthread_join(id[i], NULL);
}

int main(void)
{
	int pauses[] = { 0, 30000 };
	pthread_t id;

	printf("-- errorcheck\n");
	make(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	printf("lock: %s\n", name(pthread_mutex_lock(&m)));
	printf("again: %s\n", name(pthread_mutex_lock(&m)));
	together(tries, 1);
	printf("unlock: %s\n", name(pthread_mutex_unlock(&m)));
	printf("again: %s\n", name(pthread_mutex_unlock(&m)));
	pthread_mutex_destroy(&m);

	printf("-- recursive\n");
	make(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	for (int i = 0; i < 3; i++)
		printf("lock: %s\n", name(pthread_mutex_lock(&m)));
	for (int i = 0; i < 3; i++)
		printf("unlock: %s\n", name(pthread_mutex_unlock(&m)));
	printf("trylock: %s\n", name(pthread_mutex_trylock(&m)));
	printf("unlock: %s\n", name(pthread_mutex_unlock(&m)));

	printf("-- normal\n");
	make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
	together(counts, THREADS);
	printf("counted: %d\n", counter);
	pthread_create(&id, NULL, waits, NULL);
	pthread_mutex_lock(&m);
	stage = 2;
	pthread_cond_broadcast(&changed);
	while (stage != 3)
		pthread_cond_wait(&changed, &m);
	pthread_mutex_unlock(&m);
	pthread_join(id, NULL);
	printf("conditions: %d\n", stage);

	for (int i = 0; i < 2; i++) {
		printf("-- robust, %s\n", i ? "the owner ends while another waits" : "the owner has ended");
		make(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
		stage = 0;
		pthread_create(&id, NULL, ends, &pauses[i]);
		if (i == 0)
			pthread_join(id, NULL);
		while (!__atomic_load_n(&stage, __ATOMIC_SEQ_CST))
			usleep(1000);
		printf("lock: %s\n", name(pthread_mutex_lock(&m)));
		printf("consistent: %s\n", name(pthread_mutex_consistent(&m)));
		printf("unlock: %s\n", name(pthread_mutex_unlock(&m)));
		printf("lock: %s\n", name(pthread_mutex_lock(&m)));
		printf("unlock: %s\n", name(pthread_mutex_unlock(&m)));
		if (i)
			pthread_join(id, NULL);
		pthread_mutex_destroy(&m);
	}
	printf("sysconf: %d %d\n", sysconf(_SC_PRIORITY_SCHEDULING) >= 200112, sysconf(_SC_THREAD_PRIO_INHERIT) >= 200112);
	return 0;
}
