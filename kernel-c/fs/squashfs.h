/*
 * Squashfs 4.0 images, as mksquashfs makes them: the format, without the VFS
 * (pkgfs.c has that). Compressed with zstd, LZ4 or zlib ("gzip").
 *
 * Nothing in an image is trusted. Whatever it holds, reading it ends, stays
 * within the image and within the memory that is set aside here: -EUCLEAN for
 * what can't be, -EIO for data that can't be read or expanded.
 *
 * What was expanded is kept in two small LRU caches by its place in the image:
 * metadata (8 KiB each: inodes, directories), and blocks of data that are only
 * partly wanted at a time. File data lies in the page cache.
 *
 * All functions may sleep, but squashfs_close.
 *
 * I immutable   c under the cache's lock
 */
#ifndef SQUASHFS_H
#define SQUASHFS_H

#include "../dev/block.h"

#define SQUASHFS_MAGIC 0x73717368u
#define SQUASHFS_METADATA 8192u
#define SQUASHFS_NAME_MAX 256u
#define SQUASHFS_BLOCK_MAX (1u << 20)

struct squashfs_block;

struct squashfs_cache {
	struct lock lock;   /* RANK_REQUEST */
	struct list blocks; /* [c] most recently used first */
	unsigned count;     /* [c] */
	unsigned limit;     /* [I] those in use count, but don't go */
};

struct squashfs {
	struct block_device *device; /* [I] with a reference */
	int64_t (*expand)(void *to, size_t room, const void *from, size_t n); /* [I] */
	uint64_t bytes;        /* [I] */
	uint32_t inodes;       /* [I] */
	uint32_t block_size;   /* [I] 4 KiB … 1 MiB */
	unsigned block_shift;  /* [I] */
	uint32_t mkfs_time;    /* [I] */
	uint64_t root;         /* [I] reference of the root's inode */
	uint64_t inode_table, directory_table, directory_end; /* [I] */
	uint32_t *ids;         /* [I] */
	unsigned nids;         /* [I] */
	uint64_t *fragments;   /* [I] places of the metadata with the list of fragments */
	uint32_t nfragments;   /* [I] */
	struct squashfs_cache metadata, data;
};

/* An inode, read and checked. `reference` is where it lies: unique in its image. */
struct squashfs_inode {
	uint64_t reference;
	uint32_t mode, uid, gid, nlink, number;
	uint32_t mtime;
	uint64_t size;      /* of data, of a link's text; of a directory's list */
	uint64_t rdev;
	/* Where more of it begins in the metadata: block sizes, a link's text, a directory's index. */
	uint64_t more_block;
	uint32_t more_offset;
	/* Regular files. */
	uint64_t start;           /* of the first block in the image */
	uint32_t fragment;        /* or SQUASHFS_NO_FRAGMENT */
	uint32_t fragment_offset;
	/* Directories: where their list begins. */
	uint64_t list_block;
	uint32_t list_offset;
	uint32_t indexes;
};
#define SQUASHFS_NO_FRAGMENT UINT32_MAX

/* A place in metadata: of a block in the image, and within what it expands to. */
struct squashfs_place {
	uint64_t block;
	uint32_t offset;
};

/* One name. */
struct squashfs_entry {
	char name[SQUASHFS_NAME_MAX + 1];
	uint32_t length;
	uint64_t reference;
	uint32_t number;
	uint32_t type; /* S_IF* */
};

/* Where reading a directory is. */
struct squashfs_cursor {
	struct squashfs_place at;
	uint32_t left;  /* bytes of the list */
	uint32_t count; /* entries left under this header */
	uint64_t start; /* of their inodes' metadata */
	uint32_t number;
};

/* The device (its reference is taken, unless it fails) holds an image: 0, -EINVAL when it
 * does not or is of a kind we don't read, or -EIO. */
int squashfs_open(struct block_device *device, struct squashfs **fs);
void squashfs_close(struct squashfs *fs);

int squashfs_inode_read(struct squashfs *fs, uint64_t reference, struct squashfs_inode *inode);
/* The text of a symbolic link, NUL-terminated, into buf: its length. */
int squashfs_readlink(struct squashfs *fs, const struct squashfs_inode *inode, char *buf, size_t size);

void squashfs_dir_begin(struct squashfs *fs, const struct squashfs_inode *dir, struct squashfs_cursor *c);
/* 1 and the next name, or 0 at the end. */
int squashfs_dir_next(struct squashfs *fs, struct squashfs_cursor *c, struct squashfs_entry *e);
/* 1 and the name's entry, or 0 when there is none. */
int squashfs_dir_find(struct squashfs *fs, const struct squashfs_inode *dir, const char *name,
		      size_t length, struct squashfs_entry *e);

/*
 * Fill pages[0..count) with the file's data from page `index` on; what lies beyond
 * its end is zero.
 */
int squashfs_read_pages(struct squashfs *fs, const struct squashfs_inode *file, uint32_t index,
			uint32_t count, void **pages);

/* ---- squashfs_cache.c: among these files ---- */

struct squashfs_block {
	struct list lru;   /* [c] */
	int refs;          /* [c] users; the cache's own doesn't count */
	uint64_t position; /* [I] */
	uint64_t next;     /* [I] where the next block of metadata begins */
	uint32_t length;   /* [I] */
	unsigned order;    /* [I] of the pages */
	char *data;        /* [I] */
};

void squashfs_cache_init(struct squashfs_cache *cache, unsigned limit);
void squashfs_cache_free(struct squashfs_cache *cache);
/* The expanded metadata whose header is at `position`, with a reference; NULL and *err. */
struct squashfs_block *squashfs_metadata(struct squashfs *fs, uint64_t position, int *err);
/* The same of a data block: `size` as the image says it, compressed or not. `room` is what it may expand to. */
struct squashfs_block *squashfs_data(struct squashfs *fs, uint64_t position, uint32_t size,
				     uint32_t room, int *err);
void squashfs_block_put(struct squashfs_cache *cache, struct squashfs_block *b);
/* Copy n bytes of metadata (NULL: skip them), and move on. */
int squashfs_metadata_read(struct squashfs *fs, struct squashfs_place *at, void *to, size_t n);

#endif
