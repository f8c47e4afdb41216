/*
 * Pipes and FIFOs: a bounded byte queue between open files.
 *
 * The queue is a ring; nread and nwritten count all bytes ever moved. Small
 * transfers copy under the lock. Large ones mark the end as busy and copy
 * piece by piece without the lock, so that a reader and a writer copy at the
 * same time; a busy flag keeps other readers (or writers) out meanwhile.
 *
 * A pipe lives as long as files are open on it. A FIFO's inode points at its
 * pipe while there is one; fifo_lock is taken before the pipe's.
 *
 * I immutable   p under p->lock   F under fifo_lock
 */
#include "pipe.h"

#include "../lib/alloc.h"
#include "../task/task.h"

#define PIPE_SIZE 65536u
#define PIPE_SIZE_MAX (1u << 20) /* Linux's limit for the unprivileged */
/* Up to here copying under the lock is cheaper than leaving it. */
#define COPY_LOCKED 1024u
/* What is copied between two looks at the other end: long enough to hide the
 * locking, short enough for both ends to work at once. */
#define PIECE 16384u

struct pipe {
	struct lock lock;            /* RANK_PIPE */
	char *data;                  /* [p; stays while an end is busy] */
	uint32_t size;               /* [p] a power of two */
	uint32_t nread, nwritten;    /* [p] modulo 2^32 */
	bool reading, writing;       /* [p] an end copies without the lock */
	int readers, writers;        /* [p] open files that may read, write */
	uint32_t reader_opens, writer_opens; /* [p] ever */
	struct wait_queue readable;  /* data came, or the last writer went */
	struct wait_queue writable;  /* room came, or the last reader went */
	int files;                   /* [F] */
	bool unnamed;                /* [I] by pipe2: opening it (/dev/fd/N) waits for nobody */
};

static struct lock fifo_lock = LOCK_INIT(RANK_FIFO);
static struct slab_cache pipe_cache = SLAB_CACHE("pipe", struct pipe);

static unsigned order_of(uint32_t size)
{
	return (unsigned)__builtin_ctz(size / PAGE_SIZE);
}

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = slab_alloc(&pipe_cache);

	if (!p)
		return NULL;
	p->size = PIPE_SIZE;
	p->data = page_alloc(order_of(PIPE_SIZE));
	if (!p->data) {
		slab_free(&pipe_cache, p);
		return NULL;
	}
	lock_init(&p->lock, RANK_PIPE);
	wait_queue_init(&p->readable);
	wait_queue_init(&p->writable);
	return p;
}

static void pipe_free(struct pipe *p)
{
	page_free(p->data, order_of(p->size));
	slab_free(&pipe_cache, p);
}

static inline uint32_t used(const struct pipe *p)
{
	return p->nwritten - p->nread;
}

static inline uint32_t room(const struct pipe *p)
{
	return p->size - used(p);
}

static inline void wake(struct wait_queue *q)
{
	if (unlikely(wait_queue_active(q)))
		wake_all(q);
}

/* ---- moving bytes ---- */

/*
 * Move up to n bytes between the ring at `at` and u: the count, or -EFAULT.
 * With the lock held, or with this end marked busy.
 */
static int64_t ring_out(struct pipe *p, struct uio *u, uint32_t n)
{
	uint32_t at = p->nread & (p->size - 1), first = min(n, p->size - at);
	int64_t done = uio_out(u, p->data + at, first), more;

	if (done < (int64_t)first || first == n)
		return done;
	more = uio_out(u, p->data, n - first);
	return more < 0 ? done : done + more;
}

static int64_t ring_in(struct pipe *p, struct uio *u, uint32_t n)
{
	uint32_t at = p->nwritten & (p->size - 1), first = min(n, p->size - at);
	int64_t done = uio_in(u, p->data + at, first), more;

	if (done < (int64_t)first || first == n)
		return done;
	more = uio_in(u, p->data, n - first);
	return more < 0 ? done : done + more;
}

