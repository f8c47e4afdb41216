/*
 * What every thread of a program keeps in wasm TLS.
 */
#ifndef TABOS_THREAD_H
#define TABOS_THREAD_H

/* musl's struct pthread of this thread. */
extern _Thread_local unsigned long __tabos_tp;

/* The kernel stores 1 here when a signal handler should run (thread-attach). */
extern _Thread_local volatile int __tabos_pending;

/* How many signal handlers this thread is in; setjmp keeps it, longjmp restores it. */
extern _Thread_local int __tabos_handlers;

/* Where this thread's own stack was when a handler last went on the alternate one. */
extern _Thread_local unsigned long __tabos_left_stack;

/* No call's result: it is to be made again. */
#define TABOS_AGAIN (-512)
/*
 * Runs the handlers of all signals that are due. Returns what the program sees
 * of the call that gave `result`, or TABOS_AGAIN. The result goes in and out by
 * value, so that the functions that make calls need no stack frame.
 */
long __tabos_deliver(long result);
/* The same for cancellation points, which a cancellation ends. */
long __tabos_deliver_cp(long result, long n);

/* struct pthread's `cancel`; src/thread/wasm32/pthread_cancel.c asserts the offset. */
#define TABOS_CANCEL_OFFSET 36
#define __tabos_cancel_word (*(volatile int *)(__tabos_tp + TABOS_CANCEL_OFFSET))

/* Acts on a cancellation request: does not return, or -ECANCELED, or 0 to go on. */
long __tabos_cancel(long n) __attribute__((__weak__));

/* In a vfork child: back to the parent. Linked only with vfork. */
_Noreturn void __tabos_vfork_return(void) __attribute__((__weak__));

#endif
