/*
 * ext2: reading and writing files, their length, and fsync.
 *
 * A write gets its blocks before it takes any data, so a full disk is told to
 * who writes; it goes in pieces, each an operation of its own.
 */
#include "../lib/alloc.h"
#include "ext2.h"

#define PIECE 32u /* pages: what one operation writes, and ext2_map_new tells about */
#define MAX_SIZE ((int64_t)EXT2_MAX_BLOCKS * EXT2_BLOCK)

static uint32_t pages_of(int64_t bytes)
{
	return (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

/* ---- reading ---- */

void ext2_accessed(struct inode *inode)
{
	struct ext2 *fs = ext2_of(inode);

	if (likely(!inode_access_tells(inode)) || fs->sb.flags & SB_RDONLY ||
	    checkpoint_begin(&fs->cp) < 0)
		return;
	if (ext2_changes(inode, false) == 0)
		inode_accessed(inode);
	checkpoint_end(&fs->cp);
}

static int64_t ext2_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	int64_t n;

	mutex_lock(&inode->lock);
	n = mapping_read(&ext2_node(inode)->data, u, *pos, inode->size);
	if (n > 0) {
		*pos += n;
		if (!(f->flags & O_NOATIME))
			ext2_accessed(inode);
	}
	mutex_unlock(&inode->lock);
	return n;
}

/* ---- writing ---- */

/* The blocks of pages [first, first+count), as far as there is room: how many, or an error. */
static int blocks_get(struct inode *inode, uint32_t first, uint32_t count, uint32_t *blocks,
		      uint32_t *fresh)
{
	const struct mapping *m = &ext2_node(inode)->data;
	uint32_t i = 0;

	*fresh = 0;
	while (i < count && (blocks[i] = page_block(m, first + i)) != BLOCK_NONE)
		i++;
	return i == count ? (int)i : ext2_map_new(inode, first, count, blocks, fresh);
}

/* Copy n bytes into the page of pos: the count, or an error. `fresh`: its block is new. */
static int64_t page_write(struct inode *inode, struct uio *u, int64_t pos, size_t n,
			  uint32_t block, bool fresh)
{
	struct mapping *m = &ext2_node(inode)->data;
	uint32_t index = (uint32_t)(pos / PAGE_SIZE), flags = 0;
	bool absent = !page_find(m, index);
	char *page;
	int64_t moved;
	int err;

	/* Several buffers may fault half way: then what was there must be known. */
	if (n == PAGE_SIZE && (!absent || !u->iov || u->iov->length - u->iov_done >= n))
		flags = PAGE_WHOLE;
	else if (fresh || (pos - pos % PAGE_SIZE >= inode->size))
		flags = PAGE_ZERO;
	if (!(page = page_change(m, index, block, flags, &err)))
		return err;
	moved = uio_in(u, page + pos % PAGE_SIZE, n);
	if (unlikely(moved <= 0 && flags == PAGE_WHOLE && absent)) {
		if (fresh)
			memset(page, 0, PAGE_SIZE);
		else
			mapping_cut(m, index, (uint64_t)index + 1);
	}
	return moved;
}

/* Take back blocks beyond the end that got no data after all. */
static void trim(struct inode *inode)
{
	uint32_t first = pages_of(inode->size);

	mapping_cut(&ext2_node(inode)->data, first, UINT64_MAX);
	ext2_unmap(inode, first, UINT64_MAX);
}

/* Within an operation: up to n bytes at pos, of at most PIECE pages. */
static int64_t write_pages(struct inode *inode, struct uio *u, int64_t pos, size_t n)
{
	uint32_t blocks[PIECE], fresh, first = (uint32_t)(pos / PAGE_SIZE);
	int64_t done = 0, moved = 0;
	int count;

	if ((moved = ext2_changes(inode, true)) < 0)
		return moved;
	inode_modified(inode);
	count = blocks_get(inode, first, pages_of(pos % PAGE_SIZE + (int64_t)n), blocks, &fresh);
	if (count < 0)
		return count;
	n = min(n, (size_t)count * PAGE_SIZE - (size_t)(pos % PAGE_SIZE));
	while ((size_t)done < n) {
		uint32_t i = (uint32_t)(pos / PAGE_SIZE) - first;
		size_t part = min(n - (size_t)done, (size_t)(PAGE_SIZE - pos % PAGE_SIZE));

		moved = page_write(inode, u, pos, part, blocks[i], fresh >> i & 1);
		if (unlikely(moved <= 0))
			break;
		pos += moved;
		done += moved;
		if (pos > inode->size)
			__atomic_store_n(&inode->size, pos, __ATOMIC_RELAXED);
	}
	if (unlikely((size_t)done < n) && fresh) {
		/* Holes within the file that got blocks read as zero, as before. */
		for (int i = 0; i < count; i++)
			if (fresh >> i & 1 && !page_find(&ext2_node(inode)->data, first + (uint32_t)i)) {
				int err;

				page_change(&ext2_node(inode)->data, first + (uint32_t)i, blocks[i],
					    PAGE_ZERO, &err);
			}
		trim(inode);
	}
	return done ? done : moved;
}

static int64_t write_piece(struct inode *inode, struct uio *u, int64_t pos, size_t n)
{
	struct ext2 *fs = ext2_of(inode);
	int64_t done;

	n = min(n, (size_t)(PIECE * PAGE_SIZE - pos % PAGE_SIZE));
	if ((done = checkpoint_throttle(&fs->cp)) < 0 || (done = checkpoint_begin(&fs->cp)) < 0)
		return done;
	done = write_pages(inode, u, pos, n);
	checkpoint_end(&fs->cp);
	return done;
}

static int64_t write_data(struct inode *inode, struct uio *u, int64_t pos, size_t total)
{
	int64_t done = 0, n;
	int tries = 0;

	while (total) {
		n = write_piece(inode, u, pos, total);
		if (n == -ENOSPC && tries++ < 3 && ext2_make_room(ext2_of(inode)) == 0)
			continue;
		if (unlikely(n <= 0))
			return done ? done : n;
		pos += n;
		done += n;
		total -= (size_t)n;
	}
	return done;
}

/*
 * Beyond its end a page in memory is zero, but what is on the disk may not be, if
 * others made it: before the file gets longer, the page is to be written.
 */
static int end_zero(struct inode *inode)
{
	struct mapping *m = &ext2_node(inode)->data;
	uint32_t index = (uint32_t)(inode->size / PAGE_SIZE), block;
	size_t in = (size_t)(inode->size % PAGE_SIZE);
	char *page;
	int err = 0;

	if (in == 0)
		return 0;
	if (!page_get(m, index, &err))
		return err;
	if ((block = page_block(m, index)) == BLOCK_NONE)
		return 0; /* a hole */
	if (!(page = page_change(m, index, block, 0, &err)))
		return err;
	memset(page + in, 0, PAGE_SIZE - in);
	return 0;
}

static int extend(struct inode *inode, int64_t length)
{
	struct ext2 *fs = ext2_of(inode);
	int err = checkpoint_begin(&fs->cp);

	if (err < 0)
		return err;
	if ((err = ext2_changes(inode, true)) == 0 && (err = end_zero(inode)) == 0) {
		__atomic_store_n(&inode->size, length, __ATOMIC_RELAXED);
		inode_modified(inode);
	}
	checkpoint_end(&fs->cp);
	return err;
}

static int64_t ext2_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	size_t total = u->left;
	int64_t n, at;

	mutex_lock(&inode->lock);
	if (unlikely(ext2_has_doomed(ext2_of(inode))))
		ext2_reap(ext2_of(inode));
	at = *pos < 0 ? inode->size : *pos;
	n = inode_write_limit(at, &total);
	if (n == 0 && total && at >= MAX_SIZE)
		n = -EFBIG;
	if (n == 0 && total && at > inode->size && inode->size % PAGE_SIZE &&
	    at / PAGE_SIZE > inode->size / PAGE_SIZE)
		n = extend(inode, inode->size); /* the old end is to be zero on the disk */
	if (n == 0 && total)
		n = write_data(inode, u, at, (size_t)min((int64_t)total, MAX_SIZE - at));
	if (n >= 0)
		*pos = at + n;
	mutex_unlock(&inode->lock);
	return n;
}

