/*
 * ext2: from a page of a file to its block: 12 direct pointers, and trees of
 * one, two and three levels below the other three.
 *
 * Indirect blocks are metadata: they are in fs->meta, under meta_lock.
 */
#include "../lib/alloc.h"
#include "ext2.h"

#define LEVELS 4u /* in the inode, and up to three indirect */

/* The pointers from the inode down to the page; how many, 0 if there is no such page. */
static unsigned path_of(uint32_t index, uint32_t at[LEVELS])
{
	uint64_t left = index, span = EXT2_PER_BLOCK;

	if (left < EXT2_DIRECT) {
		at[0] = index;
		return 1;
	}
	left -= EXT2_DIRECT;
	for (unsigned depth = 1; depth < LEVELS; depth++, span *= EXT2_PER_BLOCK) {
		if (left >= span) {
			left -= span;
			continue;
		}
		at[0] = EXT2_DIRECT + depth - 1;
		for (unsigned i = depth; i > 0; i--, left /= EXT2_PER_BLOCK)
			at[i] = (uint32_t)(left % EXT2_PER_BLOCK);
		return depth + 1;
	}
	return 0;
}

/*
 * Where the pointer of a page is, or NULL in *beside when there are none: a hole.
 * For *run pages from there on the pointers follow, or are not there either.
 */
static int lookup(struct ext2 *fs, struct ext2_node *node, uint32_t index, const uint32_t **beside,
		  uint32_t *run)
{
	uint32_t at[LEVELS];
	unsigned depth = path_of(index, at);
	const uint32_t *pointers = node->block;
	int err;

	if (depth == 0)
		return -EFBIG;
	for (unsigned i = 0; i + 1 < depth; i++) {
		uint32_t block = pointers[at[i]];

		if (!block) { /* a hole, as far as this pointer reaches */
			uint32_t size = 1, in = 0;

			for (unsigned k = i + 1; k < depth; k++) {
				size *= EXT2_PER_BLOCK;
				in = in * EXT2_PER_BLOCK + at[k];
			}
			*beside = NULL;
			*run = size - in;
			return 0;
		}
		if (!ext2_block_valid(fs, block))
			return ext2_corrupt(fs, "bad indirect block", block);
		if (!(pointers = page_get(&fs->meta, block, &err)))
			return err;
	}
	*beside = pointers + at[depth - 1];
	*run = (depth == 1 ? EXT2_DIRECT : EXT2_PER_BLOCK) - at[depth - 1];
	return 0;
}

int ext2_map(struct inode *inode, uint32_t index, uint32_t count, uint32_t *blocks)
{
	struct ext2 *fs = ext2_of(inode);
	int err = 0;

	mutex_lock(&fs->meta_lock);
	while (count > 0) {
		const uint32_t *beside;
		uint32_t run;

		if ((err = lookup(fs, ext2_node(inode), index, &beside, &run)) < 0)
			break;
		run = min(run, count);
		for (uint32_t i = 0; i < run; i++) {
			blocks[i] = beside ? beside[i] : 0;
			if (blocks[i] && !ext2_block_valid(fs, blocks[i]))
				err = ext2_corrupt(fs, "bad block number", blocks[i]);
		}
		if (err < 0)
			break;
		blocks += run;
		index += run;
		count -= run;
	}
	mutex_unlock(&fs->meta_lock);
	return err;
}

/* ---- allocating ---- */

static void count_blocks(struct inode *inode, int64_t n)
{
	inode->blocks += n * (int64_t)(EXT2_BLOCK / 512);
}

/* The goal of a file's first block: its inode's group. */
static uint32_t goal_of(struct ext2 *fs, struct ext2_node *node)
{
	if (!node->goal)
		node->goal = (uint32_t)((node->inode->ino - 1) / fs->super.inodes_per_group) *
			     fs->super.blocks_per_group;
	return node->goal;
}

static uint32_t alloc(struct inode *inode, uint32_t want, uint32_t *got, int *err)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	uint32_t block = ext2_alloc_blocks(fs, goal_of(fs, node), want, got, err);

	if (block) {
		node->goal = block + *got;
		count_blocks(inode, *got);
	}
	return block;
}

/* Give back what could not be used. */
static void unalloc(struct inode *inode, uint32_t block)
{
	if (ext2_free_block(ext2_of(inode), block) == 0)
		count_blocks(inode, -1);
}

/*
 * The pointer at[i] of level i, whose block is `holder` (0: the inode), is to be
 * `value`. With the page changed only here, nothing has to be undone before.
 */
