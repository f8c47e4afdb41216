/*
 * Futexes: sleeping on a word of program memory (futex(2)).
 *
 * The key of a word is where it is: the address space and the address or, in shared
 * memory, the inode and the offset in the file, whose word is the one that counts.
 * A waiter queues first and then looks at the word, so a wake that follows a
 * change of the word cannot be missed.
 */
#include "../host.h"
#include "../kernel.h"
#include "../vfs/sharing.h"
#include "futex.h"
#include "mm.h"
#include "worker.h"

#define BUCKETS 64
#define ROBUST_MAX 2048 /* list entries looked at when a thread dies */

struct futex_key {
	const void *space; /* struct mm or struct inode */
	uint64_t at;
};
/* A word and what holds it in place: its file, if it is shared. */
struct futex_word {
	struct futex_key key;
	uaddr address;
	struct file *file; /* with a reference, or NULL */
};
struct futex_waiter {
	struct list node;
	struct task *task;
	struct futex_key key; /* [bucket; read anywhere] */
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

static struct bucket *bucket_of(struct futex_key key)
{
	uint32_t h = (uint32_t)((uintptr_t)key.space >> 4) * 31 + (uint32_t)(key.at >> 2);

	return &buckets[(h * 2654435761u) >> 26];
}

static bool same_key(struct futex_key a, struct futex_key b)
{
	return a.space == b.space && a.at == b.at;
}

static struct futex_key key_of(struct futex_waiter *w)
{
	return (struct futex_key){ w->key.space, __atomic_load_n(&w->key.at, __ATOMIC_ACQUIRE) };
}

/* A requeue may move a waiter to another bucket while nobody holds its lock. */
static struct bucket *lock_bucket(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = bucket_of(key_of(w));

		lock(&b->lock);
		if (b == bucket_of(w->key))
			return b;
		unlock(&b->lock);
	}
}

static struct futex_key private_key(uaddr address)
{
	return (struct futex_key){ current_process->mm, address };
}

static void word_at(struct futex_word *w, uaddr address, bool private)
{
	int64_t at;

	*w = (struct futex_word){ .key = private_key(address), .address = address };
	if (!private && shared_place(address, false, &w->file, &at) == 0)
		w->key = (struct futex_key){ w->file->inode, (uint64_t)at };
}

static void word_drop(struct futex_word *w)
{
	if (w->file)
		file_put(w->file);
}

static int word_load(const struct futex_word *w, uint32_t *value)
{
	return w->file ? sharing_load(w->file, (int64_t)w->key.at, value) :
			 user_load(w->address, value);
}

static int wait_on(const struct futex_word *word, uint32_t value, nsec deadline, uint32_t bitset)
{
	struct futex_waiter w = { .task = current, .key = word->key, .bitset = bitset };
	struct bucket *b = bucket_of(word->key);
	uint32_t now;
	int err;

	lock(&b->lock);
	list_append(&b->waiters, &w.node);
	wait_as("futex");
	unlock(&b->lock);
	err = word_load(word, &now);
	if (err == 0 && now != value)
		err = -EAGAIN;
	b = lock_bucket(&w);
	while (!w.woken && err == 0) {
		unlock(&b->lock);
		err = wait_sleep(deadline);
		b = lock_bucket(&w);
	}
	list_remove(&w.node);
	unlock(&b->lock);
	return w.woken ? 0 : err;
}

static int futex_wait(uaddr address, bool private, uint32_t value, nsec deadline, uint32_t bitset)
{
	struct futex_word word;
	int err;

	word_at(&word, address, private);
	err = wait_on(&word, value, deadline, bitset);
	word_drop(&word);
	if (!private)
		shared_acquire();
	return err;
}

static int wake_key(struct futex_key key, int count, uint32_t bitset)
{
	struct bucket *b = bucket_of(key);
	struct futex_waiter *w, *next;
	int woken = 0;

	lock(&b->lock);
	list_for_each_safe(w, next, &b->waiters, node) {
		if (woken >= count)
			break;
		if (!same_key(w->key, key) || !(w->bitset & bitset))
			continue;
		list_remove(&w->node);
		w->woken = true;
		task_wake(w->task);
		woken++;
	}
	unlock(&b->lock);
	return woken;
}

static int futex_wake(uaddr address, bool private, int count, uint32_t bitset)
{
	struct futex_word word;
	int n;

	if (private)
		return wake_key(private_key(address), count, bitset);
	shared_release();
	word_at(&word, address, false);
	n = wake_key(word.key, count, bitset);
	word_drop(&word);
	return n;
}

int futex_wake_address(uaddr address, int count)
{
	return wake_key(private_key(address), count, ~0u);
}

int futex_wake_file(struct inode *inode, int64_t at, int count)
{
	return wake_key((struct futex_key){ inode, (uint64_t)at }, count, ~0u);
}

/* Between words of one address space, or of one file. */
static int requeue(const struct futex_word *from, int wake, int move, const struct futex_word *to,
		   const uint32_t *expected)
{
	struct bucket *a = bucket_of(from->key), *b = bucket_of(to->key);
	struct futex_waiter *w, *next;
	uint32_t now;
	int n = 0, err = 0;

	if (from->key.space != to->key.space)
		return -EINVAL;
	if (expected && (err = word_load(from, &now)) == 0 && now != *expected)
		err = -EAGAIN;
	if (err < 0)
		return err;
	lock_pair(&a->lock, &b->lock);
	list_for_each_safe(w, next, &a->waiters, node) {
		if (!same_key(w->key, from->key))
			continue;
		if (n >= wake + move)
			break;
		list_remove(&w->node);
		if (n < wake) {
			w->woken = true;
			task_wake(w->task);
		} else {
			__atomic_store_n(&w->key.at, to->key.at, __ATOMIC_RELEASE);
			list_append(&b->waiters, &w->node);
		}
		n++;
	}
	unlock_pair(&a->lock, &b->lock);
	return n;
}

static int futex_requeue(uaddr from, bool private, int wake, int move, uaddr to,
			 const uint32_t *expected)
{
	struct futex_word a, b;
	int n;

	if (!private)
		shared_release();
	word_at(&a, from, private);
	word_at(&b, to, private);
	n = requeue(&a, wake, move, &b, expected);
	word_drop(&a);
	word_drop(&b);
	return n;
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
	bool realtime = operation & FUTEX_CLOCK_REALTIME, private = operation & FUTEX_PRIVATE;
	nsec deadline;
	int err;

	if (address % 4)
		return -EINVAL;
	switch (operation & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME)) {
	case FUTEX_WAIT:
		err = deadline_of(timeout, false, false, &deadline);
		return err < 0 ? err : futex_wait(address, private, value, deadline, ~0u);
	case FUTEX_WAIT_BITSET:
		if (!value3)
			return -EINVAL;
		err = deadline_of(timeout, true, realtime, &deadline);
		return err < 0 ? err : futex_wait(address, private, value, deadline, value3);
	case FUTEX_WAKE:
		return futex_wake(address, private, (int)min(value, (uint32_t)INT32_MAX), ~0u);
	case FUTEX_REQUEUE:
		return futex_requeue(address, private, value, timeout, address2, NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(address, private, value, timeout, address2, &value3);
	case FUTEX_LOCK_PI:
		err = deadline_of(timeout, true, true, &deadline);
		return err < 0 ? err : futex_pi_lock(address, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_pi_lock(address, FOREVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_pi_unlock(address);
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
