/*
 * ext2: inodes that go.
 *
 * One that has lost its last name is an orphan: on a list on the disk, so that it
 * is freed at the next mount if not before. When nobody uses it any more it is
 * doomed, and freed by the next task that passes (ext2_reap), for that sleeps.
 */
#include "../kernel.h"
#include "ext2.h"

/* ---- orphans ---- */

int ext2_orphan_ready(struct ext2 *fs)
{
	int err;

	mutex_lock(&fs->meta_lock);
	err = ext2_super_change(fs);
	mutex_unlock(&fs->meta_lock);
	return err;
}

void ext2_orphan_add(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);

	mutex_lock(&fs->meta_lock);
	assert(fs->super_page.number == checkpoint_now(&fs->cp)); /* ext2_orphan_ready */
	node->dtime = fs->super.last_orphan;
	fs->super.last_orphan = (uint32_t)inode->ino;
	list_add(&fs->orphans, &node->orphan);
	__atomic_store_n(&node->is_orphan, true, __ATOMIC_RELAXED);
	mutex_unlock(&fs->meta_lock);
}

/* The page of the inode table that an orphan is in, to be changed; meta_lock. */
static struct ext2_raw_inode *raw_change(struct ext2 *fs, const struct ext2_node *node, int *err)
{
	uint32_t offset, block = ext2_raw_block(fs, (uint32_t)node->inode->ino, &offset);
	char *page = page_change(&fs->meta, block, block, 0, err);

	return page ? (void *)(page + offset) : NULL;
}

/*
 * Nobody finds it any more, and what is on the disk of it is written here: its
 * number is free, and the next who gets it may be about to use it. meta_lock.
 */
static void inode_forget(struct ext2 *fs, struct ext2_node *node)
{
	assert(mutex_held(&fs->meta_lock));
	if (node->raw.number == checkpoint_now(&fs->cp)) {
		uint32_t offset;

		ext2_raw_block(fs, (uint32_t)node->inode->ino, &offset);
		ext2_inode_out(fs, node, (void *)(node->raw.page + offset));
	}
	lock(&fs->icache_lock);
	list_remove(&node->bucket);
	list_remove(&node->state);
	unlock(&fs->icache_lock);
}

/*
 * Off the list on the disk, where its neighbour is in memory too, and its number
 * is free: all or nothing of it. The neighbour may be in use and is not locked;
 * nothing of it is touched but dtime, which is under meta_lock.
 */
static int orphan_end(struct ext2 *fs, struct inode *inode)
{
	struct ext2_node *node = ext2_node(inode), *before = NULL;
	struct ext2_raw_inode *raw = NULL;
	int err = 0;

	assert(mutex_held(&fs->meta_lock));
	if (node->orphan.prev != &fs->orphans) {
		before = container_of(node->orphan.prev, struct ext2_node, orphan);
		if (!(raw = raw_change(fs, before, &err)))
			return err;
	}
	err = ext2_free_inode(fs, (uint32_t)inode->ino, S_ISDIR(inode->mode));
	if (err < 0 && err != -EUCLEAN)
		return err;
	if (before)
		raw->dtime = before->dtime = node->dtime;
	else
		fs->super.last_orphan = node->dtime; /* ext2_free_inode changes the superblock too */
	list_remove(&node->orphan);
	__atomic_store_n(&node->is_orphan, false, __ATOMIC_RELAXED);
	inode->size = 0;
	node->dtime = (uint32_t)max(time_now().sec, (int64_t)1);
	inode_forget(fs, node);
	return 0;
}

/* Free an inode and all it has, which nobody uses; in an operation. */
static int orphan_free(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	bool blocks = S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
		      (S_ISLNK(inode->mode) && inode->blocks);
	int err;

	if ((err = ext2_changes(inode, true)) < 0)
		return err;
	mapping_cut(&ext2_node(inode)->data, 0, UINT64_MAX);
	if (blocks && (err = ext2_unmap(inode, 0, UINT64_MAX)) < 0)
		return err;
	mutex_lock(&fs->meta_lock);
	err = orphan_end(fs, inode);
	mutex_unlock(&fs->meta_lock);
	return err;
}

void ext2_inode_discard(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);

	inode->nlink = 0;
	node->dtime = (uint32_t)max(time_now().sec, (int64_t)1);
	mapping_cut(&node->data, 0, UINT64_MAX);
	if (ext2_changes(inode, true) == 0 && !(S_ISLNK(inode->mode) && !inode->blocks) &&
	    !S_ISCHR(inode->mode) && !S_ISBLK(inode->mode))
		ext2_unmap(inode, 0, UINT64_MAX);
	inode->size = 0;
	mutex_lock(&fs->meta_lock);
	ext2_free_inode(fs, (uint32_t)inode->ino, S_ISDIR(inode->mode));
	inode_forget(fs, node);
	mutex_unlock(&fs->meta_lock);
	inode_put(inode);
}

