/*
 * The machine under the unit tests: host.h and the door to user memory.
 *
 * Natively it stands on pthreads and the futex system call, and a thread plays
 * the supervisor. As wasm it needs nothing but WASI preview 1 and is alone: a
 * task that would sleep does the supervisor's work instead, and sleeping with
 * nothing left that could wake it is a deadlock, which panics.
 *
 * The mock terminals and streams take output into buffers. The block stores
 * are in memory (FSI=idb-mock, and always as wasm) or in a file, and complete
 * at once unless a test holds them.
 */
#ifndef __wasm__
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif
#pragma clang diagnostic ignored "-Wmacro-redefined"
#include "test.h"

#include "../kernel-c/dev/request.h"
#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/task/work.h"
#include "p9_server.h"
#include "store.h"

nsec wall_offset __attribute__((weak));

/* ---- what the supervisor runs; weak, so that a part can be tested alone ---- */
__attribute__((weak)) void request_run(void);
__attribute__((weak)) nsec sched_run(void);
__attribute__((weak)) void worker_run(void);
__attribute__((weak)) void terminal_run(void);
__attribute__((weak)) void stream_run(void);
__attribute__((weak)) nsec timer_run(void);
__attribute__((weak)) int completion_done(uint32_t request, int32_t result);

static uint32_t doorbell;

size_t kernel_tls_size(void);
size_t kernel_tls_size(void) /* main.c's; no worker is started here */
{
	return 0;
}

/* When it wants to run again, or FOREVER. */
static nsec supervisor_work(void)
{
	nsec next = FOREVER;

	if (request_run)
		request_run();
	if (sched_run)
		next = sched_run();
	if (worker_run)
		worker_run();
	if (terminal_run)
		terminal_run();
	if (stream_run)
		stream_run();
	if (timer_run)
		next = min(next, timer_run());
	return next;
}

/* ---- user memory ---- */
static char user_memory[USER_MEMORY] __attribute__((aligned(16)));
static uint32_t user_used = 65536;

void test_user_reset(void);
void test_user_reset(void)
{
	memset(user_memory, 0, user_used);
	user_used = 65536;
}

uaddr test_user(size_t n)
{
	uint32_t at = __atomic_fetch_add(&user_used, round_up((uint32_t)n, 16u),
					 __ATOMIC_RELAXED);

	if (at + n > USER_MEMORY)
		panic("test_user: out of user memory");
	return at;
}

uaddr test_user_copy(const void *from, size_t n)
{
	uaddr at = test_user(n);

	memcpy(user_memory + at, from, n);
	return at;
}

void *test_user_at(uaddr address)
{
	return user_memory + address;
}

static bool user_valid(uaddr address, size_t n)
{
	return address >= 1024 && (uint64_t)address + n <= USER_MEMORY;
}

int copy_in(void *to, uaddr from, size_t n)
{
	if (!user_valid(from, n))
		return -EFAULT;
	memcpy(to, user_memory + from, n);
	return 0;
}

int copy_out(uaddr to, const void *from, size_t n)
{
	if (!user_valid(to, n))
		return -EFAULT;
	memcpy(user_memory + to, from, n);
	return 0;
}

int user_zero(uaddr to, size_t n)
{
	if (!user_valid(to, n))
		return -EFAULT;
	memset(user_memory + to, 0, n);
	return 0;
}

static uint32_t *user_word(uaddr address)
{
	return address % 4 == 0 && user_valid(address, 4) ?
		       (uint32_t *)(void *)(user_memory + address) :
		       NULL;
}

int user_load(uaddr address, uint32_t *value)
{
	uint32_t *word = user_word(address);

	if (!word)
		return -EFAULT;
	*value = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	return 0;
}

int user_store(uaddr address, uint32_t value)
{
	uint32_t *word = user_word(address);

	if (!word)
		return -EFAULT;
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	return 0;
}

