/*
 * Modules: compiled programs, which the host keeps under an id.
 *
 * A program is compiled once however often it runs: the cache finds its module by
 * filesystem, inode number (never used twice) and the version of its data, which
 * moves at every change. A module lives as long as it is in the cache or a
 * process runs it, since a fork needs it again.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../vfs/mount.h"
#include "worker.h"

#define CACHED_MAX 256

struct module {
	int id;           /* [I] */
	int refs;         /* [lock] processes, images under way, and the cache */
	uint64_t dev, ino; /* [I] */
	uint32_t version; /* [I] */
	struct list lru;  /* [lock] in the cache, most recently used first */
};

static struct lock cache_lock = LOCK_INIT(RANK_WORKER);
static struct list cache = LIST_INIT(cache);
static int ncached;
static struct slab_cache module_cache = SLAB_CACHE("module", struct module);

static struct module *find(struct inode *inode, uint32_t version)
{
	struct module *m;

	assert_held(&cache_lock);
	list_for_each(m, &cache, lru)
		if (m->ino == inode->ino && m->dev == inode->sb->dev && m->version == version) {
			list_remove(&m->lru);
			list_add(&cache, &m->lru);
			m->refs++;
			return m;
		}
	return NULL;
}

struct module *module_find(struct inode *inode)
{
	struct module *m;

	lock(&cache_lock);
	m = find(inode, __atomic_load_n(&inode->version, __ATOMIC_ACQUIRE));
	unlock(&cache_lock);
	return m;
}

/* The least recently used, out of the cache; its reference is the caller's. */
static struct module *evict(void)
{
	struct module *m;

	if (ncached <= CACHED_MAX)
		return NULL;
	m = list_entry(cache.prev, struct module, lru);
	list_remove(&m->lru);
	ncached--;
	return m;
}

/* Another worker may have compiled the same at the same time, and given its id away. */
struct module *module_add(struct inode *inode, uint32_t version, int id)
{
	struct module *fresh = slab_alloc(&module_cache), *m, *old = NULL;

	lock(&cache_lock);
	m = find(inode, version);
	if (!m && fresh) {
		*fresh = (struct module){ id, 2, inode->sb->dev, inode->ino, version, { 0 } };
		list_add(&cache, &fresh->lru);
		ncached++;
		old = evict();
		m = fresh;
	}
	unlock(&cache_lock);
	if (m != fresh || !m)
		host_compile_drop(id);
	if (m != fresh && fresh)
		slab_free(&module_cache, fresh);
	if (old)
		module_put(old);
	return m;
}

struct module *module_get(struct module *m)
{
	lock(&cache_lock);
	m->refs++;
	unlock(&cache_lock);
	return m;
}

void module_put(struct module *m)
{
	bool last;

	lock(&cache_lock);
	last = --m->refs == 0;
	unlock(&cache_lock);
	if (!last)
		return;
	host_compile_drop(m->id);
	slab_free(&module_cache, m);
}

int module_id(const struct module *m)
{
	return m->id;
}
