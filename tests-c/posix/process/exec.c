/* exec: limits, descriptors, ids, signals, scripts, and what stays the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void wait_for(const char *what, pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	fflush(stdout);
}

static pid_t child(void)
{
	fflush(stdout);
	return fork();
}

static void exec_with(const char *what, char *argument, char **env)
{
	char *argv[] = { "exec", "count", argument, NULL };
	pid_t pid = child();

	if (pid == 0) {
		execve("/proc/self/exe", argv, env);
		_exit(errno == E2BIG ? 77 : 78);
	}
	wait_for(what, pid);
}

static void limits(void)
{
	char *big = malloc(4 << 20);
	char *many[3] = { big, big, NULL };

	memset(big, 'x', 4 << 20);
	big[60000] = 0;
	exec_with("60 kB", big, environ);
	big[60000] = 'x';
	big[200000] = 0;
	exec_with("an argument of 200 kB", big, environ);
	exec_with("an environment of 200 kB", "", many);
	big[200000] = 'x';
	big[(4 << 20) - 1] = 0;
	exec_with("4 MB", big, environ);
	printf("ARG_MAX: %d\n", sysconf(_SC_ARG_MAX) >= 4096);
	free(big);
}

static void errors(void)
{
	char *argv[] = { "x", NULL };
	int fd = open("/tmp/exec-not", O_CREAT | O_WRONLY | O_TRUNC, 0644);

	write(fd, "no program\n", 11);
	printf("no file: %d", execv("/nonexistent", argv) == -1 ? errno == ENOENT : -1);
	printf(" a directory: %d", execv("/tmp", argv) == -1 ? errno == EACCES : -1);
	printf(" not executable: %d", execv("/tmp/exec-not", argv) == -1 ? errno == EACCES : -1);
	fchmod(fd, 0755);
	close(fd);
	printf(" no format: %d", execv("/tmp/exec-not", argv) == -1 ? errno == ENOEXEC : -1);
	printf(" below a file: %d\n", execv("/tmp/exec-not/x", argv) == -1 ? errno == ENOTDIR : -1);
	unlink("/tmp/exec-not");
}

/* In the new program: what came through. */
static int inside(void)
{
	struct sigaction usr1, usr2, hup;
	sigset_t mask, pending;

	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGUSR2, NULL, &usr2);
	sigaction(SIGHUP, NULL, &hup);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	printf("inside: caught %d, ignored %d, default %d; blocked %d, pending %d; fd 20 %d, 21 %d; pid %d, tid %d, alarm %d, umask %o\n",
	       usr1.sa_handler == SIG_DFL, usr2.sa_handler == SIG_IGN, hup.sa_handler == SIG_DFL,
	       sigismember(&mask, SIGTERM), sigismember(&pending, SIGTERM), fcntl(20, F_GETFD),
	       fcntl(21, F_GETFD), getpid() == atoi(getenv("EXPECTED_PID")), gettid() == getpid(),
	       alarm(0) > 0, umask(0));
	return 0;
}

static void handler(int sig)
{
}

static void prepare(void)
{
	char number[20];
	sigset_t set;
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, 20);
	dup3(fd, 21, O_CLOEXEC);
	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTERM);
	alarm(100);
	umask(027);
	sprintf(number, "%d", (int)getpid());
	setenv("EXPECTED_PID", number, 1);
}

static void *execs(void *arg)
{
	char *argv[] = { "exec", "inside", NULL };

	execv("/proc/self/exe", argv);
	_exit(78);
}

static void *sleeps(void *arg)
{
	for (;;)
		pause();
}

static void inheritance(void)
{
	pid_t pid = child();

	if (pid == 0) {
		prepare();
		execs(NULL);
	}
	wait_for("exec", pid);
	pid = child();
	if (pid == 0) { /* from a thread, with others about */
		pthread_t t;

		prepare();
		pthread_create(&t, NULL, sleeps, NULL);
		pthread_create(&t, NULL, sleeps, NULL);
		pthread_create(&t, NULL, execs, NULL);
		sleeps(NULL);
	}
	wait_for("exec in a thread", pid);
}

