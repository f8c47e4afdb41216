/*
 * Memory that processes share: release, acquire, and atomic words.
 *
 * The tests' processes have one user memory, so each gets a third of it.
 */
#include "../test.h"

#include "../../kernel-c/fs/memfs.h"
#include "../../kernel-c/ipc/word.h"
#include "../../kernel-c/kernel.h"
#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/task/mm.h"
#include "../../kernel-c/vfs/namei.h"
#include "../../kernel-c/vfs/sharing.h"

#define PROCESSES 3
#define THIRD (1u << 20)
#define PAGES 4u
#define LENGTH (PAGES * PAGE_SIZE)

static struct file *file;
static struct task *first, *task[PROCESSES];
static uaddr at[PROCESSES];

static int32_t map_file(struct file *f, bool writable)
{
	struct shared_request r = { .file = f, .length = LENGTH, .flags = MAP_SHARED, .writable = writable };

	return shared_map(&r);
}

/* Three processes that map one file; the first is the current one. */
static bool start(void)
{
	int err;

	/* memory that was never handed out is zero */
	memset(test_user_at(65536), 0, USER_MEMORY - 65536);
	first = current;
	file = memfs_anonymous(LENGTH, &err);
	for (int i = 0; i < PROCESSES; i++) {
		int32_t a;

		task[i] = test_task_new(first);
		test_become(task[i]);
		mm_ready(current_process->mm, USER_MEMORY / 65536, 65536 + (uint32_t)i * THIRD, 0);
		a = map_file(file, true);
		if (a < 0)
			return false;
		at[i] = (uaddr)a;
	}
	test_become(task[0]);
	return true;
}

static void finish(void)
{
	test_become(first);
	for (int i = 0; i < PROCESSES; i++)
		test_task_free(task[i]);
	file_put(file);
}

static char *memory(int process)
{
	return test_user_at(at[process]);
}

static void as(int process)
{
	test_become(task[process]);
}

TEST("shared memory: stores before a release are there after an acquire")
{
	EXPECT(start());
	memory(0)[5] = 'x';
	memory(0)[PAGE_SIZE * 3 + 9] = 'y';
	as(1);
	shared_acquire();
	EXPECT_EQ(memory(1)[5], 0);
	as(0);
	shared_release();
	as(1);
	EXPECT_EQ(memory(1)[5], 0);
	shared_acquire();
	EXPECT_EQ(memory(1)[5], 'x');
	EXPECT_EQ(memory(1)[PAGE_SIZE * 3 + 9], 'y');
	finish();
}

TEST("shared memory: processes that write to other bytes of a page lose nothing")
{
	EXPECT(start());
	for (int n = 0; n < 300; n++)
		memory(n % PROCESSES)[n] = (char)(n % 100 + 1);
	for (int i = 0; i < PROCESSES; i++) {
		as(i);
		shared_release();
	}
	for (int i = 0; i < PROCESSES; i++) {
		as(i);
		shared_acquire();
		for (int n = 0; n < 300; n++)
			EXPECT_EQ(memory(i)[n], n % 100 + 1);
	}
	finish();
}

TEST("shared memory: an acquire leaves what was not released")
{
	EXPECT(start());
	memory(0)[16] = 'a';
	memory(0)[18] = 'b';
	shared_release();
	as(1);
	memory(1)[17] = 'm';
	shared_acquire();
	EXPECT_EQ(memory(1)[16], 'a');
	EXPECT_EQ(memory(1)[17], 'm');
	EXPECT_EQ(memory(1)[18], 'b');
	shared_release();
	as(0);
	shared_acquire();
	EXPECT_EQ(memory(0)[17], 'm');
	finish();
}

TEST("shared memory: a byte goes back and forth")
{
	EXPECT(start());
	for (int n = 0; n < 50; n++) {
		as(n % PROCESSES);
		shared_acquire();
		EXPECT_EQ(memory(n % PROCESSES)[77], n);
		memory(n % PROCESSES)[77]++;
		shared_release();
	}
	finish();
}

