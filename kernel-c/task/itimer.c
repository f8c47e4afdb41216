/*
 * setitimer, which alarm(3) uses too. The kernel doesn't tell a program's own
 * time from the kernel's on its behalf, so ITIMER_VIRTUAL and ITIMER_PROF count
 * the same: all CPU time.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "timer.h"

static const struct {
	int clock, signal;
} kinds[] = {
	[ITIMER_REAL] = { CLOCK_MONOTONIC, SIGALRM },
	[ITIMER_VIRTUAL] = { CLOCK_PROCESS_CPUTIME_ID, SIGVTALRM },
	[ITIMER_PROF] = { CLOCK_PROCESS_CPUTIME_ID, SIGPROF },
};

struct process_itimer {
	struct itimer it;
	int signal; /* [I] */
};
static struct slab_cache itimer_cache = SLAB_CACHE("itimer", struct process_itimer);

static void itimer_expire(struct timer *t)
{
	struct process_itimer *pi = container_of(t, struct process_itimer, it.timer);
	struct itimer *it = &pi->it;
	nsec now = itimer_now(it);
	int times;

	lock(&it->lock);
	times = itimer_take(it, now);
	if (it->next)
		itimer_arm(it, now);
	unlock(&it->lock);
	if (times)
		signal_send_process(it->process, pi->signal, NULL);
}

static void itimer_free(struct timer *t)
{
	struct process_itimer *pi = container_of(t, struct process_itimer, it.timer);

	itimer_finish(&pi->it);
	slab_free(&itimer_cache, pi);
}

void timers_free(struct process *p)
{
	struct itimer *gone[countof(kinds)];

	ptimers_free(p);
	lock(&p->lock);
	for (unsigned i = 0; i < countof(kinds); i++) {
		gone[i] = p->itimers[i];
		p->itimers[i] = NULL;
	}
	unlock(&p->lock);
	for (unsigned i = 0; i < countof(kinds); i++) {
		if (!gone[i])
			continue;
		timer_disarm(&gone[i]->timer);
		timer_put(&gone[i]->timer);
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

/* The current process's timer of a kind, made when there is none; NULL: no memory. */
static struct itimer *itimer_of(int which)
{
	struct process *p = current_process;
	struct process_itimer *fresh = slab_alloc(&itimer_cache);
	struct itimer *it;

	if (!fresh)
		return NULL;
	itimer_init(&fresh->it, kinds[which].clock, itimer_expire, itimer_free);
	fresh->signal = kinds[which].signal;
	lock(&p->lock);
	if (!p->itimers[which]) {
		p->itimers[which] = &fresh->it;
		fresh = NULL;
	}
	it = p->itimers[which];
	unlock(&p->lock);
	if (fresh)
		timer_put(&fresh->it.timer);
	return it;
}

static void describe(struct itimer *it, nsec now, struct abi_itimerval *v)
{
	nsec left, interval;

	itimer_describe(it, now, &left, &interval);
	if (left)
		left = max(left, 1000ll);
	v->value = nsec_to_timeval(left);
	v->interval = nsec_to_timeval(left ? interval : 0);
}

int32_t sys_setitimer(int32_t which, uint32_t new_value, uint32_t old_value)
{
	struct abi_itimerval v, old;
	struct itimer *it;
	nsec value, interval, now;
	int err;

	if (which < 0 || which >= (int)countof(kinds))
		return -EINVAL;
	if (!new_value)
		return sys_getitimer(which, old_value);
	if ((err = copy_in(&v, new_value, sizeof(v))) < 0 ||
	    (err = timeval_to_nsec(&v.value, &value)) < 0 ||
	    (err = timeval_to_nsec(&v.interval, &interval)) < 0)
		return err;
	it = itimer_of(which);
	if (!it)
		return -ENOMEM;
	now = itimer_now(it);
	lock(&it->lock);
	describe(it, now, &old);
	itimer_set(it, now, value, interval, false);
	if (value)
		itimer_arm(it, now);
	unlock(&it->lock);
	return old_value ? copy_out(old_value, &old, sizeof(old)) : 0;
}

int32_t sys_getitimer(int32_t which, uint32_t value)
{
	struct abi_itimerval v = { 0 };
	struct itimer *it;
	nsec now;

	if (which < 0 || which >= (int)countof(kinds))
		return -EINVAL;
	it = current_process->itimers[which]; /* only made, not freed, while we run */
	if (it) {
		now = itimer_now(it);
		lock(&it->lock);
		describe(it, now, &v);
		unlock(&it->lock);
	}
	return copy_out(value, &v, sizeof(v));
}
