/*
 * Tasks for the unit tests: processes without a worker or a program.
 */
#include "test.h"

#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/task/mm.h"
#include "../kernel-c/vfs/file.h"

#define HANDLER 4096u /* an address in user memory; no test runs it */

static void session_start(struct process *p)
{
	struct session *s = session_new(p->pid);
	struct pgroup *g;

	lock(&processes_lock);
	g = pgroup_new(p->pid, s);
	pgroup_join(p, g);
	pgroup_put(g);
	unlock(&processes_lock);
	session_put(s);
}

struct task *test_task_new(struct task *parent)
{
	struct process *p;
	struct task *t;

	p = process_new(parent ? parent->process : process_init);
	if (!p)
		panic("test_task_new: no process");
	if (!parent)
		session_start(p);
	/* A handler for everything, so that signals are kept for the test to see. */
	for (int sig = 1; sig <= NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			p->sighand.action[sig - 1].handler = HANDLER;
	p->files = parent ? fdtable_copy(parent->process->files) : fdtable_new();
	p->fs = fs_context_new();
	p->mm = mm_new();
	t = task_new(p, p->pid, 0);
	if (!t)
		panic("test_task_new: no task");
	return t;
}

void test_task_free(struct task *t)
{
	struct process *p = t->process;

	task_abandon(t);
	process_abandon(p);
}

void test_become(struct task *t)
{
	current = t;
}

bool test_take_signal(struct task *t, int sig)
{
	struct abi_siginfo info;
	int taken;

	lock(&t->process->lock);
	taken = signal_dequeue(t, sigbit(sig), &info);
	signal_recalculate(t);
	unlock(&t->process->lock);
	return taken == sig;
}
