#include "../test.h"

#include "../../kernel-c/lib/lock.h"

static struct lock counter_lock = LOCK_INIT(RANK_PIPE);
static struct mutex counter_mutex = MUTEX_INIT(RANK_INODE);
static uint32_t counter;

static void count_locked(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		lock(&counter_lock);
		counter++;
		unlock(&counter_lock);
	}
}

static void count_under_mutex(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		mutex_lock(&counter_mutex);
		counter++;
		if (i % 100 == 0)
			test_yield();
		mutex_unlock(&counter_mutex);
	}
}

TEST("lock: three threads count without losing any")
{
	struct test_thread *t[3];

	NEEDS_THREADS();
	counter = 0;
	for (int i = 0; i < 3; i++)
		t[i] = test_thread(count_locked, NULL);
	for (int i = 0; i < 3; i++)
		test_join(t[i]);
	EXPECT_EQ(counter, 60000);
	EXPECT_EQ(counter_lock.word, 0);
}

TEST("lock: a mutex whose holders yield keeps others out")
{
	struct test_thread *t[3];

	NEEDS_THREADS();
	counter = 0;
	for (int i = 0; i < 3; i++)
		t[i] = test_thread(count_under_mutex, NULL);
	for (int i = 0; i < 3; i++)
		test_join(t[i]);
	EXPECT_EQ(counter, 6000);
}

TEST("lock: a pair is taken in either order, and may be one lock")
{
	struct lock a = LOCK_INIT(RANK_PIPE), b = LOCK_INIT(RANK_PIPE);

	lock_pair(&a, &b);
	EXPECT(a.word == 1 && b.word == 1);
	unlock_pair(&a, &b);
	lock_pair(&b, &a);
	EXPECT(a.word == 1 && b.word == 1);
	unlock_pair(&b, &a);
	lock_pair(&a, &a);
	EXPECT_EQ(a.word, 1);
	unlock_pair(&a, &a);
	EXPECT(a.word == 0 && b.word == 0);
}

TEST("lock: who holds it is known in debug builds")
{
#ifdef KERNEL_DEBUG
	struct lock a = LOCK_INIT(RANK_PIPE);
	struct mutex m = MUTEX_INIT(RANK_FILE);

	EXPECT(!lock_held(&a));
	mutex_lock(&m);
	lock(&a);
	EXPECT(lock_held(&a));
	EXPECT(mutex_held(&m));
	unlock(&a);
	lock_none_held(); /* a mutex may be held over a sleep: no panic */
	mutex_unlock(&m);
	EXPECT(!lock_held(&a));
	EXPECT(!mutex_held(&m));
#else
	SKIP("not a debug build");
#endif
}
