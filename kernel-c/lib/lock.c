/*
 * Locks: spin briefly, then wait on a futex. The order is in lock.h.
 *
 * The word is 0 (free), 1 (held) or 2 (held, and somebody may wait on the
 * futex). Only an unlock that finds 2 makes the wake call, so an uncontended
 * pair costs two atomic operations.
 *
 * Debug builds keep a list of what each cpu (a worker, or the supervisor: the
 * lists are thread-local) holds, and panic when the order is violated.
 */
#include "lock.h"

#include "../host.h"
#include "../task/task.h"

/* Critical sections last well under a microsecond; a futex wait and wake cost ten. */
#define SPIN_TURNS 500

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

void lock_init(struct lock *l, enum lock_rank rank)
{
	*l = (struct lock)LOCK_INIT(rank);
}

/* The ranks of mutexes come first, since their holders may take any lock. */
static bool is_mutex(const struct lock *l)
{
	return l->rank < RANK_PROCESSES;
}

struct lock_stat lock_stats[RANKS];

const char *lock_rank_name(enum lock_rank rank)
{
	static const char *const names[RANKS] = {
#define NAME(rank) [RANK_##rank] = #rank
		NAME(EPOLL_SET), NAME(FILE), NAME(RENAME), NAME(SHARED), NAME(WORDS), NAME(INODE), NAME(META),
		NAME(PROCESSES), NAME(PROCESS), NAME(FILES), NAME(DENTRY), NAME(TTY), NAME(FIFO), NAME(INOTIFY),
		NAME(PIPE), NAME(MM), NAME(FUTEX), NAME(ITIMER), NAME(TIMER), NAME(WORKER), NAME(TRACE),
		NAME(WATCHES), NAME(SHARING), NAME(WAIT), NAME(EPOLL_QUEUE), NAME(EPOLL), NAME(REQUEST),
		NAME(ICACHE), NAME(CHECKPOINT), NAME(CACHE), NAME(RUN), NAME(SLAB), NAME(PAGE), NAME(LOG),
#undef NAME
	};

	return names[rank];
}

static void count_contention(struct lock *l, int turns)
{
	struct lock_stat *s = &lock_stats[l->rank];

	__atomic_add_fetch(&s->contended, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->turns, (uint64_t)turns, __ATOMIC_RELAXED);
}

static void count_sleep(struct lock *l, nsec slept)
{
	struct lock_stat *s = &lock_stats[l->rank];
	nsec longest = __atomic_load_n(&s->longest, __ATOMIC_RELAXED);

	__atomic_add_fetch(&s->sleeps, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->slept, slept, __ATOMIC_RELAXED);
	while (slept > longest &&
	       !__atomic_compare_exchange_n(&s->longest, &longest, slept, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

void lock_slow(struct lock *l)
{
	nsec before;
	struct task *waits = is_mutex(l) ? current : NULL;

	for (int turn = 0; turn < SPIN_TURNS; turn++) {
		uint32_t word = __atomic_load_n(&l->word, __ATOMIC_RELAXED);

		if (word == 0 &&
		    __atomic_compare_exchange_n(&l->word, &word, 1, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			count_contention(l, turn);
			return;
		}
		spin_pause();
	}
	before = host_clock();
	/* A mutex's holder may sleep, and need the CPU to go on; that of a lock has one. */
	sched_block(waits);
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
		host_futex_wait(&l->word, 2, FOREVER);
	sched_unblock(waits);
	count_contention(l, SPIN_TURNS);
	count_sleep(l, host_clock() - before);
}

void unlock_slow(struct lock *l)
{
	host_futex_wake(&l->word, 1);
}

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	lock_init(&m->l, rank);
}

void mutex_lock_pair(struct mutex *a, struct mutex *b)
{
	lock_none_held();
	lock_pair(&a->l, &b->l);
}

void mutex_unlock_pair(struct mutex *a, struct mutex *b)
{
	unlock_pair(&a->l, &b->l);
}

#ifndef KERNEL_DEBUG

void lock_pair(struct lock *a, struct lock *b)
{
	lock(a < b ? a : b);
	if (a != b)
		lock(a < b ? b : a);
}

void mutex_lock(struct mutex *m)
{
	lock(&m->l);
}

bool mutex_held(const struct mutex *m)
{
	(void)m;
	return true;
}

#else

#define MAX_HELD 16

static _Thread_local struct cpu {
	struct lock *held[MAX_HELD];
	int nheld;
	bool pair; /* the next lock may have the rank of the last */
} cpu;

void lock_check(struct lock *l)
{
	if (l->rank == 0)
		panic("lock: not initialised");
	for (int i = 0; i < cpu.nheld; i++) {
		const struct lock *h = cpu.held[i];

		if (h == l)
			panic("lock: rank %d taken twice", l->rank);
		/* A directory's mutex is taken before its child's. */
		if (h->rank == l->rank &&
		    (cpu.pair || l->rank == RANK_INODE))
			continue;
		if (h->rank >= l->rank)
			panic("lock: rank %d taken while %d is held", l->rank,
			      h->rank);
	}
}

void lock_taken(struct lock *l)
{
	if (cpu.nheld == MAX_HELD)
		panic("lock: too many held");
	cpu.held[cpu.nheld++] = l;
	__atomic_add_fetch(&lock_stats[l->rank].taken, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&l->owner, &cpu, __ATOMIC_RELAXED);
}

void lock_released(struct lock *l)
{
	int i = cpu.nheld;

	while (i > 0 && cpu.held[i - 1] != l)
		i--;
	if (i == 0)
		panic("unlock: rank %d is not held", l->rank);
	for (; i < cpu.nheld; i++)
		cpu.held[i - 1] = cpu.held[i];
	cpu.nheld--;
	__atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
}

bool lock_held(const struct lock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == &cpu;
}

void lock_none_held(void)
{
	for (int i = 0; i < cpu.nheld; i++)
		if (!is_mutex(cpu.held[i]))
			panic("sleeping with a lock of rank %d",
			      cpu.held[i]->rank);
}

void lock_pair(struct lock *a, struct lock *b)
{
	lock(a < b ? a : b);
	if (a != b) {
		cpu.pair = true;
		lock(a < b ? b : a);
		cpu.pair = false;
	}
}

void mutex_lock(struct mutex *m)
{
	lock_none_held();
	lock(&m->l);
}

bool mutex_held(const struct mutex *m)
{
	return lock_held(&m->l);
}

#endif

void unlock_pair(struct lock *a, struct lock *b)
{
	if (a != b)
		unlock(b);
	unlock(a);
}

bool mutex_try(struct mutex *m)
{
	uint32_t free = 0;

	if (!__atomic_compare_exchange_n(&m->l.word, &free, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	lock_taken(&m->l);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	unlock(&m->l);
}
