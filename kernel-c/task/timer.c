/*
 * Interval timers: setitimer(ITIMER_REAL), which alarm(3) uses too.
 *
 * Armed timers lie in one list, earliest first; the supervisor fires them.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "worker.h"

struct itimer {
	struct list node;       /* [timers_lock] empty when not armed */
	struct process *process; /* no reference: timers_free runs before it goes */
	nsec deadline, interval; /* [timers_lock] */
};
static struct lock timers_lock = LOCK_INIT(RANK_TIMER);
static struct list armed = LIST_INIT(armed);
static struct slab_cache itimer_cache = SLAB_CACHE("itimer", struct itimer);

static bool arm(struct itimer *t, nsec deadline)
{
	struct itimer *at;

	t->deadline = deadline;
	list_for_each(at, &armed, node)
		if (at->deadline > deadline)
			break;
	list_append(&at->node, &t->node);
	return armed.next == &t->node;
}

void timers_free(struct process *p)
{
	struct itimer *t;

	lock(&timers_lock);
	t = p->timers;
	p->timers = NULL;
	if (t)
		list_remove(&t->node);
	unlock(&timers_lock);
	if (t)
		slab_free(&itimer_cache, t);
}

nsec timer_run(void)
{
	for (;;) {
		struct itimer *t;
		struct process *p;
		nsec now = host_clock(), next = FOREVER;

		lock(&timers_lock);
		if (!list_empty(&armed))
			next = list_first(&armed, struct itimer, node)->deadline;
		if (next > now) {
			unlock(&timers_lock);
			return next;
		}
		t = list_first(&armed, struct itimer, node);
		list_remove(&t->node);
		if (t->interval) {
			nsec late = now - t->deadline;

			arm(t, t->deadline + (late / t->interval + 1) * t->interval);
		}
		p = t->process;
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
		unlock(&timers_lock);
		signal_send_process(p, SIGALRM, NULL);
		process_put(p);
	}
}

static int timeval_to_nsec(const struct abi_timeval *tv, nsec *t)
{
	if (tv->sec < 0 || tv->usec < 0 || tv->usec >= 1000000)
		return -EINVAL;
	*t = tv->sec > INT64_MAX / NSEC_PER_SEC - 1 ? FOREVER :
						      tv->sec * NSEC_PER_SEC + tv->usec * 1000;
	return 0;
}

static struct abi_timeval nsec_to_timeval(nsec t)
{
	return (struct abi_timeval){ t / NSEC_PER_SEC, t % NSEC_PER_SEC / 1000 };
}

static void describe(struct itimer *t, struct abi_itimerval *v)
{
	nsec left;

	memset(v, 0, sizeof(*v));
	if (!t || list_empty(&t->node))
		return;
	left = t->deadline - host_clock();
	v->value = nsec_to_timeval(max(left, 1000ll));
	v->interval = nsec_to_timeval(t->interval);
}

int32_t sys_setitimer(int32_t which, uint32_t new_value, uint32_t old_value)
{
	struct process *p = current_process;
	struct abi_itimerval v, old;
	nsec value, interval;
	struct itimer *t, *fresh;
	bool first = false;
	int err;

	if (which != ITIMER_REAL)
		return which == ITIMER_VIRTUAL || which == ITIMER_PROF ? -ENOTSUP : -EINVAL;
	if (!new_value)
		return sys_getitimer(which, old_value);
	if ((err = copy_in(&v, new_value, sizeof(v))) < 0 ||
	    (err = timeval_to_nsec(&v.value, &value)) < 0 ||
	    (err = timeval_to_nsec(&v.interval, &interval)) < 0)
		return err;
	fresh = slab_alloc(&itimer_cache);
	if (!fresh)
		return -ENOMEM;
	list_init(&fresh->node);
	fresh->process = p;
	lock(&timers_lock);
	describe(p->timers, &old);
	if (!p->timers) {
		p->timers = fresh;
		fresh = NULL;
	}
	t = p->timers;
	list_remove(&t->node);
	t->interval = interval;
	if (value)
		first = arm(t, nsec_add(host_clock(), value));
	unlock(&timers_lock);
	if (fresh)
		slab_free(&itimer_cache, fresh);
	if (first)
		host_ring(); /* the supervisor must wake earlier */
	return old_value ? copy_out(old_value, &old, sizeof(old)) : 0;
}

int32_t sys_getitimer(int32_t which, uint32_t value)
{
	struct abi_itimerval v;

	if (which != ITIMER_REAL)
		return which == ITIMER_VIRTUAL || which == ITIMER_PROF ? -ENOTSUP : -EINVAL;
	lock(&timers_lock);
	describe(current_process->timers, &v);
	unlock(&timers_lock);
	return copy_out(value, &v, sizeof(v));
}
