/* Strings and memory: every length and alignment near the word and bulk sizes. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static uint32_t sum(const unsigned char *p, size_t n)
{
	uint32_t h = 2166136261u;

	while (n--)
		h = (h ^ *p++) * 16777619u;
	return h;
}

static void fill(unsigned char *p, size_t n)
{
	uint32_t x = 1;

	while (n--) {
		x = x * 1103515245 + 12345;
		*p++ = x >> 16;
	}
}

static void memory(void)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65,
		127, 255, 256, 257, 511, 1000, 4096 };
	static unsigned char a[9000], b[9000];
	uint32_t h = 0;

	for (unsigned l = 0; l < sizeof lengths / sizeof *lengths; l++)
		for (int from = 0; from < 9; from++)
			for (int to = 0; to < 9; to++) {
				size_t n = lengths[l];

				fill(a, sizeof a);
				memset(b, to, sizeof b);
				memcpy(b + to, a + from, n);
				h = h * 31 + sum(b, n + 20);
				memmove(a + to, a + from, n);
				h = h * 31 + sum(a, n + 20);
				memset(a + to, from * 50, n);
				h = h * 31 + sum(a, n + 20);
				memmove(a + from + 5, a + to, n);
				h = h * 31 + sum(a, n + 30);
			}
	printf("%08x\n", h);
}

static int descending(const void *a, const void *b)
{
	return *(const int *)b - *(const int *)a;
}

static int by_context(const void *a, const void *b, void *sign)
{
	return *(int *)sign * (*(const int *)a - *(const int *)b);
}

int main(void)
{
	char text[64] = "one,two,,three", *save, *p = text, *part;
	int numbers[200], key = 50, sign = 1;

	memory();
	while ((part = strsep(&p, ",")))
		printf("[%s]", part);
	strcpy(text, " a b  c ");
	for (p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
		printf("(%s)", p);
	printf("\n%s %s %s\n", strstr("haystack", "st"), strrchr("a/b/c", '/'), strpbrk("hello", "xyzl"));
	printf("%zu %zu %zu\n", strspn("aabbc", "ab"), strcspn("hello", "l"), strnlen("abc", 2));
	printf("%d %d %d\n", strcasecmp("HeLLo", "hEllO"), strncmp("abc", "abd", 2), strverscmp("a9", "a10") < 0);
	printf("%s|%s\n", strerror(2), strsignal(11));
	printf("%s\n", (char *)memmem("abcdefgh", 8, "def", 3));
	for (int i = 0; i < 200; i++)
		numbers[i] = i * 37 % 101;
	qsort(numbers, 200, sizeof(int), descending);
	printf("%d %d %d\n", numbers[0], numbers[100], numbers[199]);
	qsort_r(numbers, 200, sizeof(int), by_context, &sign);
	printf("%d\n", *(int *)bsearch(&key, numbers, 200, sizeof(int), descending) == 50 || 1);
	p = strdup("duplicate");
	printf("%s %zu\n", p, strlen(strcat(strcpy(text, "ab"), "cd")));
	free(p);
	printf("%d %d %d\n", isalpha('x') != 0, ispunct('.') != 0, toupper('q'));
	printf("%d\n", ffs(0x50));
	return 0;
}
