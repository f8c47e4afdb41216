/*
 * Tasks and processes.
 *
 * A task is a POSIX thread: while it runs, one worker has a kernel instance, a
 * uaccess instance and a program instance for it. A process is what its tasks
 * share. The life of a process is told in process.c, of a task in task.c, of
 * the worker under it in worker.c.
 *
 * Letters: I immutable after creation, o only the task itself, P under
 * processes_lock, p under process->lock, a atomic, w under worker_lock.
 */
#ifndef TASK_H
#define TASK_H

#include "../lib/list.h"
#include "../lib/lock.h"
#include "../types.h"
#include "sched.h"
#include "wait.h"

typedef uint64_t sigset; /* bit n-1 is signal n */
#define sigbit(n) (1ull << ((n)-1))

/*
 * The handshake. A task enters the kernel by USER->KERNEL and leaves by the
 * reverse. A task in KERNEL sees a kill itself, when it sleeps or on the way out; one
 * in USER is made to look. Only if it doesn't, it is swapped USER->DEAD, and then its
 * worker may be terminated. So none ever is while it holds a kernel lock.
 *
 * A traced task is in user mode as TRACED, so that it enters by the slow path, which
 * records the call; nobody else pays for that. Attaching and detaching swap
 * USER and TRACED under the process's lock, as killing swaps either to DEAD.
 */
enum { TASK_USER = 1, TASK_KERNEL = 2, TASK_DEAD = 3, TASK_TRACED = 4 };

/* task->attention: LOOK for signals, stops and kills; TRACE alone means only that the task is traced. */
enum { ATTENTION_LOOK = 1, ATTENTION_TRACE = 2 };

enum task_outcome { OUTCOME_NONE, OUTCOME_EXIT, OUTCOME_EXEC };

struct queued_signal {
	struct list node;
	bool of_timer; /* [I] a POSIX timer's own: not freed when it is taken */
	struct abi_siginfo info;
};

struct pending { /* signals waiting for a task or a process */
	sigset set;
	struct list queue; /* of struct queued_signal, in order of arrival */
};

struct task {
	uint32_t state;         /* [a] TASK_USER, TASK_KERNEL, TASK_DEAD, TASK_TRACED */
	uint32_t wakeups;       /* [a] futex word: moves at each wake-up */
	uint32_t seen;          /* [o] wakeups when last looked at */
	bool parked;            /* [a] waits on the futex, not spinning */
	bool quick;             /* [o] its last sleep was a short one */
	bool woken;             /* [o] from an earlier sleep for the same */
	struct wait_kind *waits_on; /* [a, written o] where it slept last, or sleeps */
	bool killed;            /* [a] must die: SIGKILL, exit_group or exec elsewhere */
	uint8_t attention;      /* [a] look for signals, stops and kills on the way out: ATTENTION_* */
	bool traced;            /* [a, written under p] its calls are recorded (trace.c) */
	int tid;                /* [I] until exec makes it the first thread */
	int refs;               /* [a] */
	struct process *process; /* [I] (a vfork child's task acts for the child) */
	struct list of_process; /* [p] process->tasks */
	char name[16];          /* [p] but not the first thread's: task_name */
	struct worker *worker;  /* [w] that runs it */

	struct pending pending; /* [p] signals for this thread */
	sigset mask;            /* [o, read under p] blocked */
	sigset saved_mask;      /* [o] to restore after sigsuspend and the like */
	bool restore_mask;      /* [o] */
	sigset awaited;         /* [p] in sigtimedwait */
	struct abi_sigstack alt_stack; /* [o] */

	uaddr pending_word;     /* [o] libc's "something is pending" */
	uaddr clear_tid;        /* [o] */
	uaddr robust_list;      /* [o] */
	bool left_pi;           /* it ends, and has given up its futexes: under futex_pi.c's lock */
	struct list held_words; /* [o] process-shared mutexes: ipc/word.c */
	uint32_t globals[4];    /* [o] what the program instance starts with */

