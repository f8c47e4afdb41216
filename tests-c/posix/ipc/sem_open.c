/* Named semaphores, between processes that have only the name in common. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[64];

static int other(const char *n)
{
	sem_t *s = sem_open(n, 0);

	if (s == SEM_FAILED)
		return 1;
	for (int i = 0; i < 50; i++)
		sem_wait(s);
	return sem_trywait(s) < 0 && errno == EAGAIN ? 7 : 2;
}

int main(int argc, char **argv)
{
	sem_t *s, *t;
	int value, status;

	if (argc > 1)
		return other(argv[1]);
	setbuf(stdout, NULL);
	snprintf(name, sizeof(name), "/tabos-sem-%d", (int)getpid());
	printf("missing %d", sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
	s = sem_open(name, O_CREAT | O_EXCL, 0600, 3);
	printf(" made %d", s != SEM_FAILED);
	printf(" exclusive %d", sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
	t = sem_open(name, O_CREAT, 0600, 9);
	sem_getvalue(t, &value);
	printf(" again %d the same %d", value, s == t);
	for (int i = 0; i < 3; i++)
		sem_wait(s);
	pid_t child = fork();
	if (child == 0) {
		execl(argv[0], argv[0], name, NULL);
		_exit(127);
	}
	for (int i = 0; i < 50; i++)
		sem_post(s);
	waitpid(child, &status, 0);
	printf(" another program %d", WEXITSTATUS(status));
	sem_post(s);
	printf(" close %d %d", sem_close(s), sem_close(t));
	/* nobody has it open now, but it keeps its value */
	s = sem_open(name, 0);
	sem_getvalue(s, &value);
	printf(" kept %d", value);
	printf(" unlink %d", sem_unlink(name));
	printf(" gone %d", sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
	printf(" usable %d\n", sem_wait(s));
	sem_close(s);
	return 0;
}
