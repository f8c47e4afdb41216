/*
 * The data of a file in memory: 4 KiB pages in a radix tree (lib/radix.h).
 *
 * What was never written has no page and reads as zero. Bytes of the last page
 * beyond the file's size are always zero.
 */
#include "../lib/alloc.h"
#include "memfs.h"

#define MAX_PAGES (1ull << 31) /* 8 TiB: sizes beyond are EFBIG */
#define RECLAIM 64 /* pages to take from the page cache when there are no others */

static uint64_t all_pages; /* [a] in use by files of all memfs */

uint64_t memfs_pages(void)
{
	return __atomic_load_n(&all_pages, __ATOMIC_RELAXED);
}

/* Count pages in, or out (negative): how many fs has now. */
static uint64_t count_pages(struct memfs *fs, int64_t n)
{
	__atomic_add_fetch(&all_pages, (uint64_t)n, __ATOMIC_RELAXED);
	return __atomic_add_fetch(&fs->pages, (uint64_t)n, __ATOMIC_RELAXED);
}

static bool drop_page(void *page, uint64_t index, void *arg)
{
	page_free(page, 0);
	return true;
}

static void data_cut(struct inode *inode, uint64_t first, uint64_t end)
{
	uint64_t freed = radix_cut(&memfs_node(inode)->data, first, end, drop_page, NULL);

	inode->blocks -= (int64_t)(freed * (PAGE_SIZE / 512));
	count_pages(memfs_of(inode), -(int64_t)freed);
}

void memfs_data_free(struct inode *inode)
{
	data_cut(inode, 0, UINT64_MAX);
}

/* A page for the inode, not zeroed; NULL: -ENOSPC. */
static void *page_new(struct inode *inode)
{
	struct memfs *fs = memfs_of(inode);
	void *page;

	if (count_pages(fs, 1) <= __atomic_load_n(&fs->max_pages, __ATOMIC_RELAXED) &&
	    ((page = page_alloc_data()) ||
	     (page_cache_reclaim(RECLAIM) && (page = page_alloc_data())))) {
		inode->blocks += PAGE_SIZE / 512;
		return page;
	}
	count_pages(fs, -1);
	return NULL;
}

static void page_undo(struct inode *inode, void *page)
{
	page_free(page, 0);
	inode->blocks -= PAGE_SIZE / 512;
	count_pages(memfs_of(inode), -1);
}

/* ---- read and write ---- */

static int64_t data_read(struct inode *inode, struct uio *u, int64_t pos)
{
	const struct radix *d = &memfs_node(inode)->data;
	int64_t done = 0, n;

	while (u->left && pos < inode->size) {
		size_t in_page = (size_t)(pos % PAGE_SIZE);
		size_t want = (size_t)min((int64_t)(PAGE_SIZE - in_page), inode->size - pos);
		char *page = radix_find(d, (uint64_t)pos / PAGE_SIZE);

		n = page ? uio_out(u, page + in_page, want) : uio_out_zero(u, want);
		if (unlikely(n <= 0))
			return done ? done : n;
		pos += n;
		done += n;
	}
	return done;
}

static int64_t memfs_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	int64_t n;

	mutex_lock(&inode->lock);
	n = data_read(inode, u, *pos);
	if (n > 0) {
		*pos += n;
		inode_accessed(inode);
	}
	mutex_unlock(&inode->lock);
	return n;
}

/* Up to n bytes into the page of pos, which is made if it is not there. */
static int64_t page_write(struct inode *inode, struct uio *u, int64_t pos, size_t n)
{
	void **slot = radix_slot(&memfs_node(inode)->data, (uint64_t)pos / PAGE_SIZE);
	size_t in_page = (size_t)(pos % PAGE_SIZE);
	int64_t moved;
	char *page;

	if (!slot)
		return -ENOSPC;
	if (*slot)
		return uio_in(u, (char *)*slot + in_page, n);
	if (!(page = page_new(inode)))
		return -ENOSPC;
	moved = uio_in(u, page + in_page, n);
	if (moved <= 0) {
		page_undo(inode, page);
		return moved;
	}
	if (in_page)
		memset(page, 0, in_page);
	if (in_page + (size_t)moved < PAGE_SIZE)
		memset(page + in_page + moved, 0, PAGE_SIZE - in_page - (size_t)moved);
	*slot = page;
	return moved;
}

static int64_t data_write(struct inode *inode, struct uio *u, int64_t pos, size_t total)
{
	int64_t done = 0, n;

	while (total) {
		size_t in_page = (size_t)(pos % PAGE_SIZE);

		n = page_write(inode, u, pos, min(total, PAGE_SIZE - in_page));
		if (unlikely(n <= 0))
			return done ? done : n;
		pos += n;
		done += n;
		total -= (size_t)n;
		if (pos > inode->size)
			__atomic_store_n(&inode->size, pos, __ATOMIC_RELAXED);
	}
	return done;
}