TEST("shared memory: the file is what is shared")
{
	char buf[4] = "";

	EXPECT(start());
	memory(0)[PAGE_SIZE + 1] = 'f';
	shared_release();
	EXPECT_EQ(file_read_kernel(file, buf, 1, PAGE_SIZE + 1), 1);
	EXPECT_EQ(buf[0], 'f');
	EXPECT_EQ(file_write_kernel(file, "wx", 2, 2 * PAGE_SIZE - 1), 2);
	inode_bytes_changed(file->inode, 2 * PAGE_SIZE - 1, 2 * PAGE_SIZE + 1);
	shared_acquire();
	EXPECT_EQ(memory(0)[2 * PAGE_SIZE - 1], 'w');
	EXPECT_EQ(memory(0)[2 * PAGE_SIZE], 'x');
	finish();
}

TEST("shared memory: an acquire without news reads nothing, a release of nothing writes nothing")
{
	struct sharing *s;

	EXPECT(start());
	s = file->inode->sharing;
	memory(0)[0] = 1;
	shared_release();
	uint64_t clock = sharing_clock(s);
	shared_release();
	shared_acquire();
	EXPECT_EQ(sharing_clock(s), clock);
	EXPECT_EQ(sharing_next(s, 0, PAGES, clock - 1), 0);
	EXPECT_EQ(sharing_next(s, 1, PAGES, clock - 1), PAGES);
	finish();
}

TEST("shared memory: parts of a mapping are unmapped, the twin only with the last")
{
	struct mm *mm;

	EXPECT(start());
	mm = current_process->mm;
	EXPECT_EQ(mm->nshared, 1);
	EXPECT_EQ(sys_munmap(at[0] + PAGE_SIZE, PAGE_SIZE), 0);
	EXPECT_EQ(mm->nshared, 2);
	memory(0)[0] = 'l';
	memory(0)[2 * PAGE_SIZE] = 'r';
	shared_release();
	as(1);
	shared_acquire();
	EXPECT_EQ(memory(1)[0], 'l');
	EXPECT_EQ(memory(1)[2 * PAGE_SIZE], 'r');
	as(0);
	EXPECT_EQ(sys_munmap(at[0] + LENGTH, PAGE_SIZE), -EINVAL); /* where the twin is */
	EXPECT_EQ(sys_munmap(at[0], PAGE_SIZE), 0);
	EXPECT_EQ(mm->nshared, 1);
	EXPECT_EQ(sys_munmap(at[0], LENGTH), 0);
	EXPECT_EQ(mm->nshared, 0);
	EXPECT(list_empty(&mm->mappings));
	EXPECT_EQ(sys_munmap(at[0] + LENGTH, PAGE_SIZE), 0);
	finish();
}

TEST("shared memory: a forked address space has the mapping, with a twin of its own")
{
	struct mm *mm, *child;

	EXPECT(start());
	mm = current_process->mm;
	EXPECT_EQ(sys_munmap(at[0] + PAGE_SIZE, PAGE_SIZE), 0);
	EXPECT_EQ(file->inode->sharing->views, PROCESSES);
	child = mm_copy(mm);
	EXPECT(child != NULL);
	EXPECT_EQ(child->nshared, 2);
	EXPECT_EQ(file->inode->sharing->views, PROCESSES + 1);
	EXPECT(list_first(&child->shared, struct area, of_shared)->view !=
	       list_first(&mm->shared, struct area, of_shared)->view);
	mm_put(child);
	EXPECT_EQ(file->inode->sharing->views, PROCESSES);
	finish();
}

TEST("shared memory: a mapping for reading follows, and can be made writable")
{
	int32_t a;

	EXPECT(start());
	as(2);
	EXPECT_EQ(sys_munmap(at[2], LENGTH), 0);
	a = map_file(file, false);
	EXPECT(a > 0);
	at[2] = (uaddr)a;
	as(0);
	memory(0)[3] = 'r';
	shared_release();
	as(2);
	memory(2)[4] = 'w'; /* not allowed, and seen by nobody */
	shared_release();
	shared_acquire();
	EXPECT_EQ(memory(2)[3], 'r');
	EXPECT_EQ(sys_shared_word(at[2] + 8, WORD_STORE, 1), -EFAULT);
	EXPECT_EQ(sys_mprotect(at[2], LENGTH, PROT_READ | PROT_WRITE), 0);
	memory(2)[5] = 'x';
	shared_release();
	as(0);
	shared_acquire();
	EXPECT_EQ(memory(0)[4], 0);
	EXPECT_EQ(memory(0)[5], 'x');
	finish();
}

