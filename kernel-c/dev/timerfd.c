/*
 * timerfd: a timer that is read. A periodic one is armed again when its
 * expiries are read, which counts those in between.
 *
 * The file holds one reference to the timer, and the supervisor another while it
 * fires it; so the wait queue may still be woken after the file is gone, by
 * then empty.
 */
#include "event.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "../task/timer.h"

struct timerfd {
	struct itimer it;
	struct wait_queue expired;
};
static struct slab_cache timerfd_cache = SLAB_CACHE("timerfd", struct timerfd);

static void timerfd_expire(struct timer *t)
{
	wake_all(&container_of(t, struct timerfd, it.timer)->expired);
}

static void timerfd_free(struct timer *t)
{
	struct timerfd *tf = container_of(t, struct timerfd, it.timer);

	itimer_finish(&tf->it);
	slab_free(&timerfd_cache, tf);
}

static bool is_due(const struct itimer *it)
{
	return it->next && host_clock() >= it->next;
}

static int64_t timerfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct timerfd *tf = f->private;
	struct itimer *it = &tf->it;
	uint64_t times = 0;
	int err = 0;

	if (u->left < sizeof(times))
		return -EINVAL;
	lock(&it->lock);
	if (!is_due(it))
		err = f->flags & O_NONBLOCK ?
			      -EAGAIN :
			      wait_event(&tf->expired, &it->lock, is_due(it), FOREVER);
	if (err == 0) {
		nsec now = host_clock();

		times = (uint64_t)itimer_take(it, now);
		if (it->next)
			itimer_arm(it, now);
	}
	unlock(&it->lock);
	return err < 0 ? err : uio_out(u, &times, sizeof(times));
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tf = f->private;
	bool due;

	poll_on(pt, &tf->expired);
	lock(&tf->it.lock);
	due = is_due(&tf->it);
	unlock(&tf->it.lock);
	return due ? POLLIN | POLLRDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = f->private;

	timer_disarm(&tf->it.timer);
	timer_put(&tf->it.timer);
}

static const struct file_ops timerfd_ops = {
	.release = timerfd_release,
	.read = timerfd_read,
	.poll = timerfd_poll,
	.stream = true,
};

struct file *timerfd_new(int clock, uint32_t flags, int *err)
{
	struct timerfd *tf;
	struct file *f;

	*err = -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return NULL;
	*err = -ENOMEM;
	if (!(tf = slab_alloc(&timerfd_cache)))
		return NULL;
	itimer_init(&tf->it, clock, timerfd_expire, timerfd_free);
	wait_queue_init(&tf->expired);
	f = event_file(&timerfd_ops, tf, flags, err);
	if (!f)
		timer_put(&tf->it.timer);
	return f;
}

int timerfd_set(struct file *f, bool absolute, nsec value, nsec interval, nsec *left,
		nsec *old_interval)
{
	struct timerfd *tf = f->private;
	nsec now = host_clock();

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	lock(&tf->it.lock);
	itimer_describe(&tf->it, now, left, old_interval);
	itimer_set(&tf->it, now, value, interval, absolute);
	if (tf->it.next)
		itimer_arm(&tf->it, now);
	unlock(&tf->it.lock);
	return 0;
}

int timerfd_get(struct file *f, nsec *left, nsec *interval)
{
	struct timerfd *tf = f->private;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	lock(&tf->it.lock);
	itimer_describe(&tf->it, host_clock(), left, interval);
	if (is_due(&tf->it) && !tf->it.interval)
		*left = 0; /* as Linux has it for timerfd alone */
	unlock(&tf->it.lock);
	return 0;
}
