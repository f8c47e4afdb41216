#include "../test.h"

#include "../../kernel-c/lib/alloc.h"

struct thing {
	uint64_t a, b, c;
};
static struct slab_cache things = SLAB_CACHE("thing", struct thing);

struct large {
	char bytes[3000];
};
static struct slab_cache larges = SLAB_CACHE("large", struct large);

TEST("slab: objects are zeroed, distinct and counted")
{
	static struct thing *t[500];

	for (int i = 0; i < 500; i++) {
		EXPECT((t[i] = slab_alloc(&things)));
		EXPECT(t[i]->a == 0 && t[i]->b == 0 && t[i]->c == 0);
		t[i]->a = t[i]->c = (uint64_t)i;
	}
	EXPECT_EQ(things.live, 500);
	for (int i = 0; i < 500; i++)
		EXPECT(t[i]->a == (uint64_t)i && t[i]->c == (uint64_t)i);
	for (int i = 0; i < 500; i += 2)
		slab_free(&things, t[i]);
	for (int i = 1; i < 500; i += 2)
		slab_free(&things, t[i]);
	EXPECT_EQ(things.live, 0);
	EXPECT_EQ(things.slabs, 1); /* one is kept */
}

TEST("slab: large objects span pages")
{
	struct large *l[20];

	for (int i = 0; i < 20; i++) {
		EXPECT((l[i] = slab_alloc(&larges)));
		memset(l[i], i, sizeof(*l[i]));
	}
	for (int i = 0; i < 20; i++)
		EXPECT(l[i]->bytes[0] == i && l[i]->bytes[2999] == i);
	for (int i = 0; i < 20; i++)
		slab_free(&larges, l[i]);
	EXPECT_EQ(larges.live, 0);
}

static void find_thing(const struct slab_cache *c, void *arg)
{
	if (c == &things)
		*(int *)arg += 1;
}

TEST("slab: every cache that was used is listed once")
{
	int found = 0;

	slab_free(&things, slab_alloc(&things));
	slab_each(find_thing, &found);
	EXPECT_EQ(found, 1);
}

TEST("kmalloc: every size up to the pages holds what was asked for")
{
	static const size_t sizes[] = { 0,    1,    15,   16,	17,    31,
					32,   33,   64,   65,	127,   128,
					129,  255,  256,  257,	512,   1000,
					1024, 1025, 2047, 2048, 2049,  4096,
					4097, 9000, 65536, 100000, 1 << 20 };
	char *p[countof(sizes)];

	for (unsigned i = 0; i < countof(sizes); i++) {
		EXPECT((p[i] = kmalloc(sizes[i])));
		memset(p[i], (int)i, sizes[i]);
	}
	for (unsigned i = 0; i < countof(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j += 97)
			EXPECT_EQ(p[i][j], i);
	for (unsigned i = 0; i < countof(sizes); i++)
		kfree(p[i]);
	kfree(NULL);
}

TEST("kmalloc: krealloc keeps the contents, growing and shrinking")
{
	char *p = krealloc(NULL, 10), *s;

	memcpy(p, "012345678", 10);
	p = krealloc(p, 5000);
	EXPECT_STR(p, "012345678");
	p[4999] = 'x';
	p = krealloc(p, 100000);
	EXPECT_STR(p, "012345678");
	EXPECT_EQ(p[4999], 'x');
	p = krealloc(p, 16);
	EXPECT_STR(p, "012345678");
	s = kstrdup(p);
	kfree(p);
	EXPECT_STR(s, "012345678");
	kfree(s);
}

TEST("kmalloc: kzalloc zeroes used memory, and too much is NULL")
{
	char *p = kmalloc(100);

	memset(p, 7, 100);
	kfree(p);
	p = kzalloc(100);
	for (int i = 0; i < 100; i++)
		EXPECT_EQ(p[i], 0);
	kfree(p);
	EXPECT(kmalloc((size_t)3 << 30) == NULL);
}