static int pointer_set(struct ext2 *fs, struct ext2_node *node, uint32_t holder, uint32_t at,
		       uint32_t value)
{
	uint32_t *pointers = node->block;
	int err;

	if (holder && !(pointers = page_change(&fs->meta, holder, holder, 0, &err)))
		return err;
	pointers[at] = value;
	return 0;
}

/* The block with the last pointers on the way to `index`, made if need be: 0 is the inode itself. */
static int holder_of(struct inode *inode, const uint32_t at[LEVELS], unsigned depth, uint32_t *holder)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	const uint32_t *pointers = node->block;
	uint32_t above = 0;
	int err;

	for (unsigned i = 0; i + 1 < depth; i++) {
		uint32_t block = pointers[at[i]], got;

		if (!block) {
			if (!(block = alloc(inode, 1, &got, &err)))
				return err;
			if (!page_change(&fs->meta, block, block, PAGE_ZERO, &err) ||
			    (err = pointer_set(fs, node, above, at[i], block)) < 0) {
				unalloc(inode, block);
				return err;
			}
		} else if (!ext2_block_valid(fs, block)) {
			return ext2_corrupt(fs, "bad indirect block", block);
		}
		if (!(pointers = page_get(&fs->meta, block, &err)))
			return err;
		above = block;
	}
	*holder = above;
	return 0;
}

/* Holes at the begin of pointers[0..n), in block `holder`: fill as many as one run of blocks gives. */
static int fill_run(struct inode *inode, uint32_t holder, uint32_t *pointers, uint32_t n)
{
	uint32_t want = 0, got, block;
	int err;

	while (want < n && !pointers[want])
		want++;
	if (!(block = alloc(inode, want, &got, &err)))
		return err;
	if (holder - block < got) /* and so its page is gone */
		return ext2_corrupt(ext2_of(inode), "a block in use is marked as free", holder);
	for (uint32_t i = 0; i < got; i++)
		pointers[i] = block + i;
	return (int)got;
}

static int map_new(struct inode *inode, uint32_t index, uint32_t count, uint32_t *blocks,
		   uint32_t *fresh)
{
	struct ext2 *fs = ext2_of(inode);
	uint32_t at[LEVELS], holder, done = 0;
	unsigned depth = path_of(index, at);
	uint32_t *pointers = ext2_node(inode)->block;
	int err;

	if (depth == 0)
		return -EFBIG;
	if ((err = holder_of(inode, at, depth, &holder)) < 0)
		return err;
	if (holder && !(pointers = page_change(&fs->meta, holder, holder, 0, &err)))
		return err;
	pointers += at[depth - 1];
	count = min(count, (holder ? EXT2_PER_BLOCK : EXT2_DIRECT) - at[depth - 1]);
	*fresh = 0;
	while (done < count) {
		if (!pointers[done]) {
			err = fill_run(inode, holder, pointers + done, count - done);
			if (err < 0)
				return done ? (int)done : err;
			*fresh |= (uint32_t)((1ull << err) - 1) << done;
			for (; err > 0; err--, done++)
				blocks[done] = pointers[done];
			continue;
		}
		if (!ext2_block_valid(fs, pointers[done])) {
			err = ext2_corrupt(fs, "bad block number", pointers[done]);
			return done ? (int)done : err;
		}
		blocks[done] = pointers[done];
		done++;
	}
	return (int)done;
}

int ext2_map_new(struct inode *inode, uint32_t index, uint32_t count, uint32_t *blocks,
		 uint32_t *fresh)
{
	struct ext2 *fs = ext2_of(inode);
	uint32_t done = 0, some;
	int n = 0;

	*fresh = 0;
	mutex_lock(&fs->meta_lock);
	while (done < count && (n = map_new(inode, index + done, count - done, blocks + done, &some)) > 0) {
		*fresh |= some << done;
		done += (uint32_t)n;
	}
	mutex_unlock(&fs->meta_lock);
	return done ? (int)done : n;
}

/* ---- freeing ---- */

struct unmap {
	struct inode *inode;
	uint64_t first, end; /* pages */
};

static int free_counted(const struct unmap *u, uint32_t block)
{
	int err = ext2_free_block(ext2_of(u->inode), block);

	/* What is damaged stays for a check to find; the rest is freed. */
	if (err == 0 || err == -EUCLEAN)
		count_blocks(u->inode, -1);
	return err == -EUCLEAN ? 0 : err;
}

/*
 * Free what pointers [0, n) at `level` lead to within the range, the first of
 * which leads to page `base`. Each covers `span` pages. They are cleared in
 * `pointers`; *left tells if any is not.
 */