static struct inode *take_doomed(struct ext2 *fs)
{
	struct ext2_node *node = NULL;

	lock(&fs->icache_lock);
	if (!list_empty(&fs->doomed)) {
		node = list_first(&fs->doomed, struct ext2_node, doom);
		list_remove(&node->doom);
		__atomic_store_n(&fs->ndoomed, fs->ndoomed - 1, __ATOMIC_RELAXED);
	}
	unlock(&fs->icache_lock);
	return node ? node->inode : NULL;
}

static int reap_one(struct ext2 *fs, struct inode *inode)
{
	int err = checkpoint_begin(&fs->cp);

	if (err == 0) {
		err = orphan_free(inode);
		checkpoint_end(&fs->cp);
		if (err < 0) { /* on the disk it still is an orphan, for the next mount to free */
			lock(&fs->icache_lock);
			ext2_node(inode)->stuck = true;
			unlock(&fs->icache_lock);
		}
	}
	inode_put(inode); /* doomed again if it still is an orphan */
	return err;
}

static int reap(struct ext2 *fs)
{
	struct inode *inode;
	int err = 0, most = (int)__atomic_load_n(&fs->ndoomed, __ATOMIC_RELAXED);

	while (err == 0 && !checkpoints_closed(&fs->cp) && most-- > 0 && (inode = take_doomed(fs)))
		err = reap_one(fs, inode);
	mutex_unlock(&fs->reaping);
	return err;
}

int ext2_reap(struct ext2 *fs)
{
	return mutex_try(&fs->reaping) ? reap(fs) : 0;
}

int ext2_reap_all(struct ext2 *fs)
{
	mutex_lock(&fs->reaping);
	return reap(fs);
}

void ext2_reaper(struct work *w)
{
	struct ext2 *fs = container_of(w, struct ext2, reaper);

	if (ext2_has_doomed(fs))
		ext2_reap_all(fs);
	timer_put(&fs->cp.timer);
}

/* Nothing uses the filesystem yet, so nothing needs locks but what asserts them. */
static int orphan_clear(struct ext2 *fs, uint32_t ino, uint32_t *next)
{
	struct inode *inode;
	struct ext2_node *node;
	int err, used;

	mutex_lock(&fs->meta_lock);
	used = ino == 0 || ino > fs->super.inodes_count ? -EUCLEAN : ext2_inode_used(fs, ino);
	mutex_unlock(&fs->meta_lock);
	if (used < 0)
		return used;
	if (!used || !(inode = ext2_iget(fs, ino, &err)))
		return -EUCLEAN;
	node = ext2_node(inode);
	*next = node->dtime;
	if (inode->nlink || node->is_orphan) {
		/* ext3 puts files here that it truncates; what is beyond the end does no harm. */
		inode_put(inode);
		return 0;
	}
	mutex_lock(&fs->meta_lock);
	list_append(&fs->orphans, &node->orphan);
	__atomic_store_n(&node->is_orphan, true, __ATOMIC_RELAXED);
	mutex_unlock(&fs->meta_lock);
	inode_put(inode);
	return 0;
}

int ext2_orphans_clear(struct ext2 *fs)
{
	uint32_t ino = fs->super.last_orphan, most = fs->super.inodes_count, n = 0;
	int err = 0;

	while (ino && most-- > 0 && (err = orphan_clear(fs, ino, &ino)) == 0)
		n++;
	if (err == -EUCLEAN)
		err = 0; /* the rest of the list is lost; those inodes stay */
	do /* once at least: a worker may be at the last of them */
		err = ext2_reap_all(fs);
	while (err == 0 && ext2_has_doomed(fs));
	if (n)
		klog(6, "ext2: %s: %u files freed that were in use when it was last unmounted",
		     fs->device->name, n);
	if (n == 0 && !ino)
		return err;
	/* None is left, or they could not be read. */
	if (err < 0 || (err = checkpoint_begin(&fs->cp)) < 0)
		return err;
	mutex_lock(&fs->meta_lock);
	if (fs->super.last_orphan && (err = ext2_super_change(fs)) == 0)
		fs->super.last_orphan = 0;
	mutex_unlock(&fs->meta_lock);
	checkpoint_end(&fs->cp);
	return err;
}
