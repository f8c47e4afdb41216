/* Adds up an array: two instructions and the loop. */
#define N 100000

static unsigned data[N];

unsigned run(void)
{
	unsigned sum = 0;

	if (!data[1])
		for (unsigned i = 0; i < N; i++)
			data[i] = i * 2654435761u;
	for (unsigned i = 0; i < N; i++)
		sum += data[i] ^ i;
	return sum;
}
