/*
 * CPU tokens and the run queue (sched.h).
 *
 * The queue is sorted: real-time tasks by priority, and among equals in order of
 * arrival; then all others by vruntime, which grows with CPU time, the slower the
 * larger the weight of the task's nice level. Whoever has the least goes next, so
 * that shares of CPU time are as the weights are.
 *
 * While nobody queues, vruntime means nothing: everybody has what they want. When
 * a queue forms, those who run are brought within a turn or two of each other; so
 * nobody is owed or owes what happened long ago.
 *
 * What starves nobody: a task's vruntime stands still while it waits, and that of
 * others grows. Real-time tasks go first, but who has waited for STARVED behind them
 * has SPARED in front of them (Linux keeps 5 % for them as well).
 *
 * run_lock may be taken with any lock held but those of memory and log. Its
 * holder wakes nobody by itself: those who got a token are notified after it.
 */
#include "sched.h"

#include "../host.h"
#include "../kernel.h"
#include "task.h"

#define STARVED 950000000ll
#define SPARED 50000000ll
/* A sleeper is at most that far ahead of those that ran meanwhile, and who is further ahead than
 * that may end a turn early, but not before it has lasted as long as GRANULARITY. */
#define SLEEPER_CREDIT 3000000ll
#define GRANULARITY 750000ll
/* A task that was told to stop and hasn't after that long can't look; its token goes to another. */
#define GRACE 8000000ll
#define WEIGHT_IDLE 3
#define TOLD_MAX 16 /* at a time; the others at the next look */

/* 1024 for nice 0, and a quarter more for each level below: 1024 / 1.25^nice. */
static const uint32_t weights[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537,  7629,  6104,  4883,  3906,  3125,  2500,  2000,  1600,  1280,
	1024,  819,   655,   524,   419,   336,   268,   215,   172,   137,
	110,   88,    70,    56,    45,    36,    29,    23,    18,    15,
};

static struct lock run_lock = LOCK_INIT(RANK_RUN);
/* All [r]. */
static struct list running = LIST_INIT(running); /* with a token */
static struct list loose = LIST_INIT(loose);     /* without */
static struct list queue = LIST_INIT(queue);
static uint32_t free_cpus[SCHED_CPUS_MAX / 32] = { 1 };
static nsec least;      /* the least vruntime of those that run or could; never falls */
static bool watched;    /* the supervisor looks again by itself */
static struct sched_totals totals; /* but for what is under way */
uint32_t sched_nqueued; /* [r, read anywhere] */

void sched_init(int cpus)
{
	cpus = max(1, min(cpus, SCHED_CPUS_MAX));
	lock(&run_lock);
	ncpus = cpus;
	memset(free_cpus, 0, sizeof(free_cpus));
	for (int i = 0; i < cpus; i++)
		free_cpus[i / 32] |= 1u << i % 32;
	unlock(&run_lock);
}

/* ---- what a task is worth ---- */

/* The priority of a real-time task, 0 of others. */
static int realtime(const struct task *t)
{
	return t->policy == SCHED_FIFO || t->policy == SCHED_RR ? t->priority : 0;
}

static uint32_t weight_of(const struct task *t)
{
	int nice = __atomic_load_n(&t->process->nice, __ATOMIC_RELAXED);

	return t->policy == SCHED_IDLE ? WEIGHT_IDLE : weights[nice + 20];
}

static nsec weigh(const struct task *t, nsec time)
{
	uint32_t weight = weight_of(t);

	return weight == 1024 ? time : time * 1024 / weight;
}

/* vruntime with what has not been charged yet. */
static nsec vruntime(const struct task *t, nsec now)
{
	const struct sched_entity *s = &t->sched;

	return s->vruntime + (s->since && now > s->charged ? weigh(t, now - s->charged) : 0);
}

static nsec turn_so_far(const struct task *t, nsec now)
{
	return t->sched.since ? now - t->sched.since : 0;
}

nsec sched_interval(const struct task *t)
{
	return t->policy == SCHED_FIFO ? 0 : t->policy == SCHED_RR ? SCHED_RR_INTERVAL : SCHED_SLICE;
}

static bool starved(const struct task *t, nsec now)
{
	return !realtime(t) && now - t->sched.since >= STARVED;
}

