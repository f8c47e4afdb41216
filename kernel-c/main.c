/*
 * The boot, as a list.
 */
#include "host.h"
#include "kernel.h"
#include "lib/alloc.h"
#include "task/worker.h"
#include "vfs/page_cache.h"

extern char __heap_base;
extern uint32_t doorbell;

/*
 * Once, on the supervisor's instance, before any worker. The boot archive
 * comes next (supervisor.archive), then processes (supervisor.spawn).
 */
int32_t supervisor_boot(uint32_t cpus, int64_t offset)
{
	sched_init((int)min(cpus, (uint32_t)SCHED_CPUS_MAX));
	wall_offset = offset;
	page_init(&__heap_base, (void *)(__builtin_wasm_memory_size(0) * 65536));
	futex_init();
	process_init_table();
	vfs_init();
	dev_init();
	tty_init();
	process_init->files = fdtable_new();
	process_init->fs = fs_context_new();
	host_ring(); /* the first workers */
	return 0;
}

void supervisor_cache_limit(uint64_t bytes)
{
	page_cache_set_limit(bytes);
}

uint32_t supervisor_doorbell(void)
{
	return (uint32_t)(uintptr_t)&doorbell;
}

size_t kernel_tls_size(void)
{
	return __builtin_wasm_tls_size();
}
