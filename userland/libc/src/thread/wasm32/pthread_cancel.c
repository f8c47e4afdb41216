/*
 * Cancellation.
 *
 * A request sets the thread's cancel word and sends SIGCANCEL. That interrupts
 * a call that sleeps, also when it comes between the test of the word and the
 * call, because signals are delivered at the end of calls only. The inline
 * part of a cancellation point (syscall_arch.h) then calls __tabos_cancel.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <string.h>
#include "pthread_impl.h"
#include "syscall.h"

_Static_assert(offsetof(struct pthread, cancel) == TABOS_CANCEL_OFFSET,
	"tabos_thread.h knows where struct pthread has its cancel word");

long __tabos_cancel(long n)
{
	pthread_t self = __pthread_self();
	int state = self->canceldisable;

	if (state == PTHREAD_CANCEL_DISABLE ||
	    (state != PTHREAD_CANCEL_ENABLE && n == SYS_close))
		return 0;
	if (state == PTHREAD_CANCEL_ENABLE || self->cancelasync)
		pthread_exit(PTHREAD_CANCELED);
	self->canceldisable = PTHREAD_CANCEL_DISABLE; /* masked */
	return -ECANCELED;
}

void __testcancel(void)
{
	pthread_t self = __pthread_self();

	if (self->cancel && !self->canceldisable)
		pthread_exit(PTHREAD_CANCELED);
}

static void cancel_handler(int sig, siginfo_t *si, void *context)
{
	pthread_t self = __pthread_self();

	if (self->cancel && self->cancelasync &&
	    self->canceldisable == PTHREAD_CANCEL_ENABLE)
		pthread_exit(PTHREAD_CANCELED);
}

int pthread_cancel(pthread_t t)
{
	static int init;

	if (!init) {
		struct sigaction sa = {
			.sa_flags = SA_SIGINFO | SA_RESTART,
			.sa_sigaction = cancel_handler
		};

		memset(&sa.sa_mask, -1, _NSIG / 8);
		__libc_sigaction(SIGCANCEL, &sa, 0);
		init = 1;
	}
	a_store(&t->cancel, 1);
	if (t == pthread_self()) {
		if (t->canceldisable == PTHREAD_CANCEL_ENABLE && t->cancelasync)
			pthread_exit(PTHREAD_CANCELED);
		return 0;
	}
	return pthread_kill(t, SIGCANCEL);
}
