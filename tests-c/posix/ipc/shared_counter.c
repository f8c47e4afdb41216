/*
 * Process-shared mutexes in memory mapped by several processes: a counter, writers of
 * neighbouring bytes, and owners that die.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 8
#define ROUNDS 500

struct shared {
	pthread_mutex_t mutex;
	int counter;
	char pad[5000]; /* into the next page */
	int other;
	unsigned char bytes[256];
};

static struct shared *map(const char *name)
{
	struct shared *s;
	int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	printf("shm_open %d", fd >= 0);
	printf(" ftruncate %d", ftruncate(fd, sizeof(*s)));
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	printf(" mmap %d close %d\n", s != MAP_FAILED, close(fd));
	return s;
}

static void init(pthread_mutex_t *m, int type, int robust)
{
	pthread_mutexattr_t a;
	int shared;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_getpshared(&a, &shared);
	if (shared != PTHREAD_PROCESS_SHARED)
		printf("not shared\n");
	pthread_mutexattr_settype(&a, type);
	pthread_mutexattr_setrobust(&a, robust);
	pthread_mutex_init(m, &a);
}

static void counter(struct shared *s)
{
	init(&s->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			for (int n = 0; n < ROUNDS; n++) {
				pthread_mutex_lock(&s->mutex);
				s->counter++;
				s->other += 2;
				pthread_mutex_unlock(&s->mutex);
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("counted %d and %d\n", s->counter, s->other);
}

/* Each process writes its own bytes of one page, without a lock. */
static void neighbours(struct shared *s)
{
	int right = 0;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			for (int n = 0; n < 256 / PROCESSES; n++) {
				s->bytes[n * PROCESSES + i] = (unsigned char)(i + 1);
				if (n % 4 == 0)
					usleep(100);
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	for (int n = 0; n < 256; n++)
		right += s->bytes[n] == n % PROCESSES + 1;
	printf("bytes that are right: %d\n", right);
}

static void owners_die(struct shared *s)
{
	int fd[2], status, r;
	char c;

	for (int how = 0; how < 2; how++) {
		init(&s->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
		pipe(fd);
		pid_t child = fork();
		if (child == 0) {
			pthread_mutex_lock(&s->mutex);
			s->other = 77;
			write(fd[1], "x", 1);
			if (how == 0)
				_exit(0);
			for (;;)
				;
		}
		read(fd[0], &c, 1);
		if (how == 0)
			waitpid(child, &status, 0);
		else
			printf("busy %d", pthread_mutex_trylock(&s->mutex) == EBUSY);
		if (how == 1)
			kill(child, SIGKILL);
		r = pthread_mutex_lock(&s->mutex);
		printf(" owner dead %d, it wrote %d", r == EOWNERDEAD, s->other);
		if (how == 1)
			waitpid(child, &status, 0);
		if (how == 0)
			printf(" consistent %d", pthread_mutex_consistent(&s->mutex));
		printf(" unlock %d", pthread_mutex_unlock(&s->mutex));
		r = pthread_mutex_lock(&s->mutex);
		printf(" then %s\n", r == 0 ? "usable" : r == ENOTRECOVERABLE ? "not recoverable" : "?");
		close(fd[0]);
		close(fd[1]);
	}
}

static void types(struct shared *s)
{
	init(&s->mutex, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	printf("recursive %d", pthread_mutex_lock(&s->mutex));
	printf(" %d", pthread_mutex_lock(&s->mutex));
	printf(" %d", pthread_mutex_trylock(&s->mutex));
	pid_t child = fork();
	if (child == 0)
		_exit(pthread_mutex_trylock(&s->mutex) == EBUSY && pthread_mutex_unlock(&s->mutex) == EPERM);
	int status;
	waitpid(child, &status, 0);
	printf(" busy for others %d", WEXITSTATUS(status));
	printf(" unlock %d", pthread_mutex_unlock(&s->mutex));
	printf(" %d", pthread_mutex_unlock(&s->mutex));
	printf(" %d", pthread_mutex_unlock(&s->mutex));
	printf(" once more %d\n", pthread_mutex_unlock(&s->mutex) == EPERM);
	init(&s->mutex, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	printf("errorcheck %d", pthread_mutex_lock(&s->mutex));
	printf(" again %d", pthread_mutex_lock(&s->mutex) == EDEADLK);
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000)
		t.tv_sec++, t.tv_nsec -= 1000000000;
	child = fork();
	if (child == 0)
		_exit(pthread_mutex_timedlock(&s->mutex, &t) == ETIMEDOUT);
	waitpid(child, &status, 0);
	printf(" timed %d unlock %d\n", WEXITSTATUS(status), pthread_mutex_unlock(&s->mutex));
}

int main(void)
{
	char name[64];

	setbuf(stdout, NULL);
	snprintf(name, sizeof(name), "/tabos-counter-%d", (int)getpid());
	struct shared *s = map(name);
	counter(s);
	neighbours(s);
	owners_die(s);
	types(s);
	printf("unlink %d\n", shm_unlink(name));
	return 0;
}
