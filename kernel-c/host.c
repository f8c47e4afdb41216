/*
 * The wasm side of host.h: imports of wit/kernel.wit, and atomics.
 */
#include "host.h"

#include <kernel.h>

#define ADDRESS(p) ((uint32_t)(uintptr_t)(p))

nsec wall_offset;
uint32_t doorbell; /* [a] the supervisor waits for it to move */

nsec host_clock(void)
{
	return host_now();
}

int host_entropy(void *buf, size_t n)
{
	return host_random(ADDRESS(buf), n);
}

void host_print(int level, const char *text, size_t n)
{
	host_log(level, ADDRESS(text), n);
}

_Noreturn void host_stop(void)
{
	__builtin_trap();
}

_Noreturn void host_unwind(void)
{
	__builtin_trap();
}

int host_futex_wait(uint32_t *word, uint32_t value, nsec deadline)
{
	nsec left = -1;

	if (deadline != FOREVER) {
		left = deadline - host_now();
		if (left <= 0)
			return -ETIMEDOUT;
	}
	return __builtin_wasm_memory_atomic_wait32((int *)word, (int)value, left) == 2 ?
		       -ETIMEDOUT : 0;
}

void host_futex_wake(uint32_t *word, uint32_t count)
{
	__builtin_wasm_memory_atomic_notify((int *)word, count);
}

void host_ring(void)
{
	__atomic_add_fetch(&doorbell, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&doorbell, 1);
}

void *host_memory_grow(size_t bytes)
{
	size_t old = __builtin_wasm_memory_grow(0, bytes / 65536);

	return old == (size_t)-1 ? NULL : (void *)(old * 65536);
}

int host_compile_begin(size_t size)
{
	return host_module_begin(size);
}

int host_compile_bytes(const void *p, size_t n)
{
	return host_module_bytes(ADDRESS(p), n);
}

int host_compile_end(char *reason, size_t size)
{
	return host_module_end(ADDRESS(reason), size);
}

void host_compile_drop(int id)
{
	host_module_drop(id);
}

int host_start_worker(void)
{
	return host_worker_start();
}

int host_kill_worker(int slot)
{
	return host_worker_kill(slot);
}

int host_poke_worker(int slot, uaddr word)
{
	return host_worker_poke(slot, word);
}

int host_terminal_output(int terminal, const void *p, size_t n)
{
	return host_terminal_write(terminal, ADDRESS(p), n);
}

int host_terminal_wants(int terminal)
{
	return host_terminal_ready(terminal);
}

int host_stream_output(int stream, const void *p, size_t n)
{
	return host_stream_write(stream, ADDRESS(p), n);
}

int host_stream_wanted(void)
{
	return host_stream_want();
}

int host_process_exited(int pid, int status)
{
	return host_exited(pid, status);
}
