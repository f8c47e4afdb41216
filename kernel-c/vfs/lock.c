/*
 * Advisory file locks: record locks of processes (fcntl), of open file
 * descriptions (F_OFD_*), and whole-file flock.
 *
 * A lock is a range [start, end] with an owner: a descriptor table for a
 * process's locks, an open file description for the other two. flock locks are
 * a kind of their own and meet only each other. An inode keeps its locks on one
 * list, of one owner in order of start and never overlapping.
 *
 * Whoever must wait sleeps on one queue for all files; contention is rare, and
 * a waiter looks again by itself. Before a process waits, the chain of who waits
 * for whom is followed: a circle is EDEADLK.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "file_lock.h"

enum kind { KIND_POSIX, KIND_OFD, KIND_FLOCK };

struct file_lock {
	struct list of_inode;
	const void *owner;  /* struct fdtable, or struct file */
	enum kind kind;
	bool exclusive;
	int64_t start, end; /* both in it */
	int pid;            /* for F_GETLK; -1 for an open file description */
};

/* A table that sleeps in F_SETLKW, and whom for; on the stack of the sleeper. */
struct lock_waiter {
	struct list all;
	const void *owner, *blocker;
};

static struct lock locks_lock = LOCK_INIT(RANK_DENTRY);
static struct list waiting = LIST_INIT(waiting); /* under locks_lock */
static struct wait_queue freed = WAIT_QUEUE_INIT(freed);
static struct slab_cache lock_cache = SLAB_CACHE("file_lock", struct file_lock);

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner == b->owner && a->kind == b->kind;
}

static struct file_lock *conflict(struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each(l, &inode->locks, of_inode)
		if (!same_owner(l, want) && overlap(l, want) &&
		    (l->kind == KIND_FLOCK) == (want->kind == KIND_FLOCK) &&
		    (l->exclusive || want->exclusive))
			return l;
	return NULL;
}

/* Would owner, waiting for blocker, wait for itself? */
static bool deadlock(const void *owner, const void *blocker)
{
	struct lock_waiter *w;
	/* Each waiter waits for one; a longer chain would be a circle of others. */
	unsigned turns = 1000;

again:
	if (blocker == owner)
		return true;
	list_for_each(w, &waiting, all)
		if (w->owner == blocker && turns--) {
			blocker = w->blocker;
			goto again;
		}
	return false;
}

/* ---- changing an owner's ranges ---- */

static void lock_delete(struct file_lock *l)
{
	list_remove(&l->of_inode);
	slab_free(&lock_cache, l);
}

/* Before the first of its owner that starts later; else at the end. */
static void lock_insert(struct inode *inode, struct file_lock *new)
{
	struct file_lock *l;

	list_for_each(l, &inode->locks, of_inode)
		if (same_owner(l, new) && l->start > new->start)
			break;
	list_append(&l->of_inode, &new->of_inode);
}

/*
 * Take [want->start, want->end] out of what the owner has. A lock around it is
 * split with *spare. Returns whether anything was freed or weakened.
 */
static bool ranges_clear(struct inode *inode, const struct file_lock *want, struct file_lock **spare)
{
	struct file_lock *l, *next;
	bool changed = false;

	list_for_each_safe(l, next, &inode->locks, of_inode) {
		if (!same_owner(l, want) || !overlap(l, want))
			continue;
		changed = true;
		if (l->start < want->start && l->end > want->end) {
			struct file_lock *tail = *spare;

			*spare = NULL;
			*tail = *l;
			tail->start = want->end + 1;
			l->end = want->start - 1;
			list_init(&tail->of_inode);
			lock_insert(inode, tail);
			break;
		}
		if (l->start < want->start)
			l->end = want->start - 1;
		else if (l->end > want->end)
			l->start = want->end + 1;
		else
			lock_delete(l);
	}
	return changed;
}

/* Join new with what the owner has of the same sort right before and behind it. */
static void ranges_merge(struct inode *inode, struct file_lock *new)
{
	struct file_lock *l, *next;

	list_for_each_safe(l, next, &inode->locks, of_inode) {
		if (l == new || !same_owner(l, new) || l->exclusive != new->exclusive)
			continue;
		if (l->end != INT64_MAX && l->end + 1 == new->start)
			new->start = l->start;
		else if (new->end != INT64_MAX && new->end + 1 == l->start)
			new->end = l->end;
		else
			continue;
		lock_delete(l);
	}
}

/* ---- setting ---- */

/* Wait until nothing conflicts with want; locks_lock held. */
static int lock_wait(struct inode *inode, const struct file_lock *want)
{
	struct lock_waiter me = { .owner = want->owner };
	struct file_lock *l;
	int err = 0;

	list_init(&me.all);
	while (err == 0 && (l = conflict(inode, want))) {
		struct waiter w;

		if (want->kind == KIND_POSIX && l->kind == KIND_POSIX &&
		    deadlock(want->owner, l->owner)) {
			err = -EDEADLK;
			break;
		}
		me.blocker = l->owner;
		list_append(&waiting, &me.all);
		wait_begin(&freed, &w);
		unlock(&locks_lock);
		err = wait_sleep(FOREVER);
		lock(&locks_lock);
		wait_end(&w);
		list_remove(&me.all);
	}
	return err;
}

