/*
 * The workload of the crash test, and its judge.
 *
 *     crash work SEED PROCESSES     until killed, in the working directory
 *     crash verify SEED MIN...      is what is there a state the work went through? a MIN for each process
 *
 * What a process does follows from the seed alone: steps of one system call each,
 * on files of its own. After an fsync it says which step that was. Of a file that was
 * synced, a crash may lose nothing up to there; and it never leaves half of a step, or a
 * later one without those before it. So what is there must be what some step has left
 * that is not before the last one to change a file which was synced by step MIN, the
 * last that was heard of. A write may be cut short; a rename or another step may not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 8
#define SIZE_MAX_FILE (96 * 1024)
#define WRITE_MAX (12 * 1024)
#define STEPS_AHEAD 20000

enum kind { CREATE, TRUNCATE, WRITE, APPEND, RENAME, UNLINK, FSYNC };

struct step {
	enum kind kind;
	int file, other;
	size_t offset, length;
	uint32_t version;
};

struct model {
	bool exists[FILES];
	size_t size[FILES];
	uint8_t *data[FILES];
};

static uint32_t state;

static uint32_t next(void)
{
	state += 0x9e3779b9;
	uint32_t z = state;

	z = (z ^ z >> 16) * 0x85ebca6b;
	z = (z ^ z >> 13) * 0xc2b2ae35;
	return z ^ z >> 16;
}

static void fill(uint8_t *to, size_t n, uint32_t version)
{
	uint32_t x = version * 2654435761u + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		to[i] = (uint8_t)(x >> 24);
	}
}

/* What comes next, given what is there. */
static struct step choose(const struct model *m, uint32_t number)
{
	struct step s = { .file = (int)(next() % FILES), .version = number };
	uint32_t dice = next() % 100;

	s.other = (int)((s.file + 1 + next() % (FILES - 1)) % FILES);
	s.length = 1 + next() % WRITE_MAX;
	s.offset = next();
	if (!m->exists[s.file]) {
		s.kind = CREATE;
		return s;
	}
	if (dice < 30)
		s.kind = APPEND;
	else if (dice < 55)
		s.kind = WRITE;
	else if (dice < 62)
		s.kind = RENAME;
	else if (dice < 68)
		s.kind = UNLINK;
	else if (dice < 72)
		s.kind = TRUNCATE;
	else
		s.kind = FSYNC;
	s.offset = m->size[s.file] ? s.offset % m->size[s.file] : 0;
	if (s.kind == APPEND)
		s.offset = m->size[s.file];
	if (s.kind == APPEND && s.offset + s.length > SIZE_MAX_FILE)
		s.kind = TRUNCATE;
	if (s.kind == WRITE && s.offset + s.length > SIZE_MAX_FILE)
		s.length = SIZE_MAX_FILE - s.offset;
	return s;
}

static void model_write(struct model *m, const struct step *s, size_t length)
{
	uint8_t bytes[WRITE_MAX];

	fill(bytes, s->length, s->version);
	memcpy(m->data[s->file] + s->offset, bytes, length);
	if (s->offset + length > m->size[s->file])
		m->size[s->file] = s->offset + length;
}

static void model_apply(struct model *m, const struct step *s)
{
	uint8_t *data;

	switch (s->kind) {
	case CREATE:
		m->exists[s->file] = true;
		m->size[s->file] = 0;
		break;
	case TRUNCATE:
		m->size[s->file] = 0;
		break;
	case WRITE:
	case APPEND:
		model_write(m, s, s->length);
		break;
	case RENAME:
		data = m->data[s->other];
		m->data[s->other] = m->data[s->file];
		m->data[s->file] = data;
		m->size[s->other] = m->size[s->file];
		m->exists[s->other] = true;
		m->exists[s->file] = false;
		break;
	case UNLINK:
		m->exists[s->file] = false;
		break;
	case FSYNC:
		break;
	}
}

static void model_init(struct model *m)
{
	memset(m, 0, sizeof *m);
	for (int i = 0; i < FILES; i++)
		if (!(m->data[i] = calloc(1, SIZE_MAX_FILE)))
			exit(3);
}

static const char *path(int process, int file)
{
	static char names[2][64];
	static int turn;

	turn = !turn;
	snprintf(names[turn], sizeof names[turn], "p%d/f%d", process, file);
	return names[turn];
}

static void must(bool good, const char *what, int process, uint32_t number)
{
	if (good)
		return;
	fprintf(stderr, "BROKEN %d %u: %s: %s (%d)\n", process, number, what, strerror(errno), errno);
	exit(1);
}

static void carry_out(int process, const struct step *s)
{
	uint8_t bytes[WRITE_MAX];
	const char *name = path(process, s->file);
	int fd;

	switch (s->kind) {
	case CREATE:
	case TRUNCATE:
		fd = open(name, O_WRONLY | (s->kind == CREATE ? O_CREAT | O_EXCL : O_TRUNC), 0644);
		must(fd >= 0, "open", process, s->version);
		close(fd);
		break;
	case WRITE:
	case APPEND:
		fd = open(name, O_WRONLY | (s->kind == APPEND ? O_APPEND : 0));
		must(fd >= 0, "open", process, s->version);
		fill(bytes, s->length, s->version);
		if (s->kind == WRITE)
			lseek(fd, (off_t)s->offset, SEEK_SET);
		must(write(fd, bytes, s->length) == (ssize_t)s->length, "write", process, s->version);
		close(fd);
		break;
	case RENAME:
		must(rename(name, path(process, s->other)) == 0, "rename", process, s->version);
		break;
	case UNLINK:
		must(unlink(name) == 0, "unlink", process, s->version);
		break;
	case FSYNC:
		fd = open(name, O_RDONLY);
		must(fd >= 0 && fsync(fd) == 0, "fsync", process, s->version);
		close(fd);
		printf("A%d:%u\n", process, s->version);
		fflush(stdout);
		break;
	}
}

