/*
 * System calls on signals: arguments and copies. What they do is in task/signal.c.
 */
#include "../host.h"
#include "../kernel.h"

#define UNBLOCKABLE (sigbit(SIGKILL) | sigbit(SIGSTOP))
#define OF_LIBC (sigbit(32) | sigbit(33) | sigbit(34)) /* no program can block these */

static struct abi_siginfo sent_by_me(int sig, int code)
{
	struct abi_siginfo info = { .signo = sig, .code = code };

	info.kill.pid = current_process->pid;
	info.kill.uid = current_process->cred.uid;
	return info;
}

struct kill_arg {
	int pid, sig;
	const struct abi_siginfo *info;
	int found, permitted, err;
};

static void kill_one(struct process *p, void *arg)
{
	struct kill_arg *k = arg;

	if (k->pid == -1 ? p == process_init || p == current_process :
	    k->pid < -1 ? !p->pgroup || p->pgroup->id != -k->pid : p->pid != k->pid)
		return;
	k->found++;
	if (!signal_permitted(p, k->sig))
		return;
	k->permitted++;
	if (k->sig)
		k->err = k->pid < 0 ? signal_send_member(p, k->sig, k->info) :
				      signal_send_table_locked(p, k->sig, k->info);
}

static int kill_all(int pid, int sig, const struct abi_siginfo *info)
{
	struct kill_arg k = { pid, sig, info, 0, 0, 0 };

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	lock(&processes_lock);
	if (pid == 0)
		k.pid = -current_process->pgroup->id;
	process_each(kill_one, &k);
	unlock(&processes_lock);
	if (!k.found)
		return -ESRCH;
	return k.permitted ? k.err : -EPERM;
}

int32_t sys_kill(int32_t pid, int32_t signal)
{
	struct abi_siginfo info = sent_by_me(signal, SI_USER);

	return pid == INT32_MIN ? -ESRCH : kill_all(pid, signal, &info);
}

int32_t sys_rt_sigqueueinfo(int32_t pid, int32_t signal, uint32_t info)
{
	struct abi_siginfo si;
	int err;

	if ((err = copy_in(&si, info, sizeof(si))) < 0)
		return err;
	if ((si.code >= 0 || si.code == SI_TKILL) && pid != current_process->pid)
		return -EPERM;
	if (pid <= 0)
		return -ESRCH;
	si.signo = signal;
	return kill_all(pid, signal, &si);
}

static int kill_thread(int pid, int tid, int sig)
{
	struct abi_siginfo info = sent_by_me(sig, SI_TKILL);
	struct task *t;
	int err = 0;

	if (sig < 0 || sig > NSIG || tid <= 0)
		return -EINVAL;
	t = task_find(pid, tid);
	if (!t)
		return -ESRCH;
	if (!signal_permitted(t->process, sig))
		err = -EPERM;
	else if (sig)
		err = signal_send_task(t, sig, &info);
	task_put(t);
	return err;
}

int32_t sys_tkill(int32_t tid, int32_t signal)
{
	return kill_thread(0, tid, signal);
}

int32_t sys_tgkill(int32_t pid, int32_t tid, int32_t signal)
{
	return pid <= 0 ? -EINVAL : kill_thread(pid, tid, signal);
}

/* Setting a signal to be ignored also drops it where it is pending (POSIX 2.4.3). */
static void drop_if_ignored(struct process *p, int sig)
{
	uint32_t h = p->sighand.action[sig - 1].handler;
	struct task *t;

	if (h != SIG_IGN && !(h == SIG_DFL && (sig == SIGCHLD || sig == SIGCONT ||
					       sig == SIGURG || sig == SIGWINCH)))
		return;
	pending_flush(&p->pending, sigbit(sig));
	list_for_each(t, &p->tasks, of_process) {
		pending_flush(&t->pending, sigbit(sig));
		signal_recalculate(t);
	}
}

int32_t sys_rt_sigaction(int32_t signal, uint32_t new_action, uint32_t old_action, uint32_t size)
{
	struct process *p = current_process;
	struct abi_sigaction new, old;
	int err;

	if (signal < 1 || signal > NSIG || size != 8 ||
	    (new_action && sigbit(signal) & UNBLOCKABLE))
		return -EINVAL;
	if (new_action && (err = copy_in(&new, new_action, sizeof(new))) < 0)
		return err;
	lock(&p->lock);
	old = p->sighand.action[signal - 1];
	if (new_action) {
		p->sighand.action[signal - 1] = new;
		drop_if_ignored(p, signal);
	}
	unlock(&p->lock);
	return old_action ? copy_out(old_action, &old, sizeof(old)) : 0;
}

