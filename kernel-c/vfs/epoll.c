/*
 * epoll: a set of watched files, of which those that may be ready wait in a list.
 *
 * A watch is a file in a set, under the descriptor it was added by. It lies on
 * the file's wait queues itself; when one is woken, the watch goes into the set's
 * ready list, and who waits for the set is woken. So waiting costs by what is
 * ready, not by what is watched. Whether a watch in the list is really ready, its
 * file is asked when it is taken out; a level-triggered one goes back.
 *
 * A set can be watched by another set. Wake-ups then pass through both sets'
 * queues, locked one inside the other, so sets have levels, and the queues of a
 * set rank by its level: one that watches a set has a higher level (LEVELS are
 * allowed), which also excludes cycles.
 *
 * A watch doesn't keep its file open. The last close of a file ends its watches
 * before the file goes (epoll_forget), under watches_lock, which guards the
 * lists of watches of all files.
 *
 * Letters: I immutable, e under epoll->lock, m under epoll->changing, W under
 * watches_lock, a atomic.
 */
#include "epoll.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "poll.h"

#define BUCKETS 64
#define LEVELS 5 /* as many as there are ranks: RANK_EPOLL_QUEUE and on */
#define PRIVATE (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct epoll {
	int refs;                    /* [a] the file's, and each watch's */
	struct mutex changing;       /* RANK_EPOLL_SET: one epoll_ctl at a time */
	struct lock lock;            /* RANK_EPOLL */
	struct list ready;           /* [e] watches that may be ready */
	struct list watches[BUCKETS]; /* [e, changed under m or by epoll_forget] by descriptor */
	struct wait_queue sleepers;  /* epoll_pwait */
	struct wait_queue readable;  /* poll, and sets that watch this one */
	struct file *file;           /* [I] the set as a file; no reference */
	int level;                   /* [W] more than that of any set in this one */
};

struct watch {
	int refs;                    /* [a] the set's, and whoever looks at it without its lock */
	struct epoll *ep;            /* [I] with a reference */
	struct file *file;           /* [I] no reference: valid while the watch is in the set */
	int fd;                      /* [I] */
	uint32_t events;             /* [e] without one but PRIVATE: disabled (EPOLLONESHOT) */
	uint64_t data;               /* [e] */
	bool gone;                   /* [e] taken out of the set */
	struct list of_set;          /* [e] ep->watches */
	struct list ready;           /* [e] ep->ready, or the list of who collects */
	struct list of_file;         /* [W] file->watches */
	struct watch_wait *waits;    /* [m, W] the queues it lies on */
};

struct watch_wait {
	struct waiter waiter;
	struct watch *watch;
	struct watch_wait *next;
};

static struct lock watches_lock = LOCK_INIT(RANK_WATCHES);
static struct slab_cache epoll_cache = SLAB_CACHE("epoll", struct epoll);
static struct slab_cache watch_cache = SLAB_CACHE("epoll_watch", struct watch);
static struct slab_cache wait_cache = SLAB_CACHE("epoll_wait", struct watch_wait);
static const struct file_ops epoll_ops;

static void epoll_put(struct epoll *ep)
{
	if (__atomic_sub_fetch(&ep->refs, 1, __ATOMIC_ACQ_REL) == 0)
		slab_free(&epoll_cache, ep);
}

