/*
 * Faults: when a trap's handler is to run, and where its frames begin.
 */
#include "../test.h"

#include <sys.h>
#include "../../kernel-c/kernel.h"
#include "../../kernel-c/task/mm.h"

#define HANDLER 4096u
#define CODE 1 /* FPE_INTDIV */
#define SP 60000u
#define ALT_BASE 20000u
#define ALT_SIZE 10000u

static void handle(int sig, uint32_t handler, uint32_t flags)
{
	current_process->sighand.action[sig - 1] =
		(struct abi_sigaction){ .handler = handler, .flags = flags };
}

static uint32_t fault(int sig, uint32_t sp)
{
	uint32_t result;

	mm_ready(current_process->mm, 1, 40000, 32768);
	current->state = TASK_USER;
	result = worker_fault(sig, CODE, 77, sp);
	current->state = TASK_KERNEL;
	return result;
}

TEST("fault: without a handler there is nothing to run")
{
	handle(SIGFPE, SIG_DFL, 0);
	EXPECT_EQ(fault(SIGFPE, SP), 0);
	handle(SIGFPE, SIG_IGN, 0);
	EXPECT_EQ(fault(SIGFPE, SP), 0);
	handle(SIGSEGV, HANDLER, 0);
	EXPECT_EQ(fault(SIGFPE, SP), 0);
	EXPECT_EQ(current->pending.set, 0);
}

TEST("fault: a handler gets the signal with its code and address")
{
	struct abi_sigframe frame;
	uint32_t sp;

	handle(SIGFPE, HANDLER, SA_SIGINFO);
	sp = fault(SIGFPE, SP);
	EXPECT(sp < SP && sp > SP - 1024 && sp % 16 == 0);
	EXPECT_EQ(signal_take(&frame), 1);
	EXPECT_EQ(frame.info.signo, SIGFPE);
	EXPECT_EQ(frame.info.code, CODE);
	EXPECT_EQ(frame.info.fault.address, 77);
}

TEST("fault: it comes before signals of lower numbers")
{
	struct abi_sigframe frame;

	handle(SIGHUP, HANDLER, 0);
	handle(SIGSEGV, HANDLER, 0);
	signal_send_process(current_process, SIGHUP, NULL);
	EXPECT(fault(SIGSEGV, SP) != 0);
	EXPECT_EQ(signal_take(&frame), 1);
	EXPECT_EQ(frame.info.signo, SIGSEGV);
}

TEST("fault: a blocked one is the end")
{
	handle(SIGFPE, HANDLER, 0);
	current->mask = sigbit(SIGFPE);
	EXPECT_EQ(fault(SIGFPE, SP), 0);
}

TEST("fault: without room on the stack only the alternate one will do")
{
	handle(SIGSEGV, HANDLER, SA_ONSTACK);
	EXPECT_EQ(fault(SIGSEGV, 100), 0);
	EXPECT_EQ(fault(SIGSEGV, (uint32_t)-16), 0);
	current->alt_stack = (struct abi_sigstack){ .base = ALT_BASE, .size = ALT_SIZE };
	EXPECT_EQ(fault(SIGSEGV, (uint32_t)-16), (ALT_BASE + ALT_SIZE) & ~15u);
	pending_flush(&current->pending, ~0ull);
	/* on it already: further down */
	EXPECT(fault(SIGSEGV, ALT_BASE + 9000) < ALT_BASE + 9000);
	/* wherever it lies, the frames lie in the memory */
	pending_flush(&current->pending, ~0ull);
	current->alt_stack.base = 0xf0000000u;
	EXPECT_EQ(fault(SIGSEGV, SP), 0);
}
