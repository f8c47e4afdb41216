/* Product of 96x96 matrices. */
#define N 96

static double a[N][N], b[N][N], c[N][N];

unsigned run(void)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = i + j;
			b[i][j] = i - j;
		}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			double sum = 0;

			for (int k = 0; k < N; k++)
				sum += a[i][k] * b[k][j];
			c[i][j] = sum;
		}
	return (unsigned)(long long)c[N / 2][N / 3];
}
