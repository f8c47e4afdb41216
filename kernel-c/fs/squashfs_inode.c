/*
 * Inodes of a squashfs image. Each kind has a short and a long form.
 */
#include "../lib/alloc.h"
#include "../vfs/file.h"
#include "squashfs.h"

enum kind { DIR = 1, FILE_, LINK, BLOCK, CHAR, FIFO, SOCKET, LONG = 7 };

/* A list of block sizes longer than this is nothing that mksquashfs makes: 2 TiB of usual blocks. */
#define FILE_BLOCKS_MAX (1u << 24)
#define LIST_MAX (1u << 28) /* bytes of a directory's list; the names of some ten million files */

static const uint32_t types[] = { [DIR] = S_IFDIR, [FILE_] = S_IFREG, [LINK] = S_IFLNK, [BLOCK] = S_IFBLK,
				  [CHAR] = S_IFCHR, [FIFO] = S_IFIFO, [SOCKET] = S_IFSOCK };

/* The forms, as they lie in the image, after the head. */
struct head {
	uint16_t kind, mode, uid, gid;
	uint32_t mtime, number;
};
struct dir_short {
	uint32_t list_block, nlink;
	uint16_t size, offset;
	uint32_t parent;
};
struct dir_long {
	uint32_t nlink, size, list_block, parent;
	uint16_t indexes, offset;
	uint32_t xattr;
};
struct file_short {
	uint32_t start, fragment, offset, size;
};
struct file_long {
	uint64_t start, size, sparse;
	uint32_t nlink, fragment, offset, xattr;
};
struct link {
	uint32_t nlink, size;
};
struct device {
	uint32_t nlink, rdev;
};
_Static_assert(sizeof(struct head) == 16 && sizeof(struct dir_short) == 16 && sizeof(struct dir_long) == 24 &&
	       sizeof(struct file_long) == 40, "as they lie in the image");

static int read_directory(struct squashfs *fs, struct squashfs_inode *i, struct squashfs_place *at, bool is_long)
{
	uint32_t size, list, offset;
	int err;

	if (is_long) {
		struct dir_long d;

		if ((err = squashfs_metadata_read(fs, at, &d, sizeof(d))) < 0)
			return err;
		i->nlink = d.nlink;
		i->indexes = d.indexes;
		size = d.size, list = d.list_block, offset = d.offset;
	} else {
		struct dir_short d;

		if ((err = squashfs_metadata_read(fs, at, &d, sizeof(d))) < 0)
			return err;
		i->nlink = d.nlink;
		size = d.size, list = d.list_block, offset = d.offset;
	}
	/* Its size counts "." and ".." as 3 bytes, which are not in the list. */
	if (size > LIST_MAX || offset >= SQUASHFS_METADATA || list >= fs->directory_end - fs->directory_table)
		return -EUCLEAN;
	i->size = size;
	i->list_block = fs->directory_table + list;
	i->list_offset = offset;
	return 0;
}

static int read_file(struct squashfs *fs, struct squashfs_inode *i, struct squashfs_place *at, bool is_long)
{
	uint64_t blocks;
	int err;

	if (is_long) {
		struct file_long f;

		if ((err = squashfs_metadata_read(fs, at, &f, sizeof(f))) < 0)
			return err;
		i->start = f.start, i->size = f.size, i->nlink = f.nlink;
		i->fragment = f.fragment, i->fragment_offset = f.offset;
	} else {
		struct file_short f;

		if ((err = squashfs_metadata_read(fs, at, &f, sizeof(f))) < 0)
			return err;
		i->start = f.start, i->size = f.size, i->nlink = 1;
		i->fragment = f.fragment, i->fragment_offset = f.offset;
	}
	blocks = i->size >> fs->block_shift;
	if (blocks > FILE_BLOCKS_MAX || i->start > fs->bytes)
		return -EUCLEAN;
	if (i->fragment != SQUASHFS_NO_FRAGMENT &&
	    (i->fragment >= fs->nfragments || i->fragment_offset >= fs->block_size))
		return -EUCLEAN;
	return 0;
}

static int read_link(struct squashfs *fs, struct squashfs_inode *i, struct squashfs_place *at)
{
	struct link l;
	int err = squashfs_metadata_read(fs, at, &l, sizeof(l));

	if (err < 0)
		return err;
	if (l.size == 0 || l.size >= PATH_MAX)
		return -EUCLEAN;
	i->nlink = l.nlink;
	i->size = l.size;
	return 0;
}

static int read_device(struct squashfs *fs, struct squashfs_inode *i, struct squashfs_place *at)
{
	struct device d;
	int err = squashfs_metadata_read(fs, at, &d, sizeof(d));

	if (err < 0)
		return err;
	i->nlink = d.nlink;
	i->rdev = makedev((uint64_t)(d.rdev >> 8 & 0xfff), (d.rdev & 0xff) | (d.rdev >> 12 & 0xfff00));
	return 0;
}

int squashfs_inode_read(struct squashfs *fs, uint64_t reference, struct squashfs_inode *i)
{
	struct squashfs_place at = { fs->inode_table + (reference >> 16), (uint32_t)(reference & 0xffff) };
	struct head h;
	unsigned kind;
	bool is_long;
	int err;

	memset(i, 0, sizeof(*i));
	if (reference >> 48 || at.block >= fs->directory_table || at.offset >= SQUASHFS_METADATA)
		return -EUCLEAN;
	if ((err = squashfs_metadata_read(fs, &at, &h, sizeof(h))) < 0)
		return err;
	is_long = h.kind > LONG;
	kind = is_long ? h.kind - LONG : h.kind;
	if (kind < DIR || kind > SOCKET || h.uid >= fs->nids || h.gid >= fs->nids)
		return -EUCLEAN;
	i->reference = reference;
	i->mode = types[kind] | (h.mode & 07777);
	i->uid = fs->ids[h.uid];
	i->gid = fs->ids[h.gid];
	i->mtime = h.mtime;
	i->number = h.number;
	i->fragment = SQUASHFS_NO_FRAGMENT;
	if (kind == DIR)
		err = read_directory(fs, i, &at, is_long);
	else if (kind == FILE_)
		err = read_file(fs, i, &at, is_long);
	else if (kind == LINK)
		err = read_link(fs, i, &at);
	else if (kind == BLOCK || kind == CHAR)
		err = read_device(fs, i, &at);
	else
		err = squashfs_metadata_read(fs, &at, &i->nlink, sizeof(i->nlink));
	if (i->nlink == 0)
		i->nlink = 1; /* 0 means removed to the rest of the system */
	i->more_block = at.block;
	i->more_offset = at.offset;
	return err;
}

int squashfs_readlink(struct squashfs *fs, const struct squashfs_inode *i, char *buf, size_t size)
{
	struct squashfs_place at = { i->more_block, i->more_offset };
	size_t n = (size_t)i->size;
	int err;

	if (n + 1 > size)
		return -ENAMETOOLONG;
	if ((err = squashfs_metadata_read(fs, &at, buf, n)) < 0)
		return err;
	buf[n] = 0;
	return strlen(buf) == n ? (int)n : -EUCLEAN;
}
