/*
 * Faults: a trap of the program's own becomes the signal that POSIX names for it.
 *
 * A trap unwinds all frames, so what trapped can't go on, nor can a handler jump
 * into it. But the program's memory, with its C stack, is as it was: a handler runs on it,
 * in a call from outside (docs/posix.md, "Traps"). After it the process dies of the
 * signal, unless the handler ended it otherwise, or the thread.
 */
#include "../kernel.h"
#include "entry.h"
#include "mm.h"

/* LLVM's leaf functions use this much below the stack pointer. */
#define RED_ZONE 128
/* With less the handler would only trap again. */
#define HANDLER_ROOM 4096

/* The action for sig if that is a handler, and t lets the signal come. */
static bool caught(struct task *t, int sig, struct abi_sigaction *a)
{
	struct process *p = t->process;
	bool open;

	lock(&p->lock);
	*a = p->sighand.action[sig - 1];
	open = !(t->mask & sigbit(sig));
	unlock(&p->lock);
	return open && a->handler != SIG_DFL && a->handler != SIG_IGN;
}

/* Where the handler's frames are to begin; 0 if there is no room. */
static uaddr handler_stack(struct task *t, const struct abi_sigaction *a, uaddr sp)
{
	const struct abi_sigstack *alt = &t->alt_stack;
	uint64_t end = (uint64_t)mm_pages(t->process->mm) << 16;

	if (a->flags & SA_ONSTACK && alt->flags == 0 && sp - alt->base >= alt->size)
		sp = alt->base + alt->size;
	else if (sp >= HANDLER_ROOM)
		sp -= RED_ZONE;
	return sp >= HANDLER_ROOM && sp <= end ? sp & ~15u : 0;
}

/* A blocked or ignored fault kills, as on Linux: nothing could go on. */
static uaddr fault(int sig, int code, uaddr address, uaddr sp)
{
	struct abi_siginfo info = { .signo = sig, .code = code, .fault.address = address };
	struct abi_sigaction a;
	struct task *t = current;

	if (t->lender || !caught(t, sig, &a)) /* a vfork child's frames are its parent's */
		return 0;
	sp = handler_stack(t, &a, sp);
	return sp && signal_send_task(t, sig, &info) == 0 ? sp : 0;
}

uint32_t worker_fault(int32_t signal, int32_t code, uint32_t address, uint32_t stack_pointer)
{
	syscall_enter("fault");
	return syscall_exit(fault(signal, code, address, stack_pointer));
}
