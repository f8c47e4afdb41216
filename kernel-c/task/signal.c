/*
 * Signals: sending, choosing, default actions. libc runs the handlers
 * (docs/architecture.md, "Signals").
 *
 * A signal is queued on a task or a process under process->lock. What is ignored
 * when it is sent is dropped; what is fatal kills at once, wherever the
 * target's threads are; the rest waits until a thread that does not block it
 * leaves the kernel (syscall_attention) or asks for it (sigtimedwait).
 */
#include "../host.h"
#include "../kernel.h"
#include "../dev/event.h"
#include "../lib/alloc.h"
#include "entry.h"
#include "timer.h"
#include "trace.h"
#include "worker.h"

#define STOPS (sigbit(SIGSTOP) | sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU))
#define IGNORED_BY_DEFAULT (sigbit(SIGCHLD) | sigbit(SIGCONT) | sigbit(SIGURG) | sigbit(SIGWINCH))
#define UNBLOCKABLE (sigbit(SIGKILL) | sigbit(SIGSTOP))
#define FAULTS (sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGBUS) | sigbit(SIGFPE) | \
		sigbit(SIGSEGV) | sigbit(SIGSYS))
#define QUEUE_MAX 1024 /* real-time signals waiting in one queue */

static struct slab_cache queued_cache = SLAB_CACHE("sigqueue", struct queued_signal);

/* Changed under the lock of the process; signal_pending looks without it. */
static void pending_mark(struct pending *q, sigset set)
{
	__atomic_store_n(&q->set, set, __ATOMIC_RELAXED);
}

void pending_init(struct pending *q)
{
	q->set = 0;
	list_init(&q->queue);
}

void pending_flush(struct pending *q, sigset which)
{
	struct queued_signal *s, *next;

	list_for_each_safe(s, next, &q->queue, node)
		if (sigbit(s->info.signo) & which) {
			list_remove(&s->node);
			if (s->of_timer)
				ptimer_dropped(s);
			else
				slab_free(&queued_cache, s);
		}
	pending_mark(q, q->set & ~which);
}

void pending_remove(struct pending *q, struct queued_signal *s)
{
	int sig = s->info.signo;
	sigset set = q->set & ~sigbit(sig);

	list_remove(&s->node);
	list_for_each(s, &q->queue, node)
		if (s->info.signo == sig)
			set |= sigbit(sig);
	pending_mark(q, set);
}

/* Standard signals are queued once, real-time signals each time (POSIX 2.4.2). */
static int pending_add(struct pending *q, int sig, const struct abi_siginfo *info,
		       struct queued_signal *own)
{
	struct queued_signal *s;

	if (own) {
		list_append(&q->queue, &own->node);
		pending_mark(q, q->set | sigbit(sig));
		return 0;
	}
	if (sig < SIGRTMIN && q->set & sigbit(sig))
		return 0;
	s = slab_alloc(&queued_cache);
	if (!s && (sig >= SIGRTMIN || !(q->set & sigbit(sig)))) {
		if (sig >= SIGRTMIN)
			return -EAGAIN;
		pending_mark(q, q->set | sigbit(sig)); /* the signal arrives, its siginfo is lost */
		return 0;
	}
	if (info)
		s->info = *info;
	else
		s->info.code = SI_KERNEL;
	s->info.signo = sig;
	list_append(&q->queue, &s->node);
	pending_mark(q, q->set | sigbit(sig));
	return 0;
}

