/*
 * Tracing: a ring of records between traced processes and who reads their
 * /proc/PID/trace, and who is traced at all. trace_call.c makes the records of
 * calls.
 *
 * A traced task is in user mode as TASK_TRACED. So its calls find no TASK_USER,
 * enter by syscall_enter_slow, and are recorded there; ATTENTION_TRACE makes
 * them leave by syscall_attention, where the result is. Who isn't traced pays nothing.
 *
 * Whose trace a process belongs to is p->trace, under p->lock, which is held
 * while anything of it is put into the ring: after detaching nothing more comes.
 *
 * Letters: I immutable, s under s->lock, a atomic.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "trace_ring.h"

#define RING_ORDER 6
#define RING_SIZE ((uint32_t)PAGE_SIZE << RING_ORDER)
/* What only a process that may wait must leave free: for events that can't wait, and TRACE_LOST. */
#define RESERVE 16384u
#define STRING_MAX (RECORD_MAX / 2)

struct trace {
	int refs;               /* [a] the file's, and of each process's pointer to it */
	struct lock lock;       /* RANK_TRACE */
	struct wait_queue readable, writable;
	char *ring;             /* [I] RING_SIZE bytes */
	uint32_t head, tail;    /* [s] bytes ever written and read; the difference is what is queued */
	uint64_t lost;          /* [s] records, since the last that fitted */
	int nprocesses;         /* [s] that it traces */
	bool begun;             /* [s] it has traced one */
	bool closed;            /* [a] nobody reads any more */
	bool privileged;        /* [I] root reads */
	bool follow, wait;      /* [a] as commanded */
	uint32_t string_max;    /* [a] bytes taken of strings and data */
};
static struct slab_cache trace_cache = SLAB_CACHE("trace", struct trace);

