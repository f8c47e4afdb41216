/* Processes that share a robust mutex are killed at any moment: it stays usable. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 5
#define KILLS 200

struct shared {
	pthread_mutex_t mutex;
	long a, b; /* equal, when nobody has the mutex */
	char big[100000];
};

static struct shared *s;

static void taken(int r)
{
	if (r == EOWNERDEAD) {
		s->b = s->a;
		pthread_mutex_consistent(&s->mutex);
	} else if (r) {
		_exit(1);
	}
}

static void live(unsigned seed)
{
	srand(seed);
	for (;;) {
		taken(pthread_mutex_lock(&s->mutex));
		s->a++;
		s->big[rand() % sizeof(s->big)]++;
		s->b++;
		pthread_mutex_unlock(&s->mutex);
	}
}

static pid_t start(unsigned seed)
{
	pid_t p = fork();

	if (p == 0)
		live(seed);
	return p;
}

static void end(pid_t p, int *others)
{
	int status;

	kill(p, SIGKILL);
	waitpid(p, &status, 0);
	*others += !WIFSIGNALED(status);
}

int main(void)
{
	pthread_mutexattr_t ma;
	pid_t p[PROCESSES];
	int unequal = 0, others = 0;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&s->mutex, &ma);
	for (int i = 0; i < PROCESSES; i++)
		p[i] = start((unsigned)i);
	for (int k = 0; k < KILLS; k++) {
		usleep((unsigned)rand() % 2000);
		end(p[k % PROCESSES], &others);
		p[k % PROCESSES] = start((unsigned)k);
		taken(pthread_mutex_lock(&s->mutex));
		unequal += s->a != s->b;
		pthread_mutex_unlock(&s->mutex);
	}
	for (int i = 0; i < PROCESSES; i++)
		end(p[i], &others);
	taken(pthread_mutex_lock(&s->mutex));
	printf("went on %d, unequal %d, ended otherwise %d\n", s->a > KILLS, unequal, others);
	return 0;
}
