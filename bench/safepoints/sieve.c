/* The sieve of Eratosthenes. */
#include <string.h>
#define N 200000

static char composite[N];

unsigned run(void)
{
	unsigned primes = 0;

	memset(composite, 0, sizeof(composite));
	for (unsigned i = 2; i < N; i++) {
		if (composite[i])
			continue;
		primes++;
		for (unsigned j = i * 2; j < N; j += i)
			composite[j] = 1;
	}
	return primes;
}
