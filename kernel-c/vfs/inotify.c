/*
 * inotify: the watches, and the queues of events that programs read.
 *
 * A watch is an inode and an instance; it keeps the inode in memory. Watches
 * are found by their inode in one hash table. All of it is under one lock: it is
 * taken only while somebody watches something.
 *
 * I immutable   a atomic   w under watch_lock
 */
#include "inotify.h"

#include "../dev/event.h"
#include "../lib/alloc.h"

#define BUCKETS 256u
#define QUEUE_MAX 16384u   /* events of an instance; then one says that some are lost */
#define WATCHES_MAX 65536u
#define INSTANCES_MAX 128u

struct instance {
	struct list watches;        /* [w] */
	struct list events;         /* [w] */
	uint32_t count;             /* [w] of events */
	int last_wd;                /* [w] */
	struct wait_queue readable;
};

struct watch {
	struct list in_bucket, of_instance; /* [w] */
	struct instance *instance;          /* [I] */
	struct inode *inode;                /* [I] with a reference */
	uint32_t mask;                      /* [w] */
	int wd;                             /* [I] */
};

struct event {
	struct list node;
	struct { /* what read gives, and then `length` bytes of the name, padded with NULs */
		int32_t wd;
		uint32_t mask, cookie, length;
	} head;
	char name[];
};

static struct slab_cache instance_cache = SLAB_CACHE("inotify", struct instance);
static struct slab_cache watch_cache = SLAB_CACHE("inotify watch", struct watch);
static struct lock watch_lock = LOCK_INIT(RANK_INOTIFY);
static struct list buckets[BUCKETS]; /* [w] zero until there is a watch */
static uint32_t instances;           /* [a] */
uint32_t inotify_watches;

