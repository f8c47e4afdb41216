/*
 * Tasks: threads of processes. What a task does when it runs is in worker.c and
 * entry.h; how it ends in exit.c.
 */
#include "task.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "trace.h"
#include "worker.h"

static struct slab_cache task_cache = SLAB_CACHE("task", struct task);

struct task *task_new(struct process *p, int tid, sigset mask)
{
	struct task *t = slab_alloc(&task_cache);

	if (!t)
		return NULL;
	t->state = TASK_KERNEL;
	t->tid = tid;
	t->refs = 1;
	t->process = p;
	t->mask = mask; /* before signals look for somebody to take them */
	t->state_letter = 'R';
	t->alt_stack.flags = SS_DISABLE;
	pending_init(&t->pending);
	list_init(&t->of_process);
	list_init(&t->queued);
	list_init(&t->held_words);
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	lock(&p->lock);
	list_append(&p->tasks, &t->of_process);
	p->ntasks++;
	memcpy(t->name, current && current->process == p ? task_name(current) : p->name, sizeof(t->name));
	/* The process may have got signals, or have been stopped or killed, when this task was not there to be told. */
	t->attention = ATTENTION_LOOK;
	/* With the thread that makes it: an exec elsewhere kills all that are there. */
	t->killed = p->exiting || (current && current->process == p && current->killed);
	if (p->trace)
		trace_task(t);
	unlock(&p->lock);
	return t;
}

void task_abandon(struct task *t)
{
	struct process *p = t->process;

	lock(&p->lock);
	list_remove(&t->of_process);
	p->ntasks--;
	unlock(&p->lock);
	sched_end(t); /* unit tests run such tasks */
	task_put(t);
}

void task_put(struct task *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pending_flush(&t->pending, ~0ull);
	snapshot_free(t->snapshot);
	traced_call_free(t);
	process_put(t->process);
	slab_free(&task_cache, t);
}

void task_look(struct task *t)
{
	assert_held(&t->process->lock);
	__atomic_store_n(&t->attention, ATTENTION_LOOK, __ATOMIC_SEQ_CST);
	if (task_in_user(t))
		worker_poke(t);
}

void task_interrupt(struct task *t)
{
	task_look(t);
	task_wake(t);
}

/*
 * A vfork child runs on its parent's worker, which must not be terminated: it
 * sees the kill at its next call.
 */
void task_kill(struct task *t)
{
	assert_held(&t->process->lock);
	__atomic_store_n(&t->killed, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->attention, ATTENTION_LOOK, __ATOMIC_SEQ_CST);
	if (!t->lender && task_in_user(t))
		worker_poke(t);
	task_wake(t);
	wake_all(&t->process->resume);
}

struct thread_arg {
	int pid, tid;
	struct task *found;
};

static void find_thread(struct process *p, void *arg)
{
	struct thread_arg *a = arg;
	struct task *t;

	if (a->pid && p->pid != a->pid)
		return;
	lock(&p->lock);
	list_for_each(t, &p->tasks, of_process)
		if (t->tid == a->tid)
			a->found = task_get(t);
	unlock(&p->lock);
}

struct task *task_find(int pid, int tid)
{
	struct thread_arg a = { pid, tid, NULL };

	lock(&processes_lock);
	process_each(find_thread, &a);
	unlock(&processes_lock);
	return a.found;
}

_Noreturn void task_wait_for_death(void)
{
	uint32_t never = 0;

	for (;;)
		host_futex_wait(&never, 0, FOREVER);
}
