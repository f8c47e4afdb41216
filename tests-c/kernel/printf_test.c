#include "../test.h"

static char text[200];

/* The format is a parameter, so that odd ones aren't refused at compile time. */
static const char *format(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	kvsnprintf(text, sizeof(text), f, ap);
	va_end(ap);
	return text;
}

TEST("printf: integers in every base, width and sign")
{
	EXPECT_STR(format("%d %d %d", 0, -1, 2147483647), "0 -1 2147483647");
	EXPECT_STR(format("%d", INT32_MIN), "-2147483648");
	EXPECT_STR(format("%lld", (long long)INT64_MIN), "-9223372036854775808");
	EXPECT_STR(format("%llu %llx", UINT64_MAX, UINT64_MAX),
		   "18446744073709551615 ffffffffffffffff");
	EXPECT_STR(format("%x %X %o", 255, 255, 8), "ff FF 10");
	EXPECT_STR(format("[%5d|%-5d|%05d]", 42, 42, 42), "[   42|42   |00042]");
	EXPECT_STR(format("[%05d|%5.3d]", -42, 7), "[-0042|  007]");
	EXPECT_STR(format("%.0d|", 0), "|");
	EXPECT_STR(format("[%*d|%-*d]", 4, 7, 4, 7), "[   7|7   ]");
	EXPECT_STR(format("%ld %lu %zu", -5l, 5ul, sizeof(int)), "-5 5 4");
}

TEST("printf: text, characters and percent")
{
	EXPECT_STR(format("%s %c %%", "abc", 'x'), "abc x %");
	EXPECT_STR(format("[%5s|%-5s|%.2s]", "abc", "abc", "abc"),
		   "[  abc|abc  |ab]");
	EXPECT_STR(format("%s", (char *)NULL), "(null)");
	EXPECT_STR(format("%.3s", "not terminated here"), "not");
}

TEST("printf: what doesn't fit is cut, and the whole length is returned")
{
	char small[5];

	memset(small, 'z', sizeof(small));
	EXPECT_EQ(ksnprintf(small, sizeof(small), "%s", "abcdefgh"), 8);
	EXPECT_STR(small, "abcd");
	EXPECT_EQ(ksnprintf(NULL, 0, "%d", 12345), 5);
}

TEST("string: kstrlcpy cuts, terminates and tells the length")
{
	char to[4];

	EXPECT_EQ(kstrlcpy(to, "ab", sizeof(to)), 2);
	EXPECT_STR(to, "ab");
	EXPECT_EQ(kstrlcpy(to, "abcdef", sizeof(to)), 6);
	EXPECT_STR(to, "abc");
	to[0] = 'q';
	EXPECT_EQ(kstrlcpy(to, "xyz", 0), 3);
	EXPECT_EQ(to[0], 'q');
}

TEST("string: compare and search as C defines them")
{
	static const char a[] = "the quick brown fox jumps";
	volatile size_t n = sizeof(a); /* keeps the calls from being folded */
	char b[sizeof(a)];

	memcpy(b, a, n);
	EXPECT_EQ(memcmp(a, b, n), 0);
	b[20] = '\xff';
	EXPECT(memcmp(a, b, n) < 0 && memcmp(b, a, n) > 0);
	EXPECT_EQ(memcmp(a, b, n - 6), 0);
	EXPECT_EQ((char *)memchr(a, 'q', n) - a, 4);
	EXPECT(memchr(a, 'q', 4 + (n - n)) == NULL);
	EXPECT_EQ(strchr(a, 'o') - a, 12);
	EXPECT_EQ(strrchr(a, 'o') - a, 17);
	EXPECT_EQ(strchr(a, 0) - a, n - 1);
	EXPECT(strchr(a, 'Z') == NULL && strrchr(a, 'Z') == NULL);
	EXPECT(strcmp("ab", "abc") < 0 && strcmp("\xff", "a") > 0);
	EXPECT(strncmp("abX", "abY", 2 + (n - n)) == 0);
	EXPECT_EQ(strnlen(a, 3 + (n - n)), 3);
	memmove(b + 1, a, 10 + (n - n));
	memmove(b + 2, b + 1, 10 + (n - n));
	EXPECT_EQ(memcmp(b + 2, "the quick ", 10 + (n - n)), 0);
}
