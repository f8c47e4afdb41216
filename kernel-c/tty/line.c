/*
 * The line discipline: what happens to a byte on its way in and out.
 *
 * In canonical mode the bytes from line_start on are the line being edited;
 * those before it are whole lines, each ended by a mark. In other modes every
 * byte may be read at once.
 */
#include "tty.h"

#define RING(t, at) ((at) & (INPUT_SIZE - 1))


/* Is c the control character `which`, and not switched off (0)? */
static bool is_cc(const struct tty *t, int which, uint8_t c)
{
	return c && t->termios.cc[which] == c;
}

/* ---- output ---- */

static void put(struct tty *t, char c)
{
	t->output[t->out_head++ & (t->out_size - 1)] = c;
}

static bool is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

static void advance_column(struct tty *t, uint8_t c)
{
	if (c == '\b')
		t->column -= t->column > 0;
	else if (c >= ' ' && c != 0x7f && !(t->termios.iflag & IUTF8 && is_continuation(c)))
		t->column++;
}

/* One byte by OPOST's rules; at most 8 come out. */
static void output_byte(struct tty *t, char c)
{
	uint32_t flags = t->termios.oflag;

	if (!(flags & OPOST)) {
		put(t, c);
		return;
	}
	switch (c) {
	case '\n':
		if (flags & ONLRET)
			t->column = 0;
		if (flags & ONLCR) {
			t->column = 0;
			put(t, '\r');
		}
		break;
	case '\r':
		if (flags & ONOCR && t->column == 0)
			return;
		if (flags & OCRNL)
			c = '\n';
		if (c == '\r' || flags & ONLRET)
			t->column = 0;
		break;
	case '\t': {
		uint32_t spaces = 8 - t->column % 8;

		t->column += spaces;
		if ((flags & TABDLY) == TAB3) {
			while (spaces-- > 0)
				put(t, ' ');
			return;
		}
		break;
	}
	default:
		if (flags & OLCUC && c >= 'a' && c <= 'z')
			c -= 32;
		advance_column(t, (uint8_t)c);
	}
	put(t, c);
}

size_t line_output_room(const struct tty *t)
{
	uint32_t room = t->out_size - output_used(t);
	bool tabs = (t->termios.oflag & (OPOST | TABDLY)) == (OPOST | TAB3);

	return t->termios.oflag & OPOST ? room / (tabs ? 8 : 2) : room;
}

size_t line_output(struct tty *t, const char *p, size_t n)
{
	n = min(n, line_output_room(t));
	for (size_t i = 0; i < n; i++)
		output_byte(t, p[i]);
	return n;
}

/* ---- echo: what has no room is not shown ---- */

static void echo_raw(struct tty *t, char c)
{
	line_output(t, &c, 1);
}

static void echo(struct tty *t, uint8_t c)
{
	if (t->termios.lflag & ECHOCTL && (c < ' ' || c == 0x7f) && c != '\t' && c != '\n') {
		echo_raw(t, '^');
		echo_raw(t, (char)(c ^ 0x40));
	} else {
		echo_raw(t, (char)c);
	}
}

/* ---- the line being edited ---- */

