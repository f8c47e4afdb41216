/* Asynchronous cancellation: in loops without calls, with cleanup handlers, and when it is put off. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile uint64_t sink;
static volatile int started, cleaned[4], ncleaned, let_go;
static pthread_key_t key;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void clean(void *arg)
{
	cleaned[ncleaned++] = *(int *)arg;
}

static void destroy(void *value)
{
	cleaned[ncleaned++] = *(int *)value;
}

static uint64_t compute(uint64_t from)
{
	uint64_t steps = 0;

	for (uint64_t i = from; i; i++)
		for (uint64_t x = i; x > 1; steps++)
			x = x & 1 ? 3 * x + 1 : x / 2;
	return steps;
}

static uint64_t deep(int depth)
{
	return depth ? deep(depth - 1) + 1 : compute(9);
}

static void *in_loop(void *arg)
{
	static int one = 1, two = 2, three = 3;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_setspecific(key, &three);
	pthread_cleanup_push(clean, &one);
	pthread_cleanup_push(clean, &two);
	started = 1;
	sink = *(int *)arg ? deep(50) : compute(3);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

/* Deferred: a loop goes on until there is a cancellation point. */
static void *deferred(void *arg)
{
	static int one = 1;

	pthread_cleanup_push(clean, &one);
	started = 1;
	while (!let_go)
		sink++;
	sink = 77;
	pthread_testcancel();
	sink = 78;
	pthread_cleanup_pop(0);
	return NULL;
}

/* Disabled: pending, and acted on when it is enabled. */
static void *disabled(void *arg)
{
	int state;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	started = 1;
	while (!let_go)
		sink++;
	sink = 87;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	while (pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0 && *(int *)arg)
		pthread_testcancel();
	return (void *)1;
}

/* Asked for while it was deferred: acted on when the type changes. */
static void *becomes_async(void *arg)
{
	started = 1;
	while (!let_go)
		sink++;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sink = compute(3);
	return (void *)1;
}

static void *itself(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	started = 1;
	pthread_cancel(pthread_self());
	return (void *)1;
}

static void unlock(void *arg)
{
	pthread_mutex_unlock(arg);
}

static void *with_mutex(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	started = 1;
	sink = compute(11);
	pthread_cleanup_pop(1);
	return NULL;
}

static void cancel(const char *what, void *(*f)(void *), int argument)
{
	pthread_t t;
	void *result;

	started = ncleaned = let_go = 0;
	pthread_create(&t, NULL, f, &argument);
	while (!started)
		usleep(1000);
	usleep(10000);
	pthread_cancel(t);
	usleep(10000);
	let_go = 1;
	pthread_join(t, &result);
	printf("%s: cancelled %d, cleaned", what, result == PTHREAD_CANCELED);
	for (int i = 0; i < ncleaned; i++)
		printf(" %d", cleaned[i]);
	printf("\n");
	fflush(stdout);
}

int main(void)
{
	pthread_key_create(&key, destroy);
	cancel("a loop", in_loop, 0);
	cancel("below calls", in_loop, 1);
	cancel("deferred", deferred, 0);
	printf("went on to the point: %d\n", sink == 77);
	cancel("disabled", disabled, 1);
	printf("went on: %d\n", sink == 87);
	cancel("became asynchronous", becomes_async, 0);
	cancel("itself", itself, 0);
	cancel("a mutex's holder", with_mutex, 0);
	printf("unlocked: %d\n", pthread_mutex_trylock(&mutex));
	for (int i = 0; i < 20; i++) {
		pthread_t t;
		int zero = 0;

		started = ncleaned = 0;
		pthread_create(&t, NULL, in_loop, &zero);
		pthread_cancel(t);
		pthread_join(t, NULL);
	}
	printf("at any moment\n");
	return 0;
}
