/*
 * Virtual terminals: /dev/tty1 and so on, each shown by the host as a window or
 * as its own terminal; /dev/console, which is the first; and /dev/tty, the
 * caller's controlling terminal.
 *
 * A terminal is made when the host first names it. The host feeds its input
 * (terminal_feed); the supervisor hands its output to the host (terminal_run).
 *
 * I immutable   a atomic   T under terminals_lock   S by the supervisor only
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "tty.h"

#define TERMINAL_MAX 63
#define TERMINAL_MAJOR 4
#define TERMINAL_OUTPUT 65536u

struct terminal {
	struct tty tty;
	int number;         /* [I] */
	bool host_full;     /* [S] it took less than it was given */
	bool wants_input;   /* [a] tell the host that there is room again */
	bool ring;          /* [a] the supervisor knows that there is output */
};

static struct lock terminals_lock = LOCK_INIT(RANK_TTY);
static struct terminal *terminals[TERMINAL_MAX + 1]; /* [T; looked at anywhere] */

static struct terminal *terminal_of(struct tty *t)
{
	return container_of(t, struct terminal, tty);
}

static void output_ready(struct tty *t)
{
	if (!__atomic_exchange_n(&terminal_of(t)->ring, true, __ATOMIC_SEQ_CST))
		host_ring();
}

static void input_room(struct tty *t)
{
	__atomic_store_n(&terminal_of(t)->wants_input, true, __ATOMIC_SEQ_CST);
	host_ring();
}

static void terminal_free(struct tty *t)
{
	kfree(terminal_of(t));
}

static const struct tty_driver terminal_driver = {
	.output_ready = output_ready,
	.input_room = input_room,
	.free = terminal_free,
	.drains = true,
};

static int terminal_file_open(struct inode *inode, struct file *f);

static const struct file_ops terminal_ops = {
	.open = terminal_file_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stream = true,
};

static struct terminal *terminal_new(int n)
{
	struct terminal *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->number = n;
	if (tty_setup(&t->tty, &terminal_driver, makedev(TERMINAL_MAJOR, (uint64_t)n),
		      TERMINAL_OUTPUT) < 0) {
		kfree(t);
		return NULL;
	}
	return t;
}

/* Terminal n with a reference; NULL when there is none. */
static struct terminal *terminal_find(int n)
{
	struct terminal *t = NULL;

	if (n < 1 || n > TERMINAL_MAX)
		return NULL;
	lock(&terminals_lock);
	t = terminals[n];
	if (t)
		tty_get(&t->tty);
	unlock(&terminals_lock);
	return t;
}

/* The same, made when there is none yet, or when its window was closed. */
static struct terminal *terminal_make(int n)
{
	struct terminal *t = terminal_find(n), *fresh;
	char name[16];

	if (t || n < 1 || n > TERMINAL_MAX || !(fresh = terminal_new(n)))
		return t;
	lock(&terminals_lock);
	t = terminals[n];
	if (!t) {
		t = fresh;
		__atomic_store_n(&terminals[n], t, __ATOMIC_RELEASE);
		fresh = NULL;
	}
	tty_get(&t->tty);
	unlock(&terminals_lock);
	if (fresh) {
		tty_put(&fresh->tty);
		return t;
	}
	ksnprintf(name, sizeof(name), "tty%d", n);
	devfs_add(name, 0666, t->tty.rdev, &terminal_ops); /* it may be there from before */
	return t;
}

/* ---- files ---- */

static int terminal_file_open(struct inode *inode, struct file *f)
{
	struct terminal *t = terminal_make((int)(inode->rdev & 0xff));
	int err = -ENXIO;

	if (t) {
		err = tty_attach_file(&t->tty, f);
		tty_put(&t->tty);
	}
	return err;
}

static int console_open(struct inode *inode, struct file *f)
{
	struct terminal *t = terminal_make(1);
	int err = -ENXIO;

	if (t) {
		f->flags |= O_NOCTTY; /* as Linux: the console controls no one */
		err = tty_attach_file(&t->tty, f);
		tty_put(&t->tty);
	}
	return err;
}

