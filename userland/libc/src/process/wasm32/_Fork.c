/*
 * _Fork: the import is the boot code's, which unwinds this thread's frames into
 * the free part of its stack, has the kernel copy the memory, and rewinds them
 * in the parent and in the child (docs/architecture.md, "fork").
 */
#include <unistd.h>
#include <signal.h>
#include <errno.h>
#include <stdint.h>
#include "syscall.h"
#include "libc.h"
#include "lock.h"
#include "pthread_impl.h"
#include "aio_impl.h"

extern char __stack_low[], __stack_high[];

/* Linked when frames below signal handlers can't be unwound (crt/no-handler-fork.c). */
extern const char __tabos_no_handler_fork[] __attribute__((__weak__));

static void no_aio(int when)
{
}
weak_alias(no_aio, __aio_atfork);

/*
 * For the boot code: the free part of the calling thread's own stack. Where it
 * begins, or (`end`) where the frames on it begin; 0 if the thread runs on one
 * that we know nothing of.
 */
__attribute__((__export_name__("free_stack")))
uintptr_t __tabos_free_stack(int end)
{
	pthread_t self = __pthread_self();
	uintptr_t high = (uintptr_t)(self->stack ? self->stack : __stack_high);
	uintptr_t low = self->stack ? high - self->stack_size : (uintptr_t)__stack_low;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	if (here - low >= high - low)
		here = __tabos_left_stack; /* a handler on the alternate stack */
	if (here - low >= high - low)
		return 0;
	return end ? here : low;
}

/* The child's only thread is a copy of this one. Its tid's clearing releases the list lock. */
static void become_only_thread(pthread_t self)
{
	self->tid = __tabos_set_tid_address((uintptr_t)&__thread_list_lock);
	self->robust_list.off = 0;
	self->robust_list.pending = 0;
	self->next = self->prev = self;
	__thread_list_lock = 0;
	libc.threads_minus_1 = 0;
	if (libc.need_locks)
		libc.need_locks = -1;
}

pid_t _Fork(void)
{
	sigset_t set;
	long ret;

	__block_all_sigs(&set);
	__aio_atfork(-1);
	LOCK(__abort_lock);
	ret = __tabos_no_handler_fork && __tabos_handlers ? -ENOSYS : __tabos_fork();
	if (!ret)
		become_only_thread(__pthread_self());
	UNLOCK(__abort_lock);
	__aio_atfork(!ret);
	__restore_sigs(&set);
	return __syscall_ret(ret);
}
