/*
 * The machine under the unit tests on this one: threads, and the futex system call, which
 * is what the kernel will see. One thread plays the supervisor, one the worker of the
 * kernel's own work.
 */
#ifndef __wasm__
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#pragma clang diagnostic ignored "-Wmacro-redefined" /* the kernel has its own */
#include "machine.h"

#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/task/work.h"

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

static void (*supervisor_call)(void);
static uint32_t turns_begun, turns_ended; /* of the supervisor */

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

		__atomic_add_fetch(&turns_begun, 1, __ATOMIC_SEQ_CST);

		void (*f)(void) = __atomic_load_n(&supervisor_call, __ATOMIC_ACQUIRE);

		nsec next = supervisor_work();

		if (f) {
			f();
			__atomic_store_n(&supervisor_call, NULL, __ATOMIC_RELEASE);
		}
		__atomic_add_fetch(&turns_ended, 1, __ATOMIC_SEQ_CST);
		host_futex_wait(&doorbell, bell, min(next, host_clock() + NSEC_PER_SEC));
	}
	return unused;
}

static uint32_t work_done;

/* The worker that does the kernel's own work. */
static void *work_thread(void *unused)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&work_queued, __ATOMIC_SEQ_CST);

		if (seen)
			work_run();
		__atomic_store_n(&work_done, seen, __ATOMIC_SEQ_CST);
		host_futex_wait(&work_queued, seen, FOREVER);
	}
	return unused;
}

void test_work(void)
{
	while (__atomic_load_n(&work_done, __ATOMIC_SEQ_CST) !=
	       __atomic_load_n(&work_queued, __ATOMIC_SEQ_CST))
		sched_yield();
}

bool test_has_threads(void) { return true; }
void test_yield(void) { sched_yield(); }

/* A whole turn that begins after this call: what is due now is done then, however busy the machine. */
void test_supervise(void)
{
	uint32_t turn = __atomic_load_n(&turns_begun, __ATOMIC_SEQ_CST) + 1;

	host_ring();
	while ((int32_t)(__atomic_load_n(&turns_ended, __ATOMIC_SEQ_CST) - turn) < 0)
		sched_yield();
}

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
	pthread_create(&thread, NULL, supervisor, NULL);
	pthread_create(&thread, NULL, work_thread, NULL);
	status = test_main(argc > 1 ? argv[1] : "");
	_exit(status); /* the supervisor's thread is still running */
}
#endif
