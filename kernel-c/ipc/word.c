/*
 * Atomic words in shared memory (word.h).
 *
 * An operation is a load and a store of the file's word under a mutex of the file
 * (or, of memory that is not shared, of the address space), and a wake.
 *
 * A mutex that cares who owns it is remembered with the task that holds it. When
 * the task ends, whoever terminated it may not sleep, so the word is marked by who
 * looks at words of the file next: `held` moves to the sharing's list of the dead.
 */
#include "word.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/mm.h"
#include "../task/worker.h"
#include "../vfs/sharing.h"

struct word {
	struct file *file; /* with a reference; NULL: in private memory */
	int64_t at;        /* in the file */
	uaddr address;
};

/* A mutex that a task holds, or died with. */
struct held {
	struct list node;      /* of the task [only itself], or of the dead */
	struct inode *inode;   /* with a reference while the task lives */
	int64_t at;
	uint32_t tid;
};

static struct slab_cache held_cache = SLAB_CACHE("held_word", struct held);

/* ---- the word ---- */

static int word_find(struct word *w, uaddr address)
{
	int err;

	if (address % 4)
		return -EINVAL;
	w->address = address;
	w->file = NULL;
	err = shared_place(address, true, &w->file, &w->at);
	return err == -ENOENT ? 0 : err;
}

static void word_drop(struct word *w)
{
	if (w->file)
		file_put(w->file);
}

static struct mutex *word_mutex(const struct word *w)
{
	return w->file ? &w->file->inode->sharing->words : &current_process->mm->words;
}

/* The word `n` words on. */
static int load(const struct word *w, int n, uint32_t *value)
{
	return w->file ? sharing_load(w->file, w->at + 4 * n, value) :
			 user_load(w->address + 4 * (uaddr)n, value);
}

static int store(const struct word *w, int n, uint32_t value)
{
	return w->file ? sharing_store(w->file, w->at + 4 * n, value) :
			 user_store(w->address + 4 * (uaddr)n, value);
}

static void wake(const struct word *w, int n, int count)
{
	if (w->file)
		futex_wake_file(w->file->inode, w->at + 4 * n, count);
	else
		futex_wake_address(w->address + 4 * (uaddr)n, count);
}

/* ---- owners that die ---- */

static void held_drop(struct held *h)
{
	list_remove(&h->node);
	inode_put(h->inode);
	slab_free(&held_cache, h);
}

static struct held *held_find(const struct word *w)
{
	struct held *h;

	list_for_each(h, &current->held_words, node)
		if (h->inode == w->file->inode && h->at == w->at)
			return h;
	return NULL;
}

static void hold(const struct word *w, struct held *h)
{
	h->inode = inode_get(w->file->inode);
	h->at = w->at;
	h->tid = (uint32_t)current->tid;
	list_append(&current->held_words, &h->node);
}

void word_task_gone(struct task *t)
{
	struct held *h, *next;

	list_for_each_safe(h, next, &t->held_words, node) {
		struct inode *inode = h->inode;
		struct sharing *s = inode->sharing;

		list_remove(&h->node);
		lock(&s->lock);
		list_append(&s->dead, &h->node);
		__atomic_store_n(&s->any_dead, true, __ATOMIC_RELEASE);
		unlock(&s->lock);
		futex_wake_file(inode, h->at, 1);
		inode_put(inode);
	}
}

void word_forget_dead(struct sharing *s)
{
	struct held *h, *next;

	list_for_each_safe(h, next, &s->dead, node)
		slab_free(&held_cache, h);
}

static struct held *next_dead(struct sharing *s)
{
	struct held *h = NULL;

	lock(&s->lock);
	if (list_empty(&s->dead)) {
		__atomic_store_n(&s->any_dead, false, __ATOMIC_RELAXED);
	} else {
		h = list_first(&s->dead, struct held, node);
		list_remove(&h->node);
	}
	unlock(&s->lock);
	return h;
}

/* The words of tasks that died lose their owner. The words' mutex is held. */
static void bury_dead(struct word *w)
{
	struct sharing *s = w->file->inode->sharing;
	struct held *h;
	uint32_t v;

	if (likely(!__atomic_load_n(&s->any_dead, __ATOMIC_ACQUIRE)))
		return;
	while ((h = next_dead(s))) {
		if (sharing_load(w->file, h->at, &v) == 0 && (v & WORD_TID) == h->tid)
			sharing_store(w->file, h->at, WORD_OWNER_DIED);
		slab_free(&held_cache, h);
	}
}

/* ---- operations ---- */

/* What an operation makes of the word: its result, and whom to wake. */
struct outcome {
	uint32_t value;
	bool changed;
	int wake, wake_word; /* how many, at which word */
};

static int become(struct outcome *o, uint32_t value)
{
	o->value = value;
	o->changed = true;
	return 0;
}

static int mutex_take(uint32_t v, bool robust, struct outcome *o)
{
	uint32_t owner = v & WORD_TID, tid = (uint32_t)current->tid;

	if (v & WORD_OWNER_DIED && owner == 0) {
		if (!robust)
			return (int)WORD_OWNER_DIED; /* nobody will ever unlock it */
		become(o, WORD_OWNER_DIED | tid);
		return -EOWNERDEAD;
	}
	if (owner == WORD_NOT_RECOVERABLE && robust)
		return -ENOTRECOVERABLE;
	if (owner == tid)
		return -EDEADLK;
	return owner ? (int)(v & INT32_MAX) : become(o, (v & WORD_SPIN) | tid);
}

