/* Names: links, directories, renaming, reading directories while they change. */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library does not have it. */
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define renameat2(...) ((int)syscall(SYS_renameat2, __VA_ARGS__))

static void touch(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY, 0644));
}

static int links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? (int)st.st_nlink : -1;
}

static void links(void)
{
	char text[32] = "";
	struct stat a, b;
	int fd;

	touch("a");
	SAY(link("a", "b"));
	SAY(link("a", "b"));
	SAY(link("none", "c"));
	SAY(link(".", "c"));
	SAY(link("a", "none/c"));
	SAY(link("a", "c/"));
	SAY(link("a/", "c"));
	stat("a", &a);
	stat("b", &b);
	printf("same %d links %d\n", a.st_ino == b.st_ino, (int)a.st_nlink);
	SAY(symlink("a", "s"));
	SAY(symlink("a", "s"));
	SAY(symlink("", "e"));
	SAY(linkat(AT_FDCWD, "s", AT_FDCWD, "hard-to-link", 0));
	SAY(linkat(AT_FDCWD, "s", AT_FDCWD, "hard-to-a", AT_SYMLINK_FOLLOW));
	printf("links %d %d\n", links_of("s"), links_of("a"));
	SAY(readlink("s", text, sizeof text));
	printf("  %s\n", text);
	SAY(readlink("a", text, sizeof text));
	SAY(readlink("hard-to-link", text, 1));
	lstat("s", &a);
	printf("a link is %d long and a link: %d\n", (int)a.st_size, S_ISLNK(a.st_mode));
	char long_target[PATH_MAX];
	memset(long_target, 't', sizeof long_target);
	long_target[3000] = 0;
	SAY(symlink(long_target, "long"));
	SAY(readlink("long", long_target, sizeof long_target));
	fd = open("a", O_RDWR);
	write(fd, "kept", 4);
	SAY(unlink("a"));
	SAY(unlink("b"));
	SAY(unlink("hard-to-a"));
	SAY(unlink("hard-to-a"));
	SAY(pread(fd, text, 4, 0));
	fstat(fd, &a);
	printf("open without a name: %d links, %.4s\n", (int)a.st_nlink, text);
	close(fd);
	SAY(unlink("."));
	SAY(unlink("s/"));
	SAY(unlink("s"));
	SAY(unlink("long"));
	SAY(unlink("hard-to-link"));
}

