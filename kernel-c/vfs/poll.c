/*
 * poll: puts the task on the wait queues of all files, by way of each file's
 * poll operation, and looks again at each wake-up.
 */
#include "poll.h"

#include "../lib/alloc.h"
#include "../task/task.h"

#define FEW 8 /* waiters that need no memory: most calls name one or two files */

struct waiter_chunk {
	struct waiter_chunk *next;
	unsigned n;
	struct waiter waiter[(PAGE_SIZE - 16) / sizeof(struct waiter)];
};

struct poll_waits {
	struct poll_table table;
	uint32_t seen;               /* the task's wake word before the first queue */
	unsigned nfew;
	struct waiter few[FEW];
	struct waiter_chunk *chunks; /* the fullest last */
};

static struct waiter *waiter_new(struct poll_waits *pt)
{
	struct waiter_chunk *c = pt->chunks;

	if (pt->nfew < FEW)
		return &pt->few[pt->nfew++];
	if (!c || c->n == countof(c->waiter)) {
		c = kmalloc(sizeof(*c));
		if (!c)
			return NULL;
		c->next = pt->chunks;
		c->n = 0;
		pt->chunks = c;
	}
	return &c->waiter[c->n++];
}

static bool poll_add(struct poll_table *table, struct wait_queue *q)
{
	struct poll_waits *pt = container_of(table, struct poll_waits, table);
	struct waiter *w = waiter_new(pt);

	if (!w)
		return false;
	wait_begin(q, w);
	/* A wake-up from a queue before this one must still count. */
	current->seen = pt->seen;
	return true;
}

static void poll_begin(struct poll_waits *pt)
{
	pt->table = (struct poll_table){ poll_add, false };
	pt->seen = __atomic_load_n(&current->wakeups, __ATOMIC_SEQ_CST);
	current->seen = pt->seen; /* there may be no queue at all */
	pt->nfew = 0;
	pt->chunks = NULL;
}

static void poll_end(struct poll_waits *pt)
{
	for (unsigned i = 0; i < pt->nfew; i++)
		wait_end(&pt->few[i]);
	while (pt->chunks) {
		struct waiter_chunk *c = pt->chunks;

		for (unsigned i = 0; i < c->n; i++)
			wait_end(&c->waiter[i]);
		pt->chunks = c->next;
		kfree(c);
	}
}

unsigned file_poll(struct file *f, struct poll_table *pt)
{
	if (!f->ops->poll)
		return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	return f->ops->poll(f, pt);
}

/* How many items are ready; as soon as one is, the rest need not be waited for. */
static int look(struct poll_item *items, unsigned n, struct poll_table *pt)
{
	int ready = 0;

	for (unsigned i = 0; i < n; i++) {
		struct poll_item *it = &items[i];

		if (it->file)
			it->revents = file_poll(it->file, ready ? NULL : pt) &
				      (it->events | POLLERR | POLLHUP);
		ready += it->revents != 0;
	}
	return ready;
}

int poll_files(struct poll_item *items, unsigned n, nsec deadline)
{
	struct poll_waits pt;
	int ready = look(items, n, NULL), err = 0;

	if (ready || deadline == 0)
		return ready;
	poll_begin(&pt);
	ready = look(items, n, &pt.table);
	while (!ready && !err && !pt.table.out_of_memory) {
		err = wait_sleep(deadline);
		ready = look(items, n, NULL);
	}
	poll_end(&pt);
	if (ready || err == -ETIMEDOUT)
		return ready;
	return pt.table.out_of_memory ? -ENOMEM : -ERESTARTNOHAND;
}
