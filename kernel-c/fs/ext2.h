/*
 * ext2: what its files share. ext2_disk.h says what is on the disk.
 *
 * A mounted ext2 has its metadata (superblock, descriptors, bitmaps, inode
 * tables, indirect blocks) in one mapping of the device, and every inode in
 * memory its data, directories too, in one of its own. Changes are made in
 * operations and reach the store by checkpoints (vfs/checkpoint.h), so what is
 * there is always whole. An operation begins with the inodes locked and before
 * meta_lock; within one no inode may be locked.
 *
 * Counters, descriptors and inodes are changed in memory; the pages they belong
 * to are made dirty at the first change after each checkpoint, and filled when
 * the next is taken (ext2_settle), which then can't fail.
 *
 * Blocks are 4 KiB. Nothing that is read is believed: a block number is checked
 * where it is read (ext2_block_valid), a directory entry before it is used, and
 * what is wrong gives EUCLEAN.
 *
 * Letters: I immutable, i under inode->lock, m under meta_lock, c under
 * icache_lock, o within an operation and under the inode's lock or meta_lock.
 */
#ifndef EXT2_H
#define EXT2_H

#include "../lib/radix.h"
#include "../task/work.h"
#include "../vfs/checkpoint.h"
#include "../vfs/mount.h"
#include "ext2_disk.h"

#define EXT2_BLOCK 4096u
#define EXT2_PER_BLOCK (EXT2_BLOCK / 4) /* pointers in an indirect block */
#define EXT2_ICACHE 256u
/* With 4 KiB blocks the block count of an inode, in sectors, is what ends first. */
#define EXT2_MAX_BLOCKS (0xffffffffu / 8)

/* The dirty page that something in memory is copied to when a checkpoint is taken. */
struct ext2_page {
	uint64_t number; /* [o] of the checkpoint for which it was made dirty */
	char *page;      /* [o] */
};

struct ext2_index; /* ext2_dir.c: names of a directory, hashed */

struct ext2_node {
	struct inode *inode;           /* [I] */
	struct mapping data;           /* under inode->lock */
	uint32_t block[EXT2_POINTERS]; /* [o] */
	uint32_t flags, generation, file_acl;
	uint32_t dtime;                /* [m, o] orphans: the next on the disk */
	struct abi_timespec crtime;    /* [I] */
	bool extra;                    /* [I] nanoseconds fit */
	struct ext2_page raw;          /* [o] where it is in the inode table */
	uint64_t changed;              /* [o] the last checkpoint that its data or size changed for */
	uint64_t touched;              /* [o] the same for anything, times included */
	uint32_t parent, name_hash;    /* [o] directories: where it was found, 0: nowhere yet */
	uint32_t goal;                 /* [m] block after the last that was allocated */
	struct ext2_index *index;      /* [i] directories, once searched */
	uint32_t room;                 /* [i] directories: no block before this one has room for a name */

	struct list bucket;            /* [c] */
	struct list state;             /* [c] in fs->changed or fs->flying */
	bool held;                     /* [c] that list has a reference: nobody else does */
	struct list doom;              /* [c] in fs->doomed, which then has a reference */
	int skips;                     /* [c] evictions under way that somebody was faster than */
	struct list orphan;            /* [m] in fs->orphans, while it has no name */
	bool is_orphan;                /* [a] the same */
	bool stuck;                    /* [c] an orphan that could not be freed: stays until unmount */
};

struct ext2 {
	struct superblock sb;
	struct checkpoints cp;
	struct block_device *device;     /* [I] */
	struct mutex meta_lock;          /* RANK_META */
	struct mapping meta;             /* [m] by block number */
	struct ext2_super super;         /* [m] counters and last_orphan; the rest [I] but for growth */
	struct ext2_group *groups;       /* [m] `ngroups` of them; room for max_groups */
	uint32_t ngroups, max_groups;    /* [m, read anywhere] [I] */
	uint32_t inode_size, itable_blocks; /* [I] */
	struct ext2_page super_page;     /* [m] */
	struct ext2_page *group_pages;   /* [m] one for each block of descriptors */
	struct list orphans;             /* [m] nodes, in the order of the list on the disk */
	uint32_t last_group;             /* [m] where a directory was made last */
	uint64_t limit;                  /* [I] blocks to grow to, by mount option */
	uint64_t capacity;               /* [a] blocks that the store could hold when it was last asked */
	uint32_t asked;                  /* [m] blocks in use when it was */
	struct request *estimate;        /* [I] asks it; */
	bool asking;                     /* [a] is on its way, with a use of cp */
	bool full;                       /* [a] the last checkpoint did not fit into the store */
	bool error;                      /* [a] something was wrong: said once */

