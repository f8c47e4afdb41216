#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/tty/tty.h"

/* Every test has a fresh terminal 1, as the controlling terminal of its session. */
static struct file *tty;
static char text[4096];

static bool open_terminal(void)
{
	int err;

	test_output_accept(test_terminal(1), SIZE_MAX, 0);
	terminal_hangup(1);
	tty = terminal_open(1, &err);
	return tty && terminal_give(1, current_process) == 0;
}

static void close_terminal(void)
{
	tty_session_end(current_process->pgroup->session);
	test_take_signal(current, SIGHUP);
	test_take_signal(current, SIGCONT);
	file_put(tty);
}

static void keys(const char *s)
{
	terminal_feed(1, s, strlen(s));
}

static int64_t get(size_t n)
{
	struct uio u;
	int64_t pos = 0, got;

	uio_kernel(&u, text, n);
	got = tty->ops->read(tty, &u, &pos);
	text[max(got, (int64_t)0)] = 0;
	return got;
}

static int64_t put(const char *s)
{
	struct uio u;
	int64_t pos = 0;

	uio_kernel(&u, (void *)(uintptr_t)s, strlen(s));
	return tty->ops->write(tty, &u, &pos);
}

static char shown[4096];

/* Has the screen shown exactly this since the last time? */
static bool screen_shows(const char *expected)
{
	size_t have = 0, n = strlen(expected);

	shown[0] = 0;
	for (int turn = 0; turn < 100000 && (turn == 0 || have < n); turn++) {
		test_output_take(test_terminal(1), shown + have, sizeof(shown) - have);
		have += strlen(shown + have);
	}
	return strcmp(shown, expected) == 0;
}

static struct abi_termios *modes;
static uaddr user_modes;

static void get_modes(void)
{
	user_modes = test_user(sizeof(*modes));
	modes = test_user_at(user_modes);
	tty->ops->ioctl(tty, TCGETS, user_modes);
}

static int set_modes(uint32_t request)
{
	return tty->ops->ioctl(tty, request, user_modes);
}

static void raw(uint8_t least, uint8_t time)
{
	get_modes();
	modes->lflag &= ~(uint32_t)(ICANON | ECHO | ISIG);
	modes->cc[VMIN] = least;
	modes->cc[VTIME] = time;
	set_modes(TCSETS);
}

TEST("tty: a line is read when it is ended, and echoed")
{
	EXPECT(open_terminal());
	tty->flags |= O_NONBLOCK;
	keys("hel");
	EXPECT_EQ(get(100), -EAGAIN);
	keys("lo\r");
	EXPECT_EQ(get(100), 6);
	EXPECT_STR(text, "hello\n");
	EXPECT(screen_shows("hello\r\n"));
	close_terminal();
}

TEST("tty: one line per read, and a short read leaves the rest")
{
	EXPECT(open_terminal());
	keys("one\rtwo\r");
	EXPECT_EQ(get(2), 2);
	EXPECT_STR(text, "on");
	EXPECT_EQ(get(100), 2);
	EXPECT_STR(text, "e\n");
	EXPECT_EQ(get(100), 4);
	EXPECT_STR(text, "two\n");
	close_terminal();
}

TEST("tty: Ctrl-D at the start of a line is the end, elsewhere ends the read")
{
	EXPECT(open_terminal());
	keys("\4");
	EXPECT_EQ(get(100), 0);
	keys("abc\4def\r");
	EXPECT_EQ(get(100), 3);
	EXPECT_EQ(get(100), 4);
	EXPECT_STR(text, "def\n");
	keys("abc\4");
	EXPECT_EQ(get(3), 3); /* fills the buffer: the end is eaten with it */
	tty->flags |= O_NONBLOCK;
	EXPECT_EQ(get(3), -EAGAIN);
	close_terminal();
}

TEST("tty: erase, word erase and kill edit the line and the screen")
{
	EXPECT(open_terminal());
	keys("abx\177c\r");
	EXPECT_EQ(get(100), 4);
	EXPECT_STR(text, "abc\n");
	EXPECT(screen_shows("abx\b \bc\r\n"));
	keys("one two  \27X\r");
	get(100);
	EXPECT_STR(text, "one X\n");
	EXPECT(screen_shows("one two  \b \b\b \b\b \b\b \b\b \bX\r\n"));
	test_output_accept(test_terminal(1), SIZE_MAX, 0);
	keys("ab\25c\r");
	get(100);
	EXPECT_STR(text, "c\n");
	EXPECT(screen_shows("ab\b \b\b \bc\r\n"));
	keys("\177\177\r"); /* nothing to erase */
	EXPECT_EQ(get(100), 1);
	close_terminal();
}

