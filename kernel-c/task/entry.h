/*
 * Entering and leaving the kernel: the first and last thing of every system
 * call (build/gen/entry.c calls these around sys_*).
 *
 * Entry swaps USER to KERNEL. Exit stores USER and only then looks at
 * `attention`; a killer sets attention first and then tries USER to DEAD. So
 * one of the two always sees the other (both are sequentially consistent).
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <calls.h> /* build/gen: CALL_* */

#include "task.h"

/* Not inlined, so that the calls need no stack frame for it. */
__attribute__((noinline)) _Noreturn void task_wait_for_death(void);
/* Take signals, stop, or die; the result for the program. Enters and leaves itself. */
int64_t syscall_attention(int64_t result);

/*
 * What is left of entering when it did not go the usual way: the task is dead,
 * or traced (trace.c), and then the call and its arguments are recorded. Takes
 * no array, so that the calls need no stack frame for it.
 */
__attribute__((noinline)) void syscall_enter_slow(enum call call, int64_t a, int64_t b, int64_t c,
						  int64_t d, int64_t e, int64_t f);

/* The usual way; if false, syscall_enter_slow must follow. */
static inline bool syscall_entered(const char *name)
{
	struct task *t = current;
	uint32_t user = TASK_USER;

	t->syscall = name;
	return __atomic_compare_exchange_n(&t->state, &user, TASK_KERNEL, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void syscall_enter(const char *name)
{
	if (unlikely(!syscall_entered(name)))
		syscall_enter_slow(CALL_NONE, 0, 0, 0, 0, 0, 0);
}

/* -ERESTART or -ERESTARTNOHAND (or what lies between), in one comparison. */
static inline bool interrupted(int64_t result)
{
	return (uint64_t)(result + ERESTARTNOHAND) <= ERESTARTNOHAND - ERESTART;
}

static inline int64_t syscall_exit64(int64_t result)
{
	struct task *t = current;

	/* an exchange: Firefox makes a store a slower move and fence */
	__atomic_exchange_n(&t->state, TASK_USER, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&t->attention, __ATOMIC_SEQ_CST) || interrupted(result)))
		return syscall_attention(result);
	return result;
}

static inline int32_t syscall_exit(int32_t result)
{
	return (int32_t)syscall_exit64(result);
}

#endif
