/* Attributes of threads and what they share: types of mutex, clocks of conditions, spin locks, rwlocks, keys. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static pthread_key_t key;
static long counter;
static int destroyed;

static void *in_thread(void *(*f)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, f, arg) || pthread_join(thread, &result))
		printf("no thread\n");
	return result;
}

static void *try_lock(void *m)
{
	return (void *)(intptr_t)pthread_mutex_trylock(m);
}

static void *try_unlock(void *m)
{
	return (void *)(intptr_t)pthread_mutex_unlock(m);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void mutex_type(const char *name, int type)
{
	pthread_mutexattr_t attr;
	int got = -1;

	pthread_mutexattr_init(&attr);
	printf("%s: settype %d ", name, pthread_mutexattr_settype(&attr, type));
	pthread_mutexattr_gettype(&attr, &got);
	printf("gettype %d init %d\n", got == type, pthread_mutex_init(&mutex, &attr));
	printf("lock %d", pthread_mutex_lock(&mutex));
	printf(" trylock again %d", pthread_mutex_trylock(&mutex));
	if (type == PTHREAD_MUTEX_RECURSIVE)
		printf(" lock again %d", pthread_mutex_lock(&mutex));
	if (type == PTHREAD_MUTEX_ERRORCHECK)
		printf(" lock again %d", pthread_mutex_lock(&mutex));
	if (type == PTHREAD_MUTEX_NORMAL) {
		struct timespec t = in_ms(CLOCK_REALTIME, 20);
		printf(" timedlock again %d", pthread_mutex_timedlock(&mutex, &t));
	}
	printf(" other's trylock %ld", (long)(intptr_t)in_thread(try_lock, &mutex));
	if (type != PTHREAD_MUTEX_NORMAL)
		printf(" other's unlock %ld", (long)(intptr_t)in_thread(try_unlock, &mutex));
	printf(" unlock %d", pthread_mutex_unlock(&mutex));
	for (int left = type == PTHREAD_MUTEX_RECURSIVE ? 2 : 0; left > 0; left--) {
		printf(" other's trylock %ld", (long)(intptr_t)in_thread(try_lock, &mutex));
		printf(" unlock %d", pthread_mutex_unlock(&mutex));
	}
	if (type == PTHREAD_MUTEX_ERRORCHECK)
		printf(" unlock again %d", pthread_mutex_unlock(&mutex));
	printf(" destroy %d\n", pthread_mutex_destroy(&mutex));
	pthread_mutexattr_destroy(&attr);
}

static void mutex_attributes(void)
{
	pthread_mutexattr_t attr;
	int value = -1;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_gettype(&attr, &value);
	printf("default type %d", value == PTHREAD_MUTEX_DEFAULT);
	pthread_mutexattr_getprotocol(&attr, &value);
	printf(" protocol %d", value == PTHREAD_PRIO_NONE);
	pthread_mutexattr_getpshared(&attr, &value);
	printf(" private %d", value == PTHREAD_PROCESS_PRIVATE);
	pthread_mutexattr_getrobust(&attr, &value);
	printf(" stalled %d\n", value == PTHREAD_MUTEX_STALLED);
	printf("bad type %d protocol %d pshared %d robust %d\n", pthread_mutexattr_settype(&attr, 77),
	       pthread_mutexattr_setprotocol(&attr, 77), pthread_mutexattr_setpshared(&attr, 77),
	       pthread_mutexattr_setrobust(&attr, 77));
	printf("no protocol %d\n", pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE));
	pthread_mutexattr_destroy(&attr);
}

/* Waits 30 ms on a clock; says whether that much passed on it. */
static void condition_on(const char *name, clockid_t clock)
{
	pthread_cond_t condition;
	pthread_condattr_t attr;
	clockid_t got = -1;
	struct timespec until, now;

	pthread_condattr_init(&attr);
	printf("%s: setclock %d ", name, pthread_condattr_setclock(&attr, clock));
	pthread_condattr_getclock(&attr, &got);
	printf("getclock %d init %d", got == clock, pthread_cond_init(&condition, &attr));
	pthread_mutex_init(&mutex, NULL);
	pthread_mutex_lock(&mutex);
	until = in_ms(clock, 30);
	printf(" wait %d", pthread_cond_timedwait(&condition, &mutex, &until));
	clock_gettime(clock, &now);
	printf(" late enough %d",
	       now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
	until.tv_nsec = 1000000000;
	printf(" bad time %d\n", pthread_cond_timedwait(&condition, &mutex, &until));
	pthread_mutex_unlock(&mutex);
	pthread_cond_destroy(&condition);
	pthread_condattr_destroy(&attr);
}

static void bad_clock(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	printf("CPU time %d\n", pthread_condattr_setclock(&attr, CLOCK_PROCESS_CPUTIME_ID));
}

static void *write_locks(void *arg)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 20);
	int tried = pthread_rwlock_trywrlock(&rwlock);

	return (void *)(intptr_t)(tried * 1000 + pthread_rwlock_timedwrlock(&rwlock, &t));
}

static void *read_locks(void *arg)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 20);
	int tried = pthread_rwlock_tryrdlock(&rwlock);

	if (tried == 0)
		return (void *)(intptr_t)pthread_rwlock_unlock(&rwlock);
	return (void *)(intptr_t)(tried * 1000 + pthread_rwlock_timedrdlock(&rwlock, &t));
}