static int ids(void)
{
	printf("ids: real %d %d, effective %d %d\n", getuid(), getgid(), geteuid(), getegid());
	return 0;
}

static void copy_program(const char *to, int uid, int gid, int mode)
{
	static char buffer[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0755);
	int n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		write(out, buffer, n);
	close(in);
	fchown(out, uid, gid);
	fchmod(out, mode);
	close(out);
}

/* Only the privileged can make such files of others. */
static void set_ids(void)
{
	static const struct { int uid, gid, mode; } kinds[] = {
		{ 1001, 1002, 0755 }, { 1001, 1002, 04755 }, { 1001, 1002, 02755 },
		{ 1001, 1002, 06755 }, { 1001, 1002, 02745 }, { 0, 0, 04755 },
	};
	char *argv[] = { "exec", "ids", NULL };

	if (getuid() != 0)
		return;
	mkdir("/var/tmp", 01777);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t pid;

		copy_program("/var/tmp/exec-ids", kinds[i].uid, kinds[i].gid, kinds[i].mode);
		pid = child();
		if (pid == 0) {
			if (setgid(1003) || setuid(1004))
				_exit(2);
			execv("/var/tmp/exec-ids", argv);
			_exit(78);
		}
		wait_for("set-id", pid);
	}
	unlink("/var/tmp/exec-ids");
}

static void script(const char *what, const char *text)
{
	char *argv[] = { "name", "one", "two words", NULL };
	int fd = open("/tmp/exec-script", O_CREAT | O_TRUNC | O_WRONLY, 0755);
	pid_t pid;

	write(fd, text, strlen(text));
	fchmod(fd, 0755);
	close(fd);
	pid = child();
	if (pid == 0) {
		execv("/tmp/exec-script", argv);
		_exit(errno == ENOENT ? 79 : errno == ENOEXEC ? 80 : errno == ELOOP ? 81 : 78);
	}
	wait_for(what, pid);
	unlink("/tmp/exec-script");
}

/* execvp gives the shell what is no program; execv doesn't. */
static void without_interpreter(void)
{
	char *argv[] = { "name", "one", "two words", NULL };
	int fd = open("/tmp/exec-plain", O_CREAT | O_TRUNC | O_WRONLY, 0755);
	pid_t pid;

	dprintf(fd, "echo \"$0: $# arguments: $1, $2\"\nexit 6\n");
	fchmod(fd, 0755);
	close(fd);
	if ((pid = child()) == 0) {
		execv("/tmp/exec-plain", argv);
		_exit(errno == ENOEXEC ? 80 : 78);
	}
	wait_for("execv, no interpreter", pid);
	if ((pid = child()) == 0) {
		execvp("/tmp/exec-plain", argv);
		_exit(78);
	}
	wait_for("execvp, no interpreter", pid);
	if ((pid = child()) == 0) {
		setenv("PATH", "/nonexistent:/tmp:/bin", 1);
		execlp("exec-plain", "name", "three", (char *)NULL);
		_exit(78);
	}
	wait_for("execlp, found by PATH", pid);
	unlink("/tmp/exec-plain");
}

static void scripts(void)
{
	without_interpreter();
	script("script", "#!/bin/sh\necho \"$0: $# arguments: $1, $2\"\nexit 3\n");
	script("with an option", "#! /bin/sh -e\nfalse\nexit 4\n");
	script("no interpreter", "#!/nonexistent\n");
	script("an empty line", "#!\n");
	script("interprets itself", "#!/tmp/exec-script\n");
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return 10 + (strlen(argv[2]) == 60000);
	if (argc == 2)
		return strcmp(argv[1], "ids") == 0 ? ids() : inside();
	limits();
	errors();
	inheritance();
	set_ids();
	scripts();
	return 0;
}
