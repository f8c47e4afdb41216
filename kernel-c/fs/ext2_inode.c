/*
 * ext2: inodes, in memory and in the inode table.
 *
 * An inode stays in memory while somebody uses it, and while it has changes
 * that no completed checkpoint has: then the list it is in holds it. One that
 * has lost its last name is an orphan: on a list on the disk, so that it is
 * freed at the next mount if not before; when nobody uses it any more it is
 * doomed, and freed by the next task that passes (ext2_reap), for that sleeps.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/task.h"
#include "ext2.h"

static struct slab_cache node_cache = SLAB_CACHE("ext2_node", struct ext2_node);

/* ---- the data of an inode ---- */

static int data_read(struct mapping *m, uint32_t index, uint32_t count, void **pages,
		     uint32_t *blocks)
{
	struct inode *inode = m->private;
	struct request_page *list = kmalloc(count * sizeof *list);
	uint32_t n = 0;
	int err;

	if (!list)
		return -ENOMEM;
	if ((err = ext2_map(inode, index, count, blocks)) < 0)
		goto out;
	for (uint32_t i = 0; i < count; i++) {
		if (blocks[i]) {
			list[n++] = (struct request_page){ blocks[i], pages[i] };
		} else {
			memset(pages[i], 0, PAGE_SIZE);
			blocks[i] = BLOCK_NONE;
		}
	}
	err = block_read(ext2_of(inode)->device, list, n);
	for (uint32_t i = 0, k = 0; i < count; i++)
		if (blocks[i] != BLOCK_NONE)
			pages[i] = list[k++].page;
	/* Beyond the end a page is zero, whatever the disk says. */
	if (err == 0 && ((int64_t)index + count) * PAGE_SIZE > inode->size && S_ISREG(inode->mode)) {
		uint32_t last = (uint32_t)(inode->size / PAGE_SIZE);

		if (last >= index && last < index + count)
			memset((char *)pages[last - index] + inode->size % PAGE_SIZE, 0,
			       PAGE_SIZE - (size_t)(inode->size % PAGE_SIZE));
	}
out:
	kfree(list);
	return err;
}

const struct mapping_ops ext2_mapping_ops = { .read = data_read };

/* ---- from and to the disk ---- */

#define EPOCH_BITS 3u

/* Seconds in 34 bits, nanoseconds in 30. */
static struct abi_timespec time_in(uint32_t sec, uint32_t extra)
{
	return (struct abi_timespec){
		.sec = (int64_t)(int32_t)sec + ((int64_t)(extra & EPOCH_BITS) << 32),
		.nsec = (int32_t)min(extra >> 2, 999999999u),
	};
}

static uint32_t extra_out(const struct abi_timespec *t)
{
	return ((uint32_t)((t->sec - (int32_t)t->sec) >> 32) & EPOCH_BITS) | (uint32_t)t->nsec << 2;
}

static bool raw_has_extra(const struct ext2 *fs, const struct ext2_raw_inode *raw)
{
	return fs->inode_size >= EXT2_OLD_INODE + EXT2_EXTRA && raw->extra_isize >= EXT2_EXTRA - 4 &&
	       raw->extra_isize <= fs->inode_size - EXT2_OLD_INODE;
}

/* Device numbers: the old form in block[0], the new one in block[1]. */
static uint64_t rdev_in(const uint32_t *block)
{
	uint32_t v = block[1];

	if (block[0])
		return (uint64_t)(block[0] >> 8 & 0xff) << 8 | (block[0] & 0xff);
	return (uint64_t)(v >> 8 & 0xfff) << 8 | (v & 0xff) | (v >> 12 & 0xfff00);
}

static void rdev_out(uint32_t *block, uint64_t rdev)
{
	uint32_t major = (uint32_t)(rdev >> 8 & 0xfff), minor = (uint32_t)(rdev & 0xff);

	if (major < 256) {
		block[0] = major << 8 | minor;
		block[1] = 0;
	} else {
		block[0] = 0;
		block[1] = major << 8 | minor;
	}
}