TEST("shared memory: bytes beyond the end of the file go nowhere")
{
	EXPECT(start());
	EXPECT_EQ(vfs_truncate(file->inode, PAGE_SIZE + 10), 0);
	memory(0)[PAGE_SIZE + 9] = 'i';
	memory(0)[PAGE_SIZE + 10] = 'o';
	memory(0)[2 * PAGE_SIZE] = 'o';
	shared_release();
	EXPECT_EQ(file->inode->size, PAGE_SIZE + 10);
	EXPECT_EQ(vfs_truncate(file->inode, LENGTH), 0);
	as(1);
	shared_acquire();
	EXPECT_EQ(memory(1)[PAGE_SIZE + 9], 'i');
	EXPECT_EQ(memory(1)[PAGE_SIZE + 10], 0);
	EXPECT_EQ(memory(1)[2 * PAGE_SIZE], 0);
	finish();
}

/* ---- words ---- */

TEST("shared words: a mutex is taken once, and only its owner gives it back")
{
	EXPECT(start());
	EXPECT_EQ(sys_shared_word(at[0] + 2, WORD_LOCK, 0), -EINVAL);
	EXPECT_EQ(sys_shared_word(at[0] + 4, WORD_OPERATIONS, 0), -EINVAL);
	EXPECT_EQ(sys_shared_word(at[0] + 4, WORD_LOCK, 1), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 4, WORD_LOCK, 1), -EDEADLK);
	memory(0)[100] = 'd';
	as(1);
	EXPECT_EQ(sys_shared_word(at[1] + 4, WORD_LOCK, 1), task[0]->tid);
	EXPECT_EQ(sys_shared_word(at[1] + 4, WORD_UNLOCK, 0), -EPERM);
	as(0);
	EXPECT_EQ(sys_shared_word(at[0] + 4, WORD_UNLOCK, 0), 0);
	EXPECT(list_empty(&current->held_words));
	as(1);
	EXPECT_EQ(sys_shared_word(at[1] + 4, WORD_LOCK, 1), 0);
	EXPECT_EQ(memory(1)[100], 'd');
	EXPECT_EQ(sys_shared_word(at[1] + 4, WORD_UNLOCK, 0), 0);
	finish();
}

TEST("shared words: a robust mutex outlives its owner, another is never free again")
{
	EXPECT(start());
	EXPECT_EQ(sys_shared_word(at[0], WORD_LOCK | WORD_ROBUST, 1), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 4, WORD_LOCK, 1), 0);
	word_task_gone(task[0]);
	as(1);
	EXPECT_EQ(sys_shared_word(at[1] + 4, WORD_LOCK, 1), WORD_OWNER_DIED);
	EXPECT_EQ(sys_shared_word(at[1], WORD_LOCK | WORD_ROBUST, 1), -EOWNERDEAD);
	EXPECT_EQ(sys_shared_word(at[1], WORD_CONSISTENT, 0), 0);
	EXPECT_EQ(sys_shared_word(at[1], WORD_CONSISTENT, 0), -EINVAL);
	EXPECT_EQ(sys_shared_word(at[1], WORD_UNLOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(at[1], WORD_LOCK | WORD_ROBUST, 1), 0);
	word_task_gone(task[1]);
	as(2);
	EXPECT_EQ(sys_shared_word(at[2], WORD_LOCK | WORD_ROBUST, 1), -EOWNERDEAD);
	EXPECT_EQ(sys_shared_word(at[2], WORD_UNLOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(at[2], WORD_LOCK | WORD_ROBUST, 1), -ENOTRECOVERABLE);
	finish();
}

TEST("shared words: semaphores, rwlocks and barriers count")
{
	EXPECT(start());
	EXPECT_EQ(sys_shared_word(at[0], WORD_STORE, 1), 0);
	EXPECT_EQ(sys_shared_word(at[0], WORD_TAKE, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0], WORD_TAKE, 0), -EAGAIN);
	EXPECT_EQ(sys_shared_word(at[0], WORD_STORE, INT32_MAX), 0);
	EXPECT_EQ(sys_shared_word(at[0], WORD_POST, 0), -EOVERFLOW);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_READ_LOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_READ_LOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_WRITE_LOCK, 0), 2);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_UNLOCK_RW, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_UNLOCK_RW, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_WRITE_LOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 8, WORD_READ_LOCK, 0), WORD_WRITER);
	EXPECT_EQ(sys_shared_word(at[0] + 16, WORD_ARRIVE, 2), 0);
	EXPECT_EQ(sys_shared_word(at[0] + 16, WORD_ARRIVE, 2), WORD_SERIAL);
	EXPECT_EQ(sys_shared_word(at[0] + 16, WORD_ARRIVE, 2), 1);
	finish();
}

