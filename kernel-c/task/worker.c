/*
 * Workers: the kernel's CPUs. A worker runs one task at a time, from a job that
 * another task (or the host) hands it until the task has ended.
 *
 * A slot holds a worker's kernel stack and TLS. Slots go FREE -> STARTING
 * (worker_new) -> IDLE <-> BUSY, then DYING (its task was killed in user mode, or the host is
 * short of memory), and back to
 * FREE when the host says that the worker is gone. The stack of a terminated worker is
 * used again only then.
 *
 * Everything here is under worker_lock, which is taken with process locks held.
 */
#include "work.h"
#include "worker.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "mm.h"

/* Chromium allows 124 shared memories in one tab; every worker may hold one,
 * and one is the kernel's. */
#define WORKERS_MAX 120
/* Workers that only what the host starts may have: whoever fills the system with processes
 * can still be dealt with from another terminal. */
#define WORKERS_HOST 4
/* Idle workers to keep ready: starting one costs a hundred times a spawn. */
#define WORKERS_SPARE 3
#define STACK_ORDER 4 /* 64 KiB of kernel stack */
/* A killed task in its program is made to look, for browsers take up to two seconds to end a worker. With
 * safepoints that needs microseconds of CPU time, which it may have to wait for. */
#define LOOK_TIME 200000000ll

enum worker_state { WORKER_FREE, WORKER_STARTING, WORKER_IDLE, WORKER_BUSY, WORKER_DYING };

struct worker {
	enum worker_state state;
	int slot;
	uint32_t wake;     /* [a] futex word: moves when there is a job */
	struct task *task; /* with a reference while BUSY or DYING */
	uint32_t memory;   /* number of the address space it last ran in */
	void *stack;       /* its TLS lies above it */
	struct list idle;
};

static struct lock worker_lock = LOCK_INIT(RANK_WORKER);
static struct worker workers[WORKERS_MAX];
static struct list idle_workers = LIST_INIT(idle_workers); /* most recently used first */
static struct list job_queue = LIST_INIT(job_queue);       /* tasks without a worker yet */
static struct list poked = LIST_INIT(poked);               /* tasks to make look */
static struct list doomed = LIST_INIT(doomed);             /* of these, the killed ones, by look_until */
static int nidle, nstarting, nqueued, nlive;

_Thread_local struct task *current;
static _Thread_local struct worker *this_worker;

static bool want_more(void)
{
	assert_held(&worker_lock);
	return nlive < WORKERS_MAX && nidle + nstarting < nqueued + WORKERS_SPARE;
}

void worker_count(struct worker_count *n)
{
	lock(&worker_lock);
	*n = (struct worker_count){ nlive, nidle, nstarting, nqueued };
	unlock(&worker_lock);
}

/*
 * The last few are for programs that the host starts: a terminal's shell. Whose task is dead
 * or has left makes room: whoever waited for it, or killed it, may start another at once, which
 * waits until that worker can take it.
 */
static bool has_room(const struct task *t, int job)
{
	bool by_host = t->process->host_child && job == JOB_START;
	int most = by_host ? WORKERS_MAX : WORKERS_MAX - WORKERS_HOST, used = nqueued;

	if (nlive - nidle - nstarting + nqueued < most)
		return true;
	for (int i = 0; i < WORKERS_MAX; i++)
		used += workers[i].state == WORKER_BUSY && workers[i].task;
	return used < most;
}

/* The worker that was used last; for a thread rather one that still knows its memory. */
static struct worker *choose_idle(const struct task *t, int job)
{
	struct worker *w;

	if (job == JOB_THREAD)
		list_for_each(w, &idle_workers, idle)
			if (w->memory == t->process->mm->id)
				return w;
	return list_first(&idle_workers, struct worker, idle);
}

static void give_job(struct worker *w, struct task *t)
{
	w->state = WORKER_BUSY;
	w->task = t;
	w->memory = t->process->mm->id;
	t->worker = w;
}

int worker_dispatch(struct task *t, int job)
{
	struct worker *w = NULL;
	bool ring, room;

	lock(&worker_lock);
	t->job = job;
	room = has_room(t, job);
	if (room && !list_empty(&idle_workers)) {
		w = choose_idle(t, job);
		list_remove(&w->idle);
		nidle--;
		give_job(w, task_get(t));
	} else if (room) {
		if (list_empty(&t->queued))
			task_get(t);
		else
			list_remove(&t->queued); /* it was to be poked; that reference is ours now */
		list_append(&job_queue, &t->queued);
		nqueued++;
	}
	ring = want_more();
	unlock(&worker_lock);
	if (w) {
		__atomic_add_fetch(&w->wake, 1, __ATOMIC_SEQ_CST);
		host_futex_wake(&w->wake, 1);
	}
	if (ring)
		host_ring();
	return room ? 0 : -EAGAIN;
}

/*
 * Its program is over, and what pokes it may have got are done: the lock is held
 * while one is poked. So none hits whatever uses the memory next.
 */
