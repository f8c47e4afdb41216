/*
 * Directories of a squashfs image: lists of names in order, under headers that
 * say where the inodes of some of them lie. Long ones have an index.
 */
#include "../vfs/file.h"
#include "squashfs.h"

#define HEADER_NAMES_MAX 256u /* under one header */

struct dir_header {
	uint32_t count, start, number;
};
struct dir_name {
	uint16_t offset;
	int16_t number;
	uint16_t type, length;
};
struct dir_index {
	uint32_t index, start, length;
};

void squashfs_dir_begin(struct squashfs *fs, const struct squashfs_inode *dir, struct squashfs_cursor *c)
{
	(void)fs;
	*c = (struct squashfs_cursor){
		.at = { dir->list_block, dir->list_offset },
		.left = dir->size > 3 ? (uint32_t)dir->size - 3 : 0,
	};
}

static int cursor_read(struct squashfs *fs, struct squashfs_cursor *c, void *to, uint32_t n)
{
	if (n > c->left || c->at.block >= fs->directory_end)
		return -EUCLEAN;
	c->left -= n;
	return squashfs_metadata_read(fs, &c->at, to, n);
}

static uint32_t type_of(unsigned kind)
{
	static const uint32_t types[] = { 0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK };

	return kind < countof(types) ? types[kind] : 0;
}

/* Can it be a name in a directory? */
static bool name_sound(const char *name, uint32_t length)
{
	if (memchr(name, 0, length) || memchr(name, '/', length))
		return false;
	return !(name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')));
}

int squashfs_dir_next(struct squashfs *fs, struct squashfs_cursor *c, struct squashfs_entry *e)
{
	struct dir_name n;
	int err;

	if (c->count == 0) {
		struct dir_header h;

		if (c->left == 0)
			return 0;
		if ((err = cursor_read(fs, c, &h, sizeof(h))) < 0)
			return err;
		if (h.count >= HEADER_NAMES_MAX)
			return -EUCLEAN;
		c->count = h.count + 1;
		c->start = h.start;
		c->number = h.number;
	}
	if ((err = cursor_read(fs, c, &n, sizeof(n))) < 0)
		return err;
	if (n.length >= SQUASHFS_NAME_MAX || !(e->type = type_of(n.type)))
		return -EUCLEAN;
	e->length = n.length + 1u;
	if ((err = cursor_read(fs, c, e->name, e->length)) < 0)
		return err;
	e->name[e->length] = 0;
	if (!name_sound(e->name, e->length))
		return -EUCLEAN;
	e->reference = c->start << 16 | n.offset;
	e->number = c->number + (uint32_t)n.number;
	c->count--;
	return 1;
}

/* As strcmp, of which mksquashfs makes the order. */
static int name_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, min(a_length, b_length));

	return order ? order : (a_length > b_length) - (a_length < b_length);
}

/* By the index, start with the last header that begins no later than the name. */
static int cursor_skip(struct squashfs *fs, const struct squashfs_inode *dir, const char *name,
		       size_t length, struct squashfs_cursor *c)
{
	struct squashfs_place at = { dir->more_block, dir->more_offset };
	uint32_t size = c->left;

	for (uint32_t i = 0; i < dir->indexes; i++) {
		char first[SQUASHFS_NAME_MAX];
		struct dir_index x;
		int err = squashfs_metadata_read(fs, &at, &x, sizeof(x));

		if (err < 0)
			return err;
		if (x.length >= sizeof(first) || x.index > size ||
		    x.start >= fs->directory_end - fs->directory_table)
			return -EUCLEAN;
		if ((err = squashfs_metadata_read(fs, &at, first, x.length + 1u)) < 0)
			return err;
		if (name_compare(first, x.length + 1u, name, length) > 0)
			break;
		c->at.block = fs->directory_table + x.start;
		c->at.offset = (dir->list_offset + x.index) % SQUASHFS_METADATA;
		c->left = size - x.index;
	}
	return 0;
}

int squashfs_dir_find(struct squashfs *fs, const struct squashfs_inode *dir, const char *name,
		      size_t length, struct squashfs_entry *e)
{
	struct squashfs_cursor c;
	int err;

	squashfs_dir_begin(fs, dir, &c);
	if ((err = cursor_skip(fs, dir, name, length, &c)) < 0)
		return err;
	while ((err = squashfs_dir_next(fs, &c, e)) > 0) {
		int order = name_compare(e->name, e->length, name, length);

		if (order == 0)
			return 1;
		if (order > 0)
			return 0;
	}
	return err;
}
