/* System V shared memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void life(void)
{
	key_t key = ftok("/", 'S' + (int)getpid());
	int id = shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0640), status;
	struct shmid_ds ds;
	char *a, *b;

	printf("shmget %d the same %d", id >= 0, shmget(key, 100, 0) == id);
	printf(" larger %d", shmget(key, 10001, 0) < 0 && errno == EINVAL);
	printf(" exclusive %d", shmget(key, 1, IPC_CREAT | IPC_EXCL) < 0 && errno == EEXIST);
	printf(" empty %d", shmget(IPC_PRIVATE, 0, 0600) < 0 && errno == EINVAL);
	printf(" missing %d\n", shmget(key + 1, 1, 0) < 0 && errno == ENOENT);
	a = shmat(id, NULL, 0);
	b = shmat(id, NULL, SHM_RDONLY);
	strcpy(a, "hello");
	strcpy(a + 9000, "there");
	shmctl(id, IPC_STAT, &ds);
	printf("size %d mode %o attached %d mine %d %d recent %d %d\n", (int)ds.shm_segsz,
	       ds.shm_perm.mode & 0777, (int)ds.shm_nattch, ds.shm_cpid == getpid(),
	       ds.shm_lpid == getpid(), ds.shm_atime >= time(NULL) - 5, ds.shm_dtime == 0);
	sched_yield(); /* two mappings of one process meet where it synchronises */
	printf("read only: %s\n", b);
	pid_t child = fork();
	if (child == 0) {
		shmctl(id, IPC_STAT, &ds);
		printf("child: attached %d, %s %s", (int)ds.shm_nattch, a, a + 9000);
		strcpy(a + 100, "from the child");
		printf(" detach %d", shmdt(b));
		printf(" again %d\n", shmdt(b) < 0 && errno == EINVAL);
		_exit(0);
	}
	waitpid(child, &status, 0);
	shmctl(id, IPC_STAT, &ds);
	printf("parent: attached %d, %s\n", (int)ds.shm_nattch, a + 100);
	printf("remove %d", shmctl(id, IPC_RMID, NULL));
	printf(" key gone %d", shmget(key, 1, 0) < 0 && errno == ENOENT);
	shmctl(id, IPC_STAT, &ds);
	printf(" marked %d attached %d", !!(ds.shm_perm.mode & SHM_DEST), (int)ds.shm_nattch);
	printf(" still there: %s", a);
	printf(" detach %d %d", shmdt(a), shmdt(b));
	printf(" gone %d", shmat(id, NULL, 0) == (void *)-1 && (errno == EINVAL || errno == EIDRM));
	printf(" %d\n", shmctl(id, IPC_STAT, &ds) < 0 && errno == EINVAL);
}

/* A value that two processes increase in turns, by semaphores. */
static void in_turns(void)
{
	int id = shmget(IPC_PRIVATE, sizeof(int), 0600), sem = semget(IPC_PRIVATE, 1, 0600), status;
	struct sembuf down = { 0, -1, SEM_UNDO }, up = { 0, 1, SEM_UNDO };
	int *v = shmat(id, NULL, 0);

	semop(sem, &(struct sembuf){ 0, 1, 0 }, 1);
	for (int p = 0; p < 3; p++)
		if (fork() == 0) {
			for (int i = 0; i < 300; i++) {
				semop(sem, &down, 1);
				++*v;
				semop(sem, &up, 1);
			}
			_exit(0);
		}
	while (wait(&status) > 0)
		;
	printf("counted %d\n", *v);
	semctl(sem, 0, IPC_RMID);
	shmctl(id, IPC_RMID, NULL);
	shmdt(v);
}

static void addresses(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	char *a = shmat(id, NULL, 0), *at;

	shmdt(a);
	at = shmat(id, a, 0);
	printf("at an address %d", at == a);
	printf(" taken %d", shmat(id, a, 0) == (void *)-1 && errno == EINVAL);
	printf(" odd %d", shmat(id, a + 1, 0) == (void *)-1 && errno == EINVAL);
	shmdt(a);
	at = shmat(id, a + 17, SHM_RND);
	printf(" rounded %d\n", at == a);
	shmdt(at);
	shmctl(id, IPC_RMID, NULL);
	printf("bad id %d\n", shmat(-1, NULL, 0) == (void *)-1 && errno == EINVAL);
}

/* Whoever dies detaches. */
static void killed(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600), status;
	struct shmid_ds ds;
	pid_t child = fork();

	if (child == 0) {
		*(volatile char *)shmat(id, NULL, 0) = 1;
		raise(SIGSTOP);
		for (;;)
			;
	}
	waitpid(child, &status, WUNTRACED);
	shmctl(id, IPC_STAT, &ds);
	printf("attached %d", (int)ds.shm_nattch);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	shmctl(id, IPC_STAT, &ds);
	printf(" after the kill %d\n", (int)ds.shm_nattch);
	shmctl(id, IPC_RMID, NULL);
}

int main(void)
{
	setbuf(stdout, NULL);
	life();
	in_turns();
	addresses();
	killed();
	return 0;
}