/* Fill the inode from the table; -EUCLEAN when it can't be one. */
static int inode_in(struct ext2 *fs, struct inode *inode, const struct ext2_raw_inode *raw)
{
	struct ext2_node *node = ext2_node(inode);
	int64_t size = raw->size;

	inode->mode = raw->mode;
	inode->uid = raw->uid | (uint32_t)raw->uid_high << 16;
	inode->gid = raw->gid | (uint32_t)raw->gid_high << 16;
	inode->nlink = raw->links;
	if (S_ISREG(raw->mode))
		size |= (int64_t)((uint64_t)raw->size_high << 32);
	inode->size = size;
	inode->blocks = raw->blocks;
	node->flags = raw->flags;
	node->generation = raw->generation;
	node->file_acl = raw->file_acl;
	node->dtime = raw->dtime;
	node->extra = raw_has_extra(fs, raw);
	inode->atime = time_in(raw->atime, node->extra ? raw->atime_extra : 0);
	inode->mtime = time_in(raw->mtime, node->extra ? raw->mtime_extra : 0);
	inode->ctime = time_in(raw->ctime, node->extra ? raw->ctime_extra : 0);
	if (node->extra)
		node->crtime = time_in(raw->crtime, raw->crtime_extra);
	memcpy(node->block, raw->block, sizeof node->block);
	if (size < 0 || (S_ISREG(raw->mode) && size > (int64_t)MAPPING_MAX_PAGES * PAGE_SIZE) ||
	    (S_ISDIR(raw->mode) && (size % EXT2_BLOCK || size == 0 || size > INT32_MAX)) ||
	    (S_ISLNK(raw->mode) && size >= (int64_t)PATH_MAX))
		return ext2_corrupt(fs, "an inode with a bad size", inode->ino);
	switch (raw->mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		inode->rdev = rdev_in(raw->block);
		break;
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return ext2_corrupt(fs, "an inode with a bad type", inode->ino);
	}
	return 0;
}

static void inode_out(struct ext2 *fs, const struct ext2_node *node, struct ext2_raw_inode *raw)
{
	const struct inode *inode = node->inode;

	raw->mode = (uint16_t)inode->mode;
	raw->uid = (uint16_t)inode->uid;
	raw->gid = (uint16_t)inode->gid;
	raw->uid_high = (uint16_t)(inode->uid >> 16);
	raw->gid_high = (uint16_t)(inode->gid >> 16);
	raw->links = (uint16_t)inode->nlink;
	raw->size = (uint32_t)inode->size;
	if (S_ISREG(inode->mode))
		raw->size_high = (uint32_t)((uint64_t)inode->size >> 32);
	raw->blocks = (uint32_t)inode->blocks;
	raw->flags = node->flags;
	raw->generation = node->generation;
	raw->file_acl = node->file_acl;
	raw->dtime = node->dtime;
	raw->atime = (uint32_t)inode->atime.sec;
	raw->mtime = (uint32_t)inode->mtime.sec;
	raw->ctime = (uint32_t)inode->ctime.sec;
	memcpy(raw->block, node->block, sizeof raw->block);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		rdev_out(raw->block, inode->rdev);
	if (!node->extra)
		return;
	raw->atime_extra = extra_out(&inode->atime);
	raw->mtime_extra = extra_out(&inode->mtime);
	raw->ctime_extra = extra_out(&inode->ctime);
	raw->crtime = (uint32_t)node->crtime.sec;
	raw->crtime_extra = extra_out(&node->crtime);
}

static uint32_t raw_block(const struct ext2 *fs, uint32_t ino, uint32_t *offset)
{
	uint32_t in = (ino - 1) % fs->super.inodes_per_group * fs->inode_size;

	*offset = in % EXT2_BLOCK;
	return fs->groups[(ino - 1) / fs->super.inodes_per_group].inode_table + in / EXT2_BLOCK;
}

/* ---- inodes in memory ---- */

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

