/* Conway's Game of Life on bytes: a stencil with short constant inner loops. */
#define N 64

static unsigned char now[N + 2][N + 2], then[N + 2][N + 2];

unsigned run(void)
{
	unsigned alive = 0;

	for (int y = 1; y <= N; y++)
		for (int x = 1; x <= N; x++)
			now[y][x] = (x * y + x) % 3 == 0;
	for (int turn = 0; turn < 4; turn++) {
		for (int y = 1; y <= N; y++)
			for (int x = 1; x <= N; x++) {
				int n = -now[y][x];

				for (int dy = -1; dy <= 1; dy++)
					for (int dx = -1; dx <= 1; dx++)
						n += now[y + dy][x + dx];
				then[y][x] = n == 3 || (n == 2 && now[y][x]);
			}
		__builtin_memcpy(now, then, sizeof(now));
	}
	for (int y = 1; y <= N; y++)
		for (int x = 1; x <= N; x++)
			alive += now[y][x];
	return alive;
}