static const struct {
	uint32_t from, to;
} wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },	  { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },	  { 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

static uint32_t columns_of(uint32_t code)
{
	for (size_t i = 0; i < countof(wide); i++)
		if (code >= wide[i].from && code <= wide[i].to)
			return 2;
	return 1;
}

/* The screen column after the bytes [line_start, end) have been echoed. */
static uint32_t column_at(const struct tty *t, uint32_t end)
{
	uint32_t column = t->line_column, code = 0, follow = 0;

	for (uint32_t at = t->line_start; at != end; at++) {
		uint8_t c = (uint8_t)t->input[RING(t, at)];

		if (t->termios.iflag & IUTF8 && c >= 0x80) {
			if (!is_continuation(c)) {
				follow = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
				code = c & (0x3f >> follow);
			} else if (follow > 0) {
				code = code << 6 | (c & 0x3f);
				if (--follow == 0)
					column += columns_of(code);
			}
		} else if (c == '\t') {
			column += 8 - column % 8;
		} else if (c < ' ' || c == 0x7f) {
			column += t->termios.lflag & ECHOCTL ? 2 : 0;
		} else {
			column++;
		}
	}
	return column;
}

/* Cut the line at `end`, wiping what was shown of it. */
static void erase_to(struct tty *t, uint32_t end)
{
	bool tab = t->input[RING(t, end)] == '\t';
	uint32_t before = column_at(t, t->in_head), after = column_at(t, end);

	t->in_head = end;
	if (!(t->termios.lflag & ECHO))
		return;
	for (; before > after; before--) {
		echo_raw(t, '\b');
		if (tab)
			continue;
		echo_raw(t, ' ');
		echo_raw(t, '\b');
	}
}

/* Where the last character of the line begins. */
static uint32_t previous(const struct tty *t, uint32_t at)
{
	do
		at--;
	while (at != t->line_start && t->termios.iflag & IUTF8 &&
	       is_continuation((uint8_t)t->input[RING(t, at)]));
	return at;
}

static void erase_character(struct tty *t, uint8_t c)
{
	if (t->in_head == t->line_start)
		return;
	if (t->termios.lflag & ECHOE || !(t->termios.lflag & ECHO)) {
		erase_to(t, previous(t, t->in_head));
	} else {
		t->in_head = previous(t, t->in_head);
		echo(t, c);
	}
}

static bool is_word(uint8_t c)
{
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* As Linux does: back over what is no word, then over the word. */
static void erase_word(struct tty *t)
{
	bool seen = false;

	while (t->in_head != t->line_start) {
		uint32_t at = previous(t, t->in_head);

		if (is_word((uint8_t)t->input[RING(t, at)]))
			seen = true;
		else if (seen)
			break;
		erase_to(t, at);
	}
}

static void kill_line(struct tty *t, uint8_t c)
{
	uint32_t flags = t->termios.lflag;

	if (flags & ECHO && flags & ECHOKE && flags & ECHOE) {
		while (t->in_head != t->line_start)
			erase_to(t, previous(t, t->in_head));
		return;
	}
	t->in_head = t->line_start;
	if (flags & ECHO)
		echo(t, c);
	if (flags & ECHOK)
		echo_raw(t, '\n');
}

static void reprint(struct tty *t, uint8_t c)
{
	if (t->termios.lflag & ECHO) {
		echo(t, c);
		echo_raw(t, '\n');
		t->line_column = t->column;
		for (uint32_t at = t->line_start; at != t->in_head; at++)
			echo(t, (uint8_t)t->input[RING(t, at)]);
	}
}

/* ---- input ---- */

size_t tty_input_room(const struct tty *t)
{
	return INPUT_SIZE - 1 - (t->in_head - t->in_tail);
}

static void store(struct tty *t, uint8_t c, enum line_mark mark)
{
	t->mark[RING(t, t->in_head)] = mark;
	t->input[RING(t, t->in_head++)] = (char)c;
}

static void end_line(struct tty *t, uint8_t c, enum line_mark mark)
{
	store(t, c, mark);
	t->line_start = t->in_head;
}

/* An ordinary byte: into the line, and shown. */
static void insert(struct tty *t, uint8_t c)
{
	if (is_canonical(t)) {
		/* The last places are kept for the end of the line. */
		if (tty_input_room(t) <= 2) {
			if (t->termios.iflag & IMAXBEL)
				echo_raw(t, '\a');
			return;
		}
		if (t->in_head == t->line_start)
			t->line_column = t->column;
	}
	store(t, c, MARK_NONE);
	if (t->termios.lflag & ECHO)
		echo(t, c);
}

/* Did c edit or end the line? */
static bool canonical_byte(struct tty *t, uint8_t c)
{
	uint32_t flags = t->termios.lflag;

	if (is_cc(t, VERASE, c)) {
		erase_character(t, c);
	} else if (is_cc(t, VKILL, c)) {
		kill_line(t, c);
	} else if (flags & IEXTEN && is_cc(t, VWERASE, c)) {
		erase_word(t);
	} else if (flags & IEXTEN && is_cc(t, VREPRINT, c)) {
		reprint(t, c);
	} else if (c == '\n') {
		if (flags & (ECHO | ECHONL))
			echo_raw(t, '\n');
		end_line(t, c, MARK_LINE);
	} else if (is_cc(t, VEOF, c)) {
		end_line(t, 0, MARK_EOF);
	} else if (is_cc(t, VEOL, c) || (flags & IEXTEN && is_cc(t, VEOL2, c))) {
		if (flags & ECHO)
			echo(t, c);
		end_line(t, c, MARK_LINE);
	} else {
		return false;
	}
	return true;
}

static int signal_of(const struct tty *t, uint8_t c)
{
	if (!(t->termios.lflag & ISIG))
		return 0;
	return is_cc(t, VINTR, c) ? SIGINT :
	       is_cc(t, VQUIT, c) ? SIGQUIT :
	       is_cc(t, VSUSP, c) ? SIGTSTP : 0;
}

/* What c becomes by the input flags, or -1 when it is dropped. */
static int translate(const struct tty *t, uint8_t c)
{
	uint32_t flags = t->termios.iflag;

	if (flags & ISTRIP)
		c &= 0x7f;
	if (flags & IUCLC && t->termios.lflag & IEXTEN && c >= 'A' && c <= 'Z')
		c += 32;
	if (c == '\r')
		return flags & IGNCR ? -1 : flags & ICRNL ? '\n' : '\r';
	if (c == '\n' && flags & INLCR)
		return '\r';
	return c;
}

/* Was c for flow control? */
static bool flow_byte(struct tty *t, uint8_t c)
{
	if (!(t->termios.iflag & IXON))
		return false;
	if (is_cc(t, VSTART, c)) {
		t->stopped = false;
		return true;
	}
	if (is_cc(t, VSTOP, c)) {
		t->stopped = true;
		return true;
	}
	if (t->termios.iflag & IXANY)
		t->stopped = false;
	return false;
}

/* One byte from the other end; a signal to send to the foreground, or 0. */
static int input_byte(struct tty *t, uint8_t byte)
{
	int c = translate(t, byte), sig;

	if (c < 0)
		return 0;
	if (t->literal) {
		t->literal = false;
		insert(t, (uint8_t)c);
		return 0;
	}
	if (flow_byte(t, (uint8_t)c))
		return 0;
	if ((sig = signal_of(t, (uint8_t)c))) {
		if (!(t->termios.lflag & NOFLSH)) {
			tty_flush_input(t);
			tty_flush_output(t);
		}
		if (t->termios.lflag & ECHO)
			echo(t, (uint8_t)c);
		return sig;
	}
	if (is_canonical(t)) {
		if (t->termios.lflag & IEXTEN && is_cc(t, VLNEXT, (uint8_t)c)) {
			t->literal = true;
			if (t->termios.lflag & ECHO && t->termios.lflag & ECHOCTL) {
				echo_raw(t, '^');
				echo_raw(t, '\b');
			}
			return 0;
		}
		if (canonical_byte(t, (uint8_t)c))
			return 0;
	}
	insert(t, (uint8_t)c);
	return 0;
}

/*
 * May the next byte come in? A full ring without a whole line takes bytes all
 * the same (insert drops them): otherwise the line could never be ended.
 */
static bool may_take(const struct tty *t)
{
	return tty_input_room(t) > 2 || (is_canonical(t) && t->line_start == t->in_tail &&
					 tty_input_room(t) > 0);
}

size_t tty_input(struct tty *t, const char *p, size_t n)
{
	size_t taken = 0;
	int sig;

	lock(&t->lock);
	if (t->hung_up)
		taken = n;
	for (; taken < n && may_take(t); taken++) {
		sig = input_byte(t, (uint8_t)p[taken]);
		if (!sig)
			continue;
		unlock(&t->lock); /* signals are sent under processes_lock */
		job_signal_foreground(t, sig);
		lock(&t->lock);
	}
	t->throttled |= taken < n;
	unlock(&t->lock);
	wake_all(&t->readable);
	if (tty_output_queued(t))
		t->driver->output_ready(t);
	return taken;
}

uint32_t line_available(const struct tty *t)
{
	return (is_canonical(t) ? t->line_start : t->in_head) - t->in_tail;
}

/* Going raw, all can be read; going canonical, what is there counts as a line. */
void line_mode_changed(struct tty *t)
{
	t->literal = false;
	memset(t->mark, MARK_NONE, sizeof(t->mark));
	t->line_start = t->in_head;
	t->line_column = t->column;
	if (is_canonical(t) && t->in_head != t->in_tail)
		t->mark[RING(t, t->in_head - 1)] = MARK_LINE;
}