void worker_poke_end(struct task *t)
{
	lock(&worker_lock);
	t->pending_word = 0;
	unlock(&worker_lock);
}

void worker_leave(struct task *t)
{
	lock(&worker_lock);
	t->pending_word = 0;
	if (this_worker && this_worker->task == t)
		this_worker->task = NULL;
	unlock(&worker_lock);
	current = NULL;
	task_put(t);
}

/* False when the host does not know the task's memory yet; it will ring again. */
static bool poke(struct task *t)
{
	int err = 0;

	lock(&worker_lock);
	if (t->worker && t->worker->task == t && t->pending_word)
		err = host_poke_worker(t->worker->slot, t->pending_word);
	if (err == -EAGAIN && list_empty(&t->queued))
		list_append(&poked, &task_get(t)->queued);
	unlock(&worker_lock);
	return err != -EAGAIN;
}

void worker_poke(struct task *t)
{
	if (!t->pending_word && !__atomic_load_n(&t->killed, __ATOMIC_SEQ_CST))
		return;
	lock(&worker_lock);
	if (list_empty(&t->queued)) {
		list_append(&poked, &task_get(t)->queued);
		host_ring();
	}
	unlock(&worker_lock);
}

int32_t worker_attach(int32_t slot)
{
	if (slot < 0 || slot >= WORKERS_MAX || workers[slot].state != WORKER_STARTING)
		return -EINVAL;
	this_worker = &workers[slot];
	lock(&worker_lock);
	nstarting--;
	this_worker->state = WORKER_BUSY; /* next_job makes it idle */
	unlock(&worker_lock);
	return 0;
}

static struct task *take_queued(void)
{
	struct task *t;

	if (list_empty(&job_queue))
		return NULL;
	t = list_first(&job_queue, struct task, queued);
	list_remove(&t->queued);
	nqueued--;
	return t;
}

/* ---- the kernel's own work ---- */

static struct list works = LIST_INIT(works);
uint32_t work_queued;

bool work_queue(struct work *w)
{
	struct worker *idle = NULL;
	bool fresh, ring;

	lock(&worker_lock);
	fresh = list_empty(&w->node);
	if (fresh)
		list_append(&works, &w->node);
	if (fresh && !list_empty(&idle_workers)) {
		idle = list_first(&idle_workers, struct worker, idle);
		list_remove(&idle->idle);
		nidle--;
		idle->state = WORKER_BUSY;
	}
	ring = want_more();
	unlock(&worker_lock);
	if (idle) {
		__atomic_add_fetch(&idle->wake, 1, __ATOMIC_SEQ_CST);
		host_futex_wake(&idle->wake, 1);
	}
	__atomic_add_fetch(&work_queued, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&work_queued, 1); /* the unit tests' worker */
	if (ring)
		host_ring();
	return fresh;
}

bool work_cancel(struct work *w)
{
	bool queued;

	lock(&worker_lock);
	queued = !list_empty(&w->node);
	list_remove(&w->node);
	unlock(&worker_lock);
	return queued;
}

static struct work *take_work(void)
{
	struct work *w = NULL;

	lock(&worker_lock);
	if (!list_empty(&works)) {
		w = list_first(&works, struct work, node);
		list_remove(&w->node);
	}
	unlock(&worker_lock);
	return w;
}

void work_run(void)
{
	struct task *t = task_new(process_init, 0, 0);
	struct work *w;

	if (!t)
		return; /* the next that is queued, or the next idle worker, tries again */
	current = t;
	sched_start();
	while ((w = take_work()))
		w->run(w);
	current = NULL;
	task_abandon(t);
}

/*
 * The order of the wait: look at the wake word, become idle, sleep until it
 * moves. True when there is a task to run, false when there may be work.
 */
static bool wait_for_job(struct worker *w)
{
	uint32_t seen = __atomic_load_n(&w->wake, __ATOMIC_SEQ_CST);
	struct task *t;

	lock(&worker_lock);
	w->task = NULL;
	t = take_queued();
	if (t) {
		give_job(w, t);
	} else if (!list_empty(&works)) {
		unlock(&worker_lock);
		return false;
	} else {
		w->state = WORKER_IDLE;
		list_add(&idle_workers, &w->idle);
		nidle++;
	}
	unlock(&worker_lock);
	if (!t)
		for (int turns = 0; __atomic_load_n(&w->wake, __ATOMIC_SEQ_CST) == seen; turns++)
			if (turns > 200)
				host_futex_wait(&w->wake, seen, FOREVER);
	return w->task != NULL;
}

int32_t worker_next_job(void)
{
	while (!wait_for_job(this_worker)) {
		if (this_worker->state == WORKER_DYING)
			return JOB_CLOSE;
		work_run();
	}
	current = this_worker->task;
	sched_start();
	return current->job;
}

/* ---- the supervisor's side ---- */

