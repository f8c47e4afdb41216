/*
 * Checkpoints: how a filesystem's changes get to its block device.
 *
 * The store keeps what was written up to its last flush, or nothing of it
 * (dev/block.h). So all that is dirty goes there at once: a checkpoint is the
 * filesystem as it was at a moment when no operation was half done. A crash
 * leaves the last checkpoint that completed.
 *
 * Each change belongs to the checkpoint `open`. To take it, operations that
 * begin are held off until those under way have ended; then the list of dirty
 * pages is taken as it is, which takes microseconds, and life goes on: from
 * there on who changes one of these pages gets a copy (page_cache.h). The
 * writes, the flush and the end happen by themselves, on the supervisor. One is
 * under way at a time; all who call fsync meanwhile share the next.
 *
 * Nothing here needs a thread: the last operation to end takes a checkpoint that
 * is wanted, or else whoever wants it; and a timer wants one some seconds after
 * the first change. If it fails, all of its pages are dirty again, and whoever
 * waits for it is told.
 *
 * Letters: I immutable, c under c->lock, a atomic, t the taker's.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "../dev/block.h"
#include "../task/timer.h"
#include "page_cache.h"

struct checkpoint_ops {
	/*
	 * A checkpoint is about to be taken: put what the filesystem still holds
	 * elsewhere (inodes, counters) into pages that were made dirty in time. No
	 * operation is under way. Must not sleep or fail; any thread.
	 */
	void (*settle)(struct checkpoints *c);
	/* The last that was taken has ended, with 0 or -errno: after a failure the
	 * next has its changes too. Must not sleep; any thread. */
	void (*ended)(struct checkpoints *c, int error);
	/* Free what c is in: nobody uses it any more. */
	void (*free)(struct checkpoints *c);
};

struct checkpoints {
	const struct checkpoint_ops *ops; /* [I] */
	struct block_device *device;      /* [I] */
	struct lock lock;                 /* RANK_CHECKPOINT */
	int operations;                   /* [c] under way */
	bool taking;                      /* [c] none may begin */
	bool writing;                     /* [c] one is on its way to the store */
	bool armed;                       /* [c] the timer runs */
	bool closed;                      /* [a] unmounted: the timer is to keep still */
	uint64_t open;                    /* [a] changes made now belong to this one */
	uint64_t wanted;                  /* [c] up to here somebody waits, or the timer wants */
	uint64_t done;                    /* [a] this one and all before are durable */
	uint64_t ended;                   /* [c] how many have ended, well or badly */
	uint64_t failed;                  /* [c] the last that failed, or 0 … */
	int error;                        /* [c] … and why */
	uint32_t dirty, flying;           /* [a] pages, of the open one and of the one on its way */
	struct list folios;               /* [c] that have dirty pages */
	struct list chunks;               /* [c] lists to write, empty, */
	uint32_t room;                    /* [c] with room for so many pages: for all that are dirty */
	struct list run;                  /* [t] the lists on their way */
	uint32_t pending;                 /* [a] writes not yet ended */
	int run_error;                    /* [a] of any of them */
	struct request *flush;            /* [t] */
	struct wait_queue moved;          /* any of these has changed */
	struct timer timer;               /* also counts who uses c */
};

static inline bool checkpoints_closed(const struct checkpoints *c)
{
	return __atomic_load_n(&c->closed, __ATOMIC_RELAXED);
}
/* No checkpoint is taken from now on. */
void checkpoints_close(struct checkpoints *c);
/* 0 or -ENOMEM. */
int checkpoints_init(struct checkpoints *c, const struct checkpoint_ops *ops,
		     struct block_device *device);
/* Nobody uses c any more; what is dirty is lost (checkpoint_sync). ops->free follows, perhaps later. */
void checkpoints_free(struct checkpoints *c);

/*
 * An operation that changes anything begins: 0, or -EINTR when the task was
 * killed while it waited. None may begin within another. Sleeps.
 */
int checkpoint_begin(struct checkpoints *c);
void checkpoint_end(struct checkpoints *c); /* never sleeps */
/* Before an operation: wait while too much is dirty. 0 or -EINTR. Sleeps. */
int checkpoint_throttle(struct checkpoints *c);

/* Changes made now, within an operation, belong to this one. */
static inline uint64_t checkpoint_now(const struct checkpoints *c)
{
	return __atomic_load_n(&c->open, __ATOMIC_RELAXED);
}
/* Pages that the store does not have yet. */
static inline uint32_t checkpoint_pages(const struct checkpoints *c)
{
	return __atomic_load_n(&c->dirty, __ATOMIC_RELAXED) +
	       __atomic_load_n(&c->flying, __ATOMIC_RELAXED);
}
/* Make all changes durable that belong to `number` or an earlier one: 0, -EINTR, or why the store didn't. Sleeps. */
int checkpoint_sync(struct checkpoints *c, uint64_t number);
/* Have one taken soon. From anywhere; never sleeps. */
void checkpoint_want(struct checkpoints *c);

/* ---- for page_cache.c ---- */

/*
 * Page `slot` of f becomes dirty, which it is not: 0, or -ENOMEM when it could
 * not be written later. Within an operation.
 */
int checkpoint_dirtied(struct checkpoints *c, struct folio *f, unsigned slot);
/* Dirty pages of f were dropped. Within an operation. */
void checkpoint_forget(struct checkpoints *c, struct folio *f, uint32_t slots);
/* f goes. */
void checkpoint_unlist(struct checkpoints *c, struct folio *f);
/* A folio loses a reference. */
void folio_put(struct folio *f);
/* Dirty pages, of all filesystems. */
uint64_t checkpoint_dirty_pages(void);

#endif
