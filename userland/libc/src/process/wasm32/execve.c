/* execve returns 1 when it was a vfork child's and the caller is the parent again. */
#include <unistd.h>
#include "syscall.h"

int execve(const char *path, char *const argv[], char *const envp[])
{
	long r = __syscall(SYS_execve, path, argv, envp);

	if (r == 1)
		__tabos_vfork_return();
	return __syscall_ret(r);
}
