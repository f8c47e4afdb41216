/* inotify: which events what is done to files makes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {
	"ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM",
	"MOVED_TO", "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF", "12", "UNMOUNT", "Q_OVERFLOW", "IGNORED",
};

/* Print all that is there. */
static void show(const char *what, int fd)
{
	char buffer[8192] __attribute__((aligned(8)));
	unsigned cookie = 0;
	ssize_t n;

	printf("%s:", what);
	while ((n = read(fd, buffer, sizeof buffer)) > 0) {
		for (char *p = buffer; p < buffer + n;) {
			struct inotify_event *e = (void *)p;

			printf(" %d", e->wd);
			for (int i = 0; i < 16; i++)
				if (e->mask & 1u << i)
					printf(" %s", names[i]);
			if (e->mask & IN_ISDIR)
				printf(" DIR");
			if (e->cookie)
				printf(" cookie %s", cookie == e->cookie ? "again" : "new");
			if (e->cookie)
				cookie = e->cookie;
			if (e->len)
				printf(" \"%s\"", e->name);
			printf(";");
			p += sizeof *e + e->len;
		}
	}
	printf(" %s\n", errno == EAGAIN ? "-" : strerror(errno));
}

static void touch(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0644));
}

int main(void)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
	char buffer[64];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), wd, file, n;

	mkdir("watched", 0755);
	printf("watch %d\n", wd = inotify_add_watch(fd, "watched", IN_ALL_EVENTS));
	printf("again %d\n", inotify_add_watch(fd, "watched", IN_ALL_EVENTS) == wd);
	printf("create only %d", inotify_add_watch(fd, "watched", IN_ALL_EVENTS | IN_MASK_CREATE));
	printf(" %d\n", errno == EEXIST);
	touch("watched/a");
	show("create", fd);
	file = open("watched/a", O_RDWR);
	write(file, "hello", 5);
	write(file, "hello", 5);
	pread(file, buffer, 5, 0);
	ftruncate(file, 3);
	fchmod(file, 0600);
	close(file);
	show("use", fd);
	chmod("watched/a", 0644);
	utimensat(AT_FDCWD, "watched/a", times, 0);
	times[0].tv_nsec = UTIME_OMIT;
	utimensat(AT_FDCWD, "watched/a", times, 0);
	truncate("watched/a", 1);
	close(open("watched/a", O_WRONLY | O_TRUNC));
	show("attributes", fd);
	link("watched/a", "watched/b");
	symlink("a", "watched/c");
	mkfifo("watched/fifo", 0600);
	mkdir("watched/d", 0700);
	show("names", fd);
	rename("watched/a", "watched/d/a");
	rename("watched/b", "watched/e");
	show("moves", fd);
	rename("watched/d", "watched/f");
	show("move of a directory", fd);
	rename("watched/f/a", "watched/g");
	show("into", fd);
	unlink("watched/c");
	unlink("watched/fifo");
	rmdir("watched/f");
	show("removals", fd);

	/* Two instances: in which order events come to different watches is nobody's business. */
	int other = inotify_init1(IN_NONBLOCK);
	int self = inotify_add_watch(other, "watched/g", IN_ALL_EVENTS);
	printf("another %d\n", self);
	touch("watched/h");
	show("h", fd);
	rename("watched/h", "watched/g"); /* the watched file loses its last name but one */
	show("over", fd);
	show("over itself", other);
	unlink("watched/e");
	show("gone", fd);
	show("gone itself", other);
	close(other);

	self = inotify_add_watch(fd, "watched/g", IN_DELETE_SELF | IN_ATTRIB);
	file = open("watched/g", O_RDONLY);
	unlink("watched/g");
	show("unlinked and open", fd);
	close(file);
	show("closed", fd);

	touch("watched/once");
	show("", fd);
	printf("once %d\n", inotify_add_watch(fd, "watched/once", IN_OPEN | IN_ONESHOT) > 0);
	inotify_rm_watch(fd, wd);
	show("watch removed", fd);
	touch("watched/once");
	touch("watched/once");
	show("once", fd);
	unlink("watched/once");

	printf("errors");
	printf(" %d", inotify_rm_watch(fd, 1000) == -1 && errno == EINVAL);
	printf(" %d", inotify_add_watch(fd, "watched", 0) == -1 && errno == EINVAL);
	printf(" %d", inotify_add_watch(fd, "nothing", IN_OPEN) == -1 && errno == ENOENT);
	printf(" %d", inotify_add_watch(0, "watched", IN_OPEN) == -1 && errno == EINVAL);
	touch("plain");
	printf(" %d", inotify_add_watch(fd, "plain", IN_OPEN | IN_ONLYDIR) == -1 && errno == ENOTDIR);
	printf(" %d", inotify_init1(1) == -1 && errno == EINVAL);
	unlink("plain");
	wd = inotify_add_watch(fd, "watched", IN_CREATE);
	touch("watched/a name that is not short");
	printf(" small %zd", read(fd, buffer, 20));
	printf(" %d", errno == EINVAL);
	ioctl(fd, FIONREAD, &n);
	printf(" FIONREAD %d", n);
	printf(" read %zd\n", read(fd, buffer, 48));
	unlink("watched/a name that is not short");

	/* It can be waited for. */
	if (fork() == 0) {
		usleep(20000);
		mkdir("watched/from a child", 0700);
		_exit(0);
	}
	struct pollfd p = { fd, POLLIN, 0 };
	printf("poll %d", poll(&p, 1, 10000));
	printf(" %d\n", p.revents == POLLIN);
	wait(NULL);
	show("child", fd);
	rmdir("watched/from a child");
	rmdir("watched");
	show("the directory itself", fd);

	/* Too much of it. */
	mkdir("watched", 0755);
	wd = inotify_add_watch(fd, "watched", IN_CREATE | IN_DELETE);
	for (int i = 0; i < 9000; i++) {
		touch("watched/x");
		unlink("watched/x");
	}
	int count = 0, lost = 0;
	char big[65536] __attribute__((aligned(8)));
	for (ssize_t m; (m = read(fd, big, sizeof big)) > 0;)
		for (char *q = big; q < big + m;) {
			struct inotify_event *e = (void *)q;

			count++;
			lost += e->mask == IN_Q_OVERFLOW && e->wd == -1;
			q += sizeof *e + e->len;
		}
	printf("flood %d, then lost %d\n", count, lost);
	rmdir("watched");
	return 0;
}
