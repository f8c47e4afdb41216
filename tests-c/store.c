/*
 * The stores of store.h: each two trees of blocks, what is durable and what was
 * written since the last flush.
 */
#include "store.h"

#include "../kernel-c/dev/request.h"
#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/lib/radix.h"

#define STORES 8
#define BLOCK 4096

static struct store {
	char name[64];
	struct radix durable, written;
	int64_t held, capacity;
	int after, error;
	unsigned flushes;
	void (*watch)(bool flush);
} stores[STORES];
static struct lock stores_lock = LOCK_INIT(RANK_ICACHE);

static struct store *find(const char *name, size_t length)
{
	for (int i = 0; i < STORES; i++) {
		struct store *s = &stores[i];

		if (!s->name[0]) {
			memcpy(s->name, name, min(length, sizeof s->name - 1));
			s->capacity = INT32_MAX;
			return s;
		}
		if (strlen(s->name) == length && memcmp(s->name, name, length) == 0)
			return s;
	}
	panic("store: too many");
}

static struct store *named(const char *name)
{
	return find(name, strlen(name));
}

static bool drop(void *page, uint64_t index, void *arg)
{
	kfree(page);
	return true;
}

void test_stores_reset(void)
{
	lock(&stores_lock);
	for (int i = 0; i < STORES; i++) {
		radix_cut(&stores[i].durable, 0, UINT64_MAX, drop, NULL);
		radix_cut(&stores[i].written, 0, UINT64_MAX, drop, NULL);
		stores[i] = (struct store){ 0 };
	}
	unlock(&stores_lock);
}

/* Copy a block into a tree: 1 if it was not there. */
static int put(struct radix *r, uint64_t block, const void *data)
{
	void **slot = radix_slot(r, block);
	int fresh = !*slot;

	if (!*slot && !(*slot = kmalloc(BLOCK)))
		panic("store: no memory");
	memcpy(*slot, data, BLOCK);
	return fresh;
}

void test_store_copy(const char *from, const char *to)
{
	struct store *a, *b;

	lock(&stores_lock);
	a = named(from);
	b = named(to);
	radix_cut(&b->durable, 0, UINT64_MAX, drop, NULL);
	radix_cut(&b->written, 0, UINT64_MAX, drop, NULL);
	b->held = 0;
	b->error = 0;
	for (uint64_t i = 0; (i = radix_next(&a->durable, i)) != UINT64_MAX; i++)
		b->held += put(&b->durable, i, radix_find(&a->durable, i));
	unlock(&stores_lock);
}

void test_store_put(const char *name, uint32_t block, const void *data)
{
	struct store *s;

	lock(&stores_lock);
	s = named(name);
	s->held += put(&s->durable, block, data);
	unlock(&stores_lock);
}

const void *test_store_get(const char *name, uint32_t block)
{
	const void *page;

	lock(&stores_lock);
	page = radix_find(&named(name)->durable, block);
	unlock(&stores_lock);
	return page;
}

static int64_t length(const struct radix *r)
{
	int64_t n = 0;

	for (uint64_t i = 0; (i = radix_next(r, i)) != UINT64_MAX; i++)
		n = (int64_t)i + 1;
	return n;
}

int64_t test_store_blocks(const char *name)
{
	int64_t n;

	lock(&stores_lock);
	n = length(&named(name)->durable);
	unlock(&stores_lock);
	return n;
}

void test_store_fail(const char *name, int after, int error)
{
	lock(&stores_lock);
	named(name)->after = after;
	named(name)->error = error;
	unlock(&stores_lock);
}

void test_store_capacity(const char *name, int64_t blocks)
{
	lock(&stores_lock);
	named(name)->capacity = blocks;
	unlock(&stores_lock);
}

void test_store_watch(const char *name, void (*f)(bool flush))
{
	lock(&stores_lock);
	named(name)->watch = f;
	unlock(&stores_lock);
}

unsigned test_store_flushes(const char *name)
{
	unsigned n;

	lock(&stores_lock);
	n = named(name)->flushes;
	unlock(&stores_lock);
	return n;
}

/* ---- the driver ---- */

int store_open(const char *name, size_t length)
{
	int handle;

	lock(&stores_lock);
	handle = (int)(find(name, length) - stores) + 2;
	unlock(&stores_lock);
	return handle;
}

/* What a write or flush ends with. */
static int fate(struct store *s, bool flush)
{
	void (*watch)(bool) = s->watch;

	if (watch) {
		unlock(&stores_lock);
		watch(flush);
		lock(&stores_lock);
	}
	return s->error && s->after-- <= 0 ? s->error : 0;
}

/* The store behind a driver's handle; NULL when there is none. */
static struct store *opened(int store)
{
	return store >= 2 && store < STORES + 2 && stores[store - 2].name[0] ? &stores[store - 2] : NULL;
}

int store_list(int store, const struct request_page *pages, uint32_t count, bool write)
{
	struct store *s = opened(store);
	int err;

	if (!s)
		return -EINVAL;
	lock(&stores_lock);
	err = write ? fate(s, false) : 0;
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		const void *from = radix_find(&s->written, pages[i].block);

		if (write) {
			put(&s->written, pages[i].block, pages[i].page);
			continue;
		}
		if (!from)
			from = radix_find(&s->durable, pages[i].block);
		if (from)
			memcpy(pages[i].page, from, BLOCK);
		else
			memset(pages[i].page, 0, BLOCK);
	}
	unlock(&stores_lock);
	return err < 0 ? err : (int)count;
}

int store_flush(int store)
{
	struct store *s = opened(store);
	int err;

	if (!s)
		return -EINVAL;
	lock(&stores_lock);
	err = fate(s, true);
	if (err == 0) {
		for (uint64_t i = 0; (i = radix_next(&s->written, i)) != UINT64_MAX; i++)
			s->held += put(&s->durable, i, radix_find(&s->written, i));
		radix_cut(&s->written, 0, UINT64_MAX, drop, NULL);
		s->flushes++;
	}
	unlock(&stores_lock);
	return err;
}

int store_estimate(int store, int64_t into[2])
{
	struct store *s = &stores[store - 2];

	lock(&stores_lock);
	into[0] = s->held;
	into[1] = max(s->capacity - s->held, (int64_t)0);
	unlock(&stores_lock);
	return 0;
}

int64_t store_size(int store)
{
	struct store *s = &stores[store - 2];
	int64_t n;

	lock(&stores_lock);
	n = max(length(&s->durable), length(&s->written));
	unlock(&stores_lock);
	return n;
}
