/* malloc: sizes, alignment, contents across realloc, exhaustion. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 500 };
static unsigned char *slot[SLOTS];
static size_t length[SLOTS];

static int intact(int i)
{
	for (size_t k = 0; k < length[i]; k += 97)
		if (slot[i][k] != (unsigned char)(i + k))
			return 0;
	return 1;
}

int main(void)
{
	uint32_t x = 7;
	int wrong = 0;

	for (int turn = 0; turn < 20000; turn++) {
		x = x * 1103515245 + 12345;
		int i = x >> 8 & 0xffff;
		i %= SLOTS;
		if (slot[i] && !intact(i))
			wrong++;
		size_t n = (x >> 4) % (turn % 100 ? 600 : 300000);
		unsigned char *p = realloc(slot[i], n + 1);
		if (!p)
			return 1;
		if (slot[i] && n)
			wrong += p[0] != (unsigned char)i;
		slot[i] = p;
		length[i] = n + 1;
		for (size_t k = 0; k <= n; k++)
			p[k] = i + k;
	}
	printf("wrong %d\n", wrong);
	for (int i = 0; i < SLOTS; i++)
		free(slot[i]);
	for (size_t align = 16; align <= 65536; align *= 16) {
		void *p = aligned_alloc(align, align * 2);
		printf("%zu %d\n", align, (uintptr_t)p % align == 0);
		free(p);
	}
	int *zeros = calloc(100000, sizeof(int)), sum = 0;
	for (int i = 0; i < 100000; i++)
		sum |= zeros[i];
	printf("%d\n", sum);
	free(zeros);
	errno = 0;
	volatile size_t too_much = SIZE_MAX / 2;
	void *volatile p = malloc(too_much);
	printf("%d %d\n", p == NULL, errno == ENOMEM);
	p = calloc(too_much, 8);
	printf("%d\n", p == NULL);
	printf("%d\n", malloc_usable_size(malloc(100)) >= 100);
	return 0;
}
