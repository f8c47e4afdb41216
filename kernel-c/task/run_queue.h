/*
 * The parts of the scheduler (sched.h) among themselves: tokens, those that have
 * one, and those that wait.
 *
 * runq.lock may be taken with any lock held but those of memory and log. Its holder
 * wakes nobody by itself: who got a token is notified after it. All functions here need
 * it held, but runq_notify.
 */
#ifndef RUN_QUEUE_H
#define RUN_QUEUE_H

#include "task.h"

struct run_queue {
	struct lock lock;    /* RANK_RUN; all below is under it */
	struct list running; /* tasks with a token */
	struct list loose;   /* that run without */
	struct list queued;  /* that wait, the next one first */
	nsec least;          /* the least vruntime of those that run or could; never falls */
	bool watched;        /* [read anywhere] the supervisor looks again by itself */
	struct sched_totals totals; /* but for what is under way */
};
extern struct run_queue runq;

/* The priority of a real-time task, or that it was lent; 0 of others. */
int runq_realtime(const struct task *t);
/* How long t's turn has lasted. */
nsec runq_turn(const struct task *t, nsec now);
/* Is w, from the queue, to have the token of h now? */
bool runq_beats(const struct task *w, const struct task *h, nsec now);
/* Put into the books what t, which runs, has used since the last time. */
void runq_charge(struct task *t, nsec now);
/* Its CPU clock goes, or stands still. */
void runq_clock_run(struct task *t, nsec now);
void runq_clock_stop(struct task *t, nsec now);
void runq_set_state(struct task *t, uint32_t state);
void runq_set_told(struct task *t, bool told);
/* A free token, or -1. */
int runq_take_token(void);
/*
 * t runs from now on, with token cpu or (-1) without. The caller notifies it, unless it is itself.
 * It pays for its turn from then on, also while the host is yet to wake its worker: else those that
 * hand over to each other all the time have the tokens for nothing. 0: from when it begins.
 */
void runq_run(struct task *t, int cpu, nsec now);
/* Have the worker of t (or NULL) look at its state. */
void runq_notify(struct task *t);
/* Put t into its place: behind its equals, or in front of them. */
void runq_insert(struct task *t, bool in_front);
/* The same for one that begins to wait, and its end. */
void runq_enqueue(struct task *t, nsec now, bool in_front);
void runq_dequeue(struct task *t, nsec now);
/* The next to run, taken out of the queue, or NULL. */
struct task *runq_pick(nsec now);
/* A token is free (-1: none is after all): who has it now, and is to be notified, or NULL. */
struct task *runq_pass_on(int cpu, nsec now);
/* t runs no more: the number of the token it had, or -1. */
int runq_leave(struct task *t, nsec now);
/* t, which has a token, runs on without: its number. */
int runq_loosen(struct task *t, nsec now);
/* Does a task of a higher priority than t's run without a token? It is to have t's, then. */
bool runq_loose_above(const struct task *t);
/* Whose token w is to have: the least of those whose turn may be ended, or NULL. */
struct task *runq_victim(const struct task *w, nsec now);
/* t's turn is over; the supervisor sees to it that it looks, once it has been rung. */
void runq_tell(struct task *t, nsec now);
/* The same, for one that need not be poked: it looks when it next leaves the kernel, or when the supervisor pokes it after all. */
void runq_tell_self(struct task *t, nsec now);
void runq_watch(void);
/* t, which is off, is to run: at once, or after a while in the queue; then perhaps the supervisor is to be rung. */
void runq_make_runnable(struct task *t, bool woken, bool *running_now, bool *ring);
/* t, which is off, runs at once, with a token or without. True when the supervisor is to be rung. */
bool runq_make_running(struct task *t, nsec now);

#endif