/*
 * Take what is there, to at most u->left: the count or -EFAULT. Called and
 * returns with the lock held and no reader busy. *wake_writers says that the
 * caller must do so once it has released the lock.
 */
static int64_t pipe_take(struct pipe *p, struct uio *u, bool *wake_writers)
{
	uint32_t n = min(used(p), (uint32_t)min(u->left, (size_t)PIECE));
	int64_t done;

	if (n <= COPY_LOCKED) {
		done = ring_out(p, u, n);
	} else {
		p->reading = true;
		unlock(&p->lock);
		if (*wake_writers)
			wake(&p->writable);
		*wake_writers = false;
		done = ring_out(p, u, n);
		lock(&p->lock);
		p->reading = false;
		wake(&p->readable); /* readers that waited for us to end */
	}
	if (done > 0) {
		p->nread += (uint32_t)done;
		*wake_writers |= room(p) >= PIPE_BUF;
	}
	return done;
}

/* The same for writing n bytes, which fit. */
static int64_t pipe_put(struct pipe *p, struct uio *u, uint32_t n, bool *wake_readers)
{
	int64_t done;

	if (n <= COPY_LOCKED) {
		done = ring_in(p, u, n);
	} else {
		p->writing = true;
		unlock(&p->lock);
		if (*wake_readers)
			wake(&p->readable);
		*wake_readers = false;
		done = ring_in(p, u, n);
		lock(&p->lock);
		p->writing = false;
		wake(&p->writable);
	}
	if (done > 0) {
		p->nwritten += (uint32_t)done;
		*wake_readers = true;
	}
	return done;
}

/* Sleep until there is something to read, or no hope: 0 or -ERESTART. Lock held. */
static int wait_readable(struct pipe *p)
{
	return wait_event(&p->readable, &p->lock,
			  !p->reading && (used(p) || p->writers == 0), FOREVER);
}

static int64_t pipe_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct pipe *p = f->private;
	int64_t total = 0, n = 0;
	bool wake_writers = false;

	if (u->left == 0)
		return 0;
	lock(&p->lock);
	while (u->left > 0) {
		if (!p->reading && used(p)) {
			n = pipe_take(p, u, &wake_writers);
			if (n < 0)
				break;
			total += n;
			continue;
		}
		if (total || (p->writers == 0 && used(p) == 0))
			break;
		/* With O_NONBLOCK too another reader's copy is waited for: it is short. */
		if (f->flags & O_NONBLOCK && !p->reading) {
			n = -EAGAIN;
			break;
		}
		n = wait_readable(p);
		if (n < 0)
			break;
	}
	unlock(&p->lock);
	if (wake_writers)
		wake(&p->writable);
	return total ? total : n;
}

/*
 * Sleep until a write with `left` bytes to go should go on. Not for the first
 * free byte: a reader of single bytes would make us switch for each.
 */
static int wait_writable(struct pipe *p, size_t left)
{
	size_t need = min(left, (size_t)PIPE_BUF);

	return wait_event(&p->writable, &p->lock,
			  (!p->writing && room(p) >= need) || p->readers == 0, FOREVER);
}

