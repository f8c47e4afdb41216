/* musl's would pass a 32-bit time under the plain name, which takes a 64-bit one here. */
#define _GNU_SOURCE
#include <sys/sem.h>
#include "syscall.h"

int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *ts)
{
	return syscall(SYS_semtimedop, id, ops, n,
		       ts ? ((long long[]){ts->tv_sec, ts->tv_nsec}) : 0);
}
