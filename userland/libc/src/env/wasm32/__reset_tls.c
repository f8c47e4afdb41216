/*
 * A timer's thread has run a notification function that ended its thread; the
 * next one begins with fresh TLS. What the thread itself consists of stays.
 */
#include "pthread_impl.h"
#include "tabos_thread.h"

void __wasm_init_tls(void *);

void __reset_tls(void)
{
	unsigned long tp = __tabos_tp;
	int handlers = __tabos_handlers;

	__wasm_init_tls(__builtin_wasm_tls_base());
	__tabos_tp = tp;
	__tabos_handlers = handlers;
	__tabos_pending = 1; /* what came meanwhile is looked for */
}