static int64_t memfs_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	size_t total = u->left;
	int64_t n, at;

	mutex_lock(&inode->lock);
	at = *pos < 0 ? inode->size : *pos;
	n = inode_write_limit(at, &total);
	if (n == 0 && total && (uint64_t)at + total > MAX_PAGES * PAGE_SIZE)
		n = -EFBIG;
	if (n == 0 && total)
		n = data_write(inode, u, at, total);
	if (n > 0)
		inode_modified(inode);
	if (n >= 0)
		*pos = at + n;
	mutex_unlock(&inode->lock);
	return n;
}

char *memfs_page(struct inode *inode, uint64_t index, bool make)
{
	struct radix *d = &memfs_node(inode)->data;
	char *page = radix_find(d, index);
	void **slot;

	if (page || !make || !(slot = radix_slot(d, index)) || !(page = page_new(inode)))
		return page;
	memset(page, 0, PAGE_SIZE);
	return *slot = page;
}

/* ---- length ---- */

/* Zero [from, to) of one page, if it is there. */
static void page_zero(struct inode *inode, int64_t from, int64_t to)
{
	char *page = radix_find(&memfs_node(inode)->data, (uint64_t)from / PAGE_SIZE);

	if (page)
		memset(page + from % PAGE_SIZE, 0, (size_t)(to - from));
}

int memfs_truncate(struct inode *inode, int64_t length)
{
	uint64_t first = ((uint64_t)length + PAGE_SIZE - 1) / PAGE_SIZE;

	if (first > MAX_PAGES)
		return -EFBIG;
	if (length < inode->size) {
		data_cut(inode, first, UINT64_MAX);
		if (length % PAGE_SIZE)
			page_zero(inode, length, (int64_t)(first * PAGE_SIZE));
	}
	__atomic_store_n(&inode->size, length, __ATOMIC_RELAXED);
	inode_modified(inode);
	return 0;
}

static int punch_hole(struct inode *inode, int64_t from, int64_t end)
{
	int64_t first = round_up(from, (int64_t)PAGE_SIZE);
	int64_t last = end - end % PAGE_SIZE;

	if (first > last) { /* within one page */
		page_zero(inode, from, end);
		return 0;
	}
	if (from < first)
		page_zero(inode, from, first);
	if (last < end)
		page_zero(inode, last, end);
	data_cut(inode, (uint64_t)first / PAGE_SIZE, (uint64_t)last / PAGE_SIZE);
	return 0;
}

int memfs_fallocate(struct inode *inode, uint32_t mode, int64_t offset, int64_t length)
{
	struct radix *d = &memfs_node(inode)->data;
	int64_t end = offset + length;
	uint64_t index = (uint64_t)offset / PAGE_SIZE;

	if (end > (int64_t)(MAX_PAGES * PAGE_SIZE))
		return -EFBIG;
	inode_modified(inode);
	if (mode & FALLOC_PUNCH_HOLE)
		return punch_hole(inode, offset, end);
	for (; (int64_t)(index * PAGE_SIZE) < end; index++) {
		void **slot = radix_slot(d, index);

		if (!slot)
			return -ENOSPC;
		if (*slot)
			continue;
		if (!(*slot = page_new(inode)))
			return -ENOSPC;
		memset(*slot, 0, PAGE_SIZE);
	}
	if (!(mode & FALLOC_KEEP_SIZE) && end > inode->size)
		__atomic_store_n(&inode->size, end, __ATOMIC_RELAXED);
	return 0;
}

/* Where data or a hole begins at or after offset; inode locked. */
static int64_t seek_extent(struct inode *inode, int64_t offset, bool data)
{
	const struct radix *d = &memfs_node(inode)->data;
	uint64_t index = (uint64_t)offset / PAGE_SIZE, next;

	if (offset < 0 || offset >= inode->size)
		return -ENXIO;
	if (data) {
		next = radix_next(d, index);
		if (next == UINT64_MAX || (int64_t)(next * PAGE_SIZE) >= inode->size)
			return -ENXIO;
	} else {
		for (next = index; radix_find(d, next); next++)
			;
	}
	return min(max(offset, (int64_t)(next * PAGE_SIZE)), inode->size);
}

static int64_t memfs_lseek(struct file *f, int64_t offset, int whence)
{
	struct inode *inode = f->inode;
	int64_t at;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return file_seek(f, offset, whence,
				 __atomic_load_n(&inode->size, __ATOMIC_RELAXED));
	mutex_lock(&inode->lock);
	at = seek_extent(inode, offset, whence == SEEK_DATA);
	mutex_unlock(&inode->lock);
	if (at >= 0)
		f->pos = at;
	return at;
}

const struct file_ops memfs_file_ops = {
	.read = memfs_read,
	.write = memfs_write,
	.lseek = memfs_lseek,
};
