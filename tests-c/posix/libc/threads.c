/* Threads: create, join, detach, TLS, mutex, condition, rwlock, barrier, once, keys, cancel. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, TURNS = 20000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_key_t key;
static sem_t semaphore;
static _Thread_local int mine = 5;
static int counter, guarded, initialised, destroyed, serial;

static void initialise(void)
{
	initialised++;
}

static void destroy(void *value)
{
	__atomic_add_fetch(&destroyed, (int)(intptr_t)value, __ATOMIC_SEQ_CST);
}

static void *work(void *arg)
{
	pthread_once(&once, initialise);
	pthread_setspecific(key, (void *)1);
	mine += (int)(intptr_t)arg;
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
		if (i % 100 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			guarded++;
			pthread_rwlock_unlock(&rwlock);
		}
	}
	if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		__atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
	return (void *)(intptr_t)mine;
}

static int turn;

static void *pong(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		while (turn != 1)
			pthread_cond_wait(&condition, &mutex);
		turn = 0;
		pthread_cond_signal(&condition);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void cleanup(void *arg)
{
	*(int *)arg = 1;
}

static void *sleeper(void *arg)
{
	pthread_cleanup_push(cleanup, arg);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *detached(void *arg)
{
	sem_post(arg);
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS], other;
	pthread_attr_t attr;
	void *result;
	int cleaned = 0;
	struct timespec past = { 1, 0 };

	pthread_barrier_init(&barrier, NULL, THREADS);
	pthread_key_create(&key, destroy);
	sem_init(&semaphore, 0, 0);
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)i))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		printf("thread %d: %d\n", i, (int)(intptr_t)result);
	}
	printf("%d %d %d %d %d %d\n", counter, guarded, initialised, destroyed, serial, mine);
	pthread_create(&other, NULL, pong, NULL);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		turn = 1;
		pthread_cond_signal(&condition);
		while (turn != 0)
			pthread_cond_wait(&condition, &mutex);
	}
	printf("%d\n", pthread_cond_timedwait(&condition, &mutex, &past) == ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	pthread_join(other, NULL);
	pthread_create(&other, NULL, sleeper, &cleaned);
	usleep(10000);
	pthread_cancel(other);
	pthread_join(other, &result);
	printf("cancelled %d %d\n", result == PTHREAD_CANCELED, cleaned);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 20; i++) {
		pthread_create(&other, &attr, detached, &semaphore);
		sem_wait(&semaphore);
	}
	printf("%d ", sem_trywait(&semaphore));
	printf("%d\n", errno == EAGAIN);
	printf("%d\n", pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_trylock(&mutex) == EBUSY);
	return 0;
}