int32_t supervisor_worker_new(void)
{
	struct worker *w;
	int slot;

	lock(&worker_lock);
	for (slot = 0; slot < WORKERS_MAX && workers[slot].state != WORKER_FREE; slot++)
		;
	if (slot == WORKERS_MAX) {
		unlock(&worker_lock);
		return -EAGAIN;
	}
	w = &workers[slot];
	w->state = WORKER_STARTING;
	nstarting++;
	nlive++;
	unlock(&worker_lock);
	w->slot = slot;
	list_init(&w->idle);
	if (!w->stack)
		w->stack = page_alloc(STACK_ORDER);
	if (!w->stack) {
		supervisor_worker_gone(slot);
		return -EAGAIN;
	}
	return slot;
}

uint32_t supervisor_worker_stack(int32_t slot)
{
	return supervisor_worker_tls(slot);
}

uint32_t supervisor_worker_tls(int32_t slot)
{
	uint32_t size = round_up((uint32_t)kernel_tls_size(), 16u);

	return (uint32_t)(uintptr_t)workers[slot].stack + (PAGE_SIZE << STACK_ORDER) - size;
}

/* Also when a worker crashed or never started: its task, if any, dies by SIGKILL. */
int32_t supervisor_worker_gone(int32_t slot)
{
	struct worker *w;
	struct task *t;
	enum worker_state was;

	if (slot < 0 || slot >= WORKERS_MAX)
		return -EINVAL;
	w = &workers[slot];
	lock(&worker_lock);
	was = w->state;
	if (was == WORKER_FREE) {
		unlock(&worker_lock);
		return 0;
	}
	if (was == WORKER_STARTING)
		nstarting--;
	if (was == WORKER_IDLE) {
		list_remove(&w->idle);
		nidle--;
	}
	nlive--;
	t = w->task;
	w->task = NULL;
	w->state = WORKER_FREE;
	if (t)
		t->worker = NULL;
	unlock(&worker_lock);
	if (t && was == WORKER_BUSY) {
		__atomic_store_n(&t->state, TASK_DEAD, __ATOMIC_SEQ_CST); /* not to be buried once more */
		task_crashed(t);
	}
	if (t)
		task_put(t);
	return 0;
}

int32_t supervisor_shrink(void)
{
	struct worker *w;
	int closed = 0;

	for (;; closed++) {
		lock(&worker_lock);
		w = list_empty(&idle_workers) ? NULL : list_first(&idle_workers, struct worker, idle);
		if (w) {
			list_remove(&w->idle);
			nidle--;
			w->state = WORKER_DYING;
		}
		unlock(&worker_lock);
		if (!w)
			return closed;
		__atomic_add_fetch(&w->wake, 1, __ATOMIC_SEQ_CST);
		host_futex_wake(&w->wake, 1);
	}
}

/* It has been swapped to TASK_DEAD. The worker may run on for a while, but no longer enters the kernel. */
static void bury(struct task *t)
{
	struct worker *w;
	int slot = -1;

	lock(&worker_lock);
	w = t->worker;
	if (w && w->task == t) {
		slot = w->slot;
		w->state = WORKER_DYING;
	}
	unlock(&worker_lock);
	if (slot >= 0)
		host_kill_worker(slot);
	task_gone(t);
	task_put(t);
}

/* t has been poked; the caller's reference becomes the list's, or is dropped. */
static void give_time_to_look(struct task *t)
{
	bool dooms;

	lock(&worker_lock);
	dooms = __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST) && task_in_user(t) && !t->lender &&
		list_empty(&t->queued);
	if (dooms) {
		t->look_until = host_clock() + LOOK_TIME;
		list_append(&doomed, &t->queued);
	}
	unlock(&worker_lock);
	if (!dooms)
		task_put(t);
}

/* Who has looked dies by itself, who didn't in time is buried. When to come again. */
static nsec bury_doomed(void)
{
	nsec now = host_clock();
	struct task *t;

	for (;;) {
		lock(&worker_lock);
		t = list_empty(&doomed) ? NULL : list_first(&doomed, struct task, queued);
		if (!t || (task_in_user(t) && now < t->look_until)) {
			nsec next = t ? t->look_until : FOREVER;

			unlock(&worker_lock);
			return next;
		}
		list_remove(&t->queued);
		unlock(&worker_lock);
		if (task_leave_user(t, TASK_DEAD))
			bury(t);
		else
			task_put(t);
	}
}

static struct task *take_from(struct list *l)
{
	struct task *t = NULL;

	lock(&worker_lock);
	if (!list_empty(l)) {
		t = list_first(l, struct task, queued);
		list_remove(&t->queued);
	}
	unlock(&worker_lock);
	return t;
}

nsec worker_run(void)
{
	struct task *t;
	int wanted;
	nsec next;

	for (bool known = true; known && (t = take_from(&poked)); give_time_to_look(t))
		known = poke(t);
	next = bury_doomed();
	lock(&worker_lock);
	wanted = min(nqueued + WORKERS_SPARE - nidle - nstarting, WORKERS_MAX - nlive);
	unlock(&worker_lock);
	while (wanted-- > 0 && host_start_worker() == 0)
		;
	return next;
}