/* Is w, from the queue, to have the token of h now? */
static bool beats(const struct task *w, const struct task *h, nsec now)
{
	nsec turn = turn_so_far(h, now);

	if (realtime(w) > realtime(h))
		return now >= h->sched.spared_until;
	if (realtime(w) < realtime(h))
		return starved(w, now);
	if (realtime(w))
		return h->policy == SCHED_RR && turn >= SCHED_RR_INTERVAL;
	if (turn >= SCHED_SLICE)
		return w->sched.vruntime <= vruntime(h, now);
	return w->sched.woken && turn >= GRANULARITY &&
	       w->sched.vruntime + GRANULARITY < vruntime(h, now);
}

/* ---- the books ---- */

static void charge(struct task *t, nsec now)
{
	struct sched_entity *s = &t->sched;
	nsec time = s->since ? max(now - s->charged, 0ll) : 0;

	if (!realtime(t))
		s->vruntime += weigh(t, time);
	if (s->state == SCHED_STATE_LOOSE)
		totals.loose += time;
	else if (__atomic_load_n(&t->process->nice, __ATOMIC_RELAXED) > 0)
		totals.nice[s->cpu] += time;
	else
		totals.user[s->cpu] += time;
	s->charged = now;
}

static void clock_run(struct task *t, nsec now)
{
	__atomic_store_n(&t->sched.clock, min(t->sched.clock - now, -1ll), __ATOMIC_RELAXED);
}

static void clock_stop(struct task *t, nsec now)
{
	if (t->sched.clock < 0)
		__atomic_store_n(&t->sched.clock, max(t->sched.clock + now, 0ll), __ATOMIC_RELAXED);
}

nsec task_cpu(const struct task *t)
{
	nsec clock = __atomic_load_n(&t->sched.clock, __ATOMIC_RELAXED);

	return clock < 0 ? max(host_clock() + clock, 0ll) : clock;
}

/* ---- tokens and the queue; run_lock held ---- */

static void set_state(struct task *t, uint32_t state)
{
	__atomic_store_n(&t->sched.state, state, __ATOMIC_SEQ_CST);
}

static void set_told(struct task *t, bool told)
{
	__atomic_store_n(&t->sched.told, told, __ATOMIC_RELAXED);
}

static int take_token(void)
{
	for (unsigned i = 0; i < countof(free_cpus); i++)
		if (free_cpus[i]) {
			int bit = __builtin_ctz(free_cpus[i]);

			free_cpus[i] &= free_cpus[i] - 1;
			return (int)i * 32 + bit;
		}
	return -1;
}

/* t runs from now on, with token cpu or (-1) without. The caller notifies it, unless it is itself. */
static void run(struct task *t, int cpu)
{
	struct sched_entity *s = &t->sched;

	s->since = 0;
	set_told(t, false);
	list_append(cpu < 0 ? &loose : &running, &s->node);
	if (cpu >= 0) {
		s->cpu = cpu;
		totals.switches++;
	}
	set_state(t, cpu < 0 ? SCHED_STATE_LOOSE : SCHED_STATE_RUNNING);
}

static void notify(struct task *t)
{
	if (t)
		host_futex_wake(&t->sched.state, 1);
}

/* Who did all its running long ago owes nothing for it, and who slept for long is owed nothing. */
static void bring_near(struct task *t, nsec now, nsec credit)
{
	nsec vr = vruntime(t, now);

	t->sched.vruntime += max(least - credit, min(vr, least + weigh(t, 2 * SCHED_SLICE))) - vr;
}

static void least_update(nsec now)
{
	nsec found = FOREVER;
	struct task *t;

	list_for_each(t, &running, sched.node)
		if (!realtime(t))
			found = min(found, vruntime(t, now));
	list_for_each(t, &queue, sched.node)
		if (!realtime(t)) {
			found = min(found, t->sched.vruntime);
			break;
		}
	if (found != FOREVER)
		least = max(least, found);
}

/* Its place in the queue, behind its equals or in front of them. */
static void insert(struct task *t, bool in_front)
{
	int mine = realtime(t);
	struct task *at;

	list_for_each(at, &queue, sched.node) {
		int its = realtime(at);

		if (mine > its || (mine == its && in_front))
			break;
		if (!mine && !its && t->sched.vruntime < at->sched.vruntime)
			break;
	}
	list_append(&at->sched.node, &t->sched.node);
}

