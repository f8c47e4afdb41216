/*
 * Names: a dentry is one name in one directory, cached in memory.
 *
 * A dentry with an inode is positive: that name leads to that inode. One without
 * is negative: the name is known not to exist. A positive dentry stays so while
 * anyone holds a reference: unlink takes it out of the cache (unhashes it)
 * instead. Unused dentries stay cached on an LRU list, and keep their inode and
 * their parent. Filesystems whose names come and go by themselves (procfs) set
 * SB_UNCACHED; their dentries live only while they are used. Those that are
 * changed behind our back, too (9p), set SB_REVALIDATE: a cached dentry is kept
 * if the filesystem still finds the same inode there.
 *
 * Children of a directory become positive, move or go only with the
 * directory's inode locked, so holding that lock keeps them still.
 *
 * I immutable   a atomic (0 only under dentry_lock)   d under dentry_lock
 */
#ifndef DENTRY_H
#define DENTRY_H

#include "file.h"

#define DENTRY_INLINE 28

struct dentry {
	int refs;               /* [a] */
	uint32_t hash;          /* [d] of parent and name */
	struct dentry *parent;  /* [d] with a reference; a root is its own */
	struct inode *inode;    /* [d] with a reference; NULL: negative */
	struct dentry *next;    /* [d] in the hash bucket */
	struct dentry **link;   /* [d] what points at us there; NULL: not hashed */
	struct list lru;        /* [d] */
	char *name;             /* [d] NUL-terminated; `small` or allocated */
	uint16_t length;        /* [d] */
	uint16_t mounts;        /* [d] how many mounts cover it, in all mounts of its filesystem */
	char small[DENTRY_INLINE];
};

extern struct lock dentry_lock; /* RANK_DENTRY: names and the mount table */

static inline struct dentry *dentry_get(struct dentry *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}
void dentry_put(struct dentry *d); /* NULL is fine; never sleeps */

/* A dentry without a place: a filesystem's root, or an unnamed object. Consumes inode. */
struct dentry *dentry_root(struct inode *inode);
/*
 * The dentry of a name in dir, positive or negative, with a reference; NULL and
 * *err when there can be none. Locks dir's inode when the cache does not know.
 */
struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t length, int *err);
/* The same with dir's inode locked by the caller. */
struct dentry *dentry_lookup_locked(struct dentry *dir, const char *name, size_t length, int *err);
/*
 * What the name stands for, or NULL. Where the directory isn't locked a negative
 * dentry may become positive at any time, and this is the way to look.
 */
static inline struct inode *dentry_inode(struct dentry *d)
{
	return __atomic_load_n(&d->inode, __ATOMIC_ACQUIRE);
}

/* A negative dentry becomes the name of inode (consumed). Directory locked. */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* The name is gone. Directory locked. */
void dentry_unhash(struct dentry *d);
/* The directory d is removed: so are the names cached in it, of what is not there. It is locked. */
void dentry_cut(struct dentry *d);
/* Is d still the name of something in dir? Directory locked. */
bool dentry_alive(struct dentry *d, struct dentry *dir);
/* d takes the place (parent and name) of `to`, which is unhashed. Both directories locked. */
void dentry_move(struct dentry *d, struct dentry *to);
/* Both swap places. */
void dentry_exchange(struct dentry *a, struct dentry *b);
/* Is `above` d or an ancestor of d (within one filesystem)? */
bool dentry_within(struct dentry *d, struct dentry *above);
/* Drop what is cached and unused of a filesystem; true when nothing but the root is left in use. */
bool dentry_prune(struct superblock *sb);

#endif
