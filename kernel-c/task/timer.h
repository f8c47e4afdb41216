/*
 * Timers: one list of deadlines, which the supervisor fires, and over it
 * interval timers on a clock, from which setitimer, POSIX timers and timerfd
 * are made.
 *
 * A timer is counted: its owner holds a reference, and the supervisor another
 * while it runs `expire`, so a timer may be dropped at any moment.
 *
 * Letters: I immutable, a atomic, T under timers_lock, t under itimer->lock.
 */
#ifndef TIMER_H
#define TIMER_H

#include "task.h"

struct timer {
	struct list node;                /* [T] empty when not armed */
	nsec deadline;                   /* [T] monotonic */
	int refs;                        /* [a] */
	void (*expire)(struct timer *t); /* [I] supervisor, no lock held; may arm again */
	void (*free)(struct timer *t);   /* [I] the last reference is gone */
};

/* With one reference, not armed. */
void timer_init(struct timer *t, void (*expire)(struct timer *), void (*free)(struct timer *));
void timer_put(struct timer *t);
/* Expire at the deadline, whatever was asked for before. */
void timer_arm(struct timer *t, nsec deadline);
void timer_disarm(struct timer *t);
nsec timer_run(void); /* supervisor: fire what is due; the next deadline or FOREVER */

/*
 * A value that counts down on a clock, and an interval after which it is due
 * again. `next` and `interval` are times on that clock, the monotonic clock
 * standing for CLOCK_REALTIME, which nobody can set.
 */
struct itimer {
	struct timer timer;      /* [t] armed while it counts */
	struct lock lock;        /* RANK_ITIMER */
	int clock;               /* [I] CLOCK_* */
	struct process *process; /* [I] with a reference */
	struct task *task;       /* [I] of a thread's CPU clock, with a reference */
	nsec next, interval;     /* [t] when it is due, 0: disarmed; and from then on every */
	nsec looked_at, pause;   /* [t] a CPU clock when last looked at, and the pause since */
};

/* May timers run on that clock? CLOCK_* only, the caller's own. */
bool itimer_clock_valid(int clock);
/* A timer of the current process. */
void itimer_init(struct itimer *it, int clock, void (*expire)(struct timer *),
		 void (*free)(struct timer *));
/* What `free` calls first: drops what the timer refers to. */
void itimer_finish(struct itimer *it);
/* What its clock says. Not with its process's lock held, but for the _locked one, which needs it. */
nsec itimer_now(struct itimer *it);
nsec itimer_now_locked(struct itimer *it);
/* Count down to it->next from now on (now: what its clock says); lock held. */
void itimer_arm(struct itimer *it, nsec now);
/* How often it has been due, at most INT32_MAX; moves `next` on, disarmed if there is no interval. Lock held. */
int itimer_take(struct itimer *it, nsec now);
/* What it has left and its interval; lock held. */
void itimer_describe(struct itimer *it, nsec now, nsec *left, nsec *interval);
/* Set it to value, in absolute time if asked; 0 disarms. Lock held; does not arm. */
void itimer_set(struct itimer *it, nsec now, nsec value, nsec interval, bool absolute);

/* ---- itimer.c, posix_timer.c ---- */
void timers_free(struct process *p); /* of a process that ends: all */
void ptimers_free(struct process *p); /* exec: those of timer_create */
struct queued_signal;
/* Its signal is taken: fill in the overruns and count on. The process's lock is held. */
void ptimer_taken(struct queued_signal *s);
/* Its signal was dropped from the queue. The process's lock is held. */
void ptimer_dropped(struct queued_signal *s);

struct abi_itimerspec; /* abi.h */
/* Copies with checks: 0, -EFAULT or -EINVAL. A NULL address is -EFAULT too. */
int itimerspec_in(uaddr from, nsec *value, nsec *interval);
int itimerspec_out(uaddr to, nsec value, nsec interval);

#endif
