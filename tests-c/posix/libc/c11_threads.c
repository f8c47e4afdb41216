/* <threads.h>: threads, mutexes, conditions, once and thread-specific storage of C11. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>

static mtx_t mutex;
static cnd_t condition;
static once_flag once = ONCE_FLAG_INIT;
static tss_t storage;
static thread_local int local = 5;
static int counter, turn, initialised, destroyed;

static void initialise(void)
{
	initialised++;
}

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static int counts(void *arg)
{
	call_once(&once, initialise);
	tss_set(storage, arg);
	local += (int)(intptr_t)arg;
	for (int i = 0; i < 1000; i++) {
		mtx_lock(&mutex);
		counter++;
		mtx_unlock(&mutex);
		if (i % 100 == 0)
			thrd_yield();
	}
	return tss_get(storage) == arg ? local : -1;
}

static int plays(void *arg)
{
	int mine = (int)(intptr_t)arg;

	for (int i = 0; i < 100; i++) {
		mtx_lock(&mutex);
		while (turn != mine)
			cnd_wait(&condition, &mutex);
		turn = !mine;
		cnd_broadcast(&condition);
		mtx_unlock(&mutex);
	}
	thrd_exit(mine + 70);
}

static int tries(void *arg)
{
	struct timespec t;
	int busy = mtx_trylock(arg) == thrd_busy;

	timespec_get(&t, TIME_UTC);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	return busy * 10 + (mtx_timedlock(arg, &t) == thrd_timedout);
}

static int nothing(void *arg)
{
	mtx_lock(&mutex);
	turn = 9;
	cnd_signal(&condition);
	mtx_unlock(&mutex);
	return 0;
}

int main(void)
{
	thrd_t thread[4];
	struct timespec t = { .tv_nsec = 1000000 };
	mtx_t timed;
	int result;

	printf("%d %d\n", mtx_init(&mutex, mtx_plain) == thrd_success, cnd_init(&condition) == thrd_success);
	printf("%d\n", tss_create(&storage, destroy) == thrd_success);
	for (int i = 0; i < 4; i++)
		printf("create %d\n", thrd_create(&thread[i], counts, (void *)(intptr_t)(i + 1)) == thrd_success);
	for (int i = 0; i < 4; i++) {
		int joined = thrd_join(thread[i], &result) == thrd_success;
		printf("join %d %d\n", joined, result);
	}
	printf("%d %d %d %d\n", counter, initialised, destroyed, local);
	for (int i = 0; i < 2; i++)
		thrd_create(&thread[i], plays, (void *)(intptr_t)i);
	for (int i = 0; i < 2; i++) {
		thrd_join(thread[i], &result);
		printf("player %d\n", result);
	}
	mtx_init(&timed, mtx_timed | mtx_recursive);
	printf("lock %d", mtx_lock(&timed) == thrd_success);
	printf(" again %d\n", mtx_trylock(&timed) == thrd_success);
	thrd_create(&thread[0], tries, &timed);
	thrd_join(thread[0], &result);
	printf("other %d\n", result);
	mtx_lock(&mutex);
	timespec_get(&t, TIME_UTC);
	printf("past %d\n", cnd_timedwait(&condition, &mutex, &t) == thrd_timedout);
	mtx_unlock(&mutex);
	thrd_create(&thread[0], nothing, NULL);
	printf("detach %d\n", thrd_detach(thread[0]) == thrd_success);
	mtx_lock(&mutex);
	while (turn != 9)
		cnd_wait(&condition, &mutex);
	mtx_unlock(&mutex);
	t = (struct timespec){ .tv_nsec = 1000000 };
	printf("sleep %d equal %d\n", thrd_sleep(&t, NULL), thrd_equal(thrd_current(), thrd_current()) != 0);
	mtx_destroy(&timed);
	tss_delete(storage);
	return 0;
}
