/* Who a process is: execle, fexecve, ids changed in pairs, groups, terminals, the host's name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const environment[] = { "ONE=1", "TWO=2", NULL };

/* Started by one of the exec functions. */
static int started(char **argv)
{
	const char *one = getenv("ONE"), *path = getenv("PATH");

	printf("%s: ONE=%s, PATH %s, descriptor 9 %s\n", argv[1], one ? one : "", path ? "is there" : "is not",
	       fcntl(9, F_GETFD) < 0 ? "closed" : "open");
	return 0;
}

/* Run f in a child and wait. */
static void in_child(void (*f)(void))
{
	int status;

	fflush(stdout);
	if (fork() == 0) {
		f();
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	if (status)
		printf("status %x\n", (unsigned)status);
}

static void by_execle(void)
{
	execle("/proc/self/exe", "identity", "execle", (char *)NULL, environment);
	printf("execle: %s\n", strerror(errno));
}

static void by_fexecve(void)
{
	char *argv[] = { "identity", "fexecve", NULL };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), other = open("/dev/null", O_RDONLY);

	dup2(other, 9);
	fexecve(fd, argv, (char **)environment);
	printf("fexecve: %s\n", strerror(errno));
}

static void errors(void)
{
	char *argv[] = { "x", NULL }, *none[] = { NULL };
	int fd = open("/dev/null", O_RDONLY);

	printf("fexecve of -1: %d", fexecve(-1, argv, none) < 0 ? errno == EBADF || errno == EINVAL : -1);
	printf(", of a device: %d", fexecve(fd, argv, none) < 0 ? errno == EACCES : -1);
	printf(", execle of nothing: %d\n", execle("/nonexistent", "x", (char *)NULL, none) < 0 ? errno == ENOENT : -1);
}

static void ids(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (getuid() != 0) {
		printf("must be root\n");
		return;
	}
	printf("setregid: %d", setregid(10, 20));
	getresgid(&rg, &eg, &sg);
	printf(" gives %u %u %u\n", (unsigned)rg, (unsigned)eg, (unsigned)sg);
	printf("setreuid: %d", setreuid(1, 2));
	getresuid(&r, &e, &s);
	printf(" gives %u %u %u\n", (unsigned)r, (unsigned)e, (unsigned)s);
	printf("swapped: %d", setreuid(2, 1));
	getresuid(&r, &e, &s);
	printf(" gives %u %u %u\n", (unsigned)r, (unsigned)e, (unsigned)s);
	printf("to others: %d", setreuid(3, (uid_t)-1) < 0 ? errno == EPERM : -1);
	printf(" %d", setreuid((uid_t)-1, 3) < 0 ? errno == EPERM : -1);
	printf(" %d\n", setregid(30, (gid_t)-1) < 0 ? errno == EPERM : -1);
}

static void groups(void)
{
	pid_t old = getpgrp();

	printf("of itself: %d %d\n", getpgid(0) == old, getpgid(getpid()) == old);
	printf("of nobody: %d\n", getpgid(0x3fffffff) < 0 ? errno == ESRCH : -1);
	setpgrp();
	printf("its own: %d %d\n", getpgrp() == getpid(), getpgid(0) == getpid());
	printf("of the parent: %d\n", getpgid(getppid()) == old);
}

static void terminals(void)
{
	char name[64];
	int fds[2];

	pipe(fds);
	printf("a pipe: %d", isatty(fds[0]) ? -1 : errno == ENOTTY);
	printf(" %d %d", ttyname(fds[0]) == NULL, ttyname_r(fds[0], name, sizeof name) == ENOTTY);
	printf(", nothing: %d", isatty(99) ? -1 : errno == EBADF);
	printf(" %d %d\n", ttyname(99) == NULL, ttyname_r(99, name, sizeof name) == EBADF);
}

static void pseudo_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), fd;
	char name[64], again[64];

	if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof name)) {
		printf("no pseudo terminal\n");
		return;
	}
	fd = open(name, O_RDWR | O_NOCTTY);
	printf("pts: %d %d", isatty(fd), ttyname_r(fd, again, sizeof again));
	printf(" %d %d\n", strcmp(name, again), ttyname_r(fd, again, 3) == ERANGE);
	printf("ttyname: %d\n", ttyname(fd) ? strcmp(ttyname(fd), name) : -1);
}

static void host(void)
{
	char name[256], word[5] = { 0 }, text[256];
	size_t n = confstr(_CS_PATH, NULL, 0);

	printf("gethostname: %d,", gethostname(name, sizeof name));
	printf(" %s\n", name[0] ? "a name" : "none");
	swab("badc", word, 4);
	printf("swab: %s\n", word);
	printf("confstr: %d %d", n > 1, confstr(_CS_PATH, text, sizeof text) == n);
	printf(" %d\n", strlen(text) + 1 == n);
	errno = 0;
	n = confstr(12345, NULL, 0);
	printf("of nothing: %d %d\n", (int)n, errno == EINVAL);
}

static void options(void)
{
	char *argv[] = { "x", "-a", "-z", "-b", NULL };
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt(4, argv, "ab:")) != -1)
		printf("%c %c, ", c, c == '?' ? optopt : '-');
	printf("ends\n"); /* where, after what is missing, systems differ in */
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return started(argv);
	setenv("PATH", "/bin", 1);
	in_child(by_execle);
	in_child(by_fexecve);
	in_child(errors);
	in_child(ids);
	in_child(groups);
	in_child(terminals);
	in_child(pseudo_terminal);
	host();
	options();
	return 0;
}
