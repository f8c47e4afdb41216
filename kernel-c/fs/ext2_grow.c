/*
 * ext2: room. What the store can hold, which may become less at any time; and
 * growing while mounted, by a group at a time, or what of one there is room for.
 *
 * No more blocks are in use than the store holds already and could hold besides
 * (`capacity`). It is asked again whenever some MiB were allocated since, and
 * before anybody is told that there is no room. What others take of the same
 * quota in between the reserve is for that a store never promises; if even that
 * is not enough, checkpoints fail, and until one succeeds no block is allocated.
 */
#include "../lib/alloc.h"
#include "ext2.h"

#define RESERVE 1024 /* blocks the store must be able to take beyond what we add */
#define LEAST 64u    /* blocks worth adding */
/* Blocks to allocate before it is asked again; as many more are the most until it has answered. */
#define ASK_LEAST 512u  /* 2 MiB: twice that is the least that a store keeps in reserve */
#define ASK_MOST 16384u /* 64 MiB */
#define ASK_SHARE 32u   /* of what there is room for */

/* ---- what the store can hold ---- */

/*
 * With all inode tables, of which only what is used is ever written: were it less
 * than the store holds, each flush would seem to make room for more.
 */
static uint32_t in_use(const struct ext2 *fs)
{
	return fs->super.blocks_count - fs->super.free_blocks_count;
}

static void set_capacity(struct ext2 *fs, int64_t held, int64_t available)
{
	__atomic_store_n(&fs->capacity, (uint64_t)max(held, 0ll) + (uint64_t)max(available, 0ll),
			 __ATOMIC_RELAXED);
}

int ext2_capacity(struct ext2 *fs, int64_t *available)
{
	int64_t held;
	int err = block_estimate(fs->device, &held, available);

	if (err == 0)
		set_capacity(fs, held, *available);
	return err;
}

/* The store has answered. On the supervisor. */
void ext2_estimated(struct request *r)
{
	struct ext2 *fs = r->private;

	if (r->result >= 0)
		set_capacity(fs, r->blocks, r->available);
	__atomic_store_n(&fs->asking, false, __ATOMIC_RELEASE);
	timer_put(&fs->cp.timer);
}

static void ask(struct ext2 *fs)
{
	fs->asked = in_use(fs);
	__atomic_store_n(&fs->asking, true, __ATOMIC_RELAXED);
	__atomic_add_fetch(&fs->cp.timer.refs, 1, __ATOMIC_RELAXED);
	fs->estimate->done = false;
	block_submit(fs->device, fs->estimate);
}

uint32_t ext2_left(const struct ext2 *fs)
{
	uint64_t capacity = __atomic_load_n(&fs->capacity, __ATOMIC_RELAXED);

	if (__atomic_load_n(&fs->full, __ATOMIC_RELAXED) || capacity <= in_use(fs))
		return 0;
	return (uint32_t)min(capacity - in_use(fs), (uint64_t)UINT32_MAX);
}

uint32_t ext2_room(struct ext2 *fs)
{
	uint32_t left, every, since;

	assert(mutex_held(&fs->meta_lock));
	left = ext2_left(fs);
	every = min(max(left / ASK_SHARE, ASK_LEAST), ASK_MOST);
	since = in_use(fs) - min(in_use(fs), fs->asked);
	if (likely(since < every) || fs->device->file) /* a file's room is what it is */
		return left;
	if (__atomic_load_n(&fs->asking, __ATOMIC_ACQUIRE))
		return 0; /* who gets ENOSPC asks himself, and waits for the answer */
	ask(fs);
	return left;
}

/* ---- growing ---- */

/* A page of metadata that is all new; NULL and *err. */
static void *fresh(struct ext2 *fs, uint32_t block, int *err)
{
	return page_change(&fs->meta, block, block, PAGE_ZERO, err);
}

/* What has never been written is zero; a store that was larger once may hold something. */
static int zero_itable(struct ext2 *fs, uint32_t first)
{
	int64_t blocks;
	int err = block_size(fs->device, &blocks);

	for (uint32_t i = 0; err == 0 && i < fs->itable_blocks && first + i < blocks; i++)
		fresh(fs, first + i, &err);
	return err;
}

/* All copies of the superblock and the descriptors say what is now. */
static int write_copies(struct ext2 *fs)
{
	uint32_t bpg = fs->super.blocks_per_group;
	int err = 0;

	for (uint32_t g = 1; g < fs->ngroups && err == 0; g++) {
		struct ext2_super *s;
		void *page;

		if (!ext2_group_has_super(&fs->super, g))
			continue;
		if (!(s = fresh(fs, g * bpg, &err)))
			break;
		*s = fs->super;
		s->block_group_nr = (uint16_t)g;
		for (uint32_t i = 0; i < ext2_desc_blocks(fs->ngroups); i++)
			if ((page = fresh(fs, g * bpg + 1 + i, &err)))
				memcpy(page, (char *)fs->groups + i * EXT2_BLOCK, EXT2_BLOCK);
	}
	return err;
}

