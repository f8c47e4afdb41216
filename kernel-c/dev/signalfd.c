/*
 * signalfd: signals that are read instead of handled. Which ones are pending is
 * asked in the reader's name, as on Linux, so a file that a child inherited
 * reads the child's signals.
 *
 * All sleepers of all signalfds wait on one queue: a queue in the process would
 * have to outlive it for the sake of who polls the file later.
 */
#include "event.h"

#include "../lib/alloc.h"

struct signalfd {
	sigset mask; /* [a] */
};
static struct slab_cache signalfd_cache = SLAB_CACHE("signalfd", struct signalfd);
static struct wait_queue sent = WAIT_QUEUE_INIT(sent);

void signalfd_wake(void)
{
	wake_all(&sent);
}

static sigset mask_of(struct file *f)
{
	return __atomic_load_n(&((struct signalfd *)f->private)->mask, __ATOMIC_RELAXED);
}

/* What a reader finds: 128 bytes. */
static struct abi_signalfd_siginfo describe(const struct abi_siginfo *si)
{
	struct abi_signalfd_siginfo out = {
		.signo = (uint32_t)si->signo, .error = si->error, .code = si->code,
	};

	switch (si->code) {
	case SI_TIMER:
		out.tid = (uint32_t)si->timer.timer;
		out.overrun = (uint32_t)si->timer.overrun;
		out.integer = (int32_t)si->timer.value;
		out.pointer = si->timer.value;
		return out;
	case SI_KERNEL:
		return out;
	}
	out.pid = (uint32_t)si->kill.pid;
	out.uid = si->kill.uid;
	if (si->signo == SIGCHLD && si->code > 0) {
		out.status = si->child.status;
		out.utime = (uint64_t)si->child.utime;
		out.stime = (uint64_t)si->child.stime;
	} else if (si->code < 0) {
		out.integer = (int32_t)si->kill.value;
		out.pointer = si->kill.value;
	}
	return out;
}

static int take(sigset mask, struct abi_siginfo *si)
{
	int sig;

	lock(&current_process->lock);
	sig = signal_dequeue(current, mask, si);
	if (sig)
		signal_recalculate(current);
	unlock(&current_process->lock);
	return sig;
}

/* The first signal, which is waited for: its number or -ERESTART. */
static int take_waiting(struct file *f, struct abi_siginfo *si)
{
	struct waiter w;
	int sig, err = 0;

	wait_begin(&sent, &w);
	while (!(sig = take(mask_of(f), si)) && err == 0)
		err = wait_sleep(FOREVER);
	wait_end(&w);
	return sig ? sig : err;
}

static int64_t signalfd_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct abi_signalfd_siginfo out;
	struct abi_siginfo si;
	int64_t total = 0, n;
	int sig;

	if (u->left < sizeof(out))
		return -EINVAL;
	while (u->left >= sizeof(out)) {
		sig = take(mask_of(f), &si);
		if (!sig && total)
			break;
		if (!sig)
			sig = f->flags & O_NONBLOCK ? -EAGAIN : take_waiting(f, &si);
		if (sig < 0)
			return sig;
		out = describe(&si);
		n = uio_out(u, &out, sizeof(out));
		if (n < 0)
			return total ? total : n;
		total += n;
	}
	return total;
}

static unsigned signalfd_poll(struct file *f, struct poll_table *pt)
{
	sigset pending;

	poll_on(pt, &sent);
	lock(&current_process->lock);
	pending = current->pending.set | current_process->pending.set;
	unlock(&current_process->lock);
	return pending & mask_of(f) ? POLLIN | POLLRDNORM : 0;
}

static void signalfd_release(struct file *f)
{
	slab_free(&signalfd_cache, f->private);
}

static const struct file_ops signalfd_ops = {
	.release = signalfd_release,
	.read = signalfd_read,
	.poll = signalfd_poll,
	.stream = true,
};

static sigset readable_signals(sigset mask)
{
	return mask & ~(sigbit(SIGKILL) | sigbit(SIGSTOP));
}

struct file *signalfd_new(sigset mask, uint32_t flags, int *err)
{
	struct signalfd *s = slab_alloc(&signalfd_cache);
	struct file *f;

	*err = -ENOMEM;
	if (!s)
		return NULL;
	s->mask = readable_signals(mask);
	f = event_file(&signalfd_ops, s, flags, err);
	if (!f)
		slab_free(&signalfd_cache, s);
	return f;
}

int signalfd_set_mask(struct file *f, sigset mask)
{
	if (f->ops != &signalfd_ops)
		return -EINVAL;
	__atomic_store_n(&((struct signalfd *)f->private)->mask, readable_signals(mask),
			 __ATOMIC_RELAXED);
	signalfd_wake();
	return 0;
}
