#include "../test.h"

#include "../../kernel-c/lib/alloc.h"

static uint64_t pages_in_use(void)
{
	uint64_t used, total;

	page_count(&used, &total);
	return used;
}

TEST("page: runs are aligned, distinct and counted")
{
	uint64_t before = pages_in_use();
	char *a = page_alloc(0), *b = page_alloc(3), *c = page_alloc(0);

	EXPECT(a && b && c);
	EXPECT((uintptr_t)a % PAGE_SIZE == 0);
	EXPECT((uintptr_t)b % PAGE_SIZE == 0);
	EXPECT_EQ(pages_in_use() - before, 10);
	memset(a, 1, PAGE_SIZE);
	memset(b, 2, 8 * PAGE_SIZE);
	memset(c, 3, PAGE_SIZE);
	EXPECT(a[0] == 1 && a[PAGE_SIZE - 1] == 1);
	EXPECT(b[0] == 2 && b[8 * PAGE_SIZE - 1] == 2);
	page_free(b, 3);
	page_free(a, 0);
	EXPECT(c[0] == 3 && c[PAGE_SIZE - 1] == 3);
	page_free(c, 0);
	EXPECT_EQ(pages_in_use(), before);
}

TEST("page: freed pages join to a large run again")
{
	void *page[64], *run;

	run = page_alloc(10);
	EXPECT(run);
	page_free(run, 10);
	for (int i = 0; i < 64; i++)
		EXPECT((page[i] = page_alloc(0)));
	for (int i = 0; i < 64; i += 2)
		page_free(page[i], 0);
	for (int i = 1; i < 64; i += 2)
		page_free(page[i], 0);
	run = page_alloc(10);
	EXPECT(run);
	page_free(run, 10);
}

TEST("page: memory grows as needed, and its end is NULL, not a crash")
{
	static void *run[64];
	uint64_t before = pages_in_use();
	int n = 0;

	while (n < 64 && (run[n] = page_alloc(12)))
		n++;
	EXPECT(n >= 32 && n < 64);
	while (n > 0)
		page_free(run[--n], 12);
	EXPECT_EQ(pages_in_use(), before);
}

TEST("page: an order that can't be is refused")
{
	EXPECT(page_alloc(30) == NULL);
}

static void churn(void *arg)
{
	void *held[16] = { NULL };
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < 5000; i++) {
		unsigned at, order;

		seed = seed * 1664525 + 1013904223;
		at = seed >> 28;
		order = at % 4;
		if (held[at]) {
			page_free(held[at], order);
			held[at] = NULL;
		} else {
			held[at] = page_alloc(order);
			*(uint32_t *)held[at] = seed;
		}
	}
	for (unsigned at = 0; at < 16; at++)
		if (held[at])
			page_free(held[at], at % 4);
}

TEST("page: threads allocate at once and give everything back")
{
	struct test_thread *t[3];
	uint64_t before;

	NEEDS_THREADS();
	for (int round = 0; round < 2; round++) {
		before = pages_in_use();
		for (int i = 0; i < 3; i++)
			t[i] = test_thread(churn, (void *)(uintptr_t)(i + 1));
		for (int i = 0; i < 3; i++)
			test_join(t[i]);
	}
	EXPECT_EQ(pages_in_use(), before);
}