/* fork blocks what a program can, then everything: what came before isn't the child's */
static bool begins_fork(sigset mask)
{
	return mask == ~0ull && (current->mask | OF_LIBC | UNBLOCKABLE) == ~0ull;
}

static void set_mask(sigset mask)
{
	lock(&current_process->lock);
	if (!begins_fork(mask))
		current_process->during_fork = 0;
	current->mask = mask & ~UNBLOCKABLE;
	signal_recalculate(current);
	unlock(&current_process->lock);
}

int32_t sys_rt_sigprocmask(int32_t how, uint32_t new_set, uint32_t old_set, uint32_t size)
{
	sigset old = current->mask, set;
	int err;

	if (size != 8)
		return -EINVAL;
	if (new_set) {
		if ((err = copy_in(&set, new_set, 8)) < 0)
			return err;
		switch (how) {
		case SIG_BLOCK:
			set_mask(old | set);
			break;
		case SIG_UNBLOCK:
			set_mask(old & ~set);
			break;
		case SIG_SETMASK:
			set_mask(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return old_set ? copy_out(old_set, &old, 8) : 0;
}

int32_t sys_rt_sigpending(uint32_t set, uint32_t size)
{
	sigset pending;

	if (size > 8)
		return -EINVAL;
	lock(&current_process->lock);
	pending = (current->pending.set | current_process->pending.set) & current->mask;
	unlock(&current_process->lock);
	return copy_out(set, &pending, size);
}

int32_t sys_rt_sigsuspend(uint32_t mask, uint32_t size)
{
	sigset set;
	int err;

	if (size != 8)
		return -EINVAL;
	if ((err = copy_in(&set, mask, 8)) < 0)
		return err;
	signal_mask_temporarily(set);
	wait_as("sigsuspend");
	while (wait_sleep(FOREVER) == 0)
		;
	return -ERESTARTNOHAND;
}

int32_t sys_rt_sigtimedwait(uint32_t set, uint32_t info, uint32_t timeout, uint32_t size)
{
	struct process *p = current_process;
	struct abi_siginfo si;
	struct abi_timespec ts;
	nsec deadline = FOREVER;
	sigset wanted;
	int err, sig;

	if (size != 8)
		return -EINVAL;
	if ((err = copy_in(&wanted, set, 8)) < 0)
		return err;
	if (timeout) {
		if ((err = copy_in(&ts, timeout, sizeof(ts))) < 0 ||
		    (err = timespec_to_nsec(&ts, &deadline)) < 0)
			return err;
		deadline = nsec_add(host_clock(), deadline);
	}
	wanted &= ~UNBLOCKABLE;
	lock(&p->lock);
	current->awaited = wanted;
	wait_as("sigtimedwait");
	err = 0;
	while (!(sig = signal_dequeue(current, wanted, &si)) && err == 0) {
		unlock(&p->lock);
		err = wait_sleep(deadline);
		lock(&p->lock);
	}
	current->awaited = 0;
	signal_recalculate(current);
	unlock(&p->lock);
	if (!sig)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (info && (err = copy_out(info, &si, sizeof(si))) < 0)
		return err;
	return sig;
}

int32_t sys_sigaltstack(uint32_t new_stack, uint32_t old_stack)
{
	struct abi_sigstack new, old = current->alt_stack;
	int err;

	if (new_stack) {
		if ((err = copy_in(&new, new_stack, sizeof(new))) < 0)
			return err;
		if (new.flags & ~SS_DISABLE)
			return -EINVAL;
		if (!(new.flags & SS_DISABLE) && new.size < MINSIGSTKSZ)
			return -ENOMEM;
		current->alt_stack = new;
	}
	return old_stack ? copy_out(old_stack, &old, sizeof(old)) : 0;
}

int32_t sys_signal_take(uint32_t frame)
{
	struct abi_sigframe f;
	int taken = signal_take(&f), err;

	if (taken != 1)
		return taken;
	err = copy_out(frame, &f, sizeof(f));
	return err < 0 ? err : 1;
}

int32_t sys_signal_done(uint32_t mask)
{
	sigset set;
	int err;

	if ((err = copy_in(&set, mask, 8)) < 0)
		return err;
	set_mask(set);
	return 0;
}