TEST("tty: erase takes a whole UTF-8 character, and both columns of a wide one")
{
	EXPECT(open_terminal());
	keys("a\xc3\xa4\177b\r");
	EXPECT_EQ(get(100), 3);
	EXPECT_STR(text, "ab\n");
	EXPECT(screen_shows("a\xc3\xa4\b \bb\r\n"));
	keys("\xe4\xb8\xad\177\r");
	EXPECT_EQ(get(100), 1);
	EXPECT(screen_shows("\xe4\xb8\xad\b \b\b \b\r\n"));
	keys("a\t\177b\r"); /* the tab went from column 1 to 8 */
	EXPECT_EQ(get(100), 3);
	EXPECT(screen_shows("a\t\b\b\b\b\b\b\bb\r\n"));
	close_terminal();
}

TEST("tty: control characters are shown with a caret, literally after Ctrl-V")
{
	EXPECT(open_terminal());
	keys("\1\26\3\r");
	EXPECT_EQ(get(100), 3);
	EXPECT_EQ(text[0], 1);
	EXPECT_EQ(text[1], 3);
	EXPECT(screen_shows("^A^\b^C\r\n"));
	close_terminal();
}

TEST("tty: Ctrl-C, Ctrl-\\ and Ctrl-Z signal the foreground and flush the line")
{
	EXPECT(open_terminal());
	keys("abc\3");
	EXPECT(test_take_signal(current, SIGINT));
	keys("\34");
	EXPECT(test_take_signal(current, SIGQUIT));
	keys("\32");
	EXPECT(test_take_signal(current, SIGTSTP));
	keys("x\r");
	EXPECT_EQ(get(100), 2);
	raw(1, 0);
	keys("\3");
	EXPECT_EQ(get(100), 1);
	EXPECT(!test_take_signal(current, SIGINT));
	close_terminal();
}

TEST("tty: raw mode gives bytes as they come, by VMIN and VTIME")
{
	nsec start;

	EXPECT(open_terminal());
	raw(1, 0);
	keys("a\r");
	EXPECT_EQ(get(100), 2);
	EXPECT_STR(text, "a\n"); /* ICRNL is still on */
	raw(0, 0);
	EXPECT_EQ(get(100), 0);
	raw(3, 0);
	keys("ab");
	EXPECT_EQ(tty->ops->poll(tty, NULL) & POLLIN, 0);
	keys("c");
	EXPECT_EQ(tty->ops->poll(tty, NULL) & POLLIN, POLLIN);
	EXPECT_EQ(get(100), 3);
	keys("abcd");
	EXPECT_EQ(get(2), 2);
	EXPECT_EQ(get(2), 2);
	raw(0, 1);
	start = host_clock();
	EXPECT_EQ(get(100), 0);
	EXPECT(host_clock() - start >= 100000000);
	raw(5, 1);
	keys("ab");
	EXPECT_EQ(get(100), 2); /* the time between bytes is over */
	close_terminal();
}

TEST("tty: switching to raw keeps what was typed, and back counts it as a line")
{
	EXPECT(open_terminal());
	keys("typed");
	raw(1, 0);
	EXPECT_EQ(get(2), 2);
	modes->lflag |= ICANON;
	set_modes(TCSETS);
	EXPECT_EQ(get(100), 3);
	EXPECT_STR(text, "ped");
	keys("lost\r");
	set_modes(TCSETSF);
	tty->flags |= O_NONBLOCK;
	EXPECT_EQ(get(100), -EAGAIN);
	close_terminal();
}

TEST("tty: output turns newlines into CR NL only with OPOST and ONLCR")
{
	EXPECT(open_terminal());
	EXPECT_EQ(put("a\nb\n"), 4);
	EXPECT(screen_shows("a\r\nb\r\n"));
	get_modes();
	modes->oflag = 0;
	set_modes(TCSETSW);
	EXPECT_EQ(put("a\nb\n"), 4);
	EXPECT(screen_shows("a\nb\n"));
	modes->oflag = OPOST | ONLCR | TAB3;
	set_modes(TCSETS);
	put("\nab\tc");
	EXPECT(screen_shows("\r\nab      c"));
	close_terminal();
}