static bool pending_take(struct pending *q, int sig, struct abi_siginfo *info)
{
	struct queued_signal *s, *next;
	bool found = false, more = false;

	if (!(q->set & sigbit(sig)))
		return false;
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	list_for_each_safe(s, next, &q->queue, node) {
		if (s->info.signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = true;
		list_remove(&s->node);
		if (s->of_timer)
			ptimer_taken(s);
		*info = s->info;
		if (!s->of_timer)
			slab_free(&queued_cache, s);
	}
	if (!more)
		pending_mark(q, q->set & ~sigbit(sig));
	return true;
}

int signal_dequeue(struct task *t, sigset set, struct abi_siginfo *info)
{
	struct process *p = t->process;
	sigset ready;
	int sig;

	assert_held(&p->lock);
	ready = (t->pending.set | p->pending.set) & set;
	if (!ready)
		return 0;
	/* faults first, then by number: Linux's order */
	sig = __builtin_ctzll(ready & FAULTS ? ready & FAULTS : ready) + 1;
	if (!pending_take(&t->pending, sig, info))
		pending_take(&p->pending, sig, info);
	return sig;
}

/* ---- what a signal would do ---- */

enum disposition { DO_IGNORE, DO_STOP, DO_CONTINUE, DO_KILL, DO_HANDLE };

static enum disposition disposition(const struct process *p, int sig)
{
	uint32_t handler = p->sighand.action[sig - 1].handler;

	if (handler == SIG_IGN)
		return DO_IGNORE;
	if (handler != SIG_DFL)
		return DO_HANDLE;
	if (sigbit(sig) & IGNORED_BY_DEFAULT)
		return DO_IGNORE;
	return sigbit(sig) & STOPS ? DO_STOP : DO_KILL;
}

bool signal_ignored_or_blocked(int sig)
{
	return current->mask & sigbit(sig) ||
	       current_process->sighand.action[sig - 1].handler == SIG_IGN;
}

static sigset deliverable(const struct task *t)
{
	return (__atomic_load_n(&t->pending.set, __ATOMIC_RELAXED) |
		__atomic_load_n(&t->process->pending.set, __ATOMIC_RELAXED)) & ~t->mask;
}

bool signal_pending(void)
{
	struct task *t = current;

	return __atomic_load_n(&t->killed, __ATOMIC_RELAXED) ||
	       (__atomic_load_n(&t->attention, __ATOMIC_ACQUIRE) && deliverable(t)) ||
	       __atomic_load_n(&t->process->stopped, __ATOMIC_RELAXED);
}

bool signal_recalculate(struct task *t)
{
	bool any = deliverable(t) != 0;

	assert_held(&t->process->lock);
	__atomic_store_n(&t->attention,
			 any || t->killed || t->process->stopped || t->restore_mask ||
				 __atomic_load_n(&t->sched.told, __ATOMIC_RELAXED) ? ATTENTION_LOOK :
			 t->traced ? ATTENTION_TRACE : 0,
			 __ATOMIC_SEQ_CST);
	return any;
}

/* ---- sending ---- */

static void process_continue(struct process *p)
{
	struct task *t;

	pending_flush(&p->pending, STOPS);
	list_for_each(t, &p->tasks, of_process)
		pending_flush(&t->pending, STOPS);
	if (!p->stopped)
		return;
	p->stopped = false;
	p->stop_status = 0;
	p->continued = true;
	wake_all(&p->resume);
}

/* Does any thread take sig, by not blocking it or by waiting for it? */
static struct task *receiver(struct process *p, int sig)
{
	struct task *t, *found = NULL;

	list_for_each(t, &p->tasks, of_process) {
		if (t->awaited & sigbit(sig))
			return t;
		if (!(t->mask & sigbit(sig)) && !found)
			found = t;
	}
	return found;
}

static int send(struct process *p, struct task *only, int sig, const struct abi_siginfo *info,
		struct queued_signal *own, bool *continued)
{
	enum disposition what;
	struct task *t;
	bool open;
	int err;

	assert_held(&p->lock);
	if (p->exiting || (only && list_empty(&only->of_process)))
		return 0;
	if (sig == SIGCONT) {
		*continued = p->stopped;
		process_continue(p);
	} else if (sigbit(sig) & STOPS) {
		pending_flush(&p->pending, sigbit(SIGCONT));
		list_for_each(t, &p->tasks, of_process)
			pending_flush(&t->pending, sigbit(SIGCONT));
	}
	what = disposition(p, sig);
	/* None: all block it, or the process is being born; its first task looks when it starts. */
	t = only ? only : receiver(p, sig);
	open = t && (!(t->mask & sigbit(sig)) || t->awaited & sigbit(sig));
	if (what == DO_IGNORE && !(t && t->awaited & sigbit(sig)) &&
	    (open || p->sighand.action[sig - 1].handler == SIG_IGN || sig == SIGCONT))
		return 0;
	/* a stopped process takes only SIGKILL before it is continued (POSIX 2.4.1) */
	if (what == DO_KILL && open && !(t->awaited & sigbit(sig)) && (!p->stopped || sig == SIGKILL)) {
		trace_signal(p, t->tid, sig, info);
		process_begin_exit(p, sig, NULL);
		return 0;
	}
	err = pending_add(only ? &only->pending : &p->pending, sig, info, own);
	if (err == 0 && open)
		task_interrupt(t);
	signalfd_wake();
	return err;
}

void signal_report_continue(struct process *p)
{
	lock(&processes_lock);
	process_notify_parent(p, CLD_CONTINUED, SIGCONT);
	unlock(&processes_lock);
}

/*
 * processes_lock may be held (by signal_send_pgroup and exit), and then the
 * parent is told at once; else it is taken for that, after p->lock.
 */
static int send_locked(struct process *p, struct task *only, int sig,
		       const struct abi_siginfo *info, bool table_locked)
{
	bool continued = false;
	int err;

	if (p == process_init)
		return 0;
	lock(&p->lock);
	err = send(p, only, sig, info, NULL, &continued);
	unlock(&p->lock);
	if (continued && table_locked)
		process_notify_parent(p, CLD_CONTINUED, SIGCONT);
	else if (continued)
		signal_report_continue(p);
	return err;
}

bool signal_send_timer(struct process *p, struct task *t, struct queued_signal *s)
{
	bool continued = false;

	send(p, t, s->info.signo, NULL, s, &continued);
	return continued;
}

int signal_send_process(struct process *p, int sig, const struct abi_siginfo *info)
{
	return send_locked(p, NULL, sig, info, sig == SIGCHLD);
}

int signal_send_task(struct task *t, int sig, const struct abi_siginfo *info)
{
	return send_locked(t->process, t, sig, info, false);
}

void signal_raise(int sig)
{
	struct abi_siginfo info = { .signo = sig, .code = SI_USER };

	info.kill.pid = current_process->pid;
	info.kill.uid = current_process->cred.uid;
	signal_send_task(current, sig, &info);
}

int signal_send_table_locked(struct process *p, int sig, const struct abi_siginfo *info)
{
	assert_held(&processes_lock);
	return send_locked(p, NULL, sig, info, true);
}

int signal_send_member(struct process *p, int sig, const struct abi_siginfo *info)
{
	int err = signal_send_table_locked(p, sig, info);

	lock(&p->lock);
	p->during_fork |= p->pending.set & sigbit(sig);
	unlock(&p->lock);
	return err;
}

void signal_send_pgroup(struct pgroup *g, int sig)
{
	struct process *p;

	assert_held(&processes_lock);
	list_for_each(p, &g->members, of_pgroup)
		signal_send_member(p, sig, NULL);
}

/*
 * A signal for a group comes before a fork, or goes to the parent and to the child (Linux,
 * copy_process). libc blocks everything while it forks, which takes a while, so it may lie
 * with the parent when the child isn't in the group yet: without this the child would
 * escape, and with it what it forks (a shell's fork bomb escapes Ctrl-C like this).
 */
void signal_inherit(struct process *child, struct process *parent)
{
	sigset set;

	lock(&parent->lock);
	set = parent->during_fork & parent->pending.set;
	unlock(&parent->lock);
	lock(&child->lock);
	for (; set; set &= set - 1) {
		int sig = __builtin_ctzll(set) + 1;

		if (!(child->pending.set & sigbit(sig)))
			pending_add(&child->pending, sig, NULL, NULL);
	}
	unlock(&child->lock);
}

bool signal_permitted(struct process *p, int sig)
{
	const struct cred *me = &current_process->cred, *it = &p->cred;

	if (me->euid == 0 || p == current_process)
		return true;
	if (sig == SIGCONT && p->pgroup && current_process->pgroup &&
	    p->pgroup->session == current_process->pgroup->session)
		return true;
	return me->euid == it->uid || me->euid == it->suid || me->uid == it->uid ||
	       me->uid == it->suid;
}

/* ---- taking ---- */

void signal_mask_temporarily(sigset mask)
{
	struct task *t = current;

	lock(&t->process->lock);
	if (!t->restore_mask)
		t->saved_mask = t->mask;
	t->restore_mask = true;
	t->mask = mask & ~UNBLOCKABLE;
	signal_recalculate(t);
	unlock(&t->process->lock);
}

static void stop_here(struct process *p, int sig)
{
	lock(&p->lock);
	if (!p->stopped) {
		p->stopped = true;
		p->continued = false;
		p->stop_status = W_STOPCODE(sig);
	}
	for (struct task *t = list_first(&p->tasks, struct task, of_process);
	     &t->of_process != &p->tasks;
	     t = list_first(&t->of_process, struct task, of_process))
		if (t != current)
			task_interrupt(t);
	unlock(&p->lock);
	trace_stop(p, current->tid, sig);
	lock(&processes_lock);
	process_notify_parent(p, CLD_STOPPED, sig);
	unlock(&processes_lock);
}

static void stay_stopped(struct process *p)
{
	struct waiter w;

	wait_begin(&p->resume, &w);
	while (p->stopped && !current->killed) {
		current->state_letter = 'T';
		wait_sleep_killable(FOREVER);
	}
	current->state_letter = 'R';
	wait_end(&w);
}

/* A stop from the terminal does not stop an orphaned group (POSIX 2.4.3). */
static bool may_stop(struct process *p, int sig)
{
	bool orphaned;

	if (sig == SIGSTOP)
		return true;
	lock(&processes_lock);
	orphaned = pgroup_orphaned(p->pgroup);
	unlock(&processes_lock);
	return !orphaned;
}

/*
 * Act on what needs no handler. Returns true when a handler is to run. Does
 * not return if the task is to die.
 */
static bool act(struct task *t)
{
	struct process *p = t->process;
	struct abi_siginfo info;
	bool handle;
	int sig;

	for (;;) {
		if (t->killed)
			return false;
		if (p->stopped) {
			stay_stopped(p);
			continue;
		}
		lock(&p->lock);
		sigset ready = deliverable(t);
		sig = ready ? __builtin_ctzll(ready) + 1 : 0;
		handle = sig && disposition(p, sig) == DO_HANDLE;
		if (sig && !handle) {
			signal_dequeue(t, sigbit(sig), &info);
			trace_signal(p, t->tid, sig, &info);
		}
		if (!sig || handle)
			signal_recalculate(t);
		enum disposition what = sig ? disposition(p, sig) : DO_IGNORE;
		if (!handle && what == DO_KILL)
			process_begin_exit(p, sig, NULL);
		unlock(&p->lock);
		if (!sig || handle)
			return handle;
		if (what == DO_STOP && may_stop(p, sig))
			stop_here(p, sig);
	}
}

static void vfork_child_killed(struct task *child)
{
	struct task *parent = child->lender;

	current = parent;
	parent->state_letter = 'R';
	parent->vfork_ended = true;
	task_gone(child);
	task_put(parent);
}

/*
 * Called in user state by syscall_exit when there is something to see to, or
 * when the call was interrupted.
 */
int64_t syscall_attention(int64_t result)
{
	struct task *t = current;
	bool handle;

	syscall_enter(t->syscall);
	if (unlikely(t->traced))
		trace_leave(result);
	do {
		if (unlikely(__atomic_load_n(&t->sched.told, __ATOMIC_RELAXED)))
			sched_reschedule();
		handle = act(t);
		if (t->killed && !t->lender)
			task_exit();
		if (t->killed) {
			vfork_child_killed(t);
			t = current;
			handle = true;
			result = 0;
		}
		if (!handle && t->restore_mask) {
			lock(&t->process->lock);
			t->mask = t->saved_mask;
			t->restore_mask = false;
			handle = signal_recalculate(t);
			unlock(&t->process->lock);
		} else if (!handle) {
			lock(&t->process->lock);
			signal_recalculate(t);
			unlock(&t->process->lock);
		}
		if (handle || interrupted(result)) {
			if (!t->pending_word || user_store(t->pending_word, 1) < 0)
				result = interrupted(result) ? -EINTR : result;
		}
		__atomic_store_n(&t->state, t->traced ? TASK_TRACED : TASK_USER, __ATOMIC_SEQ_CST);
		/* what came in the meantime; a handler that waits is no news */
		if (!handle && __atomic_load_n(&t->attention, __ATOMIC_SEQ_CST) & ATTENTION_LOOK) {
			syscall_enter(t->syscall);
			continue;
		}
		if (handle && (t->killed || t->process->stopped)) {
			syscall_enter(t->syscall);
			continue;
		}
		return result;
	} while (true);
}

/*
 * The next signal with a handler, for libc: 1 and *frame, 0 when there is none,
 * 2 when a vfork child has ended (libc jumps back to the vfork point).
 */
int signal_take(struct abi_sigframe *frame)
{
	struct task *t = current;
	struct process *p = t->process;
	struct abi_sigaction *a;
	int sig = 0;

	if (t->vfork_ended) {
		t->vfork_ended = false;
		return 2;
	}
	memset(frame, 0, sizeof(*frame));
	lock(&p->lock);
	sigset ready = deliverable(t), handled = 0;
	for (sigset rest = ready; rest; rest &= rest - 1) {
		int s = __builtin_ctzll(rest) + 1;

		if (disposition(p, s) == DO_HANDLE)
			handled |= sigbit(s);
	}
	sig = signal_dequeue(t, handled, &frame->info);
	if (sig) {
		trace_signal(p, t->tid, sig, &frame->info);
		a = &p->sighand.action[sig - 1];
		frame->handler = a->handler;
		frame->flags = a->flags;
		frame->old_mask = t->restore_mask ? t->saved_mask : t->mask;
		t->restore_mask = false;
		t->mask |= (sigset)a->mask[0] | (sigset)a->mask[1] << 32;
		if (!(a->flags & SA_NODEFER))
			t->mask |= sigbit(sig);
		t->mask &= ~UNBLOCKABLE;
		if (a->flags & SA_ONSTACK && t->alt_stack.flags == 0) {
			frame->alt_stack = t->alt_stack.base;
			frame->alt_size = t->alt_stack.size;
		}
		if (a->flags & SA_RESETHAND)
			a->handler = SIG_DFL;
	} else if (t->restore_mask) {
		t->mask = t->saved_mask;
		t->restore_mask = false;
	}
	signal_recalculate(t);
	unlock(&p->lock);
	return sig ? 1 : 0;
}
