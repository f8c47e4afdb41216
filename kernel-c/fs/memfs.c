/*
 * ramfs and tmpfs: directories, links and inodes in kernel memory.
 *
 * A directory keeps its entries in the order they were made, each with a cookie
 * that never changes, so that reading it is stable while others change it; a
 * larger one also has a hash table. An entry holds a reference to its inode.
 * ramfs is as large as memory; tmpfs has limits (mount options size, nr_inodes).
 */
#include "memfs.h"

#include "../lib/alloc.h"
#include "../task/task.h"

#define SMALL_DIR 8      /* entries that are searched one by one */
#define FIRST_COOKIE 2   /* 0 and 1 are "." and ".." */
#define RAMFS_MAGIC 0x858458f6u
#define TMPFS_MAGIC 0x01021994u

struct memfs_entry {
	struct list order;
	struct memfs_entry *next; /* in the bucket */
	struct inode *inode;      /* with a reference */
	int64_t cookie;
	uint32_t hash;
	uint16_t length;
	char name[];
};

static struct slab_cache node_cache = SLAB_CACHE("memfs_node", struct memfs_node);

static const struct inode_ops memfs_inode_ops;
static const struct file_ops memfs_dir_ops;

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

/* ---- inodes ---- */

static void memfs_evict(struct inode *inode)
{
	struct memfs_node *node = memfs_node(inode);

	if (S_ISREG(inode->mode))
		memfs_data_free(inode);
	else if (S_ISDIR(inode->mode))
		kfree(node->dir.buckets);
	else if (S_ISLNK(inode->mode))
		kfree(node->target);
	slab_free(&node_cache, node);
	__atomic_sub_fetch(&memfs_of(inode)->inodes, 1, __ATOMIC_RELAXED);
	inode_free(inode);
}

static void inode_set_type(struct inode *inode)
{
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		inode->fops = &memfs_file_ops;
		break;
	case S_IFDIR:
		inode->fops = &memfs_dir_ops;
		inode->nlink = 2;
		list_init(&memfs_node(inode)->dir.entries);
		memfs_node(inode)->dir.cookie = FIRST_COOKIE;
		memfs_node(inode)->dir.parent = inode;
		break;
	case S_IFIFO:
		inode->fops = &fifo_ops;
		break;
	}
}

/* What a symbolic link or a device has besides. */
static bool inode_fill(struct inode *inode, const struct creation *c)
{
	inode->rdev = c->rdev; /* what drives it is found when it is opened */
	if (!c->target)
		return true;
	inode->size = (int64_t)strlen(c->target);
	return (memfs_node(inode)->target = kstrdup(c->target)) != NULL;
}

/* With one reference; NULL: -ENOSPC. */
static struct inode *memfs_inode(struct memfs *fs, const struct creation *c)
{
	uint64_t ino = __atomic_add_fetch(&fs->last_ino, 1, __ATOMIC_RELAXED);
	struct inode *inode;

	if (__atomic_add_fetch(&fs->inodes, 1, __ATOMIC_RELAXED) >
	    __atomic_load_n(&fs->max_inodes, __ATOMIC_RELAXED))
		goto uncount;
	if (!(inode = inode_new(&fs->sb, c->mode, ino)))
		goto uncount;
	if (!(inode->private = slab_alloc(&node_cache)))
		goto free_inode;
	inode->uid = c->uid;
	inode->gid = c->gid;
	inode->ops = &memfs_inode_ops;
	inode_set_type(inode);
	if (!inode_fill(inode, c))
		goto free_node;
	return inode;
free_node:
	slab_free(&node_cache, inode->private);
free_inode:
	inode_free(inode);
uncount:
	__atomic_sub_fetch(&fs->inodes, 1, __ATOMIC_RELAXED);
	return NULL;
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
		dir_touch(inode);
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

static const struct inode_ops memfs_inode_ops = {
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

/* ---- whole filesystems ---- */

static int memfs_statfs(struct superblock *sb, struct abi_statfs *st)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	uint64_t pages = __atomic_load_n(&fs->pages, __ATOMIC_RELAXED);
	uint64_t inodes = __atomic_load_n(&fs->inodes, __ATOMIC_RELAXED);

	st->type = fs->magic;
	if (fs->magic == RAMFS_MAGIC) { /* as large as memory: that is what df should say of / */
		uint64_t used, total;

		page_count(&used, &total);
		st->blocks = total;
		st->bfree = st->bavail = total - used;
	} else if (fs->max_pages != UINT64_MAX) { /* else all 0: devfs holds nothing */
		st->blocks = fs->max_pages;
		st->bfree = st->bavail = fs->max_pages - min(pages, fs->max_pages);
		st->files = fs->max_inodes;
		st->ffree = fs->max_inodes - min(inodes, fs->max_inodes);
	}
	return 0;
}

/*
 * Take the tree apart without recursion: the entries of a directory join the
 * list of what is to be dropped before it goes itself.
 */
static void memfs_unmount(struct superblock *sb)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	struct list doomed = LIST_INIT(doomed);
	struct inode *inode = inode_get(sb->root->inode);

