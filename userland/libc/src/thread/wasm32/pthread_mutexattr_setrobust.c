/* The kernel keeps robust lists (set-robust-list), so there is nothing to probe. */
#include <pthread.h>
#include <errno.h>

int pthread_mutexattr_setrobust(pthread_mutexattr_t *a, int robust)
{
	if (robust != PTHREAD_MUTEX_STALLED && robust != PTHREAD_MUTEX_ROBUST)
		return EINVAL;
	a->__attr &= ~4u;
	a->__attr |= robust == PTHREAD_MUTEX_ROBUST ? 4 : 0;
	return 0;
}
