/*
 * Checkpoints: checkpoint.h.
 */
#include "checkpoint.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/task.h"

#define DIRTY_MAX 16384u          /* pages, 64 MiB: writers wait while there are more */
#define DIRTY_SOON 2048u          /* 8 MiB: write these while more are made */
#define DELAY (3 * NSEC_PER_SEC)  /* from the first change to the checkpoint */
#define RETRY (5 * NSEC_PER_SEC)  /* after one that failed */

/* What one request writes: pages, and the folios they are from. */
struct chunk {
	struct list node;
	struct request *request;
	struct request_page *pages; /* a page of memory */
	uintptr_t *folios;          /* a page: the folio, and in the low bits which of its pages */
	struct checkpoints *owner;
};
#define CHUNK_PAGES (PAGE_SIZE / (uint32_t)sizeof(struct request_page))

static struct slab_cache chunk_cache = SLAB_CACHE("checkpoint_chunk", struct chunk);
static uint64_t all_dirty; /* [a] */

uint64_t checkpoint_dirty_pages(void)
{
	return __atomic_load_n(&all_dirty, __ATOMIC_RELAXED);
}

/* ---- memory ---- */

static void chunk_free(struct chunk *k)
{
	if (k->pages)
		page_free(k->pages, 0);
	if (k->folios)
		page_free(k->folios, 0);
	if (k->request)
		request_put(k->request);
	slab_free(&chunk_cache, k);
}

static void write_ended(struct request *r);

static struct chunk *chunk_new(struct checkpoints *c)
{
	struct chunk *k = slab_alloc(&chunk_cache);

	if (!k)
		return NULL;
	list_init(&k->node);
	k->owner = c;
	k->pages = page_alloc(0);
	k->folios = page_alloc(0);
	k->request = request_new(REQUEST_WRITE_LIST, 0);
	if (!k->pages || !k->folios || !k->request) {
		chunk_free(k);
		return NULL;
	}
	k->request->pages = k->pages;
	k->request->private = k;
	k->request->complete = write_ended;
	return k;
}

static void chunks_free(struct list *l)
{
	struct chunk *k, *next;

	list_for_each_safe(k, next, l, node) {
		list_remove(&k->node);
		chunk_free(k);
	}
}

/* ---- life ---- */

static void expire(struct timer *t)
{
	struct checkpoints *c = container_of(t, struct checkpoints, timer);

	lock(&c->lock);
	c->armed = false;
	unlock(&c->lock);
	if (__atomic_load_n(&c->dirty, __ATOMIC_RELAXED))
		checkpoint_want(c);
}

static void timer_gone(struct timer *t)
{
	struct checkpoints *c = container_of(t, struct checkpoints, timer);

	chunks_free(&c->chunks);
	request_put(c->flush);
	c->ops->free(c);
}

static void flush_ended(struct request *r);

int checkpoints_init(struct checkpoints *c, const struct checkpoint_ops *ops,
		     struct block_device *device)
{
	*c = (struct checkpoints){ .ops = ops, .device = device, .open = 1 };
	if (!(c->flush = request_new(REQUEST_FLUSH, 0)))
		return -ENOMEM;
	c->flush->private = c;
	c->flush->complete = flush_ended;
	lock_init(&c->lock, RANK_CHECKPOINT);
	list_init(&c->folios);
	list_init(&c->chunks);
	list_init(&c->run);
	wait_queue_init(&c->moved);
	timer_init(&c->timer, expire, timer_gone);
	return 0;
}

void checkpoints_close(struct checkpoints *c)
{
	lock(&c->lock);
	__atomic_store_n(&c->closed, true, __ATOMIC_RELAXED);
	unlock(&c->lock);
}

void checkpoints_free(struct checkpoints *c)
{
	checkpoints_close(c);
	timer_disarm(&c->timer);
	timer_put(&c->timer);
}

static void arm(struct checkpoints *c, nsec delay)
{
	bool arm;

	lock(&c->lock);
	arm = !c->armed && !checkpoints_closed(c);
	c->armed |= arm;
	unlock(&c->lock);
	if (arm)
		timer_arm(&c->timer, host_clock() + delay);
}

/* ---- taking one ---- */

/* c->lock held: is one wanted that can be taken? True when the caller is to take it. */
static bool kick(struct checkpoints *c)
{
	assert_held(&c->lock);
	if (c->taking || c->writing || checkpoints_closed(c) || c->wanted < c->open)
		return false;
	c->taking = true;
	return c->operations == 0;
}