static const struct file_ops console_ops = {
	.open = console_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stream = true,
};

static int controlling_open(struct inode *inode, struct file *f)
{
	struct tty *t = job_terminal();

	if (!t)
		return -ENXIO;
	f->private = t; /* the reference goes along */
	return 0;
}

static const struct file_ops controlling_ops = {
	.open = controlling_open,
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stream = true,
};

/* By its name, so that ttyname(3) finds it again. */
struct file *terminal_open(int n, int *err)
{
	struct terminal *t = terminal_make(n);
	char path[24];

	*err = -ENXIO;
	if (!t)
		return NULL;
	tty_put(&t->tty);
	ksnprintf(path, sizeof(path), "/dev/tty%d", n);
	return vfs_open(current ? current_process : process_init, AT_FDCWD, path, O_RDWR | O_NOCTTY,
			0, err);
}

int terminal_give(int n, struct process *p)
{
	struct terminal *t = terminal_make(n);
	int err = -ENXIO;

	if (t) {
		err = job_take_terminal(&t->tty, p, true);
		tty_put(&t->tty);
	}
	return err;
}

/* ---- the host's side: all on the supervisor's instance ---- */

/* Hand over what the host takes. */
static void drain(struct terminal *t)
{
	const char *p;
	uint32_t n;

	__atomic_store_n(&t->ring, false, __ATOMIC_SEQ_CST);
	while (!t->host_full && (n = tty_output_begin(&t->tty, &p)) > 0) {
		int taken = host_terminal_output(t->number, p, n);

		/* Nobody there to see it: then it is lost, and nobody waits for ever. */
		if (taken < 0)
			taken = (int)n;
		t->host_full = (uint32_t)taken < n;
		tty_output_taken(&t->tty, (uint32_t)taken);
	}
}

void terminal_run(void)
{
	for (int n = 1; n <= TERMINAL_MAX; n++) {
		struct terminal *t;

		if (!__atomic_load_n(&terminals[n], __ATOMIC_RELAXED) || !(t = terminal_find(n)))
			continue;
		drain(t);
		if (__atomic_exchange_n(&t->wants_input, false, __ATOMIC_SEQ_CST))
			host_terminal_wants(n);
		tty_put(&t->tty);
	}
}

int terminal_feed(int n, const void *p, size_t length)
{
	struct terminal *t = terminal_make(n);
	size_t taken;

	if (!t)
		return -ENXIO;
	taken = tty_input(&t->tty, p, length);
	tty_put(&t->tty);
	return (int)taken;
}

int32_t terminal_input(int32_t terminal, uint32_t buffer, uint32_t length)
{
	return terminal_feed(terminal, (const void *)(uintptr_t)buffer, length);
}

int32_t terminal_resize(int32_t terminal, uint32_t columns, uint32_t rows)
{
	struct abi_winsize size = { .rows = (uint16_t)rows, .columns = (uint16_t)columns };
	struct terminal *t = terminal_make(terminal);

	if (!t)
		return -ENXIO;
	tty_resize(&t->tty, &size);
	tty_put(&t->tty);
	return 0;
}

/* What is open stays open, on a terminal that is dead; a new one takes the number. */
int32_t terminal_hangup(int32_t terminal)
{
	struct terminal *t = terminal_find(terminal);

	if (!t)
		return -ENXIO;
	lock(&terminals_lock);
	__atomic_store_n(&terminals[terminal], NULL, __ATOMIC_RELEASE);
	unlock(&terminals_lock);
	tty_hangup(&t->tty);
	tty_put(&t->tty); /* the table's */
	tty_put(&t->tty); /* ours */
	return 0;
}

int32_t terminal_drained(int32_t terminal)
{
	struct terminal *t = terminal_find(terminal);

	if (!t)
		return -ENXIO;
	t->host_full = false;
	drain(t);
	tty_put(&t->tty);
	return 0;
}

void tty_init(void)
{
	devfs_add("tty", 0666, makedev(5, 0), &controlling_ops);
	devfs_add("console", 0600, makedev(5, 1), &console_ops);
	pty_init();
}
