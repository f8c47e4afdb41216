/* The kernel takes the mask's address itself, and leaves the timeout alone. */
#include <sys/select.h>
#include <signal.h>
#include <time.h>
#include "syscall.h"

int pselect(int n, fd_set *restrict rfds, fd_set *restrict wfds,
	fd_set *restrict efds, const struct timespec *restrict timeout,
	const sigset_t *restrict mask)
{
	struct timespec copy, *left = 0;

	if (timeout) {
		copy = *timeout;
		left = &copy;
	}
	return syscall_cp(SYS_pselect6, n, rfds, wfds, efds, left, mask);
}
