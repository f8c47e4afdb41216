/*
 * The page cache over a mapping whose pages a test makes.
 */
#include "../test.h"

#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/vfs/page_cache.h"

static uint32_t reads, pages_read;
static int fail;

/* Page i is filled with i; block 1000 + i. */
static int fill(struct mapping *m, uint32_t index, uint32_t count, void **pages, uint32_t *blocks)
{
	(void)m;
	reads++;
	if (fail)
		return fail;
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < PAGE_SIZE / 4; k++)
			((uint32_t *)pages[i])[k] = index + i;
		blocks[i] = 1000 + index + i;
	}
	pages_read += count;
	return 0;
}

static const struct mapping_ops ops = { .read = fill };
static struct mutex lock_of = MUTEX_INIT(RANK_INODE);

static void begin(struct mapping *m)
{
	mapping_init(m, &ops, &lock_of, NULL, NULL);
	reads = pages_read = 0;
	fail = 0;
	mutex_lock(&lock_of);
}

static void end(struct mapping *m)
{
	mutex_unlock(&lock_of);
	mapping_free(m);
}

TEST("page cache: a page is read once, and others that follow with it")
{
	static uint32_t data[PAGE_SIZE];
	struct mapping m;
	struct uio u;

	begin(&m);
	for (uint32_t i = 0; i < 100; i++) {
		uio_kernel(&u, data, PAGE_SIZE);
		EXPECT_EQ(mapping_read(&m, &u, (int64_t)i * PAGE_SIZE, 100 * PAGE_SIZE), PAGE_SIZE);
		EXPECT_EQ(data[7], i);
	}
	EXPECT(reads <= 4);
	EXPECT_EQ(pages_read, 100);
	uio_kernel(&u, data, PAGE_SIZE);
	EXPECT_EQ(mapping_read(&m, &u, 50 * PAGE_SIZE + 8, 100 * PAGE_SIZE), PAGE_SIZE);
	EXPECT_EQ(pages_read, 100);
	EXPECT_EQ(page_block(&m, 50), 1050);
	EXPECT_EQ(mapping_read(&m, &u, 100 * PAGE_SIZE, 100 * PAGE_SIZE), 0);
	end(&m);
}

TEST("page cache: reading here and there fetches no more than is asked for")
{
	static char data[PAGE_SIZE];
	struct mapping m;
	struct uio u;

	begin(&m);
	for (uint32_t i = 0; i < 20; i++) {
		uio_kernel(&u, data, PAGE_SIZE);
		EXPECT_EQ(mapping_read(&m, &u, (int64_t)(7 + i * 37) * PAGE_SIZE, 1000 * PAGE_SIZE), PAGE_SIZE);
	}
	EXPECT(pages_read < 60);
	end(&m);
}

TEST("page cache: a failed read is told, and tried again next time")
{
	struct mapping m;
	int err = 0;

	begin(&m);
	fail = -EIO;
	EXPECT(!page_get(&m, 3, &err));
	EXPECT_EQ(err, -EIO);
	fail = 0;
	EXPECT(page_get(&m, 3, &err) != NULL);
	end(&m);
}

TEST("page cache: what is unused goes first when memory is wanted, what is locked stays")
{
	struct mapping m;
	uint64_t before, after, dirty;
	int err;

	begin(&m);
	for (uint32_t i = 0; i < 64; i++)
		EXPECT(page_get(&m, i, &err) != NULL);
	page_cache_count(&before, &dirty);
	page_cache_reclaim(UINT64_MAX); /* the first look only takes the mark of use away */
	page_cache_reclaim(UINT64_MAX);
	EXPECT(page_find(&m, 10) != NULL); /* the lock is held */
	mutex_unlock(&lock_of);
	page_cache_reclaim(UINT64_MAX);
	page_cache_reclaim(UINT64_MAX);
	mutex_lock(&lock_of);
	page_cache_count(&after, &dirty);
	EXPECT(!page_find(&m, 40));
	EXPECT(after <= before - 63);
	EXPECT(page_get(&m, 40, &err) != NULL);
	end(&m);
}

TEST("page cache: cutting drops what is within and keeps the rest")
{
	struct mapping m;
	int err;

	begin(&m);
	for (uint32_t i = 0; i < 64; i++)
		page_get(&m, i, &err);
	mapping_cut(&m, 10, 40);
	for (uint32_t i = 0; i < 64; i++)
		EXPECT_EQ(page_find(&m, i) != NULL, i < 10 || i >= 40);
	end(&m);
}
