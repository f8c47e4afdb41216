/*
 * An address space and its mappings: what mm.c, shared.c and mlock.c have in common.
 *
 * Letters: m under mm->lock, s under mm->sync, I immutable, a atomic. mm->shared is
 * changed with both held, so either is enough to walk it.
 */
#ifndef MM_H
#define MM_H

#include "../lib/list.h"
#include "../lib/lock.h"
#include "task.h"

struct file;
struct sharing;

/*
 * A MAP_SHARED mapping of a file; it may be in several parts, if some of it was
 * unmapped. The twin is a copy of it, in the program's memory too: each page as it
 * was when the program and the file last agreed. What differs, the program wrote.
 */
struct view {
	int refs;           /* [a] mappings: the parts, and the twin */
	int parts;          /* [m] */
	struct file *file;  /* [I] with a reference */
	struct sharing *sharing; /* [I] of the file's inode */
	bool writable;      /* [s] */
	bool anonymous;     /* [I] only forked children can have it too */
	uaddr start;        /* [I] where `offset` is mapped */
	uint32_t length;    /* [I] */
	int64_t offset;     /* [I] */
	struct area *twin; /* [m and s] of a writable one, else NULL */
	void (*detach)(void *attached); /* [I] called with the last part; or NULL. Must not sleep */
	void (*attach)(void *attached); /* [I] called when it is copied by fork */
	void *attached;     /* [I] */
};

struct area {
	struct list node;   /* [m] mm->mappings, by address */
	uaddr start, end;   /* [m] */
	struct file *file;  /* [I] what it was read from, for /proc/PID/maps; or NULL */
	struct view *view;  /* [I] of a shared one and of a twin, else NULL */
	bool is_twin;       /* [I] the kernel's own: the program can't unmap it */
	struct list of_shared; /* [m and s] mm->shared, if it is part of a view */
	uint64_t synced;    /* [s] the sharing's clock when it was last brought up to date */
};

struct mm {
	int refs;           /* [a] */
	uint32_t id;        /* [I] no other has had it */
	struct lock lock;   /* RANK_MM */
	struct mutex sync;  /* RANK_SHARED */
	struct mutex words; /* RANK_WORDS: atomic words in memory that is not shared */
	uint32_t pages;     /* [m] of 64 KiB, the memory's size */
	uaddr stack_high, heap_base, brk; /* [m] */
	uaddr used;         /* [m] no byte from here on was ever handed out */
	uint64_t mapped;    /* [m] bytes in mappings */
	uint64_t peak;      /* [m] the most that brk and mappings were together */
	struct list mappings; /* [m] */
	struct list shared; /* [m and s] */
	int nshared;        /* [a] how many are in it */
	char *buffer;       /* [s] two pages, once something is shared */
	struct list locked; /* [m] ranges of mlock */
	uint64_t locked_bytes; /* [m] */
	bool lock_future;   /* [m] mlockall(MCL_FUTURE) */
};

#define WASM_PAGE 65536u
#define MM_TOP (16384ull * WASM_PAGE) /* the maximum that every program memory has */

/* ---- mm.c ---- */
/* An empty one with a reference, or NULL. */
struct mm *mm_new(void);
struct mm *mm_get(struct mm *mm);
/* May sleep: the last reference drops the mapped files. */
void mm_put(struct mm *mm);
/* For fork: the same ranges, whose bytes the caller copies; NULL without memory. */
struct mm *mm_copy(struct mm *mm);
/* After instantiation: the memory has `pages` 64 KiB pages; heap from heap_base on. */
void mm_ready(struct mm *mm, uint32_t pages, uint32_t heap_base, uint32_t stack_high);
uint32_t mm_pages(struct mm *mm);
uint32_t mm_stack_high(struct mm *mm);
/* Bytes of address space in use, and the most it ever was. */
uint64_t mm_size(struct mm *mm);
uint64_t mm_peak(struct mm *mm);
/* Would so many more bytes be more than RLIMIT_AS of the current process? mm locked. */
bool mm_over_limit(struct mm *mm, uint64_t more);
/* Call f for each range of live memory above stack_high, up to an error. Its own threads are quiet. */
int mm_each(struct mm *mm, int (*f)(uaddr start, uint32_t length, void *arg), void *arg);
/* For /proc/PID/maps: f(start, end, file or NULL, "[stack]" and such or NULL). */
void mm_describe(struct mm *mm, void (*f)(uaddr start, uaddr end, struct file *file,
					  const char *label, void *arg), void *arg);
