/*
 * Memory that can't be had is ENOMEM or ENOSPC; what was there still works, and
 * what is given back can be had again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (16u << 20)

static size_t take_all(char **taken, size_t most)
{
	size_t n = 0;

	while (n < most && (taken[n] = malloc(CHUNK)) != NULL) {
		taken[n][0] = taken[n][CHUNK - 1] = (char)n;
		n++;
	}
	return n;
}

int main(void)
{
	static char *taken[4096];
	/* a limit, so that this machine runs out as well */
	struct rlimit limit = { 512u << 20, 512u << 20 };
	size_t first, second;
	int status;

	if (setrlimit(RLIMIT_AS, &limit))
		perror("setrlimit");
	errno = 0;
	first = take_all(taken, 4096);
	printf("stopped early: %d, ENOMEM: %d\n", first < 4096 && first > 10, errno == ENOMEM);
	for (size_t i = 0; i < first; i++) {
		if (taken[i][CHUNK - 1] != (char)i)
			printf("block %zu has changed\n", i);
		free(taken[i]);
	}
	second = take_all(taken, 4096);
	printf("as much again: %d\n", second == first);
	for (size_t i = 0; i < second; i++)
		free(taken[i]);
	errno = 0;
	void *huge = mmap(NULL, 0x70000000u, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("too large: %d, ENOMEM: %d\n", huge == MAP_FAILED, errno == ENOMEM);

	if (fork() == 0) {
		char *p = malloc(1000);

		memset(p, 1, 1000);
		_exit(p[999]);
	}
	wait(&status);
	printf("a child can still be had: %d\n", WIFEXITED(status) && WEXITSTATUS(status) == 1);
	return 0;
}
