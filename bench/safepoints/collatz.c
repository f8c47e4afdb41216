/* Longest Collatz sequence below 20000: short loops that count towards nothing. */
unsigned run(void)
{
	unsigned best = 0, at = 0;

	for (unsigned i = 1; i < 20000; i++) {
		unsigned steps = 0;

		for (unsigned x = i; x != 1; steps++)
			x = x & 1 ? 3 * x + 1 : x / 2;
		if (steps > best) {
			best = steps;
			at = i;
		}
	}
	return at * 1000 + best;
}
