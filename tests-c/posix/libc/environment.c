/* The environment, arguments, atexit order, getopt. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

__attribute__((constructor)) static void before(void)
{
	puts("constructor");
}

__attribute__((destructor)) static void after(void)
{
	puts("destructor");
}

static void first(void)
{
	puts("registered first, runs last");
}

static void second(void)
{
	puts("registered second");
}

int main(int argc, char **argv)
{
	char *words[] = { "prog", "-a", "-bvalue", "operand", "--long=7", "--", "-x", NULL };
	struct option options[] = { { "long", required_argument, NULL, 'l' }, { 0 } };
	int c;

	printf("%d %d\n", argc, argv[argc] == NULL);
	printf("%d\n", strrchr(argv[0], '/') != NULL || *argv[0]);
	clearenv();
	setenv("A", "1", 1);
	setenv("A", "2", 0);
	setenv("B", "3", 1);
	putenv("C=4");
	unsetenv("B");
	for (char **e = environ; *e; e++)
		puts(*e);
	printf("%s %d %d\n", getenv("A"), getenv("B") == NULL, setenv("x=y", "", 1));
	while ((c = getopt_long(7, words, "ab:", options, NULL)) != -1)
		printf("%c %s\n", c, optarg ? optarg : "-");
	printf("%d %s\n", optind, words[optind]);
	atexit(first);
	atexit(second);
	fflush(stdout);
	return 0;
}
