/*
 * ext2: what a crash leaves. A random workload runs on a store in memory; at
 * random operations of the store, before a write or a flush, what is durable is
 * copied as a crash would leave it. It is mounted and compared: it must be
 * exactly the files as they were after one of the operations since the last
 * fsync or sync that had returned, and e2fsck must find nothing to fix.
 *
 * TABOS_CUTS says how many crashes (200; 20 under wasmtime, which takes long), TABOS_SEED which.
 */
#include "vfs_test.h"

#include "../../kernel-c/lib/alloc.h"
#include "../store.h"

#define LIVE "/tmp/t/m"
#define CUT "/tmp/t/c"
#define FILES 20u
#define DIRS 3u
#define SUBS 8u
#define CELL 3000u /* a file is cells that tell who wrote them; not a divisor of pages */
#define CELLS 64u
#define STEPS 128u /* kept; the workload syncs before there are more */
#define FSCK_EVERY 25

struct model {
	struct {
		bool exists;
		uint32_t cells;
		uint32_t tag[CELLS]; /* 0: a hole */
	} file[FILES];
	bool sub[SUBS];
};

static struct model *history; /* after each step, in a ring */
static uint32_t now, synced;  /* steps: the last, and that of the last fsync */
static uint32_t seed;
static struct file *unlinked[4]; /* open, without a name */
static char *buffer, *expected;  /* CELLS cells; one */

static struct model *at_step(uint32_t step)
{
	return &history[step % STEPS];
}