/* Safe under ep->lock for who has a reference to the set. */
static void watch_put(struct watch *w)
{
	struct epoll *ep = w->ep;

	if (__atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	slab_free(&watch_cache, w);
	epoll_put(ep);
}

/* ---- becoming ready ---- */

static void wake_waiters(struct epoll *ep)
{
	wake_one(&ep->sleepers);
	wake_all(&ep->readable);
}

static bool enabled(const struct watch *w)
{
	return !w->gone && w->events & ~PRIVATE;
}

/* A queue that w lies on was woken; that queue is locked. */
static void watch_woken(struct waiter *waiter)
{
	struct watch *w = container_of(waiter, struct watch_wait, waiter)->watch;
	struct epoll *ep = w->ep;
	bool tell;

	lock(&ep->lock);
	tell = enabled(w);
	if (tell && list_empty(&w->ready))
		list_append(&ep->ready, &w->ready);
	unlock(&ep->lock);
	if (tell)
		wake_waiters(ep);
}

struct watch_table {
	struct poll_table table;
	struct watch *watch;
};

static bool watch_add_queue(struct poll_table *pt, struct wait_queue *q)
{
	struct watch *w = container_of(pt, struct watch_table, table)->watch;
	struct watch_wait *wait = slab_alloc(&wait_cache);

	if (!wait)
		return false;
	wait->watch = w;
	wait->next = w->waits;
	w->waits = wait;
	wait_watch(q, &wait->waiter, watch_woken);
	return true;
}

/* ---- collecting what is ready ---- */

/* What holds of what w asks for. No lock may be held; f is its file. */
static uint32_t watch_poll(struct file *f, uint32_t events)
{
	return file_poll(f, NULL) & events & ~PRIVATE;
}

/*
 * The events of up to max ready watches into out, or, with out NULL: is there
 * any (then nothing is taken)? Watches that turn out not to be ready leave the list.
 */
static int collect(struct epoll *ep, struct abi_epoll_event *out, int max)
{
	struct list todo;
	int n = 0;

	lock(&ep->lock);
	list_init(&todo);
	if (!list_empty(&ep->ready)) {
		list_add(&ep->ready, &todo); /* takes ep->ready's place */
		list_remove(&ep->ready);
	}
	while (n < max && !list_empty(&todo)) {
		struct watch *w = list_first(&todo, struct watch, ready);
		uint32_t events = w->events, found;

		list_remove(&w->ready);
		if (!(events & ~PRIVATE) || !file_get_live(w->file))
			continue;
		__atomic_add_fetch(&w->refs, 1, __ATOMIC_RELAXED);
		unlock(&ep->lock);
		found = watch_poll(w->file, events);
		file_put(w->file);
		lock(&ep->lock);
		if (found && enabled(w)) {
			n++;
			if (out)
				out[n - 1] = (struct abi_epoll_event){ .events = found, .data = w->data };
			if (out && w->events & EPOLLONESHOT)
				w->events &= PRIVATE;
			else if ((!out || !(w->events & EPOLLET)) && list_empty(&w->ready))
				list_append(&ep->ready, &w->ready);
		}
		watch_put(w);
	}
	if (!list_empty(&todo)) { /* before what came back */
		struct list *first = todo.next, *last = todo.prev;

		first->prev = &ep->ready;
		last->next = ep->ready.next;
		ep->ready.next->prev = last;
		ep->ready.next = first;
	}
	unlock(&ep->lock);
	return n;
}

static bool any_ready(struct epoll *ep)
{
	bool any;

	lock(&ep->lock);
	any = !list_empty(&ep->ready);
	unlock(&ep->lock);
	return any;
}

int epoll_wait_events(struct file *f, struct abi_epoll_event *out, int max, nsec deadline)
{
	struct epoll *ep = f->private;
	struct waiter w;
	int n, err = 0;

	if (f->ops != &epoll_ops)
		return -EINVAL;
	max = min(max, EPOLL_AT_ONCE);
	n = collect(ep, out, max);
	if (n == 0 && deadline != 0) {
		wait_begin(&ep->sleepers, &w);
		while ((n = collect(ep, out, max)) == 0 && err == 0)
			err = wait_sleep(deadline);
		wait_end(&w);
	}
	if (any_ready(ep))
		wake_one(&ep->sleepers); /* for others */
	return n || err == -ETIMEDOUT || err == 0 ? n : -EINTR;
}

static unsigned epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private;

	poll_on(pt, &ep->readable);
	if (!collect(ep, NULL, 1))
		return 0;
	wake_one(&ep->sleepers); /* one may have looked while we had the watch */
	return POLLIN | POLLRDNORM;
}

/* ---- the set ---- */

static struct watch *watch_find(struct epoll *ep, struct file *f, int fd)
{
	struct watch *w, *found = NULL;