void ext2_inode_set_ops(struct inode *inode);
void ext2_inode_set_ops(struct inode *inode)
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
	uint32_t offset, block = raw_block(fs, ino, &offset);
	const char *page;

	*err = -ENOMEM;
	if (!inode)
		return NULL;
	mutex_lock(&fs->meta_lock);
	page = page_get(&fs->meta, block, err);
	if (page)
		*err = inode_in(fs, inode, (const void *)(page + offset));
	mutex_unlock(&fs->meta_lock);
	if (*err < 0) {
		node_free(inode);
		return NULL;
	}
	ext2_inode_set_ops(inode);
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
	if (ino == 0 || ino > fs->super.inodes_count ||
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

struct inode *ext2_inode_new(struct ext2 *fs, uint32_t ino, uint32_t mode, uint64_t rdev, int *err)
{
	struct inode *inode, *same;
	struct ext2_node *node;

	*err = -ENOMEM;
	if (!(inode = node_new(fs, ino, mode)))
		return NULL;
	node = ext2_node(inode);
	if (current) {
		inode->uid = current_process->cred.euid;
		inode->gid = current_process->cred.egid;
	}
	inode->rdev = rdev;
	node->crtime = inode->ctime;
	node->extra = fs->inode_size >= EXT2_OLD_INODE + EXT2_EXTRA;
	random_bytes(&node->generation, sizeof node->generation);
	ext2_inode_set_ops(inode);
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
	uint32_t offset, block = raw_block(fs, (uint32_t)node->inode->ino, &offset);
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
			raw_block(fs, (uint32_t)node->inode->ino, &offset);
			inode_out(fs, node, (void *)(node->raw.page + offset));
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

/* ---- orphans ---- */

int ext2_orphan_add(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	int err;

	mutex_lock(&fs->meta_lock);
	if ((err = ext2_super_change(fs)) == 0) {
		node->dtime = fs->super.last_orphan;
		fs->super.last_orphan = (uint32_t)inode->ino;
		list_add(&fs->orphans, &node->orphan);
		__atomic_store_n(&node->is_orphan, true, __ATOMIC_RELAXED);
	}
	mutex_unlock(&fs->meta_lock);
	return err;
}

/* Out of the list on the disk: its neighbour there is in memory too. */
static int orphan_remove(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode), *before = NULL;
	int err;

	mutex_lock(&fs->meta_lock);
	if (node->orphan.prev != &fs->orphans)
		before = container_of(node->orphan.prev, struct ext2_node, orphan);
	mutex_unlock(&fs->meta_lock);
	/* Nobody else removes orphans now (reaping), so `before` stays. */
	if (before && (err = ext2_changes(before->inode, false)) < 0)
		return err;
	mutex_lock(&fs->meta_lock);
	if (node->orphan.prev != &fs->orphans) {
		before = container_of(node->orphan.prev, struct ext2_node, orphan);
		before->dtime = node->dtime;
		err = 0;
	} else if ((err = ext2_super_change(fs)) == 0) {
		fs->super.last_orphan = node->dtime;
	}
	if (err == 0) {
		list_remove(&node->orphan);
		__atomic_store_n(&node->is_orphan, false, __ATOMIC_RELAXED);
	}
	mutex_unlock(&fs->meta_lock);
	return err;
}

/* Its number may be used again from now on: what is on the disk is written here, and nobody finds it. */
static void inode_forget(struct ext2 *fs, struct ext2_node *node)
{
	uint32_t offset;

	raw_block(fs, (uint32_t)node->inode->ino, &offset);
	inode_out(fs, node, (void *)(node->raw.page + offset));
	lock(&fs->icache_lock);
	list_remove(&node->bucket);
	list_remove(&node->state);
	unlock(&fs->icache_lock);
}

/* Free an inode and all it has, which nobody uses; in an operation. */
static int orphan_free(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	bool blocks = S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
		      (S_ISLNK(inode->mode) && inode->blocks);
	int err;

	if ((err = ext2_changes(inode, true)) < 0)
		return err;
	mapping_cut(&node->data, 0, UINT64_MAX);
	if (blocks && (err = ext2_unmap(inode, 0, UINT64_MAX)) < 0)
		return err;
	if ((err = orphan_remove(inode)) < 0)
		return err;
	inode->size = 0;
	node->dtime = (uint32_t)max(time_now().sec, (int64_t)1);
	mutex_lock(&fs->meta_lock);
	err = ext2_free_inode(fs, (uint32_t)inode->ino, S_ISDIR(inode->mode));
	mutex_unlock(&fs->meta_lock);
	if (err < 0 && err != -EUCLEAN)
		return err;
	inode_forget(fs, node);
	return 0;
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
	mutex_unlock(&fs->meta_lock);
	if (node->raw.number == checkpoint_now(&fs->cp))
		inode_forget(fs, node);
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
