/*
 * Signal delivery: what a call does on its way back when the kernel has set
 * the thread's pending word.
 *
 * No kernel frame lies under a handler, so handlers may siglongjmp, fork and
 * exec. A handler is called by the kind of pointer it was declared as, since
 * WebAssembly traps on any other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>
#include "pthread_impl.h"
#include "syscall.h"
#include "tabos_abi.h"

_Static_assert(sizeof(struct abi_sigframe) == 152, "as in the kernel's abi.h");

/* alt_stack.s: f(arg) with the stack pointer at top. */
hidden void __tabos_call_on_stack(void *top, void (*f)(void *), void *arg);

static void run_handler(void *p)
{
	struct abi_sigframe *frame = p;

	if (frame->flags & SA_SIGINFO) {
		void (*handler)(int, siginfo_t *, void *) =
			(void (*)(int, siginfo_t *, void *))frame->handler;
		ucontext_t context = { 0 };

		*(uint64_t *)&context.uc_sigmask = frame->old_mask;
		handler(frame->info.si_signo, &frame->info, &context);
		frame->old_mask = *(uint64_t *)&context.uc_sigmask;
	} else {
		((void (*)(int))frame->handler)(frame->info.si_signo);
	}
}

static void run_frame(struct abi_sigframe *frame)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	if (frame->alt_size && here - frame->alt_stack >= frame->alt_size) {
		__tabos_left_stack = here;
		__tabos_call_on_stack((void *)((frame->alt_stack +
			frame->alt_size) & -16ul), run_handler, frame);
	} else {
		run_handler(frame);
	}
}

_Static_assert(TABOS_AGAIN == -TABOS_ERESTART, "a number that no call gives");

long __tabos_deliver(long result)
{
	struct abi_sigframe frame;
	int taken, ran = 0, all_restart = 1;

	__tabos_pending = 0;
	while ((taken = __tabos_signal_take((uintptr_t)&frame)) == 1) {
		ran = 1;
		if (!(frame.flags & SA_RESTART))
			all_restart = 0;
		__tabos_handlers++;
		run_frame(&frame);
		__tabos_handlers--;
		__tabos_signal_done((uintptr_t)&frame.old_mask);
		__tabos_pending = 0;
	}
	if (taken == 2) /* a vfork child was killed: its parent goes on, here */
		__tabos_vfork_return();
	if (result == -TABOS_ERESTART)
		return ran && !all_restart ? -EINTR : TABOS_AGAIN;
	if (result == -TABOS_ERESTARTNOHAND)
		return ran ? -EINTR : TABOS_AGAIN;
	return result;
}

/*
 * After a trap the boot code comes in here, with the handler's signal pending
 * and the frames that trapped gone; `left` is where the stack pointer was.
 */
__attribute__((__export_name__("trap_entry")))
void __tabos_trap_entry(uintptr_t left)
{
	__tabos_left_stack = left;
	__tabos_deliver(0);
}

long __tabos_deliver_cp(long result, long n)
{
	long r;

	result = __tabos_deliver(result);
	if (result == -EINTR && n != SYS_close && __tabos_cancel_word &&
	    (r = __tabos_cancel(n)))
		return r;
	return result;
}