static void work(uint32_t seed, int process)
{
	struct model m;
	char name[16];

	snprintf(name, sizeof name, "p%d", process);
	must(mkdir(name, 0755) == 0, "mkdir", process, 0);
	model_init(&m);
	state = seed * 31 + (uint32_t)process;
	for (uint32_t number = 1;; number++) {
		struct step s = choose(&m, number);

		carry_out(process, &s);
		model_apply(&m, &s);
	}
}

/* Read what is there: false if there is something that nobody made. */
static bool load(struct model *m, int process)
{
	char name[16];
	struct dirent *e;
	DIR *d;

	snprintf(name, sizeof name, "p%d", process);
	model_init(m);
	if (!(d = opendir(name)))
		return errno == ENOENT;
	while ((e = readdir(d))) {
		int file, fd;
		char end;
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		if (sscanf(e->d_name, "f%d%c", &file, &end) != 1 || file < 0 || file >= FILES)
			return false;
		if ((fd = open(path(process, file), O_RDONLY)) < 0)
			return false;
		while (m->size[file] < SIZE_MAX_FILE &&
		       (n = read(fd, m->data[file] + m->size[file], SIZE_MAX_FILE - m->size[file])) > 0)
			m->size[file] += (size_t)n;
		if (n < 0) {
			printf("f%d: %s\n", file, strerror(errno));
			return false;
		}
		close(fd);
		m->exists[file] = true;
	}
	closedir(d);
	return true;
}

static bool same_file(const struct model *a, const struct model *b, int i)
{
	return a->exists[i] == b->exists[i] &&
	       (!a->exists[i] ||
		(a->size[i] == b->size[i] && memcmp(a->data[i], b->data[i], a->size[i]) == 0));
}

static int differing(const struct model *a, const struct model *b, int *which)
{
	int n = 0;

	for (int i = 0; i < FILES; i++)
		if (!same_file(a, b, i)) {
			*which = i;
			n++;
		}
	return n;
}

/* Is b what a becomes when the write s is cut short? a has not had it yet. */
static bool cut_short(struct model *a, const struct model *b, const struct step *s)
{
	uint8_t bytes[WRITE_MAX];
	size_t i = 0, size = a->size[s->file], now = b->size[s->file];
	const uint8_t *is = b->data[s->file], *was = a->data[s->file];

	if ((s->kind != WRITE && s->kind != APPEND) || !b->exists[s->file] || now < size ||
	    now > (s->offset + s->length > size ? s->offset + s->length : size))
		return false;
	fill(bytes, s->length, s->version);
	while (i < s->length && s->offset + i < now && is[s->offset + i] == bytes[i])
		i++;
	if (memcmp(is, was, s->offset) != 0)
		return false;
	if (s->offset + i >= now)
		return true;
	return now == size && memcmp(is + s->offset + i, was + s->offset + i, size - s->offset - i) == 0;
}

/* The last step that changed a file which was synced by step `heard`. */
static uint32_t durable_by(uint32_t seed, int process, uint32_t heard)
{
	uint32_t changed[FILES] = { 0 }, durable = 0;
	struct model m;

	model_init(&m);
	state = seed * 31 + (uint32_t)process;
	for (uint32_t number = 1; number <= heard; number++) {
		struct step s = choose(&m, number);

		if (s.kind == FSYNC)
			durable = changed[s.file] > durable ? changed[s.file] : durable;
		else if (s.kind == RENAME)
			changed[s.other] = changed[s.file];
		else if (s.kind != UNLINK)
			changed[s.file] = number;
		model_apply(&m, &s);
	}
	return durable;
}

static int verify(uint32_t seed, int process, uint32_t heard)
{
	uint32_t min = durable_by(seed, process, heard);
	struct model m, found;
	int which = 0, least = FILES + 1, least_which = 0;
	uint32_t least_at = 0;

	if (!load(&found, process)) {
		printf("process %d: what is there can't be read, or was never made\n", process);
		return 1;
	}
	model_init(&m);
	state = seed * 31 + (uint32_t)process;
	for (uint32_t number = 0; number < min + STEPS_AHEAD; number++) {
		struct step s;
		int n = number >= min ? differing(&m, &found, &which) : FILES;

		if (n == 0) {
			printf("process %d: step %u, %u heard of\n", process, number, heard);
			return 0;
		}
		if (n < least) {
			least = n;
			least_at = number;
			least_which = which;
		}
		s = choose(&m, number + 1);
		if (n == 1 && which == s.file && cut_short(&m, &found, &s)) {
			printf("process %d: within step %u, %u heard of\n", process, number + 1, heard);
			return 0;
		}
		model_apply(&m, &s);
	}
	printf("process %d: no state from step %u on; nearest: %u, where %d files differ (f%d)\n", process,
	       min, least_at, least, least_which);
	return 1;
}

int main(int argc, char *argv[])
{
	uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	int failed = 0;

	if (argc == 4 && strcmp(argv[1], "work") == 0) {
		for (int i = 0; i < atoi(argv[3]); i++)
			if (fork() == 0) {
				work(seed, i);
				return 1;
			}
		while (wait(NULL) > 0)
			;
		return 1;
	}
	if (argc > 3 && strcmp(argv[1], "verify") == 0) {
		for (int i = 3; i < argc; i++)
			failed |= verify(seed, i - 3, (uint32_t)strtoul(argv[i], NULL, 10));
		puts(failed ? "VERDICT bad" : "VERDICT good");
		return failed;
	}
	fprintf(stderr, "usage: crash work SEED PROCESSES | verify SEED MIN...\n");
	return 2;
}
