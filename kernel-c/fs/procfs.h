/*
 * procfs: what the kernel knows, as files. The tree is in procfs.c; what the
 * files say, in proc_system.c and proc_process.c.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include "../kernel.h"
#include "../vfs/mount.h"

/* Text that grows; when memory is out it stops growing and says so. */
struct text {
	char *buf;
	size_t length, capacity;
	bool failed;
};
void text_add(struct text *t, const char *bytes, size_t n);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file of /proc or /proc/PID; by mode's type a file (show) or a link (follow, readlink). */
struct proc_entry {
	const char *name;
	uint32_t mode;
	void (*show)(struct text *t, struct process *p);
	/* Where it leads, with references; -ENOENT when nowhere. */
	int (*follow)(struct process *p, int fd, struct path *to);
	const struct file_ops *fops; /* of a file that isn't a text */
};
extern const struct proc_entry proc_system_entries[], proc_process_entries[];
extern const unsigned proc_system_count, proc_process_count;

/* The process of an inode, with a reference; NULL when it is gone, or it is of none. */
struct process *proc_process(struct inode *inode);
/* What a process uses is shown to itself, its user and root only: 0 or -EACCES. */
int proc_may_look(struct process *p);
extern const struct file_ops proc_trace_fops;

struct wait_kind;
/* A kind's name in one word, as wchan has it. */
void proc_wait_name(const struct wait_kind *k, char *buf, size_t size);

/* The link of /proc/PID/fd/N. */
int proc_fd_follow(struct process *p, int fd, struct path *to);
/* p's descriptors with a reference, or NULL when it has ended. */
struct fdtable *proc_files(struct process *p);

#endif
