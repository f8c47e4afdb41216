/*
 * Model of entering, leaving, killing and signalling (entry.h, task.c, signal.c,
 * worker.c), for spin. One task makes calls or loops in its program; others kill
 * it, send it a signal that has a handler, attach a trace and detach it.
 *
 * Shown: a worker is never terminated while its task is in the kernel; a killed
 * task dies, exactly once, with safepoints or without; a signal is taken though the program
 * makes no calls.
 * tests-c/suites/models.sh runs it, and with each mistake, which must be found:
 * -DLOOK_FIRST, -DFLAG_LATE, -DNO_POKE, -DPOKE_FIRST, -DNO_LOOK_AGAIN,
 * -DKILL_ONE_STATE, -DKILL_KERNEL.
 *
 * All of it is sequentially consistent in C, too.
 */

mtype = { USER, KERNEL, DEAD, TRACED };
mtype state = USER;      /* t->state */
bool killed;             /* t->killed */
bool attention;          /* t->attention & ATTENTION_LOOK */
bool traced;             /* t->traced */
bool trace_attention;    /* t->attention & ATTENTION_TRACE */
bool pending;            /* a signal with a handler is in the queue */
bool pending_word;       /* in the program's memory */
bool poked;              /* the supervisor has been asked to set it */
bool doomed;             /* the supervisor has been asked to see to it that the task dies */
bool terminated;         /* the worker is no more */
bool in_kernel;          /* ghost: the task's thread runs kernel code */
byte gone;               /* ghost: how often task_gone was called */
byte handled;            /* ghost: handlers that ran */
bool process_lock;       /* p->lock */
byte left = 2;           /* calls that the program makes before it only loops */
bool deaf;               /* its loops have no safepoints */

inline lock(l)   { atomic { !l -> l = true } }
inline unlock(l) { l = false }

/* USER or TRACED to KERNEL, or whatever comes (task_leave_user): result in `ok`. */
inline swap_from_user(to, ok) {
	atomic {
		if
#if defined(KILL_ONE_STATE)
		:: state == USER -> state = to; ok = true
#elif defined(KILL_KERNEL)
		:: state != DEAD -> state = to; ok = true
#else
		:: state == USER || state == TRACED -> state = to; ok = true
#endif
		:: else -> ok = false
		fi
	}
}
inline enter() {
	atomic {
		if
		:: state == USER || state == TRACED -> state = KERNEL; in_kernel = true
		:: else -> assert(state == DEAD); goto wait_for_death
		fi
	}
}
inline back_to_user() {
	if
	:: traced -> atomic { state = TRACED; in_kernel = false }
	:: else -> atomic { state = USER; in_kernel = false }
	fi
}

active proctype Task() {
	bool handle;

	if :: deaf = true :: skip fi;
user:
	if
	:: terminated -> goto end
	:: !terminated && pending_word && (!deaf || left > 0) -> /* a safepoint, or the stub after a call */
		pending_word = false;
		enter();
		lock(process_lock); /* signal_take */
		if :: pending -> pending = false; handled++ :: else fi;
		attention = killed;
		unlock(process_lock);
		goto leave
	:: !terminated && left > 0 ->
		left--;
		enter();
		goto leave
	:: !terminated && (!pending_word || deaf) && left == 0 -> skip
	fi;
endless: /* it loops: only the word, or the end of the worker, can change that */
	((pending_word && !deaf) || terminated);
	goto user;

leave: /* syscall_exit */
#ifdef LOOK_FIRST
	if
	:: attention || trace_attention -> atomic { state = USER; in_kernel = false }; goto look
	:: else -> atomic { state = USER; in_kernel = false }; goto user
	fi;
#else
	atomic { state = USER; in_kernel = false };
	if
	:: attention || trace_attention -> goto look
	:: else -> goto user
	fi;
#endif

look: /* syscall_attention */
	enter();
again:
	if /* act */
	:: killed -> goto exit
	:: else
	fi;
	lock(process_lock);
	handle = pending;
	attention = pending || killed;
	trace_attention = traced;
	unlock(process_lock);
	if :: handle -> pending_word = true :: else fi;
	back_to_user();
#ifndef NO_LOOK_AGAIN
	if
	:: !handle && attention -> enter(); goto again
	:: handle && killed -> enter(); goto again
	:: else
	fi;
#endif
	goto user;

exit: /* task_exit */
	gone++;
	in_kernel = false;
	goto end;

wait_for_death: /* the worker stands still until it is terminated */
	terminated;
end:
	assert(!in_kernel)
}

/* task_kill */
active proctype Killer() {
	if :: skip -> goto end :: skip fi; /* or nobody kills it */
	lock(process_lock);
#ifdef FLAG_LATE
	if :: state == USER || state == TRACED -> poked = true; doomed = true :: else fi;
	killed = true;
	attention = true;
#else
	killed = true;
	attention = true;
	if :: state == USER || state == TRACED -> poked = true; doomed = true :: else fi;
#endif
	unlock(process_lock);
end:	skip
}

/* send, task_interrupt */
active proctype Sender() {
	if :: skip -> goto end :: skip fi;
	lock(process_lock);
	if
	:: killed -> skip
	:: else ->
#ifdef POKE_FIRST
		if :: state == USER || state == TRACED -> poked = true :: else fi;
		pending = true;
		attention = true
#else
		pending = true;
		attention = true;
#ifndef NO_POKE
		if :: state == USER || state == TRACED -> poked = true :: else fi
#endif
#endif
	fi;
	unlock(process_lock);
end:	skip
}

/* trace_task, untrace_task */
active proctype Tracer() {
	if :: skip -> goto end :: skip fi;
	lock(process_lock);
	traced = true;
	trace_attention = true;
	atomic { if :: state == USER -> state = TRACED :: else fi };
	unlock(process_lock);
	if :: skip -> goto end :: skip fi;
	lock(process_lock);
	traced = false;
	atomic { if :: state == TRACED -> state = USER :: else fi };
	unlock(process_lock);
end:	skip
}

/* worker_run: pokes, and buries who doesn't look in time: that may be at once */
active proctype Supervisor() {
	bool ok;

end:	do
	:: poked -> atomic { poked = false; pending_word = true }
	:: doomed && !poked ->
		doomed = false;
		swap_from_user(DEAD, ok);
		if
		:: ok ->
			atomic {
				assert(!in_kernel); /* no kernel lock dies with it */
				terminated = true
			};
			gone++
		:: else
		fi
	od
}

/* When all has come to rest: */
active proctype Judge() {
	timeout ->
	assert(!killed || gone == 1);
	assert(killed || gone == 0);
	assert(killed || deaf || !pending); /* the signal was taken */
}
