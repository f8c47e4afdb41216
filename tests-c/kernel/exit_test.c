/*
 * Endings: zombies, wait, orphans, re-parenting.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"

/* The process of t ends with a wait status, as if its only task had left. */
static void end(struct task *t, int status)
{
	lock(&t->process->lock);
	process_begin_exit(t->process, status, t);
	unlock(&t->process->lock);
	task_gone(t);
}

TEST("exit: wait reports the status once, then ECHILD")
{
	struct task *c = test_task_new(current);
	int pid = c->process->pid, status = -1;

	EXPECT_EQ(process_wait(P_PID, pid, WEXITED | WNOHANG, &status, NULL, NULL), 0);
	end(c, W_EXITCODE(7, 0));
	EXPECT_EQ(process_wait(P_PID, pid, WEXITED | WNOWAIT, &status, NULL, NULL), pid);
	EXPECT_EQ(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL), pid);
	EXPECT_EQ(status, W_EXITCODE(7, 0));
	EXPECT_EQ(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL), -ECHILD);
}

TEST("exit: the parent gets SIGCHLD that tells who and how")
{
	struct task *c = test_task_new(current);
	struct abi_siginfo info;
	int pid = c->process->pid, status;

	current->mask = ~0ull;
	end(c, SIGTERM);
	lock(&current_process->lock);
	EXPECT_EQ(signal_dequeue(current, ~0ull, &info), SIGCHLD);
	unlock(&current_process->lock);
	EXPECT_EQ(info.code, CLD_KILLED);
	EXPECT_EQ(info.child.pid, pid);
	EXPECT_EQ(info.child.status, SIGTERM);
	EXPECT_EQ(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL), pid);
}

TEST("exit: a parent that ignores SIGCHLD has no zombies")
{
	struct task *c = test_task_new(current);
	int status;

	current_process->sighand.action[SIGCHLD - 1].handler = SIG_IGN;
	end(c, 0);
	EXPECT_EQ(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL), -ECHILD);
}

TEST("exit: orphans go to init, which reaps zombies")
{
	struct task *c = test_task_new(current), *grandchild = test_task_new(c), *zombie = test_task_new(c);
	int pid = grandchild->process->pid, dead = zombie->process->pid, status;

	end(zombie, 0);
	end(c, 0);
	EXPECT_EQ(grandchild->process->ppid, 1);
	lock(&processes_lock);
	EXPECT(process_find(dead) == NULL);
	EXPECT(process_find(pid) != NULL);
	unlock(&processes_lock);
	end(grandchild, 0);
	lock(&processes_lock);
	EXPECT(process_find(pid) == NULL);
	unlock(&processes_lock);
	EXPECT(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL) > 0);
}

TEST("exit: a group is orphaned when no parent in the session is left")
{
	struct task *c = test_task_new(current);
	int status;

	lock(&processes_lock);
	EXPECT_EQ(process_setpgid(c->process, 0), 0);
	EXPECT(!pgroup_orphaned(c->process->pgroup));
	EXPECT(pgroup_orphaned(current_process->pgroup)); /* its parent is init */
	unlock(&processes_lock);
	end(c, 0);
	EXPECT(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL) > 0);
}

TEST("process: setsid fails for a group leader, setpgid for a session leader")
{
	lock(&processes_lock);
	EXPECT_EQ(process_setsid(current_process), -EPERM);
	EXPECT_EQ(process_setpgid(current_process, 0), -EPERM);
	unlock(&processes_lock);
}

TEST("exit: who is being killed makes no child that would escape")
{
	struct process *p = current_process;

	lock(&p->lock);
	process_begin_exit(p, SIGKILL, current);
	unlock(&p->lock);
	EXPECT(process_new(p) == NULL);
	lock(&p->lock);
	p->exiting = false;
	unlock(&p->lock);
}

TEST("exit: a process that is killed before it has a task dies when it has one")
{
	struct process *p = process_new(current_process);
	struct task *t;

	lock(&p->lock);
	process_begin_exit(p, SIGKILL, NULL);
	unlock(&p->lock);
	t = task_new(p, p->pid, 0);
	EXPECT(t->killed && t->attention);
	task_abandon(t);
	process_abandon(p);
}
