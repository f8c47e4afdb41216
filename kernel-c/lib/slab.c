/*
 * Slabs: caches of equally large objects; and kmalloc over slabs and pages.
 *
 * A slab is a run of pages, aligned to its size, with a header and objects. So
 * an object's slab is found by rounding its address down, and its cache from
 * there. A cache keeps a list of the slabs that have free objects, and one
 * empty slab at most.
 */
#include "alloc.h"
#include "page.h"

/* Changed under the cache's lock, read by /proc/slabinfo without it. */
static void count(uint32_t *n, int by)
{
	__atomic_store_n(n, *n + (uint32_t)by, __ATOMIC_RELAXED);
}

struct slab {
	struct list node; /* cache->partial, while it has free objects */
	struct slab_cache *cache;
	void *free;       /* linked through their first word */
	uint32_t used, capacity;
};
#define HEADER round_up((uint32_t)sizeof(struct slab), 16u)

static struct lock caches_lock = LOCK_INIT(RANK_SLAB);
static struct list caches = LIST_INIT(caches);

static uint32_t object_size(const struct slab_cache *c)
{
	return round_up(max(c->size, (uint32_t)sizeof(void *)), 16u);
}

/* As many pages as hold eight objects, to waste little. */
static unsigned slab_order(const struct slab_cache *c)
{
	unsigned order = 0;

	while (order < 4 && (PAGE_SIZE << order) < 7 * object_size(c) + HEADER)
		order++;
	return order;
}

static void cache_register(struct slab_cache *c)
{
	lock(&caches_lock);
	if (!c->registered) {
		list_init(&c->partial);
		list_append(&caches, &c->caches);
		__atomic_store_n(&c->registered, true, __ATOMIC_RELEASE);
	}
	unlock(&caches_lock);
}

/* An empty slab on the partial list, or NULL. */
static struct slab *slab_new(struct slab_cache *c)
{
	unsigned order = slab_order(c);
	uint32_t size = object_size(c);
	struct slab *s = page_alloc(order);

	if (!s)
		return NULL;
	page_mark_slab(s, order);
	s->cache = c;
	s->free = NULL;
	s->used = 0;
	s->capacity = ((PAGE_SIZE << order) - HEADER) / size;
	for (uint32_t i = s->capacity; i-- > 0;) {
		void **object = (void **)((char *)s + HEADER + i * size);

		*object = s->free;
		s->free = object;
		memory_poison(object + 1, size - sizeof(void *));
	}
	list_add(&c->partial, &s->node);
	count(&c->slabs, 1);
	return s;
}

static void *object_take(struct slab_cache *c)
{
	struct slab *s;
	void **object = NULL;

	if (unlikely(!__atomic_load_n(&c->registered, __ATOMIC_ACQUIRE)))
		cache_register(c);
	lock(&c->lock);
	if (!list_empty(&c->partial))
		s = list_first(&c->partial, struct slab, node);
	else if (!(s = slab_new(c)))
		goto out;
	object = s->free;
	s->free = *object;
	if (++s->used == s->capacity)
		list_remove(&s->node);
	count(&c->live, 1);
	memory_unpoison(object, c->size);
out:
	unlock(&c->lock);
	return object;
}

void *slab_alloc(struct slab_cache *c)
{
	void *object = object_take(c);

	if (object)
		memset(object, 0, c->size);
	return object;
}

static struct slab *slab_of(void *object, unsigned order)
{
	return (struct slab *)((uintptr_t)object &
			       ~(((uintptr_t)PAGE_SIZE << order) - 1));
}

void slab_free(struct slab_cache *c, void *object)
{
	unsigned order = slab_order(c);
	struct slab *s = slab_of(object, order);

	if (s->cache != c)
		panic("slab_free: %p is no %s", object, c->name);
	lock(&c->lock);
	assert(s->used > 0);
	*(void **)object = s->free;
	s->free = object;
	memory_poison((void **)object + 1, object_size(c) - sizeof(void *));
	count(&c->live, -1);
	if (s->used-- == s->capacity)
		list_add(&c->partial, &s->node);
	/* Not the last one with room: the next alloc would make it again. */
	if (s->used == 0 && c->partial.next != c->partial.prev) {
		list_remove(&s->node);
		count(&c->slabs, -1);
		memory_unpoison(s, PAGE_SIZE << order);
		page_free(s, order);
	}
	unlock(&c->lock);
}

/* Caches are never taken off the list, so f runs without the lock: it may allocate. */
void slab_each(void (*f)(const struct slab_cache *c, void *arg), void *arg)
{
	struct list *at = &caches;

	for (;;) {
		lock(&caches_lock);
		at = at->next;
		unlock(&caches_lock);
		if (at == &caches)
			return;
		f(list_entry(at, struct slab_cache, caches), arg);
	}
}

uint64_t slab_cache_pages(const struct slab_cache *c)
{
	return (uint64_t)__atomic_load_n(&c->slabs, __ATOMIC_RELAXED) << slab_order(c);
}

#define KMALLOC_CACHE(bytes) \
	{ .name = "kmalloc-" #bytes, .size = bytes, .lock = LOCK_INIT(RANK_SLAB) }
static struct slab_cache sizes[] = {
	KMALLOC_CACHE(16),  KMALLOC_CACHE(32),  KMALLOC_CACHE(64),
	KMALLOC_CACHE(128), KMALLOC_CACHE(256), KMALLOC_CACHE(512),
	KMALLOC_CACHE(1024), KMALLOC_CACHE(2048),
};
#define KMALLOC_MAX_SLAB 2048

static unsigned order_for(size_t size)
{
	unsigned order = 0;

	while (((size_t)PAGE_SIZE << order) < size)
		order++;
	return order;
}

void *kmalloc(size_t size)
{
	if (size > (1u << 30))
		return NULL;
	if (size > KMALLOC_MAX_SLAB)
		return page_alloc(order_for(size));
	if (size <= 16)
		return object_take(&sizes[0]);
	return object_take(&sizes[28 - __builtin_clz((uint32_t)size - 1)]);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void kfree(void *p)
{
	uint8_t state;

	if (!p)
		return;
	state = page_state_of(p);
	if (state & PAGE_SLAB)
		slab_free(slab_of(p, state & PAGE_ORDER)->cache, p);
	else if (state & PAGE_USED)
		page_free(p, state & PAGE_ORDER);
	else
		panic("kfree: %p is not allocated", p);
}

/* Bytes that can be used at p. */
static size_t capacity(void *p)
{
	uint8_t state = page_state_of(p);

	if (state & PAGE_SLAB)
		return slab_of(p, state & PAGE_ORDER)->cache->size;
	return (size_t)PAGE_SIZE << (state & PAGE_ORDER);
}

void *krealloc(void *p, size_t size)
{
	size_t old;
	void *new;

	if (!p)
		return kmalloc(size);
	old = capacity(p);
	if (size <= old && size >= old / 4)
		return p;
	if (!(new = kmalloc(size)))
		return size <= old ? p : NULL;
	memcpy(new, p, min(old, size));
	kfree(p);
	return new;
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = kmalloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}
