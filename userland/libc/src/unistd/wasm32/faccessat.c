#include <unistd.h>
#include "syscall.h"

int faccessat(int fd, const char *path, int mode, int flag)
{
	return syscall(SYS_faccessat2, fd, path, mode, flag);
}
