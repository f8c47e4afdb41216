/*
 * eventfd: a counter that can be waited for.
 *
 * I immutable   e under e->lock
 */
#include "event.h"

#include "../lib/alloc.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	struct lock lock;       /* RANK_PIPE */
	uint64_t count;         /* [e] */
	bool semaphore;         /* [I] */
	struct wait_queue changed;
};
static struct slab_cache eventfd_cache = SLAB_CACHE("eventfd", struct eventfd);

struct file *event_file(const struct file_ops *ops, void *private, uint32_t flags, int *err)
{
	struct inode *inode = inode_anonymous(0600, ops);
	struct file *f;

	*err = -ENOMEM;
	f = inode ? file_new(inode, ops, O_RDWR | flags, err) : NULL;
	if (f)
		f->private = private;
	return f;
}

static int64_t eventfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct eventfd *e = f->private;
	uint64_t value;
	int err = 0;

	if (u->left < sizeof(value))
		return -EINVAL;
	lock(&e->lock);
	if (!e->count)
		err = f->flags & O_NONBLOCK ?
			      -EAGAIN :
			      wait_event(&e->changed, &e->lock, e->count, FOREVER);
	if (err == 0) {
		value = e->semaphore ? 1 : e->count;
		e->count -= value;
	}
	unlock(&e->lock);
	if (err < 0)
		return err;
	wake_all(&e->changed);
	return uio_out(u, &value, sizeof(value));
}

static int64_t eventfd_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct eventfd *e = f->private;
	uint64_t value;
	int64_t n;
	int err = 0;

	if (u->left < sizeof(value))
		return -EINVAL;
	if ((n = uio_in(u, &value, sizeof(value))) < 0)
		return n;
	if (n < (int64_t)sizeof(value))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	lock(&e->lock);
	if (value > COUNT_MAX - e->count)
		err = f->flags & O_NONBLOCK ?
			      -EAGAIN :
			      wait_event(&e->changed, &e->lock, value <= COUNT_MAX - e->count,
					 FOREVER);
	if (err == 0)
		e->count += value;
	unlock(&e->lock);
	if (err < 0)
		return err;
	wake_all(&e->changed);
	return sizeof(value);
}

static unsigned eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	unsigned events = 0;

	poll_on(pt, &e->changed);
	lock(&e->lock);
	if (e->count)
		events |= POLLIN | POLLRDNORM;
	if (e->count < COUNT_MAX)
		events |= POLLOUT | POLLWRNORM;
	unlock(&e->lock);
	return events;
}

static void eventfd_release(struct file *f)
{
	slab_free(&eventfd_cache, f->private);
}

static const struct file_ops eventfd_ops = {
	.release = eventfd_release,
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.stream = true,
};

struct file *eventfd_new(uint32_t count, bool semaphore, uint32_t flags, int *err)
{
	struct eventfd *e = slab_alloc(&eventfd_cache);
	struct file *f;

	*err = -ENOMEM;
	if (!e)
		return NULL;
	lock_init(&e->lock, RANK_PIPE);
	wait_queue_init(&e->changed);
	e->count = count;
	e->semaphore = semaphore;
	f = event_file(&eventfd_ops, e, flags, err);
	if (!f)
		slab_free(&eventfd_cache, e);
	return f;
}
