/*
 * ext2: inodes in memory.
 *
 * An inode stays in memory while somebody uses it, and while it has changes
 * that no completed checkpoint has: then the list it is in holds it.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/task.h"
#include "ext2.h"

static struct slab_cache node_cache = SLAB_CACHE("ext2_node", struct ext2_node);

/* ---- finding them ---- */

static struct list *bucket_of(struct ext2 *fs, uint32_t ino)
{
	return &fs->buckets[ino * 0x9e3779b1u >> 24 & (EXT2_ICACHE - 1)];
}

/* icache_lock held: with a reference, or NULL. */
static struct inode *icache_find(struct ext2 *fs, uint32_t ino)
{
	struct ext2_node *node;

	list_for_each(node, bucket_of(fs, ino), bucket) {
		if (node->inode->ino != ino)
			continue;
		if (__atomic_fetch_add(&node->inode->refs, 1, __ATOMIC_ACQ_REL) == 0)
			node->skips++; /* who dropped it to 0 is about to evict it: not now */
		return node->inode;
	}
	return NULL;
}

static void inode_set_ops(struct inode *inode)
{
	static const struct file_ops dir_ops = { .readdir = ext2_readdir, .fsync = ext2_fsync };

	inode->ops = &ext2_inode_ops;
	if (S_ISREG(inode->mode))
		inode->fops = &ext2_file_ops;
	else if (S_ISDIR(inode->mode))
		inode->fops = &dir_ops;
	else if (S_ISFIFO(inode->mode))
		inode->fops = &fifo_ops;
}

static struct inode *node_new(struct ext2 *fs, uint32_t ino, uint32_t mode)
{
	struct inode *inode = inode_new(&fs->sb, mode, ino);
	struct ext2_node *node;

	if (!inode)
		return NULL;
	if (!(node = slab_alloc(&node_cache))) {
		inode_free(inode);
		return NULL;
	}
	inode->private = node;
	node->inode = inode;
	list_init(&node->bucket);
	list_init(&node->state);
	list_init(&node->orphan);
	list_init(&node->doom);
	mapping_init(&node->data, &ext2_mapping_ops, &inode->lock, &fs->cp, inode);
	return inode;
}

static void node_free(struct inode *inode)
{
	struct ext2_node *node = ext2_node(inode);

	mapping_free(&node->data);
	ext2_dir_forget(node);
	slab_free(&node_cache, node);
	inode_free(inode);
}

/* Read inode ino from the table into a new one. */
static struct inode *inode_load(struct ext2 *fs, uint32_t ino, int *err)
{
	struct inode *inode = node_new(fs, ino, 0);
	uint32_t offset, block = ext2_raw_block(fs, ino, &offset);
	const char *page;

	*err = -ENOMEM;
	if (!inode)
		return NULL;
	mutex_lock(&fs->meta_lock);
	page = page_get(&fs->meta, block, err);
	if (page)
		*err = ext2_inode_in(fs, inode, (const void *)(page + offset));
	mutex_unlock(&fs->meta_lock);
	if (*err < 0) {
		node_free(inode);
		return NULL;
	}
	inode_set_ops(inode);
	return inode;
}

/* Put it where it is found, unless somebody else just has: then that one. */
static struct inode *icache_add(struct ext2 *fs, struct inode *inode)
{
	struct inode *other;

	lock(&fs->icache_lock);
	other = icache_find(fs, (uint32_t)inode->ino);
	if (!other)
		list_add(bucket_of(fs, (uint32_t)inode->ino), &ext2_node(inode)->bucket);
	unlock(&fs->icache_lock);
	if (!other)
		return inode;
	node_free(inode);
	return other;
}

struct inode *ext2_iget(struct ext2 *fs, uint32_t ino, int *err)
{
	struct inode *inode;

	*err = 0;
	if (ino == 0 || ino > __atomic_load_n(&fs->super.inodes_count, __ATOMIC_RELAXED) ||
	    (ino < fs->super.first_ino && ino != EXT2_ROOT_INO)) {
		*err = ext2_corrupt(fs, "bad inode number", ino);
		return NULL;
	}
	lock(&fs->icache_lock);
	inode = icache_find(fs, ino);
	unlock(&fs->icache_lock);
	if (inode)
		return inode;
	inode = inode_load(fs, ino, err);
	return inode ? icache_add(fs, inode) : NULL;
}

struct inode *ext2_inode_new(struct ext2 *fs, uint32_t ino, const struct creation *c, int *err)
{
	struct inode *inode, *same;
	struct ext2_node *node;

	*err = -ENOMEM;
	if (!(inode = node_new(fs, ino, c->mode)))
		return NULL;
	node = ext2_node(inode);
	inode->uid = c->uid;
	inode->gid = c->gid;
	inode->rdev = c->rdev;
	node->crtime = inode->ctime;
	node->extra = fs->inode_size >= EXT2_OLD_INODE + EXT2_EXTRA;
	random_bytes(&node->generation, sizeof node->generation);
	inode_set_ops(inode);
	/* In a damaged image an inode may be in use that the bitmap calls free. */
	if ((same = icache_add(fs, inode)) != inode) {
		inode_put(same);
		*err = ext2_corrupt(fs, "an inode in use is marked as free", ino);
		return NULL;
	}
	*err = 0;
	return inode;
}

