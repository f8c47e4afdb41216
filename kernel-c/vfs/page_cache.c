/*
 * The page cache: page_cache.h.
 */
#include "page_cache.h"

#include "../lib/alloc.h"
#include "checkpoint.h"

#define RUN_MAX 256u      /* pages that one read fetches */
#define WINDOW_FIRST 16u  /* pages to read ahead, doubled while reading is sequential */
#define RECLAIM_BATCH 64u /* pages to free at once, when there are too many */
#define SEARCH_MAX 512u   /* folios to look at in one search of the LRU list */
#define FOLIO_ORDER 4u    /* of pages that lie together: a whole folio's */

static struct lock cache_lock = LOCK_INIT(RANK_CACHE);
static struct list lru = LIST_INIT(lru); /* [L] least recently added or looked at first */
static uint64_t cached;                  /* [a] pages */
static uint64_t limit = 65536;           /* [a] pages: 256 MiB, until the boot knows better */
static struct slab_cache folio_cache = SLAB_CACHE("folio", struct folio);

/* Less makes everybody wait for the store, more is missing for programs' files in memory. */
#define LIMIT_LEAST 16384u  /* 64 MiB */
#define LIMIT_MOST 131072u  /* 512 MiB: half of what the kernel can have */

void page_cache_set_limit(uint64_t bytes)
{
	uint64_t pages = min(max(bytes / PAGE_SIZE, (uint64_t)LIMIT_LEAST), (uint64_t)LIMIT_MOST);

	__atomic_store_n(&limit, pages, __ATOMIC_RELAXED);
}

uint32_t page_cache_limit(void)
{
	return (uint32_t)__atomic_load_n(&limit, __ATOMIC_RELAXED);
}

void page_cache_count(uint64_t *pages, uint64_t *dirty)
{
	*pages = __atomic_load_n(&cached, __ATOMIC_RELAXED);
	*dirty = checkpoint_dirty_pages();
}

void mapping_init(struct mapping *m, const struct mapping_ops *ops, struct mutex *lock,
		  struct checkpoints *owner, void *private)
{
	*m = (struct mapping){ .ops = ops, .lock = lock, .owner = owner, .private = private };
}

static inline struct folio *folio_find(const struct mapping *m, uint32_t index)
{
	return radix_find(&m->folios, index / FOLIO_PAGES);
}

/* It was used; a store only if that is news, for other CPUs have the line too. */
static inline void folio_use(struct folio *f)
{
	if (!__atomic_load_n(&f->used, __ATOMIC_RELAXED))
		__atomic_store_n(&f->used, true, __ATOMIC_RELAXED);
}

void folio_put(struct folio *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0)
		slab_free(&folio_cache, f);
}

/* ---- pages leave ---- */

/* Page i of f goes from the cache; it is freed now, or by the checkpoint that shares it. */
static void page_drop(struct folio *f, unsigned i)
{
	uint32_t bit = 1u << i;
	char *page = f->page[i];

	f->page[i] = NULL;
	f->block[i] = BLOCK_NONE;
	if (!(__atomic_fetch_and(&f->shared, ~bit, __ATOMIC_ACQ_REL) & bit))
		page_free(page, 0);
	__atomic_sub_fetch(&cached, 1, __ATOMIC_RELAXED);
}

static void folio_unlist(struct folio *f)
{
	lock(&cache_lock);
	list_remove(&f->lru);
	f->mapping = NULL;
	unlock(&cache_lock);
}

struct cut {
	struct mapping *m;
	uint64_t first, end; /* pages */
};

/* Drop what of a folio lies in the cut; true when nothing is left of it. */
static bool folio_cut(void *item, uint64_t number, void *arg)
{
	struct folio *f = item;
	const struct cut *c = arg;
	uint64_t base = number * FOLIO_PAGES;
	uint32_t forget = 0;
	bool left = false;

	for (unsigned i = 0; i < FOLIO_PAGES; i++) {
		if (!f->page[i])
			continue;
		if (base + i < c->first || base + i >= c->end) {
			left = true;
			continue;
		}
		forget |= f->dirty & 1u << i;
		page_drop(f, i);
	}
	if (forget)
		checkpoint_forget(c->m->owner, f, forget);
	if (left)
		return false;
	folio_unlist(f);
	if (c->m->owner)
		checkpoint_unlist(c->m->owner, f);
	folio_put(f);
	return true;
}

