/* For tests that do random things: numbers that follow from a seed, and what the arguments ask for. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t random_state;

static inline uint32_t random_next(void)
{
	uint32_t z = random_state += 0x9e3779b9;

	z = (z ^ z >> 16) * 0x85ebca6b;
	z = (z ^ z >> 13) * 0xc2b2ae35;
	return z ^ z >> 16;
}

/* From 0 to n-1. */
static inline unsigned below(unsigned n)
{
	return random_next() % n;
}

/* In one of n cases. */
static inline int one_in(unsigned n)
{
	return below(n) == 0;
}

/* An element of an array. */
#define ANY(a) ((a)[below(sizeof(a) / sizeof *(a))])

/*
 *     PROGRAM [SEED [COUNT]]
 *
 * COUNT things done for one seed, or for `seeds` of them: `work` does them in a directory that
 * is empty. Every line of output begins with which it was, so that a difference can be found again.
 */
static inline int random_main(int argc, char **argv, unsigned seeds, unsigned count,
			      void (*work)(uint32_t seed, unsigned count))
{
	uint32_t first = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc > 1)
		seeds = 1;
	if (argc > 2)
		count = (unsigned)strtoul(argv[2], NULL, 0);
	for (uint32_t seed = first; seed < first + seeds; seed++) {
		random_state = seed * 2654435761u;
		work(seed, count);
	}
	return 0;
}

#endif
