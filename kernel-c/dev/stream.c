/*
 * The host's standard input, output and error as files, for programs that the
 * host runs in a pipeline of its own (tabos -c '...' | less).
 *
 * Each is a ring between tasks and the supervisor. Input is asked for only when
 * a reader waits, so that what nobody reads stays with the host. To programs
 * they look like pipes.
 *
 * I immutable   s under stream->lock   S by the supervisor only   a atomic
 */
#include "stream.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"

#define STREAM_SIZE 131072u
#define STREAMS 3

struct stream {
	struct lock lock;        /* RANK_PIPE */
	char *data;              /* [I once opened] */
	uint32_t nread, nwritten; /* [s] bytes ever moved; the size is a power of two */
	bool ended;              /* [s] no more input */
	int error;               /* [s] what writers get from now on */
	bool wanted;             /* [a] a reader waits and the host hasn't been told */
	bool told;               /* [s] the host knows that we want input */
	bool host_full;          /* [S] the host took less than it was given */
	bool ring;               /* [a] the supervisor knows that there is output */
	struct wait_queue changed; /* data, room, end or error */
};

#define STREAM_INIT(s) \
	{ .lock = LOCK_INIT(RANK_PIPE), .changed = WAIT_QUEUE_INIT((s).changed) }
static struct stream streams[STREAMS] = {
	STREAM_INIT(streams[0]),
	STREAM_INIT(streams[1]),
	STREAM_INIT(streams[2]),
};

static uint32_t used(const struct stream *s)
{
	return s->nwritten - s->nread;
}

static uint32_t room(const struct stream *s)
{
	return STREAM_SIZE - used(s);
}

static uint32_t ring(uint32_t at)
{
	return at & (STREAM_SIZE - 1);
}

/* Ask the host for input; lock held. */
static void want(struct stream *s)
{
	if (s->told || s->ended)
		return;
	s->told = true;
	__atomic_store_n(&s->wanted, true, __ATOMIC_SEQ_CST);
	host_ring();
}

static int64_t stream_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct stream *s = f->private;
	int64_t total = 0, n = 0;

	if (u->left == 0)
		return 0;
	lock(&s->lock);
	while (u->left > 0) {
		uint32_t span = min(used(s), STREAM_SIZE - ring(s->nread));

		if (span > 0) {
			n = uio_out(u, s->data + ring(s->nread), span);
			if (n < 0)
				break;
			s->nread += (uint32_t)n;
			total += n;
			continue;
		}
		if (total || s->ended)
			break;
		want(s);
		n = f->flags & O_NONBLOCK ? -EAGAIN :
			wait_event(&s->changed, &s->lock, used(s) || s->ended, FOREVER);
		if (n < 0)
			break;
	}
	unlock(&s->lock);
	return total ? total : n;
}

static void output_ready(struct stream *s)
{
	if (!__atomic_exchange_n(&s->ring, true, __ATOMIC_SEQ_CST))
		host_ring();
}

static int64_t stream_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct stream *s = f->private;
	/* Waiting writers go on when a good part is free, not for every byte. */
	uint32_t need = (uint32_t)min(u->left, (size_t)PIPE_BUF);
	int64_t total = 0, n = 0;

	lock(&s->lock);
	while (u->left > 0) {
		uint32_t span = min(room(s), STREAM_SIZE - ring(s->nwritten));

		if (s->error) {
			n = s->error;
			break;
		}
		if (span > 0 && (total || room(s) >= need)) {
			n = uio_in(u, s->data + ring(s->nwritten), span);
			if (n < 0)
				break;
			s->nwritten += (uint32_t)n;
			total += n;
			continue;
		}
		if (f->flags & O_NONBLOCK) {
			n = -EAGAIN;
			break;
		}
		output_ready(s);
		n = wait_event(&s->changed, &s->lock, s->error || room(s) >= STREAM_SIZE / 2,
			       FOREVER);
		if (n < 0)
			break;
	}
	unlock(&s->lock);
	if (total)
		output_ready(s);
	if (n == -EPIPE)
		signal_raise(SIGPIPE);
	return total ? total : n;
}

