/* Products of small matrices, whose size the compiler does not know: short inner loops. */
static float a[64], b[64], c[64];
static volatile int size = 6;

static __attribute__((noinline)) void multiply(float *to, const float *x, const float *y, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			float sum = 0;

			for (int k = 0; k < n; k++)
				sum += x[i * n + k] * y[k * n + j];
			to[i * n + j] = sum;
		}
}

unsigned run(void)
{
	unsigned hash = 0;
	int n = size;

	for (int i = 0; i < 64; i++) {
		a[i] = (float)(i & 7);
		b[i] = (float)(i % 3);
	}
	for (int i = 0; i < 1000; i++) {
		multiply(c, a, b, n);
		hash += (unsigned)c[i % (n * n)];
	}
	return hash;
}
