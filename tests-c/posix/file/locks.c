/* Locks on files: fcntl's, those of open file descriptions, flock and lockf. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock_at(int fd, int command, int type, off_t start, off_t length)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

	return fcntl(fd, command, &l);
}

/* Who has a lock in the way of ours, told by another process. */
static void who(int fd, int type, off_t start, off_t length)
{
	fflush(stdout);
	if (fork() == 0) {
		struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

		fcntl(fd, F_GETLK, &l);
		if (l.l_type == F_UNLCK)
			printf("  %lld+%lld: free\n", (long long)start, (long long)length);
		else
			printf("  %lld+%lld: %s %lld+%lld of my parent %d\n", (long long)start,
			       (long long)length, l.l_type == F_RDLCK ? "read" : "write",
			       (long long)l.l_start, (long long)l.l_len, l.l_pid == getppid());
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

static void records(int fd)
{
	SAY(lock_at(fd, F_SETLK, F_WRLCK, 10, 10));
	who(fd, F_RDLCK, 0, 10);
	who(fd, F_RDLCK, 5, 6);
	who(fd, F_WRLCK, 19, 100);
	SAY(lock_at(fd, F_SETLK, F_RDLCK, 12, 3)); /* splits it */
	who(fd, F_RDLCK, 12, 3);
	who(fd, F_WRLCK, 12, 1);
	who(fd, F_WRLCK, 15, 0);
	SAY(lock_at(fd, F_SETLK, F_UNLCK, 0, 11));
	who(fd, F_WRLCK, 0, 12);
	SAY(lock_at(fd, F_SETLK, F_WRLCK, 10, 10)); /* one again */
	who(fd, F_WRLCK, 0, 0);
	SAY(lock_at(fd, F_SETLK, F_WRLCK, 100, 0)); /* to the end, wherever that will be */
	who(fd, F_WRLCK, 1ll << 40, 1);
	SAY(lock_at(fd, F_SETLK, F_WRLCK, -1, 1));
	SAY(lock_at(fd, F_SETLK, 17, 0, 1));
	SAY(lock_at(1000, F_SETLK, F_WRLCK, 0, 1));
	/* Any close of the file by the process drops them all. */
	close(open("locked", O_RDONLY));
	who(fd, F_WRLCK, 0, 0);
	int reader = open("locked", O_RDONLY), writer = open("locked", O_WRONLY);
	SAY(lock_at(reader, F_SETLK, F_WRLCK, 0, 1));
	SAY(lock_at(writer, F_SETLK, F_RDLCK, 0, 1));
	close(reader);
	close(writer);
}

/* Two processes in a circle: one of them is told. */
static void deadlock(int fd)
{
	int ready[2], go[2], status;
	char c;

	pipe(ready);
	pipe(go);
	SAY(lock_at(fd, F_SETLK, F_WRLCK, 0, 1));
	fflush(stdout);
	if (fork() == 0) {
		lock_at(fd, F_SETLK, F_WRLCK, 1, 1);
		write(ready[1], "", 1);
		_exit(lock_at(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 7 : 8);
	}
	read(ready[0], &c, 1);
	usleep(100000);
	SAY(lock_at(fd, F_SETLKW, F_WRLCK, 1, 1));
	SAY(lock_at(fd, F_SETLK, F_UNLCK, 0, 0));
	wait(&status);
	printf("the other got it: %d\n", WEXITSTATUS(status) == 7);
}

static void on_alarm(int signal)
{
}

static void waiting(int fd)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int hold[2], status;
	char c;

	pipe(hold);
	sigaction(SIGALRM, &action, NULL);
	fflush(stdout);
	if (fork() == 0) {
		lock_at(fd, F_SETLK, F_WRLCK, 0, 0);
		write(hold[1], "", 1);
		usleep(300000);
		_exit(0);
	}
	read(hold[0], &c, 1);
	SAY(lock_at(fd, F_SETLK, F_WRLCK, 50, 1) == -1 && (errno == EAGAIN || errno == EACCES));
	ualarm(50000, 0);
	SAY(lock_at(fd, F_SETLKW, F_WRLCK, 50, 1));
	SAY(lock_at(fd, F_SETLKW, F_WRLCK, 50, 1)); /* until the holder ends */
	wait(&status);
	SAY(lock_at(fd, F_SETLK, F_UNLCK, 0, 0));
	/* Killed while it holds one. */
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		lock_at(fd, F_SETLK, F_WRLCK, 0, 0);
		write(hold[1], "", 1);
		pause();
	}
	read(hold[0], &c, 1);
	kill(child, SIGKILL);
	SAY(lock_at(fd, F_SETLKW, F_WRLCK, 0, 0));
	wait(&status);
	SAY(lock_at(fd, F_SETLK, F_UNLCK, 0, 0));
}

static void descriptions(int fd)
{
	int other = open("locked", O_RDWR), status;

	SAY(lock_at(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
	SAY(lock_at(other, F_OFD_SETLK, F_WRLCK, 5, 10)); /* even within the process */
	SAY(lock_at(other, F_SETLK, F_WRLCK, 5, 10));
	SAY(lock_at(other, F_OFD_SETLK, F_WRLCK, 10, 10));
	struct flock l = { .l_type = F_WRLCK, .l_len = 1, .l_pid = 1 };
	SAY(fcntl(other, F_OFD_SETLK, &l));
	l.l_pid = 0;
	SAY(fcntl(other, F_OFD_GETLK, &l));
	printf("  pid %d\n", l.l_pid);
	/* A child shares it, and a close elsewhere does not drop it. */
	close(open("locked", O_RDWR));
	fflush(stdout);
	if (fork() == 0)
		_exit(lock_at(fd, F_OFD_SETLK, F_WRLCK, 0, 10) == 0 ? 3 : 4);
	wait(&status);
	printf("child %d\n", WEXITSTATUS(status));
	close(other);
	SAY(lock_at(fd, F_OFD_SETLK, F_WRLCK, 0, 0));
	SAY(lock_at(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
}

static void whole(int fd)
{
	int other = open("locked", O_RDWR), copy = dup(fd);

	SAY(flock(fd, LOCK_EX));
	SAY(flock(other, LOCK_EX | LOCK_NB));
	SAY(flock(other, LOCK_SH | LOCK_NB));
	SAY(flock(copy, LOCK_SH)); /* the same description: converted */
	SAY(flock(other, LOCK_SH | LOCK_NB));
	SAY(flock(other, LOCK_EX | LOCK_NB));
	close(fd);
	SAY(flock(other, LOCK_EX | LOCK_NB)); /* fd's still lives by its copy */
	close(copy);
	SAY(flock(other, LOCK_EX | LOCK_NB));
	SAY(flock(other, LOCK_UN));
	SAY(lockf(other, F_LOCK, 10));
	SAY(lockf(other, F_TEST, 10));
	SAY(lockf(other, F_ULOCK, 10));
	close(other);
}

int main(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0600);

	records(fd);
	deadlock(fd);
	waiting(fd);
	descriptions(fd);
	whole(fd);
	unlink("locked");
	return 0;
}
