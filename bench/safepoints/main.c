/*
 * Times one kernel compiled twice, with and without safepoints, in turns, so that
 * what else the machine does meets both alike. Prints, as nanoseconds of a
 * call: without, with, and the median of the ratios of neighbours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAIRS 41
#define SAMPLE_NS 8e6

unsigned run_plain(void), run_safe(void);

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static double time_of(unsigned (*run)(void), int calls)
{
	double start = now();

	for (int i = 0; i < calls; i++)
		run();
	return (now() - start) / calls;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, PAIRS, sizeof(*v), compare);
	return v[PAIRS / 2];
}

int main(void)
{
	double plain[PAIRS], safe[PAIRS], ratio[PAIRS];
	double start = now();
	int calls = 0;

	if (run_plain() != run_safe()) {
		fprintf(stderr, "the results differ\n");
		return 1;
	}
	/* until the engine has compiled both with its best compiler */
	while (now() - start < 400e6 || calls < 20) {
		run_plain();
		run_safe();
		calls++;
	}
	calls = 1 + SAMPLE_NS / time_of(run_plain, 3);
	for (int i = 0; i < PAIRS; i++) {
		if (i & 1)
			safe[i] = time_of(run_safe, calls);
		plain[i] = time_of(run_plain, calls);
		if (!(i & 1))
			safe[i] = time_of(run_safe, calls);
		ratio[i] = safe[i] / plain[i];
	}
	double r = median(ratio);
	printf("%.0f %.0f %.4f\n", median(plain), median(safe), r);
	return 0;
}
