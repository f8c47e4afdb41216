/*
 * Inodes of squashfs mounts: names, attributes, data.
 *
 * An inode is known by where it lies, which is unique; what stat and readdir
 * call its number is the image's own.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "pkgfs.h"

static struct slab_cache node_cache = SLAB_CACHE("pkgfs_node", struct pkgfs_node);
static const struct inode_ops pkgfs_dir_ops, pkgfs_inode_ops;
static const struct file_ops pkgfs_file_ops, pkgfs_list_ops;
static const struct mapping_ops pkgfs_mapping_ops;

/* ---- inodes ---- */

static struct list *bucket_of(struct pkgfs *fs, uint64_t ino)
{
	return &fs->buckets[(ino ^ ino >> 5 ^ ino >> 16 ^ ino >> 48) % PKGFS_BUCKETS];
}

/* The inode with a reference, or NULL; fs->lock held. What is being evicted is no longer there. */
static struct inode *inode_find(struct pkgfs *fs, uint64_t ino)
{
	struct inode *inode;

	list_for_each(inode, bucket_of(fs, ino), of_sb) {
		int refs = __atomic_load_n(&inode->refs, __ATOMIC_RELAXED);

		if (inode->ino != ino)
			continue;
		while (refs > 0)
			if (__atomic_compare_exchange_n(&inode->refs, &refs, refs + 1, true,
							__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return inode;
	}
	return NULL;
}

static void attributes_set(struct inode *inode, const struct squashfs_inode *from)
{
	inode->mode = from->mode;
	inode->uid = from->uid;
	inode->gid = from->gid;
	inode->nlink = from->nlink;
	inode->rdev = from->rdev;
	inode->size = (int64_t)from->size;
	inode->blocks = (int64_t)((from->size + 511) / 512);
	inode->atime = inode->mtime = inode->ctime = (struct abi_timespec){ .sec = from->mtime };
}

static void node_free(struct pkgfs_node *node)
{
	kfree(node->path);
	kfree(node->parts);
	slab_free(&node_cache, node);
}

static struct inode *inode_make(struct pkgfs *fs, unsigned layer, const struct squashfs_inode *from)
{
	uint64_t ino = (uint64_t)layer << 48 | from->reference;
	struct inode *inode = inode_new(&fs->sb, from->mode, ino);
	struct pkgfs_node *node;

	if (!inode)
		return NULL;
	if (!(node = slab_alloc(&node_cache))) {
		inode_free(inode);
		return NULL;
	}
	inode->private = node;
	node->layer = layer;
	node->number = from->number;
	node->file = *from;
	attributes_set(inode, from);
	inode->ops = S_ISDIR(from->mode) ? &pkgfs_dir_ops : &pkgfs_inode_ops;
	if (S_ISREG(from->mode))
		inode->fops = &pkgfs_file_ops;
	else if (S_ISDIR(from->mode))
		inode->fops = &pkgfs_list_ops;
	else if (S_ISFIFO(from->mode))
		inode->fops = &fifo_ops;
	mapping_init(&node->mapping, &pkgfs_mapping_ops, &inode->lock, NULL, inode);
	return inode;
}

/* What makes it a directory: its path ("dir/name"), and its parts, of which the first layers have none. */
static int directory_make(struct inode *inode, const char *dir, const char *name, size_t length)
{
	struct pkgfs_node *node = pkgfs_node(inode);
	struct pkgfs *fs = pkgfs_of(inode);
	size_t dir_length = strlen(dir), slash = dir_length ? 1 : 0;

	node->path = kmalloc(dir_length + slash + length + 1);
	node->parts = kzalloc(fs->nlayers * sizeof *node->parts);
	if (!node->path || !node->parts)
		return -ENOMEM;
	memcpy(node->path, dir, dir_length);
	if (slash)
		node->path[dir_length] = '/';
	memcpy(node->path + dir_length + slash, name, length);
	node->path[dir_length + slash + length] = 0;
	for (unsigned i = 0; i < node->layer; i++)
		node->parts[i].state = PART_ABSENT;
	node->parts[node->layer] = (struct part){ PART_PRESENT, node->file };
	return 0;
}

void pkgfs_evict(struct inode *inode)
{
	struct pkgfs *fs = pkgfs_of(inode);
	struct pkgfs_node *node = pkgfs_node(inode);

	lock(&fs->lock);
	list_remove(&inode->of_sb);
	unlock(&fs->lock);
	mapping_free(&node->mapping);
	node_free(node);
	inode_free(inode);
}

/* What was found in a layer, as an inode: one that is in memory, or a new one. */
static struct inode *inode_for(struct inode *dir, unsigned layer, const struct squashfs_inode *from,
			       const char *name, size_t length, int *err)
{
	struct pkgfs *fs = pkgfs_of(dir);
	struct inode *inode, *new;

	*err = -ENOMEM;
	if (!(new = inode_make(fs, layer, from)))
		return NULL;
	if (S_ISDIR(from->mode) && directory_make(new, pkgfs_node(dir)->path, name, length) < 0) {
		inode_put(new);
		return NULL;
	}
	*err = 0;
	lock(&fs->lock);
	if (!(inode = inode_find(fs, new->ino)))
		list_append(bucket_of(fs, new->ino), &new->of_sb);
	unlock(&fs->lock);
	if (!inode)
		return new;
	inode_put(new);
	return inode;
}

struct inode *pkgfs_root(struct pkgfs *fs)
{
	/* A number no inode in an image has. */
	const struct squashfs_inode none = { .reference = UINT64_MAX >> 16, .mode = S_IFDIR | 0755, .nlink = 2, .number = 0 };
	struct inode *root = inode_make(fs, 0, &none);
	struct pkgfs_node *node;

	if (!root)
		return NULL;
	node = pkgfs_node(root);
	root->atime = root->mtime = root->ctime = time_now();
	if (directory_make(root, "", "", 0) < 0) {
		inode_put(root);
		return NULL;
	}
	node->parts[0].state = PART_UNKNOWN;
	return root;
}

int pkgfs_root_load(struct inode *root)
{
	const struct squashfs_inode *first;
	int err;

	mutex_lock(&root->lock);
	err = part_get(root, 0, &first);
	if (err > 0) {
		attributes_set(root, first);
		pkgfs_node(root)->number = first->number;
	}
	mutex_unlock(&root->lock);
	return min(err, 0);
}

/* ---- names ---- */

static struct inode *pkgfs_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct pkgfs_node *node = pkgfs_node(dir);
	struct pkgfs *fs = pkgfs_of(dir);
	struct squashfs_entry *e;
	struct squashfs_inode found;
	struct inode *inode = NULL;
	int result = 0;

	*err = 0;
	if (length > SQUASHFS_NAME_MAX)
		return NULL;
	*err = -ENOMEM;
	if (!(e = kmalloc(sizeof *e)))
		return NULL;
	for (unsigned i = node->layer; i < fs->nlayers && result == 0; i++) {
		const struct squashfs_inode *part;

		if (!layer_wanted(&fs->layers[i], node->path, name, length))
			continue;
		if ((result = part_get(dir, i, &part)) > 0)
			result = squashfs_dir_find(fs->layers[i].image, part, name, length, e);
		if (result > 0)
			result = squashfs_inode_read(fs->layers[i].image, e->reference, &found);
		else
			continue;
		if (result == 0 && (found.mode & S_IFMT) != e->type)
			result = -EUCLEAN;
		if (result == 0) {
			inode = inode_for(dir, i, &found, name, length, &result);
			break;
		}
	}
	kfree(e);
	*err = inode ? 0 : result;
	return inode;
}

static int pkgfs_readlink(struct inode *inode, char *buf, size_t size)
{
	struct pkgfs_node *node = pkgfs_node(inode);

	return squashfs_readlink(pkgfs_of(inode)->layers[node->layer].image, &node->file, buf, size);
}

static int pkgfs_getattr(struct inode *inode, struct abi_stat *st)
{
	struct pkgfs_node *node = pkgfs_node(inode);

	st->ino = pkgfs_number(node->layer, node->number);
	return 0;
}

static const struct inode_ops pkgfs_dir_ops = {
	.lookup = pkgfs_lookup,
	.getattr = pkgfs_getattr,
};
static const struct inode_ops pkgfs_inode_ops = {
	.readlink = pkgfs_readlink,
	.getattr = pkgfs_getattr,
};

/* ---- data ---- */

static int pkgfs_read_pages(struct mapping *m, uint32_t index, uint32_t count, void **pages, uint32_t *blocks)
{
	struct inode *inode = m->private;
	struct pkgfs_node *node = pkgfs_node(inode);

	(void)blocks;
	return squashfs_read_pages(pkgfs_of(inode)->layers[node->layer].image, &node->file, index, count, pages);
}

static const struct mapping_ops pkgfs_mapping_ops = { .read = pkgfs_read_pages };

static int64_t pkgfs_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	int64_t n;