static struct list *bucket_of(const struct inode *inode)
{
	struct list *b = &buckets[((uintptr_t)inode >> 4) % BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

/* ---- the queue; watch_lock held ---- */

static bool event_repeats(const struct event *a, const struct event *b)
{
	return a->head.wd == b->head.wd && a->head.mask == b->head.mask &&
	       a->head.cookie == b->head.cookie && a->head.length == b->head.length &&
	       memcmp(a->name, b->name, a->head.length) == 0;
}

static struct event *event_new(int wd, uint32_t mask, uint32_t cookie, const char *name,
			       size_t length)
{
	/* As long as the head is, so that each event of a read is aligned. */
	uint32_t padded = length ? (uint32_t)(length / 16 + 1) * 16 : 0;
	struct event *e = kzalloc(sizeof(*e) + padded);

	if (!e)
		return NULL;
	e->head.wd = wd;
	e->head.mask = mask;
	e->head.cookie = cookie;
	e->head.length = padded;
	if (length)
		memcpy(e->name, name, length);
	return e;
}

static void event_queue(struct instance *i, int wd, uint32_t mask, uint32_t cookie,
			const char *name, size_t length)
{
	struct event *e, *last = list_entry(i->events.prev, struct event, node);

	if (i->count >= QUEUE_MAX) {
		if (last->head.mask == IN_Q_OVERFLOW)
			return;
		wd = -1, mask = IN_Q_OVERFLOW, cookie = 0, length = 0;
	}
	/* Without memory it is lost, as when the queue is full. */
	if (!(e = event_new(wd, mask, cookie, name, length)))
		return;
	if (i->count && event_repeats(last, e)) {
		kfree(e);
		return;
	}
	list_append(&i->events, &e->node);
	i->count++;
	wake_all(&i->readable);
}

/* Take w out; the caller frees it by watch_free, without the lock. */
static void watch_detach(struct watch *w, struct list *freed)
{
	event_queue(w->instance, w->wd, IN_IGNORED, 0, NULL, 0);
	list_remove(&w->in_bucket);
	list_remove(&w->of_instance);
	list_append(freed, &w->in_bucket);
	__atomic_sub_fetch(&inotify_watches, 1, __ATOMIC_RELAXED);
}

/* Not under the lock: an inode may go with its watch. */
static void watches_free(struct list *freed)
{
	while (!list_empty(freed)) {
		struct watch *w = list_first(freed, struct watch, in_bucket);

		list_remove(&w->in_bucket);
		inode_put(w->inode);
		slab_free(&watch_cache, w);
	}
}

/* ---- what happened ---- */

/* Tell the watches of inode; `skip`: watches with these flags don't want to know. */
static void tell_watches(struct inode *inode, uint32_t event, const char *name, size_t length,
			 uint32_t cookie, uint32_t skip)
{
	struct list freed = LIST_INIT(freed);
	struct watch *w, *next;

	lock(&watch_lock);
	list_for_each_safe(w, next, bucket_of(inode), in_bucket) {
		if (w->inode != inode || !(w->mask & event & IN_ALL_EVENTS) || (w->mask & skip))
			continue;
		event_queue(w->instance, w->wd, event, cookie, name, length);
		if (w->mask & IN_ONESHOT)
			watch_detach(w, &freed);
	}
	unlock(&watch_lock);
	watches_free(&freed);
}

/* The directory of d with a reference, and d's name into `name`; NULL when it has none. */
static struct inode *directory_of(struct dentry *d, char name[NAME_MAX + 1], size_t *length,
				  bool *unlinked)
{
	struct inode *dir = NULL;

	lock(&dentry_lock);
	if (d->parent != d && d->parent->inode) {
		dir = inode_get(d->parent->inode);
		*length = min((size_t)d->length, (size_t)NAME_MAX);
		memcpy(name, d->name, *length);
		*unlinked = !d->link && !(dir->sb->flags & SB_UNCACHED);
	}
	unlock(&dentry_lock);
	return dir;
}

void inotify_tell_slow(uint32_t event, struct inode *inode, struct dentry *d)
{
	char name[NAME_MAX + 1];
	bool unlinked = false;
	size_t length = 0;
	struct inode *dir = NULL;

	if (S_ISDIR(inode->mode))
		event |= IN_ISDIR;
	if (d)
		dir = directory_of(d, name, &length, &unlinked);
	if (dir) {
		tell_watches(dir, event, name, length, 0, unlinked ? IN_EXCL_UNLINK : 0);
		inode_put(dir);
	}
	tell_watches(inode, event, NULL, 0, 0, 0);
}

void inotify_tell_name_slow(uint32_t event, struct inode *dir, const char *name, size_t length,
			    uint32_t cookie)
{
	tell_watches(dir, event, name, length, cookie, 0);
}

void inotify_tell_move(struct inode *from, const char *name, size_t length, struct inode *to,
		       const char *to_name, size_t to_length, struct inode *inode)
{
	static uint32_t last_cookie;
	uint32_t is_dir = S_ISDIR(inode->mode) ? IN_ISDIR : 0, cookie;

	if (inotify_idle())
		return;
	cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
	tell_watches(from, IN_MOVED_FROM | is_dir, name, length, cookie, 0);
	tell_watches(to, IN_MOVED_TO | is_dir, to_name, to_length, cookie, 0);
	tell_watches(inode, IN_MOVE_SELF, NULL, 0, 0, 0);
}

/* The watches of inode end, with a last event. */
void inotify_gone_slow(struct inode *inode, uint32_t event)
{
	struct list freed = LIST_INIT(freed);
	struct watch *w, *next;

	lock(&watch_lock);
	list_for_each_safe(w, next, bucket_of(inode), in_bucket) {
		if (w->inode != inode)
			continue;
		if (event == IN_UNMOUNT || (w->mask & event))
			event_queue(w->instance, w->wd, event, 0, NULL, 0);
		watch_detach(w, &freed);
	}
	unlock(&watch_lock);
	watches_free(&freed);
}

void inotify_unmount(struct superblock *sb)
{
	struct list freed = LIST_INIT(freed);
	struct watch *w, *next;

	if (inotify_idle())
		return;
	lock(&watch_lock);
	for (uint32_t b = 0; b < BUCKETS; b++) {
		if (!buckets[b].next)
			continue;
		list_for_each_safe(w, next, &buckets[b], in_bucket) {
			if (w->inode->sb != sb)
				continue;
			event_queue(w->instance, w->wd, IN_UNMOUNT, 0, NULL, 0);
			watch_detach(w, &freed);
		}
	}
	unlock(&watch_lock);
	watches_free(&freed);
}

/* ---- the instance as a file ---- */

static struct event *event_take(struct instance *i)
{
	struct event *e = list_first(&i->events, struct event, node);

	list_remove(&e->node);
	i->count--;
	return e;
}

/* The next event if it fits into `room` bytes: NULL and 0 when there is none, -EINVAL. */
static struct event *event_next(struct instance *i, size_t room, int *err)
{
	struct event *e = NULL;

	*err = 0;
	lock(&watch_lock);
	if (i->count) {
		e = list_first(&i->events, struct event, node);
		if (sizeof(e->head) + e->head.length > room) {
			e = NULL;
			*err = -EINVAL;
		} else {
			event_take(i);
		}
	}
	unlock(&watch_lock);
	return e;
}

static int64_t inotify_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct instance *i = f->private;
	int64_t done = 0;
	struct event *e;
	int err = 0;

	lock(&watch_lock);
	if (!i->count)
		err = f->flags & O_NONBLOCK ?
			      -EAGAIN :
			      wait_event(&i->readable, &watch_lock, i->count, FOREVER);
	unlock(&watch_lock);
	if (err < 0)
		return err;
	while ((e = event_next(i, u->left, &err))) {
		size_t length = sizeof(e->head) + e->head.length;
		int64_t n = uio_out(u, &e->head, length);

		kfree(e);
		if (n < (int64_t)length)
			return done ? done : -EFAULT;
		done += n;
	}
	return done ? done : err;
}

static unsigned inotify_poll(struct file *f, struct poll_table *pt)
{
	struct instance *i = f->private;
	unsigned events;

	poll_on(pt, &i->readable);
	lock(&watch_lock);
	events = i->count ? POLLIN | POLLRDNORM : 0;
	unlock(&watch_lock);
	return events;
}

static int inotify_ioctl(struct file *f, uint32_t request, uaddr argument)
{
	struct instance *i = f->private;
	struct event *e;
	uint32_t n = 0;

	if (request != FIONREAD)
		return -ENOTTY;
	lock(&watch_lock);
	list_for_each(e, &i->events, node)
		n += sizeof(e->head) + e->head.length;
	unlock(&watch_lock);
	return copy_out(argument, &n, sizeof(n));
}

static void inotify_release(struct file *f)
{
	struct instance *i = f->private;
	struct list freed = LIST_INIT(freed);

	lock(&watch_lock);
	while (!list_empty(&i->watches))
		watch_detach(list_first(&i->watches, struct watch, of_instance), &freed);
	unlock(&watch_lock);
	watches_free(&freed);
	while (i->count)
		kfree(event_take(i));
	slab_free(&instance_cache, i);
	__atomic_sub_fetch(&instances, 1, __ATOMIC_RELAXED);
}

static const struct file_ops inotify_ops = {
	.release = inotify_release,
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.stream = true,
};

struct file *inotify_new(uint32_t flags, int *err)
{
	struct instance *i;
	struct file *f;

