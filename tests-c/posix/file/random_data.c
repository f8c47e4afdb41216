/*
 * Bytes, at random: thousands of reads, writes, mappings and changes of length on
 * two files, by several descriptors each. After every change a sum over the file is
 * said, so the call that went wrong is the one where the sums differ first.
 */
#define _GNU_SOURCE
#include "check.h"
#include "random.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 2
#define FDS 5
#define FAR (300 << 10) /* most is done below */
#define LENGTH (40 << 10)

static int fds[FDS];
static unsigned file_of[FDS];
static unsigned number;
static unsigned char buffer[LENGTH + 1];

static const char *name_of(unsigned file)
{
	static const char *const names[] = { "data0", "data1" };

	return names[file];
}

static uint32_t sum(const unsigned char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static uint32_t sum_of_file(unsigned file)
{
	static unsigned char whole[1 << 16];
	int fd = open(name_of(file), O_RDONLY);
	uint32_t h = 0;
	ssize_t n;

	while ((n = read(fd, whole, sizeof whole)) > 0)
		h = h * 31 + sum(whole, (size_t)n);
	close(fd);
	return h;
}

static void fill(void)
{
	uint32_t x = random_next();

	for (size_t i = 0; i < sizeof buffer; i++)
		buffer[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
}

static off_t any_offset(void)
{
	off_t at = below(FAR);

	if (one_in(3))
		at &= ~4095;
	return one_in(50) ? -at : one_in(60) ? at << 20 : at;
}

static size_t any_length(void)
{
	size_t n = one_in(3) ? below(LENGTH) & ~4095u : one_in(2) ? below(300) : below(LENGTH);

	return one_in(30) ? 0 : n;
}

static void say(const char *call, long long result)
{
	if (result < 0)
		printf("%u %s: %s\n", number, call, strerrorname_(errno));
	else
		printf("%u %s: %lld\n", number, call, result);
}

static char call[200];
#define CALL(result, ...)                                        \
	({                                                       \
		long long r_ = (errno = 0, (long long)(result)); \
		snprintf(call, sizeof call, __VA_ARGS__);        \
		say(call, r_);                                   \
		r_;                                              \
	})

static void open_one(void)
{
	static const int flags[] = { O_RDWR, O_RDWR, O_RDWR | O_APPEND, O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC, O_RDWR | O_SYNC };
	unsigned slot = below(FDS), file = below(FILES);
	int how = one_in(4) ? ANY(flags) : O_RDWR;

	if (fds[slot] >= 0)
		close(fds[slot]);
	fds[slot] = open(name_of(file), how | O_CREAT, 0600);
	file_of[slot] = file;
	printf("%u open %s %#x as %u: %s\n", number, name_of(file), how & ~O_LARGEFILE, slot,
	       fds[slot] < 0 ? strerrorname_(errno) : "ok");
}

static void read_some(unsigned slot)
{
	size_t n = any_length();
	off_t at = any_offset();
	long long got;

	memset(buffer, 0, sizeof buffer);
	if (one_in(2)) {
		got = CALL(pread(fds[slot], buffer, n, at), "pread %u %zu at %lld", slot, n, (long long)at);
	} else if (one_in(2)) {
		got = CALL(read(fds[slot], buffer, n), "read %u %zu", slot, n);
	} else {
		struct iovec v[] = { { buffer, n / 3 }, { buffer + n / 3, 0 }, { buffer + n / 3, n - n / 3 } };

		got = CALL(preadv(fds[slot], v, 3, at), "preadv %u %zu at %lld", slot, n, (long long)at);
	}
	if (got > 0)
		printf("  %08x\n", sum(buffer, (size_t)got));
}

static void write_some(unsigned slot)
{
	size_t n = any_length();
	off_t at = any_offset();
	bool appends = fcntl(fds[slot], F_GETFL) & O_APPEND; /* where Linux ignores the offset, against POSIX */

	fill();
	if (one_in(2) && !appends) {
		CALL(pwrite(fds[slot], buffer, n, at), "pwrite %u %zu at %lld", slot, n, (long long)at);
	} else if (one_in(2)) {
		CALL(write(fds[slot], buffer, n), "write %u %zu", slot, n);
	} else {
		struct iovec v[] = { { buffer, n / 2 }, { buffer + 7, n / 3 }, { buffer, 1 } };

		CALL(appends || one_in(2) ? writev(fds[slot], v, 3) : pwritev(fds[slot], v, 3, at), "writev %u %zu at %lld", slot,
		     n / 2 + n / 3 + 1, (long long)at);
	}
}

static void change_length(unsigned slot, unsigned file)
{
	/* Room beyond the end (FALLOC_FL_KEEP_SIZE alone) is nothing that ext2 can have. */
	static const int modes[] = { 0, 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE };
	off_t at = any_offset();
	int mode = ANY(modes);
	size_t n = any_length();

	if (at > FAR)
		at = FAR; /* fallocate would take all that room */
	switch (below(4)) {
	case 0:
		CALL(ftruncate(fds[slot], at), "ftruncate %u %lld", slot, (long long)at);
		break;
	case 1:
		CALL(truncate(name_of(file), at), "truncate %u %lld", file, (long long)at);
		break;
	default:
		CALL(fallocate(fds[slot], mode, at, (off_t)n), "fallocate %u %#x %lld %zu", slot, mode, (long long)at, n);
		break;
	}
}

static void seek(unsigned slot)
{
	static const int whences[] = { SEEK_SET, SEEK_SET, SEEK_CUR, SEEK_END };
	off_t at = any_offset() - (one_in(4) ? 20000 : 0);
	int whence = ANY(whences);

	CALL(lseek(fds[slot], at, whence), "lseek %u %lld %d", slot, (long long)at, whence);
}

static void copy_between(unsigned slot, unsigned to)
{
	off_t from = any_offset();
	size_t n = any_length();
	bool own = one_in(2);

	if (file_of[slot] == file_of[to]) /* may overlap, which nobody defines */
		return;
	CALL(sendfile(fds[to], fds[slot], own ? NULL : &from, n), "sendfile %u %u %zu at %lld", to, slot, n,
	     own ? -1 : (long long)from);
}

/* All that is touched lies before the end; beyond it systems differ in how the program dies. */
static void map(unsigned slot)
{
	struct stat st;
	off_t at = below(FAR) & ~4095u;
	size_t n = 1 + below(LENGTH), used;
	bool shared = one_in(2);
	unsigned char *p;

	if (fstat(fds[slot], &st) < 0 || at >= st.st_size)
		return;
	used = st.st_size - at < (off_t)n ? (size_t)(st.st_size - at) : n;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fds[slot], at);
	snprintf(call, sizeof call, "mmap %u %zu at %lld %s", slot, n, (long long)at, shared ? "shared" : "private");
	say(call, p == MAP_FAILED ? -1 : 0);
	if (p == MAP_FAILED)
		return;
	printf("  %08x\n", sum(p, used));
	fill();
	for (unsigned i = below(4); i > 0; i--) {
		size_t from = below((unsigned)used), length = 1 + below((unsigned)(used - from));

		memcpy(p + from, buffer, length);
	}
	if (shared)
		CALL(msync(p, n, MS_SYNC), "msync");
	munmap(p, n);
}

static void any_call(void)
{
	unsigned slot = below(FDS), to = below(FDS), file = below(FILES);

	switch (below(16)) {
	case 0:
		open_one();
		break;
	case 1: case 2: case 3:
		read_some(slot);
		break;
	case 4: case 5: case 6: case 7:
		write_some(slot);
		break;
	case 8: case 9:
		change_length(slot, file);
		break;
	case 10:
		seek(slot);
		break;
	case 11: case 12:
		copy_between(slot, to);
		break;
	case 13: case 14:
		map(slot);
		break;
	case 15:
		CALL(one_in(2) ? fsync(fds[slot]) : fdatasync(fds[slot]), "fsync %u", slot);
		break;
	}
}

static void work(uint32_t seed, unsigned count)
{
	struct rlimit limit = { (FAR << 10) + 12345, RLIM_INFINITY };

	printf("seed %u\n", seed);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < FDS; i++)
		fds[i] = -1;
	for (number = 0; number < FDS; number++)
		open_one();
	for (; number < count; number++) {
		any_call();
		for (unsigned file = 0; file < FILES; file++) {
			struct stat st;

			if (stat(name_of(file), &st) == 0 && st.st_size <= 2 * FAR)
				printf("  %s %lld %08x\n", name_of(file), (long long)st.st_size, sum_of_file(file));
			else
				truncate(name_of(file), FAR / 2);
		}
	}
	for (int i = 0; i < FDS; i++)
		close(fds[i]);
	for (unsigned file = 0; file < FILES; file++)
		unlink(name_of(file));
}

int main(int argc, char **argv)
{
	return random_main(argc, argv, 4, 400, work);
}
