/*
 * Futexes.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"

TEST("futex: waiting for another value gives EAGAIN, bad addresses EFAULT or EINVAL")
{
	uint32_t one = 1;
	uaddr word = test_user_copy(&one, 4);

	EXPECT_EQ(sys_futex(word, FUTEX_WAIT, 2, 0, 0, 0), -EAGAIN);
	EXPECT_EQ(sys_futex(word + 1, FUTEX_WAIT, 1, 0, 0, 0), -EINVAL);
	EXPECT_EQ(sys_futex(USER_MEMORY + 64, FUTEX_WAIT, 1, 0, 0, 0), -EFAULT);
	EXPECT_EQ(sys_futex(word, 99, 1, 0, 0, 0), -ENOSYS);
}

TEST("futex: a wait ends at its timeout")
{
	struct abi_timespec ts = { 0, 2000000, 0 };
	uaddr word = test_user(4), timeout = test_user_copy(&ts, sizeof(ts));

	EXPECT_EQ(sys_futex(word, FUTEX_WAIT, 0, timeout, 0, 0), -ETIMEDOUT);
	ts.nsec = -1;
	timeout = test_user_copy(&ts, sizeof(ts));
	EXPECT_EQ(sys_futex(word, FUTEX_WAIT, 0, timeout, 0, 0), -EINVAL);
}

TEST("futex: a signal ends the wait")
{
	uaddr word = test_user(4);

	signal_send_process(current_process, SIGUSR1, NULL);
	EXPECT_EQ(sys_futex(word, FUTEX_WAIT, 0, 0, 0, 0), -ERESTART);
	EXPECT(test_take_signal(current, SIGUSR1));
}

TEST("futex: robust words of a dying thread are marked")
{
	struct { uint32_t next; int32_t offset; uint32_t pending; } head;
	uint32_t owned = (uint32_t)current->tid | 0x80000000u, entry[2], value;
	uaddr list = test_user(sizeof(head)), node;

	entry[0] = list;
	entry[1] = owned;
	node = test_user_copy(entry, sizeof(entry));
	head.next = node;
	head.offset = 4;
	head.pending = 0;
	memcpy(test_user_at(list), &head, sizeof(head));
	EXPECT_EQ(sys_set_robust_list(list, 8), -EINVAL);
	EXPECT_EQ(sys_set_robust_list(list, 12), 0);
	extern void futex_robust_exit(struct task *t);
	futex_robust_exit(current);
	EXPECT_EQ(user_load(node + 4, &value), 0);
	EXPECT_EQ(value, 0xc0000000u);
}
