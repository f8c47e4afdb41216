/*
 * Names in kernel memory: the directories of ramfs, tmpfs and devfs, and what is done
 * to inodes by name.
 *
 * A directory keeps its entries in the order they were made, each with a cookie
 * that never changes, so that reading it is stable while others change it; a
 * larger one also has a hash table. An entry holds a reference to its inode.
 */
#include "../lib/alloc.h"
#include "memfs.h"

#define SMALL_DIR 8      /* entries that are searched one by one */
#define FIRST_COOKIE 2   /* 0 and 1 are "." and ".." */

struct memfs_entry {
	struct list order;
	struct memfs_entry *next; /* in the bucket */
	struct inode *inode;      /* with a reference */
	int64_t cookie;
	uint32_t hash;
	uint16_t length;
	char name[];
};

static struct memfs_dir *dir_of(struct inode *dir)
{
	assert(S_ISDIR(dir->mode));
	return &memfs_node(dir)->dir;
}

/* ---- entries ---- */

static uint32_t name_hash(const char *name, size_t length)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h;
}

static bool entry_is(const struct memfs_entry *e, const char *name, size_t length, uint32_t hash)
{
	return e->hash == hash && e->length == length && memcmp(e->name, name, length) == 0;
}

static struct memfs_entry *entry_find(struct memfs_dir *d, const char *name, size_t length)
{
	uint32_t hash = name_hash(name, length);
	struct memfs_entry *e;

	if (d->buckets) {
		for (e = d->buckets[hash % d->nbuckets]; e; e = e->next)
			if (entry_is(e, name, length, hash))
				return e;
		return NULL;
	}
	list_for_each(e, &d->entries, order)
		if (entry_is(e, name, length, hash))
			return e;
	return NULL;
}

/* More buckets, if memory allows; without them a search only takes longer. */
static void dir_rehash(struct memfs_dir *d)
{
	uint32_t n = d->nbuckets ? d->nbuckets * 4 : 4 * SMALL_DIR;
	struct memfs_entry **buckets = kzalloc(n * sizeof *buckets);
	struct memfs_entry *e;

	if (!buckets)
		return;
	list_for_each(e, &d->entries, order) {
		e->next = buckets[e->hash % n];
		buckets[e->hash % n] = e;
	}
	kfree(d->buckets);
	d->buckets = buckets;
	d->nbuckets = n;
}

static void dir_touch(struct inode *dir)
{
	dir->mtime = dir->ctime = time_now();
	dir->size = 20 * (int64_t)(dir_of(dir)->count + 2);
}

/* Takes over a reference to inode. */
static int entry_add(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct memfs_dir *d = dir_of(dir);
	struct memfs_entry *e = kmalloc(sizeof *e + length + 1);

	if (!e)
		return -ENOSPC;
	e->inode = inode;
	e->cookie = d->cookie++;
	e->hash = name_hash(name, length);
	e->length = (uint16_t)length;
	memcpy(e->name, name, length);
	e->name[length] = 0;
	list_append(&d->entries, &e->order);
	d->count++;
	if (d->buckets) {
		e->next = d->buckets[e->hash % d->nbuckets];
		d->buckets[e->hash % d->nbuckets] = e;
	}
	if (d->count > (d->buckets ? 2 * d->nbuckets : SMALL_DIR))
		dir_rehash(d);
	dir_touch(dir);
	return 0;
}

/* The entry goes; the reference to its inode is the caller's. */
static struct inode *entry_remove(struct inode *dir, struct memfs_entry *e)
{
	struct memfs_dir *d = dir_of(dir);
	struct inode *inode = e->inode;

	if (d->buckets) {
		struct memfs_entry **at = &d->buckets[e->hash % d->nbuckets];

		while (*at != e)
			at = &(*at)->next;
		*at = e->next;
	}
	list_remove(&e->order);
	d->count--;
	kfree(e);
	dir_touch(dir);
	return inode;
}

/* ---- directory operations; the directories are locked ---- */

static struct inode *memfs_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct memfs_entry *e = entry_find(dir_of(dir), name, length);

	*err = 0;
	return e ? inode_get(e->inode) : NULL;
}

static struct inode *memfs_create(struct inode *dir, const char *name, size_t length,
				  const struct creation *c, int *err)
{
	struct inode *inode = memfs_inode(memfs_of(dir), c);

	*err = -ENOSPC;
	if (!inode)
		return NULL;
	if ((*err = entry_add(dir, name, length, inode)) < 0) {
		inode_put(inode);
		return NULL;
	}
	if (S_ISDIR(c->mode)) {
		dir_of(inode)->parent = dir;
		dir->nlink++;
	}
	return inode_get(inode);
}

static int memfs_link(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int err = entry_add(dir, name, length, inode);

	if (err < 0)
		return err;
	inode_get(inode);
	inode->nlink++;
	inode->ctime = dir->ctime;
	return 0;
}

static int memfs_unlink(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct memfs_entry *e = entry_find(dir_of(dir), name, length);

	if (!e)
		return -ENOENT;
	entry_remove(dir, e);
	inode->nlink--;
	inode->ctime = dir->ctime;
	inode_put(inode);
	return 0;
}

