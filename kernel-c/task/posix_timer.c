/*
 * POSIX timers: timer_create and its calls.
 *
 * A timer has one queued signal of its own, so that its expiry never fails for
 * want of memory. While that signal waits to be taken, a periodic timer is not
 * armed: what it misses is counted when the signal is taken (the overruns), and
 * then it is armed again. So the shortest interval costs no more than its
 * handler can take.
 *
 * Letters: I immutable, p under the process's lock, t under it.lock.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "timer.h"

#define TIMERS_MAX 256 /* of one process */

struct ptimer {
	struct itimer it;
	struct list of_process;      /* [p] process->ptimers; empty: deleted */
	int id;                      /* [I] */
	int notify;                  /* [I] SIGEV_* */
	struct task *target;         /* [I] SIGEV_THREAD_ID: with a reference */
	struct queued_signal signal; /* [p] */
	bool waiting;                /* [t] counts on when the signal is taken */
	int missed;                  /* [p] expiries since the one that is queued */
	int overrun;                 /* [p] of the signal taken last */
};
static struct slab_cache ptimer_cache = SLAB_CACHE("timer", struct ptimer);

static struct ptimer *ptimer_of(struct queued_signal *s)
{
	return container_of(s, struct ptimer, signal);
}

static struct pending *queue_of(struct ptimer *pt)
{
	return pt->target ? &pt->target->pending : &pt->it.process->pending;
}

/* After an expiry whose signal is not in the queue any more; the process's lock is held. */
static void count_on(struct ptimer *pt)
{
	struct itimer *it = &pt->it;
	nsec now = itimer_now_locked(it);

	lock(&it->lock);
	if (pt->waiting) {
		pt->waiting = false;
		pt->missed += itimer_take(it, now);
		if (it->next)
			itimer_arm(it, now);
	}
	unlock(&it->lock);
}

void ptimer_taken(struct queued_signal *s)
{
	struct ptimer *pt = ptimer_of(s);

	assert_held(&pt->it.process->lock);
	count_on(pt);
	pt->overrun = pt->missed;
	pt->missed = 0;
	s->info.timer.overrun = pt->overrun;
}

void ptimer_dropped(struct queued_signal *s)
{
	struct ptimer *pt = ptimer_of(s);

	count_on(pt);
	pt->missed = 0;
}

static void ptimer_expire(struct timer *t)
{
	struct ptimer *pt = container_of(t, struct ptimer, it.timer);
	struct itimer *it = &pt->it;
	struct process *p = it->process;
	bool continued = false;
	nsec now;
	int times;

	lock(&p->lock);
	now = itimer_now_locked(it);
	lock(&it->lock);
	times = itimer_take(it, now);
	if (!times && it->next)
		itimer_arm(it, now); /* a CPU clock, not there yet */
	pt->waiting = times && it->next;
	unlock(&it->lock);
	if (times && !list_empty(&pt->of_process)) {
		if (!list_empty(&pt->signal.node)) {
			/* still queued from before it was set anew */
			pt->missed += times;
		} else {
			pt->missed = times - 1;
			continued = signal_send_timer(p, pt->target, &pt->signal);
			if (list_empty(&pt->signal.node)) /* ignored */
				ptimer_dropped(&pt->signal);
		}
	}
	unlock(&p->lock);
	if (continued)
		signal_report_continue(p);
}

static void ptimer_free(struct timer *t)
{
	struct ptimer *pt = container_of(t, struct ptimer, it.timer);

	assert(list_empty(&pt->signal.node));
	if (pt->target)
		task_put(pt->target);
	itimer_finish(&pt->it);
	slab_free(&ptimer_cache, pt);
}

/* A pending signal of the timer goes with it. The process's lock is held; timer_put follows. */
static void ptimer_unlink(struct ptimer *pt)
{
	list_remove(&pt->of_process);
	if (!list_empty(&pt->signal.node))
		pending_remove(queue_of(pt), &pt->signal);
	timer_disarm(&pt->it.timer);
}

void ptimers_free(struct process *p)
{
	for (;;) {
		struct ptimer *pt = NULL;

		lock(&p->lock);
		if (!list_empty(&p->ptimers)) {
			pt = list_first(&p->ptimers, struct ptimer, of_process);
			ptimer_unlink(pt);
		}
		unlock(&p->lock);
		if (!pt)
			return;
		timer_put(&pt->it.timer);
	}
}

/* The current process's timer with a reference, or NULL. */
static struct ptimer *ptimer_get(int id)
{
	struct process *p = current_process;
	struct ptimer *pt, *found = NULL;

	lock(&p->lock);
	list_for_each(pt, &p->ptimers, of_process)
		if (pt->id == id)
			found = pt;
	if (found)
		__atomic_add_fetch(&found->it.timer.refs, 1, __ATOMIC_RELAXED);
	unlock(&p->lock);
	return found;
}

/* Into the process's list, by id, with the lowest free one: 0 or -EAGAIN. */
static int ptimer_add(struct process *p, struct ptimer *pt)
{
	struct ptimer *at;

	pt->id = 0;
	lock(&p->lock);
	list_for_each(at, &p->ptimers, of_process) {
		if (at->id != pt->id)
			break;
		pt->id++;
	}
	if (pt->id < TIMERS_MAX)
		list_append(&at->of_process, &pt->of_process);
	unlock(&p->lock);
	return pt->id < TIMERS_MAX ? 0 : -EAGAIN;
}

