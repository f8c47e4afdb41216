/* Quicksort, with insertion sort at the end: short loops that end by data. */
#define N 10000

static int data[N];

static void sort(int *v, int n)
{
	while (n > 12) {
		int pivot = v[n / 2], i = 0, j = n - 1;

		for (;; i++, j--) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			int t = v[i];
			v[i] = v[j];
			v[j] = t;
		}
		sort(v, i);
		v += i;
		n -= i;
	}
}

unsigned run(void)
{
	unsigned x = 12345;

	for (int i = 0; i < N; i++)
		data[i] = (x = x * 1103515245u + 12345u) >> 8;
	sort(data, N);
	for (int i = 1; i < N; i++) {
		int v = data[i], j = i;

		for (; j > 0 && data[j - 1] > v; j--)
			data[j] = data[j - 1];
		data[j] = v;
	}
	for (int i = 1; i < N; i++)
		if (data[i - 1] > data[i])
			return 0;
	return data[N / 2];
}