/* unlock_only: give the range back. `wait`: until it can be had. */
static int lock_apply(struct inode *inode, const struct file_lock *want, bool unlock_only, bool wait)
{
	struct file_lock *new = slab_alloc(&lock_cache), *spare = slab_alloc(&lock_cache);
	bool freed_some = false;
	int err = 0;

	if (!new || !spare) {
		err = -ENOLCK;
		goto out;
	}
	lock(&locks_lock);
	if (!unlock_only && conflict(inode, want))
		err = wait ? lock_wait(inode, want) : -EAGAIN;
	if (err == 0) {
		freed_some = ranges_clear(inode, want, &spare);
		if (!unlock_only) {
			*new = *want;
			list_init(&new->of_inode);
			lock_insert(inode, new);
			ranges_merge(inode, new);
			new = NULL;
		}
	}
	unlock(&locks_lock);
	if (freed_some)
		wake_all(&freed);
out:
	if (new)
		slab_free(&lock_cache, new);
	if (spare)
		slab_free(&lock_cache, spare);
	return err;
}

/* ---- fcntl ---- */

/* The range and owner a program means. */
static int lock_from_abi(struct file *f, const struct abi_flock *lk, bool ofd, struct file_lock *out)
{
	int64_t start = lk->start, length = lk->length;
	int64_t base = 0;

	if (lk->whence == SEEK_CUR)
		base = __atomic_load_n(&f->pos, __ATOMIC_RELAXED);
	else if (lk->whence == SEEK_END)
		base = __atomic_load_n(&f->inode->size, __ATOMIC_RELAXED);
	else if (lk->whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(start, base, &start))
		return -EOVERFLOW;
	if (length < 0 && __builtin_add_overflow(start, length, &start))
		return -EINVAL;
	if (start < 0)
		return -EINVAL;
	if (length < 0)
		length = -length;
	*out = (struct file_lock){
		.owner = ofd ? (const void *)f : current_process->files,
		.kind = ofd ? KIND_OFD : KIND_POSIX,
		.exclusive = lk->type == F_WRLCK,
		.start = start,
		.end = INT64_MAX,
		.pid = ofd ? -1 : current_process->pid,
	};
	if (length && __builtin_add_overflow(start, length - 1, &out->end))
		return -EOVERFLOW;
	return 0;
}

int file_lock_get(struct file *f, struct abi_flock *lk, bool ofd)
{
	struct file_lock want, *l;
	int err;

	if (lk->type != F_RDLCK && lk->type != F_WRLCK)
		return -EINVAL;
	if ((err = lock_from_abi(f, lk, ofd, &want)) < 0)
		return err;
	lock(&locks_lock);
	if (!(l = conflict(f->inode, &want))) {
		lk->type = F_UNLCK;
	} else {
		lk->type = l->exclusive ? F_WRLCK : F_RDLCK;
		lk->whence = SEEK_SET;
		lk->start = l->start;
		lk->length = l->end == INT64_MAX ? 0 : l->end - l->start + 1;
		lk->pid = l->pid;
	}
	unlock(&locks_lock);
	return 0;
}

/*
 * close() by another thread, between our looking the descriptor up and taking
 * the lock, must not leave a lock behind that nobody will drop.
 */
static bool still_open(struct file *f)
{
	struct fdtable *t = current_process->files;

	for (int fd = 0; fd < OPEN_MAX; fd++) {
		struct file *g = fdtable_get(t, fd);

		if (!g)
			continue;
		file_put(g);
		if (g == f)
			return true;
	}
	return false;
}

int file_lock_set(struct file *f, const struct abi_flock *lk, bool ofd, bool wait)
{
	struct file_lock want;
	int err;

	if (lk->type != F_RDLCK && lk->type != F_WRLCK && lk->type != F_UNLCK)
		return -EINVAL;
	if ((err = lock_from_abi(f, lk, ofd, &want)) < 0)
		return err;
	if ((lk->type == F_RDLCK && !file_readable(f)) ||
	    (lk->type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	err = lock_apply(f->inode, &want, lk->type == F_UNLCK, wait);
	if (err == 0 && !ofd && lk->type != F_UNLCK && current_process->ntasks > 1 &&
	    !still_open(f)) {
		file_locks_close(current_process->files, f);
		err = -EBADF;
	}
	return err;
}

int file_flock(struct file *f, int operation)
{
	struct file_lock want = {
		.owner = f,
		.kind = KIND_FLOCK,
		.exclusive = (operation & ~LOCK_NB) == LOCK_EX,
		.end = INT64_MAX,
		.pid = -1,
	};

	switch (operation & ~LOCK_NB) {
	case LOCK_UN:
		return lock_apply(f->inode, &want, true, false);
	case LOCK_SH:
	case LOCK_EX:
		return lock_apply(f->inode, &want, false, !(operation & LOCK_NB));
	default:
		return -EINVAL;
	}
}

/* ---- going away ---- */

static void drop_owner(struct inode *inode, const void *owner)
{
	struct file_lock *l, *next;
	bool some = false;

	lock(&locks_lock);
	list_for_each_safe(l, next, &inode->locks, of_inode)
		if (l->owner == owner) {
			lock_delete(l);
			some = true;
		}
	unlock(&locks_lock);
	if (some)
		wake_all(&freed);
}

void file_locks_close(struct fdtable *t, struct file *f)
{
	if (unlikely(!list_empty(&f->inode->locks)))
		drop_owner(f->inode, t);
}

void file_locks_release(struct file *f)
{
	drop_owner(f->inode, f);
}

int file_locks_count(struct inode *inode)
{
	struct file_lock *l;
	int n = 0;

	lock(&locks_lock);
	list_for_each(l, &inode->locks, of_inode)
		n++;
	unlock(&locks_lock);
	return n;
}
