/*
 * Tracing: who is traced, what the records say, what is lost.
 */
#include "test.h"

#include "../../kernel-c/abi-trace.h"
#include "../../kernel-c/task/trace.h"
#include "../../kernel-c/task/worker.h"

static struct task *tracer, *traced;
static struct trace *trace;
static _Alignas(8) char buffer[1 << 16];

static void begin(void)
{
	tracer = test_task_new(NULL);
	traced = test_task_new(NULL);
	traced->state = TASK_USER;
	test_become(tracer);
}

static void end(void)
{
	traced->state = TASK_KERNEL;
	test_become(NULL);
	test_task_free(traced);
	test_task_free(tracer);
}

/* As the exports of kernel.wasm do it. */
static void call(enum call number, int64_t a, int64_t b, int64_t result)
{
	test_become(traced);
	if (!syscall_entered("test"))
		syscall_enter_slow(number, a, b, 0, 0, 0, 0);
	syscall_exit64(result);
	test_become(tracer);
}

static int64_t read_records(void)
{
	struct uio u;

	uio_kernel(&u, buffer, sizeof buffer);
	return trace_read(trace, &u, true);
}

static struct abi_trace *record(int n)
{
	char *at = buffer;

	while (n--)
		at += ((struct abi_trace *)at)->size;
	return (struct abi_trace *)at;
}

TEST("trace: a traced task enters by the slow path, until the trace is closed")
{
	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	EXPECT_EQ(traced->state, TASK_TRACED);
	call(CALL_getpid, 0, 0, 7);
	EXPECT_EQ(traced->state, TASK_TRACED);
	trace_close(trace);
	EXPECT_EQ(traced->state, TASK_USER);
	call(CALL_getpid, 0, 0, 7);
	EXPECT_EQ(traced->state, TASK_USER);
	end();
}

TEST("trace: a task in the kernel is traced from its next call on")
{
	begin();
	traced->state = TASK_KERNEL;
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	EXPECT_EQ(traced->state, TASK_KERNEL);
	test_become(traced);
	syscall_exit64(0);
	test_become(tracer);
	EXPECT_EQ(traced->state, TASK_TRACED);
	EXPECT_EQ(read_records(), -EAGAIN);
	trace_close(trace);
	end();
}

TEST("trace: a record has the call's name, its arguments and the memory they lead to")
{
	const struct abi_trace_call *c;
	const struct abi_trace_piece *p;
	uaddr path = test_user_copy("/etc/x", 7);

	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	call(CALL_openat, AT_FDCWD, path, -ENOENT);
	EXPECT(read_records() > 0);
	c = (struct abi_trace_call *)record(0);
	EXPECT_EQ(c->head.event, TRACE_ENTER);
	EXPECT_EQ(c->head.pid, traced->process->pid);
	EXPECT_STR(c->name, "openat");
	EXPECT_EQ(c->count, 4);
	EXPECT_EQ(c->kinds[1], ARG_PATH);
	EXPECT_EQ(c->arguments[0], AT_FDCWD);
	p = (const struct abi_trace_piece *)(c + 1);
	EXPECT_EQ(p->argument, 1);
	EXPECT_EQ(p->length, 6);
	EXPECT_EQ(memcmp(p + 1, "/etc/x", 6), 0);
	c = (struct abi_trace_call *)record(1);
	EXPECT_EQ(c->head.event, TRACE_LEAVE);
	EXPECT_EQ(c->head.value, -ENOENT);
	trace_close(trace);
	end();
}

TEST("trace: a bad address gives a record without memory")
{
	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	call(CALL_openat, AT_FDCWD, USER_MEMORY + 4096, -EFAULT);
	EXPECT(read_records() > 0);
	EXPECT_EQ(record(0)->size, sizeof(struct abi_trace_call));
	trace_close(trace);
	end();
}

TEST("trace: what does not fit is counted, and the count comes first when there is room")
{
	int64_t taken = 0, n;
	int seen = 0;

	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	for (int i = 0; i < 3000; i++)
		call(CALL_getpid, 0, 0, i);
	while ((n = read_records()) > 0)
		for (char *at = buffer; at < buffer + n; at += ((struct abi_trace *)at)->size)
			seen++;
	EXPECT_EQ(n, -EAGAIN);
	EXPECT(seen > 1000 && seen < 6000);
	call(CALL_getpid, 0, 0, 0);
	EXPECT(read_records() > taken);
	EXPECT_EQ(record(0)->event, TRACE_LOST);
	EXPECT_EQ(record(0)->value, 6000 - seen);
	EXPECT_EQ(record(1)->event, TRACE_ENTER);
	trace_close(trace);
	end();
}

TEST("trace: a process has one trace, and a child has one if the trace follows")
{
	struct trace *second;
	struct task *child;

	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	EXPECT_EQ(trace_open(traced->process, &second), -EBUSY);
	child = test_task_new(traced);
	EXPECT(!child->traced);
	test_task_free(child);
	EXPECT_EQ(trace_command(trace, "follow"), 0);
	EXPECT_EQ(trace_command(trace, "nonsense"), -EINVAL);
	EXPECT_EQ(trace_command(trace, "string 99999999"), -EINVAL);
	child = test_task_new(traced);
	EXPECT(child->traced);
	test_task_free(child);
	trace_close(trace);
	end();
}

TEST("trace: who opens its own traces what it starts")
{
	struct task *child;

	begin();
	EXPECT_EQ(trace_open(tracer->process, &trace), 0);
	EXPECT(!tracer->traced);
	child = test_task_new(tracer);
	EXPECT(child->traced);
	test_task_free(child);
	EXPECT(read_records() > 0); /* it began and ended */
	EXPECT_EQ(read_records(), 0);
	trace_close(trace);
	end();
}

TEST("trace: a traced task in the program is killed as any other")
{
	begin();
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	task_get(traced); /* the supervisor may bury it at once */
	signal_send_process(traced->process, SIGKILL, NULL);
	EXPECT_EQ(traced->state, TASK_TRACED);
	while (task_in_user(traced))
		test_supervise(); /* buries it; it was init's child, which waits for nobody */
	EXPECT_EQ(traced->state, TASK_DEAD);
	trace_close(trace);
	EXPECT_EQ(traced->state, TASK_DEAD);
	test_supervise();
	task_put(traced);
	test_become(NULL);
	test_task_free(tracer);
}

TEST("trace: only root goes on looking at a set-id program")
{
	begin();
	tracer->process->cred.euid = 1000;
	EXPECT_EQ(trace_open(traced->process, &trace), 0);
	lock(&traced->process->lock);
	trace_set_id(traced->process);
	unlock(&traced->process->lock);
	EXPECT_EQ(traced->state, TASK_USER);
	EXPECT_EQ(read_records(), 0);
	trace_close(trace);
	end();
}
