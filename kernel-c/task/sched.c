/*
 * A task's own steps between having a CPU and not (sched.h); the queue is in
 * run_queue.c.
 */
#include "sched.h"

#include "../host.h"
#include "../kernel.h"
#include "run_queue.h"

nsec sched_interval(const struct task *t)
{
	return t->policy == SCHED_FIFO ? 0 : t->policy == SCHED_RR ? SCHED_RR_INTERVAL : SCHED_SLICE;
}

nsec task_cpu(const struct task *t)
{
	nsec clock = __atomic_load_n(&t->sched.clock, __ATOMIC_RELAXED);

	return clock < 0 ? max(host_clock() + clock, 0ll) : clock;
}

/* The current task has a token, or can do without. */
static void begin_turn(struct task *t)
{
	nsec now = host_clock();

	lock(&runq.lock);
	if (!t->sched.since)
		t->sched.since = t->sched.charged = now;
	runq_clock_run(t, now);
	unlock(&runq.lock);
}

static bool may_run(const struct task *t)
{
	return __atomic_load_n(&t->sched.state, __ATOMIC_SEQ_CST) >= SCHED_STATE_RUNNING;
}

/*
 * The current task is in the queue. Dying tasks don't wait: a kill sets `killed`
 * and looks at `parked`, this does the reverse, so one sees the other.
 */
static void wait_for_turn(struct task *t)
{
	__atomic_store_n(&t->parked, true, __ATOMIC_SEQ_CST);
	while (!may_run(t)) {
		if (__atomic_load_n(&t->killed, __ATOMIC_SEQ_CST))
			sched_wake(t);
		else
			host_futex_wait(&t->sched.state, SCHED_STATE_QUEUED, FOREVER);
	}
	__atomic_store_n(&t->parked, false, __ATOMIC_RELAXED);
	begin_turn(t);
}

/* Of the current task, which is off unless a wake-up was quicker. */
static void come_back(struct task *t, bool woken)
{
	bool now, ring = false;

	if (!may_run(t)) {
		lock(&runq.lock);
		if (t->sched.state == SCHED_STATE_OFF)
			runq_make_runnable(t, woken, &now, &ring);
		unlock(&runq.lock);
	}
	if (ring)
		host_ring();
	wait_for_turn(t);
}

void sched_start(void)
{
	come_back(current, false);
}

int sched_park(nsec now, nsec deadline)
{
	struct task *t = current, *next;
	int err = 0;

	lock(&runq.lock);
	__atomic_store_n(&t->parked, true, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->wakeups, __ATOMIC_SEQ_CST) != t->seen) {
		__atomic_store_n(&t->parked, false, __ATOMIC_RELAXED);
		unlock(&runq.lock);
		return 0;
	}
	next = runq_pass_on(runq_leave(t, now), now);
	unlock(&runq.lock);
	runq_notify(next);
	while (err == 0 && __atomic_load_n(&t->sched.state, __ATOMIC_SEQ_CST) == SCHED_STATE_OFF)
		err = host_futex_wait(&t->sched.state, SCHED_STATE_OFF, deadline);
	come_back(t, true);
	return err;
}

void sched_wake(struct task *t)
{
	bool now = false, ring = false;

	lock(&runq.lock);
	if (t->sched.state == SCHED_STATE_OFF && __atomic_load_n(&t->parked, __ATOMIC_RELAXED)) {
		runq_make_runnable(t, true, &now, &ring);
	} else if (t->sched.state == SCHED_STATE_QUEUED &&
		   __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST)) {
		runq_dequeue(t, host_clock());
		runq_run(t, -1, 0);
		now = true;
	}
	unlock(&runq.lock);
	if (now)
		runq_notify(t);
	if (ring)
		host_ring();
}

void sched_block(struct task *t)
{
	struct task *next;
	nsec now;

	if (!t)
		return;
	now = host_clock();
	lock(&runq.lock);
	next = runq_pass_on(runq_leave(t, now), now);
	unlock(&runq.lock);
	runq_notify(next);
}

void sched_unblock(struct task *t)
{
	bool ring;

	if (!t)
		return;
	if (runq_realtime(t)) {
		come_back(t, true);
		return;
	}
	lock(&runq.lock);
	ring = t->sched.state == SCHED_STATE_OFF && runq_make_running(t, host_clock());
	unlock(&runq.lock);
	if (ring)
		host_ring();
	begin_turn(t);
}

/* The current task stops here and waits in the queue; next has its token. runq.lock is held, and released. */
static void step_aside(struct task *t, struct task *next, nsec now, bool in_front)
{
	int cpu = runq_leave(t, now);

	t->sched.woken = false;
	runq_enqueue(t, now, in_front);
	if (cpu < 0)
		cpu = runq_take_token();
	if (!next)
		next = runq_pass_on(cpu, now);
	else
		runq_run(next, cpu, now);
	unlock(&runq.lock);
	__atomic_add_fetch(&t->sched.preemptions, 1, __ATOMIC_RELAXED);
	if (next != t)
		runq_notify(next);
	wait_for_turn(t);
}

