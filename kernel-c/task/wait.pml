/*
 * Model of sleeping and waking (wait.c, wait.h), for spin: is a wake-up ever
 * lost? One sleeper on two queues, as poll has it; a waker for each, one of which
 * may find its condition taken back; somebody who signals or kills; a deadline.
 *
 *     spin -run -DNAME… wait.pml
 *
 * tests-c/suites/models.sh runs it, and also with each mistake of which one must
 * be found: -DNO_FENCE, -DSEEN_LATE, -DPARKED_LATE, -DKILL_ASLEEP, -DWORD_LAST,
 * -DQUEUE_LATE.
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

byte wakeups;        /* t->wakeups, the futex word */
bool parked;         /* t->parked */
bool asleep;         /* in the host's futex wait */
bool killed;         /* t->killed, or a signal that is deliverable */
bool queued[2];      /* is the sleeper on the queue? */
bool queue_lock[2];  /* q->lock */
bool condition[2];   /* what the sleeper waits for, as others see it */
bool ended;          /* the sleeper has returned */
bool timed_out;

inline lock(l)   { atomic { !l -> l = true } }
inline unlock(l) { l = false }

/* host_futex_wake */
inline futex_wake() { asleep = false }

/* task_wake */
inline task_wake() {
#ifdef WORD_LAST
	if :: parked -> futex_wake() :: else fi;
	wakeups = (wakeups + 1) % 16
#else
	wakeups = (wakeups + 1) % 16;
	if :: parked -> futex_wake() :: else fi
#endif
}

/* wake_all of one queue, after its condition was changed */
proctype Waker(byte q) {
	bool sees;

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
		if :: queued[q] -> task_wake() :: else fi;
		unlock(queue_lock[q])
	:: else
	fi;
	if :: buffered -> condition[q] = true :: else fi
}

/* task_interrupt, or task_kill of a task in the kernel */
proctype Killer() {
	killed = true;
#ifndef KILL_ASLEEP
	task_wake()
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
#ifndef PARKED_LATE
	parked = true;
#endif
	/* host_futex_wait: the comparison and falling asleep are one step */
	atomic {
		if
		:: wakeups == seen -> asleep = true
		:: else
		fi
	};
#ifdef PARKED_LATE
	parked = true;
#endif
	if
	:: !asleep
	:: DEADLINE && asleep -> atomic { asleep = false; timed_out = true }
	fi;
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