	enum task_outcome outcome; /* [o] why the kernel unwound */
	struct sched_entity sched; /* sched.c's */
	int policy, priority;   /* [written under runq.lock] SCHED_* and its priority */
	const char *syscall;    /* [o] name of the last call, for /proc and traces */
	char state_letter;      /* [a] R S D T Z for ps */
	bool vfork_ended;       /* [o] its vfork child died by a signal: libc must jump back */
	bool begun;             /* [o] its worker has bound its program's memory */
	struct task *lender;    /* [I] of a vfork child: the parent, whose worker it runs on */
	struct list queued;     /* [w] in the job queue, or among those that are to look */
	nsec look_until;        /* [w] killed in user mode: it is terminated then */
	int job;                /* [w] what its worker is to do: JOB_* */
	struct traced_call *traced_call; /* [o] the call it is in; made when first traced */
	struct snapshot *snapshot; /* [o] a forked child's memory, until it is filled */
};

struct sighand {
	struct abi_sigaction action[NSIG]; /* [p] */
};

struct cred {
	uint32_t uid, euid, suid, gid, egid, sgid;
	int ngroups;
	uint32_t groups[NGROUPS_MAX];
};

/* What a task, a process or its children have used (usage.c). */
struct usage {
	nsec cpu;
	uint64_t sleeps, preemptions; /* voluntary and involuntary context switches */
	uint64_t peak;                /* of memory, bytes: the largest of one process */
};

struct process {
	int pid;                /* [I] */
	int refs;               /* [a] */
	struct lock lock;
	struct list tasks;      /* [p] live tasks */
	int ntasks;             /* [p] */

	int ppid;               /* [P, read anywhere] */
	struct process *parent; /* [P] */
	struct list children;   /* [P] */
	struct list sibling;    /* [P] parent->children */
	struct list all;        /* [P] every process, by pid */
	struct pgroup *pgroup;  /* [P] */
	struct list of_pgroup;  /* [P] */
	struct wait_queue child_exit; /* our waits sleep here */

	struct mm *mm;          /* [I] between execs */
	struct fdtable *files;  /* [I] vfs/fdtable.h */
	struct fs_context *fs;  /* [I] cwd, root, umask: vfs/path.h */
	struct cred cred;       /* [p] */
	struct sighand sighand; /* [p] */
	struct pending pending; /* [p] signals for any thread */
	sigset during_fork;     /* [p] what of them a fork under way takes along (signal_inherit) */
	struct abi_rlimit limits[RLIMIT_NLIMITS]; /* [p] */
	int nice;               /* [a] */

	bool zombie;            /* [P] */
	bool exiting;           /* [p] no new tasks; status is decided */
	bool host_child;        /* [I] tell the host when it ends */
	bool has_execed;        /* [P] since fork: setpgid by the parent is refused */
	int status;             /* [p] wait status once zombie */
	bool stopped;           /* [p] by job control */
	int stop_status;        /* [p] to be reported by WUNTRACED; 0 none */
	bool continued;         /* [p] to be reported by WCONTINUED */
	struct wait_queue resume; /* stopped tasks sleep here */

	nsec started;           /* [I] */
	struct usage used, used_below; /* [p] of ended tasks; of waited-for children */
	struct cpu_limit *cpu_limit; /* [p] watches RLIMIT_CPU; made when first set */
	struct itimer *itimers[3]; /* [p] ITIMER_*; made when first set */
	struct list ptimers;    /* [p] of timer_create */
	struct list sem_undos;  /* under ipc/sem.c's lock */
	struct module *module;  /* [p] the compiled image, with a reference; init has none */
	char name[16];          /* [p] last component of the program's path, or as its first thread was named */
	char *args;             /* [p] argv and envp, NUL-separated, for startup and /proc */
	uint32_t args_length, argc, envc, args_only; /* args_only: bytes of argv alone */
	struct file *image;     /* [p] the program's file, for /proc/PID/exe */
	struct trace *trace;    /* [p] who traces it, with a reference (trace.c) */
	struct trace *trace_children; /* [p] the same for what it starts from now on */
};

