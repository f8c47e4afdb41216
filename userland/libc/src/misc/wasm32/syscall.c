/*
 * syscall(): the one function that imports every call. Without fork (src/process),
 * which would make its callers pay for the fork pass.
 */
#define _BSD_SOURCE
#include <unistd.h>
#include <stdarg.h>
#include "syscall.h"

#undef syscall

long syscall(long n, ...)
{
	va_list ap;
	syscall_arg_t a, b, c, d, e, f;

	va_start(ap, n);
	a = va_arg(ap, long);
	b = va_arg(ap, long);
	c = va_arg(ap, long);
	d = va_arg(ap, long);
	e = va_arg(ap, long);
	f = va_arg(ap, long);
	va_end(ap);
	return __syscall_ret(__tabos_syscall(n, a, b, c, d, e, f));
}