static int64_t pipe_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct pipe *p = f->private;
	size_t need = u->left <= PIPE_BUF ? u->left : 1; /* up to PIPE_BUF all or nothing */
	int64_t total = 0, n = 0;
	bool wake_readers = false;

	if (u->left == 0)
		return 0;
	lock(&p->lock);
	while (u->left > 0) {
		if (p->readers == 0) {
			n = -EPIPE;
			break;
		}
		if (!p->writing && room(p) >= min(need, u->left)) {
			size_t piece = min(u->left, (size_t)min(room(p), PIECE));

			n = pipe_put(p, u, (uint32_t)piece, &wake_readers);
			if (n < 0)
				break;
			total += n;
			continue;
		}
		if (f->flags & O_NONBLOCK && !p->writing) {
			n = -EAGAIN;
			break;
		}
		if (wake_readers) { /* before sleeping: they make the room */
			unlock(&p->lock);
			wake(&p->readable);
			wake_readers = false;
			lock(&p->lock);
		}
		n = f->flags & O_NONBLOCK ?
			    wait_event(&p->writable, &p->lock, !p->writing, FOREVER) :
			    wait_writable(p, u->left);
		if (n < 0)
			break;
	}
	unlock(&p->lock);
	if (wake_readers)
		wake(&p->readable);
	if (n == -EPIPE)
		signal_raise(SIGPIPE);
	return total ? total : n;
}

static unsigned pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private;
	bool reads = (f->flags & O_ACCMODE) != O_WRONLY;
	bool writes = (f->flags & O_ACCMODE) != O_RDONLY;
	unsigned events = 0;

	if (reads)
		poll_on(pt, &p->readable);
	if (writes)
		poll_on(pt, &p->writable);
	lock(&p->lock);
	if (reads && used(p))
		events |= POLLIN | POLLRDNORM;
	/* Not for a FIFO that no one has opened for writing since we opened it. */
	if (reads && p->writers == 0 && p->writer_opens != (uint32_t)f->pos)
		events |= POLLHUP;
	if (writes && room(p) >= PIPE_BUF)
		events |= POLLOUT | POLLWRNORM;
	if (writes && p->readers == 0)
		events |= POLLERR;
	unlock(&p->lock);
	return events;
}

static int pipe_ioctl(struct file *f, uint32_t request, uaddr argument)
{
	struct pipe *p = f->private;
	uint32_t n;

	if (request != FIONREAD)
		return -ENOTTY;
	lock(&p->lock);
	n = used(p);
	unlock(&p->lock);
	return copy_out(argument, &n, sizeof(n));
}

/* ---- opening and closing ---- */

/* Count f as an end of p; lock held. */
static void pipe_attach(struct pipe *p, struct file *f)
{
	unsigned mode = f->flags & O_ACCMODE;

	if (mode != O_RDONLY) {
		p->writers++;
		p->writer_opens++;
	}
	if (mode != O_WRONLY) {
		p->readers++;
		p->reader_opens++;
	}
	f->pos = p->writer_opens;
	f->private = p;
	wake(&p->readable);
	wake(&p->writable);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->private;
	bool last;

	if (!p) /* open failed */
		return;
	lock(&p->lock);
	if ((f->flags & O_ACCMODE) != O_WRONLY)
		p->readers--;
	if ((f->flags & O_ACCMODE) != O_RDONLY)
		p->writers--;
	unlock(&p->lock);
	wake_all(&p->readable);
	wake_all(&p->writable);
	lock(&fifo_lock);
	last = --p->files == 0;
	if (last)
		f->inode->pipe = NULL;
	unlock(&fifo_lock);
	f->private = NULL;
	if (last)
		pipe_free(p);
}

/* The pipe behind a FIFO, made when there is none yet; counts one more file. */
static struct pipe *fifo_pipe(struct inode *inode)
{
	struct pipe *fresh = pipe_alloc(), *p;

	if (!fresh)
		return NULL;
	lock(&fifo_lock);
	if (!inode->pipe) {
		inode->pipe = fresh;
		fresh = NULL;
	}
	p = inode->pipe;
	p->files++;
	unlock(&fifo_lock);
	if (fresh)
		pipe_free(fresh);
	return p;
}

/* Open for one direction: wait for the other end, or refuse. Lock held. */
static int wait_for_peer(struct pipe *p, struct file *f)
{
	uint32_t readers = p->reader_opens, writers = p->writer_opens;

	if ((f->flags & O_ACCMODE) == O_WRONLY) {
		if (f->flags & O_NONBLOCK)
			return p->readers ? 0 : -ENXIO;
		return wait_event(&p->writable, &p->lock,
				  p->readers || p->reader_opens != readers, FOREVER);
	}
	if (f->flags & O_NONBLOCK)
		return 0;
	return wait_event(&p->readable, &p->lock,
			  p->writers || p->writer_opens != writers, FOREVER);
}

