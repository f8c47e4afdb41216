/*
 * The stores of store.h: each two trees of blocks, what is durable and what was
 * written since the last flush. And the fs driver over them, which is done with a
 * request at once unless a test holds it.
 */
#include "store.h"

#include "../kernel-c/dev/request.h"
#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/lib/radix.h"
#include "test.h"

#define STORES 8
#define BLOCK STORE_BLOCK

static struct store {
	char name[64];
	struct radix durable, written;
	uint32_t limit; /* its blocks have lower numbers */
	int64_t held, capacity;
	int after, error;
	unsigned flushes;
	void (*watch)(bool flush);
} stores[STORES] = { { .name = "idb0", .limit = 1024, .capacity = 1024 } };
static struct lock stores_lock = LOCK_INIT(RANK_ICACHE);

static struct store *find(const char *name, size_t length)
{
	for (int i = 0; i < STORES; i++) {
		struct store *s = &stores[i];

		if (!s->name[0]) {
			memcpy(s->name, name, min(length, sizeof s->name - 1));
			s->capacity = s->limit = INT32_MAX;
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
	test_work(); /* what is unmounted may have some left to do */
	lock(&stores_lock);
	for (int i = 0; i < STORES; i++) {
		radix_cut(&stores[i].durable, 0, UINT64_MAX, drop, NULL);
		radix_cut(&stores[i].written, 0, UINT64_MAX, drop, NULL);
		if (i > 0)
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

static struct {
	uint32_t request;
	int32_t result;
} waiting[64];
static int nwaiting;
static bool holding;

static int complete(uint32_t request, int32_t result)
{
	lock(&stores_lock);
	if (holding && nwaiting < (int)countof(waiting)) {
		waiting[nwaiting].request = request;
		waiting[nwaiting++].result = result;
		unlock(&stores_lock);
		return 0;
	}
	unlock(&stores_lock);
	completion_done(request, result);
	return 0;
}

void test_store_hold(bool hold)
{
	lock(&stores_lock);
	holding = hold;
	unlock(&stores_lock);
}

int test_store_held(void)
{
	int n;

	test_supervise();
	lock(&stores_lock);
	n = nwaiting;
	unlock(&stores_lock);
	return n;
}

void test_store_complete(int result_or_zero)
{
	for (;;) {
		uint32_t request;
		int32_t result;

		lock(&stores_lock);
		if (nwaiting == 0)
			break;
		nwaiting--;
		request = waiting[nwaiting].request;
		result = result_or_zero ? result_or_zero : waiting[nwaiting].result;
		unlock(&stores_lock);
		completion_done(request, result);
	}
	unlock(&stores_lock);
}

/* The store behind a handle, with stores_lock held; NULL, and without it, when there is none. */
static struct store *begin(int handle)
{
	lock(&stores_lock);
	if (handle >= 1 && handle <= STORES && stores[handle - 1].name[0])
		return &stores[handle - 1];
	unlock(&stores_lock);
	return NULL;
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

static void get(struct store *s, uint32_t block, void *page)
{
	const void *from = radix_find(&s->written, block);

	if (!from)
		from = radix_find(&s->durable, block);
	if (from)
		memcpy(page, from, BLOCK);
	else
		memset(page, 0, BLOCK);
}

/* stores_lock held */
static int move_pages(struct store *s, const struct request_page *pages, uint32_t count, bool write)
{
	int err = 0;

	for (uint32_t i = 0; i < count; i++)
		if (pages[i].block >= s->limit)
			err = -EINVAL;
	if (err == 0 && write)
		err = fate(s, false);
	for (uint32_t i = 0; err == 0 && i < count; i++)
		if (write)
			put(&s->written, pages[i].block, pages[i].page);
		else
			get(s, pages[i].block, pages[i].page);
	return err;
}

static int move(uint32_t request, int handle, const struct request_page *pages, uint32_t count,
		bool write)
{
	struct store *s = begin(handle);
	int err;

	if (!s)
		return -EINVAL;
	err = move_pages(s, pages, count, write);
	unlock(&stores_lock);
	return complete(request, err < 0 ? err : (int)count);
}

/* Blocks that follow each other. */
static int move_run(uint32_t request, int handle, uint32_t block, uint32_t count, const void *p,
		    bool write)
{
	struct request_page *pages = kmalloc(count * sizeof(*pages));
	int result;

	if (!pages)
		panic("store: no memory");
	for (uint32_t i = 0; i < count; i++)
		pages[i] = (struct request_page){ block + i, (char *)(uintptr_t)p + i * BLOCK };
	result = move(request, handle, pages, count, write);
	kfree(pages);
	return result;
}

int host_fs_open(uint32_t request, const char *name, size_t length, uint32_t flags)
{
	int handle;

	(void)flags;
	if (length == 0)
		return -EINVAL;
	lock(&stores_lock);
	handle = (int)(find(name, length) - stores) + 1;
	unlock(&stores_lock);
	return complete(request, handle);
}

int host_fs_read(uint32_t request, int store, uint32_t block, uint32_t count, void *buf)
{
	return move_run(request, store, block, count, buf, false);
}

int host_fs_write(uint32_t request, int store, uint32_t block, uint32_t count, const void *buf)
{
	return move_run(request, store, block, count, buf, true);
}

int host_fs_read_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return move(request, store, pages, count, false);
}

int host_fs_write_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return move(request, store, pages, count, true);
}

int host_fs_flush(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	struct store *s = begin(store);
	int err;

	if (!s)
		return -EINVAL;
	err = count ? move_pages(s, pages, count, true) : 0;
	if (err == 0)
		err = fate(s, true);
	if (err == 0) {
		for (uint64_t i = 0; (i = radix_next(&s->written, i)) != UINT64_MAX; i++)
			s->held += put(&s->durable, i, radix_find(&s->written, i));
		radix_cut(&s->written, 0, UINT64_MAX, drop, NULL);
		s->flushes++;
	}
	unlock(&stores_lock);
	return complete(request, err);
}

int host_fs_estimate(uint32_t request, int store, int64_t into[2])
{
	struct store *s = begin(store);

	if (!s)
		return -EINVAL;
	into[0] = s->held;
	into[1] = max(s->capacity - s->held, (int64_t)0);
	unlock(&stores_lock);
	return complete(request, 0);
}

int host_fs_seek(uint32_t request, int store, int64_t *blocks)
{
	struct store *s = begin(store);

	if (!s)
		return -EINVAL;
	*blocks = max(length(&s->durable), length(&s->written));
	unlock(&stores_lock);
	return complete(request, 0);
}

int host_fs_close(uint32_t request, int store)
{
	if (!begin(store))
		return -EINVAL;
	unlock(&stores_lock);
	return complete(request, 0);
}
