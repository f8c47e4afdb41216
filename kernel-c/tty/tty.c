/*
 * Terminals as files: reading, writing, polling, and the end of one.
 */
#include "tty.h"

#include "../host.h"
#include "../lib/alloc.h"

#define DECISECOND 100000000ll /* the unit of VTIME */
#define CHUNK 512u             /* output is processed in pieces of this size */

/* The modes of a fresh Linux terminal, with UTF-8. */
static const struct abi_termios usual = {
	.iflag = ICRNL | IXON | IUTF8,
	.oflag = OPOST | ONLCR,
	.cflag = B38400 | CS8 | CREAD | HUPCL,
	.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.cc = { [VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4,
		[VMIN] = 1, [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18,
		[VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22 },
	.ispeed = B38400,
	.ospeed = B38400,
};

int tty_setup(struct tty *t, const struct tty_driver *driver, uint64_t rdev, uint32_t out_size)
{
	t->output = kmalloc(out_size);
	if (!t->output)
		return -ENOMEM;
	t->refs = 1;
	t->driver = driver;
	t->rdev = rdev;
	t->termios = usual;
	t->size = (struct abi_winsize){ 24, 80, 0, 0 };
	t->out_size = out_size;
	lock_init(&t->lock, RANK_TTY);
	wait_queue_init(&t->readable);
	wait_queue_init(&t->writable);
	return 0;
}

struct tty *tty_get(struct tty *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void tty_put(struct tty *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	kfree(t->output);
	t->driver->free(t);
}

/* ---- opening ---- */

int tty_attach_file(struct tty *t, struct file *f)
{
	int err = 0;

	lock(&t->lock);
	if (t->hung_up)
		err = -EIO;
	else if (t->exclusive && current && current_process->cred.euid != 0)
		err = -EBUSY;
	unlock(&t->lock);
	if (err < 0)
		return err;
	f->private = tty_get(t);
	/* A session leader without a terminal gets this one, if nobody has it. */
	if (current && !(f->flags & O_NOCTTY))
		job_take_terminal(t, current_process, false);
	return 0;
}

void tty_release(struct file *f)
{
	if (f->private)
		tty_put(f->private);
}

/* ---- reading ---- */

static uint32_t ring(uint32_t at)
{
	return at & (INPUT_SIZE - 1);
}

/* Move n bytes of the input ring, without marks: the count or -EFAULT. Lock held. */
static int64_t take(struct tty *t, struct uio *u, uint32_t n)
{
	int64_t total = 0;

	while (n > 0) {
		uint32_t span = min(n, INPUT_SIZE - ring(t->in_tail));
		int64_t done = uio_out(u, t->input + ring(t->in_tail), span);

		if (done <= 0)
			return total ? total : done;
		t->in_tail += (uint32_t)done;
		total += done;
		n -= (uint32_t)done;
	}
	return total;
}

/* A line, or the part of it that fits. The end-of-file character is eaten. */
static int64_t take_line(struct tty *t, struct uio *u)
{
	uint32_t n = 0, most = (uint32_t)min(u->left, (size_t)line_available(t));
	int64_t done = 0;

	while (n < most && t->mark[ring(t->in_tail + n)] == MARK_NONE)
		n++;
	if (n < most && t->mark[ring(t->in_tail + n)] == MARK_LINE)
		n++;
	if (n > 0)
		done = take(t, u, n);
	if (done == n && (n == 0 || t->mark[ring(t->in_tail - 1)] != MARK_LINE) &&
	    line_available(t) && t->mark[ring(t->in_tail)] == MARK_EOF)
		t->in_tail++;
	return done;
}

static int64_t read_line(struct tty *t, struct file *f, struct uio *u)
{
	if (line_available(t) == 0)
		return -EAGAIN;
	return take_line(t, u);
}

/*
 * Not canonical: VMIN and VTIME (POSIX 11.1.7). *total counts what this read
 * has got, *deadline is when it gives up. -EAGAIN: wait for more.
 */
static int64_t read_raw(struct tty *t, struct uio *u, int64_t *total, nsec *deadline)
{
	uint8_t least = t->termios.cc[VMIN], time = t->termios.cc[VTIME];
	uint32_t n = (uint32_t)min(u->left, (size_t)line_available(t));
	int64_t done = n ? take(t, u, n) : 0;

	if (done < 0)
		return *total ? *total : done;
	*total += done;
	if (u->left == 0 || *total >= max(least, (uint8_t)1))
		return *total;
	if (least == 0 && time == 0)
		return 0;
	/* With VMIN the time runs between bytes, without from the beginning. */
	if (time && (least ? done > 0 : *deadline == FOREVER))
		*deadline = host_clock() + time * DECISECOND;
	if (host_clock() >= *deadline)
		return *total;
	return -EAGAIN;
}

/* The other end was refused something; is there room enough now to go on? */
static bool room_again(struct tty *t)
{
	if (!t->throttled || tty_input_room(t) < INPUT_SIZE / 2)
		return false;
	t->throttled = false;
	return true;
}

int64_t tty_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct tty *t = f->private;
	nsec deadline = FOREVER;
	struct pgroup *foreground;
	int64_t n, total = 0;
	bool room;
	int err = 0;

	if (u->left == 0)
		return 0;
again:
	foreground = __atomic_load_n(&t->foreground, __ATOMIC_ACQUIRE);
	if ((err = job_check(t, SIGTTIN)) < 0)
		return total ? total : err;
	lock(&t->lock);
	for (;;) {
		bool canonical = is_canonical(t);

		if (t->hung_up) {
			n = total;
			break;
		}
		n = canonical ? read_line(t, f, u) : read_raw(t, u, &total, &deadline);
		if (n != -EAGAIN)
			break;
		if (f->flags & O_NONBLOCK) {
			n = total ? total : -EAGAIN;
			break;
		}
		err = wait_event(&t->readable, &t->lock,
				 t->hung_up || line_available(t) || is_canonical(t) != canonical ||
					 foreground != __atomic_load_n(&t->foreground, __ATOMIC_ACQUIRE),
				 deadline);
		if (err == -ETIMEDOUT || (err < 0 && total)) {
			n = total;
			break;
		}
		if (err < 0) {
			n = err;
			break;
		}
		if (foreground != __atomic_load_n(&t->foreground, __ATOMIC_ACQUIRE)) {
			unlock(&t->lock);
			goto again; /* are we in the background now? */
		}
	}
	room = room_again(t);
	unlock(&t->lock);
	if (room)
		t->driver->input_room(t);
	return n;
}

/* ---- writing ---- */

static bool has_room(const struct tty *t)
{
	/* Not for every byte that is taken: then we would switch for each. */
	return line_output_room(t) >= min(CHUNK, t->out_size / 8);
}

/* Process as much as has room: the count, or -EFAULT. Lock held. */
static int64_t write_some(struct tty *t, struct uio *u)
{
	char chunk[CHUNK];
	int64_t total = 0;

	while (u->left > 0) {
		size_t n = min(min(u->left, line_output_room(t)), sizeof(chunk));
		int64_t got = n ? uio_in(u, chunk, n) : 0;

		if (got <= 0)
			return total ? total : got;
		line_output(t, chunk, (size_t)got);
		total += got;
	}
	return total;
}

int64_t tty_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct tty *t = f->private;
	int64_t total = 0, n = 0;

	if (t->termios.lflag & TOSTOP && (n = job_check(t, SIGTTOU)) < 0)
		return n;
	lock(&t->lock);
	while (u->left > 0) {
		if (t->hung_up) {
			n = -EIO;
			break;
		}
		n = write_some(t, u);
		if (n < 0)
			break;
		if (n > 0) {
			total += n;
			unlock(&t->lock);
			t->driver->output_ready(t);
			lock(&t->lock);
			continue;
		}
		if (f->flags & O_NONBLOCK) {
			n = -EAGAIN;
			break;
		}
		n = wait_event(&t->writable, &t->lock, t->hung_up || has_room(t), FOREVER);
		if (n < 0)
			break;
	}
	unlock(&t->lock);
	return total ? total : n;
}

uint32_t tty_output_begin(struct tty *t, const char **p)
{
	uint32_t at, n = 0;

	lock(&t->lock);
	at = t->out_tail & (t->out_size - 1);
	if (!t->stopped)
		n = min(output_used(t), t->out_size - at);
	*p = t->output + at;
	t->draining = n;
	unlock(&t->lock);
	return n;
}

void tty_output_taken(struct tty *t, uint32_t n)
{
	bool wake;

	lock(&t->lock);
	assert(n <= t->draining);
	t->draining = 0;
	t->out_tail += n;
	wake = has_room(t);
	unlock(&t->lock);
	if (wake)
		wake_all(&t->writable);
}

uint32_t tty_output_queued(struct tty *t)
{
	uint32_t n;

	lock(&t->lock);
	n = output_used(t);
	unlock(&t->lock);
	return n;
}

void tty_flush_output(struct tty *t)
{
	t->out_head = t->out_tail + t->draining;
}

void tty_flush_input(struct tty *t)
{
	t->in_tail = t->line_start = t->in_head;
	t->literal = false;
}

/* ---- polling, ending ---- */

unsigned tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private;
	uint32_t least = 1;
	unsigned events = 0;

	poll_on(pt, &t->readable);
	poll_on(pt, &t->writable);
	lock(&t->lock);
	if (!is_canonical(t) && t->termios.cc[VMIN] && !t->termios.cc[VTIME])
		least = t->termios.cc[VMIN];
	if (t->hung_up)
		events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLERR;
	if (line_available(t) >= least)
		events |= POLLIN | POLLRDNORM;
	if (has_room(t))
		events |= POLLOUT | POLLWRNORM;
	unlock(&t->lock);
	return events;
}

void tty_hangup(struct tty *t)
{
	lock(&t->lock);
	t->hung_up = true;
	tty_flush_input(t);
	unlock(&t->lock);
	job_hangup(t);
	wake_all(&t->readable);
	wake_all(&t->writable);
}

const struct file_ops tty_file_ops = {
	.release = tty_release,
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stream = true,
};