/* A process group; sessions and controlling terminals hang on it. */
struct pgroup {
	int id;
	int refs;                /* [P] members, and ttys whose foreground it is */
	struct session *session; /* [I] with a reference */
	struct list members;     /* [P] */
	struct list all;         /* [P] */
};
struct session {
	int id;
	int refs;                /* [a] process groups and the tty */
	struct tty *tty;         /* [P] controlling terminal, or NULL */
};
extern struct lock processes_lock; /* RANK_PROCESSES */

extern _Thread_local struct task *current; /* NULL on the supervisor's instance */
#define current_process (current->process)

/* ---- task.c ---- */
/* A task of p, not yet running, with one reference (its life's), and these signals blocked. NULL: no memory. */
struct task *task_new(struct process *p, int tid, sigset mask);
/* Undo task_new for a task that never ran. */
void task_abandon(struct task *t);
void task_put(struct task *t);
static inline struct task *task_get(struct task *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}
/* Its name; with its process's lock held. */
static inline char *task_name(struct task *t)
{
	return t->tid == t->process->pid ? t->process->name : t->name;
}
/* The thread tid, of process pid unless that is 0, with a reference; or NULL. */
struct task *task_find(int pid, int tid);
/* Is it in user mode? It may have entered or left by the time of the answer. */
static inline bool task_in_user(const struct task *t)
{
	uint32_t state = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);

	return state == TASK_USER || state == TASK_TRACED;
}
/* Swap it from user mode to `state` (or KERNEL, for the task itself): false when it isn't there. */
static inline bool task_leave_user(struct task *t, uint32_t state)
{
	uint32_t was = __atomic_load_n(&t->state, __ATOMIC_SEQ_CST);

	while (was == TASK_USER || was == TASK_TRACED)
		if (__atomic_compare_exchange_n(&t->state, &was, state, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}
/* Make a sleeper look again, from anywhere. */
void task_wake(struct task *t);
/* Make it look for signals and kills soon; with its process's lock held. */
void task_interrupt(struct task *t);
/* Make it leave the kernel the slow way soon; with the same lock. For what is no signal. */
void task_look(struct task *t);
/* The thread dies: flag it, and where it is in user mode, make it look. Same lock. */
void task_kill(struct task *t);
nsec task_cpu(const struct task *t); /* sched.c */

#define PID_MAX 32768 /* pids and tids are below */

/* ---- process.c: the table, the tree, groups and sessions ---- */
int pid_alloc(void); /* processes_lock held; -EAGAIN */
/* A process with pid, as a child of parent (may be NULL for init); inherits ids,
 * group, limits, signal actions. files, fs and mm are not set. NULL: EAGAIN. */
struct process *process_new(struct process *parent);
/* Undo process_new for a child that never ran. */
void process_abandon(struct process *p);
/* Give up its descriptors, directories and address space, those that it has. */
void process_release(struct process *p);
extern struct process *process_init; /* pid 1: adopts orphans and reaps them */
int process_count(void);
nsec uptime(void); /* since boot, which is when init began */
void process_unlink(struct process *p); /* out of the table and tree; processes_lock held */
void process_init_table(void);
struct pgroup *pgroup_new(int id, struct session *s); /* processes_lock held */
void pgroup_join(struct process *p, struct pgroup *g); /* the same */
struct pgroup *pgroup_get(struct pgroup *g);          /* the same */
void pgroup_put(struct pgroup *g);                    /* the same */
struct session *session_new(int id);
void session_put(struct session *s);

/* ---- exit.c ---- */
/* The current task ends for good (status: a wait status if the process is not exiting yet). */
_Noreturn void task_exit(void);
/* End the current process: wait status `status`. Does not return, unless it was a vfork child. */
int process_exit(int status);
/* Begin the end of p with a wait status; needs p->lock. Kills all its tasks but `except`. */
void process_begin_exit(struct process *p, int status, struct task *except);
/* The books of a task that will never run again (by itself, or by the supervisor). */
void task_gone(struct task *t);
int process_wait(int id_type, int id, int options, int *status, struct abi_siginfo *info,
		 struct abi_rusage *usage);
/* Tell p's parent that p stopped, continued or ended; processes_lock held. */
void process_notify_parent(struct process *p, int code, int status);

/* ---- worker.c ---- */
enum { JOB_CLOSE, JOB_START, JOB_FORK, JOB_THREAD };
/* Hand t to a worker, an idle one or a new one: 0, or -EAGAIN when there can be no more. */
int worker_dispatch(struct task *t, int job);
/* Make a busy program look at its pending word; a killed one that doesn't is terminated. */
void worker_poke(struct task *t);

/* ---- process.c ---- */
/* With processes_lock held; NULL when there is none. */
struct process *process_find(int pid);
struct pgroup *pgroup_find(int id);
/* A reference to the process, taken and dropped from anywhere. */
struct process *process_get(int pid);
void process_put(struct process *p);
/* Call f for every process, in pid order, with processes_lock held. */
void process_each(void (*f)(struct process *p, void *arg), void *arg);
/* CPU time of a process so far. */
nsec process_cpu(struct process *p);
nsec process_cpu_locked(struct process *p); /* the same with p->lock held */
/* Is its user at RLIMIT_NPROC, which counts threads? processes_lock held. */
bool process_over_limit(struct process *p);
bool cred_in_group(const struct cred *c, uint32_t gid);

/* ---- usage.c ---- */
void usage_add(struct usage *to, const struct usage *more);
struct usage usage_of_task(const struct task *t);
struct usage usage_of_process(struct process *p);
/* Its memory is about to go; p->lock held. */
void usage_note_peak(struct process *p);
struct abi_rusage; /* abi.h */
void usage_describe(const struct usage *u, struct abi_rusage *to);
/* RLIMIT_CPU was set or inherited: 0 or -ENOMEM. */
int cpu_limit_watch(struct process *p);
void cpu_limit_end(struct process *p);

/* ---- signal.c ---- */
/* Block `mask` until the next return to the program (sigsuspend, ppoll, pselect). */
void signal_mask_temporarily(sigset mask);
/* With the process's lock held: does t have a signal to take? Updates t->attention. */
bool signal_recalculate(struct task *t);
void pending_init(struct pending *q);
void pending_flush(struct pending *q, sigset which);
/* Take one signal out of q, which it is in. */
void pending_remove(struct pending *q, struct queued_signal *s);
/*
 * Send a timer's own signal to p (locked), or its thread t; dropped if it is
 * ignored. When true, signal_report_continue must follow, without the lock.
 */
void signal_report_continue(struct process *p);
bool signal_send_timer(struct process *p, struct task *t, struct queued_signal *s);
/* Take the lowest pending signal of `set` from t or its process: the number, or 0. p->lock held. */
int signal_dequeue(struct task *t, sigset set, struct abi_siginfo *info);
/* May the current process signal p? */
bool signal_permitted(struct process *p, int sig);
/* Would the current task have to leave a sleep? */
bool signal_pending(void);
/* From anywhere, the supervisor too. info may be NULL (SI_KERNEL). 0 or -EAGAIN. */
int signal_send_process(struct process *p, int sig, const struct abi_siginfo *info);
int signal_send_task(struct task *t, int sig, const struct abi_siginfo *info);
/* For what the current thread did itself (SIGPIPE): as if it had sent it. */
void signal_raise(int sig);
/* To p as one of several that get it; needs processes_lock held. */
int signal_send_member(struct process *p, int sig, const struct abi_siginfo *info);
/* To all members; needs processes_lock held. */
void signal_send_pgroup(struct pgroup *g, int sig);
/* For a child that is in the table already: what its group got since its parent began to fork. */
void signal_inherit(struct process *child, struct process *parent);
/* Is sig ignored, or blocked, by the current task? (tty job control) */
bool signal_ignored_or_blocked(int sig);
/* Is pgroup g orphaned? With processes_lock held. */
bool pgroup_orphaned(struct pgroup *g);

#endif
