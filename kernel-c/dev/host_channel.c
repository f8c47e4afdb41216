/*
 * /dev/host: a program's talk with the host, in messages: what is written is one
 * message, what is read is the rest of the answer to it. `download` and `upload`
 * speak it (userland/bin/host.h says what); drivers-ts/host-channel.ts answers.
 *
 * Each opening is a conversation of its own, with a number. An answer may take
 * until a person has decided something, so waiting for it is interruptible; the
 * host is told when the conversation ends, whatever the reason.
 *
 * I immutable   c under channel->talking
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "request.h"

#define TREE UINT32_MAX      /* of REQUEST_MESSAGE: no file tree, but the channel */
#define MESSAGE_MAX 65536u
#define HEAD 4u              /* before a message: the number of the conversation */

struct channel {
	uint32_t number;         /* [I] */
	struct mutex talking;    /* RANK_META */
	struct request *answer;  /* [c] what is left to be read, or NULL */
	uint32_t at, length;     /* [c] of its buffer */
};
static struct slab_cache channel_cache = SLAB_CACHE("host_channel", struct channel);

static struct request *message_new(struct channel *c, size_t length)
{
	size_t room = HEAD + MESSAGE_MAX;
	struct request *r = request_new(REQUEST_MESSAGE, room);

	if (!r)
		return NULL;
	memcpy(r->buffer, &c->number, HEAD);
	r->store = (int)TREE;
	r->length = (uint32_t)(HEAD + length);
	r->capacity = (uint32_t)room;
	return r;
}

static int channel_open(struct inode *inode, struct file *f)
{
	static uint32_t last;
	struct channel *c = slab_alloc(&channel_cache);

	if (!c)
		return -ENOMEM;
	c->number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	mutex_init(&c->talking, RANK_META);
	c->answer = NULL;
	f->private = c;
	return 0;
}

/* An empty message ends the conversation; nobody waits for the answer. */
static void channel_release(struct file *f)
{
	struct channel *c = f->private;
	struct request *r;

	if (!c)
		return;
	if ((r = message_new(c, 0))) {
		request_submit(r);
		request_put(r);
	}
	if (c->answer)
		request_put(c->answer);
	slab_free(&channel_cache, c);
}

static void answer_drop(struct channel *c)
{
	if (c->answer)
		request_put(c->answer);
	c->answer = NULL;
}

/* Wait for the answer; -EINTR on a signal: the request goes its own way then. */
static int answer_wait(struct request *r)
{
	struct waiter w;
	int err = 0;

	wait_begin(&r->finished, &w);
	while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) && err == 0)
		err = wait_sleep(FOREVER);
	wait_end(&w);
	return __atomic_load_n(&r->done, __ATOMIC_ACQUIRE) ? r->result : -EINTR;
}

static int64_t channel_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct channel *c = f->private;
	size_t length = u->left;
	struct request *r;
	int64_t n;

	if (length == 0 || length > MESSAGE_MAX)
		return length ? -EMSGSIZE : -EINVAL;
	if (!(r = message_new(c, length)))
		return -ENOMEM;
	n = uio_in(u, (char *)r->buffer + HEAD, length);
	if (n != (int64_t)length) {
		request_put(r);
		return n < 0 ? n : -EFAULT;
	}
	mutex_lock(&c->talking);
	answer_drop(c);
	request_submit(r);
	n = answer_wait(r);
	if (n >= 0) {
		c->answer = r;
		c->at = 0;
		c->length = min((uint32_t)n, r->capacity);
		n = (int64_t)length;
	} else {
		request_put(r);
	}
	mutex_unlock(&c->talking);
	return n;
}

static int64_t channel_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct channel *c = f->private;
	int64_t n = 0;

	mutex_lock(&c->talking);
	if (c->answer && c->at < c->length) {
		n = uio_out(u, (char *)c->answer->buffer + c->at, c->length - c->at);
		if (n > 0)
			c->at += (uint32_t)n;
	}
	mutex_unlock(&c->talking);
	return n;
}

static const struct file_ops channel_ops = {
	.open = channel_open,
	.release = channel_release,
	.read = channel_read,
	.write = channel_write,
};

void host_channel_init(void);
void host_channel_init(void)
{
	devfs_add("host", 0666, makedev(10, 200), &channel_ops);
}
