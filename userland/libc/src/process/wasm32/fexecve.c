#define _GNU_SOURCE
#include <unistd.h>
#include <fcntl.h>
#include "syscall.h"

int fexecve(int fd, char *const argv[], char *const envp[])
{
	long r = __syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);

	if (r == 1)
		__tabos_vfork_return();
	return __syscall_ret(r);
}