int user_swap(uaddr address, uint32_t expected, uint32_t value, uint32_t *old)
{
	uint32_t *word = user_word(address);

	if (!word)
		return -EFAULT;
	__atomic_compare_exchange_n(word, &expected, value, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	*old = expected;
	return 0;
}

int user_differ(uaddr a, uaddr b, size_t n)
{
	if (!user_valid(a, n) || !user_valid(b, n))
		return -EFAULT;
	for (size_t i = 0; i < n; i += 64)
		if (memcmp(user_memory + a + i, user_memory + b + i, 64) != 0)
			return (int)i;
	return (int)n;
}

/* As uaccess.wat does it. */
int user_merge(uaddr to, uaddr twin, const void *from, size_t n)
{
	if (to % 8 || !user_valid(to, n) || !user_valid(twin, n))
		return -EFAULT;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t *word = (uint64_t *)(void *)(user_memory + to + i), new, old, now, mine;

		memcpy(&new, (const char *)from + i, 8);
		memcpy(&old, user_memory + twin + i, 8);
		now = old;
		do {
			mine = now ^ old;
			mine = (((mine & 0x7f7f7f7f7f7f7f7f) + 0x7f7f7f7f7f7f7f7f) | mine) & 0x8080808080808080;
			mine = (mine >> 7) * 255;
		} while (new != old &&
			 !__atomic_compare_exchange_n(word, &now, (now & mine) | (new & ~mine), false,
						      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
		memcpy(user_memory + twin + i, &new, 8);
	}
	return 0;
}

int user_grow(uint32_t pages)
{
	return pages == 0 ? (int)(USER_MEMORY / 65536) : -ENOMEM;
}

/* ---- outputs ---- */
static struct lock output_lock = LOCK_INIT(RANK_LOG);
static struct test_output terminals[4], streams[3];
static bool stdin_wanted;

struct test_output *test_terminal(int n)
{
	return &terminals[n];
}

struct test_output *test_stream(int n)
{
	return &streams[n];
}

void test_output_accept(struct test_output *o, size_t n, int error)
{
	lock(&output_lock);
	o->accept = n;
	o->error = error;
	o->length = 0;
	unlock(&output_lock);
}

size_t test_output_length(struct test_output *o)
{
	size_t n;

	lock(&output_lock);
	n = o->length;
	unlock(&output_lock);
	return n;
}

static int output(struct test_output *o, const void *p, size_t n)
{
	int result;

	lock(&output_lock);
	if (o->error) {
		result = o->error;
	} else {
		n = min(n, min(o->accept, sizeof(o->bytes) - o->length));
		memcpy(o->bytes + o->length, p, n);
		o->length += n;
		o->accept -= n;
		result = (int)n;
	}
	unlock(&output_lock);
	return result;
}

const char *test_output_take(struct test_output *o, char *buf, size_t size)
{
	size_t n;

	test_supervise();
	lock(&output_lock);
	n = min(o->length, size - 1);
	memcpy(buf, o->bytes, n);
	buf[n] = 0;
	memmove(o->bytes, o->bytes + n, o->length - n);
	o->length -= n;
	unlock(&output_lock);
	return buf;
}

int host_terminal_output(int terminal, const void *p, size_t n)
{
	return terminal > 0 && terminal < (int)countof(terminals) ?
		       output(&terminals[terminal], p, n) :
		       -ENXIO;
}

int host_terminal_wants(int terminal)
{
	(void)terminal;
	return 0;
}

int host_stream_output(int stream, const void *p, size_t n)
{
	return output(&streams[stream], p, n);
}

int host_stream_wanted(void)
{
	__atomic_store_n(&stdin_wanted, true, __ATOMIC_SEQ_CST);
	return 0;
}

bool test_stdin_wanted(void)
{
	test_supervise();
	return __atomic_exchange_n(&stdin_wanted, false, __ATOMIC_SEQ_CST);
}

/* ---- block stores ---- */
#define BLOCK 4096
#define MOCK_BLOCKS 1024
static char mock_store[MOCK_BLOCKS][BLOCK];
static int64_t mock_blocks; /* as large as the highest block written */
#ifndef __wasm__
static int store_fd = -1; /* the file behind the store, when FSI isn't idb-mock */
#endif
static struct {
	uint32_t request;
	int32_t result;
} held[64];
static int nheld;
static bool holding;

static int complete(uint32_t request, int32_t result)
{
	lock(&output_lock);
	if (holding && nheld < (int)countof(held)) {
		held[nheld].request = request;
		held[nheld++].result = result;
		unlock(&output_lock);
		return 0;
	}
	unlock(&output_lock);
	completion_done(request, result);
	return 0;
}

void test_store_hold(bool hold)
{
	lock(&output_lock);
	holding = hold;
	unlock(&output_lock);
}

int test_store_held(void)
{
	int n;

	test_supervise();
	lock(&output_lock);
	n = nheld;
	unlock(&output_lock);
	return n;
}

void test_store_complete(int result_or_zero)
{
	for (;;) {
		uint32_t request;
		int32_t result;

		lock(&output_lock);
		if (nheld == 0)
			break;
		nheld--;
		request = held[nheld].request;
		result = result_or_zero ? result_or_zero : held[nheld].result;
		unlock(&output_lock);
		completion_done(request, result);
	}
	unlock(&output_lock);
}

int host_fs_open(uint32_t request, const char *name, size_t length, uint32_t flags)
{
	(void)flags;
	if (length == 0)
		return -EINVAL;
	if (length != 4 || memcmp(name, "idb0", 4) != 0)
		return complete(request, store_open(name, length));
	return complete(request, 1);
}

static bool store_valid(int store, uint32_t block, uint32_t count)
{
	return store == 1 && count <= MOCK_BLOCKS && block <= MOCK_BLOCKS - count;
}

int host_fs_read(uint32_t request, int store, uint32_t block, uint32_t count, void *buf)
{
	if (!store_valid(store, block, count))
		return -EINVAL;
#ifndef __wasm__
	if (store_fd >= 0) {
		ssize_t n = pread(store_fd, buf, count * BLOCK,
				  (off_t)block * BLOCK);

		if (n < 0)
			return complete(request, -EIO);
		memset((char *)buf + n, 0, count * BLOCK - (size_t)n);
		return complete(request, (int32_t)count);
	}
#endif
	memcpy(buf, mock_store[block], count * BLOCK);
	return complete(request, (int32_t)count);
}

int host_fs_write(uint32_t request, int store, uint32_t block, uint32_t count, const void *buf)
{
	if (!store_valid(store, block, count))
		return -EINVAL;
	mock_blocks = max(mock_blocks, (int64_t)block + count);
#ifndef __wasm__
	if (store_fd >= 0)
		return complete(request,
				pwrite(store_fd, buf, count * BLOCK,
				       (off_t)block * BLOCK) < 0 ?
					-EIO :
					(int32_t)count);
#endif
	memcpy(mock_store[block], buf, count * BLOCK);
	return complete(request, (int32_t)count);
}

static int list_each(uint32_t request, int store, const struct request_page *pages,
		     uint32_t count, bool write)
{
	if (store > 1)
		return complete(request, store_list(store, pages, count, write));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t block = pages[i].block;

		if (!store_valid(store, block, 1))
			return -EINVAL;
		if (write)
			mock_blocks = max(mock_blocks, (int64_t)block + 1);
#ifndef __wasm__
		if (store_fd >= 0) {
			off_t at = (off_t)block * BLOCK;
			ssize_t n = write ? pwrite(store_fd, pages[i].page, BLOCK, at) :
					    pread(store_fd, pages[i].page, BLOCK, at);

			if (n < 0)
				return complete(request, -EIO);
			if (!write)
				memset((char *)pages[i].page + n, 0, BLOCK - (size_t)n);
			continue;
		}
#endif
		if (write)
			memcpy(mock_store[block], pages[i].page, BLOCK);
		else
			memcpy(pages[i].page, mock_store[block], BLOCK);
	}
	return complete(request, (int32_t)count);
}

int host_fs_read_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return list_each(request, store, pages, count, false);
}

