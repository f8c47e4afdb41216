/* A loop that calls a small function by pointer. */
static unsigned add(unsigned x)
{
	return x + 3;
}

static unsigned mix(unsigned x)
{
	return x * 5 ^ x >> 7;
}

static unsigned (*volatile functions[2])(unsigned) = { add, mix };

unsigned run(void)
{
	unsigned (*f)(unsigned) = functions[0], (*g)(unsigned) = functions[1];
	unsigned x = 0;

	for (int i = 0; i < 50000; i++)
		x = g(f(x));
	return x;
}
