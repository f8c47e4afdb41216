/*
 * CPU tokens and the run queue (run_queue.h): who is next.
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
 */
#include "run_queue.h"

#include "../host.h"
#include "../kernel.h"

#define STARVED 950000000ll
#define SPARED 50000000ll
/* A sleeper is at most that far ahead of those that ran meanwhile, and who is further ahead than
 * that may end a turn early, but not before it has lasted as long as GRANULARITY. */
#define SLEEPER_CREDIT 3000000ll
#define GRANULARITY 750000ll
#define WEIGHT_IDLE 3

/* 1024 for nice 0, and a quarter more for each level below: 1024 / 1.25^nice. */
static const uint32_t weights[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537,  7629,  6104,  4883,  3906,  3125,  2500,  2000,  1600,  1280,
	1024,  819,   655,   524,   419,   336,   268,   215,   172,   137,
	110,   88,    70,    56,    45,    36,    29,    23,    18,    15,
};

struct run_queue runq = {
	.lock = LOCK_INIT(RANK_RUN),
	.running = LIST_INIT(runq.running),
	.loose = LIST_INIT(runq.loose),
	.queued = LIST_INIT(runq.queued),
};
static uint32_t free_cpus[SCHED_CPUS_MAX / 32] = { 1 }; /* [r] */
uint32_t sched_nqueued; /* [r, read anywhere] */

void sched_init(int cpus)
{
	cpus = max(1, min(cpus, SCHED_CPUS_MAX));
	lock(&runq.lock);
	ncpus = cpus;
	memset(free_cpus, 0, sizeof(free_cpus));
	for (int i = 0; i < cpus; i++)
		free_cpus[i / 32] |= 1u << i % 32;
	unlock(&runq.lock);
}

/* ---- what a task is worth ---- */

