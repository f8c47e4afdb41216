/*
 * The machine under the unit tests as wasm: WASI preview 1, and a single thread. A task
 * that would sleep does the supervisor's work instead; sleeping with nothing left that
 * could wake it is a deadlock, which panics.
 */
#ifdef __wasm__
#include "machine.h"

#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/task/work.h"

#define WASI(name) \
	__attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
struct wasi_iovec { const void *p; size_t n; };
WASI(fd_write) int wasi_fd_write(int fd, const struct wasi_iovec *v, size_t count, size_t *done);
WASI(args_get) int wasi_args_get(char **argv, char *bytes);
WASI(args_sizes_get) int wasi_args_sizes_get(size_t *count, size_t *bytes);
WASI(environ_get) int wasi_environ_get(char **env, char *bytes);
WASI(environ_sizes_get) int wasi_environ_sizes_get(size_t *count, size_t *bytes);
WASI(clock_time_get) int wasi_clock_time_get(int clock, int64_t precision, int64_t *t);
WASI(random_get) int wasi_random_get(void *buf, size_t n);
WASI(proc_exit) _Noreturn void wasi_proc_exit(int status);

void test_print(const char *text, size_t n)
{
	struct wasi_iovec v = { text, n };
	size_t done;

	wasi_fd_write(1, &v, 1, &done);
}

nsec host_clock(void)
{
	int64_t t = 0;

	wasi_clock_time_get(1, 1, &t);
	return t;
}

nsec host_cpu_clock(void)
{
	return host_clock();
}

int host_entropy(void *buf, size_t n)
{
	return wasi_random_get(buf, n) ? -EIO : 0;
}

_Noreturn void host_stop(void)
{
	wasi_proc_exit(2);
}

static nsec quiet_since; /* no word we waited for has moved since then */

int host_futex_wait(uint32_t *word, uint32_t value, nsec deadline)
{
	uint32_t bell = doorbell;

	supervisor_work();
	if (*word != value || doorbell != bell) {
		quiet_since = 0;
		return 0;
	}
	if (deadline != FOREVER)
		return host_clock() >= deadline ? -ETIMEDOUT : 0;
	if (quiet_since++ > 1000)
		panic("deadlock: the only task sleeps for ever");
	return 0;
}

void host_futex_wake(uint32_t *word, uint32_t count)
{
	(void)word, (void)count;
}

void host_ring(void)
{
	doorbell++;
}

void *host_memory_grow(size_t bytes)
{
	size_t old = __builtin_wasm_memory_grow(0, bytes / 65536);

	return old == SIZE_MAX ? NULL : (void *)(old * 65536);
}

long test_setting(const char *name, long otherwise) { (void)name; return otherwise; }
bool test_has_threads(void) { return false; }
struct test_thread *test_thread(void (*f)(void *), void *arg)
{
	(void)f, (void)arg;
	panic("test_thread without NEEDS_THREADS");
}
struct task *test_thread_task(struct test_thread *t) { (void)t; return NULL; }
void test_join(struct test_thread *t) { (void)t; }
void test_yield(void) { supervisor_work(); }
void test_supervise(void) { supervisor_work(); }
void test_as_supervisor(void (*f)(void)) { f(); }

void test_work(void)
{
	static uint32_t done;
	struct task *t = current;

	while (done != work_queued) {
		done = work_queued;
		work_run();
	}
	test_become(t);
}

extern char __heap_base;
void __wasm_call_ctors(void);
__attribute__((export_name("_start"))) void start(void);

void start(void)
{
	static char bytes[4096];
	static char *words[256];
	size_t count = 0, size = 0;
	const char *filter = "", *store = "idb-mock";

	page_init(&__heap_base, (void *)(__builtin_wasm_memory_size(0) * 65536));
	__wasm_call_ctors();
	if (wasi_environ_sizes_get(&count, &size) == 0 &&
	    count <= countof(words) && size <= sizeof(bytes) &&
	    wasi_environ_get(words, bytes) == 0)
		for (size_t i = 0; i < count; i++)
			if (strncmp(words[i], "FSI=", 4) == 0)
				store = words[i] + 4;
	if (strcmp(store, "idb-mock") != 0)
		panic("FSI=%s: only idb-mock can be had here", store);
	if (wasi_args_sizes_get(&count, &size) == 0 && count <= countof(words) &&
	    size <= sizeof(bytes) && wasi_args_get(words, bytes) == 0 && count > 1)
		filter = words[1];
	wasi_proc_exit(test_main(filter));
}
#endif