/* The mapping that holds all of [start, start + length), or NULL. mm locked. */
struct area *mm_area_at(struct mm *mm, uaddr start, uint32_t length);
/* Make m end at `end`, into free memory behind it, if there is enough. mm locked. */
bool mm_grow(struct mm *mm, struct area *m, uaddr end);
/* Is all of [start, end) mapped, or stack, data or heap? mm locked. */
bool mm_holds(struct mm *mm, uaddr start, uaddr end);
/* Call f for data, heap and all the program's mappings, up to an error. mm locked. */
int mm_each_held(struct mm *mm, int (*f)(struct mm *mm, uaddr start, uaddr end));
/* A new zeroed mapping: its address or -errno; what MAP_FIXED displaces goes to `gone`. mm locked. */
int32_t mm_map(struct mm *mm, uaddr address, uint32_t length, int flags, struct file *f,
	       struct area **made, struct list *gone);
/* Cut a range out of the mappings. What goes must go to areas_free, without the lock. mm locked. */
int mm_unmap(struct mm *mm, uaddr start, uaddr end, struct list *gone);
void areas_free(struct list *gone);

/* ---- shared.c ---- */
/*
 * Map `length` bytes of f from offset on, shared, like mmap: the address or -errno.
 * `attach` and `detach` as struct view's, with `attached` (NULL: neither).
 */
struct shared_request {
	struct file *file;
	uaddr address;
	uint32_t length;
	int64_t offset;
	int flags;
	bool writable, anonymous;
	void (*attach)(void *), (*detach)(void *);
	void *attached;
};
int32_t shared_map(const struct shared_request *r);
/* A forked child's shared mappings, which were not copied, are read in. */
int shared_fill(void);
/* fork is near: what nobody else could see until now will be seen. */
void shared_before_fork(void);
/* Write back [start, end), if `durable` to the disk: 0 or the first error. */
int shared_sync(uaddr start, uaddr end, bool durable);
/* mprotect: mappings made for reading may be written to from now on. */
int shared_make_writable(uaddr start, uaddr end);
/* shmdt: unmap what was mapped at `start` with that `detach`. 0 or -EINVAL. */
int shared_detach(uaddr start, void (*detach)(void *));
struct view *view_copy(const struct view *v);
void view_put(struct view *v);
/*
 * Which byte of which file is at the address? The file gets a reference. 0; -ENOENT:
 * none that is shared; -EFAULT: it is to be written to, and can't be.
 */
int shared_place(uaddr address, bool write, struct file **file, int64_t *offset);

void shared_release_slow(void);
void shared_acquire_slow(void);

/*
 * The program's stores to shared memory become visible to others; others' become
 * visible to it. Called around the system calls that synchronise (entry.c).
 */
static inline void shared_release(void)
{
	if (unlikely(__atomic_load_n(&current_process->mm->nshared, __ATOMIC_RELAXED)))
		shared_release_slow();
}
static inline void shared_acquire(void)
{
	if (unlikely(__atomic_load_n(&current_process->mm->nshared, __ATOMIC_RELAXED)))
		shared_acquire_slow();
}

/* ---- mlock.c ---- */
/* A range is no longer mapped. mm locked. */
void mlock_cut(struct mm *mm, uaddr start, uaddr end);
void mlock_forget(struct mm *mm);
bool mlock_overlaps(struct mm *mm, uaddr start, uaddr end);
/* MCL_FUTURE: 0, or -EAGAIN when the limit leaves no room for so much more. mm locked. */
int mlock_mapped(struct mm *mm, uaddr start, uaddr end);

#endif
