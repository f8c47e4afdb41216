/*
 * exec: a process becomes another program. Everything that can fail is done
 * first; then the old program is unwound out of the worker by a trap and the
 * boot code starts the new one there.
 */
#include "../host.h"
#include "../kernel.h"
#include "../ipc/word.h"
#include "../lib/alloc.h"
#include "entry.h"
#include "mm.h"
#include "worker.h"

/* Kill the process's other threads and wait until they are gone. */
static int become_only_task(struct task *t)
{
	struct process *p = t->process;
	struct task *other;
	struct waiter w;

	lock(&p->lock);
	if (p->exiting || t->killed) {
		unlock(&p->lock);
		return -ERESTART; /* killed, perhaps by another thread's exec: seen on the way out */
	}
	list_for_each(other, &p->tasks, of_process)
		if (other != t)
			task_kill(other);
	unlock(&p->lock);
	wait_begin(&p->resume, &w);
	while (__atomic_load_n(&p->ntasks, __ATOMIC_SEQ_CST) > 1 && !t->killed)
		wait_sleep_killable(FOREVER);
	wait_end(&w);
	return t->killed ? -ERESTART : 0;
}

/* A vfork child gets a worker of its own; the parent goes on in this one. */
static int exec_from_vfork(struct task *t)
{
	struct task *parent = t->lender;
	int err;

	t->lender = NULL;
	sched_move(t, parent); /* first: its new worker starts it at once */
	err = worker_dispatch(t, JOB_START);
	if (err < 0) {
		sched_move(parent, t);
		t->lender = parent;
		return process_exit(SIGKILL);
	}
	current = parent;
	parent->state_letter = 'R';
	task_put(parent);
	return 1;
}

static int32_t commit(struct image *m)
{
	struct task *t = current;
	struct process *p = t->process;
	struct mm *mm, *old = p->mm;
	int err;

	if ((err = become_only_task(t)) < 0) {
		image_free(m);
		return err;
	}
	mm = mm_new();
	if (!mm) {
		image_free(m);
		return -ENOMEM;
	}
	/* the point of no return */
	if (!t->lender) {
		word_task_gone(t);
		futex_robust_exit(t);
		worker_poke_end(t);
		if (t->clear_tid && user_store(t->clear_tid, 0) == 0)
			futex_wake_address(t->clear_tid, 1);
	}
	image_commit(m, p, t);
	image_free(m);
	lock(&p->lock); /* /proc may be looking */
	t->tid = p->pid; /* whichever thread this was, it is the first now */
	usage_note_peak(p);
	p->mm = mm;
	unlock(&p->lock);
	mm_put(old);
	lock(&processes_lock);
	p->has_execed = true;
	unlock(&processes_lock);
	if (t->lender)
		return exec_from_vfork(t);
	t->outcome = OUTCOME_EXEC;
	host_unwind();
}

static int32_t exec_from(int32_t dirfd, uint32_t path, uint32_t argv, uint32_t envp, uint32_t flags)
{
	struct image *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	if ((err = copy_in_string(m->path, path, PATH_MAX)) < 0 ||
	    (err = image_args(m, argv, envp)) < 0 ||
	    (err = image_load(m, current_process, dirfd, flags)) < 0) {
		image_free(m);
		return err;
	}
	return commit(m);
}

int32_t sys_execve(uint32_t path, uint32_t argv, uint32_t envp)
{
	return exec_from(AT_FDCWD, path, argv, envp, 0);
}

int32_t sys_execveat(int32_t dirfd, uint32_t path, uint32_t argv, uint32_t envp, uint32_t flags)
{
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_from(dirfd, path, argv, envp, flags);
}

/* ---- what the boot code calls around a program's life ---- */

/*
 * The boot code's calls below come in user state, where a kill terminates the
 * worker: so those that touch more than the task enter the kernel as system
 * calls do. True when the task was in user state, and must leave again.
 */
static bool enter(void)
{
	if (task_leave_user(current, TASK_KERNEL))
		return true;
	if (__atomic_load_n(&current->state, __ATOMIC_SEQ_CST) == TASK_DEAD)
		task_wait_for_death();
	return false;
}

int32_t worker_image_begin(void)
{
	current->begun = true;
	return syscall_exit(0);
}

int32_t worker_complain(uint32_t text, uint32_t length)
{
	bool entered = enter();

	task_complain((const char *)(uintptr_t)text, length);
	return entered ? syscall_exit(0) : 0;
}

int32_t worker_module_id(void)
{
	return module_id(current_process->module);
}

uint32_t worker_initial_global(int32_t index)
{
	return index >= 0 && index < (int)countof(current->globals) ? current->globals[index] : 0;
}

/* Also the last thing before a forked child or a thread runs, with heap_base 0. */
int32_t worker_image_ready(uint32_t pages, uint32_t heap_base, uint32_t stack_high)
{
	enter();
	if (heap_base)
		mm_ready(current_process->mm, pages, heap_base, stack_high);
	return syscall_exit(0);
}

static void die_by(int signal)
{
	lock(&current_process->lock);
	process_begin_exit(current_process, signal, current);
	unlock(&current_process->lock);
}

/* The books of the current task; it must not run after this. */
static void bury_myself(void)
{
	struct task *t = current;

	if (t->begun) {
		shared_release();
		futex_robust_exit(t);
	}
	t->outcome = OUTCOME_EXIT;
	task_gone(t);
}

int32_t worker_image_failed(int32_t signal)
{
	enter();
	if (current->outcome != OUTCOME_EXIT) {
		die_by(signal);
		bury_myself();
	}
	worker_leave(current);
	return 0;
}

int32_t worker_unwound(void)
{
	return current->outcome != OUTCOME_NONE;
}

int32_t worker_ended(int32_t trap, int32_t status)
{
	struct task *t = current;

	if (t->outcome == OUTCOME_NONE) {
		enter();
		if (t->lender) { /* a vfork child trapped, and took the parent's frames along */
			die_by(trap ? trap : SIGKILL);
			current = t->lender;
			task_gone(t);
			t = current;
			task_put(t);
		}
		die_by(trap ? trap : W_EXITCODE(status & 0xff, 0));
		bury_myself();
	}
	if (t->outcome == OUTCOME_EXEC) {
		worker_poke_end(t);
		t->outcome = OUTCOME_NONE;
		t->begun = false;
		return 1;
	}
	worker_leave(t);
	return 0;
}

uint32_t worker_memory_id(void)
{
	return current_process->mm->id;
}
