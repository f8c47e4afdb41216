/*
 * Signals: queueing, masks, defaults, and what reaches libc.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"

#define HANDLER 4096u

static void set_action(int sig, uint32_t handler, uint32_t flags)
{
	current_process->sighand.action[sig - 1] =
		(struct abi_sigaction){ .handler = handler, .flags = flags };
}

TEST("signal: a standard signal is queued once, a real-time signal each time")
{
	struct abi_siginfo info = { .code = SI_QUEUE };

	current->mask = ~0ull;
	for (int i = 0; i < 3; i++) {
		info.kill.value = i;
		EXPECT_EQ(signal_send_process(current_process, SIGUSR1, &info), 0);
		EXPECT_EQ(signal_send_process(current_process, SIGRTMIN + 3, &info), 0);
	}
	EXPECT(test_take_signal(current, SIGUSR1));
	EXPECT(!test_take_signal(current, SIGUSR1));
	lock(&current_process->lock);
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT_EQ(signal_dequeue(current, sigbit(SIGRTMIN + 3), &info), SIGRTMIN + 3);
		EXPECT_EQ(info.kill.value, i);
	}
	EXPECT_EQ(signal_dequeue(current, ~0ull, &info), 0);
	unlock(&current_process->lock);
}

TEST("signal: an ignored signal is dropped unless it is blocked by its default")
{
	set_action(SIGUSR1, SIG_IGN, 0);
	signal_send_process(current_process, SIGUSR1, NULL);
	EXPECT(!test_take_signal(current, SIGUSR1));
	set_action(SIGCHLD, SIG_DFL, 0);
	current->mask = sigbit(SIGCHLD);
	signal_send_process(current_process, SIGCHLD, NULL);
	EXPECT(test_take_signal(current, SIGCHLD)); /* sigwait must see it */
}

TEST("signal: a blocked signal does not interrupt, unblocking shows it")
{
	current->mask = sigbit(SIGUSR2);
	signal_send_process(current_process, SIGUSR2, NULL);
	EXPECT(!signal_pending());
	current->mask = 0;
	lock(&current_process->lock);
	EXPECT(signal_recalculate(current));
	unlock(&current_process->lock);
	EXPECT(signal_pending());
	EXPECT(test_take_signal(current, SIGUSR2));
}

TEST("signal: taking one blocks its mask and itself, and says what to restore")
{
	struct abi_sigframe frame;

	set_action(SIGUSR1, HANDLER, SA_SIGINFO | SA_RESTART);
	current_process->sighand.action[SIGUSR1 - 1].mask[0] = (uint32_t)sigbit(SIGUSR2);
	current->mask = sigbit(SIGHUP);
	signal_send_process(current_process, SIGUSR1, NULL);
	EXPECT_EQ(signal_take(&frame), 1);
	EXPECT_EQ(frame.info.signo, SIGUSR1);
	EXPECT_EQ(frame.handler, HANDLER);
	EXPECT_EQ(frame.old_mask, sigbit(SIGHUP));
	EXPECT_EQ(current->mask, sigbit(SIGHUP) | sigbit(SIGUSR1) | sigbit(SIGUSR2));
	EXPECT_EQ(signal_take(&frame), 0);
}

TEST("signal: SA_RESETHAND restores the default, SA_NODEFER leaves it open")
{
	struct abi_sigframe frame;

	set_action(SIGUSR1, HANDLER, SA_RESETHAND | SA_NODEFER);
	signal_send_process(current_process, SIGUSR1, NULL);
	EXPECT_EQ(signal_take(&frame), 1);
	EXPECT_EQ(current->mask, 0);
	EXPECT_EQ(current_process->sighand.action[SIGUSR1 - 1].handler, SIG_DFL);
}

TEST("signal: sigsuspend's mask is undone after the handler was chosen")
{
	struct abi_sigframe frame;

	current->mask = sigbit(SIGUSR1);
	signal_send_process(current_process, SIGUSR1, NULL);
	EXPECT(!signal_pending());
	signal_mask_temporarily(0);
	EXPECT(signal_pending());
	EXPECT_EQ(signal_take(&frame), 1);
	EXPECT_EQ(frame.old_mask, sigbit(SIGUSR1));
}

TEST("signal: SIGCONT drops pending stops, a stop drops pending SIGCONT")
{
	current->mask = ~0ull;
	signal_send_process(current_process, SIGTSTP, NULL);
	signal_send_process(current_process, SIGCONT, NULL);
	EXPECT(!test_take_signal(current, SIGTSTP));
	signal_send_process(current_process, SIGTSTP, NULL);
	EXPECT(!test_take_signal(current, SIGCONT));
	EXPECT(test_take_signal(current, SIGTSTP));
}

