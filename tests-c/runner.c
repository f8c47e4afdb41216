/*
 * Runs the unit tests: all, or those whose names contain the argument.
 * Prints `ok NAME`, `skip NAME: why` or `FAIL NAME: file:line: why`, and ends
 * with status 1 when one failed or none ran.
 */
#include "machine.h"

#include "../kernel-c/kernel.h"

static struct test *tests, **tests_end = &tests;
static struct test *running;
static bool failed, skipped;

void test_add(struct test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, format);
	n = kvsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	test_print(line, min((size_t)n, sizeof(line) - 1));
}

void test_fail(const char *file, int line, const char *format, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, format);
	kvsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	if (__atomic_exchange_n(&failed, true, __ATOMIC_SEQ_CST))
		return; /* the first says it all */
	say("FAIL %s: %s:%d: %s\n", running->name, file, line, why);
}

void test_skip(const char *why)
{
	skipped = true;
	say("skip %s: %s\n", running->name, why);
}

static bool contains(const char *text, const char *part)
{
	size_t n = strlen(part);

	for (; *text; text++)
		if (strncmp(text, part, n) == 0)
			return true;
	return n == 0;
}

int test_main(const char *filter)
{
	int passed = 0, failures = 0, skips = 0;

	/* As main.c boots, but for what starts workers. */
	sched_init(SCHED_CPUS_MAX);
	futex_init();
	process_init_table();
	vfs_init();
	dev_init();
	tty_init();
	process_init->files = fdtable_new();
	process_init->fs = fs_context_new();
	for (running = tests; running; running = running->next) {
		struct task *t;

		if (!contains(running->name, filter))
			continue;
		failed = skipped = false;
		test_user_reset();
		t = test_task_new(NULL);
		test_become(t);
		running->run();
		test_become(NULL);
		test_task_free(t);
		if (failed)
			failures++;
		else if (skipped)
			skips++;
		else
			say("ok %s\n", running->name), passed++;
	}
	say("%d passed, %d failed, %d skipped\n", passed, failures, skips);
	return failures || passed + skips == 0;
}