/* `n` more blocks in the last group, which is not full. */
static int extend_group(struct ext2 *fs, uint32_t n)
{
	uint32_t group = fs->ngroups - 1, old = ext2_group_blocks(fs, group);
	struct ext2_group *g = &fs->groups[group];
	uint8_t *map;
	int err;

	if ((err = ext2_group_change(fs, group)) < 0 ||
	    !(map = page_change(&fs->meta, g->block_bitmap, g->block_bitmap, 0, &err)))
		return err;
	for (uint32_t i = old; i < old + n; i++)
		map[i / 8] &= (uint8_t)~(1u << i % 8);
	g->free_blocks += (uint16_t)n;
	fs->super.free_blocks_count += n;
	fs->super.blocks_count += n;
	return 0;
}

static int add_group(struct ext2 *fs, uint32_t n)
{
	uint32_t group = fs->ngroups, first = fs->super.blocks_count, head = 0;
	struct ext2_super next = fs->super;
	struct ext2_group g;
	uint8_t *blocks, *inodes;
	int err;

	next.blocks_count += n;
	next.inodes_count += next.inodes_per_group;
	if (ext2_group_has_super(&next, group))
		head = 1 + ext2_desc_blocks(group + 1);
	if (!(blocks = fresh(fs, first + head, &err)) || !(inodes = fresh(fs, first + head + 1, &err)) ||
	    (err = zero_itable(fs, first + head + 2)) < 0 ||
	    (err = ext2_group_change(fs, group)) < 0)
		return err;
	ext2_group_layout(&next, group, &g, blocks, inodes);
	fs->groups[group] = g;
	fs->super.blocks_count = next.blocks_count;
	fs->super.free_blocks_count += g.free_blocks;
	__atomic_store_n(&fs->super.inodes_count, next.inodes_count, __ATOMIC_RELAXED);
	fs->super.free_inodes_count += g.free_inodes;
	fs->ngroups++;
	return 0;
}

/* With meta_lock, in an operation; `room` blocks may be added. */
static int grow(struct ext2 *fs, uint64_t room)
{
	uint32_t bpg = fs->super.blocks_per_group, in = fs->super.blocks_count % bpg;
	uint32_t n = (uint32_t)min(room, (uint64_t)(bpg - in));
	int err;

	if (fs->super.feature_compat & 0x10) /* resize_inode: blocks kept for descriptors */
		return -ENOSPC;
	if (n < LEAST || (!in && (fs->ngroups == fs->max_groups ||
				  n < fs->itable_blocks + 3 + ext2_desc_blocks(fs->ngroups) + LEAST)))
		return -ENOSPC;
	if ((err = ext2_super_change(fs)) < 0 ||
	    (err = in ? extend_group(fs, n) : add_group(fs, n)) < 0)
		return err;
	/* The store is as long as we are, so that its image is. */
	fresh(fs, fs->super.blocks_count - 1, &err);
	return err < 0 ? err : write_copies(fs);
}

/* Make it larger, so that more fits: 0, or -ENOSPC. */
static int make_larger(struct ext2 *fs)
{
	int64_t held, available;
	uint32_t before;
	uint64_t room;
	int err;

	mutex_lock(&fs->meta_lock);
	before = fs->super.blocks_count;
	mutex_unlock(&fs->meta_lock);
	if (before >= fs->limit)
		return -ENOSPC;
	if ((err = block_estimate(fs->device, &held, &available)) < 0)
		return err;
	available -= RESERVE + (int64_t)checkpoint_pages(&fs->cp);
	if (available <= 0)
		return -ENOSPC;
	room = min((uint64_t)available, fs->limit - before);
	if ((err = checkpoint_begin(&fs->cp)) < 0)
		return err;
	mutex_lock(&fs->meta_lock);
	if (fs->super.blocks_count == before) /* else somebody else just has */
		err = grow(fs, room);
	mutex_unlock(&fs->meta_lock);
	checkpoint_end(&fs->cp);
	return err;
}

/* Is it the store that has no room? What is on its way there counts twice, so all of it is stored first. */
static int store_room(struct ext2 *fs)
{
	int err = checkpoint_sync(&fs->cp, checkpoint_now(&fs->cp));
	int64_t available;

	if (err < 0 || (err = ext2_capacity(fs, &available)) < 0)
		return err;
	mutex_lock(&fs->meta_lock);
	fs->asked = in_use(fs);
	if (ext2_left(fs) == 0)
		err = -ENOSPC;
	mutex_unlock(&fs->meta_lock);
	return err;
}

int ext2_make_room(struct ext2 *fs)
{
	bool has;

	if (ext2_has_doomed(fs) && ext2_reap(fs) == 0)
		return 0;
	mutex_lock(&fs->meta_lock);
	has = ext2_room(fs) > 0;
	mutex_unlock(&fs->meta_lock);
	return has ? make_larger(fs) : store_room(fs);
}
