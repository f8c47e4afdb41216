/* Trees and patterns: ftw, nftw, glob, fnmatch; and FIFOs. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char seen[40][80];
static int count;

/* The numbers differ between C libraries. */
static const char *type_name(int type)
{
	switch (type) {
	case FTW_F:
		return "file";
	case FTW_D:
		return "directory";
	case FTW_DP:
		return "directory, after";
	case FTW_SL:
		return "link";
	case FTW_SLN:
		return "dangling link";
	default:
		return "other";
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *f)
{
	snprintf(seen[count++], 80, "%s %s, level %d base %d size %d", path, type_name(type), f->level,
		 f->base, S_ISREG(st->st_mode) ? (int)st->st_size : -1);
	return strcmp(path, "tree/stop") == 0 ? 5 : 0;
}

static int visit_plain(const char *path, const struct stat *st, int type)
{
	snprintf(seen[count++], 80, "%s %s", path, type_name(type));
	return 0;
}

static void show(const char *what, int result)
{
	qsort(seen, count, sizeof *seen, compare);
	printf("%s: %d\n", what, result);
	for (int i = 0; i < count; i++)
		printf("  %s\n", seen[i]);
	count = 0;
}

static void touch(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	write(fd, text, strlen(text));
	close(fd);
}

static void trees(void)
{
	mkdir("tree", 0755);
	mkdir("tree/a", 0755);
	mkdir("tree/a/b", 0755);
	touch("tree/a/b/deep", "12345");
	touch("tree/top", "x");
	symlink("nowhere", "tree/dangling");
	symlink("top", "tree/link");
	show("physical", nftw("tree", visit, 10, FTW_PHYS));
	show("logical", nftw("tree", visit, 10, 0));
	show("depth first", nftw("tree", visit, 2, FTW_DEPTH | FTW_PHYS));
	unlink("tree/dangling"); /* what ftw calls them differs */
	unlink("tree/link");
	show("ftw", ftw("tree", visit_plain, 5));
	touch("tree/stop", "");
	int result = nftw("tree", visit, 10, FTW_PHYS);
	printf("stopped %d\n", result);
	count = 0;
	SAY(nftw("none", visit, 10, 0));
	count = 0;
	unlink("tree/stop");
}

static void patterns(void)
{
	const char *list[] = { "tree/*", "tree/?op", "tree/[a-l]*", "tree/*/*", "none*", "tree/a/b/de\\ep", "tree/" };

	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		glob_t g;
		int err = glob(list[i], GLOB_MARK, NULL, &g);

		printf("%s: %d", list[i], err);
		for (size_t j = 0; !err && j < g.gl_pathc; j++)
			printf(" %s", g.gl_pathv[j]);
		printf("\n");
		if (!err)
			globfree(&g);
	}
}

static void fifos(void)
{
	char text[16] = "";
	int fd, writer, status;

	SAY(mkfifo("fifo", 0600));
	SAY(mkfifo("fifo", 0600));
	TRY(open("fifo", O_WRONLY | O_NONBLOCK));
	TRY(fd = open("fifo", O_RDONLY | O_NONBLOCK));
	SAY(read(fd, text, 1)); /* nobody writes */
	TRY(writer = open("fifo", O_WRONLY | O_NONBLOCK));
	SAY(read(fd, text, 1));
	SAY(write(writer, "hello", 5));
	struct pollfd p = { fd, POLLIN, 0 };
	SAY(poll(&p, 1, 0));
	SAY(read(fd, text, sizeof text));
	close(writer);
	SAY(poll(&p, 1, 0));
	printf("  hung up %d\n", (p.revents & POLLHUP) != 0);
	close(fd);
	fflush(stdout);
	if (fork() == 0) {
		usleep(50000);
		fd = open("fifo", O_WRONLY); /* both wait for each other */
		write(fd, "from a child", 12);
		_exit(0);
	}
	fd = open("fifo", O_RDONLY);
	SAY(read(fd, text, sizeof text));
	SAY(read(fd, text, sizeof text));
	wait(&status);
	writer = open("fifo", O_RDWR);
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	SAY(write(writer, "x", 1));
	close(writer);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	writer = open("fifo", O_WRONLY);
	close(fd);
	SAY(write(writer, "x", 1));
	unlink("fifo");
}

int main(void)
{
	trees();
	patterns();
	fifos();
	return 0;
}
