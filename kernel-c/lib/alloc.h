/*
 * Kernel memory: pages, slabs, and kmalloc over both. None of them sleeps.
 *
 * page_* hands out runs of 4 KiB pages (the kernel memory grows as needed, to
 * MEMORY_LIMIT); slab_* fixed-size objects of a named cache; kmalloc any size.
 */
#ifndef ALLOC_H
#define ALLOC_H

#include "../types.h"
#include "list.h"
#include "lock.h"

/* A run of 2^order pages, not zeroed, aligned to PAGE_SIZE; NULL when memory is out. */
void *page_alloc(unsigned order);
/* One page for the data of a file: NULL while the rest is the kernel's reserve. */
void *page_alloc_data(void);
/* The same for 2^order pages that lie together, each to be freed by itself. */
void *page_alloc_data_run(unsigned order);
void page_free(void *run, unsigned order);
/* Have the page cache give back about so many clean pages; how many it were. Takes RANK_CACHE. */
uint64_t page_cache_reclaim(uint64_t pages);
/* Pages in use, and pages that could be had, for /proc/meminfo and sysinfo. */
void page_count(uint64_t *used, uint64_t *total);
/* Before anything else: the range [start, end) of kernel memory is ours. */
void page_init(void *start, void *end);

struct slab_cache {
	const char *name;
	uint32_t size; /* of an object */
	struct lock lock;
	struct list partial; /* slabs with free objects */
	uint32_t live, slabs;
	uint32_t idle; /* live ones that their owner keeps for reuse, under a lock of its own */
	struct list caches; /* all caches, for slab_each */
	bool registered;
};
#define SLAB_CACHE(name_, type) \
	{ .name = (name_), .size = sizeof(type), .lock = LOCK_INIT(RANK_SLAB) }
/* A zeroed object, or NULL. */
void *slab_alloc(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);
/* Pages that its slabs take. */
uint64_t slab_cache_pages(const struct slab_cache *c);
/* Call f for every cache that was ever used (live objects: c->live - c->idle). */
void slab_each(void (*f)(const struct slab_cache *c, void *arg), void *arg);

/* Any size; not zeroed by kmalloc, zeroed by kzalloc. NULL when memory is out. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void *krealloc(void *p, size_t size);
void kfree(void *p); /* NULL is fine */
char *kstrdup(const char *s);

#endif
