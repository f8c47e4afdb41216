/* The thread pointer is a variable in wasm TLS. */
#include "tabos_thread.h"

static inline uintptr_t __get_tp(void)
{
	return __tabos_tp;
}
