/*
 * Message queues, semaphores and scheduling policies.
 */
#include "../test.h"

#include "../../kernel-c/ipc/mqueue.h"
#include "../../kernel-c/ipc/sysv.h"

static uaddr text(const char *s)
{
	return test_user_copy(s, strlen(s) + 1);
}

static int queue(const char *name, uint32_t flags, int max, int size)
{
	struct abi_mq_attr a = { .maxmsg = max, .msgsize = size };

	return sys_mq_open(text(name), flags, 0600, max ? test_user_copy(&a, sizeof(a)) : 0);
}

static int send(int fd, const char *s, uint32_t priority)
{
	return sys_mq_timedsend(fd, text(s), (uint32_t)strlen(s) + 1, priority, 0);
}

static const char *receive(int fd, uint32_t size, int *result, uint32_t *priority)
{
	uaddr to = test_user(size), p = test_user(4);

	*result = sys_mq_timedreceive(fd, to, size, p, 0);
	*priority = *(uint32_t *)test_user_at(p);
	return test_user_at(to);
}

TEST("mqueue: messages come by priority, in order within one")
{
	int fd = queue("order", O_CREAT | O_RDWR, 8, 16), n;
	uint32_t priority;

	EXPECT(fd >= 0);
	send(fd, "a", 1);
	send(fd, "b", 5);
	send(fd, "c", 1);
	send(fd, "d", 5);
	EXPECT_STR(receive(fd, 16, &n, &priority), "b");
	EXPECT_EQ(priority, 5);
	EXPECT_EQ(n, 2);
	EXPECT_STR(receive(fd, 16, &n, &priority), "d");
	EXPECT_STR(receive(fd, 16, &n, &priority), "a");
	EXPECT_STR(receive(fd, 16, &n, &priority), "c");
	EXPECT_EQ(sys_mq_unlink(text("order")), 0);
	EXPECT_EQ(sys_mq_unlink(text("order")), -ENOENT);
}

TEST("mqueue: opening, limits and errors")
{
	struct abi_timespec past = { 1, 0, 0 };
	int fd, other, n;
	uint32_t priority;

	EXPECT_EQ(queue("none", O_RDWR, 0, 0), -ENOENT);
	EXPECT_EQ(queue("a/b", O_RDWR | O_CREAT, 0, 0), -EACCES);
	EXPECT_EQ(queue("bad", O_RDWR | O_CREAT, 1, 0), -EINVAL);
	fd = queue("limits", O_CREAT | O_RDWR | O_NONBLOCK, 1, 4);
	EXPECT_EQ(queue("limits", O_CREAT | O_EXCL | O_RDWR, 1, 4), -EEXIST);
	EXPECT_EQ(send(fd, "12345", 0), -EMSGSIZE);
	EXPECT_EQ(send(fd, "1", 32768), -EINVAL);
	EXPECT_EQ(send(fd, "1", 0), 0);
	EXPECT_EQ(send(fd, "2", 0), -EAGAIN);
	other = queue("limits", O_WRONLY, 0, 0);
	EXPECT_EQ(sys_mq_timedsend(other, text("2"), 2, 0, test_user_copy(&past, sizeof(past))), -ETIMEDOUT);
	receive(fd, 3, &n, &priority);
	EXPECT_EQ(n, -EMSGSIZE);
	receive(other, 4, &n, &priority);
	EXPECT_EQ(n, -EBADF);
	EXPECT_EQ(sys_mq_unlink(text("limits")), 0);
	EXPECT_EQ(queue("limits", O_RDWR, 0, 0), -ENOENT);
	receive(fd, 4, &n, &priority); /* still there for who has it open */
	EXPECT_EQ(n, 2);
	receive(fd, 4, &n, &priority);
	EXPECT_EQ(n, -EAGAIN);
}

TEST("mqueue: one process is notified, once, of a message in an empty queue")
{
	struct abi_sigevent e = { .value = 9, .signo = SIGUSR1, .notify = SIGEV_SIGNAL };
	int fd = queue("notify", O_CREAT | O_RDWR, 4, 4);
	uaddr event = test_user_copy(&e, sizeof(e));

	current->mask = ~0ull;
	EXPECT_EQ(sys_mq_notify(fd, event), 0);
	EXPECT_EQ(sys_mq_notify(fd, event), -EBUSY);
	EXPECT_EQ(send(fd, "x", 0), 0);
	EXPECT(test_take_signal(current, SIGUSR1));
	EXPECT_EQ(sys_mq_notify(fd, event), 0);
	EXPECT_EQ(send(fd, "y", 0), 0); /* not empty */
	EXPECT(!test_take_signal(current, SIGUSR1));
	EXPECT_EQ(sys_mq_notify(fd, 0), 0);
	EXPECT_EQ(sys_mq_notify(fd, event), 0);
	EXPECT_EQ(sys_close(fd), 0);
	EXPECT_EQ(sys_mq_unlink(text("notify")), 0);
}