	struct lock icache_lock;         /* RANK_ICACHE */
	struct list buckets[EXT2_ICACHE]; /* [c] */
	struct list changed;             /* [c] nodes to settle */
	struct list flying;              /* [c] nodes of the checkpoint under way */
	struct list doomed;              /* [c] nodes without name and user: to be freed */
	uint32_t ndoomed;                /* [c, read anywhere] */
	struct mutex reaping;            /* RANK_INODE: one reaps */
	struct work reaper;              /* with a use of cp, while queued */
};

static inline struct ext2 *ext2_of(const struct inode *inode)
{
	return container_of(inode->sb, struct ext2, sb);
}
static inline bool ext2_has_doomed(const struct ext2 *fs)
{
	return __atomic_load_n(&fs->ndoomed, __ATOMIC_RELAXED) != 0;
}
static inline struct ext2_node *ext2_node(const struct inode *inode)
{
	return inode->private;
}

/* ---- ext2_super.c ---- */
/* The image is damaged: a line in the log, and -EUCLEAN. */
int ext2_corrupt(struct ext2 *fs, const char *what, uint64_t where);
/* Have p's page ready for the checkpoint that is open: block `block`. 0 or -errno. meta_lock, in an operation. */
int ext2_page_ready(struct ext2 *fs, struct ext2_page *p, uint32_t block);
/* The superblock's counters, or the descriptor of a group, change now. The same. */
int ext2_super_change(struct ext2 *fs);
int ext2_group_change(struct ext2 *fs, uint32_t group);
uint32_t ext2_desc_blocks(uint32_t groups);
/* Does this group have copies of superblock and descriptors? */
bool ext2_group_has_super(const struct ext2_super *s, uint32_t group);
uint32_t ext2_group_blocks(const struct ext2 *fs, uint32_t group);

/* ---- ext2_grow.c: room ---- */
/* Ask the store what it can hold, and how many blocks besides those that it does: 0 or -errno. Sleeps. */
int ext2_capacity(struct ext2 *fs, int64_t *available);
/* How many more blocks it can take, as far as it was asked. With meta_lock. */
uint32_t ext2_left(const struct ext2 *fs);
/* The same; if that may be out of date, it is asked. With meta_lock; never sleeps. */
uint32_t ext2_room(struct ext2 *fs);
void ext2_estimated(struct request *r); /* its answer */
/* Room was missing: free or add some. 0: try again; or -ENOSPC. Sleeps; no operation, no meta_lock. */
int ext2_make_room(struct ext2 *fs);

/* ---- ext2_format.c ---- */
struct ext2_options {
	uint64_t size;   /* blocks to format, or 0 */
	uint64_t limit;  /* blocks to grow to, or 0 */
	bool format;     /* even if there is something */
};
/* Write an empty filesystem. Sleeps. */
int ext2_format(struct block_device *device, const struct ext2_options *o);
/* What a new group's descriptor and bitmaps are; the bitmaps into zeroed pages. */
void ext2_group_layout(const struct ext2_super *s, uint32_t group, struct ext2_group *g,
		       uint8_t *block_bitmap, uint8_t *inode_bitmap);

/* ---- ext2_alloc.c: bitmaps; all with meta_lock, in an operation ---- */
/* Up to `want` blocks together, from goal on if may be: the first, how many in *got; 0: *err. */
uint32_t ext2_alloc_blocks(struct ext2 *fs, uint32_t goal, uint32_t want, uint32_t *got, int *err);
/* 0; -EUCLEAN when it was free already. */
int ext2_free_block(struct ext2 *fs, uint32_t block);
/* Take that back, before meta_lock was dropped. */
int ext2_unfree_block(struct ext2 *fs, uint32_t block);
/* A free inode, near `parent`'s or (directories) spread out; 0: *err. */
uint32_t ext2_alloc_inode(struct ext2 *fs, struct inode *parent, bool directory, int *err);
int ext2_free_inode(struct ext2 *fs, uint32_t ino, bool directory);
/* May data or indirect blocks be at `block`? Not where the filesystem's own tables are. */
bool ext2_block_valid(const struct ext2 *fs, uint32_t block);
/* Whether an inode is in use: 1, 0 or -errno. */
int ext2_inode_used(struct ext2 *fs, uint32_t ino);

/* ---- ext2_map.c: where the pages of a file are ---- */
/* The blocks of pages [index, index+count), 0 for holes. With inode->lock; takes meta_lock. */
int ext2_map(struct inode *inode, uint32_t index, uint32_t count, uint32_t *blocks);
/* The same, and what is missing is allocated, as far as there is room: how many are there
 * (at least 1), or -errno. *fresh tells which were holes, in bits. count is 32 at most. */
