/*
 * mq_notify. For SIGEV_THREAD a thread waits for the kernel's notification as a
 * signal to itself, the one that timers' threads use; musl's own way needs a
 * netlink socket. The kernel sends it too when the registration is cancelled.
 */
#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include "pthread_impl.h"
#include "syscall.h"

struct args {
	pthread_barrier_t barrier;
	const struct sigevent *event;
	mqd_t queue;
	int error;
};

/* The kernel's part of struct sigevent. */
struct ksigevent {
	union sigval value;
	int signo, notify, tid;
};

static void *start(void *p)
{
	struct args *args = p;
	void (*function)(union sigval) = args->event->sigev_notify_function;
	union sigval value = args->event->sigev_value;
	struct ksigevent event = {
		.signo = SIGTIMER, .notify = SIGEV_THREAD_ID, .tid = __pthread_self()->tid,
	};
	siginfo_t info;
	int error;

	error = args->error = -__syscall(SYS_mq_notify, args->queue, &event);
	pthread_barrier_wait(&args->barrier);
	if (error)
		return 0;
	while (sigwaitinfo(SIGTIMER_SET, &info) < 0)
		;
	if (info.si_code == SI_MESGQ)
		function(value);
	return 0;
}

int mq_notify(mqd_t queue, const struct sigevent *event)
{
	struct args args = { .event = event, .queue = queue };
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t set;
	int error;

	if (!event || event->sigev_notify != SIGEV_THREAD)
		return syscall(SYS_mq_notify, queue, event);
	if (event->sigev_notify_attributes)
		attr = *event->sigev_notify_attributes;
	else
		pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_barrier_init(&args.barrier, 0, 2);
	__block_app_sigs(&set);
	__syscall(SYS_rt_sigprocmask, SIG_BLOCK, SIGTIMER_SET, 0, _NSIG/8);
	error = pthread_create(&thread, &attr, start, &args);
	__restore_sigs(&set);
	if (error) {
		errno = EAGAIN;
		return -1;
	}
	pthread_barrier_wait(&args.barrier);
	pthread_barrier_destroy(&args.barrier);
	if (!args.error)
		return 0;
	errno = args.error;
	return -1;
}