	*err = -EMFILE;
	if (__atomic_add_fetch(&instances, 1, __ATOMIC_RELAXED) > INSTANCES_MAX)
		goto uncount;
	*err = -ENOMEM;
	if (!(i = slab_alloc(&instance_cache)))
		goto uncount;
	list_init(&i->watches);
	list_init(&i->events);
	wait_queue_init(&i->readable);
	if ((f = event_file(&inotify_ops, i, flags, err))) {
		f->flags = (f->flags & ~(uint32_t)O_ACCMODE) | O_RDONLY;
		return f;
	}
	slab_free(&instance_cache, i);
uncount:
	__atomic_sub_fetch(&instances, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* ---- watches ---- */

static struct watch *watch_find(struct instance *i, const struct inode *inode)
{
	struct watch *w;

	list_for_each(w, bucket_of(inode), in_bucket)
		if (w->inode == inode && w->instance == i)
			return w;
	return NULL;
}

/* Put w, or what is there already, into force; w is NULL when there was no memory. */
static int watch_set(struct instance *i, struct watch *w, struct inode *inode, uint32_t mask,
		     bool *used)
{
	struct watch *old = watch_find(i, inode);

	if (old) {
		if (mask & IN_MASK_CREATE)
			return -EEXIST;
		old->mask = (mask & IN_MASK_ADD ? old->mask : 0) | mask;
		return old->wd;
	}
	if (!w)
		return -ENOMEM;
	if (__atomic_load_n(&inotify_watches, __ATOMIC_RELAXED) >= WATCHES_MAX)
		return -ENOSPC;
	w->instance = i;
	w->inode = inode_get(inode);
	w->mask = mask;
	w->wd = ++i->last_wd;
	list_append(bucket_of(inode), &w->in_bucket);
	list_append(&i->watches, &w->of_instance);
	__atomic_add_fetch(&inotify_watches, 1, __ATOMIC_RELAXED);
	*used = true;
	return w->wd;
}

int inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
	struct watch *w;
	bool used = false;
	int wd;

	if (f->ops != &inotify_ops || !(mask & IN_ALL_EVENTS) ||
	    (mask & (IN_MASK_ADD | IN_MASK_CREATE)) == (IN_MASK_ADD | IN_MASK_CREATE))
		return -EINVAL;
	w = slab_alloc(&watch_cache);
	lock(&watch_lock);
	wd = watch_set(f->private, w, inode, mask, &used);
	unlock(&watch_lock);
	if (w && !used)
		slab_free(&watch_cache, w);
	return wd;
}

int inotify_remove(struct file *f, int wd)
{
	struct list freed = LIST_INIT(freed);
	struct instance *i = f->private;
	struct watch *w, *next;
	int err = -EINVAL;

	if (f->ops != &inotify_ops)
		return -EINVAL;
	lock(&watch_lock);
	list_for_each_safe(w, next, &i->watches, of_instance) {
		if (w->wd != wd)
			continue;
		watch_detach(w, &freed);
		err = 0;
	}
	unlock(&watch_lock);
	watches_free(&freed);
	return err;
}
