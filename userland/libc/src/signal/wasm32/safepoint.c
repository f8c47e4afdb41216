/*
 * What loops without calls do when they find the pending word set.
 *
 * signal-take enters the kernel, so stops and kills happen here too. fork is
 * refused in the handlers: frames that only compute can't be unwound for it
 * (tabos-cc does not prepare every function with a loop).
 */
#include "syscall.h"

void __tabos_safepoint(void)
{
	__tabos_handlers += TABOS_SAFEPOINT;
	do
		__tabos_deliver(0);
	while (__tabos_pending);
	__tabos_handlers -= TABOS_SAFEPOINT;
}
