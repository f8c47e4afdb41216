/*
 * Blocking, the one primitive: sleep on wait queues until a condition, a
 * signal or a deadline. Everything that blocks uses it, so everything is
 * interruptible and everything can be polled.
 *
 *     struct waiter w;
 *     wait_begin(&q, &w);                  // on the queue from here on
 *     lock(&p->lock);
 *     while (!(ready) && !(err = 0)) {
 *             unlock(&p->lock);
 *             err = wait_sleep(deadline);   // 0 woken, -ERESTART, -ETIMEDOUT
 *             lock(&p->lock);
 *             if (err) break;
 *     }
 *     ...
 *     wait_end(&w);
 *
 * No wake-up is lost: a waker bumps the task's wake word, and wait_sleep
 * returns at once when the word moved since the last wait_begin/wait_sleep.
 * The wait_event macro below is the usual form.
 */
#ifndef WAIT_H
#define WAIT_H

#include "../lib/list.h"
#include "../lib/lock.h"
#include "../types.h"

struct task;

/*
 * The queues that one line of code makes have a kind: their name, for wchan, and
 * what sleeping on them was like, for /proc/wait_stat. Only what goes through the
 * scheduler is counted; who finds the wake-up while spinning pays nothing.
 */
struct wait_kind {
	const char *file, *name;
	uint32_t sleeps;   /* [a] */
	uint32_t wakeups;  /* [a] of those who really slept */
	uint32_t again;    /* [a] woken, and the condition did not hold */
	uint32_t listed;   /* [a] */
	struct wait_kind *next;
};
#define WAIT_KIND(name) { __FILE__, (name), 0, 0, 0, 0, NULL }
/* Call f for each kind on which anybody has slept. */
void wait_kind_each(void (*f)(const struct wait_kind *k, void *arg), void *arg);

struct wait_queue {
	struct lock lock;
	struct list waiters;
	struct wait_kind *kind; /* [I] */
};
#define WAIT_QUEUE_INIT(queue) \
	{ LOCK_INIT(RANK_WAIT), LIST_INIT((queue).waiters), &(struct wait_kind)WAIT_KIND(#queue) }
#define wait_queue_init(q) do { \
	static struct wait_kind queue_kind = WAIT_KIND(#q); \
	wait_queue_init_kind(q, &queue_kind); \
} while (0)
void wait_queue_init_kind(struct wait_queue *q, struct wait_kind *kind);
/* The current task begins to wait, but on no queue: wake-ups from here on count. */
#define wait_as(what) do { \
	static struct wait_kind other_kind = WAIT_KIND(what); \
	wait_as_kind(&other_kind); \
} while (0)
void wait_as_kind(struct wait_kind *kind);

struct waiter {
	struct list node;
	struct wait_queue *queue;
	struct task *task;
	void (*woken)(struct waiter *w); /* instead of waking a task; the queue is locked */
};

/* Put the current task on q; it may be on many queues at once (poll). */
void wait_begin(struct wait_queue *q, struct waiter *w);
/* Have `woken` called at each wake-up of q, until wait_end. It must not sleep. */
void wait_watch(struct wait_queue *q, struct waiter *w, void (*woken)(struct waiter *w));
void wait_end(struct waiter *w);
/*
 * Sleep until woken, a deliverable signal or kill (-ERESTART), or the
 * monotonic deadline (-ETIMEDOUT). May return 0 for nothing: test again.
 * May be called with no lock held only.
 */
int wait_sleep(nsec deadline);
/* The same, deaf to signals (but not to SIGKILL). */
int wait_sleep_killable(nsec deadline);
void wake_all(struct wait_queue *q);
void wake_one(struct wait_queue *q);
/* Is anybody there? May be asked without a lock when the answer may be stale. */
static inline bool wait_queue_active(const struct wait_queue *q)
{
	return __atomic_load_n(&q->waiters.next, __ATOMIC_SEQ_CST) != &q->waiters;
}

/*
 * Sleep until `condition`, which is evaluated with `l` held and returns with
 * `l` held. The value is 0, -ERESTART or -ETIMEDOUT.
 */
#define wait_event(q, l, condition, deadline) ({                  \
	int wait_err = 0;                                         \
	if (!(condition)) {                                       \
		struct waiter wait_w;                             \
		wait_begin(q, &wait_w);                           \
		while (!(condition) && wait_err == 0) {           \
			unlock(l);                                \
			wait_err = wait_sleep(deadline);          \
			lock(l);                                  \
		}                                                 \
		wait_end(&wait_w);                                \
		if (wait_err && (condition))                      \
			wait_err = 0;                             \
	}                                                         \
	wait_err;                                                 \
})

/*
 * poll: a file's poll operation calls poll_on for each queue whose wake-up may
 * change its answer, then returns the events that hold now. With pt NULL it
 * only asks.
 */
struct poll_table {
	bool (*add)(struct poll_table *pt, struct wait_queue *q); /* false: no memory */
	bool out_of_memory;
};
static inline void poll_on(struct poll_table *pt, struct wait_queue *q)
{
	if (pt && !pt->add(pt, q))
		pt->out_of_memory = true;
}

#endif