/* Put the dirty pages of f on the lists, from the chunk k on; the last chunk in use. */
static struct chunk *gather(struct checkpoints *c, struct folio *f, struct chunk *k)
{
	uint32_t dirty = __atomic_load_n(&f->dirty, __ATOMIC_RELAXED);
	int taken = 0;

	for (unsigned i = 0; i < FOLIO_PAGES; i++) {
		if (!(dirty & 1u << i) || !f->page[i] || f->block[i] == BLOCK_NONE)
			continue;
		if (k->request->count == CHUNK_PAGES) {
			list_remove(&k->node);
			list_append(&c->run, &k->node);
			k = list_first(&c->chunks, struct chunk, node);
			assert(&k->node != &c->chunks);
			k->request->count = 0;
		}
		k->pages[k->request->count] = (struct request_page){ f->block[i], f->page[i] };
		k->folios[k->request->count++] = (uintptr_t)f | i;
		__atomic_fetch_or(&f->shared, 1u << i, __ATOMIC_RELEASE);
		__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
		taken++;
	}
	__atomic_store_n(&f->dirty, 0, __ATOMIC_RELEASE); /* after `shared`: folio_reclaim */
	__atomic_add_fetch(&c->flying, (uint32_t)taken, __ATOMIC_RELAXED);
	return k;
}

