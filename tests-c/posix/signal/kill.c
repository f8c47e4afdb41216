/* kill and killpg: whom they reach, and who may. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STRANGER = 61234, OTHER = 61235 };

static int leash[2]; /* held by all but idle processes; those end when it is let go */

static int error(int result)
{
	return result == -1 ? errno : 0;
}

static void idle_for_ever(int ready)
{
	char byte;

	close(leash[1]);
	write(ready, "", 1);
	while (read(leash[0], &byte, 1) != 0)
		;
	_exit(98);
}

/* A child that runs until it is killed; it is in group `group` (0: its own, -1: the parent's) and of user `uid`. */
static pid_t idle(pid_t group, int uid)
{
	int ready[2];
	char byte;
	pid_t pid;

	fflush(stdout);
	pipe(ready);
	if ((pid = fork()) == 0) {
		if (group >= 0)
			setpgid(0, group);
		if (uid && setresuid(uid, uid, uid))
			_exit(99);
		idle_for_ever(ready[1]);
	}
	read(ready[0], &byte, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Runs f in a child of a group of its own. */
static void apart(const char *what, int (*f)(void))
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		setpgid(0, 0);
		_exit(f());
	}
	printf("%s: %d\n", what, status_of(pid));
}

static void errors(void)
{
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	printf("zombie %d\n", (waitid(P_PID, gone, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), error(kill(gone, SIGTERM))));
	printf("waited for %d\n", (waitpid(gone, NULL, 0), error(kill(gone, 0))));
	printf("no such group %d %d\n", error(killpg(gone, 0)), error(kill(-gone, SIGTERM)));
	printf("bad signal %d %d %d\n", error(kill(getpid(), -1)), error(kill(getpid(), 65)),
	       error(killpg(getpgrp(), 65)));
	printf("nobody signals %d %d\n", error(kill(getpid(), 0)), error(kill(0, 0)));
}

static void groups(void)
{
	pid_t leader = idle(0, 0), member = idle(leader, 0), apart = idle(0, 0);

	printf("killpg %d", error(killpg(leader, SIGTERM)));
	printf(" %d", status_of(leader));
	printf(" %d", status_of(member));
	printf(" other runs %d\n", waitpid(apart, NULL, WNOHANG) == 0);
	printf("kill -group %d", error(kill(-apart, SIGUSR1)));
	printf(" %d\n", status_of(apart));
}

/* Signals its own group, and itself with it. */
static int own_group(void)
{
	pid_t a = idle(-1, 0), b = idle(-1, 0);

	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	return status_of(a) == -SIGTERM && status_of(b) == -SIGTERM;
}

static int own_group_dies(void)
{
	kill(0, SIGINT);
	return 1;
}

/* Without rights: EPERM if none of the group may be signalled, 0 if one may. */
static int rights(void)
{
	pid_t foreign = idle(0, OTHER), beside = idle(foreign, STRANGER);

	if (setresuid(STRANGER, STRANGER, STRANGER))
		return 1;
	if (error(kill(foreign, SIGTERM)) != EPERM || error(kill(foreign, 0)) != EPERM)
		return 2;
	if (error(kill(1, 0)) != EPERM || error(kill(getppid(), SIGTERM)) != EPERM)
		return 3;
	if (error(kill(-foreign, SIGTERM)) != 0 || status_of(beside) != -SIGTERM)
		return 4;
	if (waitpid(foreign, NULL, WNOHANG) != 0 || error(kill(-foreign, SIGTERM)) != EPERM)
		return 5;
	/* Of the same session: to be continued. */
	if (error(kill(foreign, SIGCONT)) != 0)
		return 6;
	return 100;
}


/* -1: all that one may signal, but not oneself. */
static int everybody(void)
{
	pid_t a = idle(0, STRANGER), b = idle(-1, STRANGER), c = idle(0, OTHER);

	if (setresuid(STRANGER, STRANGER, STRANGER))
		return 1;
	if (error(kill(-1, SIGTERM)) != 0)
		return 2;
	if (status_of(a) != -SIGTERM || status_of(b) != -SIGTERM)
		return 3;
	if (waitpid(c, NULL, WNOHANG) != 0)
		return 4;
	return 100;
}

/* The saved set-user-id of who is signalled counts, and the real id of who signals; not the effective id of the former. */
static int saved_id(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	pipe(ready);
	if ((pid = fork()) == 0) {
		if (setresuid(OTHER, OTHER, STRANGER))
			_exit(99);
		idle_for_ever(ready[1]);
	}
	read(ready[0], &byte, 1);
	if (setresuid(STRANGER, 0, 0) || setresuid(-1, OTHER + 1, OTHER + 1))
		return 1;
	if (error(kill(pid, SIGUSR1)) != 0)
		return 2;
	return status_of(pid) == -SIGUSR1 ? 100 : 3;
}

int main(void)
{
	if (getuid() != 0) {
		printf("only root can tell\n");
		return 77;
	}
	pipe(leash);
	errors();
	groups();
	apart("kill 0, ignored", own_group);
	apart("kill 0", own_group_dies);
	apart("rights", rights);
	apart("everybody", everybody);
	apart("saved id", saved_id);
	return 0;
}
