/*
 * How tasks and processes end, and how parents learn of it.
 *
 * A task ends itself (task_exit), or is terminated in user mode and buried by
 * the supervisor (worker.c); both come to task_gone. The last task of a process
 * to go makes it a zombie; nothing here sleeps, so the supervisor can do it.
 */
#include "../host.h"
#include "../ipc/sysv.h"
#include "../ipc/word.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "futex.h"
#include "mm.h"
#include "timer.h"
#include "trace.h"
#include "worker.h"

static void notify(struct process *parent, struct process *p, int code, int status)
{
	struct abi_siginfo info = { .signo = SIGCHLD, .code = code };

	info.child.pid = p->pid;
	info.child.uid = p->cred.uid;
	info.child.status = status;
	info.child.utime = (int32_t)(p->used.cpu / (NSEC_PER_SEC / CLK_TCK));
	signal_send_process(parent, SIGCHLD, &info);
	wake_all(&parent->child_exit);
}

void process_notify_parent(struct process *p, int code, int status)
{
	struct process *parent = p->parent;

	assert_held(&processes_lock);
	if (!parent || parent == process_init)
		return;
	if ((code == CLD_STOPPED || code == CLD_CONTINUED) &&
	    parent->sighand.action[SIGCHLD - 1].flags & SA_NOCLDSTOP)
		wake_all(&parent->child_exit);
	else
		notify(parent, p, code, status);
}

/* Parents that ignore SIGCHLD, and init, leave no zombies (POSIX, _Exit()). */
static bool reaps_by_itself(struct process *parent)
{
	const struct abi_sigaction *a = &parent->sighand.action[SIGCHLD - 1];

	return parent == process_init || a->handler == SIG_IGN || a->flags & SA_NOCLDWAIT;
}

/* What it used counts for its parent, if that has waited for it (POSIX, times()). */
static void reap(struct process *p, bool waited_for)
{
	struct process *parent = p->parent;

	assert_held(&processes_lock);
	if (waited_for) {
		lock(&parent->lock);
		usage_add(&parent->used_below, &p->used);
		usage_add(&parent->used_below, &p->used_below);
		unlock(&parent->lock);
	}
	process_unlink(p);
	p->parent = NULL;
	process_put(p);
}

static void send_hangup_if_orphaned(struct pgroup *g, bool was_orphaned)
{
	struct process *p;

	if (was_orphaned || !pgroup_orphaned(g))
		return;
	list_for_each(p, &g->members, of_pgroup)
		if (p->stopped) {
			signal_send_pgroup(g, SIGHUP);
			signal_send_pgroup(g, SIGCONT);
			return;
		}
}

static void give_children_to_init(struct process *p)
{
	struct process *c, *next;

	list_for_each_safe(c, next, &p->children, sibling) {
		bool orphaned = pgroup_orphaned(c->pgroup);

		list_remove(&c->sibling);
		list_append(&process_init->children, &c->sibling);
		c->parent = process_init;
		c->ppid = process_init->pid;
		if (c->zombie)
			reap(c, true);
		else
			send_hangup_if_orphaned(c->pgroup, orphaned);
	}
}

static void become_zombie(struct process *p)
{
	struct process *parent = p->parent;
	bool orphaned = pgroup_orphaned(p->pgroup);
	int status = p->status, signal = status & 0x7f;

	p->zombie = true;
	send_hangup_if_orphaned(p->pgroup, orphaned);
	process_notify_parent(p, signal ? CLD_KILLED : CLD_EXITED,
			      signal ? signal : status >> 8 & 0xff);
	if (reaps_by_itself(parent)) {
		reap(p, parent == process_init);
		wake_all(&parent->child_exit);
	}
}

#define DUMPS_CORE (sigbit(SIGQUIT) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGABRT) |      \
		    sigbit(SIGBUS) | sigbit(SIGFPE) | sigbit(SIGSEGV) | sigbit(SIGXCPU) |      \
		    sigbit(SIGXFSZ) | sigbit(SIGSYS))

/* Who would leave a core file elsewhere leaves a line in the log: its memory is the worker's, and gone. */
static void report_core(struct process *p)
{
	int signal = p->status & 0x7f;

	if (signal && sigbit(signal) & DUMPS_CORE && p->limits[RLIMIT_CORE].cur > 0)
		klog(5, "%s[%d]: ended by signal %d; no core file is written", p->name, p->pid, signal);
}

static void process_finish(struct process *p)
{
	struct session *s = NULL;
	bool host_child = p->host_child;
	int pid = p->pid, status = p->status;

	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	report_core(p);
	timers_free(p);
	cpu_limit_end(p);
	trace_end(p);
	sem_exit(p);
	process_release(p);
	lock(&processes_lock);
	if (p->pgroup->session->id == p->pid) {
		s = p->pgroup->session;
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	}
	unlock(&processes_lock);
	if (s) {
		tty_session_end(s);
		session_put(s);
	}
	lock(&processes_lock);
	give_children_to_init(p);
	become_zombie(p);
	unlock(&processes_lock);
	if (host_child)
		supervisor_exited(pid, status);
	process_put(p);
}