static void enqueue(struct task *t, nsec now, bool in_front)
{
	insert(t, in_front && realtime(t));
	t->sched.since = now;
	set_state(t, SCHED_STATE_QUEUED);
	__atomic_store_n(&sched_nqueued, sched_nqueued + 1, __ATOMIC_RELAXED);
}

static void dequeue(struct task *t, nsec now)
{
	list_remove(&t->sched.node);
	totals.queued += max(now - t->sched.since, 0ll);
	__atomic_store_n(&sched_nqueued, sched_nqueued - 1, __ATOMIC_RELAXED);
}

/* The next to run, taken out of the queue, or NULL. */
static struct task *pick(nsec now)
{
	struct task *t, *best = NULL;

	if (list_empty(&queue))
		return NULL;
	t = list_first(&queue, struct task, sched.node);
	if (realtime(t))
		list_for_each(t, &queue, sched.node)
			if (starved(t, now) && (!best || t->sched.since < best->sched.since))
				best = t;
	if (best)
		best->sched.spared_until = now + SPARED;
	else
		best = list_first(&queue, struct task, sched.node);
	dequeue(best, now);
	return best;
}

/* A token is free (-1: none is after all): who has it now, and is to be notified, or NULL. */
static struct task *pass_on(int cpu, nsec now)
{
	struct task *t;

	if (cpu < 0)
		return NULL;
	t = pick(now);
	if (t) {
		run(t, cpu);
		return t;
	}
	if (!list_empty(&loose)) {
		t = list_first(&loose, struct task, sched.node);
		charge(t, now);
		t->sched.cpu = cpu;
		set_told(t, false);
		list_remove(&t->sched.node);
		list_append(&running, &t->sched.node);
		set_state(t, SCHED_STATE_RUNNING);
		return NULL;
	}
	free_cpus[cpu / 32] |= 1u << cpu % 32;
	return NULL;
}

/* t runs no more: the number of the token it had, or -1. */
static int leave(struct task *t, nsec now)
{
	struct sched_entity *s = &t->sched;
	int cpu = s->state == SCHED_STATE_RUNNING ? s->cpu : -1;

	if (s->state == SCHED_STATE_OFF) /* only unit tests run so */
		return -1;
	charge(t, now);
	clock_stop(t, now);
	list_remove(&s->node);
	set_told(t, false);
	s->spared_until = 0;
	set_state(t, SCHED_STATE_OFF);
	return cpu;
}

/* ---- ending turns ---- */

/* Whose token w is to have: the least of those whose turn may be ended. */
static struct task *victim(const struct task *w, nsec now)
{
	struct task *h, *worst = NULL;

	list_for_each(h, &running, sched.node) {
		if (h->sched.told || !beats(w, h, now))
			continue;
		if (!worst || realtime(h) < realtime(worst) ||
		    (realtime(h) == realtime(worst) && vruntime(h, now) > vruntime(worst, now)))
			worst = h;
	}
	return worst;
}

static void tell(struct task *t, nsec now)
{
	set_told(t, true);
	t->sched.told_at = now;
	t->sched.nudged_at = 0;
}

static void watch(void)
{
	__atomic_store_n(&watched, true, __ATOMIC_RELAXED);
}

/* t can run and finds no token. True when the supervisor is to be rung. */
static bool queue_up(struct task *t, nsec now, bool woken)
{
	struct task *h;

	least_update(now);
	if (list_empty(&queue))
		list_for_each(h, &running, sched.node)
			if (!realtime(h))
				bring_near(h, now, SLEEPER_CREDIT);
	t->sched.since = 0;
	bring_near(t, now, woken ? SLEEPER_CREDIT : 0);
	t->sched.woken = woken;
	enqueue(t, now, false);
	if ((h = victim(t, now)))
		tell(h, now);
	else if (watched)
		return false;
	watch();
	return true;
}

/* t, which is off, is to run: at once, or after a while in the queue. */
static void make_runnable(struct task *t, bool woken, bool *running_now, bool *ring)
{
	int cpu = take_token();

	*ring = false;
	*running_now = cpu >= 0 || __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST);
	if (*running_now)
		run(t, cpu);
	else
		*ring = queue_up(t, host_clock(), woken);
}

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

	list_for_each(t, &running, sched.node)
		if (t->sched.told && now - t->sched.told_at >= GRACE && !list_empty(&queue)) {
			charge(t, now);
			list_remove(&t->sched.node);
			list_append(&loose, &t->sched.node);
			set_state(t, SCHED_STATE_LOOSE);
			*got = pass_on(t->sched.cpu, now);
			return true;
		}
	return false;
}