/* A write or the taker is done; the last has it flushed. */
static void write_done(struct checkpoints *c, int error)
{
	if (error < 0)
		__atomic_store_n(&c->run_error, error, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&c->pending, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	c->flush->done = false;
	if (__atomic_load_n(&c->run_error, __ATOMIC_RELAXED)) {
		__atomic_add_fetch(&c->flush->refs, 1, __ATOMIC_RELAXED);
		request_end(c->flush, c->run_error); /* what is torn must not be flushed */
	} else {
		block_submit(c->device, c->flush);
	}
}

static void write_ended(struct request *r)
{
	struct chunk *k = r->private;

	write_done(k->owner, r->result);
}

/* A small checkpoint goes with its flush, as one request: each costs a small fsync some hundredths of its time. */
static void submit(struct checkpoints *c)
{
	struct chunk *k = list_first(&c->run, struct chunk, node);
	bool one = k->node.next == &c->run;
	uint32_t n = 1;

	c->flush->pages = one ? k->pages : NULL;
	c->flush->count = one ? k->request->count : 0;
	if (!one)
		list_for_each(k, &c->run, node)
			n++;
	__atomic_store_n(&c->pending, n, __ATOMIC_RELAXED);
	/* c->run is changed by nobody before `pending` is 0, which our own share prevents */
	if (!one)
		list_for_each(k, &c->run, node) {
			k->request->done = false;
			block_submit(c->device, k->request);
		}
	write_done(c, 0);
}

/* No operation is under way and none begins, because c->taking is set: by whoever calls. */
static void take(struct checkpoints *c)
{
	struct folio *f, *next;
	struct chunk *k;
	bool empty;

	__atomic_add_fetch(&c->timer.refs, 1, __ATOMIC_RELAXED); /* c lives until it has ended */
	c->ops->settle(c);
	k = list_first(&c->chunks, struct chunk, node);
	if (!list_empty(&c->chunks))
		k->request->count = 0;
	c->run_error = 0;
	list_for_each_safe(f, next, &c->folios, dirties) {
		k = gather(c, f, k);
		list_remove(&f->dirties);
		__atomic_store_n(&f->listed, false, __ATOMIC_RELEASE);
	}
	if (!list_empty(&c->chunks) && k->request->count) {
		list_remove(&k->node);
		list_append(&c->run, &k->node);
	}
	empty = list_empty(&c->run);
	__atomic_sub_fetch(&all_dirty, c->dirty, __ATOMIC_RELAXED);
	lock(&c->lock);
	list_for_each(k, &c->run, node)
		c->room -= CHUNK_PAGES;
	__atomic_store_n(&c->dirty, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&c->open, c->open + 1, __ATOMIC_RELAXED);
	c->taking = false;
	c->writing = true;
	unlock(&c->lock);
	wake_all(&c->moved);
	if (empty) {
		c->flush->done = false;
		__atomic_add_fetch(&c->flush->refs, 1, __ATOMIC_RELAXED);
		request_end(c->flush, 0); /* nothing has changed */
	} else {
		submit(c);
	}
}

/* ---- its end ---- */

/* Page i of f was not stored: it is dirty again, if it is still what it was. */
static void page_again(struct checkpoints *c, struct folio *f, unsigned i, void *page)
{
	uint32_t bit = 1u << i;

	lock(&c->lock);
	if (!(__atomic_fetch_or(&f->dirty, bit, __ATOMIC_ACQ_REL) & bit)) {
		__atomic_add_fetch(&c->dirty, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&all_dirty, 1, __ATOMIC_RELAXED);
		if (!f->listed && f->mapping) {
			__atomic_store_n(&f->listed, true, __ATOMIC_RELEASE);
			list_append(&c->folios, &f->dirties);
		}
	}
	unlock(&c->lock);
	if (!(__atomic_fetch_and(&f->shared, ~bit, __ATOMIC_ACQ_REL) & bit))
		page_free(page, 0);
}

static void chunk_end(struct checkpoints *c, struct chunk *k, int error)
{
	for (uint32_t n = 0; n < k->request->count; n++) {
		struct folio *f = (struct folio *)(k->folios[n] & ~(uintptr_t)(FOLIO_PAGES - 1));
		unsigned i = k->folios[n] & (FOLIO_PAGES - 1);
		uint32_t bit = 1u << i;

		if (error < 0)
			page_again(c, f, i, k->pages[n].page);
		else if (!(__atomic_fetch_and(&f->shared, ~bit, __ATOMIC_ACQ_REL) & bit))
			page_free(k->pages[n].page, 0); /* it was changed or dropped meanwhile */
		folio_put(f);
	}
	k->request->count = 0;
}

static void flush_ended(struct request *r)
{
	struct checkpoints *c = r->private;
	struct chunk *k, *next;
	struct list chunks = LIST_INIT(chunks);
	int error = r->result < 0 ? r->result : 0;
	bool more;

	lock(&c->lock); /* first the memory: what failed needs it again */
	list_for_each(k, &c->run, node)
		c->room += CHUNK_PAGES;
	unlock(&c->lock);
	list_for_each(k, &c->run, node)
		chunk_end(c, k, error);
	c->ops->ended(c, error);
	lock(&c->lock);
	list_for_each_safe(k, next, &c->run, node) {
		list_remove(&k->node);
		/* one is kept, for the next small fsync */
		if (c->room >= c->dirty + 2 * CHUNK_PAGES) {
			c->room -= CHUNK_PAGES;
			list_append(&chunks, &k->node);
		} else {
			list_append(&c->chunks, &k->node);
		}
	}
	c->writing = false;
	__atomic_store_n(&c->flying, 0, __ATOMIC_RELAXED);
	c->ended++;
	if (error < 0) {
		c->failed = c->open - 1;
		c->error = error;
	} else {
		__atomic_store_n(&c->done, c->open - 1, __ATOMIC_RELEASE);
	}
	more = kick(c);
	unlock(&c->lock);
	wake_all(&c->moved);
	chunks_free(&chunks);
	if (error < 0) {
		klog(4, "%s: a checkpoint failed: error %d", c->device->name, -error);
		arm(c, RETRY);
	}
	if (more)
		take(c);
	timer_put(&c->timer);
}

/* ---- operations ---- */

int checkpoint_begin(struct checkpoints *c)
{
	struct waiter w;
	int err = 0;

	lock(&c->lock);
	if (likely(!c->taking)) {
		c->operations++;
		unlock(&c->lock);
		return 0;
	}
	unlock(&c->lock);
	wait_begin(&c->moved, &w);
	lock(&c->lock);
	while (c->taking && err == 0) {
		unlock(&c->lock);
		err = wait_sleep_killable(FOREVER);
		lock(&c->lock);
	}
	if (!c->taking) {
		err = 0;
		c->operations++;
	}
	unlock(&c->lock);
	wait_end(&w);
	return err < 0 ? -EINTR : 0;
}

void checkpoint_end(struct checkpoints *c)
{
	bool last;

	lock(&c->lock);
	assert(c->operations > 0);
	last = --c->operations == 0 && c->taking;
	unlock(&c->lock);
	if (unlikely(last))
		take(c);
}

void checkpoint_want(struct checkpoints *c)
{
	bool now;

	lock(&c->lock);
	c->wanted = max(c->wanted, c->open);
	now = kick(c);
	unlock(&c->lock);
	if (now)
		take(c);
}

/* Has what `number` waits for been decided since `seen` ended? 1 not yet, else 0 or the error. */
static int outcome(struct checkpoints *c, uint64_t number, uint64_t seen)
{
	if (c->done >= number)
		return 0;
	if (c->ended != seen && c->failed >= number && c->failed == c->open - 1 && !c->writing)
		return c->error;
	return 1;
}

int checkpoint_sync(struct checkpoints *c, uint64_t number)
{
	struct waiter w;
	uint64_t seen;
	int err = 0, result;
	bool now = false;

	if (__atomic_load_n(&c->done, __ATOMIC_ACQUIRE) >= number)
		return 0;
	wait_begin(&c->moved, &w);
	lock(&c->lock);
	seen = c->ended;
	/* Another's checkpoint may have done it just now: then none must be begun that nobody takes. */
	if (outcome(c, number, seen) > 0) {
		if (!c->writing || number >= c->open)
			c->wanted = max(c->wanted, c->open);
		now = kick(c);
	}
	while ((result = outcome(c, number, seen)) > 0 && err == 0) {
		unlock(&c->lock);
		if (now)
			take(c);
		now = false;
		err = wait_sleep_killable(FOREVER);
		lock(&c->lock);
	}
	unlock(&c->lock);
	wait_end(&w);
	return result <= 0 ? result : -EINTR;
}

int checkpoint_throttle(struct checkpoints *c)
{
	uint32_t dirty = __atomic_load_n(&c->dirty, __ATOMIC_RELAXED);
	uint32_t all = dirty + __atomic_load_n(&c->flying, __ATOMIC_RELAXED);

	if (likely(dirty < DIRTY_SOON))
		return 0;
	/* and half of a small cache is left to reading */
	if (all < min(DIRTY_MAX, page_cache_limit() / 2)) {
		checkpoint_want(c);
		return 0;
	}
	/* what is on its way now, or else the open one, has to end */
	return checkpoint_sync(c, __atomic_load_n(&c->flying, __ATOMIC_RELAXED) ?
					  checkpoint_now(c) - 1 : checkpoint_now(c));
}

/* ---- dirty pages ---- */

int checkpoint_dirtied(struct checkpoints *c, struct folio *f, unsigned slot)
{
	struct chunk *k = NULL;
	bool arm_now;

	lock(&c->lock);
	assert(c->operations > 0);
	while (unlikely(c->dirty >= c->room)) {
		unlock(&c->lock);
		if (!(k = chunk_new(c)))
			return -ENOMEM;
		lock(&c->lock);
		list_append(&c->chunks, &k->node);
		c->room += CHUNK_PAGES;
	}
	__atomic_fetch_or(&f->dirty, 1u << slot, __ATOMIC_RELEASE);
	if (!f->listed) {
		__atomic_store_n(&f->listed, true, __ATOMIC_RELEASE);
		list_append(&c->folios, &f->dirties);
	}
	__atomic_store_n(&c->dirty, c->dirty + 1, __ATOMIC_RELAXED);
	arm_now = !c->armed;
	unlock(&c->lock);
	__atomic_add_fetch(&all_dirty, 1, __ATOMIC_RELAXED);
	if (unlikely(arm_now))
		arm(c, DELAY);
	return 0;
}

static void uncount(struct checkpoints *c, uint32_t slots)
{
	uint32_t n = (uint32_t)__builtin_popcount(slots);

	__atomic_store_n(&c->dirty, c->dirty - n, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&all_dirty, n, __ATOMIC_RELAXED);
}

void checkpoint_forget(struct checkpoints *c, struct folio *f, uint32_t slots)
{
	lock(&c->lock);
	if (!(__atomic_and_fetch(&f->dirty, ~slots, __ATOMIC_ACQ_REL)) && f->listed) {
		list_remove(&f->dirties);
		__atomic_store_n(&f->listed, false, __ATOMIC_RELEASE);
	}
	uncount(c, slots);
	unlock(&c->lock);
}

void checkpoint_unlist(struct checkpoints *c, struct folio *f)
{
	if (!__atomic_load_n(&f->listed, __ATOMIC_ACQUIRE))
		return;
	lock(&c->lock);
	if (f->listed) {
		list_remove(&f->dirties);
		__atomic_store_n(&f->listed, false, __ATOMIC_RELEASE);
		uncount(c, __atomic_exchange_n(&f->dirty, 0, __ATOMIC_ACQ_REL));
	}
	unlock(&c->lock);
}