void process_begin_exit(struct process *p, int status, struct task *except)
{
	struct task *t, *next;

	assert_held(&p->lock);
	if (p->exiting)
		return;
	p->exiting = true;
	p->status = status;
	list_for_each_safe(t, next, &p->tasks, of_process)
		if (t != except)
			task_kill(t);
}

void task_gone(struct task *t)
{
	struct process *p = t->process;
	struct usage used;
	bool last;

	word_task_gone(t);
	lock(&p->lock);
	list_remove(&t->of_process);
	used = usage_of_task(t);
	usage_add(&p->used, &used);
	last = --p->ntasks == 0;
	if (!last)
		trace_thread_end(p, t->tid);
	t->state_letter = 'X';
	unlock(&p->lock);
	if (last)
		process_finish(p);
	else
		wake_all(&p->resume); /* exec waits to be alone */
	if (t->lender)
		sched_move(t, t->lender);
	else
		sched_end(t);
	task_put(t);
}

_Noreturn void task_exit(void)
{
	struct task *t = current;

	shared_release();
	futex_robust_exit(t);
	futex_pi_exit();
	worker_poke_end(t); /* whoever joins it may use the word's memory again */
	if (t->clear_tid && user_store(t->clear_tid, 0) == 0)
		futex_wake_address(t->clear_tid, 1);
	t->outcome = OUTCOME_EXIT;
	task_gone(t);
	host_unwind();
}

/* The child is done with the parent's worker and memory: the parent goes on. */
static int vfork_return(struct task *child)
{
	struct task *parent = child->lender;

	current = parent;
	parent->state_letter = 'R';
	task_gone(child);
	task_put(parent);
	return 1;
}

int process_exit(int status)
{
	struct task *t = current;

	lock(&t->process->lock);
	process_begin_exit(t->process, status, t);
	unlock(&t->process->lock);
	if (t->lender)
		return vfork_return(t);
	task_exit();
}

void task_crashed(struct task *t)
{
	lock(&t->process->lock);
	process_begin_exit(t->process, SIGKILL, t);
	unlock(&t->process->lock);
	task_gone(t);
}

/* ---- wait ---- */

static bool matches(struct process *c, int id_type, int id)
{
	switch (id_type) {
	case P_PID:
		return c->pid == id;
	case P_PGID:
		return c->pgroup->id == id;
	default:
		return true;
	}
}

/* What there is to report of c, as a CLD_ code (0: nothing) with its wait status. */
static int report_of(struct process *c, int options, int *status)
{
	if (c->zombie) {
		*status = c->status;
		return options & WEXITED ? (c->status & 0x7f ? CLD_KILLED : CLD_EXITED) : 0;
	}
	if (options & WSTOPPED && c->stop_status) {
		*status = c->stop_status;
		return CLD_STOPPED;
	}
	if (options & WCONTINUED && c->continued) {
		*status = W_CONTINUED;
		return CLD_CONTINUED;
	}
	return 0;
}

static void take_report(struct process *c, int code)
{
	switch (code) {
	case CLD_STOPPED:
		c->stop_status = 0;
		break;
	case CLD_CONTINUED:
		c->continued = false;
		break;
	default:
		reap(c, true);
	}
}

static void fill_info(struct abi_siginfo *info, struct process *c, int code, int status)
{
	memset(info, 0, sizeof(*info));
	info->signo = SIGCHLD;
	info->code = code;
	info->child.pid = c->pid;
	info->child.uid = c->cred.uid;
	info->child.status = code == CLD_EXITED || code == CLD_STOPPED ? status >> 8 & 0xff :
			     code == CLD_CONTINUED ? SIGCONT : status & 0x7f;
}

static void fill_usage(struct abi_rusage *usage, struct process *c)
{
	struct usage sum = usage_of_process(c);

	usage_add(&sum, &c->used_below);
	usage_describe(&sum, usage);
}

/* One look at the children: a pid, 0 when none has news, -ECHILD when none can. */
static int look(int id_type, int id, int options, int *status, struct abi_siginfo *info,
		struct abi_rusage *usage)
{
	struct process *c, *next;
	bool any = false;

	assert_held(&processes_lock);
	list_for_each_safe(c, next, &current_process->children, sibling) {
		int code, pid = c->pid;

		if (!matches(c, id_type, id))
			continue;
		/* a zombie will not stop any more: Linux, too, doesn't wait for that */
		any |= !c->zombie || options & WEXITED;
		code = report_of(c, options, status);
		if (!code)
			continue;
		if (info)
			fill_info(info, c, code, *status);
		if (usage)
			fill_usage(usage, c);
		if (!(options & WNOWAIT))
			take_report(c, code);
		return pid;
	}
	return any ? 0 : -ECHILD;
}

/*
 * Wait for a child: its pid, 0 (WNOHANG and no news), -ECHILD or -ERESTART.
 * id as waitid's; usage is of the child alone.
 */
int process_wait(int id_type, int id, int options, int *status, struct abi_siginfo *info,
		 struct abi_rusage *usage)
{
	int found = 0, err;

	lock(&processes_lock);
	err = wait_event(&current_process->child_exit, &processes_lock,
			 /* looked at again after a sleep, but a child is reaped once */
			 found != 0 ||
				 (found = look(id_type, id, options, status, info, usage)) != 0 ||
				 options & WNOHANG,
			 FOREVER);
	unlock(&processes_lock);
	return err && !found ? err : found;
}