int ext2_map_new(struct inode *inode, uint32_t index, uint32_t count, uint32_t *blocks,
		 uint32_t *fresh);
/* Free the blocks of pages [first, end). In an operation, the pages cut by the caller. */
int ext2_unmap(struct inode *inode, uint32_t first, uint64_t end);
/* The first page >= index that has a block (data) or none, `end` at most. */
int64_t ext2_map_seek(struct inode *inode, uint32_t index, uint32_t end, bool data);

/* ---- ext2_inode.c: their data, and what the inode table has of them ---- */
extern const struct mapping_ops ext2_mapping_ops;
/* Fill a new inode from the table; -EUCLEAN when it can't be one. */
int ext2_inode_in(struct ext2 *fs, struct inode *inode, const struct ext2_raw_inode *raw);
void ext2_inode_out(struct ext2 *fs, const struct ext2_node *node, struct ext2_raw_inode *raw);
/* The block of the table that inode ino is in, and where. */
uint32_t ext2_raw_block(const struct ext2 *fs, uint32_t ino, uint32_t *offset);

/* ---- ext2_icache.c: inodes in memory ---- */
/* The inode, read if need be, with a reference; NULL and *err. */
struct inode *ext2_iget(struct ext2 *fs, uint32_t ino, int *err);
/* A new one, for a number just allocated, with a reference; in an operation. NULL and *err. */
struct inode *ext2_inode_new(struct ext2 *fs, uint32_t ino, const struct creation *c, int *err);
/* It changes, in an operation: `data` if fdatasync is to care. 0 or -errno. Not with meta_lock. */
int ext2_changes(struct inode *inode, bool data);
void ext2_evict(struct inode *inode);
void ext2_settle(struct checkpoints *c);
void ext2_settled(struct checkpoints *c, int error);
/* At the end: all inodes that are still in memory. */
void ext2_icache_drop(struct ext2 *fs);

/* ---- ext2_orphan.c: inodes that go ---- */
/* A new one that came to nothing: undone, and the reference dropped. In an operation. */
void ext2_inode_discard(struct inode *inode);
/* Before a last name may go, in the same operation: what could fail. 0 or -errno. */
int ext2_orphan_ready(struct ext2 *fs);
/* It has lost its last name. */
void ext2_orphan_add(struct inode *inode);
/* Free what nobody has or names any more; nothing if somebody else is at it. Sleeps; no
 * operation, inodes may be locked. */
int ext2_reap(struct ext2 *fs);
/* The same, all of it; no inode is locked. */
int ext2_reap_all(struct ext2 *fs);
void ext2_reaper(struct work *w);
/* Free the orphans that the last mount left. At mount. */
int ext2_orphans_clear(struct ext2 *fs);

/* ---- ext2_file.c ---- */
extern const struct file_ops ext2_file_ops;
int ext2_truncate(struct inode *inode, int64_t length);
int ext2_fallocate(struct inode *inode, uint32_t mode, int64_t offset, int64_t length);
int ext2_fsync(struct file *f, bool data_only);
/* It was read: atime. Inode locked, no operation. */
void ext2_accessed(struct inode *inode);

/* ---- ext2_dir.c: entries; the directory is locked ---- */
/* What name leads to: its inode's number; 0 and *err (0: no such name). */
uint32_t ext2_dir_find(struct inode *dir, const char *name, size_t length, int *err);
/* In an operation: */
int ext2_dir_add(struct inode *dir, const char *name, size_t length, uint32_t ino, uint32_t mode);
int ext2_dir_remove(struct inode *dir, const char *name, size_t length);
/* name (perhaps "..") leads to ino from now on. */
int ext2_dir_set(struct inode *dir, const char *name, size_t length, uint32_t ino, uint32_t mode);
/* So that changing or removing this name can't fail in this operation: 0 or -errno. */
int ext2_dir_ready(struct inode *dir, const char *name, size_t length);
/* "." and ".." of a new directory. */
int ext2_dir_init(struct inode *dir, uint32_t parent);
uint32_t ext2_name_hash(const char *name, size_t length);
/* 1 when nothing but "." and ".." is in it, else 0 or -errno. */
int ext2_dir_empty(struct inode *dir);
void ext2_dir_forget(struct ext2_node *node); /* the index */
int ext2_readdir(struct file *f, struct dir_sink *sink);

/* ---- ext2_namei.c ---- */
extern const struct inode_ops ext2_inode_ops;

#endif
