/*
 * The whole harness of the kernel's unit tests.
 *
 *     TEST("pipe: write after the reader closed gives EPIPE")
 *     {
 *             EXPECT_EQ(pipe_write(...), -EPIPE);
 *     }
 *
 * A test registers itself. It runs as a task of its own in a fresh process
 * (current is set), natively under the sanitizers and as wasm under wasmtime.
 * A failed EXPECT ends the test. runner.c runs all tests, or those whose name
 * contains its argument; host.c is the machine below the kernel, store.h its disks.
 */
#ifndef TEST_H
#define TEST_H

#include "../kernel-c/host.h"
#include "../kernel-c/task/task.h"
#include "../kernel-c/types.h"
#include "../kernel-c/uaccess.h"

struct test {
	const char *name;
	void (*run)(void);
	const char *file;
	struct test *next;
};
void test_add(struct test *t);
void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_skip(const char *why);
void test_print(const char *text, size_t n);

#define TEST(name) TEST_AT_LINE(name, __LINE__)
#define TEST_AT_LINE(name, line) TEST_NAMED(name, line)
#define TEST_NAMED(text, line)                                             \
	static void test_##line(void);                                     \
	static struct test test_entry_##line = { text, test_##line, __FILE__, 0 }; \
	__attribute__((constructor)) static void test_register_##line(void) \
	{                                                                  \
		test_add(&test_entry_##line);                              \
	}                                                                  \
	static void test_##line(void)

#define EXPECT(condition)                                              \
	do {                                                           \
		if (!(condition)) {                                    \
			test_fail(__FILE__, __LINE__, "%s", #condition); \
			return;                                        \
		}                                                      \
	} while (0)
#define EXPECT_EQ(a, b)                                                     \
	do {                                                                \
		long long eq_a = (long long)(a), eq_b = (long long)(b);     \
		if (eq_a != eq_b) {                                         \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %lld (%s)", \
				  #a, eq_a, eq_b, #b);                      \
			return;                                             \
		}                                                           \
	} while (0)
#define EXPECT_STR(a, b)                                                    \
	do {                                                                \
		const char *str_a = (a), *str_b = (b);                      \
		if (strcmp(str_a, str_b) != 0) {                            \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", \
				  #a, str_a, str_b);                        \
			return;                                             \
		}                                                           \
	} while (0)
#define SKIP(why) do { test_skip(why); return; } while (0)
/* wasmtime has one thread only. */
#define NEEDS_THREADS() do { if (!test_has_threads()) SKIP("needs a second thread"); } while (0)
/* Wait until another thread has made the condition true; 10 seconds are a failure. */
#define EXPECT_SOON(condition)                                      \
	do {                                                        \
		nsec soon = host_clock() + 10 * NSEC_PER_SEC;       \
		while (!(condition)) {                              \
			if (host_clock() > soon) {                  \
				test_fail(__FILE__, __LINE__, "not soon: %s", #condition); \
				return;                             \
			}                                           \
			test_yield();                               \
		}                                                   \
	} while (0)

/* ---- threads (native only): f runs as a child process, in the same group ---- */
struct test_thread;
bool test_has_threads(void);
struct test_thread *test_thread(void (*f)(void *), void *arg);
struct task *test_thread_task(struct test_thread *t);
void test_join(struct test_thread *t);
void test_yield(void);

/* ---- tasks (task.c of this folder) ---- */
/* A task in a new process, in a new session when parent is NULL, else in its group. */
struct task *test_task_new(struct task *parent);
void test_task_free(struct task *t);
/* Act as t from now on (in this thread). */
void test_become(struct task *t);
/* Is sig pending for the task or its process? It is then no longer. */
bool test_take_signal(struct task *t, int sig);

/* ---- user memory: one array for all; every test starts with it empty ---- */
#define USER_MEMORY (4u << 20)
uaddr test_user(size_t n);         /* n zero bytes in user memory */
uaddr test_user_copy(const void *from, size_t n);
void *test_user_at(uaddr address); /* to look into it */

/* ---- the mock machine ---- */
/* What the kernel wrote to a terminal or stream of the host. */
struct test_output {
	char bytes[1 << 16];
	size_t length; /* so far, not yet taken by the test */
	size_t accept; /* how much more the host takes */
	int error;     /* what the host answers instead, if not 0 */
};
struct test_output *test_terminal(int n);
struct test_output *test_stream(int n);
/* Empty it, and take n bytes from now on (or answer the error). */
void test_output_accept(struct test_output *o, size_t n, int error);
size_t test_output_length(struct test_output *o);
/* What has come, as a string; it is taken out. */
const char *test_output_take(struct test_output *o, char *buf, size_t size);
bool test_stdin_wanted(void); /* since last asked */
/* The supervisor's work that is due now is done when it returns. Not for the supervisor. */
void test_supervise(void);
/* The kernel's own work (task/work.h) that is queued is done when it returns. With no lock held. */
void test_work(void);
/* Call f as the supervisor, and wait until it has returned. */
void test_as_supervisor(void (*f)(void));

/* A number from the environment, for tests that can run longer than they do as a rule. */
long test_setting(const char *name, long otherwise);

#endif