static int set_event(struct ptimer *pt, uaddr event)
{
	struct abi_sigevent e = { .signo = SIGALRM, .notify = SIGEV_SIGNAL, .value = (uint32_t)pt->id };
	int err;

	if (event && (err = copy_in(&e, event, sizeof(e))) < 0)
		return err;
	if (e.notify != SIGEV_NONE && (e.signo < 1 || e.signo > NSIG))
		return -EINVAL;
	switch (e.notify) {
	case SIGEV_NONE:
	case SIGEV_SIGNAL:
		break;
	case SIGEV_THREAD_ID:
		pt->target = task_find(current_process->pid, e.tid);
		if (!pt->target)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	pt->notify = e.notify;
	pt->signal.info = (struct abi_siginfo){ .signo = e.signo, .code = SI_TIMER };
	pt->signal.info.timer.value = e.value;
	return 0;
}

/*
 * The CLOCK_* that a clock of clock_getcpuclockid or pthread_getcpuclockid is
 * (sys/time.c says how they are made), if it is the caller's own; *thread gets a
 * reference to whose it is. -EINVAL, or -ENOTSUP when it is another's.
 */
static int own_clock(int clock, struct task **thread)
{
	int id = ~(clock >> 3), pid = current_process->pid;

	*thread = NULL;
	if (clock >= 0)
		return itimer_clock_valid(clock) ? clock : -EINVAL;
	if ((clock & 3) == 3)
		return -EINVAL;
	if (!(clock & 4))
		return id == 0 || id == pid ? CLOCK_PROCESS_CPUTIME_ID : -ENOTSUP;
	*thread = id ? task_find(pid, id) : task_get(current);
	return *thread ? CLOCK_THREAD_CPUTIME_ID : -ENOTSUP;
}

int32_t sys_timer_create(int32_t clock, uint32_t event, uint32_t id)
{
	struct process *p = current_process;
	struct ptimer *pt = slab_alloc(&ptimer_cache);
	struct task *thread;
	int err;

	if (!pt)
		return -EAGAIN;
	clock = own_clock(clock, &thread);
	if (clock < 0) {
		slab_free(&ptimer_cache, pt);
		return clock;
	}
	itimer_init(&pt->it, clock, ptimer_expire, ptimer_free);
	if (thread) {
		task_put(pt->it.task);
		pt->it.task = thread;
	}
	list_init(&pt->of_process);
	list_init(&pt->signal.node);
	pt->signal.of_timer = true;
	if ((err = set_event(pt, event)) < 0 || (err = ptimer_add(p, pt)) < 0)
		goto drop;
	pt->signal.info.timer.timer = pt->id;
	if (!event)
		pt->signal.info.timer.value = (uint32_t)pt->id;
	if ((err = user_store(id, (uint32_t)pt->id)) == 0)
		return 0;
	lock(&p->lock);
	ptimer_unlink(pt);
	unlock(&p->lock);
drop:
	timer_put(&pt->it.timer);
	return err;
}

int32_t sys_timer_delete(int32_t id)
{
	struct ptimer *pt = ptimer_get(id);
	bool mine;

	if (!pt)
		return -EINVAL;
	lock(&current_process->lock);
	mine = !list_empty(&pt->of_process);
	if (mine)
		ptimer_unlink(pt);
	unlock(&current_process->lock);
	if (mine)
		timer_put(&pt->it.timer);
	timer_put(&pt->it.timer);
	return mine ? 0 : -EINVAL;
}

int32_t sys_timer_settime(int32_t id, int32_t flags, uint32_t new_value, uint32_t old_value)
{
	struct process *p = current_process;
	nsec value, interval, now, left, old_interval;
	struct ptimer *pt;
	struct itimer *it;
	int err;

	if ((err = itimerspec_in(new_value, &value, &interval)) < 0)
		return new_value ? err : -EINVAL;
	pt = ptimer_get(id);
	if (!pt)
		return -EINVAL;
	it = &pt->it;
	lock(&p->lock);
	now = itimer_now_locked(it);
	lock(&it->lock);
	itimer_describe(it, now, &left, &old_interval);
	itimer_set(it, now, value, interval, flags & TIMER_ABSTIME);
	pt->waiting = false;
	if (it->next && pt->notify != SIGEV_NONE && !list_empty(&pt->of_process))
		itimer_arm(it, now);
	unlock(&it->lock);
	pt->missed = pt->overrun = 0;
	unlock(&p->lock);
	err = old_value ? itimerspec_out(old_value, left, old_interval) : 0;
	timer_put(&it->timer);
	return err;
}

/* One that notifies nobody is never taken: what has run out shows nothing left. */
int32_t sys_timer_gettime(int32_t id, uint32_t value)
{
	struct ptimer *pt = ptimer_get(id);
	nsec now, left, interval;
	struct itimer *it;
	int err;

	if (!pt)
		return -EINVAL;
	it = &pt->it;
	now = itimer_now(it);
	lock(&it->lock);
	if (pt->notify == SIGEV_NONE)
		itimer_take(it, now);
	itimer_describe(it, now, &left, &interval);
	unlock(&it->lock);
	err = itimerspec_out(value, left, interval);
	timer_put(&it->timer);
	return err;
}

int32_t sys_timer_getoverrun(int32_t id)
{
	struct ptimer *pt = ptimer_get(id);
	int overrun;

	if (!pt)
		return -EINVAL;
	lock(&current_process->lock);
	overrun = pt->overrun;
	unlock(&current_process->lock);
	timer_put(&pt->it.timer);
	return overrun;
}
