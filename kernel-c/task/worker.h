/*
 * What the parts of task/ share about workers and images.
 */
#ifndef WORKER_H
#define WORKER_H

#include "task.h"

/* A program has ended: no poke may reach its memory any more. */
void worker_poke_end(struct task *t);
/* The same, and this worker is done with t, the current task: its reference is dropped. */
void worker_leave(struct task *t);
/* Supervisor: start, poke and bury workers as asked. When it is to be called again at the latest. */
nsec worker_run(void);
struct worker_count {
	int live, idle, starting, queued; /* queued: jobs without a worker */
};
void worker_count(struct worker_count *n);
/* The worker under t crashed, or t could not be started: it dies by SIGKILL. */
void task_crashed(struct task *t);
/* Bytes of TLS of a kernel instance. */
size_t kernel_tls_size(void);

/* ---- module.c: compiled programs ---- */
struct inode;
/* What the file was compiled to, with a reference, or NULL. */
struct module *module_find(struct inode *inode);
/* inode's data, as of `version`, was compiled to the host's module `id`: a reference, or NULL. */
struct module *module_add(struct inode *inode, uint32_t version, int id);
struct module *module_get(struct module *m);
void module_put(struct module *m);
int module_id(const struct module *m);

/* ---- image.c: programs ---- */
struct file;
/* A program that is about to run: what exec and spawn load before they commit. */
struct image {
	struct module *module; /* with a reference */
	struct file *file;  /* with a reference */
	char name[16];
	char *args;         /* argv and envp, NUL-separated; ours */
	uint32_t length, args_only, argc, envc;
	char path[PATH_MAX];
};
/* Copy argv and envp from the program: 0, -EFAULT, -E2BIG, -ENOMEM. */
int image_args(struct image *m, uaddr argv, uaddr envp);
/* The same from NUL-separated kernel strings. */
int image_args_kernel(struct image *m, const char *argv, size_t alen, const char *envp, size_t elen);
/*
 * Find the program at m->path for process p, following #! lines (which change
 * m's args), and have it compiled. 0 or -errno (ENOEXEC: nothing that can run).
 */
int image_load(struct image *m, struct process *p, int dirfd, uint32_t flags);
void image_free(struct image *m);
/* p becomes the image (past the point of no return): args, name, ids, mm, signals, descriptors. */
void image_commit(struct image *m, struct process *p, struct task *t);

/* ---- fork.c ---- */
struct snapshot;
void snapshot_free(struct snapshot *s);

/* ---- futex.c ---- */
int futex_wake_address(uaddr address, int count);
struct inode;
int futex_wake_file(struct inode *inode, int64_t at, int count);
void futex_robust_exit(struct task *t);

/* ---- host children: supervisor.c ---- */
void supervisor_exited(int pid, int status);

#endif
