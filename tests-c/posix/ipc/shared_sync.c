/*
 * Process-shared conditions, semaphores, barriers, rwlocks and spin locks, in
 * anonymous shared memory across fork.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ITEMS 2000
#define SLOTS 16

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t not_full, not_empty;
	unsigned head, tail;
	int slot[SLOTS];
	long sum;
	sem_t sem, done;
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock;
	pthread_spinlock_t spin;
	int a, b, torn;
	int round[4];
	int serial;
};

static struct shared *s;

static void init(void)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_barrierattr_t ba;
	pthread_rwlockattr_t ra;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&ma);
	pthread_condattr_init(&ca);
	pthread_barrierattr_init(&ba);
	pthread_rwlockattr_init(&ra);
	printf("attributes %d", pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
	printf(" %d", pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
	printf(" %d", pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED));
	printf(" %d", pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED));
	printf(" objects %d", pthread_mutex_init(&s->mutex, &ma));
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	printf(" %d", pthread_cond_init(&s->not_full, &ca));
	printf(" %d", pthread_cond_init(&s->not_empty, &ca));
	printf(" %d", sem_init(&s->sem, 1, 2));
	printf(" %d", sem_init(&s->done, 1, 0));
	printf(" %d", pthread_barrier_init(&s->barrier, &ba, 4));
	printf(" %d", pthread_rwlock_init(&s->rwlock, &ra));
	printf(" %d\n", pthread_spin_init(&s->spin, PTHREAD_PROCESS_SHARED));
}

static void produce(int from)
{
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&s->mutex);
		while (s->head - s->tail == SLOTS)
			pthread_cond_wait(&s->not_full, &s->mutex);
		s->slot[s->head++ % SLOTS] = from + i;
		pthread_cond_signal(&s->not_empty);
		pthread_mutex_unlock(&s->mutex);
	}
	_exit(0);
}

static void conditions(void)
{
	struct timespec t;
	int r;

	for (int p = 0; p < 2; p++)
		if (fork() == 0)
			produce(p * ITEMS);
	for (int i = 0; i < 2 * ITEMS; i++) {
		pthread_mutex_lock(&s->mutex);
		while (s->head == s->tail)
			pthread_cond_wait(&s->not_empty, &s->mutex);
		s->sum += s->slot[s->tail++ % SLOTS];
		pthread_cond_broadcast(&s->not_full);
		pthread_mutex_unlock(&s->mutex);
	}
	while (wait(NULL) > 0)
		;
	printf("consumed %d sum %ld", 2 * ITEMS, s->sum);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 10000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	pthread_mutex_lock(&s->mutex);
	r = pthread_cond_timedwait(&s->not_empty, &s->mutex, &t);
	printf(" timed %d unlock %d destroy %d\n", r == ETIMEDOUT, pthread_mutex_unlock(&s->mutex),
	       pthread_cond_destroy(&s->not_full));
}

static void on_signal(int sig)
{
	(void)sig;
}

static void semaphores(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct timespec t;
	int value, status;

	printf("sem wait %d", sem_wait(&s->sem));
	printf(" %d", sem_trywait(&s->sem));
	printf(" none %d", sem_trywait(&s->sem) < 0 && errno == EAGAIN);
	sem_getvalue(&s->sem, &value);
	printf(" value %d", value);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 100; i++) {
			sem_wait(&s->sem);
			s->a++;
			sem_post(&s->done);
		}
		_exit(0);
	}
	for (int i = 0; i < 100; i++) {
		s->a++;
		sem_post(&s->sem);
		sem_wait(&s->done);
	}
	waitpid(child, &status, 0);
	printf(" taking turns %d", s->a);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 10000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	printf(" timed %d", sem_timedwait(&s->sem, &t) < 0 && errno == ETIMEDOUT);
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	printf(" interrupted %d", sem_wait(&s->sem) < 0 && errno == EINTR);
	child = fork();
	if (child == 0) {
		sem_wait(&s->sem);
		_exit(3);
	}
	usleep(20000);
	sem_post(&s->sem);
	waitpid(child, &status, 0);
	sem_getvalue(&s->sem, &value);
	printf(" woken %d value %d destroy %d\n", WEXITSTATUS(status), value, sem_destroy(&s->sem));
}

static void barriers(void)
{
	int bad = 0, status;

	for (int p = 0; p < 4; p++)
		if (fork() == 0) {
			int wrong = 0;

			for (int i = 1; i <= 50; i++) {
				s->round[p] = i;
				int r = pthread_barrier_wait(&s->barrier);
				if (r == PTHREAD_BARRIER_SERIAL_THREAD)
					s->serial++; /* one at a time: the next wait comes between */
				for (int q = 0; q < 4; q++)
					wrong += s->round[q] != i;
				r = pthread_barrier_wait(&s->barrier);
				if (r == PTHREAD_BARRIER_SERIAL_THREAD)
					s->serial++;
			}
			_exit(wrong != 0);
		}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("barrier: bad %d serial %d destroy %d\n", bad, s->serial, pthread_barrier_destroy(&s->barrier));
}

