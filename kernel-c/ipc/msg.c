/*
 * System V message queues. A message is copied once in and once out, without
 * the lock.
 *
 * Letters: q under msg->lock.
 */
#include "../host.h"
#include "../lib/alloc.h"
#include "sysv.h"

#define MSG_MAX 8192    /* bytes of one message */
#define QUEUE_BYTES 16384 /* of one queue, as Linux has it; the privileged may raise it */

struct message {
	struct list node;
	int32_t type;
	uint32_t length;
	char text[];
};

struct msg {
	struct sysv o;          /* o: under lock */
	struct lock lock;       /* RANK_PIPE */
	struct list messages;   /* [q] in order of arrival */
	uint32_t count, bytes, max_bytes; /* [q] */
	int64_t sent, received; /* [q] when last */
	int sender, receiver;   /* [q] pids, of the last */
	struct wait_queue readable, writable;
};
static struct slab_cache msg_cache = SLAB_CACHE("msg", struct msg);

static void msg_free(struct sysv *o)
{
	struct msg *q = container_of(o, struct msg, o);

	while (!list_empty(&q->messages)) {
		struct message *m = list_first(&q->messages, struct message, node);

		list_remove(&m->node);
		kfree(m);
	}
	slab_free(&msg_cache, q);
}

static struct sysv_table table = { .lock = LOCK_INIT(RANK_FIFO), .free = msg_free };

static struct sysv *make(uint32_t n, int *err)
{
	struct msg *q = slab_alloc(&msg_cache);

	(void)n;
	if (!q) {
		*err = -ENOMEM;
		return NULL;
	}
	lock_init(&q->lock, RANK_PIPE);
	list_init(&q->messages);
	wait_queue_init(&q->readable);
	wait_queue_init(&q->writable);
	q->max_bytes = QUEUE_BYTES;
	return &q->o;
}

int msg_get(int key, int flags)
{
	return sysv_get(&table, key, flags, make, NULL, 0);
}

/* The queue with a reference and its lock held, if `wanted` is permitted: NULL and *err. */
static struct msg *msg_lock(int id, int wanted, int *err)
{
	struct sysv *o = sysv_find(&table, id);
	struct msg *q;

	*err = -EINVAL;
	if (!o)
		return NULL;
	q = container_of(o, struct msg, o);
	lock(&q->lock);
	*err = q->o.removed ? -EIDRM : wanted ? sysv_permission(o, wanted) : 0;
	if (*err == 0)
		return q;
	unlock(&q->lock);
	sysv_put(&table, o);
	return NULL;
}

static void msg_unlock(struct msg *q)
{
	unlock(&q->lock);
	sysv_put(&table, &q->o);
}

static bool fits(const struct msg *q, uint32_t length)
{
	return q->bytes + length <= q->max_bytes && q->count + 1 <= q->max_bytes;
}

int msg_send(int id, int32_t type, uaddr text, uint32_t length, int flags)
{
	struct message *m;
	struct msg *q;
	int err;

	if (length > MSG_MAX || type < 1)
		return -EINVAL;
	m = kmalloc(sizeof(*m) + length);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->length = length;
	if ((err = length ? copy_in(m->text, text, length) : 0) < 0 ||
	    !(q = msg_lock(id, 0222, &err)))
		goto drop;
	if (!fits(q, length))
		err = flags & IPC_NOWAIT ?
			      -EAGAIN :
			      wait_event(&q->writable, &q->lock, q->o.removed || fits(q, length),
					 FOREVER);
	if (err == -ERESTART)
		err = -EINTR;
	if (err == 0 && q->o.removed)
		err = -EIDRM;
	if (err == 0) {
		list_append(&q->messages, &m->node);
		q->count++;
		q->bytes += length;
		q->sent = sysv_seconds();
		q->sender = current_process->pid;
		wake_all(&q->readable);
	}
	msg_unlock(q);
	if (err == 0)
		return 0;
drop:
	kfree(m);
	return err;
}

/* The message that msgrcv's `type` means, or NULL; lock held. */
static struct message *choose(struct msg *q, int32_t type, int flags)
{
	struct message *m, *best = NULL;

	list_for_each(m, &q->messages, node) {
		if (type < 0) {
			if ((int64_t)m->type <= -(int64_t)type && (!best || m->type < best->type))
				best = m;
		} else if (type == 0 || (flags & MSG_EXCEPT ? m->type != type : m->type == type)) {
			return m;
		}
	}
	return best;
}

/* Take it out, if it fits: 0, -E2BIG, or why waiting for it has ended. */
static int take(struct msg *q, uint32_t length, int32_t type, int flags, struct message **taken)
{
	struct message *m = choose(q, type, flags);
	int err;

	*taken = NULL;
	if (!m && flags & IPC_NOWAIT)
		return -ENOMSG;
	if (!m) {
		err = wait_event(&q->readable, &q->lock,
				 q->o.removed || (m = choose(q, type, flags)), FOREVER);
		if (err < 0)
			return -EINTR;
		if (q->o.removed)
			return -EIDRM;
	}
	if (m->length > length && !(flags & MSG_NOERROR))
		return -E2BIG;
	list_remove(&m->node);
	q->count--;
	q->bytes -= m->length;
	q->received = sysv_seconds();
	q->receiver = current_process->pid;
	wake_all(&q->writable);
	*taken = m;
	return 0;
}

int msg_receive(int id, uaddr message, uint32_t length, int32_t type, int flags)
{
	struct message *m = NULL;
	struct msg *q;
	int err;

	if (length > INT32_MAX)
		return -EINVAL;
	if (!(q = msg_lock(id, 0444, &err)))
		return err;
	err = take(q, length, type, flags, &m);
	msg_unlock(q);
	if (err < 0)
		return err;
	length = min(length, m->length);
	err = copy_out(message, &m->type, sizeof(m->type));
	if (err == 0 && length)
		err = copy_out(message + (uint32_t)sizeof(m->type), m->text, length);
	kfree(m);
	return err < 0 ? err : (int)length;
}

int msg_stat(int id, struct abi_msqid *out)
{
	struct msg *q;
	int err;

	if (!(q = msg_lock(id, 0444, &err)))
		return err;
	*out = (struct abi_msqid){
		.perm = q->o.perm, .stime = q->sent, .rtime = q->received, .ctime = q->o.changed,
		.cbytes = q->bytes, .qnum = q->count, .qbytes = q->max_bytes,
		.lspid = q->sender, .lrpid = q->receiver,
	};
	msg_unlock(q);
	return 0;
}

int msg_set(int id, const struct abi_msqid *in)
{
	struct msg *q;
	int err;

	if (!(q = msg_lock(id, 0, &err)))
		return err;
	err = sysv_owner(&q->o);
	if (err == 0 && in->qbytes > QUEUE_BYTES && current_process->cred.euid != 0)
		err = -EPERM;
	if (err == 0) {
		sysv_set(&q->o, &in->perm);
		q->max_bytes = in->qbytes;
		wake_all(&q->writable);
	}
	msg_unlock(q);
	return err;
}

int msg_remove(int id)
{
	struct msg *q;
	int err;

	if (!(q = msg_lock(id, 0, &err)))
		return err;
	err = sysv_owner(&q->o);
	if (err == 0) {
		q->o.removed = true;
		wake_all(&q->readable);
		wake_all(&q->writable);
	}
	unlock(&q->lock);
	if (err == 0)
		sysv_remove(&table, &q->o);
	sysv_put(&table, &q->o);
	return err;
}
