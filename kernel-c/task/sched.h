/*
 * The scheduler: who has a CPU.
 *
 * The host schedules the workers as it likes, and knows neither nice levels nor
 * priorities. So the kernel hands out as many CPU tokens as the host has
 * processors. A task holds one while it runs, in the program or in the kernel; it
 * gives it up when it blocks, and on the way out of the kernel (where a safepoint
 * leads too) when its turn is over and somebody waits who is to have it.
 *
 *   OFF      sleeps, or does not run yet
 *   QUEUED   could run, waits for a token
 *   RUNNING  has a token
 *   LOOSE    runs without one: it dies, or its token went to another, because a
 *            sleeper woke up that goes before it, or because it did not give it back
 *            when told (a program without safepoints, a long call); or it got a mutex
 *
 * While no more tasks want to run than there are tokens nothing else happens: no
 * timer, no clock. A wake-up that finds no token puts the sleeper into the run
 * queue instead of waking its worker, and has the supervisor look at turns from
 * time to time (sched_run) until the queue is empty again.
 *
 * A task's own steps are in sched.c, who is next in run_queue.c, the supervisor's part in turns.c.
 *
 * Letters: r under runq.lock (run_queue.h), a atomic.
 */
#ifndef SCHED_H
#define SCHED_H

#include "../lib/list.h"
#include "../types.h"

enum { SCHED_STATE_OFF, SCHED_STATE_QUEUED, SCHED_STATE_RUNNING, SCHED_STATE_LOOSE };

/* A task's part of it. */
struct sched_entity {
	uint32_t state;     /* [r, read anywhere] SCHED_STATE_*; the futex word of who waits for a token */
	struct list node;   /* [r] in the queue, or among those that run */
	int cpu;            /* [r, read anywhere] the number of its token, now or last */
	bool told;          /* [r, read anywhere] its turn is over: give the token up on the way out */
	bool deaf;          /* [r] it was told for long and didn't look: its token is anybody's */
	bool robbed;        /* [r] loose because a sleeper that woke up took its token */
	bool woken;         /* [r] queued: after a sleep, not because its turn was over */
	int boost;          /* [r] the priority of who waits for a mutex that it has, or 0 */
	nsec told_at;       /* [r] when; or when it was first made to look */
	nsec nudged_at;     /* [r] when it was last made to look; 0: not yet */
	nsec since;         /* [r] queued: since when; running: its turn's begin; 0: not begun yet */
	nsec charged;       /* [r] running: up to when its time is in the books */
	nsec vruntime;      /* [r] SCHED_OTHER: its CPU time, weighed by its nice level */
	nsec spared_until;  /* [r] starved, so it runs in front of real-time tasks until then */
	nsec clock;         /* [a] its CPU time, or, while it runs, that less the monotonic clock: negative */
	uint32_t sleeps, preemptions; /* [a] voluntary and involuntary context switches */
};

#define SCHED_SLICE 4000000ll         /* a turn, when somebody else waits */
#define SCHED_RR_INTERVAL 20000000ll  /* the same of SCHED_RR */

struct task;

/* At boot: so many tokens. */
void sched_init(int cpus);
#define SCHED_CPUS_MAX 128

/* The current task begins to run on a worker: waits for a token. */
void sched_start(void);
/* t will never run again; from anywhere. */
void sched_end(struct task *t);
/*
 * The current task sleeps, without its token, until task_wake or the deadline;
 * back with a token. 0 or -ETIMEDOUT; may return 0 for nothing. `now` is the clock.
 */
int sched_park(nsec now, nsec deadline);
/* t, which is parked, was woken or killed (task_wake). */
void sched_wake(struct task *t);
/* The token passes from one to the other, which borrows its worker (vfork) or gives it back. */
void sched_move(struct task *from, struct task *to);
/*
 * Wait for a mutex: without a token between the two, and afterwards not in the queue
 * (but real-time tasks), for the others that want the mutex would wait for it there.
 * The task may be NULL.
 */
void sched_block(struct task *t);
void sched_unblock(struct task *t);
/* The current task was told: let another run, if it still should. */
void sched_reschedule(void);
/* The current task yields: false when nobody waits who may run in its place. */
bool sched_give_way(void);
/* t has a new policy, priority or nice level to be queued by. */
void sched_set_policy(struct task *t, int policy, int priority);
/* t has that real-time priority at least (0: its own), for it holds up who has. */
void sched_boost(struct task *t, int priority);
/* The real-time priority of t with what it was lent, 0 of others. */
int sched_priority(struct task *t);
/* Supervisor: end turns that are over. When it wants to run again, or FOREVER. */
nsec sched_run(void);
/* Does anybody wait for a token? An answer of the past. */
extern uint32_t sched_nqueued;
static inline bool sched_contended(void)
{
	return __atomic_load_n(&sched_nqueued, __ATOMIC_RELAXED) != 0;
}
/* SCHED_RR's quantum, SCHED_OTHER's turn; 0: no end. */
nsec sched_interval(const struct task *t);
/* What ps shows: the task's letter, but R for one that only waits for a token. */
char sched_letter(const struct task *t);

/* What all CPUs did since the boot. */
struct sched_totals {
	nsec user[SCHED_CPUS_MAX], nice[SCHED_CPUS_MAX]; /* by CPU: at nice levels up to 0, and above */
	nsec loose;         /* time run without a token */
	nsec queued;        /* time that tasks waited for one, together */
	uint64_t switches;  /* tokens handed out */
	unsigned runnable;  /* tasks that run or could */
};
void sched_totals(struct sched_totals *to);

/* ---- load.c ---- */
/* The three averages, as fractions of 1 << LOAD_SHIFT. */
#define LOAD_SHIFT 16
void load_averages(uint32_t out[3]);
/* Supervisor, from time to time: so that a busy hour is not seen as one mean. */
void load_look(nsec now);

#endif
