/* System V message queues and semaphores, between processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

struct letter {
	long type;
	char text[100];
};

static void messages(void)
{
	struct letter l = { 2, "two" };
	struct msqid_ds ds;
	int q = msgget(IPC_PRIVATE, 0640), status;

	printf("send %d", msgsnd(q, &l, 4, 0));
	l = (struct letter){ 1, "one" };
	printf(" %d", msgsnd(q, &l, 4, 0));
	msgctl(q, IPC_STAT, &ds);
	printf(" count %d mode %o mine %d recent %d\n", (int)ds.msg_qnum, ds.msg_perm.mode,
	       ds.msg_lspid == getpid(), ds.msg_stime >= time(NULL) - 5);
	printf("receive %zd", msgrcv(q, &l, 100, -5, 0));
	printf(" %s", l.text);
	printf(" too big %zd", msgrcv(q, &l, 2, 0, 0));
	printf(" %d", errno == E2BIG);
	printf(" cut %zd", msgrcv(q, &l, 2, 0, MSG_NOERROR));
	printf(" none %zd", msgrcv(q, &l, 100, 0, IPC_NOWAIT));
	printf(" %d\n", errno == ENOMSG);
	if (fork() == 0) {
		for (int i = 1; i <= 300; i++) {
			l.type = i;
			memset(l.text, i, 100);
			msgsnd(q, &l, 100, 0); /* more than it holds */
		}
		_exit(0);
	}
	int good = 0;
	for (int i = 1; i <= 300; i++)
		good += msgrcv(q, &l, 100, 0, 0) == 100 && l.type == i && l.text[99] == (char)i;
	wait(&status);
	printf("from a child: %d\n", good);
	pid_t child = fork();
	if (child == 0)
		_exit(msgrcv(q, &l, 100, 0, 0) < 0 && errno == EIDRM);
	usleep(50000);
	printf("remove %d", msgctl(q, IPC_RMID, NULL));
	waitpid(child, &status, 0);
	printf(" the sleeper sees it: %d\n", WEXITSTATUS(status));
}

static void semaphores(void)
{
	struct sembuf down = { 0, -1, 0 }, up = { 0, 1, 0 }, both[2] = { { 0, -1, IPC_NOWAIT }, { 1, 1, 0 } };
	struct sembuf undo = { 1, -5, SEM_UNDO }, zero = { 0, 0, 0 };
	struct timespec short_time = { 0, 20000000 };
	unsigned short values[3] = { 0, 10, 20 };
	union semun arg;
	struct semid_ds ds;
	int s = semget(IPC_PRIVATE, 3, 0600), status;

	arg.array = values;
	printf("set all %d", semctl(s, 0, SETALL, arg));
	arg.buf = &ds;
	printf(" stat %d", semctl(s, 0, IPC_STAT, arg));
	printf(" %d", ds.sem_nsems);
	printf(" all or none %d", semop(s, both, 2));
	printf(" %d", errno == EAGAIN);
	printf(" %d\n", semctl(s, 1, GETVAL));
	printf("timed %d", semtimedop(s, &down, 1, &short_time));
	printf(" %d\n", errno == EAGAIN);
	pid_t child = fork();
	if (child == 0) {
		semop(s, &undo, 1);
		up.sem_op = 1;
		semop(s, &up, 1);
		_exit(semctl(s, 1, GETVAL));
	}
	printf("down %d", semop(s, &down, 1));
	waitpid(child, &status, 0);
	printf(" in the child %d, undone %d, zero %d\n", WEXITSTATUS(status), semctl(s, 1, GETVAL),
	       semop(s, &zero, 1));
	child = fork();
	if (child == 0) {
		undo.sem_op = -7;
		semop(s, &undo, 1);
		raise(SIGKILL);
	}
	waitpid(child, &status, 0);
	printf("killed, undone %d, last by it %d\n", semctl(s, 1, GETVAL), semctl(s, 1, GETPID) == child);
	child = fork();
	if (child == 0)
		_exit(semop(s, &down, 1) < 0 && errno == EIDRM);
	while (semctl(s, 0, GETNCNT) != 1)
		usleep(1000);
	printf("remove %d", semctl(s, 0, IPC_RMID));
	waitpid(child, &status, 0);
	printf(" the sleeper sees it: %d", WEXITSTATUS(status));
	printf(" gone %d", semop(s, &up, 1));
	printf(" %d\n", errno == EINVAL);
}

static void mutual_exclusion(void)
{
	int s = semget(IPC_PRIVATE, 1, 0600), fd[2], v = 0;
	struct sembuf down = { 0, -1, SEM_UNDO }, up = { 0, 1, SEM_UNDO };

	pipe(fd);
	write(fd[1], &v, sizeof(v));
	semop(s, &(struct sembuf){ 0, 1, 0 }, 1);
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			for (int n = 0; n < 100; n++) {
				semop(s, &down, 1);
				read(fd[0], &v, sizeof(v));
				v++;
				write(fd[1], &v, sizeof(v));
				semop(s, &up, 1);
			}
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	read(fd[0], &v, sizeof(v));
	printf("counted %d, value %d\n", v, semctl(s, 0, GETVAL));
	semctl(s, 0, IPC_RMID);
}

int main(void)
{
	key_t key = ftok("/", 'x' + (int)getpid());
	int a = semget(key, 1, IPC_CREAT | IPC_EXCL | 0600);

	setbuf(stdout, NULL);
	printf("a key %d, the same %d\n", a >= 0, semget(key, 1, 0) == a);
	printf("exclusive %d", semget(key, 1, IPC_CREAT | IPC_EXCL | 0600));
	printf(" %d", errno == EEXIST);
	printf(" too many %d", semget(key, 2, 0));
	printf(" %d\n", errno == EINVAL);
	semctl(a, 0, IPC_RMID);
	messages();
	semaphores();
	mutual_exclusion();
	return 0;
}
