/*
 * Data of files in a squashfs image: blocks one after the other, each expanding
 * to block_size (a size of 0 is a hole); the end of a file may lie with those of
 * others in a fragment.
 */
#include "squashfs.h"

#define SIZES 64u /* read at a time */

struct fragment {
	uint64_t start;
	uint32_t size, unused;
};

/* Where block `n` of the file is in the image, and its size there. */
static int block_find(struct squashfs *fs, const struct squashfs_inode *file, uint64_t n,
		      uint64_t *position, uint32_t *size)
{
	struct squashfs_place at = { file->more_block, file->more_offset };
	uint64_t start = file->start;
	uint32_t sizes[SIZES];

	for (uint64_t done = 0;; done += SIZES) {
		uint32_t part = (uint32_t)min(n + 1 - done, (uint64_t)SIZES);
		int err = squashfs_metadata_read(fs, &at, sizes, part * sizeof(uint32_t));

		if (err < 0)
			return err;
		for (uint32_t i = 0; i < part && done + i < n; i++)
			start += sizes[i] & 0xffffff;
		if (done + part > n) {
			*position = start;
			*size = sizes[part - 1];
			return 0;
		}
	}
}

static int fragment_find(struct squashfs *fs, uint32_t n, struct fragment *f)
{
	const uint32_t per_block = SQUASHFS_METADATA / sizeof(*f);
	struct squashfs_place at = { fs->fragments[n / per_block], n % per_block * (uint32_t)sizeof(*f) };

	return squashfs_metadata_read(fs, &at, f, sizeof(*f));
}

/* Copy what [offset, offset+length) of an expanded block has to pages from byte `at` of them on. */
static void spread(void **pages, size_t at, const char *data, size_t length)
{
	while (length > 0) {
		size_t within = at % PAGE_SIZE, part = min(length, PAGE_SIZE - within);

		memcpy((char *)pages[at / PAGE_SIZE] + within, data, part);
		at += part;
		data += part;
		length -= part;
	}
}

/* The part [from, to) of the file, within one block, to pages whose first byte is the file's `base`. */
static int read_part(struct squashfs *fs, const struct squashfs_inode *file, uint64_t from, uint64_t to,
		     uint64_t base, void **pages)
{
	uint64_t n = from >> fs->block_shift, position;
	uint32_t within = (uint32_t)(from & (fs->block_size - 1)), length = (uint32_t)(to - from), size;
	bool tail = file->fragment != SQUASHFS_NO_FRAGMENT && n == file->size >> fs->block_shift;
	struct squashfs_block *b;
	int err;

	if (tail) {
		struct fragment f;

		if ((err = fragment_find(fs, file->fragment, &f)) < 0)
			return err;
		position = f.start;
		size = f.size;
		within += file->fragment_offset;
	} else if ((err = block_find(fs, file, n, &position, &size)) < 0) {
		return err;
	}
	if (size == 0 && !tail)
		return 0; /* a hole: the pages are zero */
	if (!(b = squashfs_data(fs, position, size, fs->block_size, &err)))
		return err;
	err = within <= b->length && length <= b->length - within ? 0 : -EUCLEAN;
	if (err == 0)
		spread(pages, (size_t)(from - base), b->data + within, length);
	squashfs_block_put(&fs->data, b);
	return err;
}

int squashfs_read_pages(struct squashfs *fs, const struct squashfs_inode *file, uint32_t index,
			uint32_t count, void **pages)
{
	uint64_t base = (uint64_t)index * PAGE_SIZE, at = base;
	uint64_t end = min(base + (uint64_t)count * PAGE_SIZE, file->size);

	for (uint32_t i = 0; i < count; i++)
		memset(pages[i], 0, PAGE_SIZE);
	while (at < end) {
		uint64_t to = min((at | (fs->block_size - 1)) + 1, end);
		int err = read_part(fs, file, at, to, base, pages);

		if (err < 0)
			return err;
		at = to;
	}
	return 0;
}