/* ---- length ---- */

/* Zero [from, to) of one page, unless it is a hole. In an operation. */
static int page_clear(struct inode *inode, int64_t from, int64_t to)
{
	struct mapping *m = &ext2_node(inode)->data;
	uint32_t index = (uint32_t)(from / PAGE_SIZE);
	char *page;
	int err = 0;

	if (from == to)
		return 0;
	if (!page_get(m, index, &err))
		return err;
	if (page_block(m, index) == BLOCK_NONE)
		return 0;
	if (!(page = page_change(m, index, BLOCK_NONE, 0, &err)))
		return err;
	memset(page + from % PAGE_SIZE, 0, (size_t)(to - from));
	return 0;
}

static int cut(struct inode *inode, int64_t length)
{
	struct ext2 *fs = ext2_of(inode);
	uint32_t first = pages_of(length);
	int64_t was = inode->size;
	int err = checkpoint_begin(&fs->cp);

	if (err < 0)
		return err;
	if ((err = ext2_changes(inode, true)) < 0)
		goto end;
	if (length % PAGE_SIZE && (err = page_clear(inode, length, (int64_t)first * PAGE_SIZE)) < 0)
		goto end;
	inode_modified(inode);
	__atomic_store_n(&inode->size, length, __ATOMIC_RELAXED);
	mapping_cut(&ext2_node(inode)->data, first, UINT64_MAX);
	/* Blocks beyond the end would be damage to e2fsck. */
	if ((err = ext2_unmap(inode, first, UINT64_MAX)) < 0)
		__atomic_store_n(&inode->size, was, __ATOMIC_RELAXED);
end:
	checkpoint_end(&fs->cp);
	return err;
}

