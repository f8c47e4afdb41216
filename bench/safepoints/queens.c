/* Eight queens: recursion with loops. */
static unsigned place(unsigned rows, unsigned left, unsigned right, int n)
{
	unsigned found = 0, all = (1u << n) - 1;

	if (rows == all)
		return 1;
	for (unsigned free = all & ~(rows | left | right); free; free &= free - 1) {
		unsigned bit = free & -free;

		found += place(rows | bit, (left | bit) << 1, (right | bit) >> 1, n);
	}
	return found;
}

unsigned run(void)
{
	return place(0, 0, 0, 8);
}
