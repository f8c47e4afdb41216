/* Files that are mapped: shared and private, with write, read, truncate and msync; mlock. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/tabos-map-XXXXXX";

static void errors(int fd)
{
	int ro = open(path, O_RDONLY), wo = open(path, O_WRONLY);
	char *p;

	printf("read-only file %d", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED &&
					    errno == EACCES);
	printf(" write-only %d", mmap(NULL, 4096, PROT_READ, MAP_SHARED, wo, 0) == MAP_FAILED && errno == EACCES);
	printf(" length %d", mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	printf(" offset %d", mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 1) == MAP_FAILED && errno == EINVAL);
	printf(" descriptor %d", mmap(NULL, 1, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	printf(" to read %d make writable %d\n", p != MAP_FAILED,
	       mprotect(p, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	munmap(p, 4096);
	close(ro);
	close(wo);
}

static void coherence(int fd)
{
	char *p = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), buf[16] = "", *q;
	struct stat st;

	memcpy(p + 100, "stored", 6);
	printf("read what was stored: %zd", pread(fd, buf, 6, 100));
	printf(" %s", buf);
	printf(" written: %zd", pwrite(fd, "written", 7, 8190));
	printf(" %.7s", p + 8190);
	memcpy(p + 200, "again", 5);
	printf(" msync %d", msync(p, 20000, MS_SYNC));
	printf(" async %d", msync(p, 4096, MS_ASYNC));
	printf(" both %d", msync(p, 4096, MS_SYNC | MS_ASYNC) < 0 && errno == EINVAL);
	pread(fd, buf, 5, 200);
	printf(" %.5s", buf);
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	memcpy(q + 100, "mine  ", 6);
	printf(" private: %.6s, shared: %.6s", q + 100, p + 100);
	munmap(q, 4096);
	fstat(fd, &st);
	printf(" size %d\n", (int)st.st_size);
	ftruncate(fd, 4096);
	ftruncate(fd, 20000);
	sched_yield();
	printf("cut and grown: %d %.5s\n", p[8190], p + 200);
	p[19999] = 'z'; /* the last byte */
	p[20001] = 'y'; /* beyond the end: nowhere */
	munmap(p, 20000);
	printf("at the end: %zd", pread(fd, buf, 16, 19999));
	printf(" %c\n", buf[0]);
}

static void parts(int fd)
{
	char *p = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), c;

	for (int i = 0; i < 4; i++)
		p[i * 4096] = (char)('a' + i);
	printf("unmap the middle %d", munmap(p + 4096, 4096));
	p[0] = 'A';
	p[2 * 4096] = 'C';
	printf(" the rest %d %d:", munmap(p, 4096), munmap(p + 2 * 4096, 3 * 4096));
	for (int i = 0; i < 4; i++) {
		pread(fd, &c, 1, i * 4096);
		printf(" %c", c);
	}
	printf("\n");
}

static void across_exec(int fd, char *self)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int status;

	strcpy(p, "from the parent");
	pid_t child = fork();
	if (child == 0) {
		execl(self, self, path, NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
	printf("another program: %d, %s, %s\n", WEXITSTATUS(status), p, p + 2048);
	munmap(p, 4096);
}

static int other_program(const char *name)
{
	int fd = open(name, O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (strcmp(p, "from the parent") != 0)
		return 1;
	strcpy(p + 2048, "from the child");
	return 5;
}

/* A ring in shared memory; bytes in pipes say what is full and what is free. */
static void ring(void)
{
	enum { SLOTS = 8, ITEMS = 3000 };
	struct { int v[SLOTS]; } *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int full[2], empty[2], status;
	long sum = 0;
	char c = 0;

	pipe(full);
	pipe(empty);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < ITEMS; i++) {
			if (i >= SLOTS)
				read(empty[0], &c, 1);
			r->v[i % SLOTS] = i;
			write(full[1], &c, 1);
		}
		_exit(0);
	}
	for (int i = 0; i < ITEMS; i++) {
		read(full[0], &c, 1);
		sum += r->v[i % SLOTS];
		write(empty[1], &c, 1);
	}
	waitpid(child, &status, 0);
	printf("ring: %ld\n", sum);
}

static void locked(void)
{
	size_t n = 3 * 4096;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rlimit l = { 2 * 4096, 2 * 4096 };
	int status;

	printf("mlock %d", mlock(p, n));
	printf(" invalidate %d", msync(p, n, MS_INVALIDATE) < 0 && errno == EBUSY);
	printf(" munlock %d", munlock(p, n));
	munmap(p + 4096, 4096);
	printf(" with a hole %d", mlock(p, n) < 0 && errno == ENOMEM);
	printf(" flags %d", mlockall(0) < 0 && errno == EINVAL);
	pid_t child = fork();
	if (child == 0) {
		char *q = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int bad = 0;

		setrlimit(RLIMIT_MEMLOCK, &l);
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(99);
		bad |= mlock(q, n) == 0 || errno != ENOMEM ? 1 : 0;
		bad |= mlock(q, 4096) != 0 ? 2 : 0;
		bad |= mlock(q, 8192) != 0 ? 4 : 0;
		bad |= mlock(q + 4096, 8192) == 0 || errno != ENOMEM ? 8 : 0;
		bad |= munlock(q, 4096) != 0 ? 16 : 0;
		bad |= mlock(q + 8192, 4096) != 0 ? 32 : 0;
		_exit(bad);
	}
	waitpid(child, &status, 0);
	printf(" the limit %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return other_program(argv[1]);
	setbuf(stdout, NULL);
	int fd = mkstemp(path);
	ftruncate(fd, 20000);
	errors(fd);
	coherence(fd);
	parts(fd);
	across_exec(fd, argv[0]);
	ring();
	locked();
	unlink(path);
	return 0;
}
