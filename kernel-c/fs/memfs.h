/*
 * What ramfs, tmpfs and devfs have in common: files that live in kernel memory.
 */
#ifndef MEMFS_H
#define MEMFS_H

#include "../lib/radix.h"
#include "../vfs/mount.h"

/* One filesystem in memory. */
struct memfs {
	struct superblock sb;
	uint64_t pages, max_pages;   /* [a] in use; allowed (UINT64_MAX: any) */
	uint64_t inodes, max_inodes; /* [a] */
	uint64_t last_ino;           /* [a] */
	uint32_t magic;
};

struct memfs_entry;

struct memfs_dir {
	struct list entries;          /* in order of cookie */
	struct memfs_entry **buckets; /* NULL in small directories */
	uint32_t nbuckets, count;
	int64_t cookie;               /* of the next entry to be made */
	struct inode *parent;         /* valid while the directory has a name */
};

/* inode->private; all under inode->lock */
struct memfs_node {
	union {
		struct radix data; /* the pages of a regular file */
		struct memfs_dir dir;
		char *target;
	};
};

static inline struct memfs_node *memfs_node(struct inode *inode)
{
	return inode->private;
}
static inline struct memfs *memfs_of(struct inode *inode)
{
	return container_of(inode->sb, struct memfs, sb);
}

struct memfs_options {
	uint64_t max_pages, max_inodes;
	uint32_t mode, uid, gid, magic;
};
/* A regular file of `size` bytes without a name, open for reading and writing; NULL and *err. */
struct file *memfs_anonymous(int64_t size, int *err);
/* A filesystem with an empty root directory; NULL: no memory. */
struct superblock *memfs_new(const struct fs_type *type, const struct memfs_options *o);

/* An inode without a name, with one reference; NULL: -ENOSPC. */
struct inode *memfs_inode(struct memfs *fs, const struct creation *c);

/* ---- memfs_dir.c ---- */
extern const struct inode_ops memfs_inode_ops; /* of all types of inodes */
/* A new inode is an empty directory. */
void memfs_dir_init(struct inode *inode);
/*
 * Drop an inode and all that only it leads to. Without recursion: the entries of a
 * directory join the list of what is to be dropped before it goes itself.
 */
void memfs_tree_free(struct inode *inode);

/* ---- memfs_data.c ---- */
extern const struct file_ops memfs_file_ops;
int memfs_truncate(struct inode *inode, int64_t length);
char *memfs_page(struct inode *inode, uint64_t index, bool make);
int memfs_fallocate(struct inode *inode, uint32_t mode, int64_t offset, int64_t length);
/* Free all pages. */
void memfs_data_free(struct inode *inode);
/* Pages that files of all memfs have, for /proc/meminfo. */
uint64_t memfs_pages(void);

#endif