struct letter {
	int32_t type;
	char text[12];
};

static int letter(int id, int type, const char *s, int flags)
{
	struct letter l = { .type = type };

	kstrlcpy(l.text, s, sizeof(l.text));
	return sys_msgsnd(id, test_user_copy(&l, sizeof(l)), (uint32_t)strlen(s) + 1, flags);
}

TEST("msg: received in order, by type, or by the lowest type")
{
	uaddr to = test_user(sizeof(struct letter));
	struct letter *got = test_user_at(to);
	int id = sys_msgget(IPC_PRIVATE, 0600);

	letter(id, 3, "three", 0);
	letter(id, 2, "two", 0);
	letter(id, 1, "one", 0);
	letter(id, 3, "more", 0);
	EXPECT_EQ(sys_msgrcv(id, to, 12, 2, 0), 4);
	EXPECT_STR(got->text, "two");
	EXPECT_EQ(sys_msgrcv(id, to, 12, -2, 0), 4);
	EXPECT_STR(got->text, "one");
	EXPECT_EQ(sys_msgrcv(id, to, 12, -2, IPC_NOWAIT), -ENOMSG);
	EXPECT_EQ(sys_msgrcv(id, to, 2, 0, 0), -E2BIG);
	EXPECT_EQ(sys_msgrcv(id, to, 2, 0, MSG_NOERROR), 2);
	EXPECT_EQ(sys_msgrcv(id, to, 12, 3, MSG_EXCEPT | IPC_NOWAIT), -ENOMSG);
	EXPECT_EQ(sys_msgrcv(id, to, 12, 0, 0), 5);
	EXPECT_EQ(letter(id, 0, "x", 0), -EINVAL);
	EXPECT_EQ(sys_msgctl(id, IPC_RMID, 0), 0);
	EXPECT_EQ(letter(id, 1, "x", 0), -EINVAL);
}

TEST("msg: a full queue, keys, and what IPC_STAT says")
{
	uaddr out = test_user(sizeof(struct abi_msqid)), big = test_user(9000);
	struct abi_msqid *ds = test_user_at(out);
	int id = sys_msgget(4711, IPC_CREAT | 0640);

	EXPECT_EQ(sys_msgget(4711, 0), id);
	EXPECT_EQ(sys_msgget(4711, IPC_CREAT | IPC_EXCL), -EEXIST);
	EXPECT_EQ(sys_msgget(4712, 0), -ENOENT);
	*(int32_t *)test_user_at(big) = 1;
	EXPECT_EQ(sys_msgsnd(id, big, 8193, 0), -EINVAL);
	EXPECT_EQ(sys_msgsnd(id, big, 8192, 0), 0);
	EXPECT_EQ(sys_msgsnd(id, big, 8192, 0), 0);
	EXPECT_EQ(sys_msgsnd(id, big, 1, IPC_NOWAIT), -EAGAIN);
	EXPECT_EQ(sys_msgctl(id, IPC_STAT, out), 0);
	EXPECT_EQ(ds->cbytes, 16384);
	EXPECT_EQ(ds->qnum, 2);
	EXPECT_EQ(ds->perm.mode, 0640);
	EXPECT_EQ(ds->lspid, current_process->pid);
	EXPECT_EQ(sys_msgctl(id, IPC_RMID, 0), 0);
	EXPECT_EQ(sys_msgget(4711, 0), -ENOENT);
}

static int operate(int id, int number, int operation, int flags)
{
	struct abi_sembuf op = { (uint16_t)number, (int16_t)operation, (int16_t)flags };

	return sys_semop(id, test_user_copy(&op, sizeof(op)), 1);
}

TEST("sem: operations are done all or none")
{
	struct abi_sembuf ops[] = { { 0, 1, 0 }, { 1, -1, IPC_NOWAIT } };
	int id = sys_semget(IPC_PRIVATE, 2, 0600);

	EXPECT_EQ(sys_semop(id, test_user_copy(ops, sizeof(ops)), 2), -EAGAIN);
	EXPECT_EQ(sys_semctl(id, 0, GETVAL, 0), 0);
	EXPECT_EQ(sys_semctl(id, 1, SETVAL, 1), 0);
	EXPECT_EQ(sys_semop(id, test_user_copy(ops, sizeof(ops)), 2), 0);
	EXPECT_EQ(sys_semctl(id, 0, GETVAL, 0), 1);
	EXPECT_EQ(sys_semctl(id, 1, GETVAL, 0), 0);
	EXPECT_EQ(operate(id, 1, 0, IPC_NOWAIT), 0);
	EXPECT_EQ(operate(id, 0, 0, IPC_NOWAIT), -EAGAIN);
	EXPECT_EQ(operate(id, 2, 1, 0), -EFBIG);
	EXPECT_EQ(operate(id, 0, 32767, 0), -ERANGE);
	EXPECT_EQ(sys_semctl(id, 0, SETVAL, 32768), -ERANGE);
	EXPECT_EQ(sys_semctl(id, 0, GETPID, 0), current_process->pid);
	EXPECT_EQ(sys_semctl(id, 0, IPC_RMID, 0), 0);
	EXPECT_EQ(operate(id, 0, 1, 0), -EINVAL);
	EXPECT_EQ(sys_semget(IPC_PRIVATE, 0, 0600), -EINVAL);
}

