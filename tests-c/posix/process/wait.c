/* wait, waitpid and waitid: whom they wait for, what they report, what stays to be reported. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int error(int result)
{
	return result == -1 ? errno : 0;
}

static const char *code(const siginfo_t *info)
{
	return info->si_signo == 0 ? "nothing" : info->si_code == CLD_EXITED ? "CLD_EXITED" :
	       info->si_code == CLD_KILLED ? "CLD_KILLED" : info->si_code == CLD_DUMPED ? "CLD_DUMPED" :
	       info->si_code == CLD_STOPPED ? "CLD_STOPPED" :
	       info->si_code == CLD_CONTINUED ? "CLD_CONTINUED" : "other";
}

static pid_t child(int group, int status)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		while (status < 0)
			pause();
		_exit(status);
	}
	if (group >= 0)
		setpgid(pid, group);
	return pid;
}

static void waits(const char *what, idtype_t type, id_t id, int options, pid_t expected)
{
	siginfo_t info;
	int r;

	memset(&info, 0x55, sizeof(info));
	r = waitid(type, id, &info, options);
	if (r)
		printf("%s: %s\n", what, errno == ECHILD ? "ECHILD" : errno == EINVAL ? "EINVAL" : "other");
	else if (info.si_pid == 0)
		printf("%s: nothing, signal %d\n", what, info.si_signo);
	else
		printf("%s: %s, pid %d, uid %d, status %d, signal %d\n", what, code(&info),
		       info.si_pid == expected, info.si_uid == getuid(), info.si_status,
		       info.si_signo == SIGCHLD);
}

static void exits(void)
{
	pid_t pid = child(-1, 44);

	waits("WNOWAIT", P_PID, pid, WEXITED | WNOWAIT, pid);
	waits("WNOWAIT again", P_ALL, 0, WEXITED | WNOWAIT, pid);
	waits("not its kind", P_PID, pid, WSTOPPED | WNOHANG, pid);
	waits("reaped", P_PID, pid, WEXITED, pid);
	waits("gone", P_PID, pid, WEXITED, pid);
	waits("no flags", P_ALL, 0, 0, 0);
	waits("unknown flags", P_ALL, 0, WEXITED | 0x100, 0);
	waits("unknown kind", 77, 0, WEXITED, 0);
	waits("nobody", P_ALL, 0, WEXITED | WNOHANG, 0);
}

static void stops(void)
{
	pid_t pid = child(0, -1); /* in a group that its parent keeps from being orphaned */

	waits("still runs", P_PID, pid, WEXITED | WSTOPPED | WCONTINUED | WNOHANG, pid);
	kill(pid, SIGSTOP);
	waits("stopped, left", P_PID, pid, WSTOPPED | WNOWAIT, pid);
	waits("stopped", P_PID, pid, WSTOPPED, pid);
	waits("reported once", P_PID, pid, WSTOPPED | WNOHANG, pid);
	kill(pid, SIGCONT);
	waits("continued, left", P_PID, pid, WCONTINUED | WNOWAIT, pid);
	waits("continued", P_PID, pid, WCONTINUED, pid);
	waits("reported once", P_PID, pid, WCONTINUED | WNOHANG, pid);
	kill(pid, SIGTSTP);
	waits("stopped by SIGTSTP", P_PID, pid, WSTOPPED | WEXITED, pid);
	kill(pid, SIGTERM); /* waits until it goes on */
	waits("not dead yet", P_PID, pid, WEXITED | WNOHANG, pid);
	kill(pid, SIGCONT);
	waits("killed", P_PID, pid, WEXITED, pid);
}

static void groups(void)
{
	pid_t a = child(0, -1), b = child(a, -1), c = child(-1, 7);
	int status;

	waits("another group", P_PGID, a, WEXITED | WNOHANG, 0);
	waits("my group", P_PGID, getpgrp(), WEXITED, c);
	kill(-a, SIGUSR1);
	printf("waitpid of a group: %d", waitpid(-a, &status, 0) > 0);
	printf(" %d", waitpid(-a, &status, 0) > 0);
	printf(" killed by SIGUSR1 %d", WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	printf(" then ECHILD %d\n", error(waitpid(-a, &status, 0)) == ECHILD);
	(void)b;
	a = child(0, 1);
	c = child(-1, 2);
	printf("waitpid of 0: %d", waitpid(0, &status, 0) == c);
	printf(", of -1: %d\n", waitpid(-1, &status, 0) == a);
	printf("bad options: EINVAL %d\n", error(waitpid(-1, &status, 0x4000)) == EINVAL);
}

/* Only one's own children can be waited for; orphans go to pid 1. */
static void strangers(void)
{
	int p[2], status;
	pid_t pid, grandchild;

	pipe(p);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		grandchild = child(-1, -1);
		write(p[1], &grandchild, sizeof(grandchild));
		_exit(0);
	}
	read(p[0], &grandchild, sizeof(grandchild));
	printf("a grandchild: ECHILD %d\n", error(waitpid(grandchild, &status, 0)) == ECHILD);
	waitpid(pid, NULL, 0);
	kill(grandchild, SIGKILL);
	while (kill(grandchild, 0) == 0)
		usleep(1000);
	printf("pid 1 has reaped it: ESRCH %d\n", error(kill(grandchild, 0)) == ESRCH);
	printf("myself: ECHILD %d\n", error(waitpid(getpid(), &status, 0)) == ECHILD);
}

static void note(int sig)
{
}

/* A signal ends the waiting, unless it restarts; one that is blocked doesn't. */
static void interruption(void)
{
	struct sigaction sa = { .sa_handler = note };
	pid_t pid = child(-1, -1);
	int status;

	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	printf("interrupted: EINTR %d\n", error(waitpid(pid, &status, 0)) == EINTR);
	kill(pid, SIGKILL);
	printf("then: %d\n", waitpid(pid, &status, 0) == pid);
}

static void usage(void)
{
	struct rusage u;
	int status = -1;
	pid_t pid = child(-1, 4);

	memset(&u, 0xff, sizeof(u));
	printf("wait4: %d", wait4(pid, &status, 0, &u) == pid);
	printf(" status %d, time %d\n", WEXITSTATUS(status),
	       u.ru_utime.tv_sec >= 0 && u.ru_utime.tv_sec < 10);
	printf("wait: ECHILD %d\n", error(wait(NULL)) == ECHILD);
}

int main(void)
{
	exits();
	stops();
	groups();
	strangers();
	interruption();
	usage();
	return 0;
}
