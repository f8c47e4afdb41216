/* struct stat is the kernel's. */
#define _BSD_SOURCE
#include <sys/stat.h>
#include "syscall.h"

int fstatat(int fd, const char *restrict path, struct stat *restrict st, int flag)
{
	return syscall(SYS_fstatat, fd, path, st, flag);
}

weak_alias(fstatat, fstatat64);