	mutex_lock(&inode->lock);
	n = mapping_read(&pkgfs_node(inode)->mapping, u, *pos, inode->size);
	mutex_unlock(&inode->lock);
	if (n > 0)
		*pos += n;
	return n;
}

static const struct file_ops pkgfs_file_ops = { .read = pkgfs_read };

/* ---- directory streams ---- */

#define DOTS 2 /* "." and ".." are at 0 and 1 */

/*
 * Where an open directory is: a cursor in each part, and the next name of each.
 * The parts' names are in order, so they are merged; a name that several have is
 * the first's.
 */
struct listing {
	int64_t position; /* of the next name; -1: not begun */
	struct {
		struct squashfs_cursor cursor;
		bool open, ready; /* is there more, and is `next` it? */
		struct squashfs_entry next;
	} of[];
};

static int listing_begin(struct inode *dir, struct listing *l)
{
	struct pkgfs *fs = pkgfs_of(dir);

	l->position = -1;
	for (unsigned i = 0; i < fs->nlayers; i++) {
		const struct squashfs_inode *part;
		int err = part_get(dir, i, &part);

		if (err < 0)
			return err;
		l->of[i].open = err > 0;
		l->of[i].ready = false;
		if (err > 0)
			squashfs_dir_begin(fs->layers[i].image, part, &l->of[i].cursor);
	}
	l->position = DOTS;
	return 0;
}

