/*
 * Model of sleeping and waking (wait.c, wait.h; park and wake of sched.c), for
 * spin: is a wake-up ever lost? One sleeper on two queues, as poll has it; a waker
 * for each; somebody who signals or kills; a deadline. CPU tokens are never short
 * here: sched.pml is about those.
 *
 *     spin -run -DNAME… wait.pml
 *
 * tests-c/suites/models.sh runs it, and also with each mistake of which one must
 * be found: -DNO_FENCE, -DSEEN_LATE, -DPARKED_LATE, -DKILL_ASLEEP, -DWORD_LAST,
 * -DQUEUE_LATE, -DNO_RECHECK.
 *
 * What is plain memory in C reaches others only with a fence or a locked
 * operation: the conditions are stored to a buffer of the waker's, which empties
 * at any time. All else is sequentially consistent there, as here.
 *
 * If a sleeper could miss its wake-up, it would stay in futex_wait while all
 * others have ended: an invalid end state, which spin reports.
 */

#ifndef DEADLINE
#define DEADLINE false /* may the futex wait time out? */
#endif

byte wakeups;        /* t->wakeups */
bool parked;         /* t->parked */
bool off;            /* t->sched.state is OFF: the futex word */
bool asleep;         /* in the host's futex wait */
bool run_lock;
bool killed;         /* t->killed, or a signal that is deliverable */
bool queued[2];      /* is the sleeper on the queue? */
bool queue_lock[2];  /* q->lock */
bool condition[2];   /* what the sleeper waits for, as others see it */
bool ended;          /* the sleeper has returned */
bool timed_out;

inline lock(l)   { atomic { !l -> l = true } }
inline unlock(l) { l = false }

/* sched_wake: the state changes first, then host_futex_wake */
inline sched_wake(now) {
	lock(run_lock);
	now = off && parked;
	if :: now -> off = false :: else fi;
	unlock(run_lock);
	if :: now -> asleep = false :: else fi
}

/* task_wake */
inline task_wake(now) {
#ifdef WORD_LAST
	if :: parked -> sched_wake(now) :: else fi;
	wakeups = (wakeups + 1) % 16
#else
	wakeups = (wakeups + 1) % 16;
	if :: parked -> sched_wake(now) :: else fi
#endif
}

/* wake_all of one queue, after its condition was changed */
proctype Waker(byte q) {
	bool sees, now;

	/* the store of the condition, which stays in the buffer for a while */
	bool buffered = true;
#ifndef NO_FENCE
	atomic { condition[q] = true; buffered = false }; /* atomic_thread_fence */
#endif
	if /* the buffer may empty by itself before the queue is looked at, or later */
	:: buffered -> condition[q] = true; buffered = false
	:: skip
	fi;
	sees = queued[q]; /* wait_queue_active */
	if
	:: sees ->
		lock(queue_lock[q]);
		if :: queued[q] -> task_wake(now) :: else fi;
		unlock(queue_lock[q])
	:: else
	fi;
	if :: buffered -> condition[q] = true :: else fi
}

/* task_interrupt, or task_kill of a task in the kernel */
proctype Killer() {
	bool now;

	killed = true;
#ifndef KILL_ASLEEP
	task_wake(now)
#endif
}

active proctype Sleeper() {
	byte seen;

#ifdef QUEUE_LATE
	seen = wakeups;
#endif
	/* wait_begin, twice */
	lock(queue_lock[0]); queued[0] = true; unlock(queue_lock[0]);
#if !defined(SEEN_LATE) && !defined(QUEUE_LATE)
	seen = wakeups;
#endif
#ifndef QUEUE_LATE
	lock(queue_lock[1]); queued[1] = true; unlock(queue_lock[1]);
#endif
#if !defined(SEEN_LATE) && !defined(QUEUE_LATE)
	seen = wakeups;
#endif
again:
	if
	:: condition[0] || condition[1] -> goto done
	:: else
	fi;
#ifdef QUEUE_LATE
	lock(queue_lock[1]); queued[1] = true; unlock(queue_lock[1]);
#endif
#ifdef SEEN_LATE
	seen = wakeups;
#endif
	/* sleep_until */
	if :: killed -> goto done :: else fi;
	if
	:: wakeups != seen -> goto woken
	:: else
	fi;
	/* park: the turns of spinning see the word move, or they are over */
	if
	:: wakeups != seen -> goto woken
	:: true
	fi;
	/* sched_park */
	lock(run_lock);
#ifndef PARKED_LATE
	parked = true;
#endif
#ifndef NO_RECHECK
	if
	:: wakeups != seen -> parked = false; unlock(run_lock); goto woken
	:: else
	fi;
#endif
#ifdef PARKED_LATE
	parked = true;
#endif
	off = true;
	unlock(run_lock);
	do
	:: off && !timed_out ->
		/* host_futex_wait: the comparison and falling asleep are one step */
		atomic { if :: off -> asleep = true :: else fi };
		if
		:: !asleep
		:: DEADLINE && asleep -> atomic { asleep = false; timed_out = true }
		fi
	:: else -> break
	od;
	/* come_back */
	lock(run_lock); off = false; unlock(run_lock);
	parked = false;
woken:
	seen = wakeups;
	if :: killed || timed_out -> goto done :: else fi;
	goto again;
done:
	/* wait_end */
	lock(queue_lock[0]); queued[0] = false; unlock(queue_lock[0]);
	lock(queue_lock[1]); queued[1] = false; unlock(queue_lock[1]);
	assert(condition[0] || condition[1] || killed || timed_out);
	assert(!asleep);
	ended = true
}

/* Somebody comes: the waker of either queue, of both, or a killer, or all. */
init {
	atomic {
		if
		:: run Waker(0)
		:: run Waker(1)
		:: run Killer()
		:: run Waker(0); run Waker(1)
		:: run Waker(1); run Killer()
		:: run Waker(0); run Waker(1); run Killer()
		fi
	}
}
