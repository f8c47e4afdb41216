/*
 * Terminals: a line discipline between programs and what is at the other end.
 *
 * Bytes from the other end come in by tty_input, are edited and echoed (line.c)
 * and wait in the input ring for tty_read. Bytes from programs are processed
 * into the output ring, from where the other end takes them: the supervisor for
 * virtual terminals (terminal.c), a master's reader for ptys (pty.c).
 *
 * Job control (job.c): a session's controlling terminal and foreground group
 * are under processes_lock, which is taken before tty->lock, never under it.
 *
 * Letters: I immutable, a atomic, t under tty->lock, P under processes_lock.
 */
#ifndef TTY_H
#define TTY_H

#include "../task/task.h"
#include "../vfs/file.h"

#define INPUT_SIZE 4096u /* MAX_CANON and MAX_INPUT are one less; a power of two */

struct tty;

/* The other end. Called without tty->lock; none sleeps. */
struct tty_driver {
	/* There is something in the output ring, and it may be taken. */
	void (*output_ready)(struct tty *t);
	/* tty_input took less than it was given, and now there is room. */
	void (*input_room)(struct tty *t);
	/* The last reference is gone. */
	void (*free)(struct tty *t);
	bool drains; /* does draining (TCSBRK, TCSETSW) wait for the other end? */
};

/* What ends at a byte of the input ring, in canonical mode. */
enum line_mark { MARK_NONE, MARK_LINE, MARK_EOF /* not a byte to deliver */ };

struct tty {
	int refs;                    /* [a] */
	const struct tty_driver *driver; /* [I] */
	uint64_t rdev;               /* [I] */
	struct lock lock;            /* RANK_TTY */
	struct abi_termios termios;  /* [t] */
	struct abi_winsize size;     /* [t] */
	bool hung_up;                /* [t] for ever */
	bool exclusive;              /* [t] TIOCEXCL */

	char input[INPUT_SIZE];      /* [t] */
	uint8_t mark[INPUT_SIZE];    /* [t] enum line_mark */
	uint32_t in_head, in_tail;   /* [t] ever put, ever taken */
	uint32_t line_start;         /* [t] the line being edited begins here */
	uint32_t line_column;        /* [t] where it begins on the screen */
	bool literal;                /* [t] VLNEXT was typed */
	bool throttled;              /* [t] tty_input refused something */

	char *output;                /* [t] */
	uint32_t out_size;           /* [I] a power of two */
	uint32_t out_head, out_tail; /* [t] ever put, ever taken */
	uint32_t draining;           /* [t] bytes at out_tail that the other end is just taking */
	uint32_t column;             /* [t] of the cursor */
	bool stopped;                /* [t] by VSTOP or TCOOFF */

	struct wait_queue readable;  /* input, hang-up, other modes, another foreground */
	struct wait_queue writable;  /* room for output, hang-up */

	struct session *session;     /* [P] with a reference */
	struct pgroup *foreground;   /* [P, compared anywhere] with a reference */
};

/* ---- tty.c ---- */
/* Set up a zeroed tty with one reference and the usual modes: 0 or -ENOMEM. */
int tty_setup(struct tty *t, const struct tty_driver *driver, uint64_t rdev, uint32_t out_size);
struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);
/* Make f a file on t (taking a reference); may make t the controlling terminal. 0, -EIO or -EBUSY. */
int tty_attach_file(struct tty *t, struct file *f);
void tty_release(struct file *f);
int64_t tty_read(struct file *f, struct uio *u, int64_t *pos);
int64_t tty_write(struct file *f, struct uio *u, int64_t *pos);
unsigned tty_poll(struct file *f, struct poll_table *pt);
extern const struct file_ops tty_file_ops; /* without open; f->private is the tty */
/*
 * The next contiguous bytes of output, at *p: how many. They stay until
 * tty_output_taken says how many of them the other end took.
 */
uint32_t tty_output_begin(struct tty *t, const char **p);
void tty_output_taken(struct tty *t, uint32_t n);
uint32_t tty_output_queued(struct tty *t);
void tty_flush_input(struct tty *t);  /* lock held */
void tty_flush_output(struct tty *t); /* lock held */
/* The other end is gone: readers see the end, writers EIO, the session SIGHUP. */
void tty_hangup(struct tty *t);

/* ---- line.c; the lock is held in all but tty_input ---- */
/* Bytes from the other end: how many were taken. Never sleeps; sends signals. */
size_t tty_input(struct tty *t, const char *p, size_t n);
size_t tty_input_room(const struct tty *t);
/* Bytes that read may have now: in canonical mode those of whole lines. */
uint32_t line_available(const struct tty *t);
/* Put processed output into the ring: how many of n were taken for lack of room. */
size_t line_output(struct tty *t, const char *p, size_t n);
/* The most bytes of output that surely fit. */
size_t line_output_room(const struct tty *t);
/* ICANON was switched. */
void line_mode_changed(struct tty *t);
static inline bool is_canonical(const struct tty *t)
{
	return t->termios.lflag & ICANON;
}
static inline uint32_t output_used(const struct tty *t)
{
	return t->out_head - t->out_tail;
}

/* ---- job.c; no lock held unless said ---- */
/* May the current process read (SIGTTIN) or change (SIGTTOU) t? 0, -EIO, -ERESTART. */
int job_check(struct tty *t, int sig);
/* Make t the terminal of p's session: 0 or -EPERM. force: steal it. */
int job_take_terminal(struct tty *t, struct process *p, bool force);
/* The job-control requests; -ENOTTY for others. */
int job_ioctl(struct tty *t, uint32_t request, uaddr argument, bool is_master);
void job_signal_foreground(struct tty *t, int sig);
/* Hang-up: SIGHUP and SIGCONT to the session's leader and foreground; the tie is cut. */
void job_hangup(struct tty *t);
/* The current session's terminal with a reference, or NULL. */
struct tty *job_terminal(void);

/* ---- ioctl.c ---- */
int tty_ioctl(struct file *f, uint32_t request, uaddr argument);
int tty_control(struct tty *t, struct file *f, uint32_t request, uaddr argument, bool is_master);
void tty_resize(struct tty *t, const struct abi_winsize *size);

/* ---- pty.c, terminal.c ---- */
void pty_init(void);
/* What the exports of wit's interface terminal do, by pointers. */
int terminal_feed(int n, const void *p, size_t length);

#endif