	lock(&ep->lock);
	list_for_each(w, &ep->watches[fd % BUCKETS], of_set)
		if (w->fd == fd && w->file == f)
			found = w;
	unlock(&ep->lock);
	return found;
}

/* Off all wait queues and out of the file's list; watches_lock held. */
static void watch_unhook(struct watch *w)
{
	assert_held(&watches_lock);
	list_remove(&w->of_file);
	while (w->waits) {
		struct watch_wait *wait = w->waits;

		w->waits = wait->next;
		wait_end(&wait->waiter);
		slab_free(&wait_cache, wait);
	}
}

/* Out of the set, if it is still in it; drops the set's reference. */
static void watch_leave(struct watch *w)
{
	struct epoll *ep = w->ep;
	bool mine;

	lock(&ep->lock);
	mine = !w->gone;
	w->gone = true;
	list_remove(&w->of_set);
	list_remove(&w->ready);
	unlock(&ep->lock);
	if (mine)
		watch_put(w);
}

static void watch_remove(struct watch *w)
{
	lock(&watches_lock);
	watch_unhook(w);
	unlock(&watches_lock);
	watch_leave(w);
}

void epoll_forget(struct file *f)
{
	for (;;) {
		struct watch *w = NULL;

		lock(&watches_lock);
		if (!list_empty(&f->watches)) {
			w = list_first(&f->watches, struct watch, of_file);
			__atomic_add_fetch(&w->refs, 1, __ATOMIC_RELAXED);
			watch_unhook(w);
		}
		unlock(&watches_lock);
		if (!w)
			return;
		watch_leave(w);
		watch_put(w);
	}
}

/*
 * May ep, which is to watch `inner`, have that level, and all that watch it a
 * higher one? With commit they get it, the outermost first, so that the ranks
 * are in order at any time. 0 or -ELOOP.
 */
static int epoll_raise(struct epoll *ep, int level, const struct epoll *inner, bool commit)
{
	struct watch *w;
	int err;

	assert_held(&watches_lock);
	if (ep == inner || level >= LEVELS)
		return -ELOOP;
	list_for_each(w, &ep->file->watches, of_file)
		if ((err = epoll_raise(w->ep, max(level, ep->level) + 1, inner, commit)) < 0)
			return err;
	if (commit && level > ep->level) {
		ep->level = level;
		ep->sleepers.lock.rank = ep->readable.lock.rank =
			(uint8_t)(RANK_EPOLL_QUEUE + level);
	}
	return 0;
}

/* Into the lists of the set and the file, on none of its queues yet: 0 or -ELOOP. */
static int watch_enter(struct epoll *ep, struct watch *w)
{
	struct file *f = w->file;
	struct epoll *inner = f->ops == &epoll_ops ? f->private : NULL;
	int err = 0;

	lock(&watches_lock);
	if (inner && (err = epoll_raise(ep, inner->level + 1, inner, false)) == 0)
		epoll_raise(ep, inner->level + 1, inner, true);
	if (err == 0) {
		if (!f->watched)
			list_init(&f->watches);
		f->watched = true;
		list_append(&f->watches, &w->of_file);
	}
	unlock(&watches_lock);
	if (err < 0)
		return err;
	lock(&ep->lock);
	list_append(&ep->watches[w->fd % BUCKETS], &w->of_set);
	unlock(&ep->lock);
	return 0;
}

static void mark_ready(struct epoll *ep, struct watch *w)
{
	lock(&ep->lock);
	if (list_empty(&w->ready))
		list_append(&ep->ready, &w->ready);
	unlock(&ep->lock);
	wake_waiters(ep);
}

