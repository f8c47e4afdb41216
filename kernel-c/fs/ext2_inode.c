/*
 * ext2: an inode's data, and what it looks like in the inode table.
 */
#include "../lib/alloc.h"
#include "ext2.h"

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

int ext2_inode_in(struct ext2 *fs, struct inode *inode, const struct ext2_raw_inode *raw)
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

void ext2_inode_out(struct ext2 *fs, const struct ext2_node *node, struct ext2_raw_inode *raw)
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

uint32_t ext2_raw_block(const struct ext2 *fs, uint32_t ino, uint32_t *offset)
{
	uint32_t in = (ino - 1) % fs->super.inodes_per_group * fs->inode_size;

	*offset = in % EXT2_BLOCK;
	return fs->groups[(ino - 1) / fs->super.inodes_per_group].inode_table + in / EXT2_BLOCK;
}
