/*
 * Locks, and the one lock order of the kernel.
 *
 * A `struct lock` is held for a short, bounded time and never while sleeping
 * (it spins a little, then waits on a futex). A `struct mutex` may be held
 * while its owner sleeps; waiting for one is not interruptible.
 *
 * Every lock has a rank. A task takes locks only in ascending rank; two of one
 * rank only by lock_pair (by address). Debug builds panic on a violation.
 *
 *   rank              what                                  where
 *   RANK_EPOLL_SET    changes of an epoll set (mutex)       vfs/epoll.c
 *   RANK_FILE         file offset mutex                     vfs/file.h
 *   RANK_RENAME       rename mutex                          vfs/dir.c
 *   RANK_SHARED       one address space's shared mappings   task/shared.c
 *   RANK_WORDS        atomic words of one file (mutex)      ipc/word.c
 *   RANK_INODE        inode mutex (several: by address)     vfs/inode.c
 *   RANK_META         a filesystem's metadata (mutex)       fs/ext2_super.c, dev/block.c
 *   RANK_PROCESSES    process table, tree, groups, sessions task/process.c
 *   RANK_PROCESS      one process: threads, signals, ids    task/task.h
 *   RANK_FILES        one descriptor table                  vfs/fdtable.c
 *   RANK_DENTRY       dentry cache and mount table          vfs/dentry.c
 *   RANK_TTY          one tty                               tty/tty.h
 *   RANK_FIFO         which pipe is behind a FIFO; IPC names vfs/pipe.c, ipc/
 *   RANK_INOTIFY      watches and their events              vfs/inotify.c
 *   RANK_PIPE         one pipe, host stream or IPC object   vfs/pipe.c, ipc/
 *   RANK_MM           one address space                     task/mm.c
 *   RANK_FUTEX        a futex hash bucket                   task/futex.c
 *   RANK_ITIMER       one interval timer                    task/timer.h
 *   RANK_TIMER        the timer list                        task/timer.c
 *   RANK_WORKER       worker slots and their job queue      task/worker.c
 *   RANK_TRACE        one trace's ring                      task/trace.c
 *   RANK_WATCHES      which epoll sets watch a file         vfs/epoll.c
 *   RANK_SHARING      page versions of a mapped file        vfs/sharing.c
 *   RANK_WAIT         a wait queue's list                   task/wait.c
 *   RANK_EPOLL_QUEUE  the same of epoll sets, five levels   vfs/epoll.c
 *   RANK_EPOLL        an epoll set's lists                  vfs/epoll.c
 *   RANK_REQUEST      the driver request ring               dev/request.c
 *   RANK_ICACHE       a filesystem's inodes in memory       fs/ext2_icache.c
 *   RANK_CHECKPOINT   operations and dirty pages            vfs/checkpoint.c
 *   RANK_CACHE        the page cache's LRU list             vfs/page_cache.c
 *   RANK_RUN          CPU tokens and the run queue          task/run_queue.h
 *   RANK_SLAB         one slab cache                        lib/slab.c
 *   RANK_PAGE         the page allocator                    lib/page.c
 *   RANK_LOG          kernel log                            lib/printf.c
 */
#ifndef LOCK_H
#define LOCK_H

#include "../types.h"

enum lock_rank {
	RANK_EPOLL_SET = 1, RANK_FILE, RANK_RENAME, RANK_SHARED, RANK_WORDS, RANK_INODE, RANK_META, RANK_PROCESSES, RANK_PROCESS, RANK_FILES,
	RANK_DENTRY, RANK_TTY, RANK_FIFO, RANK_INOTIFY, RANK_PIPE, RANK_MM, RANK_FUTEX, RANK_ITIMER,
	RANK_TIMER, RANK_WORKER, RANK_TRACE, RANK_WATCHES, RANK_SHARING, RANK_WAIT, RANK_EPOLL_QUEUE,
	RANK_EPOLL = RANK_EPOLL_QUEUE + 5, RANK_REQUEST, RANK_ICACHE, RANK_CHECKPOINT,
	RANK_CACHE, RANK_RUN, RANK_SLAB, RANK_PAGE, RANK_LOG
};

struct lock {
	uint32_t word; /* 0 free, 1 held, 2 held and somebody waits */
	uint8_t rank;
#ifdef KERNEL_DEBUG
	void *owner; /* the holder's cpu, to assert with */
#endif
};
#define LOCK_INIT(r) { .word = 0, .rank = (r) }

#define RANKS (RANK_LOG + 1)

/*
 * What waiting for the locks of one rank has cost, for /proc/lock_stat. A free
 * lock is only counted in debug builds; the rest costs nothing beside the wait.
 */
struct lock_stat {
	uint32_t taken;     /* debug builds only */
	uint32_t contended; /* was not free at once */
	uint32_t sleeps;    /* not even after spinning */
	uint64_t turns;     /* of spinning */
	nsec slept, longest;
};
extern struct lock_stat lock_stats[RANKS];
const char *lock_rank_name(enum lock_rank rank); /* NULL: there is no such rank */

void lock_init(struct lock *l, enum lock_rank rank);
void lock_slow(struct lock *l);
void unlock_slow(struct lock *l);
#ifdef KERNEL_DEBUG
void lock_check(struct lock *l);    /* before taking: is the order kept? */
void lock_taken(struct lock *l);
void lock_released(struct lock *l);
bool lock_held(const struct lock *l);
void lock_none_held(void);          /* before sleeping: no struct lock is held */
#define assert_held(l) assert(lock_held(l))
#else
#define lock_check(l) ((void)0)
#define lock_taken(l) ((void)0)
#define lock_released(l) ((void)0)
#define lock_none_held() ((void)0)
#define assert_held(l) ((void)0)
#endif

static inline void lock(struct lock *l)
{
	uint32_t free = 0;

	lock_check(l);
	if (unlikely(!__atomic_compare_exchange_n(&l->word, &free, 1, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		lock_slow(l);
	lock_taken(l);
}

static inline void unlock(struct lock *l)
{
	lock_released(l);
	if (unlikely(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2))
		unlock_slow(l);
}

/* Two locks of one rank, in address order; they may be the same lock. */
void lock_pair(struct lock *a, struct lock *b);
void unlock_pair(struct lock *a, struct lock *b);

/* Sleeping lock; no struct lock may be held when taking it. */
struct mutex {
	struct lock l; /* same word protocol; the holder may sleep */
};
#define MUTEX_INIT(r) { LOCK_INIT(r) }
void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_lock(struct mutex *m);
/* Take it if it is free now. Never waits, so the order does not matter. */
bool mutex_try(struct mutex *m);
void mutex_unlock(struct mutex *m);
void mutex_lock_pair(struct mutex *a, struct mutex *b);
void mutex_unlock_pair(struct mutex *a, struct mutex *b);
bool mutex_held(const struct mutex *m); /* debug builds; true in others */

#endif
