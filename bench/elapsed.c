/*
 * elapsed: how long a shell command takes.
 *
 *   elapsed N COMMAND
 *
 * Runs `sh -c COMMAND` N times with its output thrown away and prints the
 * median in milliseconds. Ends with 1 when the command fails.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define RUNS_MAX 64

extern char **environ;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	char *args[] = { "sh", "-c", argc == 3 ? argv[2] : "", NULL };
	posix_spawn_file_actions_t quiet;
	double took[RUNS_MAX];
	int runs = argc == 3 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: elapsed N COMMAND (N at most %d)\n", RUNS_MAX);
		return 2;
	}
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	for (int i = 0; i < runs; i++) {
		int status, err;
		pid_t pid;

		took[i] = now_ms();
		err = posix_spawnp(&pid, "sh", &quiet, NULL, args, environ);
		if (err) {
			fprintf(stderr, "elapsed: sh: %s\n", strerror(err));
			return 1;
		}
		if (waitpid(pid, &status, 0) < 0 || status != 0) {
			fprintf(stderr, "elapsed: the command failed\n");
			return 1;
		}
		took[i] = now_ms() - took[i];
	}
	qsort(took, (size_t)runs, sizeof(took[0]), by_value);
	printf("%.4g\n", took[runs / 2]);
	return 0;
}
