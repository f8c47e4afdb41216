/*
 * Threads: clone as pthread_create uses it, over process.thread-create.
 *
 * What the new thread needs to begin lies at the top of its stack.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include "pthread_impl.h"
#include "syscall.h"
#include "tabos_abi.h"

struct start {
	int (*func)(void *);
	void *arg;
	uintptr_t tp;
	uintptr_t clear_tid;
};

/* The new thread's tid or -errno. There are no other clones than threads. */
int __clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
	struct start *start;
	struct abi_thread t = { 0 };
	va_list ap;

	if (!(flags & CLONE_THREAD) || !(flags & CLONE_SETTLS))
		return -ENOSYS;
	start = (void *)(((uintptr_t)stack - sizeof *start) & -16ul);
	va_start(ap, arg);
	t.parent_tid = (uintptr_t)va_arg(ap, int *);
	start->tp = (uintptr_t)va_arg(ap, void *);
	start->clear_tid = (uintptr_t)va_arg(ap, int *);
	va_end(ap);
	start->func = func;
	start->arg = arg;
	t.stack_high = t.argument = (uintptr_t)start;
	t.tls = (uintptr_t)((pthread_t)start->tp)->dtv;
	t.clear_tid = start->clear_tid;
	return __tabos_thread_create((uintptr_t)&t);
}

__attribute__((__export_name__("thread_entry")))
void __tabos_thread_entry(struct start *start)
{
	__tabos_tp = start->tp;
	__tabos_thread_attach((uintptr_t)&__tabos_pending, start->clear_tid);
	__tabos_exit(start->func(start->arg));
}
