/*
 * A detached thread's end: give its stack back, then exit.
 *
 * The imports are called directly, because after munmap neither the stack nor
 * the pending word in TLS is ours. All signals are blocked.
 */
#include <stdint.h>
#include "pthread_impl.h"

_Noreturn void __unmapself(void *base, size_t size)
{
	__tabos_munmap((uintptr_t)base, size);
	for (;;)
		__tabos_exit(0);
}
