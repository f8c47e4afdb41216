/*
 * Wait queues and the one way to sleep. wait.h tells how to use them.
 */
#include "wait.h"

#include "../host.h"
#include "../kernel.h"
#include "task.h"

/*
 * Turns a sleeper spins before it waits on the futex. A wake-up through the futex
 * takes 35 to 45 us, so two tasks that hand over to each other quickly would
 * keep sending each other to sleep: who slept only shortly last time spins for
 * about as long as that. On one processor spinning only keeps the waker away, and
 * where others wait for a token it keeps them waiting.
 */
#define SPIN_TURNS 2000
#define SPIN_TURNS_QUICK 40000
#define QUICK_SLEEP 150000ll /* ns */

static struct wait_kind *kinds; /* a stack that only grows */

static void count(struct wait_kind *k, uint32_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
	if (likely(__atomic_load_n(&k->listed, __ATOMIC_RELAXED)) ||
	    __atomic_exchange_n(&k->listed, 1, __ATOMIC_RELAXED))
		return;
	k->next = __atomic_load_n(&kinds, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&kinds, &k->next, k, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void wait_kind_each(void (*f)(const struct wait_kind *k, void *arg), void *arg)
{
	for (struct wait_kind *k = __atomic_load_n(&kinds, __ATOMIC_ACQUIRE); k; k = k->next)
		f(k, arg);
}

void wait_queue_init_kind(struct wait_queue *q, struct wait_kind *kind)
{
	lock_init(&q->lock, RANK_WAIT);
	list_init(&q->waiters);
	q->kind = kind;
}

void wait_as_kind(struct wait_kind *kind)
{
	__atomic_store_n(&current->waits_on, kind, __ATOMIC_RELAXED);
	current->woken = false;
	current->seen = __atomic_load_n(&current->wakeups, __ATOMIC_SEQ_CST);
}

void wait_begin(struct wait_queue *q, struct waiter *w)
{
	w->queue = q;
	w->task = current;
	w->woken = NULL;
	lock(&q->lock);
	list_append(&q->waiters, &w->node);
	unlock(&q->lock);
	wait_as_kind(q->kind);
}

void wait_watch(struct wait_queue *q, struct waiter *w, void (*woken)(struct waiter *w))
{
	w->queue = q;
	w->woken = woken;
	lock(&q->lock);
	list_append(&q->waiters, &w->node);
	unlock(&q->lock);
}

void wait_end(struct waiter *w)
{
	lock(&w->queue->lock);
	list_remove(&w->node);
	unlock(&w->queue->lock);
}

static void wake_parked(struct task *t)
{
	struct wait_kind *k = __atomic_load_n(&t->waits_on, __ATOMIC_RELAXED);

	if (k)
		count(k, &k->wakeups);
	sched_wake(t);
}

void task_wake(struct task *t)
{
	__atomic_add_fetch(&t->wakeups, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->parked, __ATOMIC_SEQ_CST))
		wake_parked(t);
}

static int park(struct task *t, nsec deadline)
{
	int turns = ncpus == 1 ? 0 : t->quick ? SPIN_TURNS_QUICK : SPIN_TURNS, err;
	nsec before;

	for (int i = 0; i < turns && (i % 64 || !sched_contended()); i++)
		if (__atomic_load_n(&t->wakeups, __ATOMIC_RELAXED) != t->seen)
			return 0;
	before = host_clock();
	if (deadline != FOREVER && before >= deadline)
		return -ETIMEDOUT;
	if (t->waits_on) {
		count(t->waits_on, &t->waits_on->sleeps);
		if (t->woken)
			count(t->waits_on, &t->waits_on->again);
	}
	t->woken = true;
	err = sched_park(before, deadline);
	t->quick = t->sched.since - before < QUICK_SLEEP;
	return err;
}

static int sleep_until(nsec deadline, bool deaf)
{
	struct task *t = current;
	int err = 0;

	lock_none_held();
	if (deaf ? t->killed : signal_pending())
		return -ERESTART;
	if (__atomic_load_n(&t->wakeups, __ATOMIC_SEQ_CST) == t->seen) {
		t->state_letter = deaf ? 'D' : 'S';
		__atomic_store_n(&t->sched.sleeps, t->sched.sleeps + 1, __ATOMIC_RELAXED);
		err = park(t, deadline);
		t->state_letter = 'R';
	}
	t->seen = __atomic_load_n(&t->wakeups, __ATOMIC_SEQ_CST);
	if (deaf ? t->killed : signal_pending())
		return -ERESTART;
	return err;
}

int wait_sleep(nsec deadline)
{
	return sleep_until(deadline, false);
}

int wait_sleep_killable(nsec deadline)
{
	return sleep_until(deadline, true);
}

void wake_all(struct wait_queue *q)
{
	struct waiter *w;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!wait_queue_active(q))
		return;
	lock(&q->lock);
	list_for_each(w, &q->waiters, node)
		if (unlikely(w->woken != NULL))
			w->woken(w);
		else
			task_wake(w->task);
	unlock(&q->lock);
}

/* For queues on which only tasks wait. The one woken goes last, so that repeated calls take turns. */
void wake_one(struct wait_queue *q)
{
	struct waiter *w;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!wait_queue_active(q))
		return;
	lock(&q->lock);
	if (!list_empty(&q->waiters)) {
		w = list_first(&q->waiters, struct waiter, node);
		list_remove(&w->node);
		list_append(&q->waiters, &w->node);
		task_wake(w->task);
	}
	unlock(&q->lock);
}
