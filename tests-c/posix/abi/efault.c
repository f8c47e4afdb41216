/*
 * A bad address in any call is EFAULT, never a crash: each call that takes
 * addresses is given one outside the caller's memory in each place.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <sys/random.h>
#include <sys/sendfile.h>

static char *volatile bad_address = (char *)-8192L; /* out of reach of any program */
#define BAD ((void *)bad_address)
#define CALL(call)                                                                 \
	do {                                                                       \
		errno = 0;                                                         \
		long r_ = (long)(call);                                            \
		printf("%s: %s\n", #call, r_ == -1 && errno == EFAULT ? "EFAULT" : \
			r_ == -1 ? error_name() : "no error");                  \
	} while (0)

static const char *error_name(void)
{
	static char buf[16];

	snprintf(buf, sizeof(buf), "errno %d", errno);
	return buf;
}

static int is_null(const void *p)
{
	return p ? 0 : -1;
}

int main(void)
{
	int fd = open("efault.file", O_RDWR | O_CREAT | O_TRUNC, 0700), dir = open(".", O_RDONLY);
	struct iovec iov = { BAD, 10 };
	struct timespec ts = { 0, 1000 };
	struct timeval tv = { 0, 1000 };
	char *args[] = { BAD, NULL };
	char c = 'x';

	int pipes[2];

	setvbuf(stdout, NULL, _IONBF, 0);
	if (fd < 0 || dir < 0 || pipe(pipes))
		return 1;
	write(fd, "0123456789", 10);
	write(pipes[1], "0123456789", 10);
	lseek(fd, 0, SEEK_SET);

	CALL(open(BAD, O_RDONLY));
	CALL(read(fd, BAD, 10));
	CALL(read(pipes[0], BAD, 10));
	CALL(write(fd, BAD, 10));
	CALL(write(pipes[1], BAD, 10));
	CALL(readv(fd, BAD, 2));
	CALL(readv(fd, &iov, 1));
	CALL(writev(fd, BAD, 2));
	CALL(writev(fd, &iov, 1));
	CALL(pread(fd, BAD, 10, 0));
	CALL(pwrite(fd, BAD, 10, 0));
	CALL(preadv(fd, &iov, 1, 0));
	CALL(pwritev(fd, &iov, 1, 0));
	CALL(fcntl(fd, F_GETLK, BAD));
	CALL(fcntl(fd, F_SETLK, BAD));
	CALL(stat(BAD, BAD));
	CALL(stat(".", BAD));
	CALL(fstat(fd, BAD));
	CALL(lstat(".", BAD));
	CALL(access(BAD, R_OK));
	CALL(mkdir(BAD, 0700));
	CALL(mkfifo(BAD, 0600));
	CALL(unlink(BAD));
	CALL(rmdir(BAD));
	CALL(link(BAD, "x"));
	CALL(link("efault.file", BAD));
	CALL(symlink(BAD, "x"));
	CALL(symlink("x", BAD));
	CALL(readlink(BAD, &c, 1));
	CALL(rename(BAD, "x"));
	CALL(rename("efault.file", BAD));
	CALL(chmod(BAD, 0600));
	CALL(chown(BAD, 0, 0));
	CALL(utimensat(AT_FDCWD, BAD, NULL, 0));
	CALL(truncate(BAD, 0));
	CALL(chdir(BAD));
	CALL(pipe(BAD));
	CALL(poll(BAD, 1, 0));
	CALL(select(1, BAD, NULL, NULL, &tv));
	CALL(statvfs(BAD, BAD));
	CALL(ioctl(pipes[0], FIONREAD, BAD));
	CALL(sendfile(pipes[1], fd, BAD, 1));
	CALL(getgroups(-1, BAD));
	CALL(execve(BAD, NULL, NULL));
	CALL(execve("/bin/true", args, NULL));
	CALL(execve("/bin/true", NULL, args));
	CALL(execve("/bin/true", BAD, NULL));
	CALL(getrusage(RUSAGE_SELF, BAD));
	CALL(getrlimit(RLIMIT_NOFILE, BAD));
	CALL(setrlimit(RLIMIT_NOFILE, BAD));
	CALL(uname(BAD));
	CALL(getrandom(BAD, 10, 0));
	CALL(sched_getaffinity(0, 128, BAD));
	CALL(is_null(getcwd(BAD, 100)));

	/* a child that has ended, and nowhere to put its status: it is reaped all the same */
	if (fork() == 0)
		_exit(3);
	CALL(wait(BAD));
	CALL(wait(NULL));

	CALL(nanosleep(&ts, NULL));
	unlink("efault.file");
	return 0;
}