TEST("tty: Ctrl-S stops output, Ctrl-Q lets it go on")
{
	EXPECT(open_terminal());
	keys("\23");
	put("hidden");
	test_supervise();
	EXPECT(screen_shows(""));
	EXPECT_EQ(tty_output_queued(tty->private), 6);
	keys("\21");
	EXPECT(screen_shows("hidden"));
	close_terminal();
}

static void drained(void)
{
	terminal_drained(1);
}

TEST("tty: a host that takes nothing stops writers until it has drained")
{
	static char lots[70000];

	EXPECT(open_terminal());
	memset(lots, 'x', sizeof(lots) - 1);
	test_output_accept(test_terminal(1), 1000, 0);
	tty->flags |= O_NONBLOCK;
	put("y");
	EXPECT(put(lots) < (int64_t)sizeof(lots) - 1);
	EXPECT_EQ(put("z"), -EAGAIN);
	EXPECT_EQ(tty->ops->poll(tty, NULL) & POLLOUT, 0);
	EXPECT_SOON((test_supervise(), test_output_length(test_terminal(1)) == 1000));
	tty->ops->ioctl(tty, TCFLSH, 1);
	EXPECT_EQ(tty->ops->poll(tty, NULL) & POLLOUT, POLLOUT);
	test_output_accept(test_terminal(1), SIZE_MAX, 0);
	test_as_supervisor(drained);
	put("again");
	EXPECT(screen_shows("again"));
	close_terminal();
}

TEST("tty: input beyond what fits is refused, and a line can still be ended")
{
	static char lots[6000];
	int taken;

	EXPECT(open_terminal());
	memset(lots, 'x', sizeof(lots));
	EXPECT_EQ(terminal_feed(1, lots, sizeof(lots)), sizeof(lots)); /* dropped, with a bell if asked */
	keys("\r");
	EXPECT_EQ(get(sizeof(text) - 1), 4094);
	raw(1, 0);
	taken = terminal_feed(1, lots, sizeof(lots));
	EXPECT(taken > 4000 && taken < 4096);
	EXPECT_EQ(get(sizeof(text) - 1), taken);
	EXPECT_EQ(terminal_feed(1, lots, 100), 100);
	close_terminal();
}

TEST("tty: window size and SIGWINCH")
{
	uaddr size = test_user(sizeof(struct abi_winsize));
	struct abi_winsize *w = test_user_at(size);

	EXPECT(open_terminal());
	terminal_resize(1, 132, 43);
	EXPECT(test_take_signal(current, SIGWINCH));
	EXPECT_EQ(tty->ops->ioctl(tty, TIOCGWINSZ, size), 0);
	EXPECT(w->columns == 132 && w->rows == 43);
	terminal_resize(1, 132, 43);
	EXPECT(!test_take_signal(current, SIGWINCH));
	w->rows = 10;
	EXPECT_EQ(tty->ops->ioctl(tty, TIOCSWINSZ, size), 0);
	EXPECT(test_take_signal(current, SIGWINCH));
	EXPECT_EQ(tty->ops->ioctl(tty, TIOCGWINSZ, 16), -EFAULT);
	EXPECT_EQ(tty->ops->ioctl(tty, 0xdead, size), -ENOTTY);
	close_terminal();
}

/* ---- job control ---- */

static int foreground(int request, int id)
{
	uaddr at = test_user(4);
	int err;

	*(int32_t *)test_user_at(at) = id;
	err = tty->ops->ioctl(tty, (uint32_t)request, at);
	return err < 0 ? err : *(int32_t *)test_user_at(at);
}

TEST("tty: the foreground group can be asked and set, by its session only")
{
	struct task *me = current, *other = test_task_new(NULL), *child = test_task_new(me);

	EXPECT(open_terminal());
	EXPECT_EQ(foreground(TIOCGPGRP, 0), me->process->pid);
	EXPECT_EQ(foreground(TIOCGSID, 0), me->process->pid);
	EXPECT_EQ(foreground(TIOCSPGRP, 12345), -ESRCH);
	EXPECT_EQ(foreground(TIOCSPGRP, other->process->pid), -EPERM);
	EXPECT_EQ(foreground(TIOCSPGRP, -5), -EINVAL);
	lock(&processes_lock);
	EXPECT_EQ(process_setpgid(child->process, 0), 0);
	unlock(&processes_lock);
	EXPECT_EQ(foreground(TIOCSPGRP, child->process->pid), child->process->pid);
	EXPECT_EQ(foreground(TIOCGPGRP, 0), child->process->pid);
	test_become(other);
	EXPECT_EQ(foreground(TIOCGPGRP, 0), -ENOTTY);
	test_become(me);
	test_task_free(child);
	test_task_free(other);
	close_terminal();
}

