/* The result is 64 bits wide, so the call is made directly. */
#include <unistd.h>
#include <errno.h>
#include "syscall.h"

off_t __lseek(int fd, off_t offset, int whence)
{
	long long r;

	r = __tabos_lseek(fd, offset, whence);
	if (__tabos_pending)
		__tabos_deliver(0);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	return r;
}

weak_alias(__lseek, lseek);
weak_alias(__lseek, lseek64);