static int fifo_open(struct inode *inode, struct file *f)
{
	struct pipe *p = fifo_pipe(inode);
	int err;

	if (!p)
		return -ENOMEM;
	lock(&p->lock);
	pipe_attach(p, f);
	err = p->unnamed || (f->flags & O_ACCMODE) == O_RDWR ? 0 : wait_for_peer(p, f);
	unlock(&p->lock);
	if (err < 0)
		pipe_release(f);
	return err;
}

const struct file_ops fifo_ops = {
	.open = fifo_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.stream = true,
};

static struct file *pipe_end(struct pipe *p, struct inode *inode, uint32_t flags, int *err)
{
	struct file *f = file_new(inode_get(inode), &fifo_ops, flags, err);

	if (!f)
		return NULL;
	lock(&fifo_lock);
	p->files++;
	unlock(&fifo_lock);
	lock(&p->lock);
	pipe_attach(p, f);
	unlock(&p->lock);
	return f;
}

int pipe_new(struct file **reader, struct file **writer, uint32_t flags)
{
	struct pipe *p = pipe_alloc();
	struct inode *inode;
	int err = -ENFILE;

	if (!p)
		return -ENFILE;
	inode = inode_anonymous(S_IFIFO | 0600, &fifo_ops);
	if (!inode)
		goto free_pipe;
	inode->pipe = p; /* /proc/self/fd/N opens it again */
	p->unnamed = true;
	*reader = pipe_end(p, inode, O_RDONLY | flags, &err);
	if (!*reader)
		goto put_inode;
	*writer = pipe_end(p, inode, O_WRONLY | flags, &err);
	if (!*writer) {
		file_put(*reader); /* frees the pipe */
		inode_put(inode);
		return err;
	}
	inode_put(inode);
	return 0;
put_inode:
	inode_put(inode);
free_pipe:
	pipe_free(p);
	return err;
}

/* ---- size ---- */

int pipe_size(struct file *f)
{
	struct pipe *p = f->private;
	int size;

	if (f->ops != &fifo_ops)
		return -EBADF;
	lock(&p->lock);
	size = (int)p->size;
	unlock(&p->lock);
	return size;
}

/* Straighten the ring into a new one; no end may be busy. */
static void pipe_move(struct pipe *p, char *data, uint32_t size)
{
	uint32_t n = used(p), at = p->nread & (p->size - 1);
	uint32_t first = min(n, p->size - at);

	memcpy(data, p->data + at, first);
	memcpy(data + first, p->data, n - first);
	p->data = data;
	p->size = size;
	p->nread = 0;
	p->nwritten = n;
}

int pipe_resize(struct file *f, uint32_t size)
{
	struct pipe *p = f->private;
	uint32_t rounded = PAGE_SIZE, old_size;
	char *data, *old;

	if (f->ops != &fifo_ops)
		return -EBADF;
	if (size > 1u << 31)
		return -EINVAL;
	while (rounded < size)
		rounded *= 2;
	if (rounded > PIPE_SIZE_MAX)
		return -EPERM;
	data = page_alloc(order_of(rounded));
	if (!data)
		return -ENOMEM;
	lock(&p->lock);
	if (p->reading || p->writing || used(p) > rounded) {
		unlock(&p->lock);
		page_free(data, order_of(rounded));
		return -EBUSY;
	}
	old = p->data;
	old_size = p->size;
	pipe_move(p, data, rounded);
	unlock(&p->lock);
	page_free(old, order_of(old_size));
	wake_all(&p->writable);
	return (int)rounded;
}
