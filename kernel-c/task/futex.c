/*
 * Futexes: sleeping on a word of program memory (futex(2)).
 *
 * The word is read under the bucket's lock, so a wake that follows a change of
 * the word cannot be missed. Program memories share no pages, so the key is
 * the address space and the address.
 */
#include "../host.h"
#include "../kernel.h"
#include "worker.h"

#define BUCKETS 64
#define ROBUST_MAX 2048 /* list entries looked at when a thread dies */
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

struct futex_waiter {
	struct list node;
	struct task *task;
	struct mm *mm;
	uaddr address;
	uint32_t bitset;
	bool woken; /* [bucket] */
};
struct bucket {
	struct lock lock;
	struct list waiters;
};
static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (int i = 0; i < BUCKETS; i++) {
		lock_init(&buckets[i].lock, RANK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static struct bucket *bucket_of(struct mm *mm, uaddr address)
{
	uint32_t h = (uint32_t)((uintptr_t)mm >> 4) * 31 + (address >> 2);

	return &buckets[(h * 2654435761u) >> 26];
}

/* A requeue may move a waiter to another bucket while nobody holds its lock. */
static struct bucket *lock_bucket(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = bucket_of(w->mm, __atomic_load_n(&w->address, __ATOMIC_ACQUIRE));

		lock(&b->lock);
		if (b == bucket_of(w->mm, w->address))
			return b;
		unlock(&b->lock);
	}
}

static int futex_wait(uaddr address, uint32_t value, nsec deadline, uint32_t bitset)
{
	struct mm *mm = current_process->mm;
	struct bucket *b = bucket_of(mm, address);
	struct futex_waiter w = { .task = current, .mm = mm, .address = address, .bitset = bitset };
	uint32_t now;
	int err;

	lock(&b->lock);
	err = user_load(address, &now);
	if (err < 0 || now != value) {
		unlock(&b->lock);
		return err < 0 ? err : -EAGAIN;
	}
	list_append(&b->waiters, &w.node);
	current->seen = __atomic_load_n(&current->wakeups, __ATOMIC_SEQ_CST);
	while (!w.woken && err == 0) {
		unlock(&b->lock);
		err = wait_sleep(deadline);
		b = lock_bucket(&w);
	}
	list_remove(&w.node);
	unlock(&b->lock);
	return w.woken ? 0 : err;
}

static int futex_wake(struct mm *mm, uaddr address, int count, uint32_t bitset)
{
	struct bucket *b = bucket_of(mm, address);
	struct futex_waiter *w, *next;
	int woken = 0;

	lock(&b->lock);
	list_for_each_safe(w, next, &b->waiters, node) {
		if (woken >= count)
			break;
		if (w->mm != mm || w->address != address || !(w->bitset & bitset))
			continue;
		list_remove(&w->node);
		w->woken = true;
		task_wake(w->task);
		woken++;
	}
	unlock(&b->lock);
	return woken;
}

int futex_wake_address(uaddr address, int count)
{
	return futex_wake(current_process->mm, address, count, ~0u);
}

static int futex_requeue(uaddr from, int wake, int move, uaddr to, const uint32_t *expected)
{
	struct mm *mm = current_process->mm;
	struct bucket *a = bucket_of(mm, from), *b = bucket_of(mm, to);
	struct futex_waiter *w, *next;
	uint32_t now;
	int n = 0, err = 0;

	lock_pair(&a->lock, &b->lock);
	if (expected) {
		err = user_load(from, &now);
		if (err == 0 && now != *expected)
			err = -EAGAIN;
	}
	if (err == 0)
		list_for_each_safe(w, next, &a->waiters, node) {
			if (w->mm != mm || w->address != from)
				continue;
			if (n >= wake + move)
				break;
			list_remove(&w->node);
			if (n < wake) {
				w->woken = true;
				task_wake(w->task);
			} else {
				__atomic_store_n(&w->address, to, __ATOMIC_RELEASE);
				list_append(&b->waiters, &w->node);
			}
			n++;
		}
	unlock_pair(&a->lock, &b->lock);
	return err < 0 ? err : n;
}

/* A timespec in user memory as a monotonic deadline. */
static int deadline_of(uaddr timeout, bool absolute, bool realtime, nsec *deadline)
{
	struct abi_timespec ts;
	nsec t;
	int err;

	*deadline = FOREVER;
	if (!timeout)
		return 0;
	if ((err = copy_in(&ts, timeout, sizeof(ts))) < 0)
		return err;
	if ((err = timespec_to_nsec(&ts, &t)) < 0)
		return err;
	if (!absolute)
		t = nsec_add(host_clock(), t);
	else if (realtime)
		t = t == FOREVER ? t : t - wall_offset;
	*deadline = t;
	return 0;
}

int32_t sys_futex(uint32_t address, int32_t operation, uint32_t value, uint32_t timeout,
		  uint32_t address2, uint32_t value3)
{
	bool realtime = operation & FUTEX_CLOCK_REALTIME;
	nsec deadline;
	int err;

	if (address % 4)
		return -EINVAL;
	switch (operation & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)) {
	case FUTEX_WAIT:
		err = deadline_of(timeout, false, false, &deadline);
		return err < 0 ? err : futex_wait(address, value, deadline, ~0u);
	case FUTEX_WAIT_BITSET:
		if (!value3)
			return -EINVAL;
		err = deadline_of(timeout, true, realtime, &deadline);
		return err < 0 ? err : futex_wait(address, value, deadline, value3);
	case FUTEX_WAKE:
		return futex_wake(current_process->mm, address, (int)min(value, (uint32_t)INT32_MAX), ~0u);
	case FUTEX_REQUEUE:
		return futex_requeue(address, value, timeout, address2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(address, value, timeout, address2, &value3);
	default:
		return -ENOSYS;
	}
}

/* ---- robust mutexes: mark what the dying thread holds (set_robust_list(2)) ---- */

static void owner_died(struct task *t, uaddr word)
{
	uint32_t was, old;

	do {
		if (user_load(word, &was) < 0 || (was & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return;
		if (user_swap(word, was, (was & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &old) < 0)
			return;
	} while (old != was);
	if (was & FUTEX_WAITERS)
		futex_wake_address(word, 1);
}

void futex_robust_exit(struct task *t)
{
	struct { uaddr next; int32_t offset; uaddr pending; } head;
	uaddr entry, next;

	if (!t->robust_list || copy_in(&head, t->robust_list, sizeof(head)) < 0)
		return;
	entry = head.next;
	for (int i = 0; i < ROBUST_MAX && entry && entry != t->robust_list; i++) {
		if (copy_in(&next, entry, 4) < 0)
			return;
		if (entry != head.pending)
			owner_died(t, entry + head.offset);
		entry = next;
	}
	if (head.pending)
		owner_died(t, head.pending + head.offset);
}

int32_t sys_set_robust_list(uint32_t head, uint32_t length)
{
	if (length != 12)
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

int32_t sys_set_tid_address(uint32_t address)
{
	current->clear_tid = address;
	return current->tid;
}

int32_t sys_thread_attach(uint32_t pending, uint32_t clear_tid)
{
	int err;

	if (pending && (err = user_store(pending, 0)) < 0)
		return err;
	current->pending_word = pending;
	if (clear_tid)
		current->clear_tid = clear_tid;
	return current->tid;
}
