/*
 * Pseudo-terminals: opening /dev/ptmx makes a pair. The slave, /dev/pts/N, is a
 * tty; the master reads what programs write there, and what it writes is typed.
 *
 * The pty is its tty; the master holds a reference and so does every slave file.
 * When the master closes, the slave is hung up and its name goes; when the last
 * slave file closes, the master reads the rest and then EIO.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "tty.h"

#define PTY_MAX 256
#define PTY_MAJOR 136
#define PTY_OUTPUT 16384u

struct pty {
	struct tty tty;
	int index;                     /* [I] */
	bool locked;                   /* [L] TIOCSPTLCK */
	bool opened;                   /* [L] a slave was ever open */
	int slaves;                    /* [L] open slave files */
	struct wait_queue master_read; /* output came, or the last slave went */
	struct wait_queue master_write; /* the slave read something */
};

/* Letter L. The master's end takes output under tty->lock like any other. */
static struct lock ptys_lock = LOCK_INIT(RANK_TTY);
static struct pty *ptys[PTY_MAX]; /* [L] those with a master */

static struct pty *pty_of(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

static void pty_output_ready(struct tty *t)
{
	wake_all(&pty_of(t)->master_read);
}

static void pty_input_room(struct tty *t)
{
	wake_all(&pty_of(t)->master_write);
}

static void pty_free(struct tty *t)
{
	kfree(pty_of(t));
}

static const struct tty_driver pty_driver = {
	.output_ready = pty_output_ready,
	.input_room = pty_input_room,
	.free = pty_free,
	.drains = false, /* who should read is the program that may be draining */
};

/* ---- the master ---- */

/* Is there something to read, or nobody who could write? */
static bool slave_gone(struct pty *p)
{
	bool gone;

	lock(&ptys_lock);
	gone = p->opened && p->slaves == 0;
	unlock(&ptys_lock);
	return gone;
}

/* Only one master file exists, but threads may share it: they take turns by the file's lock. */
static int64_t master_take(struct tty *t, struct uio *u)
{
	int64_t total = 0, done;
	const char *p;
	uint32_t n;

	lock(&t->lock);
	while (u->left > 0 && output_used(t) > 0 && !t->stopped) {
		p = t->output + (t->out_tail & (t->out_size - 1));
		n = min(output_used(t), t->out_size - (t->out_tail & (t->out_size - 1)));
		done = uio_out(u, p, n);
		if (done < 0 && total == 0)
			total = done;
		if (done <= 0)
			break;
		t->out_tail += (uint32_t)done;
		total += done;
	}
	unlock(&t->lock);
	if (total > 0)
		wake_all(&t->writable);
	return total;
}

static int64_t master_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct pty *p = f->private;
	struct waiter w;
	int64_t n;
	int err = 0;

	if (u->left == 0)
		return 0;
	wait_begin(&p->master_read, &w);
	while ((n = master_take(&p->tty, u)) == 0) {
		if (slave_gone(p))
			n = -EIO;
		else if (f->flags & O_NONBLOCK)
			n = -EAGAIN;
		else
			n = err = wait_sleep(FOREVER);
		if (n < 0)
			break;
	}
	wait_end(&w);
	return n;
}

static int64_t master_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct pty *p = f->private;
	char chunk[256];
	int64_t total = 0, got;
	struct waiter w;
	int err = 0;

	wait_begin(&p->master_write, &w);
	while (u->left > 0 && err == 0) {
		size_t done = 0;

		got = uio_in(u, chunk, sizeof(chunk));
		if (got < 0) {
			err = (int)got;
			break;
		}
		while (done < (size_t)got && err == 0) {
			size_t n = tty_input(&p->tty, chunk + done, (size_t)got - done);

			done += n;
			if (n == 0)
				err = f->flags & O_NONBLOCK ? -EAGAIN : wait_sleep(FOREVER);
		}
		total += (int64_t)done;
	}
	wait_end(&w);
	return total ? total : err;
}

static unsigned master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private;
	unsigned events = 0;

	poll_on(pt, &p->master_read);
	poll_on(pt, &p->master_write);
	lock(&p->tty.lock);
	if (output_used(&p->tty) && !p->tty.stopped)
		events |= POLLIN | POLLRDNORM;
	if (tty_input_room(&p->tty) > 2)
		events |= POLLOUT | POLLWRNORM;
	unlock(&p->tty.lock);
	if (slave_gone(p))
		events |= POLLHUP;
	return events;
}

