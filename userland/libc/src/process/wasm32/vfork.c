/*
 * vfork: the child runs here, in the parent's memory, until it execs or exits.
 *
 * <unistd.h> makes vfork() a setjmp in the caller's frame, so that the frame is
 * there to come back to. When the child's execve or _exit returns to libc, it
 * is the parent that returns, and it jumps.
 */
#include <setjmp.h>
#include <unistd.h>
#include <errno.h>
#include "syscall.h"
#include "tabos_thread.h"

static _Thread_local struct {
	jmp_buf env;
	pid_t child;
} state;

void *__vfork_buffer(void)
{
	return state.env;
}

/* Setjmp returned 0: begin the child. 0 in it, -1 when there can be none. */
pid_t __vfork_begin(void)
{
	long r = __tabos_vfork();

	if (r < 0)
		return __syscall_ret(r);
	state.child = r;
	return 0;
}

/* Setjmp returned again: this is the parent. */
pid_t __vfork_end(void)
{
	return state.child;
}

_Noreturn void __tabos_vfork_return(void)
{
	longjmp(state.env, 1);
}
