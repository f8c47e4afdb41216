/*
 * The dentry cache. What a dentry is: dentry.h.
 *
 * One lock guards names, the hash table and the mount table: lookups hold it
 * for a handful of instructions. References are atomic, but fall to 0 only
 * under the lock, so that a lookup can revive what it finds.
 */
#include "dentry.h"

#include "../lib/alloc.h"
#include "../task/task.h"
#include "inotify.h"
#include "mount.h"

#define BUCKETS 4096u /* a boot archive has a few thousand names */
#define UNUSED_MAX 8192u /* unused dentries kept; about 1 MiB with their inodes */

struct lock dentry_lock = LOCK_INIT(RANK_DENTRY);

static struct slab_cache dentry_cache = SLAB_CACHE("dentry", struct dentry);
static struct dentry *buckets[BUCKETS];    /* [d] */
static struct list unused = LIST_INIT(unused); /* [d] refs 0, oldest first */
static unsigned nunused;                   /* [d] */

static uint32_t name_hash(const struct dentry *parent, const char *name, size_t length)
{
	uint32_t h = (uint32_t)((uintptr_t)parent >> 4) * 0x9e3779b1u ^ 2166136261u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h ^ h >> 15;
}

static void hash_in(struct dentry *d)
{
	struct dentry **head = &buckets[d->hash % BUCKETS];

	d->next = *head;
	d->link = head;
	if (*head)
		(*head)->link = &d->next;
	*head = d;
}

static void hash_out(struct dentry *d)
{
	if (!d->link)
		return;
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	d->link = NULL;
}

static void name_free(struct dentry *d)
{
	if (d->name != d->small)
		kfree(d->name);
}

static int name_set(struct dentry *d, const char *name, size_t length)
{
	d->name = d->small;
	if (length >= DENTRY_INLINE && !(d->name = kmalloc(length + 1)))
		return -ENOMEM;
	memcpy(d->name, name, length);
	d->name[length] = 0;
	d->length = (uint16_t)length;
	return 0;
}

/* An unhashed dentry with one reference; takes one of parent, consumes inode. */
static struct dentry *dentry_new(struct dentry *parent, const char *name, size_t length,
				 struct inode *inode)
{
	struct dentry *d = slab_alloc(&dentry_cache);

	if (!d)
		return NULL;
	if (name_set(d, name, length) < 0) {
		slab_free(&dentry_cache, d);
		return NULL;
	}
	d->refs = 1;
	d->inode = inode;
	d->parent = parent ? dentry_get(parent) : d;
	d->hash = name_hash(d->parent, name, length);
	list_init(&d->lru);
	return d;
}

struct dentry *dentry_root(struct inode *inode)
{
	return dentry_new(NULL, "", 0, inode);
}

/* Frees what no longer has a name or a user; the parent loses a reference with it. */
static struct dentry *dentry_destroy(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	if (d->inode) {
		if (!__atomic_load_n(&d->inode->nlink, __ATOMIC_RELAXED))
			inotify_gone(d->inode);
		inode_put(d->inode);
	}
	name_free(d);
	slab_free(&dentry_cache, d);
	return parent;
}

/* dentry_lock held: out of the LRU list and the hash table, to be destroyed. */
static void unused_detach(struct dentry *d)
{
	list_remove(&d->lru);
	nunused--;
	hash_out(d);
}

/* The last reference may be going: what is to be destroyed, if anything. */
static struct dentry *dentry_drop(struct dentry *d)
{
	struct dentry *victim = NULL;

	lock(&dentry_lock);
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		if (!d->link) {
			victim = d;
		} else {
			list_append(&unused, &d->lru);
			if (++nunused > UNUSED_MAX) {
				victim = list_first(&unused, struct dentry, lru);
				unused_detach(victim);
			}
		}
	}
	unlock(&dentry_lock);
	return victim;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		int refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

		assert(refs > 0);
		while (refs > 1)
			if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, true,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return;
		if (!(d = dentry_drop(d)))
			return;
		d = dentry_destroy(d);
	}
}