static void rwlocks(void)
{
	int status, bad = 0;

	s->a = s->b = 0;
	for (int p = 0; p < 4; p++)
		if (fork() == 0) {
			int torn = 0;

			for (int i = 0; i < 200; i++)
				if (p < 2) {
					pthread_rwlock_wrlock(&s->rwlock);
					s->a++;
					s->b++;
					pthread_rwlock_unlock(&s->rwlock);
				} else {
					pthread_rwlock_rdlock(&s->rwlock);
					torn += s->a != s->b;
					pthread_rwlock_unlock(&s->rwlock);
				}
			_exit(torn != 0);
		}
	while (wait(&status) > 0)
		bad += status != 0;
	printf("rwlock: bad %d, %d %d", bad, s->a, s->b);
	pthread_rwlock_rdlock(&s->rwlock);
	pid_t child = fork();
	if (child == 0)
		_exit(pthread_rwlock_tryrdlock(&s->rwlock) == 0 && pthread_rwlock_unlock(&s->rwlock) == 0 &&
		      pthread_rwlock_trywrlock(&s->rwlock) == EBUSY);
	waitpid(child, &status, 0);
	printf(" shared %d", WEXITSTATUS(status));
	pthread_rwlock_unlock(&s->rwlock);
	pthread_rwlock_wrlock(&s->rwlock);
	child = fork();
	if (child == 0)
		_exit(pthread_rwlock_tryrdlock(&s->rwlock) == EBUSY);
	waitpid(child, &status, 0);
	printf(" exclusive %d unlock %d\n", WEXITSTATUS(status), pthread_rwlock_unlock(&s->rwlock));
}

static void spins(void)
{
	s->a = 0;
	for (int p = 0; p < 3; p++)
		if (fork() == 0) {
			for (int i = 0; i < 300; i++) {
				pthread_spin_lock(&s->spin);
				s->a++;
				pthread_spin_unlock(&s->spin);
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("spin: %d", s->a);
	pthread_spin_lock(&s->spin);
	printf(" busy %d", pthread_spin_trylock(&s->spin) == EBUSY);
	printf(" unlock %d\n", pthread_spin_unlock(&s->spin));
}

/* They work in memory that only threads share, too. */
static void *in_thread(void *m)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(m);
		s->b++;
		pthread_mutex_unlock(m);
	}
	return NULL;
}

static void threads(void)
{
	static pthread_mutex_t m;
	pthread_mutexattr_t a;
	pthread_t t[3];

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&m, &a);
	s->b = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, in_thread, &m);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("threads: %d\n", s->b);
}

int main(void)
{
	setbuf(stdout, NULL);
	init();
	conditions();
	semaphores();
	barriers();
	rwlocks();
	spins();
	threads();
	return 0;
}
