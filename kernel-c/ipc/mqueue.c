/*
 * POSIX message queues: whole messages, by priority, between who knows a name.
 *
 * A queue is an inode without a place in the tree, and lives until it is unlinked
 * and the last descriptor is closed. A message is copied once in and once out,
 * without the lock.
 *
 * Letters: I immutable, q under queue->lock, N under names_lock, a atomic.
 */
#include "mqueue.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"

/* Linux's limits: for anybody, and for the privileged. */
#define QUEUES_MAX 256
#define MESSAGES_DEFAULT 10
#define MESSAGES_MAX 65536
#define SIZE_DEFAULT 8192
#define SIZE_MAX_ (16 << 20)
#define MQ_PRIO_MAX 32768u

struct message {
	struct list node;
	uint32_t priority, length;
	char data[];
};

struct notification {
	struct process *process;  /* with a reference; NULL: nobody */
	struct task *thread;      /* SIGEV_THREAD_ID: with a reference */
	struct abi_sigevent event;
};

struct mqueue {
	int refs;                 /* [a] its name's, and each open file's */
	struct lock lock;         /* RANK_PIPE */
	struct inode *inode;      /* [I] with a reference: owner and mode */
	int max, size;            /* [I] messages, and bytes of one */
	int count;                /* [q] */
	struct list messages;     /* [q] the next to receive first */
	int receivers;            /* [q] that sleep */
	struct notification notify; /* [q] */
	struct wait_queue readable, writable;
	struct list named;        /* [N] */
	char name[NAME_MAX + 1];  /* [I] */
};

static struct lock names_lock = LOCK_INIT(RANK_FIFO);
static struct list names = LIST_INIT(names);
static int nqueues; /* [N] with a name */
static struct slab_cache mqueue_cache = SLAB_CACHE("mqueue", struct mqueue);
static const struct file_ops mqueue_ops;

static void notification_drop(struct notification *n)
{
	if (n->thread)
		task_put(n->thread);
	if (n->process)
		process_put(n->process);
}

