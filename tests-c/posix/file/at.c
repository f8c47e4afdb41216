/* The calls that start at a directory's descriptor, and what comes back from descriptors. */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int dir, file; /* the directory "d", and the file "d/file" */

static void kind_of(const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		printf("  %s: %s\n", name, strerrorname_(errno));
	else
		printf("  %s: %o, %ld links\n", name, (unsigned)st.st_mode, (long)st.st_nlink);
}

static void making(void)
{
	SAY(mkdirat(dir, "sub", 0751));
	SAY(mkdirat(dir, "sub", 0751));
	SAY(mkdirat(dir, "none/sub", 0751));
	SAY(mkdirat(file, "sub", 0751));
	SAY(mkdirat(1000, "sub", 0751));
	SAY(mkfifoat(dir, "fifo", 0640));
	SAY(mkfifoat(dir, "fifo", 0640));
	SAY(mknodat(dir, "plain", S_IFREG | 0604, 0));
	SAY(mknodat(dir, "wrong", S_IFDIR | 0604, 0));
	SAY(symlinkat("file", dir, "link"));
	SAY(symlinkat("file", dir, "link"));
	SAY(symlinkat("", dir, "empty"));
	SAY(symlinkat("nowhere", dir, "dangling"));
	SAY(linkat(dir, "link", dir, "hard", 0));
	SAY(linkat(dir, "link", dir, "followed", AT_SYMLINK_FOLLOW));
	SAY(linkat(dir, "link", dir, "flagged", 0x100000));
	kind_of("sub");
	kind_of("fifo");
	kind_of("plain");
	kind_of("link");
	kind_of("hard");
	kind_of("followed");
}

static void looking(void)
{
	struct stat a, b;
	struct statvfs v, w;
	char text[16];

	memset(text, '#', sizeof text);
	SAY(readlinkat(dir, "link", text, sizeof text));
	printf("  %.5s\n", text);
	SAY(readlinkat(dir, "link", text, 2));
	SAY(readlinkat(dir, "file", text, sizeof text));
	SAY(readlinkat(dir, "none", text, sizeof text));
	SAY(fstatat(dir, "link", &a, 0));
	SAY(fstat(file, &b));
	printf("  same: %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	SAY(fstatat(dir, "dangling", &a, 0));
	SAY(fstatat(dir, "dangling", &a, AT_SYMLINK_NOFOLLOW));
	SAY(fstatat(dir, "", &a, 0));
	SAY(fstatat(dir, "", &a, AT_EMPTY_PATH));
	printf("  a directory: %d\n", S_ISDIR(a.st_mode));
	SAY(fstatat(dir, "file", &a, 0x100000));
	SAY(faccessat(dir, "file", R_OK | W_OK, 0));
	SAY(faccessat(dir, "none", F_OK, AT_EACCESS));
	SAY(fstatvfs(file, &v));
	SAY(fstatvfs(1000, &v));
	SAY(statvfs("d", &w));
	printf("  alike: %d, has blocks: %d, longest name: %lu\n",
	       v.f_bsize == w.f_bsize && v.f_namemax == w.f_namemax && v.f_fsid == w.f_fsid,
	       v.f_bsize > 0 && v.f_bfree <= v.f_blocks, v.f_namemax);
}

static void changing(void)
{
	struct timespec times[2] = { { 1000000000, 5 }, { 1500000000, 7 } };
	struct stat st;

	SAY(fchmodat(dir, "file", 0600, 0));
	SAY(fchmodat(dir, "none", 0600, 0));
	SAY(fchownat(dir, "file", -1, -1, 0));
	SAY(fchownat(dir, "dangling", -1, -1, 0));
	SAY(fchownat(dir, "dangling", -1, -1, AT_SYMLINK_NOFOLLOW));
	SAY(futimens(file, times));
	SAY(fstat(file, &st));
	printf("  %lld %lld\n", (long long)st.st_atim.tv_sec, (long long)st.st_mtim.tv_sec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = 1000000000;
	SAY(futimens(file, times));
	times[1].tv_nsec = UTIME_OMIT;
	SAY(futimens(file, times));
	SAY(futimens(1000, NULL));
	SAY(utimensat(dir, "dangling", NULL, AT_SYMLINK_NOFOLLOW));
	SAY(renameat(dir, "plain", dir, "sub/plain"));
	SAY(unlinkat(dir, "sub", 0) < 0 && (errno == EISDIR || errno == EPERM));
	SAY(unlinkat(dir, "sub", AT_REMOVEDIR));
	SAY(unlinkat(dir, "sub/plain", AT_REMOVEDIR));
	SAY(unlinkat(dir, "sub/plain", 0));
	SAY(unlinkat(dir, "sub", AT_REMOVEDIR));
	SAY(unlinkat(dir, "sub", AT_REMOVEDIR));
	SAY(unlinkat(dir, "file", 0x100000));
}

static void reading(void)
{
	char seen[256] = "";
	struct dirent *e, entry;
	int n = 0;
	DIR *d;

	TRY(fdopendir(file) ? 0 : -1);
	TRY(fdopendir(1000) ? 0 : -1);
	d = fdopendir(dup(dir));
	while ((e = readdir(d))) {
		n++;
		if (strcmp(e->d_name, "fifo") == 0)
			strcat(seen, e->d_type == DT_FIFO || e->d_type == DT_UNKNOWN ? "fifo " : "wrong ");
	}
	printf("  %d entries, %s\n", n, seen);
	SAY(fcntl(dirfd(d), F_GETFD) & FD_CLOEXEC);
	rewinddir(d);
	n = 0;
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	while (readdir_r(d, &entry, &e) == 0 && e)
		n += e == &entry;
	printf("  %d entries\n", n);
	SAY(closedir(d));
	SAY(fcntl(dir, F_GETFD) >= 0);
}

static void mapping(void)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p[1] = 'x';
	SAY(mlock(p, 65536));
	SAY(munlock(p, 65536));
	SAY(munlockall());
	SAY(posix_madvise(p, 65536, POSIX_MADV_WILLNEED));
	SAY(posix_madvise(p, 65536, POSIX_MADV_SEQUENTIAL));
	SAY(posix_madvise(p, 65536, 77));
	printf("  %c\n", p[1]);
	SAY(munmap(p, 65536));
}

int main(void)
{
	umask(022);
	SAY(mkdir("d", 0755));
	dir = open("d", O_RDONLY | O_DIRECTORY);
	file = openat(dir, "file", O_RDWR | O_CREAT | O_EXCL, 0644);
	TRY(file);
	TRY(openat(dir, "file", O_RDWR | O_CREAT | O_EXCL, 0644));
	TRY(openat(file, "file", O_RDONLY));
	TRY(openat(file, "/", O_RDONLY)); /* an absolute path needs no directory */
	making();
	looking();
	changing();
	reading();
	mapping();
	sync();
	kind_of("file");
	return 0;
}
