/* Sessions, orphaned groups, and what a terminal does when it or its session ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int news[2]; /* what the processes under test tell */

static void tell(char c)
{
	write(news[1], &c, 1);
}

static char hear(void)
{
	char c = '-';

	read(news[0], &c, 1);
	return c;
}

static int error(int result)
{
	return result == -1 ? errno : 0;
}

static void note(int sig)
{
	tell(sig == SIGHUP ? 'H' : sig == SIGCONT ? 'C' : '?');
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(sig, &sa, NULL);
}

static void reap(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	printf("status %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* A stopped member of a group that loses its last link to the session is hung up and continued. */
static void orphans(int stopped)
{
	pid_t middle, pid;
	char first, second;

	fflush(stdout);
	middle = fork();
	if (middle == 0) {
		setpgid(0, 0);
		pid = fork();
		if (pid == 0) {
			handle(SIGHUP, note);
			handle(SIGCONT, note);
			tell('r');
			if (stopped)
				raise(SIGSTOP);
			for (int i = 0; i < 20; i++)
				usleep(5000);
			tell('e');
			_exit(0);
		}
		if (stopped)
			waitpid(pid, NULL, WUNTRACED);
		_exit(hear() == 'r' ? 0 : 1);
	}
	reap(middle);
	first = hear();
	if (stopped) {
		second = hear();
		printf("orphaned: %s", (first == 'H' && second == 'C') || (first == 'C' && second == 'H') ?
		       "SIGHUP and SIGCONT" : "neither");
		first = hear();
	} else {
		printf("orphaned, not stopped:");
	}
	printf(" %s\n", first == 'e' ? "it goes on" : "something else");
}

/* The terminal's own stop signals do not stop an orphaned group. */
static void cannot_stop(void)
{
	pid_t middle;

	fflush(stdout);
	middle = fork();
	if (middle == 0) {
		pid_t pid;

		setsid(); /* its child's parent is in another session once it is gone */
		pid = fork();
		if (pid == 0) {
			while (getppid() != 1)
				usleep(1000);
			raise(SIGTSTP);
			raise(SIGTTIN);
			raise(SIGTTOU);
			tell('n');
			_exit(0);
		}
		_exit(0);
	}
	reap(middle);
	printf("an orphaned group is not stopped: %d\n", hear() == 'n');
}

static void sessions(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		printf("setsid: %d", setsid() == getpid());
		printf(" sid %d pgrp %d", getsid(0) == getpid(), getpgrp() == getpid());
		printf(" again EPERM %d", error(setsid()) == EPERM);
		printf(" setpgid of a leader EPERM %d", error(setpgid(0, 0)) == EPERM);
		printf(" no terminal ENXIO %d\n", error(open("/dev/tty", O_RDWR)) == ENXIO);
		fflush(stdout);
		_exit(0);
	}
	reap(pid);
	pid = fork();
	if (pid == 0) {
		setsid();
		_exit(error(setpgid(0, getppid())) == EPERM ? 0 : 1);
	}
	reap(pid);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sleep", "sleep", "100", (char *)NULL);
		_exit(127);
	}
	usleep(300000);
	printf("setpgid of bad ids: EINVAL %d %d\n", error(setpgid(-1, 0)) == EINVAL, error(setpgid(0, -1)) == EINVAL);
	printf("setpgid after exec: EACCES %d\n", error(setpgid(pid, pid)) == EACCES);
	kill(pid, SIGKILL);
	reap(pid);
}

static int open_pty(char *name)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0 || grantpt(master) || unlockpt(master))
		exit(1);
	strcpy(name, ptsname(master));
	return master;
}

static void take_terminal(const char *name)
{
	int fd;

	setsid();
	fd = open(name, O_RDWR);
	if (fd < 0 || (tcgetpgrp(fd) != getpid() && ioctl(fd, TIOCSCTTY, 0)))
		_exit(90);
	dup2(fd, 0);
}

static void by_hangup(int sig)
{
	tell('L');
	_exit(5);
}

/* The terminal goes away: its session's leader is hung up, and reading it is at an end. */
static void hang_up(void)
{
	char name[64];
	int master = open_pty(name);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(master);
		handle(SIGHUP, by_hangup);
		take_terminal(name);
		tell('r');
		for (;;)
			pause();
	}
	hear();
	close(master);
	printf("hang-up: %d\n", hear() == 'L');
	reap(pid);
	master = open_pty(name);
	pid = fork();
	if (pid == 0) {
		char c;

		close(master);
		signal(SIGHUP, SIG_IGN);
		take_terminal(name);
		tell('r');
		while (read(0, &c, 1) > 0)
			;
		_exit(error(write(0, "", 1)) == EIO ? 6 : 7);
	}
	hear();
	close(master);
	reap(pid);
}

/* The leader goes: the foreground group is hung up, and the terminal is free. */
static void leader_ends(void)
{
	char name[64];
	int master = open_pty(name);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pid_t job;

		take_terminal(name);
		job = fork();
		if (job == 0) {
			handle(SIGHUP, by_hangup);
			setpgid(0, 0);
			tell('r');
			for (;;)
				pause();
		}
		setpgid(job, job);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, job);
		if (hear() != 'r')
			_exit(1);
		_exit(tcgetpgrp(0) == job ? 8 : 9);
	}
	reap(pid);
	printf("the leader's end: %d\n", hear() == 'L');
	close(master);
}

/* Background groups: reading stops them, writing only with TOSTOP; orphans get EIO. */
static void background(void)
{
	char name[64], c;
	int master = open_pty(name), status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct termios t;
		pid_t job;

		signal(SIGHUP, SIG_IGN);
		take_terminal(name);
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			write(0, "x", 1); /* allowed */
			c = read(0, &c, 1);
			_exit(c == 1 ? 3 : 4);
		}
		setpgid(job, job);
		waitpid(job, &status, WUNTRACED);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN)
			_exit(10);
		tcgetattr(0, &t);
		t.c_lflag |= TOSTOP;
		t.c_lflag &= ~ICANON;
		tcsetattr(0, TCSANOW, &t);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, job);
		kill(-job, SIGCONT);
		tell('w'); /* now somebody may type */
		waitpid(job, &status, 0);
		tcsetpgrp(0, getpid());
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
			_exit(11);
		signal(SIGTTOU, SIG_DFL);
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			write(0, "y", 1);
			_exit(3);
		}
		setpgid(job, job);
		waitpid(job, &status, WUNTRACED);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTOU)
			_exit(12);
		kill(-job, SIGKILL);
		waitpid(job, &status, 0);
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			signal(SIGTTIN, SIG_IGN);
			_exit(error(read(0, &c, 1)) == EIO ? 3 : 4);
		}
		setpgid(job, job);
		waitpid(job, &status, 0);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 13);
	}
	if (hear() != 'w')
		return;
	write(master, "k", 1);
	reap(pid);
	close(master);
}

int main(void)
{
	if (pipe(news))
		return 1;
	sessions();
	orphans(1);
	orphans(0);
	cannot_stop();
	hang_up();
	leader_ends();
	background();
	return 0;
}