static int set_locked(struct pty *p, uaddr argument)
{
	uint32_t on;
	int err = copy_in(&on, argument, sizeof(on));

	if (err < 0)
		return err;
	lock(&ptys_lock);
	p->locked = on;
	unlock(&ptys_lock);
	return 0;
}

static int master_ioctl(struct file *f, uint32_t request, uaddr argument)
{
	struct pty *p = f->private;

	switch (request) {
	case TIOCGPTN:
		return copy_out(argument, &p->index, sizeof(p->index));
	case TIOCSPTLCK:
		return set_locked(p, argument);
	}
	return tty_control(&p->tty, f, request, argument, true);
}

static void master_release(struct file *f)
{
	struct pty *p = f->private;
	char name[16];

	if (!p)
		return;
	ksnprintf(name, sizeof(name), "pts/%d", p->index);
	devfs_remove(name);
	lock(&ptys_lock);
	ptys[p->index] = NULL;
	unlock(&ptys_lock);
	tty_hangup(&p->tty);
	tty_put(&p->tty);
}

/* ---- the slave ---- */

static int slave_open(struct inode *inode, struct file *f)
{
	uint32_t index = (uint32_t)(inode->rdev & 0xff);
	struct pty *p;
	int err;

	lock(&ptys_lock);
	p = index < PTY_MAX ? ptys[index] : NULL;
	if (p && p->locked) {
		unlock(&ptys_lock);
		return -EIO;
	}
	if (p) {
		tty_get(&p->tty);
		p->slaves++;
		p->opened = true;
	}
	unlock(&ptys_lock);
	if (!p)
		return -EIO;
	err = tty_attach_file(&p->tty, f);
	if (err < 0) {
		lock(&ptys_lock);
		p->slaves--;
		unlock(&ptys_lock);
	}
	tty_put(&p->tty);
	return err;
}

static void slave_release(struct file *f)
{
	struct tty *t = f->private;
	struct pty *p;

	if (!t)
		return;
	p = pty_of(t);
	lock(&ptys_lock);
	p->slaves--;
	unlock(&ptys_lock);
	wake_all(&p->master_read);
	tty_put(t);
}

static const struct file_ops slave_ops = {
	.open = slave_open,
	.release = slave_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stream = true,
};

/* ---- /dev/ptmx ---- */

/* Give p the lowest free number: 0 or -ENOSPC. */
static int pty_number(struct pty *p)
{
	int err = -ENOSPC;

	lock(&ptys_lock);
	for (int i = 0; i < PTY_MAX && err; i++)
		if (!ptys[i]) {
			ptys[i] = p;
			p->index = i;
			err = 0;
		}
	unlock(&ptys_lock);
	return err;
}

static int master_open(struct inode *inode, struct file *f)
{
	struct pty *p = kzalloc(sizeof(*p));
	char name[16];
	int err;

	if (!p)
		return -ENOMEM;
	p->locked = true;
	wait_queue_init(&p->master_read);
	wait_queue_init(&p->master_write);
	err = tty_setup(&p->tty, &pty_driver, 0, PTY_OUTPUT);
	if (err < 0) {
		kfree(p);
		return err;
	}
	p->tty.size = (struct abi_winsize){ 0 }; /* unknown, as Linux has it */
	if ((err = pty_number(p)) < 0)
		goto put;
	p->tty.rdev = makedev(PTY_MAJOR, (uint64_t)p->index);
	ksnprintf(name, sizeof(name), "pts/%d", p->index);
	if ((err = devfs_add(name, 0620, p->tty.rdev, &slave_ops)) < 0)
		goto remove;
	f->private = p;
	return 0;
remove:
	lock(&ptys_lock);
	ptys[p->index] = NULL;
	unlock(&ptys_lock);
put:
	tty_put(&p->tty);
	return err;
}

static const struct file_ops master_ops = {
	.open = master_open,
	.release = master_release,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.stream = true,
};

void pty_init(void)
{
	devfs_add("ptmx", 0666, makedev(5, 2), &master_ops);
}
