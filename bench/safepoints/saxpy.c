/* y = a * x + y, in single precision. */
#define N 50000

static float x[N], y[N];

unsigned run(void)
{
	for (int i = 0; i < N; i++) {
		x[i] = (float)i;
		y[i] = (float)(N - i);
	}
	for (int i = 0; i < N; i++)
		y[i] += 0.5f * x[i];
	return (unsigned)y[N / 3];
}
