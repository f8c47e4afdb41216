/*
 * fork, vfork and threads: new tasks from a running one.
 *
 * fork copies the live parts of the parent's memory into kernel pages, from
 * which the child's worker fills the child's memory: no message carries it, and
 * the parent goes on as soon as its half is done. The program's frames are
 * rewound by asyncify (docs/architecture.md, "fork").
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "entry.h"
#include "mm.h"
#include "trace.h"
#include "worker.h"

#define RUN_ORDER 4 /* copies are made of runs of 64 KiB */

struct run {
	struct run *next;
	uaddr start;
	uint32_t length;
	void *data; /* order RUN_ORDER pages */
};
struct snapshot {
	struct run *first, **last;
};
static struct slab_cache run_cache = SLAB_CACHE("fork_run", struct run);
static struct slab_cache snapshot_cache = SLAB_CACHE("fork_snapshot", struct snapshot);

void snapshot_free(struct snapshot *s)
{
	struct run *r, *next;

	if (!s)
		return;
	for (r = s->first; r; r = next) {
		next = r->next;
		page_free(r->data, RUN_ORDER);
		slab_free(&run_cache, r);
	}
	slab_free(&snapshot_cache, s);
}

static int snapshot_range(uaddr start, uint32_t length, void *arg)
{
	struct snapshot *s = arg;

	while (length > 0) {
		uint32_t n = min(length, PAGE_SIZE << RUN_ORDER);
		struct run *r = slab_alloc(&run_cache);
		int err;

		if (!r)
			return -ENOMEM;
		r->data = page_alloc(RUN_ORDER);
		if (!r->data) {
			slab_free(&run_cache, r);
			return -ENOMEM;
		}
		r->start = start;
		r->length = n;
		*s->last = r;
		s->last = &r->next;
		if ((err = copy_in(r->data, start, n)) < 0)
			return err;
		start += n;
		length -= n;
	}
	return 0;
}

/*
 * Everything alive: the asyncify buffer, the first stack above sp, data, heap,
 * mappings. When sp is elsewhere (a thread, an alternate signal stack), that stack
 * is copied whole, for nobody knows here how much of it is in use. mm is the
 * child's, so it does not change meanwhile.
 */
static struct snapshot *snapshot_take(struct mm *mm, uaddr sp, uaddr buffer, uaddr end, int *err)
{
	struct snapshot *s = slab_alloc(&snapshot_cache);
	uint32_t high = mm_stack_high(mm);
	uaddr from = sp < high ? sp : NULL_BYTES;

	if (!s) {
		*err = -ENOMEM;
		return NULL;
	}
	s->last = &s->first;
	*err = buffer < from ? snapshot_range(buffer, end - buffer, s) : 0;
	if (*err == 0)
		*err = snapshot_range(from, high - from, s);
	if (*err == 0)
		*err = mm_each(mm, snapshot_range, s);
	if (*err < 0) {
		snapshot_free(s);
		return NULL;
	}
	return s;
}

static struct task *fork_task(struct process *p, struct task *parent)
{
	struct task *t = task_new(p, p->pid, parent->mask);

	if (!t)
		return NULL;
	t->restore_mask = parent->restore_mask;
	t->saved_mask = parent->saved_mask;
	t->pending_word = parent->pending_word;
	t->alt_stack = parent->alt_stack;
	t->policy = parent->policy;
	t->priority = parent->priority;
	t->syscall = "fork";
	return t;
}

/* A child with copies of the caller's descriptors, directories and credentials. */
struct process *fork_process(struct process *parent)
{
	struct process *p = process_new(parent);

	if (!p)
		return NULL;
	p->files = fdtable_copy(parent->files);
	p->fs = fs_context_copy(parent->fs);
	if (!p->files || !p->fs) {
		process_abandon(p);
		return NULL;
	}
	return p;
}

static int do_fork(uaddr sp, uaddr tls, uint32_t entry, uaddr buffer, uaddr end)
{
	struct process *p;
	struct task *t;
	int err, pid;

	if (end < buffer)
		return -EINVAL;
	shared_before_fork();
	p = fork_process(current_process);
	if (!p)
		return -EAGAIN;
	signal_inherit(p, current_process);
	err = -ENOMEM;
	p->mm = mm_copy(current_process->mm);
	t = p->mm ? fork_task(p, current) : NULL;
	if (!t)
		goto no_task;
	t->snapshot = snapshot_take(p->mm, sp, buffer, end, &err);
	if (!t->snapshot)
		goto no_snapshot;
	t->globals[0] = sp;
	t->globals[1] = tls;
	t->globals[2] = entry;
	t->globals[3] = buffer;
	pid = p->pid;
	if ((err = worker_dispatch(t, JOB_FORK)) < 0)
		goto no_snapshot;
	return pid;
no_snapshot:
	task_abandon(t); /* with its snapshot */
no_task:
	process_abandon(p);
	return err;
}

/* The program has unwound, so the task is in user state here. */
int32_t worker_fork(uint32_t stack_pointer, uint32_t tls_base, uint32_t entry, uint32_t buffer,
		    uint32_t buffer_end)
{
	if (unlikely(!syscall_entered("fork")))
		syscall_enter_slow(CALL_fork, 0, 0, 0, 0, 0, 0);
	return syscall_exit(do_fork(stack_pointer, tls_base, entry, buffer, buffer_end));
}

int32_t worker_fork_fill(void)
{
	struct snapshot *s;
	int err = 0;

	syscall_enter("fork");
	s = current->snapshot;
	for (struct run *r = s->first; r && err == 0; r = r->next)
		err = copy_out(r->start, r->data, r->length);
	current->snapshot = NULL;
	snapshot_free(s);
	if (err == 0)
		err = shared_fill();
	return syscall_exit(err);
}

uint32_t worker_memory_pages(void)
{
	return mm_pages(current_process->mm);
}

/* The boot code takes this import over in programs that can fork; others can't. */
int32_t sys_fork(void)
{
	return -ENOSYS;
}

/*
 * The child borrows the caller's worker and memory; only `current` changes. The
 * caller's task lies still, in KERNEL state, until the child execs or ends.
 */
int32_t sys_vfork(void)
{
	struct task *parent = current, *t;
	struct process *p = fork_process(parent->process);

	if (!p)
		return -EAGAIN;
	p->mm = mm_get(parent->process->mm);
	t = fork_task(p, parent);
	if (!t) {
		process_abandon(p);
		return -ENOMEM;
	}
	t->lender = task_get(parent);
	sched_move(parent, t);
	parent->state_letter = 'D';
	trace_vfork(parent, p->pid);
	current = t;
	return p->pid;
}

int32_t sys_thread_create(uint32_t attributes)
{
	struct process *p = current_process;
	struct abi_thread a;
	struct task *t;
	int tid, err;

	if ((err = copy_in(&a, attributes, sizeof(a))) < 0)
		return err;
	lock(&processes_lock);
	tid = pid_alloc();
	t = tid > 0 && !p->exiting && !process_over_limit(p) ? task_new(p, tid, current->mask) : NULL;
	unlock(&processes_lock);
	if (!t)
		return -EAGAIN;
	t->policy = current->policy;
	t->priority = current->priority;
	t->globals[0] = a.stack_high;
	t->globals[1] = a.tls;
	t->globals[2] = a.argument;
	t->clear_tid = a.clear_tid;
	t->pending_word = a.pending;
	err = a.parent_tid ? user_store(a.parent_tid, tid) : 0;
	if (err == 0)
		err = worker_dispatch(t, JOB_THREAD);
	if (err < 0) {
		task_abandon(t);
		return err;
	}
	return tid;
}