static struct trace *trace_get(struct trace *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void trace_put(struct trace *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	page_free(s->ring, RING_ORDER);
	slab_free(&trace_cache, s);
}

struct trace *trace_of(struct process *p)
{
	struct trace *s;

	lock(&p->lock);
	s = p->trace ? trace_get(p->trace) : NULL;
	unlock(&p->lock);
	return s;
}

uint32_t trace_string_max(struct trace *s)
{
	return __atomic_load_n(&s->string_max, __ATOMIC_RELAXED);
}

/* ---- the ring ---- */

static uint32_t room(struct trace *s)
{
	return RING_SIZE - (s->head - s->tail);
}

static void append(struct trace *s, const void *bytes, uint32_t n)
{
	uint32_t at = s->head % RING_SIZE, first = min(n, RING_SIZE - at);

	assert_held(&s->lock);
	memcpy(s->ring + at, bytes, first);
	memcpy(s->ring, (const char *)bytes + first, n - first);
	s->head += n;
}

/* False: there is no room for it beside the reserve. */
static bool put(struct trace *s, const struct abi_trace *record, uint32_t reserve)
{
	bool fits;

	lock(&s->lock);
	fits = room(s) >= record->size + reserve + sizeof(struct abi_trace);
	if (fits && s->lost) {
		struct abi_trace lost = { sizeof lost, TRACE_LOST, 0, 0, record->time, (int64_t)s->lost };

		append(s, &lost, sizeof lost);
		s->lost = 0;
	}
	if (fits)
		append(s, record, record->size);
	unlock(&s->lock);
	if (fits)
		wake_all(&s->readable);
	return fits;
}

static void lose(struct trace *s)
{
	lock(&s->lock);
	s->lost++;
	unlock(&s->lock);
}

static bool has_room(struct trace *s)
{
	bool has;

	lock(&s->lock);
	has = room(s) >= 2 * RESERVE;
	unlock(&s->lock);
	return has || __atomic_load_n(&s->closed, __ATOMIC_SEQ_CST);
}

static void wait_for_room(struct trace *s)
{
	struct waiter w;

	wait_begin(&s->writable, &w);
	while (!has_room(s) && !current->killed)
		wait_sleep_killable(FOREVER);
	wait_end(&w);
}

void trace_put_call(struct process *p, const struct abi_trace *record)
{
	struct trace *s;
	bool done = false, wait;

	do {
		lock(&p->lock);
		s = p->trace ? trace_get(p->trace) : NULL;
		wait = s && s->wait && !current->killed;
		if (s)
			done = put(s, record, RESERVE);
		unlock(&p->lock);
		if (s && !done && wait)
			wait_for_room(s);
		else if (s && !done)
			lose(s);
		if (s)
			trace_put(s);
	} while (s && !done && wait);
}

/* Something that can't wait; p->lock is held, or p is new. */
static void event(struct process *p, int tid, enum abi_trace_event what, int64_t value,
		  const void *data, uint32_t n)
{
	struct {
		struct abi_trace head;
		char data[sizeof(struct abi_siginfo)];
	} record = { .head = { sizeof record.head + n, what, p->pid, tid, trace_now(), value } };

	if (!p->trace)
		return;
	if (n)
		memcpy(record.data, data, n);
	if (!put(p->trace, &record.head, 0))
		lose(p->trace);
}

/* ---- who is traced ---- */

void trace_task(struct task *t)
{
	uint32_t user = TASK_USER;

	__atomic_store_n(&t->traced, true, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&t->attention, ATTENTION_TRACE, __ATOMIC_SEQ_CST);
	/* If it is in the kernel, it sees to that on the way out. */
	__atomic_compare_exchange_n(&t->state, &user, TASK_TRACED, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

static void untrace_task(struct task *t)
{
	uint32_t traced = TASK_TRACED;

	__atomic_store_n(&t->traced, false, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&t->state, &traced, TASK_USER, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

static void count_processes(struct trace *s, int by)
{
	lock(&s->lock);
	s->nprocesses += by;
	s->begun = true;
	unlock(&s->lock);
	if (by < 0)
		wake_all(&s->readable);
}

/* p->lock is held; the reference is the caller's to drop, without the lock. */
static struct trace *detach(struct process *p)
{
	struct trace *s = p->trace;
	struct task *t;

	assert_held(&p->lock);
	if (!s)
		return NULL;
	p->trace = NULL;
	list_for_each(t, &p->tasks, of_process)
		untrace_task(t);
	count_processes(s, -1);
	return s;
}

static int attach(struct process *p, struct trace *s)
{
	struct task *t;
	int err = 0;

	lock(&p->lock);
	if (p->trace || p->trace_children)
		err = -EBUSY;
	else if (p == current_process)
		p->trace_children = trace_get(s);
	else if (p->exiting || list_empty(&p->tasks))
		err = -ESRCH;
	else {
		p->trace = trace_get(s);
		count_processes(s, 1);
		list_for_each(t, &p->tasks, of_process)
			trace_task(t);
	}
	unlock(&p->lock);
	return err;
}

int trace_open(struct process *p, struct trace **trace)
{
	struct trace *s = slab_alloc(&trace_cache);
	int err;

	if (!s)
		return -ENOMEM;
	s->refs = 1;
	lock_init(&s->lock, RANK_TRACE);
	wait_queue_init(&s->readable);
	wait_queue_init(&s->writable);
	s->privileged = current_process->cred.euid == 0;
	s->string_max = 32;
	if (!(s->ring = page_alloc(RING_ORDER))) {
		slab_free(&trace_cache, s);
		return -ENOMEM;
	}
	if ((err = attach(p, s)) < 0) {
		trace_put(s);
		return err;
	}
	*trace = s;
	return 0;
}

static void leave_trace(struct process *p, void *arg)
{
	struct trace *s = arg;
	bool was, started;

	lock(&p->lock);
	was = p->trace == s && detach(p);
	started = p->trace_children == s;
	if (started)
		p->trace_children = NULL;
	unlock(&p->lock);
	if (was)
		trace_put(s);
	if (started)
		trace_put(s);
}

void trace_close(struct trace *s)
{
	__atomic_store_n(&s->closed, true, __ATOMIC_SEQ_CST);
	lock(&processes_lock);
	process_each(leave_trace, s);
	unlock(&processes_lock);
	wake_all(&s->writable);
	trace_put(s);
}

void trace_inherit(struct process *p, struct process *parent)
{
	struct trace *s;

	assert_held(&processes_lock);
	lock(&parent->lock);
	s = parent->trace_children ? parent->trace_children :
	    parent->trace && parent->trace->follow ? parent->trace : NULL;
	if (s) {
		p->trace = trace_get(s);
		count_processes(s, 1);
		event(p, p->pid, TRACE_BEGIN, parent->pid, NULL, 0);
	}
	unlock(&parent->lock);
}

void trace_set_id(struct process *p)
{
	if (p->trace && !p->trace->privileged)
		trace_put(detach(p)); /* not the last reference: the file has one while it is open */
}

void trace_end(struct process *p)
{
	struct trace *s, *children;

	lock(&p->lock);
	event(p, p->pid, TRACE_END, p->status, NULL, 0);
	s = detach(p);
	children = p->trace_children;
	p->trace_children = NULL;
	unlock(&p->lock);
	if (s)
		trace_put(s);
	if (children)
		trace_put(children);
}

/* ---- events ---- */

void trace_signal(struct process *p, int tid, int sig, const struct abi_siginfo *info)
{
	struct abi_siginfo none = { .signo = sig, .code = SI_KERNEL };

	if (p->trace)
		event(p, tid, TRACE_SIGNAL, sig, info ? info : &none, sizeof none);
}

void trace_stop(struct process *p, int tid, int sig)
{
	lock(&p->lock);
	event(p, tid, TRACE_STOP, sig, NULL, 0);
	unlock(&p->lock);
}

void trace_thread_end(struct process *p, int tid)
{
	event(p, tid, TRACE_THREAD, 0, NULL, 0);
}

/* ---- reading ---- */

static int64_t take(struct trace *s, struct uio *u)
{
	int64_t done = 0;

	assert_held(&s->lock);
	while (s->tail != s->head) {
		uint32_t at = s->tail % RING_SIZE;
		/* the size is never split: records and the ring are multiples of 8 */
		uint32_t size = ((const struct abi_trace *)(s->ring + at))->size;
		uint32_t first = min(size, RING_SIZE - at);
		int64_t n;

		if (u->left < size)
			return done ? done : -EINVAL;
		n = uio_out(u, s->ring + at, first);
		if (n == (int64_t)first && first < size)
			n += uio_out(u, s->ring, size - first);
		if (n < (int64_t)size)
			return done ? done : -EFAULT;
		s->tail += size;
		done += size;
	}
	return done;
}

int64_t trace_read(struct trace *s, struct uio *u, bool nonblock)
{
	int64_t n;
	int err = 0;

	lock(&s->lock);
	if (s->head == s->tail && nonblock && !(s->begun && !s->nprocesses))
		err = -EAGAIN;
	else
		err = wait_event(&s->readable, &s->lock,
				 s->head != s->tail || (s->begun && !s->nprocesses), FOREVER);
	n = err ? err : take(s, u);
	unlock(&s->lock);
	if (n > 0)
		wake_all(&s->writable);
	return n;
}

unsigned trace_poll(struct trace *s, struct poll_table *pt)
{
	bool ready;

	poll_on(pt, &s->readable);
	lock(&s->lock);
	ready = s->head != s->tail || (s->begun && !s->nprocesses);
	unlock(&s->lock);
	return ready ? POLLIN | POLLRDNORM : 0;
}

int trace_command(struct trace *s, const char *command)
{
	uint32_t n = 0;

	if (strcmp(command, "follow") == 0)
		s->follow = true;
	else if (strcmp(command, "wait") == 0)
		s->wait = true;
	else if (strncmp(command, "string ", 7) == 0 && command[7]) {
		for (command += 7; *command >= '0' && *command <= '9' && n <= STRING_MAX; command++)
			n = n * 10 + (uint32_t)(*command - '0');
		if (*command || n > STRING_MAX)
			return -EINVAL;
		__atomic_store_n(&s->string_max, n, __ATOMIC_RELAXED);
	} else
		return -EINVAL;
	return 0;
}
