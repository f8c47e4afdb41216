/* Attributes of threads and of what they share: what is set is what is got, and what is wrong is refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define SAY(call) printf("%s: %d\n", #call, (int)(call))

static void threads(void)
{
	struct sched_param param = { 0 };
	pthread_attr_t attr;
	size_t size = 1;
	int n = -1;

	SAY(pthread_attr_init(&attr));
	SAY(pthread_attr_setguardsize(&attr, 65536));
	SAY(pthread_attr_getguardsize(&attr, &size));
	printf("  %zu\n", size);
	SAY(pthread_attr_setschedpolicy(&attr, SCHED_RR));
	SAY(pthread_attr_getschedpolicy(&attr, &n) || n != SCHED_RR);
	SAY(pthread_attr_setschedpolicy(&attr, SCHED_OTHER));
	SAY(pthread_attr_getschedparam(&attr, &param));
	printf("  %d\n", param.sched_priority);
	SAY(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED));
	SAY(pthread_attr_getinheritsched(&attr, &n) || n != PTHREAD_EXPLICIT_SCHED);
	SAY(pthread_attr_setinheritsched(&attr, 77) == EINVAL);
	SAY(pthread_attr_setdetachstate(&attr, 77) == EINVAL);
	SAY(pthread_attr_setscope(&attr, PTHREAD_SCOPE_SYSTEM));
	SAY(pthread_attr_setstacksize(&attr, 1) == EINVAL);
	SAY(pthread_attr_destroy(&attr));
}

static void locks(void)
{
	pthread_mutexattr_t m;
	pthread_condattr_t c;
	pthread_rwlockattr_t r;
	pthread_barrierattr_t b;
	pthread_rwlock_t lock;
	pthread_spinlock_t spin;
	pthread_barrier_t barrier;
	int n = -1;

	pthread_mutexattr_init(&m);
	SAY(pthread_mutexattr_settype(&m, 77) == EINVAL);
	SAY(pthread_mutexattr_setrobust(&m, 77) == EINVAL);
	SAY(pthread_mutexattr_setprotocol(&m, PTHREAD_PRIO_NONE));
	SAY(pthread_mutexattr_setprotocol(&m, 77) == EINVAL);
	SAY(pthread_mutexattr_setpshared(&m, 77) == EINVAL);
	SAY(pthread_mutexattr_destroy(&m));
	pthread_condattr_init(&c);
	SAY(pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED));
	SAY(pthread_condattr_getpshared(&c, &n) || n != PTHREAD_PROCESS_SHARED);
	SAY(pthread_condattr_setclock(&c, CLOCK_PROCESS_CPUTIME_ID) == EINVAL);
	SAY(pthread_condattr_destroy(&c));
	pthread_rwlockattr_init(&r);
	SAY(pthread_rwlockattr_setpshared(&r, PTHREAD_PROCESS_SHARED));
	SAY(pthread_rwlockattr_getpshared(&r, &n) || n != PTHREAD_PROCESS_SHARED);
	SAY(pthread_rwlock_init(&lock, &r));
	SAY(pthread_rwlockattr_destroy(&r));
	SAY(pthread_rwlock_tryrdlock(&lock));
	SAY(pthread_rwlock_trywrlock(&lock) == EBUSY);
	SAY(pthread_rwlock_unlock(&lock));
	SAY(pthread_rwlock_destroy(&lock));
	pthread_barrierattr_init(&b);
	SAY(pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED));
	SAY(pthread_barrierattr_getpshared(&b, &n) || n != PTHREAD_PROCESS_SHARED);
	SAY(pthread_barrier_init(&barrier, &b, 0) == EINVAL);
	SAY(pthread_barrier_init(&barrier, &b, 1));
	SAY(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
	SAY(pthread_barrier_destroy(&barrier));
	SAY(pthread_barrierattr_destroy(&b));
	SAY(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
	SAY(pthread_spin_lock(&spin));
	SAY(pthread_spin_trylock(&spin) == EBUSY);
	SAY(pthread_spin_unlock(&spin));
	SAY(pthread_spin_destroy(&spin));
}

static int pipes[2];

static void *last_word(void *arg)
{
	(void)!write(pipes[1], pthread_detach(pthread_self()) == 0 ? "d" : "?", 1);
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void detached(void)
{
	pthread_t t;
	char c;

	(void)!pipe(pipes);
	SAY(pthread_create(&t, NULL, last_word, NULL));
	SAY(read(pipes[0], &c, 1));
	SAY(c == 'd');
	SAY(pthread_create(&t, NULL, nothing, NULL));
	SAY(pthread_detach(t));
	SAY(pthread_setschedprio(pthread_self(), 0));
	SAY(pthread_setschedprio(pthread_self(), 5) == EINVAL);
}

int main(void)
{
	struct sched_param param = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	threads();
	locks();
	detached();
	SAY(sched_setparam(0, &param));
	param.sched_priority = 5;
	SAY(sched_setparam(0, &param) == -1 && errno == EINVAL);
	return 0;
}