int host_fs_write_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return list_each(request, store, pages, count, true);
}

int host_fs_estimate(uint32_t request, int store, int64_t into[2])
{
	if (store > 1) {
		store_estimate(store, into);
		return complete(request, 0);
	}
	if (store != 1)
		return -EINVAL;
	into[0] = mock_blocks;
	into[1] = MOCK_BLOCKS - mock_blocks;
	return complete(request, 0);
}

int host_fs_flush(uint32_t request, int store)
{
	int result = store == 1 ? 0 : -EINVAL;

	if (store > 1)
		return complete(request, store_flush(store));
#ifndef __wasm__
	if (store_fd >= 0 && fdatasync(store_fd) < 0)
		result = -EIO;
#endif
	return complete(request, result);
}

int host_fs_seek(uint32_t request, int store, int64_t *blocks)
{
	if (store < 1)
		return -EINVAL;
	*blocks = store > 1 ? store_size(store) : mock_blocks;
	return complete(request, 0);
}

int host_fs_close(uint32_t request, int store)
{
	return store >= 1 ? complete(request, 0) : -EINVAL;
}

int host_fs_message(uint32_t request, uint32_t tree, void *buf, size_t length, size_t capacity)
{
	return p9_server_message(request, tree, buf, length, capacity);
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

int test_main(const char *filter);

#ifdef __wasm__
/* ================= wasm: WASI preview 1, one thread ================= */
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

int test_fsck(const char *store) { (void)store; return 0; }
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

#else
/* ================= native: pthreads and futexes ================= */
void test_print(const char *text, size_t n)
{
	fwrite(text, 1, n, stdout);
	fflush(stdout);
}

static nsec clock_read(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

nsec host_clock(void)
{
	return clock_read(1); /* CLOCK_MONOTONIC */
}

nsec host_cpu_clock(void)
{
	return clock_read(3); /* CLOCK_THREAD_CPUTIME_ID */
}

int host_entropy(void *buf, size_t n)
{
	return getrandom(buf, n, 0) == (ssize_t)n ? 0 : -EIO;
}

_Noreturn void host_stop(void)
{
	abort();
}

/* The system call, not a condition variable: it is what the kernel will see. */
int host_futex_wait(uint32_t *word, uint32_t value, nsec deadline)
{
	struct timespec t, *timeout = NULL;

	if (deadline != FOREVER) {
		nsec left = max(deadline - host_clock(), (nsec)0);

		t.tv_sec = left / NSEC_PER_SEC;
		t.tv_nsec = left % NSEC_PER_SEC;
		timeout = &t;
	}
	syscall(SYS_futex, word, 128 /* WAIT, private */, value, timeout);
	return deadline != FOREVER && host_clock() >= deadline ? -ETIMEDOUT : 0;
}

void host_futex_wake(uint32_t *word, uint32_t count)
{
	syscall(SYS_futex, word, 129 /* WAKE, private */, count);
}

void host_ring(void)
{
	__atomic_add_fetch(&doorbell, 1, __ATOMIC_SEQ_CST);
	host_futex_wake(&doorbell, 1);
}

#define ARENA (1ul << 30)
static char *arena;
static size_t arena_used;

void *host_memory_grow(size_t bytes)
{
	char *start = arena + arena_used;

	if (arena_used + bytes > ARENA)
		return NULL;
	arena_used += bytes;
	return start;
}

long test_setting(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

int test_fsck(const char *store)
{
	char path[] = "/tmp/tabos-fsck-XXXXXX", command[200], line[200];
	int fd = mkstemp(path), status;

	if (fd < 0 || system("e2fsck -V >/dev/null 2>&1") != 0)
		return 0;
	for (int64_t i = 0, n = test_store_blocks(store); i < n; i++) {
		const void *block = test_store_get(store, (uint32_t)i);

		if (block && pwrite(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
			return -1;
		if (!block && ftruncate(fd, (off_t)(i + 1) * BLOCK) < 0)
			return -1;
	}
	close(fd);
	snprintf(command, sizeof command, "e2fsck -fn %s >%s.log 2>&1 || { cat %s.log; false; }", path,
		 path, path);
	status = system(command);
	snprintf(line, sizeof line, "%s.log", path);
	unlink(line);
	if (!getenv("TABOS_KEEP_IMAGES"))
		unlink(path);
	return status >> 8 ? status >> 8 : status;
}

static void (*supervisor_call)(void);

void test_as_supervisor(void (*f)(void))
{
	__atomic_store_n(&supervisor_call, f, __ATOMIC_RELEASE);
	host_ring();
	while (__atomic_load_n(&supervisor_call, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* The supervisor: never blocks but on its doorbell. */
static void *supervisor(void *unused)
{
	for (;;) {
		uint32_t bell = __atomic_load_n(&doorbell, __ATOMIC_SEQ_CST);

		void (*f)(void) = __atomic_load_n(&supervisor_call, __ATOMIC_ACQUIRE);

		nsec next = supervisor_work();

		if (f) {
			f();
			__atomic_store_n(&supervisor_call, NULL, __ATOMIC_RELEASE);
		}
		host_futex_wait(&doorbell, bell, min(next, host_clock() + NSEC_PER_SEC));
	}
	return unused;
}

/* The worker that does the kernel's own work. */
static void *work_thread(void *unused)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&work_queued, __ATOMIC_SEQ_CST);

		if (seen)
			work_run();
		host_futex_wait(&work_queued, seen, FOREVER);
	}
	return unused;
}

bool test_has_threads(void) { return true; }
void test_yield(void) { sched_yield(); }
void test_supervise(void) { host_ring(); sched_yield(); }

/* Deliberate: a waker asks whether the list is empty without its lock (wait.h). */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:wait_queue_active\n"
	       "race:racing_stores\n"; /* shared_test.c: a program's own */
}

struct test_thread {
	pthread_t thread;
	void (*f)(void *);
	void *arg;
	struct task *task;
};

static void *thread_main(void *p)
{
	struct test_thread *t = p;

	test_become(t->task);
	t->f(t->arg);
	test_become(NULL);
	return NULL;
}

struct test_thread *test_thread(void (*f)(void *), void *arg)
{
	struct test_thread *t = kzalloc(sizeof(*t));

	t->f = f;
	t->arg = arg;
	t->task = test_task_new(current);
	if (pthread_create(&t->thread, NULL, thread_main, t))
		panic("test_thread: no thread");
	return t;
}

struct task *test_thread_task(struct test_thread *t)
{
	return t->task;
}

void test_join(struct test_thread *t)
{
	pthread_join(t->thread, NULL);
	test_task_free(t->task);
	kfree(t);
}

int main(int argc, char **argv)
{
	const char *store = getenv("FSI");
	size_t align = 32ul << 20;
	pthread_t thread;
	int status;

	arena = mmap(NULL, ARENA + align, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		return perror("mmap"), 2;
	arena = (char *)round_up((uintptr_t)arena, align);
	arena_used = 1 << 20;
	page_init(arena, arena + arena_used);
	if (!store || strcmp(store, "idb-mock") != 0) {
		FILE *f = tmpfile();

		if (!f)
			return perror("tmpfile"), 2;
		store_fd = fileno(f);
	}
	pthread_create(&thread, NULL, supervisor, NULL);
	pthread_create(&thread, NULL, work_thread, NULL);
	status = test_main(argc > 1 ? argv[1] : "");
	_exit(status); /* the supervisor's thread is still running */
}
#endif
