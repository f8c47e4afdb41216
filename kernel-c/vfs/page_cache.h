/*
 * The page cache: what is in memory of files on block devices, shared by all
 * who read and write them.
 *
 * A mapping is the cached part of one thing: a file's data, or a device's
 * blocks that hold metadata. It is a radix tree of folios; a folio is what is
 * cached of an aligned run of 16 pages (64 KiB, as much as a record of a
 * store). Pages are in a mapping only when their data is valid: they are read
 * into memory that is nobody's yet, and put in when that has succeeded. Those
 * read or written together lie together in memory, so that one copy moves many.
 *
 * Everything about a mapping happens under its lock (m->lock: as a rule the
 * inode's), so a page found stays what it is until that lock is dropped. Only
 * three things reach it from outside:
 *
 *  - memory is reclaimed from mappings whose lock happens to be free; a page
 *    that is dirty or under way to the store stays.
 *  - a checkpoint (checkpoint.h) takes the dirty pages of a filesystem, while no
 *    operation that changes anything is under way. From then on the page is
 *    `shared` with the checkpoint: who wants to change it gets a copy.
 *  - the checkpoint's end, on the supervisor.
 *
 * All folios lie in one LRU list, with a second chance for those used since
 * they were last looked at; so a hit costs a walk down the tree and a store.
 *
 * Letters: I immutable, m under mapping->lock, a atomic, L under cache_lock,
 * c under the checkpoint's lock.
 */
#ifndef PAGE_CACHE_H
#define PAGE_CACHE_H

#include "../lib/list.h"
#include "../lib/lock.h"
#include "../lib/radix.h"
#include "../types.h"
#include "../uaccess.h"

#define FOLIO_PAGES 16u
#define BLOCK_NONE UINT32_MAX
#define MAPPING_MAX_PAGES (1ull << 32) /* 16 TiB */

struct mapping;
struct checkpoints;

struct folio {
	char *page[FOLIO_PAGES];     /* [m] NULL: not in memory */
	uint32_t block[FOLIO_PAGES]; /* [m] where it is on the device, or BLOCK_NONE: a hole, or not known */
	uint32_t dirty;              /* [a] bits: newer than the store */
	uint32_t shared;             /* [a] bits: the page is also a checkpoint's */
	uint32_t index;              /* [I] number of its first page, by 16 */
	int refs;                    /* [a] the mapping's, and a checkpoint's */
	bool used;                   /* [a] since the LRU list was last searched */
	bool listed;                 /* [c] in the list of dirty folios */
	struct mapping *mapping;     /* [L] NULL once it is out of the mapping */
	struct list lru;             /* [L] */
	struct list dirties;         /* [c] */
};

struct mapping_ops {
	/*
	 * Fill pages [index, index+count) of m: pages[i], each a page of memory
	 * that nobody knows yet and that is not zeroed. blocks[i] (BLOCK_NONE at first) may be
	 * set to where it is on the device. m->lock is held. 0 or -errno, then the contents don't
	 * matter. pages[i] is to be set to NULL where the memory is lost, because a
	 * driver may still write to it (block_read does so when the task is killed).
	 * What lies beyond the file's end is to be zero. Sleeps. `count` is up to 256.
	 */
	int (*read)(struct mapping *m, uint32_t index, uint32_t count, void **pages,
		    uint32_t *blocks);
};

struct mapping {
	const struct mapping_ops *ops; /* [I] */
	struct mutex *lock;            /* [I] */
	struct checkpoints *owner;     /* [I] of whose filesystem it is; NULL: nothing is ever written */
	struct radix folios;           /* [m] by their index */
	uint32_t next;                 /* [m] page after the last read: is reading sequential? */
	uint32_t window;               /* [m] pages to read ahead */
	void *private;                 /* [I] the filesystem's: the inode, as a rule */
};

/* An empty mapping, over memory that is zero or not. */
void mapping_init(struct mapping *m, const struct mapping_ops *ops, struct mutex *lock,
		  struct checkpoints *owner, void *private);
/* Its object goes: free everything, dirty or not. Nobody else knows the mapping; never sleeps. */
void mapping_free(struct mapping *m);

/* ---- all below: with m->lock held ---- */

/*
 * Read from pos on, of something `size` bytes long: the count, 0 at the end, or
 * -errno when nothing could be moved. Reads ahead when reading is sequential. Sleeps.
 */
int64_t mapping_read(struct mapping *m, struct uio *u, int64_t pos, int64_t size);
/* The page at index, read if need be; NULL and *err. Valid until the lock is dropped. Sleeps. */
const void *page_get(struct mapping *m, uint32_t index, int *err);
/* The same for a run of up to 256 pages that are wanted next: a hint, errors are ignored. Sleeps. */
void page_ahead(struct mapping *m, uint32_t index, uint32_t count);
/* The page at index if it is in memory, or NULL. */
const void *page_find(const struct mapping *m, uint32_t index);
/* Drop the pages in [first, end), dirty or not. */
void mapping_cut(struct mapping *m, uint32_t first, uint64_t end);

/* ---- writing; also within an operation (checkpoint_begin) of m->owner ---- */

/*
 * The page at index, to be changed now; it becomes dirty. It is read first,
 * unless PAGE_WHOLE says that all of it will be overwritten (then its contents
 * are undefined if it was not in memory), or PAGE_ZERO that it is to be zero.
 * `block` is where it belongs on the device; BLOCK_NONE: where it was. NULL and *err. Sleeps.
 */
#define PAGE_WHOLE 1u
#define PAGE_ZERO 2u
void *page_change(struct mapping *m, uint32_t index, uint32_t block, uint32_t flags, int *err);
/* Where the page at index is on the device, if it is in memory and has a place; else BLOCK_NONE. */
uint32_t page_block(const struct mapping *m, uint32_t index);

/* ---- the cache as a whole ---- */

/* The most bytes the cache should hold: what memory and the store allow, brought within bounds. */
void page_cache_set_limit(uint64_t bytes);
/* The same in pages, as it is now. */
uint32_t page_cache_limit(void);
/* Pages cached and, of those, dirty, for /proc/meminfo. */
void page_cache_count(uint64_t *cached, uint64_t *dirty);

#endif