	dentry_put(sb->root);
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
	kfree(fs);
}

static int memfs_remount(struct superblock *sb, uint32_t flags, const char *data);

static const struct super_ops memfs_super_ops = {
	.evict = memfs_evict,
	.statfs = memfs_statfs,
	.unmount = memfs_unmount,
	.remount = memfs_remount,
};

struct superblock *memfs_new(const struct fs_type *type, const struct memfs_options *o)
{
	const struct creation c = { .mode = S_IFDIR | o->mode, .uid = o->uid, .gid = o->gid };
	struct memfs *fs = kzalloc(sizeof *fs);
	struct inode *root;

	if (!fs)
		return NULL;
	fs->sb.type = type;
	fs->sb.ops = &memfs_super_ops;
	fs->sb.dev = fs_new_dev();
	fs->max_pages = o->max_pages;
	fs->max_inodes = o->max_inodes;
	fs->magic = o->magic;
	if (!(root = memfs_inode(fs, &c)))
		goto free_fs;
	dir_touch(root);
	if (!(fs->sb.root = dentry_root(root)))
		goto put_root;
	return &fs->sb;
put_root:
	inode_put(root);
free_fs:
	kfree(fs);
	return NULL;
}

/* ---- mount options ---- */

static bool parse_number(const char **s, unsigned base, uint64_t *value)
{
	const char *start = *s;

	*value = 0;
	for (; **s >= '0' && **s < '0' + (int)base; (*s)++)
		if (*value > (UINT64_MAX - 9) / base)
			return false;
		else
			*value = *value * base + (uint64_t)(**s - '0');
	return *s != start;
}

/* A number with k, m, g or (of memory) %. */
static bool parse_size(const char **s, uint64_t *value)
{
	uint64_t used, total;
	unsigned shift = 0;

	if (!parse_number(s, 10, value))
		return false;
	switch (**s | 0x20) {
	case 'g':
		shift += 10; /* fallthrough */
		[[fallthrough]];
	case 'm':
		shift += 10;
		[[fallthrough]];
	case 'k':
		shift += 10;
		(*s)++;
		break;
	default:
		if (**s == '%') {
			page_count(&used, &total);
			*value = total * PAGE_SIZE / 100 * *value;
			(*s)++;
		}
	}
	if (*value > UINT64_MAX >> shift >> 1)
		return false;
	*value <<= shift;
	return true;
}

static bool option_is(const char **s, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(*s, name, n) != 0)
		return false;
	*s += n;
	return true;
}