int runq_realtime(const struct task *t)
{
	int own = t->policy == SCHED_FIFO || t->policy == SCHED_RR ? t->priority : 0;

	return max(own, t->sched.boost);
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

nsec runq_turn(const struct task *t, nsec now)
{
	return t->sched.since ? now - t->sched.since : 0;
}

static bool starved(const struct task *t, nsec now)
{
	return !runq_realtime(t) && now - t->sched.since >= STARVED;
}

bool runq_beats(const struct task *w, const struct task *h, nsec now)
{
	nsec turn = runq_turn(h, now);

	if (runq_realtime(w) > runq_realtime(h))
		return now >= h->sched.spared_until;
	if (runq_realtime(w) < runq_realtime(h))
		return starved(w, now);
	if (runq_realtime(w))
		return h->policy == SCHED_RR && turn >= SCHED_RR_INTERVAL;
	if (turn >= SCHED_SLICE)
		return w->sched.vruntime <= vruntime(h, now);
	return w->sched.woken && turn >= GRANULARITY &&
	       w->sched.vruntime + GRANULARITY < vruntime(h, now);
}

/* ---- the books ---- */

void runq_charge(struct task *t, nsec now)
{
	struct sched_entity *s = &t->sched;
	nsec time = s->since ? max(now - s->charged, 0ll) : 0;

	if (!runq_realtime(t))
		s->vruntime += weigh(t, time);
	if (s->state == SCHED_STATE_LOOSE)
		runq.totals.loose += time;
	else if (__atomic_load_n(&t->process->nice, __ATOMIC_RELAXED) > 0)
		runq.totals.nice[s->cpu] += time;
	else
		runq.totals.user[s->cpu] += time;
	s->charged = now;
}

void runq_clock_run(struct task *t, nsec now)
{
	__atomic_store_n(&t->sched.clock, min(t->sched.clock - now, -1ll), __ATOMIC_RELAXED);
}

void runq_clock_stop(struct task *t, nsec now)
{
	if (t->sched.clock < 0)
		__atomic_store_n(&t->sched.clock, max(t->sched.clock + now, 0ll), __ATOMIC_RELAXED);
}

/* ---- tokens and the queue ---- */

void runq_set_state(struct task *t, uint32_t state)
{
	__atomic_store_n(&t->sched.state, state, __ATOMIC_SEQ_CST);
}

void runq_set_told(struct task *t, bool told)
{
	__atomic_store_n(&t->sched.told, told, __ATOMIC_RELAXED);
}

int runq_take_token(void)
{
	for (unsigned i = 0; i < countof(free_cpus); i++)
		if (free_cpus[i]) {
			int bit = __builtin_ctz(free_cpus[i]);

			free_cpus[i] &= free_cpus[i] - 1;
			return (int)i * 32 + bit;
		}
	return -1;
}

void runq_run(struct task *t, int cpu, nsec now)
{
	struct sched_entity *s = &t->sched;

	s->since = s->charged = now;
	runq_set_told(t, false);
	list_append(cpu < 0 ? &runq.loose : &runq.running, &s->node);
	if (cpu >= 0) {
		s->cpu = cpu;
		runq.totals.switches++;
	}
	runq_set_state(t, cpu < 0 ? SCHED_STATE_LOOSE : SCHED_STATE_RUNNING);
}

void runq_notify(struct task *t)
{
	if (t)
		host_futex_wake(&t->sched.state, 1);
}

/* Who did all its running long ago owes nothing for it, and who slept for long is owed nothing. */
static void bring_near(struct task *t, nsec now, nsec credit)
{
	nsec vr = vruntime(t, now);

	t->sched.vruntime += max(runq.least - credit, min(vr, runq.least + weigh(t, 2 * SCHED_SLICE))) - vr;
}

static void least_update(nsec now)
{
	nsec found = FOREVER;
	struct task *t;

	list_for_each(t, &runq.running, sched.node)
		if (!runq_realtime(t))
			found = min(found, vruntime(t, now));
	list_for_each(t, &runq.queued, sched.node)
		if (!runq_realtime(t)) {
			found = min(found, t->sched.vruntime);
			break;
		}
	if (found != FOREVER)
		runq.least = max(runq.least, found);
}

void runq_insert(struct task *t, bool in_front)
{
	int mine = runq_realtime(t);
	struct task *at;

	list_for_each(at, &runq.queued, sched.node) {
		int its = runq_realtime(at);

		if (mine > its || (mine == its && in_front))
			break;
		if (!mine && !its && t->sched.vruntime < at->sched.vruntime)
			break;
	}
	list_append(&at->sched.node, &t->sched.node);
}

void runq_enqueue(struct task *t, nsec now, bool in_front)
{
	runq_insert(t, in_front && runq_realtime(t));
	t->sched.since = now;
	runq_set_state(t, SCHED_STATE_QUEUED);
	__atomic_store_n(&sched_nqueued, sched_nqueued + 1, __ATOMIC_RELAXED);
}

void runq_dequeue(struct task *t, nsec now)
{
	list_remove(&t->sched.node);
	runq.totals.queued += max(now - t->sched.since, 0ll);
	__atomic_store_n(&sched_nqueued, sched_nqueued - 1, __ATOMIC_RELAXED);
}

struct task *runq_pick(nsec now)
{
	struct task *t, *best = NULL;

	if (list_empty(&runq.queued))
		return NULL;
	t = list_first(&runq.queued, struct task, sched.node);
	if (runq_realtime(t))
		list_for_each(t, &runq.queued, sched.node)
			if (starved(t, now) && (!best || t->sched.since < best->sched.since))
				best = t;
	if (best)
		best->sched.spared_until = now + SPARED;
	else
		best = list_first(&runq.queued, struct task, sched.node);
	runq_dequeue(best, now);
	return best;
}

/* The one of the highest priority that runs without a token, one that was robbed of it first, or NULL. */
static struct task *first_loose(void)
{
	struct task *t, *first = NULL;

	list_for_each(t, &runq.loose, sched.node)
		if (!first || 2 * runq_realtime(t) + t->sched.robbed > 2 * runq_realtime(first) + first->sched.robbed)
			first = t;
	return first;
}

/* A loose task runs anyway; is it to have a token before all that wait? In its turn it gets back what a sleeper took. */
static bool goes_before(const struct task *t, nsec now)
{
	bool turn = t->sched.robbed && runq_turn(t, now) < SCHED_SLICE && !__atomic_load_n(&t->killed, __ATOMIC_RELAXED);
	struct task *w;

	list_for_each(w, &runq.queued, sched.node)
		if (runq_realtime(w) + !turn > runq_realtime(t) || starved(w, now))
			return false;
	return true;
}

bool runq_loose_above(const struct task *t)
{
	struct task *h;

	list_for_each(h, &runq.loose, sched.node)
		if (runq_realtime(h) > runq_realtime(t) && !__atomic_load_n(&h->killed, __ATOMIC_RELAXED))
			return true;
	return false;
}

struct task *runq_pass_on(int cpu, nsec now)
{
	struct task *t, *next;

	if (cpu < 0)
		return NULL;
	t = first_loose();
	if (!t || !goes_before(t, now)) {
		next = runq_pick(now);
		if (next) {
			runq_run(next, cpu, now);
			return next;
		}
	}
	if (t) {
		runq_charge(t, now);
		t->sched.cpu = cpu;
		t->sched.robbed = false;
		runq_set_told(t, t->sched.deaf); /* until it looks after all */
		t->sched.told_at = now; /* and has the token for a while: else it would be loosened again at once */
		list_remove(&t->sched.node);
		list_append(&runq.running, &t->sched.node);
		runq_set_state(t, SCHED_STATE_RUNNING);
		return NULL;
	}
	free_cpus[cpu / 32] |= 1u << cpu % 32;
	return NULL;
}

int runq_leave(struct task *t, nsec now)
{
	struct sched_entity *s = &t->sched;
	int cpu = s->state == SCHED_STATE_RUNNING ? s->cpu : -1;

	if (s->state == SCHED_STATE_OFF) /* only unit tests run so */
		return -1;
	runq_charge(t, now);
	runq_clock_stop(t, now);
	list_remove(&s->node);
	runq_set_told(t, false);
	s->spared_until = 0;
	s->deaf = s->robbed = false;
	runq_set_state(t, SCHED_STATE_OFF);
	return cpu;
}

int runq_loosen(struct task *t, nsec now)
{
	runq_charge(t, now);
	list_remove(&t->sched.node);
	list_append(&runq.loose, &t->sched.node);
	runq_set_state(t, SCHED_STATE_LOOSE);
	return t->sched.cpu;
}

/* ---- ending turns ---- */

struct task *runq_victim(const struct task *w, nsec now)
{
	struct task *h, *worst = NULL;

	list_for_each(h, &runq.running, sched.node) {
		if (h->sched.told || !runq_beats(w, h, now))
			continue;
		if (!worst || runq_realtime(h) < runq_realtime(worst) ||
		    (runq_realtime(h) == runq_realtime(worst) && vruntime(h, now) > vruntime(worst, now)))
			worst = h;
	}
	return worst;
}

void runq_tell(struct task *t, nsec now)
{
	runq_set_told(t, true);
	t->sched.told_at = now;
	t->sched.nudged_at = 0;
}

void runq_watch(void)
{
	__atomic_store_n(&runq.watched, true, __ATOMIC_RELAXED);
}

void runq_tell_self(struct task *t, nsec now)
{
	runq_tell(t, now);
	__atomic_store_n(&t->attention, ATTENTION_LOOK, __ATOMIC_SEQ_CST);
}

/*
 * The token of h is w's at once, if not too many run loose already. To have h give it up would
 * take a look of the supervisor, a poke and three wake-ups, which on a busy host are many
 * milliseconds; and who wakes up mostly sleeps again before that. Not with real-time tasks: they
 * are in the queue or have a token, so that no lower one runs beside them.
 */
static bool rob(struct task *h, struct task *w, nsec now)
{
	int nloose = 0;
	struct task *t;

	if (runq_realtime(h) || runq_realtime(w))
		return false;
	list_for_each(t, &runq.loose, sched.node)
		if (++nloose >= ncpus)
			return false;
	runq_tell_self(h, now);
	h->sched.robbed = true;
	runq_run(w, runq_loosen(h, now), now);
	return true;
}

/* t can run and finds no token. True when the supervisor is to be rung. */
static bool queue_up(struct task *t, nsec now, bool woken)
{
	bool ring = !runq.watched;
	struct task *h;

	least_update(now);
	if (list_empty(&runq.queued))
		list_for_each(h, &runq.running, sched.node)
			if (!runq_realtime(h))
				bring_near(h, now, SLEEPER_CREDIT);
	t->sched.since = 0;
	bring_near(t, now, woken ? SLEEPER_CREDIT : 0);
	t->sched.woken = woken;
	t->sched.since = now;
	h = runq_victim(t, now);
	if (!h || !rob(h, t, now)) {
		runq_enqueue(t, now, false);
		if (h) {
			runq_tell(h, now);
			ring = true;
		}
	}
	runq_watch();
	return ring;
}

/* The token of one that doesn't look anyway and goes not before w, or -1. */
static int reclaim_token(const struct task *w)
{
	struct task *t;

	list_for_each(t, &runq.running, sched.node)
		if (t->sched.deaf && runq_realtime(t) <= runq_realtime(w))
			return runq_loosen(t, host_clock());
	return -1;
}

void runq_make_runnable(struct task *t, bool woken, bool *running_now, bool *ring)
{
	int cpu = runq_take_token();

	if (cpu < 0)
		cpu = reclaim_token(t);
	*ring = false;
	if (cpu >= 0 || __atomic_load_n(&t->killed, __ATOMIC_SEQ_CST))
		runq_run(t, cpu, 0);
	else
		*ring = queue_up(t, host_clock(), woken);
	*running_now = t->sched.state != SCHED_STATE_QUEUED;
}

bool runq_make_running(struct task *t, nsec now)
{
	int cpu = runq_take_token();
	bool ring = cpu < 0 && !runq.watched;

	runq_run(t, cpu, now);
	if (cpu < 0) {
		runq_tell_self(t, now);
		runq_watch();
	}
	return ring;
}
