/*
 * Names, at random: thousands of calls on a few names that are files, directories,
 * links and FIFOs in turn, by root and by somebody else.
 */
#define _GNU_SOURCE
#include "check.h"
#include "random.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOMEBODY 1000
#define FDS 6
#define ROUND 100 /* calls between two looks at everything */
#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static const mode_t modes[] = { 0755, 0755, 0777, 0777, 0700, 0644, 0666, 0555, 0311, 0444, 0, 01775, 02775, 06755, 02070 };
static int fds[FDS];
static unsigned number; /* of the call */

/* ---- names ---- */

static void add_component(char *path)
{
	static const char *const names[] = { "a", "b", "c", "d", "a", "b", ".", "..", "e" };
	size_t end = strlen(path);

	if (one_in(300)) {
		memset(path + end, 'x', NAME_MAX + below(2));
		path[end + NAME_MAX + 1] = 0;
	} else {
		strcpy(path + end, ANY(names));
	}
}

/* A path that may lead to something, or not. */
static const char *any_path(char *path)
{
	unsigned depth = 1 + below(3);

	memset(path, 0, PATH_MAX);
	if (one_in(100))
		return path;
	if (one_in(20))
		strcpy(path, "/");
	for (unsigned i = 0; i < depth; i++) {
		if (i)
			strcat(path, one_in(30) ? "//" : "/");
		add_component(path);
	}
	if (one_in(15))
		strcat(path, "/");
	return path;
}

/* ---- what a call gave ---- */

static void say(const char *call, long result)
{
	if (result < 0)
		printf("%u %s: %s\n", number, call, strerrorname_(errno));
	else
		printf("%u %s: %ld\n", number, call, result);
}

static char kind_of(mode_t mode)
{
	return S_ISREG(mode)  ? 'f' :
	       S_ISDIR(mode)  ? 'd' :
	       S_ISLNK(mode)  ? 'l' :
	       S_ISFIFO(mode) ? 'p' :
	       S_ISSOCK(mode) ? 's' : '?';
}

static void show(const struct stat *st)
{
	printf(" %c%o %d:%d", kind_of(st->st_mode), st->st_mode & 07777, (int)st->st_uid, (int)st->st_gid);
	if (!S_ISDIR(st->st_mode)) /* what these are of a directory is the filesystem's own business */
		printf(" %d links, %lld bytes", (int)st->st_nlink, (long long)st->st_size);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, in order: how many, or -1. They are to be freed. */
static int list(const char *path, char **names, int most)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!d)
		return -1;
	while (n < most && (e = readdir(d)))
		names[n++] = strdup(e->d_name);
	closedir(d);
	qsort(names, (size_t)n, sizeof *names, by_name);
	return n;
}

static void walk(const char *path)
{
	char *names[64], below_it[PATH_MAX], target[PATH_MAX];
	struct stat st;
	int n;

	if (lstat(path, &st) < 0) {
		printf("  %s: %s\n", path, strerrorname_(errno));
		return;
	}
	printf("  %s", path);
	show(&st);
	if (S_ISLNK(st.st_mode) && (n = (int)readlink(path, target, sizeof target)) >= 0)
		printf(" -> %.*s", n, target);
	printf("\n");
	if (!S_ISDIR(st.st_mode))
		return;
	n = list(path, names, 64);
	for (int i = 0; i < n; i++) {
		snprintf(below_it, sizeof below_it, "%s/%s", path, names[i]);
		if (strcmp(names[i], ".") && strcmp(names[i], ".."))
			walk(below_it);
		free(names[i]);
	}
}

/* ---- calls ---- */

static char call[3 * PATH_MAX];

static void try_open(const char *path)
{
	static const int access[] = { O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_PATH };
	static const int more[] = { O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW,
				    O_CREAT | O_TRUNC, O_CREAT | O_NOFOLLOW, O_CREAT | O_DIRECTORY };
	int flags = ANY(access) | O_NONBLOCK | O_CLOEXEC, slot = (int)below(FDS), base = ANY(fds);
	mode_t mode = ANY(modes);
	bool at = one_in(4);

	for (unsigned n = below(3); n > 0; n--)
		flags |= ANY(more);
	if (fds[slot] >= 0)
		close(fds[slot]);
	fds[slot] = -1;
	errno = 0;
	fds[slot] = at ? openat(base, path, flags, mode) : open(path, flags, mode);
	snprintf(call, sizeof call, "open%s %s %#x %o", at ? "at" : "", path, flags & ~O_LARGEFILE, mode);
	say(call, fds[slot] < 0 ? -1 : 0);
}

static void use_fd(void)
{
	int fd = ANY(fds);
	struct stat st;
	char byte;

	switch (below(6)) {
	case 0:
		say("write", write(fd, "some", 4));
		break;
	case 1:
		say("read", pread(fd, &byte, 1, 0));
		break;
	case 2:
		say("fstat", fstat(fd, &st));
		break;
	case 3: /* musl's has another way for O_PATH, for its O_SEARCH is that */
		if (!(fcntl(fd, F_GETFL) & O_PATH))
			say("fchmod", fchmod(fd, ANY(modes)));
		break;
	case 4:
		say("fchdir", fchdir(fd));
		break;
	case 5:
		say("ftruncate", ftruncate(fd, below(100)));
		break;
	}
}