/* Who runs without a token is to queue for one as soon as it looks. True when there is one to wait for. */
static bool tell_loose(nsec now)
{
	struct task *t;
	bool any = false;

	list_for_each(t, &loose, sched.node) {
		if (__atomic_load_n(&t->killed, __ATOMIC_RELAXED))
			continue;
		if (!t->sched.told)
			tell(t, now);
		any = true;
	}
	return any;
}

/* Those to nudge: again only after a while, for nudging rings the supervisor, which runs this. */
static unsigned collect_told(struct list *from, nsec now, struct task **to, unsigned n)
{
	struct task *t;

	list_for_each(t, from, sched.node)
		if (t->sched.told && now - t->sched.nudged_at >= SCHED_SLICE && n < TOLD_MAX) {
			t->sched.nudged_at = now;
			to[n++] = task_get(t);
		}
	return n;
}

/* When the next turn may be over. */
static nsec next_look(nsec now)
{
	nsec next = now + (list_empty(&queue) ? 4 : 1) * SCHED_SLICE;
	struct task *t;

	list_for_each(t, &running, sched.node) {
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
	bool unbound;
	unsigned n;

	if (!sched_contended() && !__atomic_load_n(&watched, __ATOMIC_RELAXED))
		return FOREVER;
	now = host_clock();
	lock(&run_lock);
	while (loosen(now, &got)) {
		unlock(&run_lock);
		notify(got);
		lock(&run_lock);
	}
	list_for_each(t, &queue, sched.node)
		if ((h = victim(t, now)))
			tell(h, now);
	unbound = tell_loose(now);
	n = collect_told(&running, now, told, 0);
	n = collect_told(&loose, now, told, n);
	__atomic_store_n(&watched, unbound || !list_empty(&queue), __ATOMIC_RELAXED);
	next = watched ? next_look(now) : FOREVER;
	unlock(&run_lock);
	for (unsigned i = 0; i < n; i++) {
		nudge(told[i]);
		task_put(told[i]);
	}
	return next;
}

/* ---- a task's own steps ---- */

/* The current task has a token, or can do without. */
static void begin_turn(struct task *t)
{
	nsec now = host_clock();

	lock(&run_lock);
	t->sched.since = t->sched.charged = now;
	clock_run(t, now);
	unlock(&run_lock);
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
		lock(&run_lock);
		if (t->sched.state == SCHED_STATE_OFF)
			make_runnable(t, woken, &now, &ring);
		unlock(&run_lock);
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

	lock(&run_lock);
	__atomic_store_n(&t->parked, true, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->wakeups, __ATOMIC_SEQ_CST) != t->seen) {
		__atomic_store_n(&t->parked, false, __ATOMIC_RELAXED);
		unlock(&run_lock);
		return 0;
	}
	next = pass_on(leave(t, now), now);
	unlock(&run_lock);
	notify(next);
	while (err == 0 && __atomic_load_n(&t->sched.state, __ATOMIC_SEQ_CST) == SCHED_STATE_OFF)
		err = host_futex_wait(&t->sched.state, SCHED_STATE_OFF, deadline);
	come_back(t, true);
	return err;
}

void sched_wake(struct task *t)
{
	bool now = false, ring = false;

	lock(&run_lock);
	if (t->sched.state == SCHED_STATE_OFF && __atomic_load_n(&t->parked, __ATOMIC_RELAXED)) {
		make_runnable(t, true, &now, &ring);
	} else if (t->sched.state == SCHED_STATE_QUEUED &&
		   __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST)) {
		dequeue(t, host_clock());
		run(t, -1);
		now = true;
	}
	unlock(&run_lock);
	if (now)
		notify(t);
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
	lock(&run_lock);
	next = pass_on(leave(t, now), now);
	unlock(&run_lock);
	notify(next);
}

void sched_unblock(struct task *t)
{
	if (t)
		come_back(t, true);
}

