/*
 * Thread-local storage and the thread pointer.
 *
 * The linker lays out the main thread's TLS and sets __tls_base; for others the
 * boot code calls __wasm_init_tls. musl's struct pthread lies beside the TLS
 * block, and the thread pointer is a variable in it.
 */
#include <stddef.h>
#include <stdint.h>
#include "pthread_impl.h"
#include "libc.h"
#include "syscall.h"

volatile int __thread_list_lock;

_Thread_local unsigned long __tabos_tp;
_Thread_local volatile int __tabos_pending;
_Thread_local int __tabos_handlers;
_Thread_local unsigned long __tabos_left_stack;

/* Make p the calling (main) thread's struct pthread. */
int __init_tp(void *p)
{
	pthread_t td = p;

	td->self = td;
	__tabos_tp = (uintptr_t)td;
	libc.can_do_threads = 1;
	td->detach_state = DT_JOINABLE;
	__tabos_thread_attach((uintptr_t)&__tabos_pending, 0);
	td->tid = __tabos_set_tid_address((uintptr_t)&__thread_list_lock);
	td->locale = &libc.global_locale;
	td->robust_list.head = &td->robust_list.head;
	td->next = td->prev = td;
	return 0;
}

/* In libc.tls_size bytes at mem: struct pthread, and its dtv says where TLS will lie. */
void *__copy_tls(unsigned char *mem)
{
	size_t align = libc.tls_align;
	uintptr_t tls = ((uintptr_t)mem + align - 1) & -align;
	pthread_t td = (void *)((tls + __builtin_wasm_tls_size() + 15) & -16ul);

	td->dtv = (void *)tls;
	return td;
}

static void static_init_tls(size_t *aux)
{
	static struct pthread main_thread;
	size_t align = __builtin_wasm_tls_align();

	libc.tls_align = align < 16 ? 16 : align;
	libc.tls_size = libc.tls_align + __builtin_wasm_tls_size() + 16 +
		sizeof(struct pthread);
	libc.tls_size = (libc.tls_size + 15) & -16ul;
	__init_tp(&main_thread);
}

weak_alias(static_init_tls, __init_tls);