static int free_pointers(const struct unmap *u, uint32_t *pointers, uint32_t n, unsigned level,
			 uint64_t base, uint64_t span, bool *left);

/* An indirect block: what it leads to, and itself if nothing is left. True in *gone if so. */
static int free_indirect(const struct unmap *u, uint32_t block, unsigned level, uint64_t base,
			 uint64_t span, bool *gone)
{
	struct ext2 *fs = ext2_of(u->inode);
	bool left = false, all = base >= u->first && base + span * EXT2_PER_BLOCK <= u->end;
	uint32_t *copy, *page;
	int err, unused;

	*gone = true;
	if (!ext2_block_valid(fs, block))
		return ext2_corrupt(fs, "bad indirect block", block), 0;
	/* A copy: what is freed below may be this block itself, in a damaged image. */
	if (!(copy = page_alloc(0)))
		return -ENOMEM;
	if (!(page = all ? (uint32_t *)page_get(&fs->meta, block, &err) :
			   page_change(&fs->meta, block, block, 0, &err))) {
		*gone = false;
		goto out;
	}
	memcpy(copy, page, EXT2_BLOCK);
	if (all) {
		/* First the block, so that a cycle finds it free and ends. */
		err = ext2_free_block(fs, block);
		if (err == 0)
			count_blocks(u->inode, -1);
		else if (err == -EUCLEAN) {
			err = 0;
			goto out;
		}
		if (err == 0)
			err = free_pointers(u, copy, EXT2_PER_BLOCK, level - 1, base, span, &left);
		/* Killed while it read one below, or no memory: what is left hangs where it did. */
		if (err < 0 && ext2_unfree_block(fs, block) == 0 &&
		    (page = page_change(&fs->meta, block, block, PAGE_ZERO, &unused))) {
			memcpy(page, copy, EXT2_BLOCK);
			count_blocks(u->inode, 1);
		}
		goto out;
	}
	err = free_pointers(u, copy, EXT2_PER_BLOCK, level - 1, base, span, &left);
	*gone = err == 0 && !left;
	if (*gone)
		err = free_counted(u, block);
	else if ((page = page_change(&fs->meta, block, block, 0, &err)))
		memcpy(page, copy, EXT2_BLOCK);
out:
	page_free(copy, 0);
	return err;
}

static int free_pointers(const struct unmap *u, uint32_t *pointers, uint32_t n, unsigned level,
			 uint64_t base, uint64_t span, bool *left)
{
	int err = 0;

	for (uint32_t i = 0; i < n; i++, base += span) {
		bool gone = true;

		if (!pointers[i])
			continue;
		if (base + span <= u->first || base >= u->end || err < 0) {
			*left = true;
			continue;
		}
		if (level == 0)
			err = free_counted(u, pointers[i]);
		else
			err = free_indirect(u, pointers[i], level, base, span / EXT2_PER_BLOCK, &gone);
		if (gone && err == 0)
			pointers[i] = 0;
		else
			*left = true;
	}
	return err;
}

int ext2_unmap(struct inode *inode, uint32_t first, uint64_t end)
{
	struct ext2 *fs = ext2_of(inode);
	struct ext2_node *node = ext2_node(inode);
	struct unmap u = { inode, first, end };
	uint64_t base = EXT2_DIRECT, span = EXT2_PER_BLOCK;
	bool left = false;
	int err;

	mutex_lock(&fs->meta_lock);
	err = free_pointers(&u, node->block, EXT2_DIRECT, 0, 0, 1, &left);
	for (unsigned level = 1; level < LEVELS && err == 0; level++) {
		err = free_pointers(&u, &node->block[EXT2_DIRECT + level - 1], 1, level, base, span,
				    &left);
		base += span;
		span *= EXT2_PER_BLOCK;
	}
	mutex_unlock(&fs->meta_lock);
	return err;
}

/* ---- searching ---- */

int64_t ext2_map_seek(struct inode *inode, uint32_t index, uint32_t end, bool data)
{
	struct ext2 *fs = ext2_of(inode);
	int err = 0;

	mutex_lock(&fs->meta_lock);
	while (index < end) {
		const uint32_t *beside;
		uint32_t run;

		if ((err = lookup(fs, ext2_node(inode), index, &beside, &run)) < 0)
			break;
		run = min(run, end - index);
		for (uint32_t i = 0; i < run; i++)
			if ((beside && beside[i]) == data) {
				mutex_unlock(&fs->meta_lock);
				return (int64_t)index + i;
			}
		index += run;
	}
	mutex_unlock(&fs->meta_lock);
	return err < 0 ? err : end;
}
