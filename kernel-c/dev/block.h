/*
 * Block devices: numbered blocks of 4 KiB, in a store of the host or in a file.
 *
 * A store is opened by name (an IndexedDB database, an OPFS file, a file under
 * Node, a package image); a device is opened once, however many use it. A loop
 * device is a regular file. Every block is a page, so lists of blocks and pages
 * are all there is to move.
 *
 * What a store promises (wit/drivers.wit): writes are collected, and become
 * durable together and atomically at a flush. After a crash it holds exactly
 * what its last completed flush left. So a filesystem writes a whole consistent
 * state, flushes, and never has to repair anything (vfs/checkpoint.h).
 *
 * I immutable   a atomic   b under devices_lock
 */
#ifndef BLOCK_H
#define BLOCK_H

#include "request.h"

#define BLOCK_BYTES 4096u /* as large as a page */

struct block_device;
struct file;

/* Blocks that move are a list of struct request_page (request.h). */

struct block_ops {
	/* Begin r, of which kind, pages, count, complete and private are set. Never sleeps. */
	void (*submit)(struct block_device *b, struct request *r);
	/* Blocks up to the last one in use; sleeps. */
	int (*size)(struct block_device *b, int64_t *blocks);
	/* Blocks that hold something, and how many more could; sleeps. */
	int (*estimate)(struct block_device *b, int64_t *held, int64_t *available);
	/* The last reference is gone. Never sleeps. */
	void (*close)(struct block_device *b);
};

struct block_device {
	const struct block_ops *ops; /* [I] */
	char name[64];               /* [I] of the store; "loop" */
	bool read_only;              /* [I] */
	bool claimed;                /* [b] mounted … */
	bool leaving;                /* [b] … until now: something may still be under way there */
	int refs;                    /* [b] */
	struct list all;             /* [b] */
	uint64_t dev;                /* [I] st_dev of what is mounted from it */
	int store;                   /* [I] the driver's handle */
	struct file *file;           /* [I] of a loop device, with a reference */
};

#define BLOCK_READ_ONLY 1u
#define BLOCK_STORE 2u /* source is the name of a store, not a path */

/*
 * Open what a mount's source names: the path of a device (/dev/idb0) or of a
 * regular file, which becomes a loop device; or else, if it has no slash, a
 * store. The device, with a reference, or NULL and *err (ENOENT, EBUSY: another
 * tab has it, EROFS, EACCES, ENOTBLK …). Sleeps.
 */
struct block_device *block_open(const char *source, uint32_t flags, int *err);
struct block_device *block_get(struct block_device *b);
void block_put(struct block_device *b); /* never sleeps */
/* The device of what is mounted with that st_dev, with a reference, or NULL. */
struct block_device *block_by_dev(uint64_t dev);
/*
 * Be the only one who mounts it: 0, -EBUSY, or -EINTR when killed while a filesystem was
 * leaving it. Given back by block_unclaim. Sleeps.
 */
int block_claim(struct block_device *b);
void block_unclaim(struct block_device *b);
/* What is mounted goes: block_unclaim follows, when all that was under way has ended. */
void block_leave(struct block_device *b);
/*
 * Wait until what left b has gone, so that it closes with the caller's reference, which is
 * given back, unless another has begun to use it. Killed, it waits no more. Sleeps.
 */
void block_put_left(struct block_device *b);

/*
 * Read `count` blocks into pages. 0 or -errno; -EINTR when the task was killed
 * meanwhile. Sleeps, deaf to other signals. Blocks never written are zero.
 *
 * The pages are single ones of page_alloc. When the task is killed a driver may
 * still write to them: pages[i].page is then NULL, and the page freed later.
 */
int block_read(struct block_device *b, struct request_page *pages, uint32_t count);
/*
 * Read bytes anywhere, without any cache, into kernel memory: for superblocks and
 * tables that are read once, and whatever the caller caches itself. 0 or -errno. Sleeps.
 */
int block_read_bytes(struct block_device *b, uint64_t offset, void *to, size_t n);
/* Write, outside of any checkpoint: the same. */
int block_write(struct block_device *b, struct request_page *pages, uint32_t count);
int block_flush(struct block_device *b);
int block_size(struct block_device *b, int64_t *blocks);
int block_estimate(struct block_device *b, int64_t *held, int64_t *available);

/*
 * Asynchronously: a REQUEST_READ_LIST, WRITE_LIST or FLUSH, made by request_new.
 * A flush writes its pages first, if it has any.
 * r->pages stay until r->complete is called, on any thread, perhaps before this returns.
 */
static inline void block_submit(struct block_device *b, struct request *r)
{
	b->ops->submit(b, r);
}

#endif
