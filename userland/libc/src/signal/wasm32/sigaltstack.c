/*
 * The kernel keeps the alternate stack but does not see the stack pointer: whether
 * a handler runs on it now is known here.
 */
#include <signal.h>
#include <errno.h>
#include <stdint.h>
#include "syscall.h"

static int runs_on(const stack_t *s)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	return !(s->ss_flags & SS_DISABLE) && here - (uintptr_t)s->ss_sp < s->ss_size;
}

int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
	stack_t now;
	int r = __syscall(SYS_sigaltstack, 0, &now);

	if (r < 0)
		return __syscall_ret(r);
	if (runs_on(&now)) {
		if (new)
			return __syscall_ret(-EPERM);
		now.ss_flags |= SS_ONSTACK;
	}
	if (new && (r = __syscall(SYS_sigaltstack, new, 0)) < 0)
		return __syscall_ret(r);
	if (old)
		*old = now;
	return 0;
}
