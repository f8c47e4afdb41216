/*
 * Terminal requests: modes, window size, flow, flushing.
 */
#include "tty.h"

/* Wait until the other end has taken all output: 0, -ERESTART or -EIO. */
static int drain(struct tty *t)
{
	int err;

	if (!t->driver->drains)
		return 0;
	lock(&t->lock);
	err = wait_event(&t->writable, &t->lock, t->hung_up || output_used(t) == 0, FOREVER);
	unlock(&t->lock);
	return err;
}

static int get_modes(struct tty *t, uaddr argument)
{
	struct abi_termios modes;

	lock(&t->lock);
	modes = t->termios;
	unlock(&t->lock);
	return copy_out(argument, &modes, sizeof(modes));
}

static int set_modes(struct tty *t, uint32_t request, uaddr argument)
{
	struct abi_termios modes;
	bool switched;
	int err;

	if ((err = copy_in(&modes, argument, sizeof(modes))) < 0)
		return err;
	if (request != TCSETS && (err = drain(t)) < 0)
		return err;
	lock(&t->lock);
	if (request == TCSETSF)
		tty_flush_input(t);
	switched = (t->termios.lflag ^ modes.lflag) & ICANON;
	t->termios = modes;
	if (switched)
		line_mode_changed(t);
	if (!(modes.iflag & IXON))
		t->stopped = false;
	unlock(&t->lock);
	wake_all(&t->readable);
	if (tty_output_queued(t))
		t->driver->output_ready(t);
	return 0;
}

static int get_size(struct tty *t, uaddr argument)
{
	struct abi_winsize size;

	lock(&t->lock);
	size = t->size;
	unlock(&t->lock);
	return copy_out(argument, &size, sizeof(size));
}

void tty_resize(struct tty *t, const struct abi_winsize *size)
{
	bool changed;

	lock(&t->lock);
	changed = memcmp(&t->size, size, sizeof(*size)) != 0;
	t->size = *size;
	unlock(&t->lock);
	if (changed)
		job_signal_foreground(t, SIGWINCH);
}

static int set_size(struct tty *t, uaddr argument)
{
	struct abi_winsize size;
	int err = copy_in(&size, argument, sizeof(size));

	if (err == 0)
		tty_resize(t, &size);
	return err;
}

static int flush(struct tty *t, uint32_t which, bool is_master)
{
	if (which > 2)
		return -EINVAL;
	lock(&t->lock);
	if (which == 0 || which == 2)
		tty_flush_input(t);
	if (which == 1 || which == 2)
		tty_flush_output(t);
	unlock(&t->lock);
	wake_all(&t->writable);
	t->driver->input_room(t);
	return 0;
}

/* tcflow: 0 and 1 stop and start our output, 2 and 3 send STOP and START. */
static int flow(struct tty *t, uint32_t action)
{
	char c;

	if (action > 3)
		return -EINVAL;
	lock(&t->lock);
	if (action < 2) {
		t->stopped = action == 0;
	} else {
		c = (char)t->termios.cc[action == 2 ? VSTOP : VSTART];
		line_output(t, &c, 1);
	}
	unlock(&t->lock);
	t->driver->output_ready(t);
	return 0;
}

/* Pretend that a byte was typed; only at one's own terminal. */
static int type(struct tty *t, uaddr argument)
{
	struct tty *mine = job_terminal();
	bool allowed = mine == t || current_process->cred.euid == 0;
	char c;
	int err;

	if (mine)
		tty_put(mine);
	if (!allowed)
		return -EPERM;
	err = copy_in(&c, argument, 1);
	if (err == 0)
		tty_input(t, &c, 1);
	return err;
}

static int put_count(uaddr argument, uint32_t n)
{
	return copy_out(argument, &n, sizeof(n));
}

static uint32_t input_count(struct tty *t)
{
	uint32_t n;

	lock(&t->lock);
	n = line_available(t);
	unlock(&t->lock);
	return n;
}

static int set_exclusive(struct tty *t, bool on)
{
	lock(&t->lock);
	t->exclusive = on;
	unlock(&t->lock);
	return 0;
}

/* Requests that change the terminal are for the foreground only. */
static bool changes(uint32_t request)
{
	return request == TCSETS || request == TCSETSW || request == TCSETSF ||
	       request == TCSBRK || request == TCFLSH || request == TCXONC;
}

int tty_control(struct tty *t, struct file *f, uint32_t request, uaddr argument, bool is_master)
{
	int err;

	if (!is_master && changes(request) && (err = job_check(t, SIGTTOU)) < 0)
		return err;
	switch (request) {
	case TCGETS:
		return get_modes(t, argument);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_modes(t, request, argument);
	case TIOCGWINSZ:
		return get_size(t, argument);
	case TIOCSWINSZ:
		return set_size(t, argument);
	case TCSBRK: /* there is no line to break */
		return drain(t);
	case TCFLSH:
		return flush(t, argument, is_master);
	case TCXONC:
		return flow(t, argument);
	case TIOCSTI:
		return type(t, argument);
	case TIOCEXCL:
	case TIOCNXCL:
		return set_exclusive(t, request == TIOCEXCL);
	case FIONREAD:
		return put_count(argument, is_master ? tty_output_queued(t) : input_count(t));
	case TIOCOUTQ:
		return put_count(argument, is_master ? 0 : tty_output_queued(t));
	}
	return job_ioctl(t, request, argument, is_master);
}

int tty_ioctl(struct file *f, uint32_t request, uaddr argument)
{
	struct tty *t = f->private;

	if (t->hung_up)
		return -EIO;
	return tty_control(t, f, request, argument, false);
}
