#include <sys/select.h>
#include <sys/time.h>
#include <errno.h>
#include "syscall.h"

#define SECONDS_MAX 0x7fffffffffffffffll

int select(int n, fd_set *restrict rfds, fd_set *restrict wfds,
	fd_set *restrict efds, struct timeval *restrict timeout)
{
	struct timespec ts, *left = 0;

	if (timeout) {
		long long s = timeout->tv_sec, us = timeout->tv_usec;

		if (s < 0 || us < 0)
			return __syscall_ret(-EINVAL);
		if (us / 1000000 > SECONDS_MAX - s) {
			s = SECONDS_MAX;
			us = 999999;
		}
		ts.tv_sec = s + us / 1000000;
		ts.tv_nsec = us % 1000000 * 1000;
		left = &ts;
	}
	return syscall_cp(SYS_pselect6, n, rfds, wfds, efds, left, 0);
}
