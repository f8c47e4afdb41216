/*
 * User memory of the unit tests, one array for all tasks, and the kernel's door to it
 * (uaccess.h).
 */
#include "machine.h"

static char user_memory[USER_MEMORY] __attribute__((aligned(16)));
static uint32_t user_used = 65536;

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
