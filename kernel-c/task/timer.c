/*
 * Timers (timer.h). Armed ones lie in one list, earliest first; the supervisor
 * fires them.
 */
#include "timer.h"

#include "../host.h"
#include "../kernel.h"

/* A periodic timer is not fired more often than this: what it misses is counted. */
#define SHORTEST_PERIOD 500000ll
/* How soon a CPU clock is looked at again that stood still when last looked at. */
#define SHORTEST_PAUSE 1000000ll
#define LONGEST_PAUSE 16000000ll

static struct lock timers_lock = LOCK_INIT(RANK_TIMER);
static struct list armed = LIST_INIT(armed);

void timer_init(struct timer *t, void (*expire)(struct timer *), void (*free)(struct timer *))
{
	list_init(&t->node);
	t->refs = 1;
	t->expire = expire;
	t->free = free;
}

void timer_put(struct timer *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0)
		t->free(t);
}

void timer_arm(struct timer *t, nsec deadline)
{
	struct timer *at;
	bool first;

	lock(&timers_lock);
	list_remove(&t->node);
	t->deadline = deadline;
	list_for_each(at, &armed, node)
		if (at->deadline > deadline)
			break;
	list_append(&at->node, &t->node);
	first = armed.next == &t->node;
	unlock(&timers_lock);
	if (first)
		host_ring(); /* the supervisor must wake earlier */
}

void timer_disarm(struct timer *t)
{
	lock(&timers_lock);
	list_remove(&t->node);
	unlock(&timers_lock);
}

nsec timer_run(void)
{
	nsec now = host_clock(); /* once: what is armed meanwhile waits for its turn */

	for (;;) {
		struct timer *t;
		nsec next = FOREVER;

		lock(&timers_lock);
		t = list_first(&armed, struct timer, node);
		if (!list_empty(&armed))
			next = t->deadline;
		if (next > now) {
			unlock(&timers_lock);
			return next;
		}
		list_remove(&t->node);
		__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
		unlock(&timers_lock);
		t->expire(t);
		timer_put(t);
	}
}

/* ---- interval timers ---- */

static bool counts_cpu(const struct itimer *it)
{
	return it->clock == CLOCK_PROCESS_CPUTIME_ID || it->clock == CLOCK_THREAD_CPUTIME_ID;
}

bool itimer_clock_valid(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

void itimer_init(struct itimer *it, int clock, void (*expire)(struct timer *),
		 void (*free)(struct timer *))
{
	timer_init(&it->timer, expire, free);
	lock_init(&it->lock, RANK_ITIMER);
	it->clock = clock;
	it->process = current_process;
	__atomic_add_fetch(&it->process->refs, 1, __ATOMIC_RELAXED);
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		it->task = task_get(current);
}

void itimer_finish(struct itimer *it)
{
	if (it->task)
		task_put(it->task);
	process_put(it->process);
}

nsec itimer_now_locked(struct itimer *it)
{
	switch (it->clock) {
	case CLOCK_PROCESS_CPUTIME_ID:
		return process_cpu_locked(it->process);
	case CLOCK_THREAD_CPUTIME_ID:
		return task_cpu(it->task);
	default:
		return host_clock();
	}
}

nsec itimer_now(struct itimer *it)
{
	return it->clock == CLOCK_PROCESS_CPUTIME_ID ? process_cpu(it->process) :
						       itimer_now_locked(it);
}

/*
 * A CPU clock runs at most as fast as there are threads, so it can't reach
 * `next` before the deadline chosen here; then it is looked at again. One that
 * stands still is looked at less and less often.
 */
static nsec cpu_deadline(struct itimer *it, nsec now)
{
	int threads = it->task ? 1 : max(__atomic_load_n(&it->process->ntasks, __ATOMIC_RELAXED), 1);
	nsec left = max(it->next - now, 0ll) / threads;

	it->pause = now == it->looked_at ? min(it->pause * 2, LONGEST_PAUSE) : SHORTEST_PAUSE;
	it->looked_at = now;
	return nsec_add(host_clock(), max(left, it->pause));
}

void itimer_arm(struct itimer *it, nsec now)
{
	nsec deadline = it->next;

	assert_held(&it->lock);
	if (counts_cpu(it))
		deadline = cpu_deadline(it, now);
	else if (it->interval && it->next > now)
		deadline = max(deadline, nsec_add(now, min(it->interval, SHORTEST_PERIOD)));
	timer_arm(&it->timer, deadline);
}

int itimer_take(struct itimer *it, nsec now)
{
	nsec times = 1;

	assert_held(&it->lock);
	if (!it->next || now < it->next)
		return 0;
	if (!it->interval) {
		it->next = 0;
		return 1;
	}
	times += (now - it->next) / it->interval;
	it->next = nsec_add(it->next, times * it->interval);
	return (int)min(times, (nsec)INT32_MAX);
}

/* What has run out but is not taken yet has a nanosecond left, as on Linux: 0 would mean disarmed. */
void itimer_describe(struct itimer *it, nsec now, nsec *left, nsec *interval)
{
	assert_held(&it->lock);
	*left = it->next ? max(it->next - now, 1ll) : 0;
	if (it->next && now >= it->next && it->interval)
		*left = it->interval - (now - it->next) % it->interval;
	*interval = it->interval;
}

void itimer_set(struct itimer *it, nsec now, nsec value, nsec interval, bool absolute)
{
	assert_held(&it->lock);
	timer_disarm(&it->timer);
	it->interval = interval;
	it->looked_at = -1;
	if (!value)
		it->next = 0;
	else if (!absolute)
		it->next = nsec_add(now, value);
	else if (it->clock == CLOCK_REALTIME && value != FOREVER)
		it->next = max(value - wall_offset, 1ll);
	else
		it->next = value;
}

/* ---- copies ---- */

int itimerspec_in(uaddr from, nsec *value, nsec *interval)
{
	struct abi_itimerspec spec;
	int err;

	if (!from)
		return -EFAULT;
	if ((err = copy_in(&spec, from, sizeof(spec))) < 0 ||
	    (err = timespec_to_nsec(&spec.value, value)) < 0)
		return err;
	return timespec_to_nsec(&spec.interval, interval);
}

int itimerspec_out(uaddr to, nsec value, nsec interval)
{
	struct abi_itimerspec spec = { .interval = nsec_to_timespec(interval),
				       .value = nsec_to_timespec(value) };

	return to ? copy_out(to, &spec, sizeof(spec)) : -EFAULT;
}