static unsigned stream_poll(struct file *f, struct poll_table *pt)
{
	struct stream *s = f->private;
	unsigned events = 0;

	poll_on(pt, &s->changed);
	lock(&s->lock);
	if ((f->flags & O_ACCMODE) == O_RDONLY) {
		if (used(s))
			events |= POLLIN | POLLRDNORM;
		else if (s->ended)
			events |= POLLHUP;
		else
			want(s);
	} else {
		if (room(s) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (s->error)
			events |= POLLERR;
	}
	unlock(&s->lock);
	return events;
}

static int stream_ioctl(struct file *f, uint32_t request, uaddr argument)
{
	struct stream *s = f->private;
	uint32_t n;

	if (request != FIONREAD)
		return -ENOTTY;
	lock(&s->lock);
	n = used(s);
	unlock(&s->lock);
	return copy_out(argument, &n, sizeof(n));
}

/* Also by way of /proc/self/fd/N and /dev/stdout. */
static int stream_file_open(struct inode *inode, struct file *f)
{
	unsigned mode = f->flags & O_ACCMODE;

	if (inode->rdev >= STREAMS || mode != (inode->rdev == 0 ? O_RDONLY : O_WRONLY))
		return -EACCES;
	f->private = &streams[inode->rdev];
	return 0;
}

static const struct file_ops stream_ops = {
	.open = stream_file_open,
	.read = stream_read,
	.write = stream_write,
	.poll = stream_poll,
	.ioctl = stream_ioctl,
	.stream = true,
};

static int stream_prepare(struct stream *s)
{
	char *data;

	if (s->data)
		return 0;
	data = kmalloc(STREAM_SIZE);
	if (!data)
		return -ENOMEM;
	lock(&s->lock);
	if (!s->data) {
		s->data = data;
		data = NULL;
	}
	unlock(&s->lock);
	kfree(data);
	return 0;
}

struct file *stream_open(int n, int *err)
{
	struct inode *inode;
	struct file *f;

	*err = -ENXIO;
	if (n < 0 || n >= STREAMS || (*err = stream_prepare(&streams[n])) < 0)
		return NULL;
	inode = inode_anonymous(S_IFIFO | (n == 0 ? 0400 : 0200), &stream_ops);
	if (!inode) {
		*err = -ENOMEM;
		return NULL;
	}
	inode->rdev = (uint64_t)n;
	f = file_new(inode, &stream_ops, n == 0 ? O_RDONLY : O_WRONLY, err);
	if (f)
		f->private = &streams[n];
	return f;
}

/* ---- the host's side: all on the supervisor's instance ---- */

int stream_feed(const void *p, size_t length)
{
	struct stream *s = &streams[0];
	size_t done = 0;

	if (stream_prepare(s) < 0)
		return -ENOMEM;
	lock(&s->lock);
	s->told = false;
	s->ended |= length == 0;
	while (done < length && room(s) > 0) {
		size_t n = min(min(length - done, (size_t)room(s)),
			       (size_t)(STREAM_SIZE - ring(s->nwritten)));

		memcpy(s->data + ring(s->nwritten), (const char *)p + done, n);
		s->nwritten += (uint32_t)n;
		done += n;
	}
	unlock(&s->lock);
	wake_all(&s->changed);
	return (int)done;
}

/* Hand over what the host takes. Only we move nread of an output stream. */
static void drain(int number)
{
	struct stream *s = &streams[number];
	uint32_t span;
	int taken;

	__atomic_store_n(&s->ring, false, __ATOMIC_SEQ_CST);
	for (;;) {
		lock(&s->lock);
		span = min(used(s), STREAM_SIZE - ring(s->nread));
		unlock(&s->lock);
		if (s->host_full || span == 0)
			break;
		taken = host_stream_output(number, s->data + ring(s->nread), span);
		lock(&s->lock);
		if (taken < 0) {
			s->error = taken == -EPIPE || taken == -EIO ? taken : -EPIPE;
			taken = (int)span;
		}
		s->nread += (uint32_t)taken;
		s->host_full = (uint32_t)taken < span;
		unlock(&s->lock);
		wake_all(&s->changed);
	}
}

void stream_run(void)
{
	if (__atomic_exchange_n(&streams[0].wanted, false, __ATOMIC_SEQ_CST))
		host_stream_wanted();
	for (int n = 1; n < STREAMS; n++)
		if (__atomic_load_n(&streams[n].ring, __ATOMIC_SEQ_CST))
			drain(n);
}

int32_t terminal_stream_input(uint32_t buffer, uint32_t length)
{
	return stream_feed((const void *)(uintptr_t)buffer, length);
}

int32_t terminal_stream_drained(int32_t stream, int32_t error)
{
	struct stream *s;

	if (stream < 1 || stream >= STREAMS)
		return -EINVAL;
	s = &streams[stream];
	s->host_full = false;
	if (error) {
		lock(&s->lock);
		s->error = error > 0 ? -error : error;
		s->nread = s->nwritten; /* nobody will see it */
		unlock(&s->lock);
		wake_all(&s->changed);
	} else {
		drain(stream);
	}
	return 0;
}