static int memfs_rmdir(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct memfs_entry *e = entry_find(dir_of(dir), name, length);

	if (!e)
		return -ENOENT;
	if (dir_of(inode)->count)
		return -ENOTEMPTY;
	entry_remove(dir, e);
	inode->nlink = 0;
	dir->nlink--;
	inode_put(inode);
	return 0;
}

/* A directory moves between parents. */
static void reparent(struct inode *inode, struct inode *from, struct inode *to)
{
	if (!S_ISDIR(inode->mode) || from == to)
		return;
	from->nlink--;
	to->nlink++;
	dir_of(inode)->parent = to;
}

static void rename_exchange(struct inode *from, struct memfs_entry *a, struct inode *to,
			    struct memfs_entry *b)
{
	struct inode *inode = a->inode;

	a->inode = b->inode;
	b->inode = inode;
	reparent(b->inode, from, to);
	reparent(a->inode, to, from);
	dir_touch(from);
	dir_touch(to);
	a->inode->ctime = b->inode->ctime = to->ctime;
}

/* e's inode takes the place of t's. */
static int rename_replace(struct inode *from, struct memfs_entry *e, struct inode *to,
			  struct memfs_entry *t)
{
	struct inode *old = t->inode;

	if (S_ISDIR(old->mode) && dir_of(old)->count)
		return -ENOTEMPTY;
	t->inode = entry_remove(from, e);
	if (S_ISDIR(old->mode)) {
		old->nlink = 0;
		to->nlink--;
	} else {
		old->nlink--;
	}
	reparent(t->inode, from, to);
	dir_touch(to);
	old->ctime = t->inode->ctime = to->ctime;
	inode_put(old);
	return 0;
}

static int memfs_rename(struct inode *from, const char *name, size_t length, struct inode *inode,
			struct inode *to, const char *to_name, size_t to_length,
			struct inode *target, uint32_t flags)
{
	struct memfs_entry *e = entry_find(dir_of(from), name, length);
	struct memfs_entry *t = target ? entry_find(dir_of(to), to_name, to_length) : NULL;
	int err;

	if (!e || (target && !t))
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		rename_exchange(from, e, to, t);
		return 0;
	}
	if (t)
		return rename_replace(from, e, to, t);
	if ((err = entry_add(to, to_name, to_length, inode)) < 0)
		return err;
	entry_remove(from, e);
	reparent(inode, from, to);
	inode->ctime = to->ctime;
	return 0;
}

static int memfs_readlink(struct inode *inode, char *buf, size_t size)
{
	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	return (int)min(kstrlcpy(buf, memfs_node(inode)->target, size), size - 1);
}

const struct inode_ops memfs_inode_ops = {
	.lookup = memfs_lookup,
	.create = memfs_create,
	.link = memfs_link,
	.unlink = memfs_unlink,
	.rmdir = memfs_rmdir,
	.rename = memfs_rename,
	.readlink = memfs_readlink,
	.truncate = memfs_truncate,
	.fallocate = memfs_fallocate,
	.page = memfs_page,
};

/* ---- reading directories ---- */

static uint8_t type_of(const struct inode *inode)
{
	return (inode->mode & S_IFMT) >> 12; /* DT_* are the S_IF* shifted */
}

static bool dir_dots(struct file *f, struct dir_sink *sink)
{
	struct inode *dir = f->inode;

	if (f->pos == 0) {
		if (!sink->entry(sink, ".", 1, dir->ino, DT_DIR, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->entry(sink, "..", 2, dir_of(dir)->parent->ino, DT_DIR, FIRST_COOKIE))
			return false;
		f->pos = FIRST_COOKIE;
	}
	return true;
}

static int memfs_readdir(struct file *f, struct dir_sink *sink)
{
	struct inode *dir = f->inode;
	struct memfs_entry *e;
	int err = 0;

	mutex_lock(&dir->lock);
	if (dir->nlink == 0)
		err = -ENOENT;
	if (err < 0 || !dir_dots(f, sink))
		goto out;
	list_for_each(e, &dir_of(dir)->entries, order) {
		if (e->cookie < f->pos)
			continue;
		if (!sink->entry(sink, e->name, e->length, e->inode->ino, type_of(e->inode),
				 e->cookie + 1))
			break;
		f->pos = e->cookie + 1;
	}
	inode_accessed(dir);
out:
	mutex_unlock(&dir->lock);
	return err;
}

static const struct file_ops memfs_dir_ops = {
	.readdir = memfs_readdir,
};

/* ---- beginning and end ---- */

void memfs_dir_init(struct inode *inode)
{
	struct memfs_dir *d = dir_of(inode);

	inode->fops = &memfs_dir_ops;
	inode->nlink = 2;
	list_init(&d->entries);
	d->cookie = FIRST_COOKIE;
	d->parent = inode;
	dir_touch(inode);
}

void memfs_tree_free(struct inode *inode)
{
	struct list doomed = LIST_INIT(doomed);

	for (;;) {
		struct memfs_entry *e, *next;

		if (S_ISDIR(inode->mode))
			list_for_each_safe(e, next, &dir_of(inode)->entries, order) {
				list_remove(&e->order);
				list_append(&doomed, &e->order);
			}
		inode_put(inode);
		if (list_empty(&doomed))
			break;
		e = list_first(&doomed, struct memfs_entry, order);
		list_remove(&e->order);
		inode = e->inode;
		kfree(e);
	}
}
