/*
 * Futexes that inherit priorities (FUTEX_LOCK_PI and so on): while a thread waits
 * for one, its owner has at least its priority, and so on along a chain of owners.
 *
 * The word is 0, or its owner's tid with FUTEX_WAITERS once somebody waits; then libc
 * unlocks by FUTEX_UNLOCK_PI only, which hands it to the waiter of the highest
 * priority. They are for the threads of one process; few wait at a time, so one
 * lock and one list do. All of it is under pi_lock.
 */
#include "../host.h"
#include "../kernel.h"
#include "futex.h"
#include "worker.h"

#define CHAIN_MAX 64 /* owners that wait for others; Linux looks at 1024 */

struct pi_waiter {
	struct list node;     /* in order of arrival */
	struct task *task;
	struct task *owner;   /* whose the word is, with a reference */
	const struct mm *space;
	uaddr word;
	bool woken;           /* it is the owner */
	bool again;           /* the owner has ended: look again */
};
static struct lock pi_lock = LOCK_INIT(RANK_FUTEX);
static struct list waiters = LIST_INIT(waiters);

static struct pi_waiter *waits(const struct task *t)
{
	struct pi_waiter *w;

	list_for_each(w, &waiters, node)
		if (w->task == t)
			return w;
	return NULL;
}

/* t, and whom it waits for, has what priority those that wait for it lend it. */
static void inherit(struct task *t)
{
	struct pi_waiter *w;

	for (int i = 0; t && i < CHAIN_MAX; i++) {
		int most = 0;

		list_for_each(w, &waiters, node)
			if (w->owner == t)
				most = max(most, sched_priority(w->task));
		sched_boost(t, most);
		w = waits(t);
		t = w ? w->owner : NULL;
	}
}

void futex_pi_changed(struct task *t)
{
	struct pi_waiter *w;

	lock(&pi_lock);
	if ((w = waits(t)))
		inherit(w->owner);
	unlock(&pi_lock);
}

/* Would the current task wait for itself, if it waited for t? */
static bool closes_circle(const struct task *t)
{
	const struct pi_waiter *w;

	for (int i = 0; i < CHAIN_MAX; i++) {
		if (t == current)
			return true;
		if (!(w = waits(t)))
			return false;
		t = w->owner;
	}
	return true;
}

/* Who is to have the word next, or NULL; *more: others wait, too. */
static struct pi_waiter *first_waiter(uaddr word, bool *more)
{
	struct pi_waiter *w, *first = NULL;

	*more = false;
	list_for_each(w, &waiters, node) {
		if (w->space != current_process->mm || w->word != word)
			continue;
		*more = first != NULL;
		if (!first || sched_priority(w->task) > sched_priority(first->task))
			first = w;
	}
	return first;
}

/* Those that wait for the word wait for t from now on. */
static void wait_for(uaddr word, struct task *t)
{
	struct pi_waiter *w;

	list_for_each(w, &waiters, node)
		if (w->space == current_process->mm && w->word == word && w->owner != t) {
			task_put(w->owner);
			w->owner = task_get(t);
		}
}

/* The current task gives up a word: to the first that waits, or to nobody. */
static int hand_over(uaddr word)
{
	bool more;
	struct pi_waiter *w = first_waiter(word, &more);
	int err = user_store(word, w ? (uint32_t)w->task->tid | (more ? FUTEX_WAITERS : 0) : 0);

	if (err < 0 || !w)
		return err;
	list_remove(&w->node);
	wait_for(word, w->task);
	w->woken = true;
	inherit(w->task);
	inherit(current);
	task_wake(w->task);
	return 0;
}

/* The thread of that tid, which has the word at `address`, with a reference: NULL and 0 to look again, or -ESRCH. */
static struct task *owner_of(uaddr address, uint32_t word, int *err)
{
	struct task *t = task_find(current_process->pid, (int)(word & FUTEX_TID_MASK));
	uint32_t now;

	if (!t && (*err = user_load(address, &now)) == 0 && now == word)
		*err = -ESRCH;
	return t;
}

/* Take a free word: 0, or -EAGAIN if it has changed. */
static int take(uaddr address, uint32_t word)
{
	uint32_t mine = (uint32_t)current->tid | (word & FUTEX_OWNER_DIED), old;
	bool more;
	int err;

	lock(&pi_lock);
	if (first_waiter(address, &more))
		mine |= FUTEX_WAITERS;
	err = user_swap(address, word, mine, &old);
	if (err == 0 && old != word)
		err = -EAGAIN;
	if (err == 0) {
		wait_for(address, current);
		inherit(current);
	}
	unlock(&pi_lock);
	return err;
}

/* Wait for the owner: 0 when the word is ours, -EAGAIN to look again. */
static int wait_in_line(uaddr address, uint32_t word, struct task *owner, nsec deadline)
{
	struct pi_waiter w = { .task = current, .owner = owner, .space = current_process->mm, .word = address };
	uint32_t old;
	int err;

	lock(&pi_lock);
	err = user_swap(address, word, word | FUTEX_WAITERS, &old);
	if (err == 0 && old != word)
		err = -EAGAIN;
	else if (err == 0 && owner->left_pi)
		err = -ESRCH;
	else if (err == 0 && closes_circle(owner))
		err = -EDEADLK;
	if (err < 0) {
		unlock(&pi_lock);
		return err;
	}
	task_get(owner);
	list_append(&waiters, &w.node);
	wait_as("futex_pi");
	inherit(owner);
	while (!w.woken && !w.again && err == 0) {
		unlock(&pi_lock);
		err = wait_sleep(deadline);
		lock(&pi_lock);
	}
	if (w.woken || w.again) {
		err = w.woken ? 0 : -EAGAIN;
	} else {
		list_remove(&w.node);
		inherit(w.owner);
	}
	unlock(&pi_lock);
	task_put(w.owner);
	return err;
}

int futex_pi_lock(uaddr address, nsec deadline, bool try)
{
	for (;;) {
		struct task *owner;
		uint32_t word;
		int err = user_load(address, &word);

		if (err < 0)
			return err;
		if ((word & FUTEX_TID_MASK) == (uint32_t)current->tid)
			return -EDEADLK;
		if (!(word & FUTEX_TID_MASK)) {
			err = take(address, word);
		} else if (try) {
			return -EAGAIN;
		} else if ((owner = owner_of(address, word, &err))) {
			err = wait_in_line(address, word, owner, deadline);
			task_put(owner);
		} else if (err == 0) {
			continue;
		}
		if (err != -EAGAIN)
			return err;
	}
}

int futex_pi_unlock(uaddr address)
{
	uint32_t word;
	int err = user_load(address, &word);

	if (err < 0)
		return err;
	if ((word & FUTEX_TID_MASK) != (uint32_t)current->tid)
		return -EPERM;
	lock(&pi_lock);
	err = hand_over(address);
	unlock(&pi_lock);
	return err;
}

/* libc has marked the words of robust mutexes, and another may have taken such a one since. */
void futex_pi_exit(void)
{
	uint32_t mine = (uint32_t)current->tid, old;
	struct pi_waiter *w, *next;

	lock(&pi_lock);
	current->left_pi = true;
	list_for_each_safe(w, next, &waiters, node) {
		if (w->owner != current)
			continue;
		if (user_swap(w->word, mine | FUTEX_WAITERS, FUTEX_OWNER_DIED, &old) == 0 && old == mine)
			user_swap(w->word, mine, FUTEX_OWNER_DIED, &old);
		list_remove(&w->node);
		w->again = true;
		task_wake(w->task);
	}
	unlock(&pi_lock);
}