static void mqueue_put(struct mqueue *q)
{
	if (__atomic_sub_fetch(&q->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	while (!list_empty(&q->messages)) {
		struct message *m = list_first(&q->messages, struct message, node);

		list_remove(&m->node);
		kfree(m);
	}
	notification_drop(&q->notify);
	inode_put(q->inode);
	slab_free(&mqueue_cache, q);
}

/* ---- notification ---- */

static void tell(struct notification *n, int code)
{
	struct abi_siginfo info = { .signo = n->event.signo, .code = code };

	if (!n->process || n->event.notify == SIGEV_NONE)
		return;
	info.kill.pid = current_process->pid;
	info.kill.uid = current_process->cred.uid;
	info.kill.value = n->event.value;
	if (n->thread)
		signal_send_task(n->thread, n->event.signo, &info);
	else
		signal_send_process(n->process, n->event.signo, &info);
}

/* Ends who was to be notified; a thread that waits for it learns so. Lock held; drop it after. */
static struct notification notification_take(struct mqueue *q)
{
	struct notification n = q->notify;

	assert_held(&q->lock);
	q->notify = (struct notification){ 0 };
	return n;
}

/* The thread that libc keeps waiting for a notification can go. */
static void notification_cancel(struct notification *n)
{
	if (n->thread)
		tell(n, SI_KERNEL);
	notification_drop(n);
}

static bool gone(const struct process *p)
{
	return __atomic_load_n(&p->ntasks, __ATOMIC_RELAXED) == 0;
}

int mqueue_notify(struct file *f, const struct abi_sigevent *event)
{
	struct notification n = { 0 }, old = { 0 };
	struct mqueue *q = f->private;
	int err = 0;

	if (f->ops != &mqueue_ops)
		return -EBADF;
	if (event) {
		n.event = *event;
		if (event->notify != SIGEV_NONE && event->notify != SIGEV_SIGNAL &&
		    event->notify != SIGEV_THREAD_ID)
			return -EINVAL;
		if (event->notify != SIGEV_NONE && (event->signo < 1 || event->signo > NSIG))
			return -EINVAL;
		if (event->notify == SIGEV_THREAD_ID &&
		    !(n.thread = task_find(current_process->pid, event->tid)))
			return -EINVAL;
		n.process = current_process;
		__atomic_add_fetch(&n.process->refs, 1, __ATOMIC_RELAXED);
	}
	lock(&q->lock);
	if (event && q->notify.process && !gone(q->notify.process)) {
		err = -EBUSY;
		old = n;
		old.event.notify = SIGEV_NONE; /* nobody waits for it yet */
	} else if (event || q->notify.process == current_process) {
		old = notification_take(q);
		q->notify = n;
	}
	unlock(&q->lock);
	notification_cancel(&old);
	return err;
}

/* A process that closes a descriptor of the queue is no longer notified. */
static void mqueue_flush(struct file *f)
{
	struct notification old = { 0 };
	struct mqueue *q = f->private;

	lock(&q->lock);
	if (current && q->notify.process == current_process)
		old = notification_take(q);
	unlock(&q->lock);
	notification_cancel(&old);
}

/* ---- messages ---- */

/* By priority, in order of arrival within one. */
static void insert(struct mqueue *q, struct message *m)
{
	struct list *at = q->messages.prev;

	while (at != &q->messages &&
	       list_entry(at, struct message, node)->priority < m->priority)
		at = at->prev;
	list_add(at, &m->node);
	q->count++;
}

int mqueue_send(struct file *f, uaddr data, uint32_t length, uint32_t priority, nsec deadline)
{
	struct notification told = { 0 };
	struct mqueue *q = f->private;
	struct message *m;
	int err;

	if (f->ops != &mqueue_ops || !file_writable(f))
		return -EBADF;
	if (priority >= MQ_PRIO_MAX)
		return -EINVAL;
	if (length > (uint32_t)q->size)
		return -EMSGSIZE;
	m = kmalloc(sizeof(*m) + length);
	if (!m)
		return -ENOMEM;
	m->priority = priority;
	m->length = length;
	if ((err = length ? copy_in(m->data, data, length) : 0) < 0)
		goto drop;
	lock(&q->lock);
	if (q->count >= q->max)
		err = f->flags & O_NONBLOCK ?
			      -EAGAIN :
			      wait_event(&q->writable, &q->lock, q->count < q->max, deadline);
	if (err == 0) {
		insert(q, m);
		if (q->count == 1 && !q->receivers)
			told = notification_take(q);
	}
	unlock(&q->lock);
	if (err < 0)
		goto drop;
	wake_all(&q->readable);
	tell(&told, SI_MESGQ);
	notification_drop(&told);
	return 0;
drop:
	kfree(m);
	return err;
}

int mqueue_receive(struct file *f, uaddr data, uint32_t length, uaddr priority, nsec deadline)
{
	struct mqueue *q = f->private;
	struct message *m = NULL;
	int err = 0;

	if (f->ops != &mqueue_ops || !file_readable(f))
		return -EBADF;
	if (length < (uint32_t)q->size)
		return -EMSGSIZE;
	lock(&q->lock);
	if (!q->count && f->flags & O_NONBLOCK) {
		err = -EAGAIN;
	} else if (!q->count) {
		q->receivers++;
		err = wait_event(&q->readable, &q->lock, q->count, deadline);
		q->receivers--;
	}
	if (err == 0) {
		m = list_first(&q->messages, struct message, node);
		list_remove(&m->node);
		q->count--;
	}
	unlock(&q->lock);
	if (err < 0)
		return err;
	wake_all(&q->writable);
	err = m->length ? copy_out(data, m->data, m->length) : 0;
	if (err == 0 && priority)
		err = user_store(priority, m->priority);
	if (err == 0)
		err = (int)m->length;
	kfree(m);
	return err;
}

int mqueue_attributes(struct file *f, const struct abi_mq_attr *new, struct abi_mq_attr *old)
{
	struct mqueue *q = f->private;

	if (f->ops != &mqueue_ops)
		return -EBADF;
	if (new && new->flags & ~O_NONBLOCK)
		return -EINVAL;
	lock(&q->lock);
	*old = (struct abi_mq_attr){ .flags = (int32_t)(f->flags & O_NONBLOCK),
				     .maxmsg = q->max, .msgsize = q->size, .curmsgs = q->count };
	if (new && new->flags & O_NONBLOCK)
		__atomic_or_fetch(&f->flags, O_NONBLOCK, __ATOMIC_RELAXED);
	else if (new)
		__atomic_and_fetch(&f->flags, ~(uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
	unlock(&q->lock);
	return 0;
}

/* ---- the queue as a file ---- */

static unsigned mqueue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = f->private;
	unsigned events = 0;

	poll_on(pt, &q->readable);
	poll_on(pt, &q->writable);
	lock(&q->lock);
	if (q->count)
		events |= POLLIN | POLLRDNORM;
	if (q->count < q->max)
		events |= POLLOUT | POLLWRNORM;
	unlock(&q->lock);
	return events;
}

static void mqueue_release(struct file *f)
{
	mqueue_put(f->private);
}

static const struct file_ops mqueue_ops = {
	.release = mqueue_release,
	.flush = mqueue_flush,
	.poll = mqueue_poll,
	.stream = true,
};

/* ---- names ---- */

static struct mqueue *find(const char *name)
{
	struct mqueue *q;

	assert_held(&names_lock);
	list_for_each(q, &names, named)
		if (strcmp(q->name, name) == 0)
			return q;
	return NULL;
}

/* A queue with two references, its name's and the caller's; not named yet. */
static struct mqueue *mqueue_new(const char *name, uint32_t mode, const struct abi_mq_attr *attr,
				 int *err)
{
	bool root = current_process->cred.euid == 0;
	struct mqueue *q;

	*err = -EINVAL;
	if (attr && (attr->maxmsg <= 0 || attr->msgsize <= 0 ||
		     attr->maxmsg > (root ? MESSAGES_MAX : MESSAGES_DEFAULT) ||
		     attr->msgsize > (root ? SIZE_MAX_ : SIZE_DEFAULT)))
		return NULL;
	*err = -ENOMEM;
	if (!(q = slab_alloc(&mqueue_cache)))
		return NULL;
	q->inode = inode_anonymous(S_IFREG | (mode & 0777 & ~current_process->fs->umask), &mqueue_ops);
	if (!q->inode) {
		slab_free(&mqueue_cache, q);
		return NULL;
	}
	q->refs = 2;
	lock_init(&q->lock, RANK_PIPE);
	list_init(&q->messages);
	list_init(&q->named);
	wait_queue_init(&q->readable);
	wait_queue_init(&q->writable);
	q->max = attr ? attr->maxmsg : MESSAGES_DEFAULT;
	q->size = attr ? attr->msgsize : SIZE_DEFAULT;
	kstrlcpy(q->name, name, sizeof(q->name));
	*err = 0;
	return q;
}

static int permission(struct mqueue *q, uint32_t flags)
{
	static const int wanted[] = { R_OK, W_OK, R_OK | W_OK };

	return inode_permission(q->inode, wanted[flags & O_ACCMODE], false);
}

/* The queue of that name, with a reference, made when flags ask for it. */
static struct mqueue *mqueue_get(const char *name, uint32_t flags, uint32_t mode,
				 const struct abi_mq_attr *attr, int *err)
{
	struct mqueue *q, *fresh = NULL;

	*err = 0;
	if (flags & O_CREAT && !(fresh = mqueue_new(name, mode, attr, err)) && *err != -EINVAL)
		return NULL;
	lock(&names_lock);
	q = find(name);
	if (q && flags & O_CREAT && flags & O_EXCL)
		*err = -EEXIST;
	else if (q)
		*err = permission(q, flags); /* what mq_open asked for doesn't matter then */
	else if (!(flags & O_CREAT))
		*err = -ENOENT;
	else if (fresh && nqueues >= QUEUES_MAX)
		*err = -ENOSPC;
	if (*err == 0 && q) {
		__atomic_add_fetch(&q->refs, 1, __ATOMIC_RELAXED);
	} else if (*err == 0) {
		list_append(&names, &fresh->named);
		nqueues++;
		q = fresh;
		fresh = NULL;
	}
	unlock(&names_lock);
	if (fresh) {
		mqueue_put(fresh);
		mqueue_put(fresh);
	}
	return *err < 0 ? NULL : q;
}

struct file *mqueue_open(const char *name, uint32_t flags, uint32_t mode,
			 const struct abi_mq_attr *attr, int *err)
{
	struct mqueue *q;
	struct file *f;

	*err = !name[0] ? -ENOENT : strchr(name, '/') ? -EACCES :
	       (flags & O_ACCMODE) == O_ACCMODE ? -EINVAL : 0;
	if (*err < 0 || !(q = mqueue_get(name, flags, mode, attr, err)))
		return NULL;
	f = file_new(inode_get(q->inode), &mqueue_ops, flags & (O_ACCMODE | O_NONBLOCK), err);
	if (f)
		f->private = q;
	else
		mqueue_put(q);
	return f;
}

int mqueue_unlink(const char *name)
{
	const struct cred *me = &current_process->cred;
	struct mqueue *q;
	int err = -ENOENT;

	lock(&names_lock);
	q = find(name);
	if (q && me->euid != 0 && me->euid != q->inode->uid) {
		err = -EACCES;
	} else if (q) {
		list_remove(&q->named);
		nqueues--;
		err = 0;
	}
	unlock(&names_lock);
	if (err == 0)
		mqueue_put(q);
	return err;
}