static int epoll_add(struct epoll *ep, struct file *f, int fd, const struct abi_epoll_event *e)
{
	struct watch *w = slab_alloc(&watch_cache);
	struct watch_table table = { { watch_add_queue, false }, w };
	uint32_t holds;
	int err;

	if (!w)
		return -ENOMEM;
	*w = (struct watch){ .refs = 1, .ep = ep, .file = f, .fd = fd,
			     .events = e->events | EPOLLERR | EPOLLHUP, .data = e->data };
	list_init(&w->of_set);
	list_init(&w->ready);
	list_init(&w->of_file);
	__atomic_add_fetch(&ep->refs, 1, __ATOMIC_RELAXED);
	if ((err = watch_enter(ep, w)) < 0) {
		watch_put(w);
		return err;
	}
	holds = file_poll(f, &table.table);
	if (table.table.out_of_memory) {
		watch_remove(w);
		return -ENOMEM;
	}
	if (holds & (e->events | EPOLLERR | EPOLLHUP) & ~PRIVATE)
		mark_ready(ep, w);
	return 0;
}

static int epoll_modify(struct epoll *ep, struct watch *w, const struct abi_epoll_event *e)
{
	uint32_t events = e->events | EPOLLERR | EPOLLHUP;

	lock(&ep->lock);
	w->events = events;
	w->data = e->data;
	unlock(&ep->lock);
	if (watch_poll(w->file, events))
		mark_ready(ep, w);
	return 0;
}

int epoll_change(struct file *set, int operation, struct file *f, int fd,
		 const struct abi_epoll_event *e)
{
	struct epoll *ep = set->private;
	bool exclusive = e && e->events & EPOLLEXCLUSIVE;
	struct watch *w;
	int err;

	if (!f->ops->poll)
		return -EPERM;
	if (set->ops != &epoll_ops || set == f)
		return -EINVAL;
	if (exclusive && (operation != EPOLL_CTL_ADD || f->ops == &epoll_ops))
		return -EINVAL;
	mutex_lock(&ep->changing);
	w = watch_find(ep, f, fd);
	switch (operation) {
	case EPOLL_CTL_ADD:
		err = w ? -EEXIST : epoll_add(ep, f, fd, e);
		break;
	case EPOLL_CTL_MOD:
		err = !w ? -ENOENT : w->events & EPOLLEXCLUSIVE ? -EINVAL : epoll_modify(ep, w, e);
		break;
	case EPOLL_CTL_DEL:
		err = w ? 0 : -ENOENT;
		if (w)
			watch_remove(w);
		break;
	default:
		err = -EINVAL;
	}
	mutex_unlock(&ep->changing);
	return err;
}

/* Nobody waits or changes the set any more; files it watches may be closed meanwhile. */
static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private;

	for (int i = 0; i < BUCKETS;) {
		struct watch *w = NULL;

		lock(&ep->lock);
		if (!list_empty(&ep->watches[i])) {
			w = list_first(&ep->watches[i], struct watch, of_set);
			__atomic_add_fetch(&w->refs, 1, __ATOMIC_RELAXED);
		}
		unlock(&ep->lock);
		if (!w) {
			i++;
			continue;
		}
		watch_remove(w);
		watch_put(w);
	}
	epoll_put(ep);
}

static const struct file_ops epoll_ops = {
	.release = epoll_release,
	.poll = epoll_poll,
	.stream = true,
};

struct file *epoll_new(int *err)
{
	struct epoll *ep = slab_alloc(&epoll_cache);
	struct inode *inode;

	*err = -ENOMEM;
	if (!ep)
		return NULL;
	ep->refs = 1;
	mutex_init(&ep->changing, RANK_EPOLL_SET);
	lock_init(&ep->lock, RANK_EPOLL);
	list_init(&ep->ready);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&ep->watches[i]);
	wait_queue_init(&ep->sleepers);
	wait_queue_init(&ep->readable);
	ep->sleepers.lock.rank = ep->readable.lock.rank = RANK_EPOLL_QUEUE;
	inode = inode_anonymous(0600, &epoll_ops);
	ep->file = inode ? file_new(inode, &epoll_ops, O_RDWR, err) : NULL;
	if (!ep->file) {
		slab_free(&epoll_cache, ep);
		return NULL;
	}
	list_init(&ep->file->watches);
	ep->file->watched = true; /* epoll_raise looks at the list */
	ep->file->private = ep;
	return ep->file;
}
