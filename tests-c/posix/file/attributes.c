/* Attributes and permissions: modes, owners, times, access; as root and as somebody else. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		printf("  %s: %s\n", path, strerrorname_(errno));
	else
		printf("  %s: %o %d:%d %d\n", path, st.st_mode, (int)st.st_uid, (int)st.st_gid,
		       (int)st.st_nlink);
}

static void make(const char *path, int mode)
{
	close(open(path, O_CREAT | O_WRONLY, 0600));
	chmod(path, mode);
}

static void as_root(void)
{
	make("f", 0644);
	SAY(chmod("f", 04755));
	show("f");
	SAY(chown("f", 1000, 1000)); /* takes the set-id bits */
	show("f");
	SAY(chown("f", -1, 1001));
	show("f");
	symlink("f", "s");
	SAY(lchown("s", 5, 6));
	show("s");
	show("f");
	SAY(fchmodat(AT_FDCWD, "none", 0600, 0));
	SAY(chmod("f", 0));
	SAY(access("f", R_OK | W_OK));
	SAY(access("f", X_OK));
	SAY(access("none", F_OK));
	SAY(access("f", 99));
	SAY(faccessat(AT_FDCWD, "s", F_OK, AT_SYMLINK_NOFOLLOW));
	SAY(unlink("s"));
	mkdir("setgid", 0755);
	chown("setgid", 0, 1234);
	chmod("setgid", 02775);
	make("setgid/f", 0644);
	mkdir("setgid/d", 0700);
	show("setgid/f");
	show("setgid/d");
}

static void times(void)
{
	struct timespec t[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	struct utimbuf u = { 5, 6 };
	struct timeval v[2] = { { 7, 8 }, { 9, 10 } };
	struct stat st, before;

	make("t", 0644);
	SAY(utimensat(AT_FDCWD, "t", t, 0));
	stat("t", &st);
	printf("  %lld.%09ld %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
	       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	SAY(utimensat(AT_FDCWD, "t", t, 0));
	stat("t", &st);
	printf("  %lld, and now: %d\n", (long long)st.st_atim.tv_sec, st.st_mtim.tv_sec > 1700000000);
	t[1].tv_nsec = 1000000000;
	SAY(utimensat(AT_FDCWD, "t", t, 0));
	SAY(utime("t", &u));
	stat("t", &st);
	printf("  %lld %lld\n", (long long)st.st_atime, (long long)st.st_mtime);
	SAY(utimes("t", v));
	stat("t", &st);
	printf("  %ld %ld\n", st.st_atim.tv_nsec, st.st_mtim.tv_nsec);
	SAY(utimes("none", v));
	/* What sets which. */
	stat("t", &before);
	usleep(20000);
	chmod("t", 0600);
	stat("t", &st);
	printf("chmod: ctime %d mtime %d\n", st.st_ctim.tv_nsec != before.st_ctim.tv_nsec,
	       st.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
	before = st;
	usleep(20000);
	int fd = open("t", O_WRONLY | O_APPEND);
	write(fd, "x", 1);
	close(fd);
	stat("t", &st);
	printf("write: ctime %d mtime %d\n", st.st_ctim.tv_nsec != before.st_ctim.tv_nsec,
	       st.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
	stat(".", &before);
	usleep(20000);
	make("t2", 0600);
	stat(".", &st);
	printf("create: the directory's mtime %d\n", st.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
}

/* What user 1000 of the groups 1000 and 2000 may do. */
static void as_somebody(void)
{
	gid_t groups[] = { 2000 };
	struct timespec t[2] = { { 1, 0 }, { 1, 0 } };
	int status;

	make("mine", 0600);
	chown("mine", 1000, 1000);
	make("ours", 0660);
	chown("ours", 0, 2000);
	make("others", 0604);
	make("nobody's", 0600);
	mkdir("closed", 0700);
	make("closed/f", 0666);
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	make("sticky/root's", 0666);
	mkdir("open", 0777);
	chmod("open", 0777);
	make("open/root's", 0600);
	make("setuid", 06777);
	chown("setuid", 1000, 1000);
	chmod("setuid", 06777);
	chmod(".", 0755);
	fflush(stdout);
	if (fork() == 0) {
		setgroups(1, groups);
		setgid(1000);
		setuid(1000);
		TRY(open("mine", O_RDWR));
		TRY(open("ours", O_RDWR));
		TRY(open("others", O_RDONLY));
		TRY(open("others", O_WRONLY));
		TRY(open("nobody's", O_RDONLY));
		TRY(open("closed/f", O_RDONLY));
		TRY(open("new", O_CREAT | O_WRONLY, 0600));
		SAY(access("closed", X_OK));
		SAY(access("mine", R_OK | W_OK));
		SAY(access("mine", X_OK));
		SAY(chmod("mine", 0644));
		SAY(chmod("ours", 0666));
		SAY(chown("mine", 1001, -1));
		SAY(chown("mine", -1, 2000));
		SAY(chown("mine", -1, 3000));
		SAY(utimensat(AT_FDCWD, "ours", NULL, 0));
		SAY(utimensat(AT_FDCWD, "ours", t, 0));
		SAY(utimensat(AT_FDCWD, "others", NULL, 0));
		TRY(open("sticky/mine", O_CREAT | O_WRONLY, 0600));
		SAY(unlink("sticky/root's"));
		SAY(rename("sticky/root's", "sticky/x"));
		SAY(unlink("sticky/mine"));
		SAY(unlink("open/root's"));
		SAY(mkdir("closed/d", 0700));
		SAY(rename("open", "open2"));
		SAY(chmod("setuid", 02755));
		show("setuid");
		int fd = open("setuid", O_WRONLY);
		fchmod(fd, 06755);
		write(fd, "x", 1); /* takes them away */
		close(fd);
		show("setuid");
		chown("mine", -1, 1000);
		chmod("mine", 02755);
		show("mine");
		SAY(mknod("open/device", S_IFCHR | 0600, 0x103));
		SAY(mkfifo("open/fifo", 0600));
		SAY(chdir("closed"));
		SAY(chroot("."));
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	printf("somebody ended with %d\n", status);
}

static void filesystem(void)
{
	struct statvfs v;

	SAY(statvfs(".", &v));
	printf("  blocks %d free %d names %lu\n", v.f_blocks >= v.f_bfree && v.f_bfree >= v.f_bavail,
	       v.f_bavail > 0, v.f_namemax);
	SAY(statvfs("none", &v));
	SAY(fpathconf(0, _PC_PIPE_BUF) > 0);
	SAY(pathconf(".", _PC_NAME_MAX));
	SAY(pathconf(".", _PC_PATH_MAX));
}

int main(void)
{
	umask(022);
	as_root();
	times();
	as_somebody();
	filesystem();
	return 0;
}