static void try_rename(const char *from, const char *to)
{
	unsigned flags = one_in(3) ? RENAME_NOREPLACE : one_in(2) ? RENAME_EXCHANGE : 0;

	if (one_in(20))
		flags = RENAME_NOREPLACE | RENAME_EXCHANGE;
	snprintf(call, sizeof call, "rename %s %s %u", from, to, flags);
	say(call, flags || one_in(2) ? syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags) : rename(from, to));
}

static void try_stat(const char *path)
{
	bool follow = one_in(2);
	struct stat st;
	int result = follow ? stat(path, &st) : lstat(path, &st);

	if (result == 0) {
		printf("%u %s %s:", number, follow ? "stat" : "lstat", path);
		show(&st);
		printf("\n");
		return;
	}
	snprintf(call, sizeof call, "%s %s", follow ? "stat" : "lstat", path);
	say(call, result);
}

static void try_list(const char *path)
{
	char *names[64];
	int n = list(path, names, 64);

	snprintf(call, sizeof call, "list %s", path);
	say(call, n);
	for (int i = 0; i < n; i++) {
		printf("  %s\n", names[i]);
		free(names[i]);
	}
}

static void try_text(const char *path)
{
	char text[PATH_MAX];
	long n;

	errno = 0;
	if (one_in(3)) {
		n = getcwd(text, sizeof text) ? (long)strlen(text) : -1;
		strcpy(call, "getcwd");
	} else {
		n = readlink(path, text, sizeof text);
		snprintf(call, sizeof call, "readlink %s", path);
	}
	say(call, n);
	if (n >= 0)
		printf("  %.*s\n", (int)n, text);
}

static void become_another(void)
{
	bool root = geteuid() == 0;

	if (root) {
		setegid(SOMEBODY);
		seteuid(SOMEBODY);
	} else {
		seteuid(0);
		setegid(0);
	}
	printf("%u as %s\n", number, root ? "somebody" : "root");
}

#define CALL(format, result, ...)                                         \
	do {                                                              \
		long r_ = (errno = 0, (long)(result));                    \
		snprintf(call, sizeof call, format, __VA_ARGS__);         \
		say(call, r_);                                            \
	} while (0)

static void any_call(void)
{
	char path[PATH_MAX], other[PATH_MAX];
	mode_t mode = ANY(modes);
	uid_t uid = one_in(2) ? SOMEBODY : 0;
	gid_t gid = one_in(2) ? SOMEBODY : 0;
	int length = (int)below(5000);
	int follow = one_in(3) ? AT_SYMLINK_FOLLOW : 0, wanted = (int)below(8);

	any_path(path);
	any_path(other);
	switch (below(28)) {
	case 0: case 1: case 2:
		CALL("mkdir %s %o", mkdir(path, mode), path, mode);
		break;
	case 3:
		CALL("rmdir %s", rmdir(path), path);
		break;
	case 4: case 5: case 6: case 7:
		try_open(path);
		break;
	case 8: case 9:
		if (geteuid() == 0) /* Linux may allow others less (fs.protected_hardlinks) */
			CALL("link %s %s %d", linkat(AT_FDCWD, path, AT_FDCWD, other, follow), path, other, follow);
		break;
	case 10: case 11:
		CALL("symlink %s %s", symlink(other, path), other, path);
		break;
	case 12: case 13:
		CALL("unlink %s", unlink(path), path);
		break;
	case 14: case 15: case 16: case 17:
		try_rename(path, other);
		break;
	case 18:
		try_stat(path);
		break;
	case 19:
		CALL("access %s %d", one_in(2) ? access(path, wanted) : faccessat(AT_FDCWD, path, wanted, AT_EACCESS),
		     path, wanted);
		break;
	case 20: case 21:
		CALL("chmod %s %o", chmod(path, mode), path, mode);
		break;
	case 22:
		CALL("chown %s %d %d", one_in(2) ? chown(path, uid, gid) : lchown(path, uid, gid), path, (int)uid, (int)gid);
		break;
	case 23:
		CALL("truncate %s %d", truncate(path, length), path, length);
		break;
	case 24:
		CALL("mknod %s %o", mknod(path, (one_in(2) ? S_IFIFO : one_in(2) ? S_IFREG : S_IFSOCK) | mode, 0), path, mode);
		break;
	case 25:
		try_list(path);
		break;
	case 26:
		try_text(path);
		break;
	case 27:
		CALL("chdir %s", chdir(path), path);
		break;
	}
}

static void in_root(unsigned count)
{
	if (chroot(".") < 0 || chdir("/") < 0 || setgroups(0, NULL) < 0) {
		printf("chroot: %s\n", strerrorname_(errno));
		_exit(1);
	}
	umask(022);
	chmod("/", 0777);
	for (int i = 0; i < FDS; i++)
		fds[i] = -1;
	for (number = 0; number < count; number++) {
		if (one_in(40))
			become_another();
		if (one_in(8))
			use_fd();
		any_call();
		if (number % ROUND != ROUND - 1)
			continue;
		uid_t was = geteuid();
		seteuid(0);
		chdir("/");
		walk(".");
		seteuid(was);
	}
}

static void work(uint32_t seed, unsigned count)
{
	char name[32], remove[64];
	int status;

	snprintf(name, sizeof name, "names%u", seed);
	mkdir(name, 0777);
	printf("seed %u\n", seed);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		if (chdir(name) == 0)
			in_root(count);
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (status)
		printf("status %#x\n", status);
	snprintf(remove, sizeof remove, "rm -rf %s", name);
	fflush(stdout);
	system(remove);
}

int main(int argc, char **argv)
{
	return random_main(argc, argv, 5, 1000, work);
}
