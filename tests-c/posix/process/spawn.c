/* posix_spawn: every attribute and file action, as the child sees them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#ifdef __tabos__
#define addchdir posix_spawn_file_actions_addchdir
#define addfchdir posix_spawn_file_actions_addfchdir
#else /* glibc has no other names yet */
#define addchdir posix_spawn_file_actions_addchdir_np
#define addfchdir posix_spawn_file_actions_addfchdir_np
#endif

/* In the child: what it was given. */
static int report(const char *label)
{
	struct sigaction usr1, usr2;
	struct sched_param param;
	sigset_t mask;
	char cwd[200];

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigaction(SIGUSR1, NULL, &usr1);
	sigaction(SIGUSR2, NULL, &usr2);
	sched_getparam(0, &param);
	printf("%s: leads group %d, session %d; blocked %d %d; USR1 %s, USR2 %s; ids %d %d; policy %d %d; in %s; open",
	       label, getpgrp() == getpid(), getsid(0) == getpid(), sigismember(&mask, SIGHUP),
	       sigismember(&mask, SIGTERM), usr1.sa_handler == SIG_IGN ? "ignored" : "default",
	       usr2.sa_handler == SIG_IGN ? "ignored" : "default", geteuid() == getuid(),
	       getegid() == getgid(), sched_getscheduler(0), param.sched_priority,
	       getcwd(cwd, sizeof(cwd)));
	for (int fd = 3; fd < 30; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
	return 0;
}

static void spawn(const char *label, const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *attr)
{
	char *argv[] = { "spawn", "report", (char *)label, NULL };
	int status = -1, err;
	pid_t pid;

	fflush(stdout);
	err = posix_spawn(&pid, "/proc/self/exe", fa, attr, argv, environ);
	if (err) {
		printf("%s: %s\n", label, err == EBADF ? "EBADF" : err == ENOENT ? "ENOENT" :
		       err == EINVAL ? "EINVAL" : err == EPERM ? "EPERM" : strerror(err));
		return;
	}
	waitpid(pid, &status, 0);
	if (status)
		printf("%s: status %x\n", label, status);
}

static void ignored_handler(int sig)
{
}

static void attributes(void)
{
	struct sched_param param = { .sched_priority = 3 };
	posix_spawnattr_t attr;
	sigset_t set, old;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	spawn("inherited", NULL, NULL);
	posix_spawnattr_init(&attr);
	spawn("no flags", NULL, &attr);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigmask(&attr, &set);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	spawn("signals", NULL, &attr);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, ignored_handler);
	signal(SIGUSR2, SIG_DFL);

	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	spawn("group", NULL, &attr);
	posix_spawnattr_setpgroup(&attr, 999999);
	spawn("group of nobody", NULL, &attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	spawn("session", NULL, &attr);

	posix_spawnattr_setschedpolicy(&attr, SCHED_RR);
	posix_spawnattr_setschedparam(&attr, &param);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDULER);
	spawn("scheduler", NULL, &attr);
	param.sched_priority = 0;
	posix_spawnattr_setschedparam(&attr, &param);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSCHEDPARAM);
	spawn("parameters", NULL, &attr);
	param.sched_priority = 1000;
	posix_spawnattr_setschedparam(&attr, &param);
	spawn("bad parameters", NULL, &attr);

	if (geteuid() == 0 && (setegid(1234) || seteuid(1234)))
		printf("seteuid: %d\n", errno);
	posix_spawnattr_setflags(&attr, 0);
	if (getuid() == 0) {
		spawn("effective ids", NULL, &attr);
		posix_spawnattr_setflags(&attr, POSIX_SPAWN_RESETIDS);
		spawn("reset ids", NULL, &attr);
		seteuid(0);
		setegid(0);
	}
	posix_spawnattr_destroy(&attr);
}

static void actions(void)
{
	char text[2000] = "";
	posix_spawn_file_actions_t fa;
	int dir, fd, out;

	mkdir("/tmp/spawn-dir", 0755);
	mkdir("/tmp/spawn-dir/below", 0755);
	dir = open("/tmp/spawn-dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	out = open("/tmp/spawn-out", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	posix_spawn_file_actions_init(&fa);
	addchdir(&fa, "/tmp");
	spawn("chdir", &fa, NULL);
	addfchdir(&fa, dir);
	addchdir(&fa, "below");
	spawn("fchdir, and chdir from there", &fa, NULL);
	posix_spawn_file_actions_addopen(&fa, 10, "../file", O_CREAT | O_RDWR, 0600);
	spawn("open relative to it", &fa, NULL);
	printf("made: %d\n", access("/tmp/spawn-dir/file", F_OK));
	posix_spawn_file_actions_destroy(&fa);

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd, fd); /* no longer closed on exec */
	posix_spawn_file_actions_adddup2(&fa, fd, 20);
	posix_spawn_file_actions_addopen(&fa, 21, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, 20, 22);
	posix_spawn_file_actions_addclose(&fa, 20);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	spawn("descriptors", &fa, NULL);
	lseek(out, 0, SEEK_SET);
	if (read(out, text, sizeof(text) - 1) > 0)
		printf("its output: %s", text);
	posix_spawn_file_actions_destroy(&fa);

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addclose(&fa, 28);
	spawn("close of what is not open", &fa, NULL);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, 28, 29);
	spawn("dup2 of what is not open", &fa, NULL);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 5, "/nonexistent/x", O_RDONLY, 0);
	spawn("open of nothing", &fa, NULL);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawn_file_actions_init(&fa);
	addchdir(&fa, "/nonexistent");
	spawn("chdir to nothing", &fa, NULL);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawn_file_actions_init(&fa);
	printf("negative descriptors: %d %d %d\n",
	       posix_spawn_file_actions_addclose(&fa, -1) == EBADF,
	       posix_spawn_file_actions_adddup2(&fa, -1, 3) == EBADF,
	       posix_spawn_file_actions_addopen(&fa, -1, "/", 0, 0) == EBADF);
	posix_spawn_file_actions_destroy(&fa);
	unlink("/tmp/spawn-dir/file");
	rmdir("/tmp/spawn-dir/below");
	rmdir("/tmp/spawn-dir");
	unlink("/tmp/spawn-out");
	close(dir);
	close(fd);
	close(out);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return report(argv[2]);
	for (int fd = 3; fd < 30; fd++) /* what the test was started with */
		close(fd);
	if (chdir("/"))
		return 1;
	attributes();
	actions();
	return 0;
}