static uint32_t chance(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static void cell_fill(char *cell, uint32_t tag, uint32_t index)
{
	uint32_t x = tag * 2654435761u ^ index;

	memset(cell, 0, CELL);
	for (uint32_t i = 0; tag && i + 4 <= CELL; i += 4, x = x * 1664525u + 1013904223u)
		memcpy(cell + i, i ? &x : &tag, 4);
}

static const char *file_name(const char *root, uint32_t i)
{
	static char name[2][64];
	static int turn;

	ksnprintf(name[turn ^= 1], sizeof name[0], "%s/d%u/file-%u", root, i % DIRS, i);
	return name[turn];
}

static const char *sub_name(const char *root, uint32_t i)
{
	static char name[64];

	ksnprintf(name, sizeof name, "%s/d%u/sub%u", root, i % DIRS, i);
	return name;
}

static struct file *file_open(const char *path, uint32_t flags)
{
	int err;

	return vfs_open(current_process, AT_FDCWD, path, flags, 0644, &err);
}

static int unmount(const char *at)
{
	test_user_reset();
	return sys_umount2(U(at), 0);
}

/* ---- the crash ---- */

static int countdown = -1; /* [a] store operations until the copy is made */
static bool caught;        /* [a] */

static void watch(bool flush)
{
	(void)flush;
	if (__atomic_load_n(&countdown, __ATOMIC_ACQUIRE) < 0 ||
	    __atomic_fetch_sub(&countdown, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	test_store_copy("live", "cut");
	__atomic_store_n(&caught, true, __ATOMIC_RELEASE);
}

/* ---- comparing ---- */

/* What is there, into m: false when nobody can have written that. */
static bool read_file(struct model *m, uint32_t i)
{
	struct file *f = file_open(file_name(CUT, i), O_RDONLY);
	bool good = true;

	if (!f)
		return true;
	m->file[i].exists = true;
	m->file[i].cells = (uint32_t)(f->inode->size / CELL);
	good = f->inode->size % CELL == 0 && m->file[i].cells <= CELLS;
	for (uint32_t c = 0; good && c < m->file[i].cells; c++) {
		good = file_read_kernel(f, buffer, CELL, (int64_t)c * CELL) == CELL;
		memcpy(&m->file[i].tag[c], buffer, 4);
		cell_fill(expected, m->file[i].tag[c], c);
		good = good && memcmp(buffer, expected, CELL) == 0;
	}
	file_put(f);
	return good;
}

/* Since when the crash can be: the step whose files are exactly these, or -1. */
static int64_t matching_step(const struct model *m, uint32_t first)
{
	for (uint32_t step = now + 1; step-- > first;)
		if (memcmp(m, at_step(step), sizeof *m) == 0)
			return step;
	return -1;
}

/* Mount what the crash left; sometimes that crashes too. */
static int mount_cut(void)
{
	if (chance(4) == 0) {
		test_store_fail("cut", (int)chance(3), -EIO);
		if (vfs_mount(current_process, "cut", CUT, "ext2", 0, "") == 0)
			unmount(CUT);
		test_store_fail("cut", 0, 0);
		test_store_copy("cut", "again"); /* only what is durable stays */
		test_store_copy("again", "cut");
	}
	return vfs_mount(current_process, "cut", CUT, "ext2", 0, "");
}

/* False, with a message, when a crash has lost or damaged something. */
static bool verify(uint32_t first, int number)
{
	struct model *m = kzalloc(sizeof *m);
	struct abi_stat st;
	bool good = true;
	int err = mount_cut();

	if (err < 0) {
		test_fail(__FILE__, __LINE__, "crash %d: mount gives %d", number, err);
		kfree(m);
		return false;
	}
	for (uint32_t i = 0; i < FILES; i++)
		good = good && read_file(m, i);
	for (uint32_t i = 0; i < SUBS; i++) {
		test_user_reset();
		m->sub[i] = stat_of(sub_name(CUT, i), &st) == 0;
	}
	if (!good)
		test_fail(__FILE__, __LINE__, "crash %d: a file nobody has written so", number);
	else if (matching_step(m, first) < 0)
		test_fail(__FILE__, __LINE__, "crash %d: not as after any step from %u to %u (seed %ld)",
			  number, first, now, test_setting("TABOS_SEED", 1)), good = false;
	kfree(m);
	if (unmount(CUT) < 0)
		test_fail(__FILE__, __LINE__, "crash %d: unmount", number), good = false;
	if (good && number % FSCK_EVERY == 0 && test_fsck("cut") != 0)
		test_fail(__FILE__, __LINE__, "crash %d: e2fsck", number), good = false;
	return good;
}

/* ---- the workload ---- */

static struct model *step_begin(void)
{
	struct model *m = at_step(now + 1);

	*m = *at_step(now);
	return m;
}

static void do_write(struct model *m, uint32_t i)
{
	uint32_t from = chance(CELLS - 1), n = 1 + chance(min(CELLS - from, 40u));
	struct file *f = file_open(file_name(LIVE, i), O_RDWR | O_CREAT);
	uint32_t tag = now + 2;

	if (!m->file[i].exists) { /* making it was a step of its own */
		m->file[i].exists = true;
		now++;
		m = step_begin();
	}
	for (uint32_t c = 0; c < n; c++) {
		cell_fill(buffer + c * CELL, tag, from + c);
		m->file[i].tag[from + c] = tag;
	}
	m->file[i].cells = max(m->file[i].cells, from + n);
	if (file_write_kernel(f, buffer, n * CELL, (int64_t)from * CELL) != (int64_t)n * CELL)
		panic("crash test: write");
	now++;
	if (chance(6) == 0 && f->ops->fsync(f, chance(2)) == 0)
		synced = now;
	file_put(f);
}

static void do_truncate(struct model *m, uint32_t i)
{
	struct file *f = file_open(file_name(LIVE, i), O_RDWR);
	uint32_t cells = chance(CELLS);

	if (!f)
		return;
	if (vfs_truncate(f->inode, (int64_t)cells * CELL) < 0)
		panic("crash test: truncate");
	for (uint32_t c = cells; c < CELLS; c++)
		m->file[i].tag[c] = 0;
	m->file[i].cells = cells;
	now++;
	file_put(f);
}

static void do_unlink(struct model *m, uint32_t i)
{
	uint32_t slot = chance(countof(unlinked));

	if (!m->file[i].exists)
		return;
	if (unlinked[slot])
		file_put(unlinked[slot]);
	unlinked[slot] = file_open(file_name(LIVE, i), O_RDWR);
	if (chance(2)) {
		file_put(unlinked[slot]);
		unlinked[slot] = NULL;
	}
	if (vfs_unlink(current_process, AT_FDCWD, file_name(LIVE, i), false) < 0)
		panic("crash test: unlink");
	memset(&m->file[i], 0, sizeof m->file[i]);
	now++;
}

static void do_rename(struct model *m, uint32_t i)
{
	uint32_t to = chance(FILES);
	bool exchange = m->file[to].exists && chance(3) == 0;
	struct model *old = at_step(now);

	if (!m->file[i].exists || i == to)
		return;
	if (vfs_rename(current_process, AT_FDCWD, file_name(LIVE, i), AT_FDCWD, file_name(LIVE, to),
		       exchange ? RENAME_EXCHANGE : 0) < 0)
		panic("crash test: rename");
	m->file[to] = old->file[i];
	m->file[i] = old->file[to];
	if (!exchange)
		memset(&m->file[i], 0, sizeof m->file[i]);
	now++;
}

static void do_directory(struct model *m, uint32_t i)
{
	const char *path = sub_name(LIVE, i % SUBS);
	int err = m->sub[i % SUBS] ? vfs_unlink(current_process, AT_FDCWD, path, true) :
				     vfs_mkdir(current_process, AT_FDCWD, path, 0755);

	if (err < 0)
		panic("crash test: directory: %d", err);
	m->sub[i % SUBS] ^= true;
	now++;
}

static void step(void)
{
	struct model *m = step_begin();
	uint32_t what = chance(20), i = chance(FILES);

	if (what < 9)
		do_write(m, i);
	else if (what < 11)
		do_truncate(m, i);
	else if (what < 14)
		do_unlink(m, i);
	else if (what < 17)
		do_rename(m, i);
	else
		do_directory(m, i);
	if (now - synced > STEPS - 8) {
		mount_sync_all();
		synced = now;
	}
}

TEST("ext2: a crash at any moment leaves the files as after an operation since the last fsync")
{
	int cuts = (int)test_setting("TABOS_CUTS", test_has_threads() ? 200 : 20);

	seed = (uint32_t)test_setting("TABOS_SEED", 1) * 2654435761u | 1;
	test_stores_reset();
	vfs_begin();
	make_dir(LIVE, 0755);
	make_dir(CUT, 0755);
	history = kzalloc(STEPS * sizeof *history);
	buffer = kmalloc(CELLS * CELL);
	expected = kmalloc(CELL);
	now = synced = 0;
	EXPECT_EQ(vfs_mount(current_process, "live", LIVE, "ext2", 0, ""), 0);
	for (uint32_t i = 0; i < DIRS; i++) {
		char name[32];

		ksnprintf(name, sizeof name, LIVE "/d%u", i);
		EXPECT_EQ(vfs_mkdir(current_process, AT_FDCWD, name, 0755), 0);
	}
	mount_sync_all();
	test_store_watch("live", watch);
	for (int n = 1; n <= cuts;) {
		uint32_t first = synced;

		if (__atomic_load_n(&countdown, __ATOMIC_ACQUIRE) < 0)
			__atomic_store_n(&countdown, (int)chance(6), __ATOMIC_RELEASE);
		step();
		if (!__atomic_load_n(&caught, __ATOMIC_ACQUIRE))
			continue;
		/* It was in this step, or in one before whose write-back goes on by itself. */
		__atomic_store_n(&caught, false, __ATOMIC_RELAXED);
		if (!verify(first, n))
			return;
		n++;
	}
	test_store_watch("live", NULL);
	for (unsigned i = 0; i < countof(unlinked); i++)
		if (unlinked[i])
			file_put(unlinked[i]);
	memset(unlinked, 0, sizeof unlinked);
	EXPECT_EQ(unmount(LIVE), 0);
	EXPECT_EQ(test_fsck("live"), 0);
	kfree(history);
	kfree(buffer);
	kfree(expected);
}
