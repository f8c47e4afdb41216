/*
 * /proc/PID/trace: a process's calls, as they happen (abi-trace.h).
 */
#include "../task/trace.h"
#include "procfs.h"

static int open_trace(struct inode *inode, struct file *f)
{
	struct process *p = proc_process(inode);
	struct trace *s;
	int err;

	if (!p)
		return -ENOENT;
	err = current ? proc_may_look(p) : -EPERM;
	if (err == 0 && p == process_init)
		err = -EPERM; /* the kernel's own */
	if (err == 0 && (err = trace_open(p, &s)) == 0)
		f->private = s;
	process_put(p);
	return err;
}

static void release_trace(struct file *f)
{
	trace_close(f->private);
}

static int64_t read_trace(struct file *f, struct uio *u, int64_t *pos)
{
	(void)pos;
	return trace_read(f->private, u, f->flags & O_NONBLOCK);
}

/* One command a line; the count is all of it, or the error of the first bad one. */
static int64_t write_trace(struct file *f, struct uio *u, int64_t *pos)
{
	char text[128], *line = text, *end;
	int64_t n;
	int err;

	(void)pos;
	if (u->left >= sizeof text)
		return -EINVAL;
	if ((n = uio_in(u, text, sizeof text - 1)) < 0)
		return n;
	text[n] = '\0';
	for (; *line; line = end ? end + 1 : line + strlen(line)) {
		if ((end = strchr(line, '\n')))
			*end = '\0';
		if (*line && (err = trace_command(f->private, line)) < 0)
			return err;
	}
	return n;
}

static unsigned poll_trace(struct file *f, struct poll_table *pt)
{
	return trace_poll(f->private, pt) | POLLOUT | POLLWRNORM;
}

const struct file_ops proc_trace_fops = {
	.open = open_trace,
	.release = release_trace,
	.read = read_trace,
	.write = write_trace,
	.poll = poll_trace,
	.stream = true,
};
