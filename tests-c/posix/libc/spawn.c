/* posix_spawn with file actions and attributes, system, popen. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_for(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void actions(void)
{
	posix_spawn_file_actions_t fa;
	char *argv[] = { "sh", "-c", "echo out; echo err >&2; read line; echo \"$line\"", NULL };
	char name[] = "/tmp/spawn-test-XXXXXX", text[100] = "";
	int fd = mkstemp(name), p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) || write(p[1], "input\n", 6) != 6)
		exit(1);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[0], 0);
	posix_spawn_file_actions_addopen(&fa, 1, name, O_WRONLY | O_APPEND, 0);
	posix_spawn_file_actions_adddup2(&fa, 1, 2);
	posix_spawn_file_actions_addclose(&fa, fd);
	printf("spawn %d\n", posix_spawnp(&pid, "sh", &fa, NULL, argv, environ));
	printf("status %d\n", wait_for(pid));
	ssize_t n = pread(fd, text, 99, 0);
	printf("%zd [%s]\n", n, text);
	posix_spawn_file_actions_destroy(&fa);
	unlink(name);
	close(fd);
}

static void attributes(void)
{
	posix_spawnattr_t attr;
	sigset_t set;
	char *argv[] = { "sh", "-c", "kill -TERM $$; exit 3", NULL };
	pid_t pid;

	signal(SIGTERM, SIG_IGN);
	printf("spawn %d", posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ));
	printf(" status %d\n", wait_for(pid));
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	printf("spawn %d", posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, environ));
	printf(" status %d\n", wait_for(pid));
	posix_spawnattr_destroy(&attr);
}

int main(void)
{
	char *argv[] = { "none", NULL }, line[100];
	pid_t pid;

	printf("%d %d\n", posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) == ENOENT,
		posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ) == ENOENT);
	printf("%d\n", posix_spawn(&pid, "/tmp", NULL, NULL, argv, environ) == EACCES);
	actions();
	attributes();
	fflush(stdout);
	printf("system %x %d\n", system("exit 4"), system(NULL) != 0);
	FILE *f = popen("echo from the shell; exit 2", "r");
	if (fgets(line, sizeof line, f))
		fputs(line, stdout);
	printf("pclose %x\n", pclose(f));
	fflush(stdout);
	f = popen("cat", "w");
	fputs("to the shell\n", f);
	printf("pclose %x\n", pclose(f));
	return 0;
}
