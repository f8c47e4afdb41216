/*
 * The boot archive: tars made here, whole and broken.
 */
#include "vfs_test.h"

static char tar[64 * 1024];
static size_t tar_length;

static void octal(char *field, size_t size, uint64_t v)
{
	for (size_t i = size - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
	field[size - 1] = 0;
}

static void sum(char *h)
{
	unsigned total = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		total += (uint8_t)h[i];
	octal(h + 148, 7, total);
}

/* Append an entry; the header, for changes (then sum it again). */
static char *entry(const char *name, char type, uint32_t mode, const char *link, const char *body,
		   size_t length)
{
	char *h = tar + tar_length;

	memset(h, 0, 512);
	memcpy(h, name, min(strlen(name), (size_t)100));
	octal(h + 100, 8, mode);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, length);
	octal(h + 136, 12, 1000000000);
	h[156] = type;
	kstrlcpy(h + 157, link, 100);
	memcpy(h + 257, "ustar\00000", 8);
	sum(h);
	tar_length += 512;
	memset(tar + tar_length, 0, round_up(length, (size_t)512));
	memcpy(tar + tar_length, body, length);
	tar_length += round_up(length, (size_t)512);
	return h;
}

static void finish(void)
{
	memset(tar + tar_length, 0, 1024);
	tar_length += 1024;
}

/* Feed all of it, `piece` bytes at a time. */
static int unpack(size_t piece)
{
	int err = 0, end;

	for (size_t at = 0; at < tar_length && err == 0; at += piece)
		err = archive_feed(tar + at, min(piece, tar_length - at));
	end = archive_feed(NULL, 0);
	return err < 0 ? err : end;
}

static void begin(void)
{
	vfs_begin();
	tar_length = 0;
}

TEST("archive: files, links, directories and devices, in pieces of any size")
{
	static const size_t pieces[] = { 1, 7, 511, 512, 513, 65536 };
	struct abi_stat st;

	begin();
	entry("tmp/t/x/", '5', 0750, "", "", 0);
	entry("./tmp/t/x/hello", '0', 04755, "", "hello, world", 12);
	entry("/tmp/t/x/sym", '2', 0777, "hello", "", 0);
	entry("tmp/t/x/hard", '1', 0, "tmp/t/x/hello", "", 0);
	entry("tmp/t/deep/er/empty", '0', 0600, "", "", 0);
	entry("tmp/t/null", '3', 0666, "", "", 0);
	entry("tmp/t/fifo", '6', 0644, "", "", 0);
	finish();
	tar_length += 512 * 3; /* tar's padding */
	memset(tar + tar_length - 1536, 0, 1536);
	for (unsigned i = 0; i < countof(pieces); i++) {
		EXPECT_EQ(unpack(pieces[i]), 0);
		EXPECT_STR(get_file("/tmp/t/x/sym"), "hello, world");
		EXPECT_EQ(stat_of("x/hello", &st), 0);
		EXPECT_EQ(st.mode, S_IFREG | 04755);
		EXPECT_EQ(st.nlink, 2);
		EXPECT_EQ(st.mtime.sec, 1000000000);
		EXPECT_EQ(stat_of("x", &st), 0);
		EXPECT_EQ(st.mode, S_IFDIR | 0750);
		EXPECT_EQ(stat_of("deep/er/empty", &st), 0);
		EXPECT_EQ(st.mode, S_IFREG | 0600);
		EXPECT_EQ(st.mtime.sec, 1000000000);
		EXPECT_EQ(stat_of("null", &st), 0);
		EXPECT(S_ISCHR(st.mode));
		EXPECT_EQ(stat_of("fifo", &st), 0);
		EXPECT(S_ISFIFO(st.mode));
	}
}

