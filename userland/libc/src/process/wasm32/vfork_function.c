#include <unistd.h>

/* Who calls it by a pointer gets a fork, which may do all that vfork may. */
#undef vfork
pid_t vfork(void)
{
	return fork();
}