/* dentry_lock held. With a reference, or NULL. */
static struct dentry *cache_find(struct dentry *dir, const char *name, size_t length, uint32_t hash)
{
	for (struct dentry *d = buckets[hash % BUCKETS]; d; d = d->next) {
		if (d->hash != hash || d->parent != dir || d->length != length ||
		    memcmp(d->name, name, length) != 0)
			continue;
		if (__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED) == 0) {
			list_remove(&d->lru);
			nunused--;
		}
		return d;
	}
	return NULL;
}

static struct dentry *dentry_cached(struct dentry *dir, const char *name, size_t length)
{
	uint32_t hash = name_hash(dir, name, length);
	struct dentry *d;

	lock(&dentry_lock);
	d = cache_find(dir, name, length, hash);
	unlock(&dentry_lock);
	return d;
}

/*
 * A cached name whose filesystem now finds `inode` (or NULL) there: is that what
 * the dentry says? If not, it is a name no more, and another takes its place;
 * only a mount point stays, or what is mounted there could not be reached.
 */
static bool dentry_valid(struct dentry *d, struct inode *inode)
{
	if (d->inode == inode || __atomic_load_n(&d->mounts, __ATOMIC_RELAXED))
		return true;
	dentry_unhash(d);
	return false;
}

/*
 * Ask the filesystem; with dir's inode locked nobody else can add the same name.
 * `cached` (consumed) is what the cache knows, or NULL.
 */
static struct dentry *dentry_load(struct dentry *dir, const char *name, size_t length,
				  struct dentry *cached, int *err)
{
	struct inode *inode;
	struct dentry *d;

	*err = 0;
	inode = dir->inode->ops->lookup(dir->inode, name, length, err);
	if (!inode && *err) {
		dentry_put(cached);
		return NULL;
	}
	if (cached && dentry_valid(cached, inode)) {
		if (inode)
			inode_put(inode);
		return cached;
	}
	dentry_put(cached);
	if (!(d = dentry_new(dir, name, length, inode))) {
		if (inode)
			inode_put(inode);
		*err = -ENOMEM;
		return NULL;
	}
	/* A removed directory's names must not stay: its address may be used again. */
	if (!(dir->inode->sb->flags & SB_UNCACHED) && dir->inode->nlink) {
		lock(&dentry_lock);
		hash_in(d);
		unlock(&dentry_lock);
	}
	return d;
}

struct dentry *dentry_lookup_locked(struct dentry *dir, const char *name, size_t length, int *err)
{
	uint32_t flags = dir->inode->sb->flags;
	struct dentry *d = NULL;

	*err = 0;
	assert(mutex_held(&dir->inode->lock));
	if (!dir->inode->ops->lookup) {
		*err = -ENOTDIR;
		return NULL;
	}
	if (length > NAME_MAX) {
		*err = -ENAMETOOLONG;
		return NULL;
	}
	if (!(flags & SB_UNCACHED) && (d = dentry_cached(dir, name, length)) &&
	    !(flags & SB_REVALIDATE))
		return d;
	return dentry_load(dir, name, length, d, err);
}

struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t length, int *err)
{
	struct dentry *d;

	*err = 0;
	if (!(dir->inode->sb->flags & (SB_UNCACHED | SB_REVALIDATE)) &&
	    (d = dentry_cached(dir, name, length)))
		return d;
	/* Who holds the lock may wait for the supervisor, which must not wait for it. */
	if (!current && (dir->inode->sb->flags & (SB_REVALIDATE | SB_WAITS))) {
		*err = -EAGAIN;
		return NULL;
	}
	mutex_lock(&dir->inode->lock);
	d = dentry_lookup_locked(dir, name, length, err);
	mutex_unlock(&dir->inode->lock);
	return d;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	assert(!d->inode);
	lock(&dentry_lock);
	__atomic_store_n(&d->inode, inode, __ATOMIC_RELEASE);
	unlock(&dentry_lock);
}

