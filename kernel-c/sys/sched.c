/*
 * System calls on scheduling policies. What they do is in task/sched.c.
 */
#include "../kernel.h"
#include "../task/futex.h"

#define PRIORITY_MAX 99
#define RESET_ON_FORK 0x40000000

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy)
{
	return is_realtime(policy) || policy == SCHED_OTHER || policy == SCHED_BATCH ||
	       policy == SCHED_IDLE;
}

/* The thread, or process's first thread, that pid means, with a reference: NULL and *err. */
static struct task *find(int pid, int *err)
{
	struct task *t;

	*err = -EINVAL;
	if (pid < 0)
		return NULL;
	if (pid == 0)
		return task_get(current);
	*err = -ESRCH;
	t = task_find(0, pid);
	return t;
}

int sched_set(struct task *t, int policy, int priority)
{
	const struct cred *me = &current_process->cred, *it = &t->process->cred;

	if (policy < 0)
		policy = t->policy;
	if (!is_policy(policy) || priority < is_realtime(policy) ||
	    priority > (is_realtime(policy) ? PRIORITY_MAX : 0))
		return -EINVAL;
	if (me->euid != 0 &&
	    (is_realtime(policy) || (me->euid != it->euid && me->euid != it->uid)))
		return -EPERM;
	sched_set_policy(t, policy, priority);
	futex_pi_changed(t);
	return 0;
}

static int set(int pid, int policy, int priority)
{
	struct task *t;
	int err;

	if (!(t = find(pid, &err)))
		return err;
	err = sched_set(t, policy, priority);
	task_put(t);
	return err;
}

int32_t sys_sched_setscheduler(int32_t pid, int32_t policy, uint32_t parameters)
{
	int32_t priority;
	int err;

	if (policy < 0 || policy & RESET_ON_FORK)
		return -EINVAL;
	if ((err = copy_in(&priority, parameters, sizeof(priority))) < 0)
		return err;
	return set(pid, policy, priority);
}

int32_t sys_sched_setparam(int32_t pid, uint32_t parameters)
{
	int32_t priority;
	int err;

	if ((err = copy_in(&priority, parameters, sizeof(priority))) < 0)
		return err;
	return set(pid, -1, priority);
}

int32_t sys_sched_getscheduler(int32_t pid)
{
	struct task *t;
	int policy;

	if (!(t = find(pid, &policy)))
		return policy;
	policy = t->policy;
	task_put(t);
	return policy;
}

int32_t sys_sched_getparam(int32_t pid, uint32_t parameters)
{
	int32_t priority;
	struct task *t;
	int err;

	if (!(t = find(pid, &err)))
		return err;
	priority = t->priority;
	task_put(t);
	return copy_out(parameters, &priority, sizeof(priority));
}

int32_t sys_sched_get_priority_max(int32_t policy)
{
	return is_realtime(policy) ? PRIORITY_MAX : is_policy(policy) ? 0 : -EINVAL;
}

int32_t sys_sched_get_priority_min(int32_t policy)
{
	return is_realtime(policy) ? 1 : is_policy(policy) ? 0 : -EINVAL;
}

/* 0 for SCHED_FIFO, as Linux has it: its turns have no end. */
int32_t sys_sched_rr_get_interval(int32_t pid, uint32_t interval)
{
	struct abi_timespec ts;
	struct task *t;
	int err;

	if (!(t = find(pid, &err)))
		return err;
	ts = nsec_to_timespec(sched_interval(t));
	task_put(t);
	return copy_out(interval, &ts, sizeof(ts));
}
