/* Regular expressions, globbing, hashing, trees, random numbers, error texts. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <libgen.h>
#include <regex.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void visit(const void *node, VISIT which, int depth)
{
	if (which == postorder || which == leaf)
		printf("%s ", *(char *const *)node);
}

static int files;

static int count(const char *path, const struct stat *st, int type)
{
	files += type == FTW_F;
	return 0;
}

static void match(const char *pattern, const char *text, int flags)
{
	regex_t re;
	regmatch_t m[3];

	if (regcomp(&re, pattern, flags)) {
		printf("%s: bad\n", pattern);
		return;
	}
	int r = regexec(&re, text, 3, m, 0);
	printf("%s ~ %s: %d %d-%d %d-%d\n", text, pattern, r != 0, r ? 0 : (int)m[0].rm_so, r ? 0 : (int)m[0].rm_eo,
		r || re.re_nsub < 1 ? 0 : (int)m[1].rm_so, r || re.re_nsub < 1 ? 0 : (int)m[1].rm_eo);
	regfree(&re);
}

int main(void)
{
	char folder[] = "/tmp/misc-test-XXXXXX", path[200];
	const char *names[] = { "pear", "apple", "fig" };
	void *tree = NULL;
	glob_t g;
	struct utsname u;

	match("^(a+)b", "aaab", REG_EXTENDED);
	match("[[:digit:]]\\{2\\}", "ab12", 0);
	match("x|(y)", "zy", REG_EXTENDED);
	match("(", "", REG_EXTENDED);
	match("HELLO", "say hello", REG_ICASE);
	printf("%d %d %d\n", fnmatch("*.c", "a.c", 0), fnmatch("[!a]*", "abc", 0), fnmatch("*/b", "a/b", FNM_PATHNAME));
	if (!mkdtemp(folder))
		return 1;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s.txt", folder, names[i]);
		fclose(fopen(path, "w"));
		tsearch(names[i], &tree, compare);
	}
	snprintf(path, sizeof path, "%s/*[lr]*.txt", folder);
	printf("glob %d", glob(path, 0, NULL, &g));
	printf(" %zu\n", g.gl_pathc);
	for (size_t i = 0; i < g.gl_pathc; i++)
		printf("%s ", basename(g.gl_pathv[i]));
	globfree(&g);
	puts("");
	twalk(tree, visit);
	puts("");
	ftw(folder, count, 10);
	printf("ftw %d\n", files);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s.txt", folder, names[i]);
		unlink(path);
	}
	printf("%d\n", rmdir(folder));
	unsigned short seed[3] = { 1, 2, 3 };
	printf("%ld ", nrand48(seed));
	printf("%ld\n", nrand48(seed));
	printf("%d ", uname(&u));
	printf("%d\n", *u.sysname != 0);
	printf("%ld %d\n", sysconf(_SC_PAGESIZE), sysconf(_SC_NPROCESSORS_ONLN) > 0);
	printf("%d\n", sysconf(_SC_OPEN_MAX) >= 256);
	puts(dirname(strcpy(path, "/a/b/c")));
	return 0;
}
