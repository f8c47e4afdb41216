/* Reading and writing: offsets, vectors, holes, lengths, limits. */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void show(int fd, long long from, int n)
{
	char text[64];
	ssize_t got = pread(fd, text, n, from);

	printf("  at %lld: ", from);
	for (int i = 0; i < got; i++)
		putchar(text[i] ? text[i] : '.');
	printf(" (%zd)\n", got);
}

static void offsets(int fd)
{
	char a[4], b[6];
	struct iovec in[] = { { "one", 3 }, { NULL, 0 }, { "three", 5 } };
	struct iovec out[] = { { a, 3 }, { b, 6 } };

	SAY(write(fd, "0123456789", 10));
	SAY(lseek(fd, 0, SEEK_CUR));
	SAY(pwrite(fd, "abc", 3, 4));
	SAY(lseek(fd, 0, SEEK_CUR));
	show(fd, 0, 20);
	SAY(lseek(fd, -3, SEEK_END));
	SAY(read(fd, a, 4));
	SAY(read(fd, a, 4));
	SAY(lseek(fd, -1, SEEK_SET));
	SAY(lseek(fd, 0, 77));
	SAY(lseek(fd, 100, SEEK_SET));
	SAY(read(fd, a, 1));
	SAY(pwrite(fd, "x", 1, -1));
	SAY(pread(fd, a, 1, -1));
	SAY(write(fd, "z", 1)); /* leaves a hole */
	SAY(lseek(fd, 0, SEEK_END));
	show(fd, 95, 10);
	SAY(pwritev(fd, in, 3, 20));
	show(fd, 18, 14);
	SAY(preadv(fd, out, 2, 20));
	printf("  %.3s %.6s\n", a, b);
	SAY(lseek(fd, 0, SEEK_SET));
	SAY(writev(fd, in, 3));
	SAY(lseek(fd, 0, SEEK_SET));
	SAY(readv(fd, out, 2));
	printf("  %.3s %.6s\n", a, b);
	SAY(readv(fd, out, 0));
	SAY(readv(fd, out, -1));
	SAY(readv(fd, out, 2000));
	SAY(write(fd, NULL, 0));
	SAY(write(fd, NULL, 5));
	SAY(read(fd, (void *)-4096l, 5));
}

static void lengths(int fd)
{
	struct stat st;

	SAY(ftruncate(fd, 5));
	show(fd, 0, 10);
	SAY(ftruncate(fd, 12));
	show(fd, 0, 20);
	SAY(ftruncate(fd, -1));
	SAY(truncate("data", 3));
	SAY(truncate("none", 3));
	SAY(truncate(".", 3));
	fstat(fd, &st);
	printf("size %lld\n", (long long)st.st_size);
	SAY(ftruncate(fd, 0));
	/* Across pages, and back to nothing in between. */
	for (int i = 0; i < 5000; i++)
		pwrite(fd, "0123456789", 10, i * 10);
	SAY(ftruncate(fd, 4100));
	SAY(ftruncate(fd, 9000));
	show(fd, 4090, 20);
	show(fd, 8990, 20);
	SAY(ftruncate(fd, 0));
}

static void holes(int fd)
{
	char page[4096];
	struct stat st;

	memset(page, 'd', sizeof page);
	SAY(ftruncate(fd, 1 << 20));
	fstat(fd, &st);
	printf("a hole takes nothing: %d\n", st.st_blocks == 0);
	SAY(lseek(fd, 0, SEEK_DATA));
	SAY(lseek(fd, 0, SEEK_HOLE));
	SAY(pwrite(fd, page, sizeof page, 128 << 10));
	SAY(lseek(fd, 0, SEEK_DATA));
	SAY(lseek(fd, 128 << 10, SEEK_HOLE));
	SAY(lseek(fd, (128 << 10) + 4096, SEEK_DATA));
	SAY(lseek(fd, 1 << 20, SEEK_HOLE));
	SAY(lseek(fd, -1, SEEK_DATA));
	SAY(posix_fallocate(fd, 0, 64 << 10));
	fstat(fd, &st);
	printf("allocated %d\n", st.st_blocks >= 128 + 8);
	SAY(posix_fallocate(fd, 1 << 20, 4096));
	SAY(lseek(fd, 0, SEEK_END));
	SAY(posix_fallocate(fd, -1, 4096));
	SAY(posix_fallocate(fd, 0, 0));
	SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (128 << 10) + 100, 100));
	show(fd, (128 << 10) + 98, 10);
	SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	show(fd, (128 << 10) + 98, 10);
	SAY(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	SAY(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	SAY(posix_fadvise(fd, 0, 0, 99));
	SAY(posix_fadvise(1000, 0, 0, POSIX_FADV_NORMAL));
	/* Far away. */
	SAY(pwrite(fd, "far", 3, (3ll << 30) + 1));
	show(fd, 3ll << 30, 10);
	SAY(lseek(fd, 0, SEEK_END));
	SAY(ftruncate(fd, 0));
	fstat(fd, &st);
	printf("size %lld blocks %lld\n", (long long)st.st_size, (long long)st.st_blocks);
}

static void limits(int fd)
{
	struct rlimit old, limit;
	char buffer[100] = { 0 };

	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 1000;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	SAY(pwrite(fd, buffer, 100, 950));
	SAY(pwrite(fd, buffer, 100, 1000));
	SAY(ftruncate(fd, 1000));
	SAY(ftruncate(fd, 1001));
	SAY(posix_fallocate(fd, 0, 2000));
	setrlimit(RLIMIT_FSIZE, &old);
	SAY(pwrite(fd, buffer, 100, 1000));
}

static void copies(int fd)
{
	int to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t at = 3;

	pwrite(fd, "0123456789", 10, 0);
	ftruncate(fd, 10);
	SAY(sendfile(to, fd, &at, 4));
	printf("  from %lld\n", (long long)at);
	SAY(lseek(fd, 8, SEEK_SET));
	SAY(sendfile(to, fd, NULL, 100));
	SAY(lseek(fd, 0, SEEK_CUR));
	show(to, 0, 20);
	SAY(fsync(to));
	SAY(fdatasync(to));
	SAY(fsync(1000));
	close(to);
	to = open("copy", O_WRONLY | O_SYNC);
	SAY(write(to, "durable", 7));
	SAY(pwrite(to, "durable", 7, 50));
	close(to);
}

int main(void)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];

	offsets(fd);
	lengths(fd);
	holes(fd);
	limits(fd);
	copies(fd);
	pipe(pipes);
	SAY(lseek(pipes[0], 0, SEEK_CUR));
	SAY(pread(pipes[0], pipes, 1, 0));
	SAY(ftruncate(pipes[1], 0));
	SAY(posix_fallocate(pipes[1], 0, 1));
	close(fd);
	unlink("data");
	unlink("copy");
	return 0;
}
