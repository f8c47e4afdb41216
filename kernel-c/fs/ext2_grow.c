/*
 * ext2: growing while it is mounted, by a group at a time, or what of one the
 * store has room for.
 */
#include "../lib/alloc.h"
#include "ext2.h"

#define RESERVE 1024 /* blocks the store must be able to take beyond what we add */
#define LEAST 64u    /* blocks worth adding */

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

int ext2_grow(struct ext2 *fs)
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
