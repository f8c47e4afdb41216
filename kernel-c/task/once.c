/*
 * once.h: one does it, the others wait for that.
 */
#include "once.h"

#include "task.h"

enum { ONCE_NOT, ONCE_BUSY, ONCE_DONE };

void once_init(struct once *o)
{
	lock_init(&o->lock, RANK_REQUEST);
	wait_queue_init(&o->changed);
	o->state = ONCE_NOT;
}

static int once_wait(struct once *o)
{
	struct waiter w;
	int err = 0, todo;

	wait_begin(&o->changed, &w);
	lock(&o->lock);
	while (o->state == ONCE_BUSY && err == 0) {
		unlock(&o->lock);
		err = wait_sleep_killable(FOREVER);
		lock(&o->lock);
	}
	todo = o->state == ONCE_DONE ? 0 : err < 0 ? -EINTR : 1;
	if (todo > 0)
		o->state = ONCE_BUSY;
	unlock(&o->lock);
	wait_end(&w);
	return todo;
}

int once_begin(struct once *o)
{
	if (__atomic_load_n(&o->state, __ATOMIC_ACQUIRE) == ONCE_DONE)
		return 0;
	return current ? once_wait(o) : -EAGAIN;
}

void once_end(struct once *o, bool done)
{
	lock(&o->lock);
	__atomic_store_n(&o->state, done ? ONCE_DONE : ONCE_NOT, __ATOMIC_RELEASE);
	unlock(&o->lock);
	wake_all(&o->changed);
}
