/*
 * Tracing: what a process calls, for who reads its /proc/PID/trace
 * (abi-trace.h says how). trace.c tells how it works.
 */
#ifndef TRACE_H
#define TRACE_H

#include "entry.h"
#include "task.h"
#include "wait.h"

struct trace;
struct uio;

/* ---- the file: fs/proc_trace.c ---- */
/* Trace p, or what it starts if it is the current process; *trace has a reference. 0 or -errno. */
int trace_open(struct process *p, struct trace **trace);
/* Nobody is traced any more; drops the reference. */
void trace_close(struct trace *s);
int64_t trace_read(struct trace *s, struct uio *u, bool nonblock);
/* One command of abi-trace.h: 0 or -EINVAL. */
int trace_command(struct trace *s, const char *command);
unsigned trace_poll(struct trace *s, struct poll_table *pt);

/* ---- what the rest of the kernel reports ---- */
/* The current task, which is traced, enters a call; leaves it with `result`. May wait. */
void trace_enter(enum call call, const int64_t *arguments);
void trace_leave(int64_t result);
/* A vfork child has begun: what the call will have returned in the end. */
void trace_vfork(struct task *parent, int pid);
/* A new task of a traced process; its lock is held. */
void trace_task(struct task *t);
void traced_call_free(struct task *t);
/* A new child; processes_lock is held, and nobody knows p yet. */
void trace_inherit(struct process *p, struct process *parent);
/* A child of posix_spawn runs the image that p has, found at path. */
void trace_spawned(struct process *p, const char *path);
/* p has changed its user or group by exec: only root may go on looking. p->lock held. */
void trace_set_id(struct process *p);
void trace_signal(struct process *p, int tid, int sig, const struct abi_siginfo *info); /* p->lock held */
void trace_stop(struct process *p, int tid, int sig);
void trace_thread_end(struct process *p, int tid); /* p->lock held */
/* p has ended, or never ran. */
void trace_end(struct process *p);

#endif
