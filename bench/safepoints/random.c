/* A linear congruential generator until it hits a value: nothing but the loop. */
unsigned run(void)
{
	unsigned x = 1, n = 0;

	do {
		x = x * 1664525u + 1013904223u;
		n++;
	} while ((x >> 12) != 0x7777 && n < 3000000);
	return x ^ n;
}