/* A real-time task whose turn was cut short is the first of its priority (POSIX, SCHED_FIFO). */
void sched_reschedule(void)
{
	struct task *t = current, *w;
	nsec now = host_clock();
	bool beaten;

	lock(&runq.lock);
	runq_charge(t, now);
	t->sched.deaf = false;
	beaten = t->sched.state == SCHED_STATE_LOOSE || runq_loose_above(t);
	list_for_each(w, &runq.queued, sched.node)
		beaten |= runq_beats(w, t, now);
	if (!beaten || __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST)) {
		runq_set_told(t, false);
		unlock(&runq.lock);
		return;
	}
	step_aside(t, NULL, now, t->policy == SCHED_FIFO || runq_turn(t, now) < SCHED_RR_INTERVAL);
}

bool sched_give_way(void)
{
	struct task *t = current, *next;
	nsec now;
	bool above;

	/* watched: there may be a loose one that goes before */
	if (!sched_contended() && !__atomic_load_n(&runq.watched, __ATOMIC_RELAXED))
		return false;
	now = host_clock();
	lock(&runq.lock);
	above = t->sched.state == SCHED_STATE_RUNNING && runq_loose_above(t);
	if (t->sched.state != SCHED_STATE_LOOSE && !above &&
	    (list_empty(&runq.queued) || t->sched.state < SCHED_STATE_RUNNING ||
	     runq_realtime(list_first(&runq.queued, struct task, sched.node)) < runq_realtime(t))) {
		unlock(&runq.lock);
		return false;
	}
	next = t->sched.state == SCHED_STATE_RUNNING && !above ? runq_pick(now) : NULL;
	step_aside(t, next, now, false);
	return true;
}

void sched_move(struct task *from, struct task *to)
{
	nsec now = host_clock();

	lock(&runq.lock);
	if (from->sched.state >= SCHED_STATE_RUNNING) {
		uint32_t state = from->sched.state;

		runq_charge(from, now);
		runq_clock_stop(from, now);
		list_add(&from->sched.node, &to->sched.node);
		list_remove(&from->sched.node);
		runq_set_state(from, SCHED_STATE_OFF);
		to->sched.cpu = from->sched.cpu;
		runq_set_told(to, from->sched.told);
		runq_set_told(from, false);
		to->sched.told_at = from->sched.told_at;
		to->sched.vruntime = from->sched.vruntime;
		to->sched.since = to->sched.charged = now;
		runq_clock_run(to, now);
		runq_set_state(to, state);
	}
	unlock(&runq.lock);
}

void sched_end(struct task *t)
{
	nsec now = host_clock();
	struct task *next = NULL;

	lock(&runq.lock);
	if (t->sched.state == SCHED_STATE_QUEUED) {
		runq_dequeue(t, now);
		runq_set_state(t, SCHED_STATE_OFF);
	} else {
		next = runq_pass_on(runq_leave(t, now), now);
	}
	unlock(&runq.lock);
	runq_notify(next);
}

/* t has another priority: who goes before whom now? True when the supervisor is to be rung. */
static bool reconsider(struct task *t, nsec now)
{
	bool ring = false;
	struct task *h;

	if (t->sched.state == SCHED_STATE_QUEUED) {
		list_remove(&t->sched.node);
		runq_insert(t, false);
		if ((h = runq_victim(t, now))) {
			runq_tell(h, now);
			ring = true;
		}
	} else if (t->sched.state == SCHED_STATE_RUNNING && runq_loose_above(t)) {
		runq_tell_self(t, now);
		ring = true;
	} else if (t->sched.state == SCHED_STATE_RUNNING && !list_empty(&runq.queued)) {
		ring = true; /* somebody may come before it now */
	}
	if (ring)
		runq_watch();
	return ring;
}

void sched_set_policy(struct task *t, int policy, int priority)
{
	nsec now = host_clock();
	bool ring;

	lock(&runq.lock);
	if (t->sched.state >= SCHED_STATE_RUNNING)
		runq_charge(t, now);
	t->policy = policy;
	t->priority = priority;
	ring = reconsider(t, now);
	unlock(&runq.lock);
	if (ring)
		host_ring();
}

void sched_boost(struct task *t, int priority)
{
	bool ring = false;
	nsec now;

	lock(&runq.lock);
	if (t->sched.boost != priority) {
		now = host_clock();
		if (t->sched.state >= SCHED_STATE_RUNNING)
			runq_charge(t, now);
		t->sched.boost = priority;
		ring = reconsider(t, now);
	}
	unlock(&runq.lock);
	if (ring)
		host_ring();
}

int sched_priority(struct task *t)
{
	int priority;

	lock(&runq.lock);
	priority = runq_realtime(t);
	unlock(&runq.lock);
	return priority;
}

/* ---- what is to be seen of it ---- */

char sched_letter(const struct task *t)
{
	char letter = __atomic_load_n(&t->state_letter, __ATOMIC_RELAXED);
	uint32_t state = __atomic_load_n(&t->sched.state, __ATOMIC_RELAXED);

	return state != SCHED_STATE_OFF && (letter == 'S' || letter == 'D') ? 'R' : letter;
}

void sched_totals(struct sched_totals *to)
{
	nsec now = host_clock();
	struct task *t;

	lock(&runq.lock);
	list_for_each(t, &runq.running, sched.node)
		runq_charge(t, now);
	list_for_each(t, &runq.loose, sched.node)
		runq_charge(t, now);
	*to = runq.totals;
	to->runnable = 0;
	list_for_each(t, &runq.running, sched.node)
		to->runnable++;
	list_for_each(t, &runq.loose, sched.node)
		to->runnable++;
	list_for_each(t, &runq.queued, sched.node) {
		to->runnable++;
		to->queued += max(now - t->sched.since, 0ll);
	}
	unlock(&runq.lock);
}