TEST("signal: a process that is being born takes what its group gets")
{
	struct process *p = process_new(current_process);
	struct task *t;

	EXPECT(p);
	p->sighand.action[SIGINT - 1].handler = SIG_DFL;
	current->mask = ~0ull;
	lock(&processes_lock);
	signal_send_pgroup(current_process->pgroup, SIGINT);
	unlock(&processes_lock);
	t = task_new(p, p->pid, sigbit(SIGUSR1));
	EXPECT(t);
	EXPECT_EQ(t->attention, ATTENTION_LOOK);
	EXPECT(p->pending.set & sigbit(SIGINT));
	EXPECT(!p->exiting);
	lock(&p->lock);
	EXPECT(signal_recalculate(t));
	unlock(&p->lock);
	task_abandon(t);
	process_abandon(p);
}

static void block(sigset set)
{
	EXPECT_EQ(sys_rt_sigprocmask(SIG_BLOCK, test_user_copy(&set, 8), 0, 8), 0);
}

TEST("signal: what a group gets while one of it forks is the child's as well, and nothing else")
{
	sigset before = sigbit(SIGUSR1), program = ~(7ull << 31), all = ~0ull;
	struct process *p;

	block(before);
	lock(&processes_lock);
	signal_send_pgroup(current_process->pgroup, SIGUSR1);
	unlock(&processes_lock);
	block(program); /* as libc's fork does */
	block(all);
	lock(&processes_lock);
	signal_send_pgroup(current_process->pgroup, SIGINT);
	unlock(&processes_lock);
	signal_send_process(current_process, SIGTERM, NULL);
	p = process_new(current_process);
	EXPECT(p);
	signal_inherit(p, current_process);
	EXPECT_EQ(p->pending.set, sigbit(SIGINT));
	process_abandon(p);
}

TEST("signal: a fatal signal marks every task, the status is the signal")
{
	struct task *other = test_task_new(current);

	other->process->sighand.action[SIGTERM - 1].handler = SIG_DFL;
	signal_send_process(other->process, SIGTERM, NULL);
	EXPECT(other->killed);
	EXPECT(other->process->exiting);
	EXPECT_EQ(other->process->status, SIGTERM);
	/* what comes later changes nothing */
	signal_send_process(other->process, SIGKILL, NULL);
	EXPECT_EQ(other->process->status, SIGTERM);
	test_task_free(other);
}

TEST("signal: a killed task in user mode is given time to look, and swapped to DEAD if it doesn't")
{
	struct task *user = test_task_new(current), *kernel = test_task_new(current);

	user->state = TASK_USER;
	task_get(user); /* the supervisor may bury it */
	signal_send_process(user->process, SIGKILL, NULL);
	signal_send_process(kernel->process, SIGKILL, NULL);
	EXPECT_EQ(kernel->state, TASK_KERNEL);
	EXPECT(user->killed && user->attention);
	EXPECT(kernel->killed && kernel->attention);
	test_supervise();
	EXPECT_EQ(user->state, TASK_USER);
	while (task_in_user(user))
		test_supervise();
	EXPECT_EQ(user->state, TASK_DEAD);
	task_put(user);
	test_task_free(kernel);
	test_supervise(); /* the first has become a zombie of this process */
	int status;
	EXPECT(process_wait(P_ALL, 0, WEXITED, &status, NULL, NULL) > 0);
	EXPECT_EQ(status, SIGKILL);
	test_take_signal(current, SIGCHLD);
}

TEST("signal: a killed task that looks in time is left to die by itself")
{
	struct task *t = test_task_new(current);

	t->state = TASK_USER;
	signal_send_process(t->process, SIGKILL, NULL);
	test_supervise();
	EXPECT(task_leave_user(t, TASK_KERNEL)); /* it enters */
	test_supervise();
	EXPECT_EQ(t->state, TASK_KERNEL);
	EXPECT_EQ(t->refs, 1); /* nobody waits for it any more */
	test_task_free(t);
}

TEST("signal: a killed vfork child is left to die by itself: its worker is its parent's")
{
	struct task *t = test_task_new(current);

	t->state = TASK_USER;
	t->lender = current;
	t->pending_word = 4;
	lock(&t->process->lock);
	task_look(t); /* a signal with a handler */
	unlock(&t->process->lock);
	signal_send_process(t->process, SIGKILL, NULL);
	test_supervise();
	EXPECT(list_empty(&t->queued));
	EXPECT_EQ(t->refs, 1);
	t->lender = NULL;
	t->state = TASK_KERNEL;
	test_task_free(t);
}

TEST("signal: permission follows real and saved ids, and SIGCONT the session")
{
	struct task *other = test_task_new(current);

	current_process->cred.euid = current_process->cred.uid = 1000;
	other->process->cred.uid = other->process->cred.suid = 1001;
	EXPECT(!signal_permitted(other->process, SIGTERM));
	EXPECT(signal_permitted(other->process, SIGCONT));
	other->process->cred.suid = 1000;
	EXPECT(signal_permitted(other->process, SIGTERM));
	current_process->cred.euid = current_process->cred.uid = 0;
	test_task_free(other);
}
