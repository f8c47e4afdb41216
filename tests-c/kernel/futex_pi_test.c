/*
 * Futexes that inherit priorities, for one thread; many are in tests-c/posix/process/pi_mutex.c
 * and sched/inheritance.c.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/task/futex.h"

static uint32_t word_at(uaddr address)
{
	return *(uint32_t *)test_user_at(address);
}

TEST("futex_pi: a free word is taken and given up")
{
	uaddr word = test_user(4);

	EXPECT_EQ(futex_pi_lock(word, FOREVER, false), 0);
	EXPECT_EQ(word_at(word), (uint32_t)current->tid);
	EXPECT_EQ(futex_pi_lock(word, FOREVER, false), -EDEADLK);
	EXPECT_EQ(futex_pi_lock(word, FOREVER, true), -EDEADLK);
	EXPECT_EQ(futex_pi_unlock(word), 0);
	EXPECT_EQ(word_at(word), 0);
	EXPECT_EQ(futex_pi_unlock(word), -EPERM);
}

TEST("futex_pi: that an owner died is kept for the next")
{
	uint32_t died = FUTEX_OWNER_DIED;
	uaddr word = test_user_copy(&died, sizeof died);

	EXPECT_EQ(futex_pi_lock(word, FOREVER, true), 0);
	EXPECT_EQ(word_at(word), (uint32_t)current->tid | FUTEX_OWNER_DIED);
	EXPECT_EQ(futex_pi_unlock(word), 0);
	EXPECT_EQ(word_at(word), 0);
}

TEST("futex_pi: nobody waits for a thread that is not there, or of another process")
{
	uint32_t nobody = PID_MAX + 1, other = (uint32_t)process_init->pid;
	uaddr word = test_user_copy(&nobody, sizeof nobody);

	EXPECT_EQ(futex_pi_lock(word, FOREVER, false), -ESRCH);
	EXPECT_EQ(futex_pi_lock(word, FOREVER, true), -EAGAIN);
	EXPECT_EQ(word_at(word), nobody);
	word = test_user_copy(&other, sizeof other);
	EXPECT_EQ(futex_pi_lock(word, FOREVER, false), -ESRCH);
	EXPECT_EQ(futex_pi_lock(0, FOREVER, false), -EFAULT);
	EXPECT_EQ(futex_pi_unlock(0), -EFAULT);
}

TEST("futex_pi: a lent priority counts, and one's own again afterwards")
{
	EXPECT_EQ(sched_priority(current), 0);
	sched_boost(current, 7);
	EXPECT_EQ(sched_priority(current), 7);
	sched_set_policy(current, SCHED_FIFO, 9);
	EXPECT_EQ(sched_priority(current), 9);
	sched_set_policy(current, SCHED_FIFO, 3);
	EXPECT_EQ(sched_priority(current), 7);
	sched_boost(current, 0);
	EXPECT_EQ(sched_priority(current), 3);
	sched_set_policy(current, SCHED_OTHER, 0);
}
