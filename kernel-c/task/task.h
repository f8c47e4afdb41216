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
#include "wait.h"

typedef uint64_t sigset; /* bit n-1 is signal n */
#define sigbit(n) (1ull << ((n)-1))

/*
 * The handshake. A task enters the kernel by USER->KERNEL and leaves by the
 * reverse. A killer that swaps USER->DEAD may have the worker terminated; a task
 * in KERNEL sees the kill itself, when it sleeps or on the way out. So no
 * worker is ever terminated while it holds a kernel lock.
 */
enum { TASK_USER = 1, TASK_KERNEL = 2, TASK_DEAD = 3 };

enum task_outcome { OUTCOME_NONE, OUTCOME_EXIT, OUTCOME_EXEC };

struct pending { /* signals waiting for a task or a process */
	sigset set;
	struct list queue; /* of struct queued_signal, in order of arrival */
};

struct task {
	uint32_t state;         /* [a] TASK_USER, TASK_KERNEL, TASK_DEAD */
	uint32_t wakeups;       /* [a] futex word: moves at each wake-up */
	uint32_t seen;          /* [o] wakeups when last looked at */
	bool killed;            /* [a] must die: SIGKILL, exit_group or exec elsewhere */
	bool attention;         /* [a] look for signals, stops and kills on the way out */
	int tid;                /* [I] */
	int refs;               /* [a] */
	struct process *process; /* [I] (a vfork child's task acts for the child) */
	struct list of_process; /* [p] process->tasks */
	struct worker *worker;  /* [w] that runs it */

	struct pending pending; /* [p] signals for this thread */
	sigset mask;            /* [o, read under p] blocked */
	sigset saved_mask;      /* [o] to restore after sigsuspend and the like */
	bool restore_mask;      /* [o] */
	bool sleeping_deaf;     /* [a] in wait_sleep_killable */
	sigset awaited;         /* [p] in sigtimedwait */
	struct abi_sigstack alt_stack; /* [o] */

	uaddr pending_word;     /* [o] libc's "something is pending" */
	uaddr clear_tid;        /* [o] */
	uaddr robust_list;      /* [o] */
	uint32_t globals[4];    /* [o] what the program instance starts with */

	enum task_outcome outcome; /* [o] why the kernel unwound */
	bool syscall_in_progress;  /* [o] */
	nsec cpu_start, cpu_user;  /* [o] */
	const char *syscall;    /* [o] name of the call, for /proc and traces */
	char state_letter;      /* [a] R S D T Z for ps */
	struct vfork *vfork;    /* [o] the vfork this task acts for, or NULL */
};

struct sighand {
	struct abi_sigaction action[NSIG]; /* [p] */
};

struct cred {
	uint32_t uid, euid, suid, gid, egid, sgid;
	int ngroups;
	uint32_t groups[NGROUPS_MAX];
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
	nsec cpu, child_cpu;    /* [p] of ended tasks; of waited-for children */
	struct itimer *timers;  /* [p] */
	int module;             /* [o] id of the compiled image */
	char name[16];          /* [p] last component of the program's path */
	char *args;             /* [p] argv and envp, NUL-separated, for startup and /proc */
	uint32_t args_length, argc, envc, args_only; /* args_only: bytes of argv alone */
	struct file *image;     /* [p] the program's file, for /proc/PID/exe */
};

/* A process group; sessions and controlling terminals hang on it. */
struct pgroup {
	int id;
	int refs;
	struct session *session; /* [I] */
	struct list members;     /* [P] */
	struct list all;         /* [P] */
};
struct session {
	int id;
	int refs;
	struct tty *tty;         /* [P] controlling terminal, or NULL */
};
extern struct lock processes_lock; /* RANK_PROCESSES */

extern _Thread_local struct task *current; /* NULL on the supervisor's instance */
#define current_process (current->process)

/* ---- task.c, process.c ---- */
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
bool cred_in_group(const struct cred *c, uint32_t gid);

/* ---- signal.c ---- */
/* Would the current task have to leave a sleep? */
bool signal_pending(void);
/* From anywhere, the supervisor too. info may be NULL (SI_KERNEL). 0 or -EAGAIN. */
int signal_send_process(struct process *p, int sig, const struct abi_siginfo *info);
int signal_send_task(struct task *t, int sig, const struct abi_siginfo *info);
/* To all members; needs processes_lock held. */
void signal_send_pgroup(struct pgroup *g, int sig);
/* Is sig ignored, or blocked, by the current task? (tty job control) */
bool signal_ignored_or_blocked(int sig);
/* Is pgroup g orphaned? With processes_lock held. */
bool pgroup_orphaned(struct pgroup *g);

#endif