/* The layer that has the next name, or -1 at the end. */
static int listing_peek(struct pkgfs *fs, struct listing *l)
{
	int first = -1;

	for (unsigned i = 0; i < fs->nlayers; i++) {
		if (l->of[i].open && !l->of[i].ready) {
			int err = squashfs_dir_next(fs->layers[i].image, &l->of[i].cursor, &l->of[i].next);

			if (err < 0)
				return err;
			l->of[i].open = l->of[i].ready = err > 0;
		}
		if (l->of[i].ready && (first < 0 || strcmp(l->of[i].next.name, l->of[first].next.name) < 0))
			first = (int)i;
	}
	return first < 0 ? -ENOENT : first;
}

/* The name that listing_peek found has been seen, whichever parts have it. */
static void listing_take(struct pkgfs *fs, struct listing *l, int first)
{
	for (unsigned i = (unsigned)first + 1; i < fs->nlayers; i++)
		if (l->of[i].ready && strcmp(l->of[i].next.name, l->of[first].next.name) == 0)
			l->of[i].ready = false;
	l->of[first].ready = false;
	l->position++;
}

static int listing_go(struct inode *dir, struct listing *l, int64_t position)
{
	struct pkgfs *fs = pkgfs_of(dir);
	int err = 0;

	if (l->position < 0 || position < l->position)
		err = listing_begin(dir, l);
	while (err == 0 && l->position < position) {
		int next = listing_peek(fs, l);

		if (next < 0)
			return next;
		listing_take(fs, l, next);
	}
	return err;
}

static int pkgfs_dir_open(struct inode *inode, struct file *f)
{
	struct listing *l = kzalloc(sizeof *l + pkgfs_of(inode)->nlayers * sizeof l->of[0]);

	if (!l)
		return -ENOMEM;
	l->position = -1;
	f->private = l;
	return 0;
}

static void pkgfs_dir_release(struct file *f)
{
	kfree(f->private);
}

/* "." and "..": false when there was no room. */
static bool dots(struct file *f, struct dir_sink *sink)
{
	static const char *const names[DOTS] = { ".", ".." };

	while (f->pos < DOTS) {
		struct inode *inode = f->inode;
		struct pkgfs_node *node;

		if (f->pos == 1 && f->dentry)
			inode = f->dentry->parent->inode;
		node = pkgfs_node(inode);
		if (!sink->entry(sink, names[f->pos], (size_t)f->pos + 1, pkgfs_number(node->layer, node->number),
				 S_IFDIR >> 12, f->pos + 1))
			return false;
		f->pos++;
	}
	return true;
}

static int list_names(struct file *f, struct listing *l, struct dir_sink *sink)
{
	struct pkgfs *fs = pkgfs_of(f->inode);
	int err = listing_go(f->inode, l, f->pos);

	while (err == 0) {
		int next = listing_peek(fs, l);
		const struct squashfs_entry *e;

		if (next < 0)
			return next;
		e = &l->of[next].next;
		if (!sink->entry(sink, e->name, e->length, pkgfs_number((unsigned)next, e->number),
				 (uint8_t)(e->type >> 12), f->pos + 1))
			break;
		listing_take(fs, l, next);
		f->pos++;
	}
	return err;
}

static int pkgfs_readdir(struct file *f, struct dir_sink *sink)
{
	struct inode *dir = f->inode;
	int err;

	if (!dots(f, sink))
		return 0;
	mutex_lock(&dir->lock);
	err = list_names(f, f->private, sink);
	mutex_unlock(&dir->lock);
	return err == -ENOENT ? 0 : err; /* the end */
}

static const struct file_ops pkgfs_list_ops = {
	.open = pkgfs_dir_open,
	.release = pkgfs_dir_release,
	.readdir = pkgfs_readdir,
};