TEST("shared words: in memory of its own, a process has them too")
{
	uaddr word = test_user(8);

	EXPECT_EQ(sys_shared_word(word, WORD_LOCK, 1), 0);
	EXPECT_EQ(sys_shared_word(word, WORD_LOCK, 1), -EDEADLK);
	EXPECT_EQ(sys_shared_word(word, WORD_UNLOCK, 0), 0);
	EXPECT_EQ(sys_shared_word(USER_MEMORY, WORD_LOAD, 0), -EFAULT);
}

/* ---- many at once ---- */

#define TURNS 300

/* Each adds to a counter under a mutex, and writes its own bytes beside it without one. */
static void worker(void *arg)
{
	int me = (int)(intptr_t)arg, r;
	struct task *t = current;

	test_become(task[me]);
	for (int n = 0; n < TURNS; n++) {
		uint32_t *counter = (uint32_t *)(void *)(memory(me) + 64);

		while ((r = sys_shared_word(at[me], WORD_LOCK, 1)) > 0)
			sys_futex(at[me], FUTEX_WAIT, (uint32_t)r, 0, 0, 0);
		++*counter;
		memory(me)[PAGE_SIZE + me + PROCESSES * (n % 1000)] = (char)(me + 1);
		sys_shared_word(at[me], WORD_UNLOCK, 0);
	}
	test_become(t);
}

TEST("shared memory: three processes at once count right and lose no byte")
{
	struct test_thread *t[PROCESSES];
	uint32_t counter;

	NEEDS_THREADS();
	EXPECT(start());
	test_become(first);
	for (int i = 0; i < PROCESSES; i++)
		t[i] = test_thread(worker, (void *)(intptr_t)i);
	for (int i = 0; i < PROCESSES; i++)
		test_join(t[i]);
	as(0);
	shared_acquire();
	memcpy(&counter, memory(0) + 64, 4);
	EXPECT_EQ(counter, PROCESSES * TURNS);
	for (int n = 0; n < PROCESSES * TURNS; n++)
		EXPECT_EQ(memory(0)[PAGE_SIZE + n], n % PROCESSES + 1);
	finish();
}

static uint32_t stores_end;

/* A thread of process 0 that stores into bytes of words in which others write too. */
static void racing_stores(void *arg)
{
	(void)arg;
	for (unsigned char v = 1; !__atomic_load_n(&stores_end, __ATOMIC_ACQUIRE); v++)
		for (int n = 0; n < 512; n += 8)
			__atomic_store_n((unsigned char *)memory(0) + n, v, __ATOMIC_RELAXED);
}

TEST("shared memory: another thread's stores survive releases and acquires")
{
	struct test_thread *t;

	NEEDS_THREADS();
	EXPECT(start());
	stores_end = 0;
	t = test_thread(racing_stores, NULL);
	for (int turn = 1; turn <= 400; turn++) {
		as(1);
		shared_acquire();
		for (int n = 1; n < 512; n += 8)
			memory(1)[n] = (char)turn;
		shared_release();
		as(0);
		shared_acquire();
		for (int n = 1; n < 512; n += 8)
			EXPECT_EQ(memory(0)[n], (char)turn);
		shared_release();
	}
	__atomic_store_n(&stores_end, 1, __ATOMIC_RELEASE);
	test_join(t);
	as(0);
	shared_release();
	as(1);
	shared_acquire();
	for (int n = 0; n < 512; n += 8)
		EXPECT_EQ(memory(1)[n], memory(0)[n]);
	finish();
}
