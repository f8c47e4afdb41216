/*
 * ext2: the bitmaps, where blocks and inodes are taken from and go back to.
 *
 * Files grow from a goal: the block after their last, at first one in their
 * inode's group. A run is taken at once. Inodes lie in their directory's group;
 * directories in the next group with room, so that each has some around it.
 */
#include "../task/task.h"
#include "ext2.h"

/* ---- bits ---- */

static inline bool bit_test(const uint8_t *map, uint32_t i)
{
	return map[i / 8] >> i % 8 & 1;
}

static inline void bit_flip(uint8_t *map, uint32_t i)
{
	map[i / 8] ^= (uint8_t)(1u << i % 8);
}

/* The first clear bit in [from, end), or end. Whole words first: the map is aligned. */
static uint32_t bit_clear(const uint8_t *map, uint32_t from, uint32_t end)
{
	while (from < end) {
		if (from % 32 == 0 && ((const uint32_t *)(const void *)map)[from / 32] == UINT32_MAX)
			from += 32;
		else if (bit_test(map, from))
			from++;
		else
			return from;
	}
	return end;
}

/* ---- blocks ---- */

/* A group's own tables; all of them lie in it (check_group). */
static bool is_table(const struct ext2 *fs, uint32_t group, uint32_t block)
{
	const struct ext2_group *g = &fs->groups[group];
	uint32_t first = group * fs->super.blocks_per_group;

	return block == g->block_bitmap || block == g->inode_bitmap ||
	       block - g->inode_table < fs->itable_blocks ||
	       (ext2_group_has_super(&fs->super, group) &&
		block - first < 1 + ext2_desc_blocks(fs->ngroups));
}

bool ext2_block_valid(const struct ext2 *fs, uint32_t block)
{
	return block > 0 && block < fs->super.blocks_count &&
	       !is_table(fs, block / fs->super.blocks_per_group, block);
}

/* Mark the run of up to `want` free blocks at `at` as taken; how many. */
static uint32_t run_take(struct ext2 *fs, uint32_t group, uint8_t *map, uint32_t at, uint32_t want)
{
	uint32_t n = ext2_group_blocks(fs, group), first = group * fs->super.blocks_per_group;
	uint32_t got = 0;

	while (got < want && at + got < n && !bit_test(map, at + got) &&
	       !is_table(fs, group, first + at + got)) {
		bit_flip(map, at + got);
		got++;
	}
	return got;
}

/* From bit `from` on in the group, then from its begin: the first block, or 0. */
static uint32_t group_alloc(struct ext2 *fs, uint32_t group, uint32_t from, uint32_t want,
			    uint32_t *got, int *err)
{
	struct ext2_group *g = &fs->groups[group];
	uint32_t n = ext2_group_blocks(fs, group), at;
	uint8_t *map;

	if ((*err = ext2_group_change(fs, group)) < 0 ||
	    !(map = page_change(&fs->meta, g->block_bitmap, g->block_bitmap, 0, err)))
		return 0;
	at = bit_clear(map, from, n);
	if (at == n)
		at = bit_clear(map, 0, from);
	*got = 0;
	want = min(want, (uint32_t)g->free_blocks);
	while (at < n && !(*got = run_take(fs, group, map, at, want)))
		at = bit_clear(map, at + 1, n); /* free, says the bitmap, but it is a table */
	if (*got == 0) {
		ext2_corrupt(fs, "a group has fewer free blocks than it says", group);
		g->free_blocks = 0;
		return 0;
	}
	g->free_blocks -= (uint16_t)*got;
	fs->super.free_blocks_count -= min(*got, fs->super.free_blocks_count);
	at += group * fs->super.blocks_per_group;
	/* What was cached of them when they were something else. */
	mapping_cut(&fs->meta, at, (uint64_t)at + *got);
	return at;
}

uint32_t ext2_alloc_blocks(struct ext2 *fs, uint32_t goal, uint32_t want, uint32_t *got, int *err)
{
	uint32_t bpg = fs->super.blocks_per_group, group, from, at;
	uint32_t room = ext2_room(fs);
	bool root = !current || current_process->cred.euid == 0;

	assert(mutex_held(&fs->meta_lock));
	*err = -ENOSPC;
	if (room == 0 || fs->super.free_blocks_count <= (root ? 0 : fs->super.r_blocks_count))
		return 0;
	want = min(want, room);
	if ((*err = ext2_super_change(fs)) < 0)
		return 0;
	if (goal >= fs->super.blocks_count)
		goal = 0;
	group = goal / bpg;
	from = goal % bpg;
	for (uint32_t tried = 0; tried < fs->ngroups; tried++, from = 0) {
		*err = 0;
		if (fs->groups[group].free_blocks &&
		    ((at = group_alloc(fs, group, from, want, got, err)) || *err < 0))
			return at;
		group = group + 1 == fs->ngroups ? 0 : group + 1;
	}
	*err = -ENOSPC;
	return 0;
}