void dentry_unhash(struct dentry *d)
{
	lock(&dentry_lock);
	hash_out(d);
	unlock(&dentry_lock);
}

bool dentry_alive(struct dentry *d, struct dentry *dir)
{
	bool alive;

	lock(&dentry_lock);
	alive = d->link && d->parent == dir;
	unlock(&dentry_lock);
	return alive;
}

void dentry_move(struct dentry *d, struct dentry *to)
{
	struct dentry *old_parent, *new_parent = dentry_get(to->parent);
	char *name = d->name != d->small ? d->name : NULL;
	char *copy = to->length >= DENTRY_INLINE ? kmalloc(to->length + 1u) : d->small;

	lock(&dentry_lock);
	hash_out(d);
	hash_out(to);
	if (copy) {
		memcpy(copy, to->name, to->length + 1u);
		d->name = copy;
		d->length = to->length;
		d->hash = to->hash;
	}
	old_parent = d->parent;
	d->parent = new_parent;
	if (copy)
		hash_in(d); /* else the next lookup asks the filesystem */
	unlock(&dentry_lock);
	if (copy)
		kfree(name);
	dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry t;

	lock(&dentry_lock);
	hash_out(a);
	hash_out(b);
	t = *a;
	a->name = b->name == b->small ? a->small : b->name;
	b->name = t.name == a->small ? b->small : t.name;
	memcpy(a->small, b->small, DENTRY_INLINE);
	memcpy(b->small, t.small, DENTRY_INLINE);
	a->length = b->length;
	b->length = t.length;
	a->hash = b->hash;
	b->hash = t.hash;
	a->parent = b->parent;
	b->parent = t.parent;
	hash_in(a);
	hash_in(b);
	unlock(&dentry_lock);
}

bool dentry_within(struct dentry *d, struct dentry *above)
{
	bool within;

	lock(&dentry_lock);
	while (d != above && d->parent != d)
		d = d->parent;
	within = d == above;
	unlock(&dentry_lock);
	return within;
}

static void doomed_destroy(struct list *doomed)
{
	struct dentry *d, *next;

	list_for_each_safe(d, next, doomed, lru) {
		list_remove(&d->lru);
		dentry_put(dentry_destroy(d));
	}
}

void dentry_cut(struct dentry *dir)
{
	struct list doomed = LIST_INIT(doomed);
	struct dentry *d, *next;

	if (__atomic_load_n(&dir->refs, __ATOMIC_RELAXED) == 1)
		return; /* the caller's: a child would have one */
	lock(&dentry_lock);
	list_for_each_safe(d, next, &unused, lru)
		if (d->parent == dir) {
			unused_detach(d);
			list_append(&doomed, &d->lru);
		}
	unlock(&dentry_lock);
	doomed_destroy(&doomed);
}

/* Move what is unused of sb from the cache to `doomed`; dentry_lock held. */
static void unused_of(struct superblock *sb, struct list *doomed)
{
	struct dentry *d, *next;

	list_for_each_safe(d, next, &unused, lru) {
		struct dentry *at = d;

		while (at->parent != at)
			at = at->parent;
		if (at == sb->root) {
			unused_detach(d);
			list_append(doomed, &d->lru);
		}
	}
}

bool dentry_prune(struct superblock *sb)
{
	struct list doomed = LIST_INIT(doomed);

	/* Parents become unused only when their children are gone. */
	for (;;) {
		lock(&dentry_lock);
		unused_of(sb, &doomed);
		unlock(&dentry_lock);
		if (list_empty(&doomed))
			break;
		doomed_destroy(&doomed);
	}
	return __atomic_load_n(&sb->root->refs, __ATOMIC_RELAXED) == 1;
}