/* ---- changes ---- */

/* The first change of inode since the last checkpoint: its page, and the list. */
static int change_first(struct ext2 *fs, struct ext2_node *node)
{
	uint32_t offset, block = ext2_raw_block(fs, (uint32_t)node->inode->ino, &offset);
	bool fresh = node->touched == 0 && node->inode->ctime.sec == node->crtime.sec;
	int err;

	mutex_lock(&fs->meta_lock);
	if ((err = ext2_page_ready(fs, &node->raw, block)) == 0) {
		struct ext2_raw_inode *raw = (void *)(node->raw.page + offset);

		/* What an earlier owner of the place has left there. */
		if (fresh && raw->generation != node->generation) {
			memset(raw, 0, fs->inode_size);
			if (node->extra)
				raw->extra_isize = EXT2_EXTRA;
		}
	}
	mutex_unlock(&fs->meta_lock);
	if (err < 0)
		return err;
	lock(&fs->icache_lock);
	list_remove(&node->state);
	list_append(&fs->changed, &node->state);
	unlock(&fs->icache_lock);
	return 0;
}

int ext2_changes(struct inode *inode, bool data)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	uint64_t number = checkpoint_now(&fs->cp);
	int err;

	if (node->raw.number != number && (err = change_first(fs, node)) < 0)
		return err;
	node->touched = number;
	if (data)
		node->changed = number;
	return 0;
}

void ext2_settle(struct checkpoints *c)
{
	struct ext2 *fs = container_of(c, struct ext2, cp);
	uint64_t number = checkpoint_now(c);
	struct ext2_node *node, *next;

	lock(&fs->icache_lock);
	list_for_each_safe(node, next, &fs->changed, state) {
		uint32_t offset;

		if (node->raw.number == number) {
			ext2_raw_block(fs, (uint32_t)node->inode->ino, &offset);
			ext2_inode_out(fs, node, (void *)(node->raw.page + offset));
		}
		list_remove(&node->state);
		list_append(&fs->flying, &node->state);
	}
	unlock(&fs->icache_lock);
}

/* They need be held no longer; after a failure they change again, as their pages do. */
void ext2_settled(struct checkpoints *c, int error)
{
	struct ext2 *fs = container_of(c, struct ext2, cp);
	struct ext2_node *node;

	__atomic_store_n(&fs->full, error == -ENOSPC, __ATOMIC_RELAXED);
	for (;;) {
		struct inode *unused = NULL;

		lock(&fs->icache_lock);
		while (!unused && !list_empty(&fs->flying)) {
			node = list_first(&fs->flying, struct ext2_node, state);
			list_remove(&node->state);
			if (error < 0)
				list_append(&fs->changed, &node->state);
			else if (node->held)
				unused = node->inode;
			node->held = node->held && error < 0;
		}
		unlock(&fs->icache_lock);
		if (!unused)
			return;
		inode_put(unused);
	}
}

/* ---- the end ---- */

void ext2_evict(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	bool gone = false, doomed = false;

	lock(&fs->icache_lock);
	if (node->skips) {
		node->skips--; /* somebody found it meanwhile */
	} else if (__atomic_load_n(&node->is_orphan, __ATOMIC_RELAXED) && !checkpoints_closed(&fs->cp)) {
		__atomic_store_n(&inode->refs, 1, __ATOMIC_RELEASE);
		if (!node->stuck) {
			list_append(&fs->doomed, &node->doom);
			__atomic_store_n(&fs->ndoomed, fs->ndoomed + 1, __ATOMIC_RELAXED);
			doomed = true;
		}
	} else if (!list_empty(&node->state) && !checkpoints_closed(&fs->cp)) {
		__atomic_store_n(&inode->refs, 1, __ATOMIC_RELEASE);
		node->held = true;
	} else {
		list_remove(&node->bucket);
		list_remove(&node->state);
		gone = true;
	}
	unlock(&fs->icache_lock);
	if (gone)
		node_free(inode);
	if (doomed) {
		__atomic_add_fetch(&fs->cp.timer.refs, 1, __ATOMIC_RELAXED);
		if (!work_queue(&fs->reaper))
			timer_put(&fs->cp.timer);
	}
}

void ext2_icache_drop(struct ext2 *fs)
{
	for (;;) {
		struct ext2_node *node = NULL;

		lock(&fs->icache_lock);
		for (unsigned i = 0; i < EXT2_ICACHE && !node; i++)
			if (!list_empty(&fs->buckets[i])) {
				node = list_first(&fs->buckets[i], struct ext2_node, bucket);
				list_remove(&node->bucket);
				list_remove(&node->state);
			}
		unlock(&fs->icache_lock);
		if (!node)
			return;
		node_free(node->inode);
	}
}
