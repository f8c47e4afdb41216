/* Advice that nobody takes; but the arguments must be right. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "syscall.h"

int posix_fadvise(int fd, off_t base, off_t length, int advice)
{
	struct stat st;
	int r = __syscall(SYS_fstat, fd, &st);

	if (r < 0)
		return -r;
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return ESPIPE;
	if (length < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		return EINVAL;
	return 0;
}

weak_alias(posix_fadvise, posix_fadvise64);