int ext2_free_block(struct ext2 *fs, uint32_t block)
{
	uint32_t group = block / fs->super.blocks_per_group, bit = block % fs->super.blocks_per_group;
	struct ext2_group *g = &fs->groups[group];
	uint8_t *map;
	int err;

	assert(mutex_held(&fs->meta_lock));
	if (!ext2_block_valid(fs, block))
		return ext2_corrupt(fs, "bad block number", block);
	if ((err = ext2_super_change(fs)) < 0 || (err = ext2_group_change(fs, group)) < 0)
		return err;
	if (!(map = page_change(&fs->meta, g->block_bitmap, g->block_bitmap, 0, &err)))
		return err;
	if (!bit_test(map, bit))
		return ext2_corrupt(fs, "a block is in use twice", block);
	bit_flip(map, bit);
	if (g->free_blocks < ext2_group_blocks(fs, group))
		g->free_blocks++;
	if (fs->super.free_blocks_count < fs->super.blocks_count)
		fs->super.free_blocks_count++;
	mapping_cut(&fs->meta, block, (uint64_t)block + 1);
	return 0;
}

int ext2_unfree_block(struct ext2 *fs, uint32_t block)
{
	uint32_t group = block / fs->super.blocks_per_group, bit = block % fs->super.blocks_per_group;
	struct ext2_group *g = &fs->groups[group];
	uint8_t *map;
	int err;

	assert(mutex_held(&fs->meta_lock));
	if (!(map = page_change(&fs->meta, g->block_bitmap, g->block_bitmap, 0, &err)))
		return err;
	if (bit_test(map, bit))
		return 0;
	bit_flip(map, bit);
	if (g->free_blocks)
		g->free_blocks--;
	if (fs->super.free_blocks_count)
		fs->super.free_blocks_count--;
	return 0;
}

/* ---- inodes ---- */

/* A free inode of the group, or 0. */
static uint32_t group_alloc_inode(struct ext2 *fs, uint32_t group, bool directory, int *err)
{
	struct ext2_group *g = &fs->groups[group];
	uint32_t n = fs->super.inodes_per_group, at = 0;
	uint8_t *map;

	if ((*err = ext2_super_change(fs)) < 0 || (*err = ext2_group_change(fs, group)) < 0 ||
	    !(map = page_change(&fs->meta, g->inode_bitmap, g->inode_bitmap, 0, err)))
		return 0;
	if (group == 0)
		at = fs->super.first_ino - 1;
	at = bit_clear(map, at, n);
	if (at >= n) {
		ext2_corrupt(fs, "a group has fewer free inodes than it says", group);
		g->free_inodes = 0;
		return 0;
	}
	bit_flip(map, at);
	g->free_inodes--;
	if (fs->super.free_inodes_count)
		fs->super.free_inodes_count--;
	if (directory)
		g->used_dirs++;
	return group * n + at + 1;
}

uint32_t ext2_alloc_inode(struct ext2 *fs, struct inode *parent, bool directory, int *err)
{
	uint32_t group = (uint32_t)((parent->ino - 1) / fs->super.inodes_per_group), ino;
	/* A new directory goes where there still is room for what will be in it. */
	uint32_t least = directory ? EXT2_BLOCK : 0;

	assert(mutex_held(&fs->meta_lock));
	if (directory && parent->ino == EXT2_ROOT_INO)
		group = fs->last_group = (fs->last_group + 1) % fs->ngroups;
	for (;; least = 0) {
		for (uint32_t tried = 0; tried < fs->ngroups; tried++) {
			struct ext2_group *g = &fs->groups[group];

			*err = 0;
			if (g->free_inodes && g->free_blocks >= least &&
			    ((ino = group_alloc_inode(fs, group, directory, err)) || *err < 0))
				return ino;
			group = (group + 1) % fs->ngroups;
		}
		if (!least)
			break;
	}
	*err = -ENOSPC;
	return 0;
}

int ext2_free_inode(struct ext2 *fs, uint32_t ino, bool directory)
{
	uint32_t group = (ino - 1) / fs->super.inodes_per_group;
	uint32_t bit = (ino - 1) % fs->super.inodes_per_group;
	struct ext2_group *g = &fs->groups[group];
	uint8_t *map;
	int err;

	assert(mutex_held(&fs->meta_lock));
	if ((err = ext2_super_change(fs)) < 0 || (err = ext2_group_change(fs, group)) < 0)
		return err;
	if (!(map = page_change(&fs->meta, g->inode_bitmap, g->inode_bitmap, 0, &err)))
		return err;
	if (!bit_test(map, bit))
		return ext2_corrupt(fs, "an inode is free already", ino);
	bit_flip(map, bit);
	g->free_inodes++;
	fs->super.free_inodes_count++;
	if (directory && g->used_dirs)
		g->used_dirs--;
	return 0;
}

int ext2_inode_used(struct ext2 *fs, uint32_t ino)
{
	uint32_t group = (ino - 1) / fs->super.inodes_per_group;
	const uint8_t *map;
	int err;

	if (!(map = page_get(&fs->meta, fs->groups[group].inode_bitmap, &err)))
		return err;
	return bit_test(map, (ino - 1) % fs->super.inodes_per_group);
}
