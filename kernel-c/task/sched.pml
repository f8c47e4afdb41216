/*
 * Model of CPU tokens (sched.c), for spin: is a token ever lost or doubled, does
 * anybody who could run wait beside a free one, and does everybody get on who was
 * woken or killed? A few tasks share fewer tokens; each runs, sleeps until another
 * wakes it, gives way when it is told to, and ends. One may be killed at any time,
 * and the supervisor may take a token from who does not look.
 *
 * What is abstracted: who in the queue is next (any may be: the order is no matter
 * of safety), time, and the words of wait.pml, which shows that a wake-up is not
 * lost; here it is a flag that the sleeper looks at under the lock.
 *
 * tests-c/suites/models.sh runs it, and with each mistake, which must be found:
 * -DNO_PASS_ON, -DKEEP_TOKEN, -DROB_TWICE, -DWAKE_RUNNING, -DPARKED_AFTER.
 */

#ifndef TASKS
#define TASKS 2
#endif
#ifndef TOKENS
#define TOKENS 1
#endif

mtype = { OFF, QUEUED, RUNNING, LOOSE };
mtype state[TASKS] = OFF;  /* t->sched.state, the futex word */
bool told[TASKS];          /* t->sched.told */
bool parked[TASKS];        /* t->parked */
bool woken[TASKS];         /* wakeups != seen */
bool killed[TASKS];        /* t->killed */
bool run_lock;
byte free = TOKENS;        /* free_cpus */
byte nqueued;
byte nended;

hidden byte i, r, q;       /* of check, 0 outside of it */

/* Under run_lock, and when it is given back: */
inline check() {
	d_step {
		i = 0;
		do
		:: i < TASKS ->
			if
			:: state[i] == RUNNING -> r++
			:: state[i] == QUEUED -> q++
			:: else
			fi;
			i++
		:: else -> break
		od;
		assert(r + free == TOKENS);
		assert(q == nqueued);
		assert(q == 0 || free == 0);
		i = 0; r = 0; q = 0
	}
}
inline lock()   { atomic { !run_lock -> run_lock = true } }
inline unlock() { atomic { check(); run_lock = false } }

/* pass_on: somebody's token is free. Anybody in the queue or a loose one, which was robbed; else it stays free. */
inline pass_on() {
	atomic {
		if
		:: state[0] == LOOSE -> state[0] = RUNNING; told[0] = false
		:: state[1] == LOOSE -> state[1] = RUNNING; told[1] = false
		:: state[TASKS - 1] == LOOSE -> state[TASKS - 1] = RUNNING; told[TASKS - 1] = false
#ifndef NO_PASS_ON
		:: nqueued > 0 ->
			if
			:: state[0] == QUEUED -> state[0] = RUNNING; told[0] = false
			:: state[1] == QUEUED -> state[1] = RUNNING; told[1] = false
			:: state[TASKS - 1] == QUEUED -> state[TASKS - 1] = RUNNING; told[TASKS - 1] = false
			fi;
			nqueued--
#endif
		:: else -> free++
		fi
	}
}

/* leave, then pass_on of the token that it had */
inline leave_and_pass_on(t) {
	atomic {
		if
		:: state[t] == RUNNING -> state[t] = OFF; told[t] = false; pass_on()
		:: else -> state[t] = OFF; told[t] = false
		fi
	}
}

/* rob: the token of h is t's at once, and h looks when it can */
#ifdef ROB_TWICE
#define rob(h, t) state[t] = RUNNING; told[h] = true
#else
#define rob(h, t) state[h] = LOOSE; told[h] = true; state[t] = RUNNING
#endif

/* make_runnable */
inline make_runnable(t) {
	atomic {
		if
		:: free > 0 -> free--; state[t] = RUNNING
		:: free == 0 && killed[t] -> state[t] = LOOSE
		:: free == 0 && state[0] == RUNNING -> rob(0, t)
		:: free == 0 && state[1] == RUNNING -> rob(1, t)
		:: free == 0 && state[TASKS - 1] == RUNNING -> rob(TASKS - 1, t)
		:: free == 0 && !killed[t] -> /* too many are loose already, or nobody is beaten */
			state[t] = QUEUED;
			nqueued++;
			/* tell whoever has a token, perhaps */
			if
			:: state[0] == RUNNING -> told[0] = true
			:: state[1] == RUNNING -> told[1] = true
			:: state[TASKS - 1] == RUNNING -> told[TASKS - 1] = true
			:: skip
			fi
		fi
	}
}