void mapping_cut(struct mapping *m, uint32_t first, uint64_t end)
{
	struct cut c = { m, first, min(end, MAPPING_MAX_PAGES) };

	radix_cut(&m->folios, first / FOLIO_PAGES, (c.end + FOLIO_PAGES - 1) / FOLIO_PAGES,
		  folio_cut, &c);
}

/*
 * Nobody knows the mapping but whoever reclaims memory, with cache_lock: once a
 * folio is off the LRU list it is ours, and when all are, so is the tree.
 */
void mapping_free(struct mapping *m)
{
	lock(&cache_lock);
	for (uint64_t at = 0; (at = radix_next(&m->folios, at)) != UINT64_MAX; at++) {
		struct folio *f = radix_find(&m->folios, at);

		list_remove(&f->lru);
		f->mapping = NULL;
	}
	unlock(&cache_lock);
	mapping_cut(m, 0, UINT64_MAX);
}

static bool folio_take(void *item, uint64_t number, void *arg)
{
	return true;
}

/* Give back all of f if it is clean and its mapping's lock is free, or is `held` already. */
static unsigned folio_reclaim(struct folio *f, struct mapping *held, uint32_t keep)
{
	struct mapping *m = f->mapping;
	unsigned freed = 0;

	assert_held(&cache_lock);
	if (m == held ? f->index == keep : !mutex_try(m->lock))
		return 0;
	/* in this order: a checkpoint sets `shared` before it clears `dirty` */
	if (!__atomic_load_n(&f->dirty, __ATOMIC_ACQUIRE) &&
	    !__atomic_load_n(&f->shared, __ATOMIC_ACQUIRE) &&
	    !__atomic_load_n(&f->listed, __ATOMIC_ACQUIRE)) {
		for (unsigned i = 0; i < FOLIO_PAGES; i++)
			if (f->page[i]) {
				page_drop(f, i);
				freed++;
			}
		list_remove(&f->lru);
		f->mapping = NULL;
		radix_cut(&m->folios, f->index, (uint64_t)f->index + 1, folio_take, NULL);
		folio_put(f);
	}
	if (m != held)
		mutex_unlock(m->lock);
	return freed;
}

/* With `held` locked, if that is not NULL, and its folio `keep` in use. */
static uint64_t reclaim(uint64_t pages, struct mapping *held, uint32_t keep)
{
	uint64_t freed = 0;

	lock(&cache_lock);
	for (unsigned n = 0; n < SEARCH_MAX && freed < pages && !list_empty(&lru); n++) {
		struct folio *f = list_first(&lru, struct folio, lru);

		list_remove(&f->lru);
		list_append(&lru, &f->lru);
		if (__atomic_exchange_n(&f->used, false, __ATOMIC_RELAXED))
			continue;
		freed += folio_reclaim(f, held, keep);
	}
	unlock(&cache_lock);
	return freed;
}

uint64_t page_cache_reclaim(uint64_t pages)
{
	return reclaim(pages, NULL, 0);
}

/* ---- pages come ---- */

/* A page of memory for m, whose folio of `index` is in use; NULL: there is none. */
static void *page_new(struct mapping *m, uint32_t index)
{
	void *page;

	if (__atomic_load_n(&cached, __ATOMIC_RELAXED) >= __atomic_load_n(&limit, __ATOMIC_RELAXED))
		reclaim(RECLAIM_BATCH, m, index / FOLIO_PAGES);
	for (int tries = 0; !(page = page_alloc_data()) && tries < 4; tries++)
		if (!reclaim(RECLAIM_BATCH, m, index / FOLIO_PAGES))
			break;
	return page;
}