static void rwlocks(void)
{
	pthread_rwlock_rdlock(&rwlock);
	printf("read-locked: other writes %ld reads %ld\n", (long)(intptr_t)in_thread(write_locks, NULL),
	       (long)(intptr_t)in_thread(read_locks, NULL));
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_wrlock(&rwlock);
	printf("write-locked: other writes %ld reads %ld own %d\n", (long)(intptr_t)in_thread(write_locks, NULL),
	       (long)(intptr_t)in_thread(read_locks, NULL), pthread_rwlock_trywrlock(&rwlock));
	printf("unlock %d\n", pthread_rwlock_unlock(&rwlock));
}

static void *spins(void *arg)
{
	int serial = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;

	for (int i = 0; i < 2000; i++) {
		pthread_spin_lock(&spin);
		counter++;
		pthread_spin_unlock(&spin);
	}
	return (void *)(intptr_t)serial;
}

static void spinning(void)
{
	pthread_t thread[4];
	int serial = 0;
	void *result;

	printf("barrier of none %d\n", pthread_barrier_init(&barrier, NULL, 0));
	pthread_barrier_init(&barrier, NULL, 4);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, spins, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		serial += (intptr_t)result;
	}
	pthread_spin_lock(&spin);
	printf("counted %ld, serial %d, busy %d\n", counter, serial, pthread_spin_trylock(&spin));
	pthread_barrier_destroy(&barrier);
}

/* Sets its key again until the system gives up. */
static void destroy(void *value)
{
	destroyed++;
	if ((intptr_t)value > 1)
		pthread_setspecific(key, (void *)((intptr_t)value - 1));
}

static void *sets_key(void *value)
{
	pthread_setspecific(key, value);
	return NULL;
}

static void keys(void)
{
	printf("key %d", pthread_key_create(&key, destroy));
	printf(" initially %d", pthread_getspecific(key) == NULL);
	in_thread(sets_key, (void *)3);
	printf(" destroyed %d", destroyed);
	in_thread(sets_key, NULL);
	printf(" %d", destroyed);
	destroyed = 0;
	in_thread(sets_key, (void *)1000);
	printf(" at most %d times", destroyed >= 4 ? destroyed : -1);
	printf(" delete %d\n", pthread_key_delete(key));
}

__attribute__((noinline)) static int deep(int n)
{
	volatile char use[1024];

	use[0] = (char)n;
	return n ? deep(n - 1) + use[0] - (char)n : 0;
}

static void *on_stack(void *arg)
{
	pthread_attr_t attr;
	void *base;
	size_t size, least = (size_t)arg;
	char here;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &base, &size);
	pthread_attr_destroy(&attr);
	deep((int)(least / 1024) - 64);
	return (void *)(intptr_t)((char *)base <= &here && &here < (char *)base + size && size >= least);
}

static void thread_attributes(void)
{
	static char own[1 << 18] __attribute__((aligned(65536)));
	pthread_attr_t attr;
	pthread_t thread;
	struct sched_param param = { 0 };
	int state = -1, policy = -1, inherit = -1, scope = -1;
	void *result, *base;
	size_t size = 0;

	pthread_attr_init(&attr);
	pthread_attr_getdetachstate(&attr, &state);
	pthread_attr_getschedpolicy(&attr, &policy);
	pthread_attr_getscope(&attr, &scope);
	printf("joinable %d other %d system %d\n", state == PTHREAD_CREATE_JOINABLE, policy == SCHED_OTHER,
	       scope == PTHREAD_SCOPE_SYSTEM);
	printf("bad: detach %d scope %d inherit %d stack %d\n", pthread_attr_setdetachstate(&attr, 9),
	       pthread_attr_setscope(&attr, 9), pthread_attr_setinheritsched(&attr, 9),
	       pthread_attr_setstacksize(&attr, 1));
	printf("process scope %d\n", pthread_attr_setscope(&attr, PTHREAD_SCOPE_PROCESS));
	printf("inherit %d", pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED));
	pthread_attr_getinheritsched(&attr, &inherit);
	printf(" %d param %d\n", inherit == PTHREAD_EXPLICIT_SCHED, pthread_attr_setschedparam(&attr, &param));
	for (size_t kib = 128; kib <= 4096; kib *= 4) {
		pthread_attr_setstacksize(&attr, kib << 10);
		pthread_attr_getstacksize(&attr, &size);
		printf("%zu KiB: %d", kib, size == kib << 10);
		printf(" create %d", pthread_create(&thread, &attr, on_stack, (void *)size));
		pthread_join(thread, &result);
		printf(" in it %d\n", (int)(intptr_t)result);
	}
	printf("own stack %d", pthread_attr_setstack(&attr, own, sizeof own));
	pthread_attr_getstack(&attr, &base, &size);
	printf(" %d", base == own && size == sizeof own);
	printf(" create %d", pthread_create(&thread, &attr, on_stack, (void *)(128 << 10)));
	pthread_join(thread, &result);
	printf(" in it %d\n", (int)(intptr_t)result);
	pthread_attr_destroy(&attr);
}


int main(void)
{
	mutex_type("normal", PTHREAD_MUTEX_NORMAL);
	mutex_type("recursive", PTHREAD_MUTEX_RECURSIVE);
	mutex_type("errorcheck", PTHREAD_MUTEX_ERRORCHECK);
	mutex_attributes();
	condition_on("realtime", CLOCK_REALTIME);
	condition_on("monotonic", CLOCK_MONOTONIC);
	bad_clock();
	rwlocks();
	spinning();
	keys();
	thread_attributes();
	return 0;
}