/* A child in a group of its own, in the background; it becomes current. */
static struct task *background(void)
{
	struct task *child = test_task_new(current);

	lock(&processes_lock);
	process_setpgid(child->process, 0);
	unlock(&processes_lock);
	test_become(child);
	return child;
}

TEST("tty: a background read is SIGTTIN, or EIO when that is ignored")
{
	struct task *me = current, *child;

	EXPECT(open_terminal());
	keys("for the foreground\r");
	child = background();
	EXPECT_EQ(get(100), -ERESTART);
	EXPECT(test_take_signal(child, SIGTTIN));
	child->process->sighand.action[SIGTTIN - 1].handler = SIG_IGN;
	EXPECT_EQ(get(100), -EIO);
	child->process->sighand.action[SIGTTIN - 1].handler = 4096;
	child->mask = sigbit(SIGTTIN);
	EXPECT_EQ(get(100), -EIO);
	test_become(me);
	EXPECT_EQ(get(100), 19);
	test_task_free(child);
	close_terminal();
}

TEST("tty: background output is stopped only with TOSTOP, setting modes always")
{
	struct task *me = current, *child;

	EXPECT(open_terminal());
	get_modes();
	child = background();
	EXPECT_EQ(put("free"), 4);
	EXPECT_EQ(set_modes(TCSETS), -ERESTART);
	EXPECT(test_take_signal(child, SIGTTOU));
	EXPECT_EQ(foreground(TIOCSPGRP, child->process->pid), -ERESTART);
	EXPECT(test_take_signal(child, SIGTTOU));
	test_become(me);
	modes->lflag |= TOSTOP;
	set_modes(TCSETS);
	test_become(child);
	EXPECT_EQ(put("stop"), -ERESTART);
	EXPECT(test_take_signal(child, SIGTTOU));
	child->mask = sigbit(SIGTTOU);
	EXPECT_EQ(put("free"), 4);
	EXPECT_EQ(set_modes(TCSETS), 0);
	test_become(me);
	test_task_free(child);
	close_terminal();
}

TEST("tty: a leader without a terminal gets the one it opens, unless O_NOCTTY")
{
	uint32_t flags[] = { O_RDWR | O_NOCTTY, O_RDWR };
	struct file *f;
	int err;

	terminal_hangup(2);
	for (int i = 0; i < 2; i++) {
		f = vfs_open(process_init, AT_FDCWD, "/dev/console", O_RDWR, 0, &err);
		EXPECT(f);
		file_put(f);
		EXPECT(current_process->pgroup->session->tty == NULL);
		f = terminal_open(2, &err);
		file_put(f);
		f = vfs_open(process_init, AT_FDCWD, "/dev/tty2", flags[i], 0, &err);
		EXPECT(f);
		EXPECT_EQ(current_process->pgroup->session->tty == f->private, i == 1);
		file_put(f);
	}
	f = vfs_open(process_init, AT_FDCWD, "/dev/tty", O_RDWR, 0, &err);
	EXPECT(f);
	file_put(f);
	tty_session_end(current_process->pgroup->session);
	EXPECT(test_take_signal(current, SIGHUP));
	f = vfs_open(process_init, AT_FDCWD, "/dev/tty", O_RDWR, 0, &err);
	EXPECT(!f);
	EXPECT_EQ(err, -ENXIO);
}

TEST("tty: hang-up is SIGHUP for the session, the end for readers, EIO for writers")
{
	EXPECT(open_terminal());
	keys("lost\r");
	terminal_hangup(1);
	EXPECT(test_take_signal(current, SIGHUP));
	EXPECT(test_take_signal(current, SIGCONT));
	EXPECT_EQ(get(100), 0);
	EXPECT_EQ(put("x"), -EIO);
	EXPECT(tty->ops->poll(tty, NULL) & POLLHUP);
	get_modes();
	EXPECT_EQ(set_modes(TCSETS), -EIO);
	EXPECT(current_process->pgroup->session->tty == NULL);
	file_put(tty);
}

static void type_later(void *arg)
{
	EXPECT_SOON(wait_queue_active(&((struct tty *)arg)->readable));
	keys("late\r");
}

TEST("tty: a sleeping reader is woken by the end of a line")
{
	struct test_thread *t;

	NEEDS_THREADS();
	EXPECT(open_terminal());
	t = test_thread(type_later, tty->private);
	EXPECT_EQ(get(100), 5);
	test_join(t);
	close_terminal();
}