/* Memory for `count` pages from index on, whole folios together: how many there was for. */
static uint32_t pages_new(struct mapping *m, uint32_t index, uint32_t count, void **pages)
{
	uint32_t i = 0;

	while (i < count) {
		char *run = NULL;

		if ((index + i) % FOLIO_PAGES == 0 && count - i >= FOLIO_PAGES &&
		    __atomic_load_n(&cached, __ATOMIC_RELAXED) + count <
			    __atomic_load_n(&limit, __ATOMIC_RELAXED) &&
		    (run = page_alloc_data_run(FOLIO_ORDER))) {
			for (unsigned k = 0; k < FOLIO_PAGES; k++)
				pages[i++] = run + k * PAGE_SIZE;
		} else if ((pages[i] = page_new(m, index + i))) {
			i++;
		} else {
			break;
		}
	}
	return i;
}

/* The folio of page `index`, made if it is not there; NULL: no memory. */
static struct folio *folio_make(struct mapping *m, uint32_t index)
{
	struct folio *f = folio_find(m, index);
	void **slot;

	if (f)
		return f;
	if (!(f = slab_alloc(&folio_cache)))
		return NULL;
	if (!(slot = radix_slot(&m->folios, index / FOLIO_PAGES))) {
		slab_free(&folio_cache, f);
		return NULL;
	}
	f->index = index / FOLIO_PAGES;
	f->refs = 1;
	f->used = true;
	f->mapping = m;
	memset(f->block, 0xff, sizeof f->block);
	list_init(&f->dirties);
	*slot = f;
	lock(&cache_lock);
	list_append(&lru, &f->lru);
	unlock(&cache_lock);
	return f;
}

/* Put a page into m, which has none there. false: no memory. */
static bool page_put(struct mapping *m, uint32_t index, void *page, uint32_t block)
{
	struct folio *f = folio_make(m, index);

	if (!f)
		return false;
	assert(!f->page[index % FOLIO_PAGES]);
	f->page[index % FOLIO_PAGES] = page;
	f->block[index % FOLIO_PAGES] = block;
	__atomic_add_fetch(&cached, 1, __ATOMIC_RELAXED);
	return true;
}

static int run_read(struct mapping *m, uint32_t index, uint32_t count)
{
	void *pages[RUN_MAX];
	uint32_t blocks[RUN_MAX];
	int err;

	count = pages_new(m, index, count, pages);
	if (count == 0)
		return -ENOMEM;
	memset(blocks, 0xff, count * sizeof *blocks); /* BLOCK_NONE */
	err = m->ops->read(m, index, count, pages, blocks);
	for (uint32_t i = 0; i < count; i++)
		if (pages[i] && (err < 0 || !page_put(m, index + i, pages[i], blocks[i]))) {
			page_free(pages[i], 0);
			err = err < 0 ? err : i == 0 ? -ENOMEM : 0;
		}
	return err;
}

const void *page_find(const struct mapping *m, uint32_t index)
{
	struct folio *f = folio_find(m, index);

	if (!f || !f->page[index % FOLIO_PAGES])
		return NULL;
	folio_use(f);
	return f->page[index % FOLIO_PAGES];
}

const void *page_get(struct mapping *m, uint32_t index, int *err)
{
	const void *page = page_find(m, index);

	assert(mutex_held(m->lock));
	if (likely(page != NULL))
		return page;
	if ((*err = run_read(m, index, 1)) < 0)
		return NULL;
	return page_find(m, index);
}

/* How many pages from index on are not in memory, `most` at most. */
static uint32_t absent(const struct mapping *m, uint32_t index, uint32_t most)
{
	uint32_t n = 0;

	while (n < most) {
		struct folio *f = folio_find(m, index + n);

		if (f && f->page[(index + n) % FOLIO_PAGES])
			break;
		n++;
	}
	return n;
}

void page_ahead(struct mapping *m, uint32_t index, uint32_t count)
{
	uint32_t n = absent(m, index, min(count, RUN_MAX));

	if (n)
		run_read(m, index, n);
}

/* Read the absent page at index, of a file of `end` pages of which `want` are asked for, and more. */
static int fetch(struct mapping *m, uint32_t index, uint32_t want, uint32_t end)
{
	uint32_t n = want, before = m->next;

	if (index == before || (index > before && index - before < FOLIO_PAGES)) {
		m->window = min(max(m->window * 2, WINDOW_FIRST), RUN_MAX);
		n = max(n, m->window);
	} else {
		m->window = 0;
	}
	n = absent(m, index, min(min(n, RUN_MAX), end - index));
	m->next = index + n;
	return run_read(m, index, n);
}

