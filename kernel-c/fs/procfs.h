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
	int tid, fd; /* what it is about: a thread, or 0; a descriptor, or -1 */
};
void text_add(struct text *t, const char *bytes, size_t n);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is in a directory beside its fixed entries. */
enum proc_dir { PROC_DIR_PLAIN, PROC_DIR_ROOT, PROC_DIR_FDS, PROC_DIR_FDINFO, PROC_DIR_TASKS };

struct proc_list {
	const struct proc_entry *entries;
	unsigned count;
};
#define PROC_LIST(entries) { entries, countof(entries) }

/* Something of a fixed name; by mode's type a file, a link or a directory. */
struct proc_entry {
	const char *name;
	uint32_t mode;
	void (*show)(struct text *t, struct process *p); /* a file: its text */
	/* The file takes text, too: 0 or -errno. NULL: it doesn't. */
	int (*set)(struct process *p, int tid, const char *text);
	/* A link: where it leads, with references; -ENOENT when nowhere. NULL: /proc/self. */
	int (*follow)(struct process *p, int fd, struct path *to);
	const struct file_ops *fops; /* of a file that isn't a text */
	const struct proc_list *list; /* of a directory */
	enum proc_dir dir;
};
#define PROC_TEXT(name, mode, show) { name, S_IFREG | (mode), show, NULL, NULL, NULL, NULL, 0 }
#define PROC_SETTING(name, mode, show, set) { name, S_IFREG | (mode), show, set, NULL, NULL, NULL, 0 }
#define PROC_LINK(name, follow, dir) { name, S_IFLNK | 0777, NULL, NULL, follow, NULL, NULL, dir }
#define PROC_DIR(name, mode, list, dir) { name, S_IFDIR | (mode), NULL, NULL, NULL, NULL, list, dir }
extern const struct proc_list proc_system_list, proc_process_list, proc_task_list, proc_sys_list;
extern const struct proc_entry proc_fdinfo_entry;

/* The process of an inode, with a reference; NULL when it is gone, or it is of none. */
struct process *proc_process(struct inode *inode);
/* What a process uses is shown to itself, its user and root only: 0 or -EACCES. */
int proc_may_look(struct process *p);
extern const struct file_ops proc_trace_fops;

struct wait_kind;
/* A kind's name in one word, as wchan has it. */
void proc_wait_name(const struct wait_kind *k, char *buf, size_t size);

/* The links of /proc/PID/fd/N and /proc/PID/root: 0 with references, or -ENOENT. */
int proc_fd_follow(struct process *p, int fd, struct path *to);
int proc_root_follow(struct process *p, int fd, struct path *to);
/* p's descriptors with a reference, or NULL when it has ended. */
struct fdtable *proc_files(struct process *p);

/* Texts of files (proc_entry.show). proc_mounts.c */
void proc_show_mounts(struct text *t, struct process *p);
void proc_show_mountinfo(struct text *t, struct process *p);
/* proc_kernel.c */
void proc_show_objects(struct text *t, struct process *p);
void proc_show_locks(struct text *t, struct process *p);
void proc_show_waits(struct text *t, struct process *p);

#endif