static void directories(void)
{
	SAY(mkdir("d", 0755));
	SAY(mkdir("d", 0755));
	SAY(mkdir("d/", 0755));
	SAY(mkdir("d/e/", 0755));
	SAY(mkdir("none/e", 0755));
	SAY(mkdir("d/.", 0755));
	printf("links %d %d\n", links_of("d"), links_of("d/e"));
	SAY(rmdir("d"));
	SAY(rmdir("d/e/."));
	SAY(rmdir("d/e/.."));
	SAY(unlink("d/e"));
	SAY(rmdir("d/e/"));
	touch("d/f");
	SAY(rmdir("d/f"));
	SAY(rmdir("d"));
	SAY(unlinkat(AT_FDCWD, "d/f", AT_REMOVEDIR));
	SAY(unlinkat(AT_FDCWD, "d/f", 0));
	SAY(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	/* A directory that is gone, and still ours. */
	mkdir("gone", 0755);
	SAY(chdir("gone"));
	SAY(rmdir("../gone"));
	SAY(mkdir("x", 0755));
	SAY(open("f", O_CREAT, 0600));
	SAY(getcwd((char[100]){ 0 }, 100) ? 0 : -1);
	SAY(chdir(".."));
}

static void renames(void)
{
	touch("a");
	touch("b");
	mkdir("d", 0755);
	mkdir("e", 0755);
	SAY(rename("a", "c"));
	SAY(rename("a", "c"));
	SAY(rename("c", "b"));
	SAY(access("c", F_OK));
	SAY(link("b", "same"));
	SAY(rename("b", "same")); /* both stay */
	SAY(access("b", F_OK));
	SAY(unlink("same"));
	SAY(rename("b", "d"));
	SAY(rename("d", "b"));
	SAY(rename("b", "d/b"));
	SAY(rename("e", "d"));
	SAY(rename("d", "e"));
	SAY(access("e/b", F_OK));
	SAY(rename("e", "e/inside"));
	SAY(rename(".", "x"));
	SAY(rename("e/.", "x"));
	SAY(rename("e/..", "x"));
	SAY(rename("e/b", "x/"));
	SAY(rename("e", "x/"));
	SAY(rename("x/b", "y/b"));
	mkdir("y", 0755);
	SAY(rename("x/b", "y/b"));
	mkdir("y/deep", 0755);
	mkdir("y/deep/er", 0755);
	SAY(rename("y/deep/er", "x/er"));
	printf("links %d %d %d\n", links_of("x"), links_of("y"), links_of("y/deep"));
	SAY(access("x/er/../b", F_OK));
	touch("one");
	touch("two");
	link("one", "one-too");
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_NOREPLACE));
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE));
	printf("links %d %d\n", links_of("one"), links_of("two"));
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "none", RENAME_EXCHANGE));
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "y", RENAME_EXCHANGE));
	SAY(access("one/b", F_OK));
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", 64));
	SAY(renameat2(AT_FDCWD, "one", AT_FDCWD, "two", RENAME_EXCHANGE | RENAME_NOREPLACE));
	SAY(rename("two", "/proc/x"));
	SAY(rename("/proc/self/status", "here"));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);

	printf("%s:", path);
	for (int i = 0; i < n; i++) {
		printf(" %s%s", entries[i]->d_name, entries[i]->d_type == DT_DIR ? "/" :
		       entries[i]->d_type == DT_LNK ? "@" : entries[i]->d_type == DT_FIFO ? "|" : "");
		free(entries[i]);
	}
	printf(" (%d)\n", n);
	free(entries);
}

static void reading(void)
{
	char *names[1100], name[32];
	struct dirent *e;
	int n = 0, twice = 0;
	long at = 0;
	DIR *d;

	mkdir("big", 0755);
	for (int i = 0; i < 1000; i++) {
		sprintf(name, "big/file-%d", i);
		touch(name);
	}
	d = opendir("big");
	while (n < 1100 && (e = readdir(d))) {
		names[n++] = strdup(e->d_name);
		if (n == 500) { /* what was there all the time is read once, whatever changes */
			at = telldir(d);
			for (int i = 0; i < 300; i++) {
				sprintf(name, "big/new-%d", i);
				touch(name);
				if (i % 2)
					unlink(name);
			}
		}
		if (strncmp(e->d_name, "file-", 5) == 0 && n % 3 == 0) {
			sprintf(name, "big/%s", e->d_name);
			unlink(name);
		}
	}
	qsort(names, n, sizeof *names, compare);
	int old = 0;
	for (int i = 0; i < n; i++) {
		old += strncmp(names[i], "file-", 5) == 0;
		twice += i > 0 && strcmp(names[i], names[i - 1]) == 0;
	}
	printf("read %d old names, %d twice\n", old, twice);
	seekdir(d, at);
	printf("after seekdir there is more: %d\n", readdir(d) != NULL);
	rewinddir(d);
	for (n = 0; readdir(d);)
		n++;
	printf("after rewinddir at least 800: %d\n", n >= 800);
	d = (closedir(d), opendir("big"));
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	SAY(rmdir("big"));
	SAY(opendir("none") ? 0 : -1);
	SAY(opendir("two") ? 0 : -1);
	mkfifo("fifo", 0600);
	symlink("x", "link");
	list(".");
}

int main(void)
{
	mkdir("names", 0755);
	SAY(chdir("names"));
	links();
	directories();
	renames();
	reading();
	return 0;
}