/* Bytes from `in` on that lie together in memory, from page i of f on; n at most. */
static size_t together(const struct folio *f, unsigned i, size_t in, size_t n)
{
	size_t have = PAGE_SIZE - in;

	while (have < n && i + 1 < FOLIO_PAGES && f->page[i + 1] == f->page[i] + PAGE_SIZE) {
		have += PAGE_SIZE;
		i++;
	}
	return min(have, n);
}

int64_t mapping_read(struct mapping *m, struct uio *u, int64_t pos, int64_t size)
{
	int64_t done = 0, n;

	assert(mutex_held(m->lock));
	while (u->left && pos < size) {
		uint32_t index = (uint32_t)(pos / PAGE_SIZE);
		size_t in = (size_t)(pos % PAGE_SIZE);
		size_t want = (size_t)min((int64_t)u->left, size - pos);
		struct folio *f = folio_find(m, index);
		unsigned i = index % FOLIO_PAGES;

		if (unlikely(!f || !f->page[i])) {
			n = fetch(m, index, (uint32_t)((in + want + PAGE_SIZE - 1) / PAGE_SIZE),
				  (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE));
			if (n < 0)
				return done ? done : n;
			continue;
		}
		folio_use(f);
		n = uio_out(u, f->page[i] + in, together(f, i, in, want));
		if (unlikely(n <= 0))
			return done ? done : n;
		pos += n;
		done += n;
	}
	return done;
}

/* ---- pages change ---- */

/* A checkpoint has page i of f too: put a copy in its place, unless that ends just now. */
static int page_unshare(struct folio *f, unsigned i)
{
	uint32_t bit = 1u << i;
	char *copy = page_new(f->mapping, f->index * FOLIO_PAGES);

	if (!copy && !(copy = page_alloc(0))) /* the reserve: what is written can be freed soon */
		return -ENOMEM;
	memcpy(copy, f->page[i], PAGE_SIZE);
	if (__atomic_fetch_and(&f->shared, ~bit, __ATOMIC_ACQ_REL) & bit)
		f->page[i] = copy; /* the checkpoint frees the other */
	else
		page_free(copy, 0);
	return 0;
}

/* A page that was not in memory and is not to be read. */
static int page_make(struct mapping *m, uint32_t index, uint32_t flags)
{
	void *page = page_new(m, index);

	if (!page)
		return -ENOMEM;
	if (flags & PAGE_ZERO)
		memset(page, 0, PAGE_SIZE);
	if (page_put(m, index, page, BLOCK_NONE))
		return 0;
	page_free(page, 0);
	return -ENOMEM;
}

/* Page i of f, in memory, is going to be changed. */
static int page_dirty(struct mapping *m, struct folio *f, unsigned i)
{
	uint32_t bit = 1u << i;
	int err;

	if (__atomic_load_n(&f->shared, __ATOMIC_ACQUIRE) & bit && (err = page_unshare(f, i)) < 0)
		return err;
	if (__atomic_load_n(&f->dirty, __ATOMIC_RELAXED) & bit)
		return 0;
	return checkpoint_dirtied(m->owner, f, i);
}

void *page_change(struct mapping *m, uint32_t index, uint32_t block, uint32_t flags, int *err)
{
	struct folio *f = folio_find(m, index);
	unsigned i = index % FOLIO_PAGES;

	assert(mutex_held(m->lock));
	if (!f || !f->page[i]) {
		*err = flags & (PAGE_WHOLE | PAGE_ZERO) ? page_make(m, index, flags) :
							  run_read(m, index, 1);
		if (*err < 0)
			return NULL;
		f = folio_find(m, index);
	} else if (flags & PAGE_ZERO && (*err = page_dirty(m, f, i)) == 0) {
		memset(f->page[i], 0, PAGE_SIZE);
	}
	if (block != BLOCK_NONE)
		f->block[i] = block;
	folio_use(f);
	if ((*err = page_dirty(m, f, i)) < 0)
		return NULL;
	return f->page[i];
}

uint32_t page_block(const struct mapping *m, uint32_t index)
{
	struct folio *f = folio_find(m, index);

	return f ? f->block[index % FOLIO_PAGES] : BLOCK_NONE;
}
