/*
 * System calls are imports: __syscallN(SYS_name, ...) inlines to a call of one.
 *
 * After each call the thread's pending word is tested; when the kernel has set
 * it, __tabos_deliver runs the signal handlers and says whether to call again.
 * Cancellation points (__syscall_cp) stay inline too, and look for a
 * cancellation request before the call and before each restart.
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

/* Wide enough for an offset; each import takes of it what it declares. */
#define __scc(X) ((long long)(X))
typedef long long syscall_arg_t;

#include "tabos_syscalls.h"
#include "tabos_thread.h"

#define __tabos_inline static __inline __attribute__((__always_inline__))

__tabos_inline long __tabos_syscall(long n, long long a, long long b,
	long long c, long long d, long long e, long long f)
{
	long r;

	do
		r = __tabos_dispatch(n, a, b, c, d, e, f);
	while (__builtin_expect(__tabos_pending, 0) &&
	       (r = __tabos_deliver(r)) == TABOS_AGAIN);
	return r;
}

__tabos_inline long __tabos_syscall_cp(long n, long long a, long long b,
	long long c, long long d, long long e, long long f)
{
	long r;

	do {
		if (__builtin_expect(__tabos_cancel_word, 0) &&
		    (r = __tabos_cancel(n)))
			return r;
		r = __tabos_dispatch(n, a, b, c, d, e, f);
	} while (__builtin_expect(__tabos_pending, 0) &&
		 (r = __tabos_deliver_cp(r, n)) == TABOS_AGAIN);
	return r;
}

__tabos_inline long __syscall0(long long n)
{
	return __tabos_syscall(n, 0, 0, 0, 0, 0, 0);
}
__tabos_inline long __syscall1(long long n, long long a)
{
	return __tabos_syscall(n, a, 0, 0, 0, 0, 0);
}
__tabos_inline long __syscall2(long long n, long long a, long long b)
{
	return __tabos_syscall(n, a, b, 0, 0, 0, 0);
}
__tabos_inline long __syscall3(long long n, long long a, long long b, long long c)
{
	return __tabos_syscall(n, a, b, c, 0, 0, 0);
}
__tabos_inline long __syscall4(long long n, long long a, long long b, long long c,
	long long d)
{
	return __tabos_syscall(n, a, b, c, d, 0, 0);
}
__tabos_inline long __syscall5(long long n, long long a, long long b, long long c,
	long long d, long long e)
{
	return __tabos_syscall(n, a, b, c, d, e, 0);
}
__tabos_inline long __syscall6(long long n, long long a, long long b, long long c,
	long long d, long long e, long long f)
{
	return __tabos_syscall(n, a, b, c, d, e, f);
}

/* patches/syscall-cp-inline.patch makes musl's __syscall_cpN use this. */
#define __SYSCALL_CP_INLINE __tabos_syscall_cp

/* These calls take 64-bit times under their plain names. */
#define SYS_clock_gettime64 SYS_clock_gettime
#define SYS_clock_settime64 SYS_clock_settime
#define SYS_clock_adjtime64 SYS_clock_adjtime
#define SYS_clock_getres_time64 SYS_clock_getres
#define SYS_clock_nanosleep_time64 SYS_clock_nanosleep
#define SYS_timer_gettime64 SYS_timer_gettime
#define SYS_timer_settime64 SYS_timer_settime
#define SYS_timerfd_gettime64 SYS_timerfd_gettime
#define SYS_timerfd_settime64 SYS_timerfd_settime
#define SYS_utimensat_time64 SYS_utimensat
#define SYS_pselect6_time64 SYS_pselect6
#define SYS_ppoll_time64 SYS_ppoll
#define SYS_recvmmsg_time64 SYS_recvmmsg
#define SYS_mq_timedsend_time64 SYS_mq_timedsend
#define SYS_mq_timedreceive_time64 SYS_mq_timedreceive
#define SYS_semtimedop_time64 SYS_semtimedop
#define SYS_rt_sigtimedwait_time64 SYS_rt_sigtimedwait
#define SYS_futex_time64 SYS_futex
#define SYS_sched_rr_get_interval_time64 SYS_sched_rr_get_interval
#define SYS_getrusage_time64 SYS_getrusage
#define SYS_wait4_time64 SYS_wait4

#define IPC_64 0