/* The current task stops here and waits in the queue; next has its token. run_lock is held, and released. */
static void step_aside(struct task *t, struct task *next, nsec now, bool in_front)
{
	int cpu = leave(t, now);

	t->sched.woken = false;
	enqueue(t, now, in_front);
	if (cpu < 0)
		cpu = take_token();
	if (!next)
		next = pass_on(cpu, now);
	else
		run(next, cpu);
	unlock(&run_lock);
	__atomic_add_fetch(&t->sched.preemptions, 1, __ATOMIC_RELAXED);
	if (next != t)
		notify(next);
	wait_for_turn(t);
}

/* A real-time task whose turn was cut short is the first of its priority (POSIX, SCHED_FIFO). */
void sched_reschedule(void)
{
	struct task *t = current, *w;
	nsec now = host_clock();
	bool beaten;

	lock(&run_lock);
	charge(t, now);
	beaten = t->sched.state == SCHED_STATE_LOOSE;
	list_for_each(w, &queue, sched.node)
		beaten |= beats(w, t, now);
	if (!beaten || __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST)) {
		set_told(t, false);
		unlock(&run_lock);
		return;
	}
	step_aside(t, NULL, now, t->policy == SCHED_FIFO || turn_so_far(t, now) < SCHED_RR_INTERVAL);
}

bool sched_give_way(void)
{
	struct task *t = current, *next;
	nsec now;

	if (!sched_contended())
		return false;
	now = host_clock();
	lock(&run_lock);
	if (list_empty(&queue) || t->sched.state < SCHED_STATE_RUNNING ||
	    realtime(list_first(&queue, struct task, sched.node)) < realtime(t)) {
		unlock(&run_lock);
		return false;
	}
	next = t->sched.state == SCHED_STATE_RUNNING ? pick(now) : NULL;
	step_aside(t, next, now, false);
	return true;
}

void sched_move(struct task *from, struct task *to)
{
	nsec now = host_clock();

	lock(&run_lock);
	if (from->sched.state >= SCHED_STATE_RUNNING) {
		uint32_t state = from->sched.state;

		charge(from, now);
		clock_stop(from, now);
		list_add(&from->sched.node, &to->sched.node);
		list_remove(&from->sched.node);
		set_state(from, SCHED_STATE_OFF);
		to->sched.cpu = from->sched.cpu;
		set_told(to, from->sched.told);
		set_told(from, false);
		to->sched.told_at = from->sched.told_at;
		to->sched.vruntime = from->sched.vruntime;
		to->sched.since = to->sched.charged = now;
		clock_run(to, now);
		set_state(to, state);
	}
	unlock(&run_lock);
}

void sched_end(struct task *t)
{
	nsec now = host_clock();
	struct task *next = NULL;

	lock(&run_lock);
	if (t->sched.state == SCHED_STATE_QUEUED) {
		dequeue(t, now);
		set_state(t, SCHED_STATE_OFF);
	} else {
		next = pass_on(leave(t, now), now);
	}
	unlock(&run_lock);
	notify(next);
}

void sched_set_policy(struct task *t, int policy, int priority)
{
	bool ring = false;
	struct task *h;
	nsec now = host_clock();

	lock(&run_lock);
	if (t->sched.state >= SCHED_STATE_RUNNING)
		charge(t, now);
	t->policy = policy;
	t->priority = priority;
	if (t->sched.state == SCHED_STATE_QUEUED) {
		list_remove(&t->sched.node);
		insert(t, false);
		if ((h = victim(t, now))) {
			tell(h, now);
			ring = true;
		}
	} else if (t->sched.state == SCHED_STATE_RUNNING && !list_empty(&queue)) {
		ring = true; /* somebody may come before it now */
	}
	if (ring)
		watch();
	unlock(&run_lock);
	if (ring)
		host_ring();
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

	lock(&run_lock);
	list_for_each(t, &running, sched.node)
		charge(t, now);
	list_for_each(t, &loose, sched.node)
		charge(t, now);
	*to = totals;
	to->runnable = 0;
	list_for_each(t, &running, sched.node)
		to->runnable++;
	list_for_each(t, &loose, sched.node)
		to->runnable++;
	list_for_each(t, &queue, sched.node) {
		to->runnable++;
		to->queued += max(now - t->sched.since, 0ll);
	}
	unlock(&run_lock);
}
