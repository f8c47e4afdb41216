/* The binary interface: threads, futexes, scheduling. */
#ifndef ABI_THREAD_H
#define ABI_THREAD_H

#include <stdint.h>

/* thread.spawn */
struct abi_thread {
	uint32_t stack_high;  /* the new instance's __stack_pointer */
	uint32_t tls;         /* its __tls_base, to be given to __wasm_init_tls */
	uint32_t argument;    /* what the exported thread_entry is called with */
	uint32_t parent_tid;  /* where to store the new tid before it runs, or 0 */
	uint32_t clear_tid;   /* zeroed and futex-woken when it ends, or 0 */
	uint32_t pending;     /* its pending word (thread.attach), or 0 */
};

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_TRYLOCK_PI 8
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_WAIT_BITSET 9
#define FUTEX_PRIVATE 128
#define FUTEX_CLOCK_REALTIME 256

#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5

#endif
