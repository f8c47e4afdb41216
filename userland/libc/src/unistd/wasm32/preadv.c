/* The offset is one argument. */
#define _BSD_SOURCE
#include <sys/uio.h>
#include "syscall.h"

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	return syscall_cp(SYS_preadv, fd, iov, count, offset);
}

weak_alias(preadv, preadv64);
