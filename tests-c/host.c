/*
 * The machine under the unit tests: host.h without WebAssembly. What of it needs a host
 * is in host_native.c and host_wasi.c; user memory, terminals and block stores have
 * files of their own (user_memory.c, output.c, store.c).
 */
#include "machine.h"

#include "../kernel-c/kernel.h"
#include "../kernel-c/task/sched.h"
#include "../kernel-c/task/timer.h"
#include "../kernel-c/task/worker.h"

nsec wall_offset;
uint32_t doorbell;

size_t kernel_tls_size(void) /* main.c's; no worker is started here */
{
	return 0;
}

/* As supervisor_run, without what looks at processes: no task here is a program's. */
nsec supervisor_work(void)
{
	nsec next;

	request_run();
	next = sched_run();
	next = min(next, worker_run());
	next = min(next, timer_run());
	terminal_run();
	stream_run();
	return next;
}

/* ---- workers and modules: there are none here ---- */
int host_compile_begin(size_t size) { (void)size; return -ENOSYS; }
int host_compile_bytes(const void *p, size_t n) { (void)p, (void)n; return -ENOSYS; }
int host_compile_end(char *reason, size_t size)
{
	kstrlcpy(reason, "the unit tests run no programs", size);
	return -ENOEXEC;
}
void host_compile_drop(int id) { (void)id; }
int host_start_worker(void) { return -EAGAIN; }
int host_kill_worker(int slot) { (void)slot; return 0; }
int host_poke_worker(int slot, uaddr word) { (void)slot, (void)word; return 0; }
int host_process_exited(int pid, int status) { (void)pid, (void)status; return 0; }
_Noreturn void host_unwind(void) { panic("host_unwind in a unit test"); }

void host_print(int level, const char *text, size_t n)
{
	if (level <= 3) {
		test_print(text, n);
		test_print("\n", 1);
	}
}