TEST("sem: SEM_UNDO is taken back when the process ends, unless the value was set")
{
	int id = sys_semget(IPC_PRIVATE, 2, 0600);

	EXPECT_EQ(operate(id, 0, 5, 0), 0);
	EXPECT_EQ(operate(id, 0, -3, SEM_UNDO), 0);
	EXPECT_EQ(operate(id, 1, 4, SEM_UNDO), 0);
	EXPECT_EQ(sys_semctl(id, 1, SETVAL, 7), 0);
	sem_exit(current_process);
	EXPECT_EQ(sys_semctl(id, 0, GETVAL, 0), 5);
	EXPECT_EQ(sys_semctl(id, 1, GETVAL, 0), 7);
	sem_exit(current_process);
	EXPECT_EQ(sys_semctl(id, 0, GETVAL, 0), 5);
	EXPECT_EQ(sys_semctl(id, 0, IPC_RMID, 0), 0);
}

static int shared_id;

static void raise_later(void *arg)
{
	(void)arg;
	EXPECT_SOON(sys_semctl(shared_id, 0, GETNCNT, 0) == 1);
	operate(shared_id, 0, 1, 0);
	EXPECT_SOON(sys_semctl(shared_id, 0, GETVAL, 0) == 0 && /* the first is done */
		    sys_semctl(shared_id, 0, GETNCNT, 0) == 1);
	sys_semctl(shared_id, 0, IPC_RMID, 0);
}

TEST("sem: who waits is woken, and learns of the removal")
{
	struct test_thread *t;

	NEEDS_THREADS();
	shared_id = sys_semget(IPC_PRIVATE, 1, 0600);
	t = test_thread(raise_later, NULL);
	EXPECT_EQ(operate(shared_id, 0, -1, 0), 0);
	EXPECT_EQ(operate(shared_id, 0, -1, 0), -EIDRM);
	test_join(t);
}

TEST("sem: permissions are those of its mode")
{
	int id = sys_semget(99, 1, IPC_CREAT | 0600);

	current_process->cred.euid = 1000;
	EXPECT_EQ(sys_semget(99, 1, 0600), -EACCES);
	EXPECT_EQ(sys_semctl(id, 0, GETVAL, 0), -EACCES);
	EXPECT_EQ(operate(id, 0, 1, 0), -EACCES);
	EXPECT_EQ(sys_semctl(id, 0, IPC_RMID, 0), -EPERM);
	current_process->cred.euid = 0;
	EXPECT_EQ(sys_semctl(id, 0, IPC_RMID, 0), 0);
}

TEST("sched: real-time policies are for the privileged")
{
	int32_t priority = 10;
	uaddr p = test_user_copy(&priority, 4), zero = test_user(4);

	EXPECT_EQ(sys_sched_getscheduler(0), SCHED_OTHER);
	EXPECT_EQ(sys_sched_setscheduler(0, SCHED_FIFO, zero), -EINVAL);
	EXPECT_EQ(sys_sched_setscheduler(0, SCHED_FIFO, p), 0);
	EXPECT_EQ(sys_sched_getscheduler(current->tid), SCHED_FIFO);
	EXPECT_EQ(sys_sched_getparam(0, zero), 0);
	EXPECT_EQ(*(int32_t *)test_user_at(zero), 10);
	current_process->cred.euid = 1000;
	EXPECT_EQ(sys_sched_setscheduler(0, SCHED_RR, p), -EPERM);
	*(int32_t *)test_user_at(zero) = 0;
	current_process->cred.uid = 1000;
	EXPECT_EQ(sys_sched_setscheduler(0, SCHED_OTHER, zero), 0);
	current_process->cred.euid = current_process->cred.uid = 0;
	EXPECT_EQ(sys_sched_getscheduler(999999), -ESRCH);
	EXPECT_EQ(sys_sched_get_priority_max(4), -EINVAL);
}
