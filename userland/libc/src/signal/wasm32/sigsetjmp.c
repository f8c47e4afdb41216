/*
 * <setjmp.h> makes sigsetjmp this call and setjmp. The mask is restored by
 * siglongjmp before it jumps.
 */
#include <setjmp.h>
#include <signal.h>
#include "syscall.h"

void __sigsetjmp_save(sigjmp_buf env, int save)
{
	env->__fl = save;
	if (save)
		__syscall(SYS_rt_sigprocmask, SIG_SETMASK, 0, env->__ss, _NSIG / 8);
}
