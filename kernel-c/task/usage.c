/*
 * What processes have used, and the limit on CPU time.
 *
 * A task's own figures are the scheduler's. When it ends they go to its process,
 * and when that has been waited for, to its parent's children.
 *
 * RLIMIT_CPU is watched by a timer, which is there for processes with such a limit
 * only. CPU time runs at most as fast as there are threads, so the limit can't be
 * reached before the deadline chosen; then the clock is looked at again, less and
 * less often while it stands still.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "mm.h"
#include "timer.h"

#define SHORTEST_PAUSE 10000000ll
#define LONGEST_PAUSE NSEC_PER_SEC

/* ---- usage ---- */

void usage_add(struct usage *to, const struct usage *more)
{
	to->cpu += more->cpu;
	to->sleeps += more->sleeps;
	to->preemptions += more->preemptions;
	to->peak = max(to->peak, more->peak);
}

struct usage usage_of_task(const struct task *t)
{
	return (struct usage){
		.cpu = task_cpu(t),
		.sleeps = __atomic_load_n(&t->sched.sleeps, __ATOMIC_RELAXED),
		.preemptions = __atomic_load_n(&t->sched.preemptions, __ATOMIC_RELAXED),
	};
}

void usage_note_peak(struct process *p)
{
	assert_held(&p->lock);
	if (p->mm)
		p->used.peak = max(p->used.peak, mm_peak(p->mm));
}

struct usage usage_of_process(struct process *p)
{
	struct usage sum, one;
	struct task *t;

	lock(&p->lock);
	usage_note_peak(p);
	sum = p->used;
	list_for_each(t, &p->tasks, of_process) {
		one = usage_of_task(t);
		usage_add(&sum, &one);
	}
	unlock(&p->lock);
	return sum;
}

/* The kernel's time for a program is not told from the program's own: all is user time. */
void usage_describe(const struct usage *u, struct abi_rusage *to)
{
	memset(to, 0, sizeof(*to));
	to->utime.sec = u->cpu / NSEC_PER_SEC;
	to->utime.usec = u->cpu % NSEC_PER_SEC / 1000;
	to->maxrss = (int32_t)min(u->peak >> 10, (uint64_t)INT32_MAX);
	to->nvcsw = (int32_t)min(u->sleeps, (uint64_t)INT32_MAX);
	to->nivcsw = (int32_t)min(u->preemptions, (uint64_t)INT32_MAX);
}

/* ---- RLIMIT_CPU ---- */

struct cpu_limit {
	struct timer timer;
	struct process *process; /* [I] with a reference */
	nsec looked_at, pause;   /* under the process's lock: its CPU time then, and the pause since */
};
static struct slab_cache cpu_limit_cache = SLAB_CACHE("cpu_limit", struct cpu_limit);

static nsec seconds(uint64_t limit)
{
	return limit >= FOREVER / NSEC_PER_SEC ? FOREVER : (nsec)limit * NSEC_PER_SEC;
}

/* A soft limit of 0 is one of a second, as on Linux. */
static nsec soft_limit(const struct process *p)
{
	return seconds(max(p->limits[RLIMIT_CPU].cur, (uint64_t)1));
}

static bool is_limited(const struct process *p)
{
	const struct abi_rlimit *l = &p->limits[RLIMIT_CPU];

	return l->cur != RLIM_INFINITY || l->max != RLIM_INFINITY;
}

static void arm(struct cpu_limit *l, nsec cpu)
{
	struct process *p = l->process;
	nsec next = min(soft_limit(p), seconds(p->limits[RLIMIT_CPU].max));
	nsec left = max(next - cpu, 0ll) / max(p->ntasks, 1);

	l->pause = cpu == l->looked_at ? min(l->pause * 2, LONGEST_PAUSE) : SHORTEST_PAUSE;
	l->looked_at = cpu;
	timer_arm(&l->timer, nsec_add(host_clock(), max(left, l->pause)));
}

/* SIGXCPU at the soft limit, which then moves on by a second; death at the hard one. */
static void cpu_limit_expire(struct timer *t)
{
	struct cpu_limit *l = container_of(t, struct cpu_limit, timer);
	struct process *p = l->process;
	bool over = false;
	nsec cpu;

	lock(&p->lock);
	if (p->cpu_limit != l || p->exiting || !is_limited(p)) {
		unlock(&p->lock);
		return;
	}
	cpu = process_cpu_locked(p);
	if (cpu >= seconds(p->limits[RLIMIT_CPU].max)) {
		process_begin_exit(p, SIGKILL, NULL);
		unlock(&p->lock);
		return;
	}
	over = cpu >= soft_limit(p);
	if (over)
		p->limits[RLIMIT_CPU].cur = max(p->limits[RLIMIT_CPU].cur, (uint64_t)1) + 1;
	arm(l, cpu);
	unlock(&p->lock);
	if (over)
		signal_send_process(p, SIGXCPU, NULL);
}

static void cpu_limit_free(struct timer *t)
{
	struct cpu_limit *l = container_of(t, struct cpu_limit, timer);

	process_put(l->process);
	slab_free(&cpu_limit_cache, l);
}

int cpu_limit_watch(struct process *p)
{
	struct cpu_limit *l;
	int err = 0;

	lock(&p->lock);
	if (!p->cpu_limit && is_limited(p) && !p->exiting) {
		l = slab_alloc(&cpu_limit_cache);
		if (l) {
			timer_init(&l->timer, cpu_limit_expire, cpu_limit_free);
			l->process = p;
			__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
			p->cpu_limit = l;
		} else {
			err = -ENOMEM;
		}
	}
	if (p->cpu_limit && is_limited(p)) {
		p->cpu_limit->looked_at = -1;
		arm(p->cpu_limit, process_cpu_locked(p));
	}
	unlock(&p->lock);
	return err;
}

void cpu_limit_end(struct process *p)
{
	struct cpu_limit *l;

	lock(&p->lock);
	l = p->cpu_limit;
	p->cpu_limit = NULL;
	unlock(&p->lock);
	if (!l)
		return;
	timer_disarm(&l->timer);
	timer_put(&l->timer);
}