TEST("archive: long names of GNU tar and of pax")
{
	char name[301], record[400], path[400];
	struct abi_stat st;
	char *h;
	int n;

	begin();
	kstrlcpy(name, "tmp/t/", sizeof name);
	memset(name + 6, 'a', 200);
	name[206] = 0;
	entry("././@LongLink", 'L', 0, "", name, strlen(name) + 1);
	entry(name, '0', 0644, "", "gnu", 3);
	memset(name + 6, 'p', 200);
	n = ksnprintf(record, sizeof record, "%d path=%s\n", 216, name);
	EXPECT_EQ(n, 216);
	n += ksnprintf(record + n, sizeof record - (size_t)n, "20 mtime=77.1234567\n");
	entry("PaxHeaders/x", 'x', 0644, "", record, (size_t)n);
	entry("short", '0', 0644, "", "pax", 3);
	h = entry("tail", '0', 0644, "", "prefix", 6);
	memcpy(h + 345, "tmp/t/pre/fix", 13);
	sum(h);
	finish();
	EXPECT_EQ(unpack(100), 0);
	ksnprintf(path, sizeof path, "/%s", name);
	EXPECT_STR(get_file(path), "pax");
	EXPECT_EQ(stat_of(path, &st), 0);
	EXPECT_EQ(st.mtime.sec, 77);
	memset(path + 7, 'a', 200);
	EXPECT_STR(get_file(path), "gnu");
	EXPECT_STR(get_file("/tmp/t/pre/fix/tail"), "prefix");
}

/* One entry, changed, must be refused, with whatever came before it kept. */
static int broken(void (*change)(char *h))
{
	char *h;

	tar_length = 0;
	entry("tmp/t/before", '0', 0644, "", "x", 1);
	h = entry("tmp/t/broken", '0', 0644, "", "0123456789", 10);
	change(h);
	finish();
	return unpack(1000);
}

static void flip(char *h) { h[3] ^= 1; }
static void size_text(char *h) { memcpy(h + 124, "9x", 2), sum(h); }
static void size_huge(char *h) { memset(h + 124, 0xff, 12), h[124] = (char)0x80, sum(h); }
static void dotdot(char *h) { memcpy(h, "tmp/t/../y", 11), sum(h); }
static void kind(char *h) { h[156] = 'Q', sum(h); }
static void nameless(char *h) { memcpy(h, "./", 3), sum(h); }
static void hard(char *h) { h[156] = '1', memcpy(h + 157, "none", 5), sum(h); }
static void pax(char *h) { h[156] = 'x', sum(h); }
static void long_name(char *h) { h[156] = 'L', memcpy(h + 124, "00040000001", 12), sum(h); }

TEST("archive: what is corrupt is refused")
{
	begin();
	EXPECT_EQ(broken(flip), -EINVAL);
	EXPECT_STR(get_file("before"), "x");
	EXPECT_EQ(broken(size_text), -EINVAL);
	EXPECT_EQ(broken(size_huge), -EINVAL);
	EXPECT_EQ(broken(dotdot), -EINVAL);
	EXPECT_EQ(broken(kind), -EINVAL);
	EXPECT_EQ(broken(nameless), -EINVAL);
	EXPECT_EQ(broken(hard), -ENOENT);
	EXPECT_EQ(broken(pax), -EINVAL);
	EXPECT_EQ(broken(long_name), -EINVAL);
	EXPECT_EQ(archive_feed(NULL, 0), -EINVAL); /* empty */
}

TEST("archive: one cut short anywhere is refused")
{
	begin();
	entry("tmp/t/a", '0', 0644, "", "0123456789", 10);
	entry("tmp/t/b", '0', 0644, "", "0123456789", 10);
	finish();
	for (size_t length = 100; length < 4 * 512; length += 206) {
		tar_length = length;
		EXPECT_EQ(unpack(64), -EINVAL);
	}
	tar_length = 4 * 512 + 512;
	EXPECT_EQ(unpack(64), 0);
	EXPECT_STR(get_file("/tmp/t/b"), "0123456789");
}

TEST("archive: a megabyte of noise is refused and harms nothing")
{
	uint32_t x = 12345;

	begin();
	for (int round = 0; round < 16; round++) {
		tar_length = sizeof tar;
		for (size_t i = 0; i < sizeof tar; i++)
			tar[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
		EXPECT_EQ(unpack(4096), -EINVAL);
	}
}
