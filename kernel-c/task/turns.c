/*
 * The supervisor's part of the scheduler: ending turns. Tasks look by themselves when they
 * leave the kernel; those in the program are made to look, as for a signal.
 */
#include "../host.h"
#include "../kernel.h"
#include "run_queue.h"

/* A task that was told to stop and hasn't after that long can't look; its token goes to another. */
#define GRACE 8000000ll
#define TOLD_MAX 16 /* at a time; the others at the next look */

/* Who was told must look: at the pending word, if it is in the program. */
static void nudge(struct task *t)
{
	struct process *p = t->process;

	lock(&p->lock);
	if (__atomic_load_n(&t->sched.told, __ATOMIC_RELAXED))
		task_look(t);
	unlock(&p->lock);
}

/* The tokens of those that don't look go to others. At most one is notified at a time: true when there was one. */
static bool loosen(nsec now, struct task **got)
{
	struct task *t;

	list_for_each(t, &runq.running, sched.node)
		if (t->sched.told && t->sched.nudged_at && now - t->sched.told_at >= GRACE &&
		    !list_empty(&runq.queued)) {
			t->sched.deaf = true;
			*got = runq_pass_on(runq_loosen(t, now), now);
			return true;
		}
	return false;
}

/* Who runs without a token is to queue for one as soon as it looks. True when there is one to wait for. */
static bool tell_loose(nsec now)
{
	struct task *t;
	bool any = false;

	list_for_each(t, &runq.loose, sched.node) {
		if (__atomic_load_n(&t->killed, __ATOMIC_RELAXED))
			continue;
		if (!t->sched.told)
			runq_tell(t, now);
		any = true;
	}
	return any;
}

/* Those to nudge, the first time with GRACE from now on, for we may be late; again only after a while, for nudging rings the supervisor, which runs this. */
static unsigned collect_told(struct list *from, nsec now, struct task **to, unsigned n)
{
	struct task *t;

	list_for_each(t, from, sched.node)
		if (t->sched.told && now - t->sched.nudged_at >= SCHED_SLICE && n < TOLD_MAX) {
			if (!t->sched.nudged_at)
				t->sched.told_at = now;
			t->sched.nudged_at = now;
			to[n++] = task_get(t);
		}
	return n;
}

/* When the next turn may be over. */
static nsec next_look(nsec now)
{
	nsec next = now + (list_empty(&runq.queued) && list_empty(&runq.loose) ? 4 : 1) * SCHED_SLICE;
	struct task *t;

	list_for_each(t, &runq.running, sched.node) {
		nsec end = t->sched.told ? t->sched.told_at + GRACE :
			   t->sched.since ? t->sched.since + SCHED_SLICE : 0;

		if (end > now)
			next = min(next, end);
	}
	return next;
}

nsec sched_run(void)
{
	struct task *told[TOLD_MAX], *t, *h, *got;
	nsec now, next;
	static bool busy; /* there was something to look at the last time */
	bool was_busy, unbound;
	unsigned n;

	if (!sched_contended() && !__atomic_load_n(&runq.watched, __ATOMIC_RELAXED))
		return FOREVER;
	now = host_clock();
	lock(&runq.lock);
	while (loosen(now, &got)) {
		unlock(&runq.lock);
		runq_notify(got);
		lock(&runq.lock);
	}
	list_for_each(t, &runq.queued, sched.node)
		if ((h = runq_victim(t, now)))
			runq_tell(h, now);
	unbound = tell_loose(now);
	n = collect_told(&runq.running, now, told, 0);
	n = collect_told(&runq.loose, now, told, n);
	was_busy = busy;
	busy = unbound || !list_empty(&runq.queued);
	/* Once more after all is quiet: else each wake-up of a pair that talks would ring. */
	__atomic_store_n(&runq.watched, busy || was_busy, __ATOMIC_RELAXED);
	next = runq.watched ? next_look(now) : FOREVER;
	unlock(&runq.lock);
	for (unsigned i = 0; i < n; i++) {
		nudge(told[i]);
		task_put(told[i]);
	}
	return next;
}