static int mutex_give(uint32_t v, struct outcome *o)
{
	if ((v & WORD_TID) != (uint32_t)current->tid)
		return -EPERM;
	if (v & WORD_OWNER_DIED) { /* it was not made consistent: for nobody any more */
		o->wake = INT32_MAX;
		return become(o, WORD_NOT_RECOVERABLE);
	}
	o->wake = 1;
	return become(o, v & WORD_SPIN);
}

static int consistent(uint32_t v, struct outcome *o)
{
	if (!(v & WORD_OWNER_DIED) || !(v & WORD_TID))
		return -EINVAL;
	return (v & WORD_TID) == (uint32_t)current->tid ? become(o, v & ~WORD_OWNER_DIED) : -EPERM;
}

static int post(uint32_t v, struct outcome *o)
{
	if (v >= INT32_MAX)
		return -EOVERFLOW;
	o->wake = 1;
	return become(o, v + 1);
}

static int read_lock(uint32_t v, struct outcome *o)
{
	if (v == WORD_WRITER)
		return (int)v;
	return v == WORD_WRITER - 1 ? -EAGAIN : become(o, v + 1);
}

static int unlock_rw(uint32_t v, struct outcome *o)
{
	bool is_free = v == WORD_WRITER || v <= 1;

	o->wake = is_free ? INT32_MAX : 0;
	return become(o, is_free ? 0 : v - 1);
}

/* The word counts arrivals, the next one rounds. */
static int arrive(const struct word *w, uint32_t v, uint32_t limit, struct outcome *o)
{
	uint32_t round;
	int err = load(w, 1, &round);

	if (err < 0)
		return err;
	round &= WORD_TID;
	if (v + 1 < limit) {
		become(o, v + 1);
		return (int)round;
	}
	if ((err = store(w, 1, (round + 1) & WORD_TID)) < 0)
		return err;
	o->wake = INT32_MAX;
	o->wake_word = 1;
	become(o, 0);
	return WORD_SERIAL;
}

static int decide(const struct word *w, int operation, uint32_t v, uint32_t value, struct outcome *o)
{
	switch (operation & ~WORD_ROBUST) {
	case WORD_LOAD:
		return (int)(v & INT32_MAX);
	case WORD_STORE:
		return become(o, value);
	case WORD_LOCK:
		return mutex_take(v, operation & WORD_ROBUST, o);
	case WORD_UNLOCK:
		return mutex_give(v, o);
	case WORD_CONSISTENT:
		return consistent(v, o);
	case WORD_TAKE:
		return v == 0 || v > INT32_MAX ? -EAGAIN : become(o, v - 1);
	case WORD_POST:
		return post(v, o);
	case WORD_READ_LOCK:
		return read_lock(v, o);
	case WORD_WRITE_LOCK:
		return v ? (int)v : become(o, WORD_WRITER);
	case WORD_UNLOCK_RW:
		return unlock_rw(v, o);
	case WORD_BUMP:
		o->wake = (int)min(value, (uint32_t)INT32_MAX);
		return become(o, (v + 1) & WORD_TID);
	case WORD_ARRIVE:
		return arrive(w, v, value, o);
	default:
		return -EINVAL;
	}
}

/* One operation, with the words' mutex held. `h` remembers a mutex that is taken. */
static int operate(struct word *w, int operation, uint32_t value, struct held **h)
{
	int kind = operation & ~WORD_ROBUST, result, err;
	struct outcome o = { 0 };
	struct held *old;
	uint32_t v;

	if (w->file)
		bury_dead(w);
	if ((err = load(w, 0, &v)) < 0)
		return err;
	result = decide(w, operation, v, value, &o);
	if (o.changed && (err = store(w, 0, o.value)) < 0)
		return err;
	if (*h && o.changed) {
		hold(w, *h);
		*h = NULL;
	}
	if (kind == WORD_UNLOCK && w->file && o.changed && (old = held_find(w)))
		held_drop(old);
	if (o.wake)
		wake(w, o.wake_word, o.wake);
	return result;
}

static bool releases(int kind)
{
	return kind == WORD_STORE || kind == WORD_UNLOCK || kind == WORD_POST ||
	       kind == WORD_UNLOCK_RW || kind == WORD_BUMP || kind == WORD_ARRIVE;
}

static bool acquires(int kind, int result)
{
	if (kind == WORD_ARRIVE)
		return result == WORD_SERIAL;
	return kind == WORD_LOAD || (!releases(kind) && (result == 0 || result == -EOWNERDEAD));
}

int32_t sys_shared_word(uint32_t address, int32_t operation, uint32_t value)
{
	int kind = operation & ~WORD_ROBUST, result;
	struct held *h = NULL;
	struct word w;

	if (kind < 0 || kind >= WORD_OPERATIONS)
		return -EINVAL;
	if ((result = word_find(&w, address)) < 0)
		return result;
	/* `value` of LOCK: whether the owner's death matters */
	if (kind == WORD_LOCK && value && w.file && !(h = slab_alloc(&held_cache))) {
		word_drop(&w);
		return -ENOMEM;
	}
	if (releases(kind))
		shared_release();
	mutex_lock(word_mutex(&w));
	result = operate(&w, operation, value, &h);
	mutex_unlock(word_mutex(&w));
	if (acquires(kind, result))
		shared_acquire();
	if (h)
		slab_free(&held_cache, h);
	word_drop(&w);
	return result;
}
