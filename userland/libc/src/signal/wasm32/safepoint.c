/*
 * What loops without calls do when they find the pending word set.
 *
 * signal-take enters the kernel, so stops and kills happen here too.
 */
#include "syscall.h"

void __tabos_safepoint(void)
{
	do
		__tabos_deliver(0);
	while (__tabos_pending);
}
