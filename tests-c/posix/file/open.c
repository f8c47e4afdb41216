/* open and its flags, and how paths may fail. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[16];

static const char *contents(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);

	text[n < 0 ? 0 : n] = 0;
	close(fd);
	return text;
}

static void put(int fd, const char *s)
{
	write(fd, s, strlen(s));
	close(fd);
}

static void flags(void)
{
	struct stat st;
	int fd;

	TRY(open("none", O_RDONLY));
	TRY(open("f", O_CREAT | O_EXCL | O_WRONLY, 0640));
	TRY(open("f", O_CREAT | O_EXCL | O_WRONLY, 0640));
	put(open("f", O_WRONLY), "abcdef");
	put(open("f", O_WRONLY), "XY");
	printf("overwritten %s\n", contents("f"));
	put(open("f", O_WRONLY | O_APPEND), "end");
	printf("appended %s\n", contents("f"));
	fd = open("f", O_RDWR | O_APPEND);
	lseek(fd, 0, SEEK_SET);
	put(fd, "!");
	printf("appended again %s\n", contents("f"));
	put(open("f", O_RDWR | O_TRUNC), "t");
	printf("truncated %s\n", contents("f"));
	fd = open("f", O_RDONLY | O_CLOEXEC);
	printf("cloexec %d status flags %d\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL) & O_ACCMODE);
	TRY(write(fd, "x", 1));
	close(fd);
	fd = open("f", O_WRONLY | O_NONBLOCK | O_APPEND);
	printf("flags %d\n", (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND | O_ACCMODE)) ==
				     (O_NONBLOCK | O_APPEND | O_WRONLY));
	fcntl(fd, F_SETFL, 0);
	printf("cleared %d\n", (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND)) == 0);
	TRY(read(fd, text, 1));
	close(fd);
	fd = open("f", O_PATH);
	TRY(fstat(fd, &st));
	TRY(read(fd, text, 1));
	TRY(lseek(fd, 0, SEEK_SET));
	close(fd);
	umask(027);
	close(open("masked", O_CREAT | O_WRONLY, 06777));
	stat("masked", &st);
	printf("mode %o\n", st.st_mode);
	umask(022);
	close(creat("masked", 0600)); /* it exists: its mode stays */
	stat("masked", &st);
	printf("mode %o size %d\n", st.st_mode, (int)st.st_size);
	fd = open("readonly", O_CREAT | O_RDWR, 0400);
	TRY(write(fd, "may be written", 14));
	close(fd);
}

static void directories(void)
{
	char *list[] = { "d", "d/", "d/.", "d/..", "f/", "f/.", "d/none", "none/x", "f/x", "" };
	int fd;

	mkdir("d", 0755);
	for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
		printf("\"%s\"\n", list[i]);
		TRY(open(list[i], O_RDONLY));
		TRY(open(list[i], O_RDWR));
		TRY(open(list[i], O_RDONLY | O_DIRECTORY));
		TRY(open(list[i], O_CREAT | O_EXCL | O_WRONLY, 0600));
		unlink("d/none");
	}
	TRY(open("new/", O_CREAT | O_WRONLY, 0600));
	fd = open("d", O_RDONLY | O_DIRECTORY);
	TRY(openat(fd, "inside", O_CREAT | O_WRONLY, 0600));
	TRY(openat(fd, "../f", O_RDONLY));
	TRY(openat(fd, "..", O_RDONLY));
	TRY(openat(1000, "f", O_RDONLY));
	TRY(openat(1000, "/", O_RDONLY));
	TRY(read(fd, text, 1));
	TRY(fchdir(fd));
	TRY(open("inside", O_RDONLY));
	TRY(chdir(".."));
	close(fd);
	fd = open("f", O_RDONLY);
	TRY(openat(fd, "x", O_RDONLY));
	TRY(fchdir(fd));
	close(fd);
}

static void links(void)
{
	char path[3 * PATH_MAX], name[NAME_MAX + 2];

	symlink("f", "to-f");
	symlink("d", "to-d");
	symlink("nowhere", "dangling");
	symlink("loop-b", "loop-a");
	symlink("loop-a", "loop-b");
	TRY(open("to-f", O_RDONLY));
	TRY(open("to-f", O_RDONLY | O_NOFOLLOW));
	TRY(open("to-d", O_RDONLY | O_NOFOLLOW));
	TRY(open("to-d/", O_RDONLY | O_NOFOLLOW));
	TRY(open("to-d/inside", O_RDONLY | O_NOFOLLOW));
	TRY(open("to-d", O_RDONLY | O_DIRECTORY));
	TRY(open("to-f/", O_RDONLY));
	TRY(open("dangling", O_RDONLY));
	TRY(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600));
	TRY(open("dangling", O_CREAT | O_WRONLY, 0600));
	TRY(access("nowhere", F_OK));
	TRY(open("loop-a", O_RDONLY));
	TRY(open("loop-a/x", O_RDONLY));
	TRY(open("loop-a", O_RDONLY | O_NOFOLLOW));
	TRY(open("loop-a", O_PATH | O_NOFOLLOW));
	/* Forty links may be followed. */
	symlink("f", "l0");
	for (int i = 1; i <= 40; i++) {
		char from[16], to[16];

		sprintf(from, "l%d", i - 1);
		sprintf(to, "l%d", i);
		symlink(from, to);
	}
	TRY(open("l39", O_RDONLY));
	TRY(open("l40", O_RDONLY));
	memset(name, 'n', sizeof name);
	name[NAME_MAX] = 0;
	TRY(open(name, O_CREAT | O_WRONLY, 0600));
	TRY(unlink(name));
	name[NAME_MAX] = 'n', name[NAME_MAX + 1] = 0;
	TRY(open(name, O_CREAT | O_WRONLY, 0600));
	TRY(open(name, O_RDONLY));
	memset(path, '/', sizeof path);
	strcpy(path + PATH_MAX - 1, "");
	TRY(open(path, O_RDONLY)); /* as long as can be: the root */
	strcpy(path + PATH_MAX - 1, "/");
	TRY(open(path, O_RDONLY));
	path[0] = 0;
	while (strlen(path) < PATH_MAX - 6)
		strcat(path, "d/../");
	strcat(path, "f");
	TRY(open(path, O_RDONLY));
	strcat(path, "//////");
	TRY(open(path, O_RDONLY));
}

static void many(void)
{
	int fds = 0, fd;

	while ((fd = open("f", O_RDONLY)) >= 0)
		fds++;
	printf("too many: %s after some %d\n", strerrorname_(errno), fds > 100);
	for (fd = 3; fd < 4096; fd++)
		close(fd);
}

int main(void)
{
	flags();
	directories();
	links();
	many();
	return 0;
}