/* One option; *s is moved behind it. */
static bool parse_option(const char **s, struct memfs_options *o)
{
	uint64_t v;

	if (option_is(s, "size=")) {
		if (!parse_size(s, &v))
			return false;
		o->max_pages = v ? (v + PAGE_SIZE - 1) / PAGE_SIZE : UINT64_MAX;
	} else if (option_is(s, "nr_inodes=")) {
		if (!parse_size(s, &v))
			return false;
		o->max_inodes = v ? v : UINT64_MAX;
	} else if (option_is(s, "mode=")) {
		if (!parse_number(s, 8, &v) || v > 07777)
			return false;
		o->mode = (uint32_t)v;
	} else if (option_is(s, "uid=") || option_is(s, "gid=")) {
		bool uid = (*s)[-4] == 'u';

		if (!parse_number(s, 10, &v) || v >= UINT32_MAX)
			return false;
		*(uid ? &o->uid : &o->gid) = (uint32_t)v;
	} else {
		return false;
	}
	return **s == 0 || **s == ',';
}

static int parse_options(const char *data, struct memfs_options *o)
{
	while (data && *data) {
		if (*data != ',' && !parse_option(&data, o))
			return -EINVAL;
		if (*data == ',')
			data++;
	}
	return 0;
}

static int memfs_remount(struct superblock *sb, uint32_t flags, const char *data)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	struct memfs_options o = { .max_pages = fs->max_pages, .max_inodes = fs->max_inodes };
	int err = parse_options(data, &o);

	(void)flags; /* read-only is the mount's */
	if (err < 0)
		return err;
	if (o.max_pages < __atomic_load_n(&fs->pages, __ATOMIC_RELAXED) ||
	    o.max_inodes < __atomic_load_n(&fs->inodes, __ATOMIC_RELAXED))
		return -EINVAL;
	__atomic_store_n(&fs->max_pages, o.max_pages, __ATOMIC_RELAXED);
	__atomic_store_n(&fs->max_inodes, o.max_inodes, __ATOMIC_RELAXED);
	return 0;
}

static struct superblock *mount_with(const struct fs_type *type, struct memfs_options *o,
				     const char *data, int *err)
{
	struct superblock *sb;

	if ((*err = parse_options(data, o)) < 0)
		return NULL;
	if (!(sb = memfs_new(type, o)))
		*err = -ENOMEM;
	return sb;
}

struct fs_type ramfs_type, tmpfs_type;

static struct superblock *ramfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct memfs_options o = { UINT64_MAX, UINT64_MAX, 0755, 0, 0, RAMFS_MAGIC };

	(void)source, (void)flags;
	return mount_with(&ramfs_type, &o, data, err);
}

/* By default half of the memory, as on Linux. */
static struct superblock *tmpfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct memfs_options o = { .mode = 01777, .magic = TMPFS_MAGIC };
	uint64_t used, total;

	(void)source, (void)flags;
	page_count(&used, &total);
	o.max_pages = o.max_inodes = total / 2;
	return mount_with(&tmpfs_type, &o, data, err);
}

struct fs_type ramfs_type = { .name = "ramfs", .mount = ramfs_mount };
struct fs_type tmpfs_type = { .name = "tmpfs", .mount = tmpfs_mount };

/* Where files without a name are: one for all, never unmounted. */
static struct memfs *nameless(void)
{
	static struct memfs *fs;
	const struct memfs_options o = { UINT64_MAX, UINT64_MAX, 0700, 0, 0, TMPFS_MAGIC };
	struct memfs *now = __atomic_load_n(&fs, __ATOMIC_ACQUIRE), *none = NULL;
	struct superblock *sb;

	if (now || !(sb = memfs_new(&tmpfs_type, &o)))
		return now;
	now = container_of(sb, struct memfs, sb);
	if (__atomic_compare_exchange_n(&fs, &none, now, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return now;
	dentry_put(sb->root);
	kfree(now);
	return none;
}

struct file *memfs_anonymous(int64_t size, int *err)
{
	const struct creation c = { .mode = S_IFREG | 0600, .uid = current_process->cred.euid,
				    .gid = current_process->cred.egid };
	struct memfs *fs = nameless();
	struct inode *inode = fs ? memfs_inode(fs, &c) : NULL;

	if (!inode) {
		*err = -ENOMEM;
		return NULL;
	}
	inode->nlink = 0;
	inode->size = size;
	return file_new(inode, inode->fops, O_RDWR, err);
}