inline sched_wake(t) {
	lock();
	if
#ifdef WAKE_RUNNING
	:: state[t] == OFF || state[t] == RUNNING -> make_runnable(t)
#else
	:: state[t] == OFF && parked[t] -> make_runnable(t)
#endif
	:: state[t] == QUEUED && killed[t] -> nqueued--; state[t] = LOOSE
	:: else
	fi;
	unlock()
}

/* wait_for_turn: the futex wait ends when the word changes, and on a kill */
inline wait_for_turn(t) {
	parked[t] = true;
	do
	:: state[t] == RUNNING || state[t] == LOOSE -> break
	:: state[t] == QUEUED && killed[t] -> sched_wake(t)
	:: state[t] == QUEUED && !killed[t] -> (state[t] != QUEUED) /* deaf to a kill that only wakes by sched_wake */
	od;
	parked[t] = false
}

inline come_back(t) {
	lock();
	if :: state[t] == OFF -> make_runnable(t) :: else fi;
	unlock();
	wait_for_turn(t)
}

proctype Task(byte t) {
	bool slept = false, blocked = false;

	come_back(t); /* sched_start */
	do
	:: killed[t] -> break
	:: !killed[t] && told[t] -> /* sched_reschedule, step_aside */
		lock();
		if
		:: nqueued > 0 && !killed[t] && state[t] == RUNNING ->
			state[t] = QUEUED; told[t] = false; nqueued++;
#ifdef KEEP_TOKEN
			skip;
#else
			pass_on();
#endif
			unlock();
			wait_for_turn(t)
		:: nqueued == 0 && !killed[t] && state[t] == LOOSE ->
			told[t] = false;
			unlock()
		:: nqueued > 0 && !killed[t] && state[t] == LOOSE ->
			state[t] = QUEUED; told[t] = false; nqueued++; /* it has none to pass on */
			unlock();
			wait_for_turn(t)
		:: else -> told[t] = false; unlock()
		fi
	:: !killed[t] && !slept -> /* sched_park */
		slept = true;
#ifdef PARKED_AFTER
		lock();
		if
		:: woken[t] || killed[t] -> unlock(); goto awake
		:: else
		fi;
		leave_and_pass_on(t);
		unlock();
		parked[t] = true;
#else
		lock();
		parked[t] = true;
		if
		:: woken[t] -> parked[t] = false; unlock(); goto awake
		:: else
		fi;
		leave_and_pass_on(t);
		unlock();
#endif
		state[t] != OFF; /* the futex wait; with a deadline it would end earlier, as here by come_back */
		come_back(t);
awake:		skip
	:: !killed[t] && !blocked -> /* sched_block, sched_unblock: a mutex */
		blocked = true;
		lock();
		leave_and_pass_on(t);
		unlock();
		lock();
		atomic {
			if
			:: free > 0 -> free--; state[t] = RUNNING
			:: else -> state[t] = LOOSE; told[t] = true
			fi
		};
		unlock()
	:: !killed[t] && slept -> break
	od;
	/* sched_end */
	lock();
	if
	:: state[t] == QUEUED -> nqueued--; state[t] = OFF
	:: else -> leave_and_pass_on(t)
	fi;
	unlock();
	nended++
}

/* task_wake of every task, in any order; one of them is killed instead or as well */
proctype Waker(byte t; bool kills) {
	if
	:: kills -> killed[t] = true
	:: else
	fi;
	woken[t] = true;
	if
	:: parked[t] -> sched_wake(t)
	:: else
	fi
}

/* sched_run: after a while the token of a task that was told goes to another */
proctype Supervisor() {
	byte t;
end:	do
	:: atomic { nqueued > 0 && !run_lock && nended < TASKS -> run_lock = true };
		if
		:: told[0] && state[0] == RUNNING -> atomic { state[0] = LOOSE; pass_on() }
		:: told[1] && state[1] == RUNNING -> atomic { state[1] = LOOSE; pass_on() }
		:: else -> skip
		fi;
		unlock();
		break /* once is enough to see what it does */
	od
}

init {
	atomic {
		run Task(0);
		run Task(1);
		if :: TASKS > 2 -> run Task(TASKS - 1) :: else fi;
		run Waker(0, false);
		if :: run Waker(1, false) :: run Waker(1, true) fi;
		if :: TASKS > 2 -> run Waker(TASKS - 1, false) :: else fi;
		if :: run Supervisor() :: skip fi
	}
}
