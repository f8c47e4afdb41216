/*
 * Index of the kernel's functions that have no header of their own, by file.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "task/task.h"
#include "types.h"
#include "vfs/file.h"

#include <sys.h> /* build/gen: sys_*, worker_*, supervisor_*, terminal_*, completion_* */

/* vfs/: sets up the root, /tmp, /dev, /proc */
void vfs_init(void);
/* 0, or -EACCES: may p execute f (x permission, not on a noexec mount)? */
int vfs_may_execute(struct process *p, struct file *f);
/*
 * The program at path, or (AT_EMPTY_PATH) of descriptor dirfd, for exec: it
 * needs x permission, not r. The file or NULL and *err.
 */
struct file *vfs_open_exec(struct process *p, int dirfd, const char *path, uint32_t flags, int *err);
/* Do the set-id bits of f count (not on a nosuid mount)? */
bool vfs_allows_set_id(struct file *f);

/* dev/, tty/ */
void dev_init(void);
void tty_init(void);
void request_run(void);
void terminal_run(void);
void stream_run(void);
struct file *stream_open(int n, int *err);
struct file *terminal_open(int n, int *err);
int terminal_give(int n, struct process *p); /* make /dev/ttyN the session's terminal */
void tty_session_end(struct session *s);
void random_bytes(void *p, size_t n);

/* task/process.c; processes_lock held */
int process_setsid(struct process *p);          /* the new id or -EPERM */
int process_setpgid(struct process *p, int id); /* 0: its own pid */

/* task/signal.c */
int signal_take(struct abi_sigframe *frame);
/* signal_send_process for callers that hold processes_lock */
int signal_send_table_locked(struct process *p, int sig, const struct abi_siginfo *info);

/* task/fork.c */
struct process *fork_process(struct process *parent);

/* task/futex.c */
void futex_init(void);

/* task/supervisor.c */
void image_complain(const char *path, const char *reason);
void task_complain(const char *text, size_t n); /* to the current task's standard error, or the log */
extern int ncpus;

/* sys/process.c */
void uts_get(struct abi_utsname *copy);

/* sys/sched.c */
/* Give t a policy (-1: the one it has) and priority, by the current process's rights. */
int sched_set(struct task *t, int policy, int priority);

/* sys/time.c */
int timespec_to_nsec(const struct abi_timespec *ts, nsec *t); /* -EINVAL; saturates to FOREVER */
struct abi_timespec nsec_to_timespec(nsec t);
static inline nsec nsec_add(nsec a, nsec b)
{
	return a > FOREVER - b ? FOREVER : a + b;
}

#endif
