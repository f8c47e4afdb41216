/* Counts words and lines in a string. */
#define N 100000

static char text[N + 1];

unsigned run(void)
{
	unsigned words = 0, lines = 0, in_word = 0;

	if (!text[0])
		for (int i = 0; i < N; i++)
			text[i] = i % 61 == 60 ? '\n' : i * 7 % 11 == 0 ? ' ' : 'x';
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			lines++;
		if (*p == ' ' || *p == '\n') {
			in_word = 0;
		} else if (!in_word) {
			in_word = 1;
			words++;
		}
	}
	return words * 10000 + lines;
}