int ext2_truncate(struct inode *inode, int64_t length)
{
	if (length > MAX_SIZE)
		return -EFBIG;
	return length < inode->size ? cut(inode, length) : extend(inode, length);
}

static int punch_hole(struct inode *inode, int64_t from, int64_t end)
{
	struct ext2 *fs = ext2_of(inode);
	int64_t first, last;
	int err = checkpoint_begin(&fs->cp);

	if (err < 0)
		return err;
	end = min(end, round_up(inode->size, (int64_t)PAGE_SIZE));
	if ((err = ext2_changes(inode, true)) < 0)
		goto out;
	inode_modified(inode);
	if (from >= end)
		goto out;
	first = round_up(from, (int64_t)PAGE_SIZE);
	last = end - end % PAGE_SIZE;
	if (first > last) {
		err = page_clear(inode, from, end);
		goto out;
	}
	if ((err = page_clear(inode, from, first)) < 0 || (err = page_clear(inode, last, end)) < 0)
		goto out;
	mapping_cut(&ext2_node(inode)->data, pages_of(first), pages_of(last));
	err = ext2_unmap(inode, pages_of(first), pages_of(last));
out:
	checkpoint_end(&fs->cp);
	return err;
}

/* Blocks for the holes among pages [first, first+count): how many pages are done, or an error. */
static int fill_piece(struct inode *inode, uint32_t first, uint32_t count, int64_t size)
{
	struct ext2 *fs = ext2_of(inode);
	uint32_t blocks[PIECE], fresh;
	int n, err;

	if ((err = checkpoint_throttle(&fs->cp)) < 0 || (err = checkpoint_begin(&fs->cp)) < 0)
		return err;
	if ((n = ext2_changes(inode, true)) < 0 ||
	    (n = ext2_map_new(inode, first, count, blocks, &fresh)) < 0)
		goto end;
	inode_modified(inode);
	for (int i = 0; i < n; i++)
		if (fresh >> i & 1 && !page_change(&ext2_node(inode)->data, first + (uint32_t)i,
						   blocks[i], PAGE_ZERO, &err)) {
			n = err;
			break;
		}
	if (n > 0 && size > inode->size)
		__atomic_store_n(&inode->size,
				 max(inode->size, min(size, ((int64_t)first + n) * PAGE_SIZE)),
				 __ATOMIC_RELAXED);
	if (n < 0)
		trim(inode);
end:
	checkpoint_end(&fs->cp);
	return n;
}

int ext2_fallocate(struct inode *inode, uint32_t mode, int64_t offset, int64_t length)
{
	int64_t end = offset + length;
	uint32_t at = (uint32_t)(offset / PAGE_SIZE), last;
	int n, tries = 0;

	if (end > MAX_SIZE)
		return -EFBIG;
	if (mode & FALLOC_PUNCH_HOLE)
		return punch_hole(inode, offset, end);
	/* Blocks beyond the end of a file are damage to e2fsck. */
	if (mode && end > round_up(inode->size, (int64_t)PAGE_SIZE))
		return -EOPNOTSUPP;
	if (!mode && end > inode->size && inode->size % PAGE_SIZE &&
	    (n = extend(inode, inode->size)) < 0)
		return n;
	for (last = pages_of(end); at < last;) {
		n = fill_piece(inode, at, min(last - at, PIECE), mode ? 0 : end);
		if (n == -ENOSPC && tries++ < 3 && ext2_make_room(ext2_of(inode)) == 0)
			continue;
		if (n < 0)
			return n;
		at += (uint32_t)n;
		tries = 0;
	}
	return 0;
}

/* ---- position, sync ---- */

static int64_t seek_extent(struct inode *inode, int64_t offset, bool data)
{
	uint32_t end = pages_of(inode->size);
	int64_t at;

	if (offset < 0 || offset >= inode->size)
		return -ENXIO;
	at = ext2_map_seek(inode, (uint32_t)(offset / PAGE_SIZE), end, data);
	if (at < 0)
		return at;
	if (data && at == end)
		return -ENXIO;
	return min(max(offset, at * PAGE_SIZE), inode->size);
}

static int64_t ext2_lseek(struct file *f, int64_t offset, int whence)
{
	struct inode *inode = f->inode;
	int64_t at;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_seek(f, offset, whence, __atomic_load_n(&inode->size, __ATOMIC_RELAXED));
	mutex_lock(&inode->lock);
	at = seek_extent(inode, offset, whence == SEEK_DATA);
	mutex_unlock(&inode->lock);
	if (at >= 0)
		f->pos = at;
	return at;
}

int ext2_fsync(struct file *f, bool data_only)
{
	struct ext2_node *node = ext2_node(f->inode);
	uint64_t number;

	mutex_lock(&f->inode->lock);
	number = data_only ? node->changed : node->touched;
	mutex_unlock(&f->inode->lock);
	return checkpoint_sync(&ext2_of(f->inode)->cp, number);
}

const struct file_ops ext2_file_ops = {
	.read = ext2_read,
	.write = ext2_write,
	.lseek = ext2_lseek,
	.fsync = ext2_fsync,
};
