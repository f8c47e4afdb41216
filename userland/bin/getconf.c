/*
 * getconf: print a configuration value: of the system (sysconf, confstr), of
 * a path (pathconf), or a constant of <limits.h>.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { SYSTEM, PATHNAME, STRING, CONSTANT };

struct variable {
	const char *name;
	enum kind kind;
	long value; /* the argument of sysconf, pathconf or confstr, or the value */
};

#define SYS(name) { #name, SYSTEM, _SC_##name }
#define POSIX(name) { "_POSIX_" #name, SYSTEM, _SC_##name }
#define POSIX2(name) { "POSIX2_" #name, SYSTEM, _SC_2_##name }
#define PATHVAR(name) { #name, PATHNAME, _PC_##name }
#define CONST(name) { #name, CONSTANT, name }

static const struct variable variables[] = {
	SYS(ARG_MAX), SYS(ATEXIT_MAX), SYS(BC_BASE_MAX), SYS(BC_DIM_MAX),
	SYS(BC_SCALE_MAX), SYS(BC_STRING_MAX), SYS(CHILD_MAX), SYS(CLK_TCK),
	SYS(COLL_WEIGHTS_MAX), SYS(DELAYTIMER_MAX), SYS(EXPR_NEST_MAX),
	SYS(GETGR_R_SIZE_MAX), SYS(GETPW_R_SIZE_MAX), SYS(HOST_NAME_MAX),
	SYS(IOV_MAX), SYS(LINE_MAX), SYS(LOGIN_NAME_MAX), SYS(NGROUPS_MAX),
	SYS(NPROCESSORS_CONF), SYS(NPROCESSORS_ONLN),
	{ "_NPROCESSORS_CONF", SYSTEM, _SC_NPROCESSORS_CONF },
	{ "_NPROCESSORS_ONLN", SYSTEM, _SC_NPROCESSORS_ONLN },
	SYS(OPEN_MAX), SYS(PAGESIZE), SYS(PAGE_SIZE), SYS(RE_DUP_MAX),
	SYS(RTSIG_MAX), SYS(SEM_NSEMS_MAX), SYS(SIGQUEUE_MAX), SYS(STREAM_MAX),
	SYS(SYMLOOP_MAX), SYS(TIMER_MAX), SYS(TTY_NAME_MAX), SYS(TZNAME_MAX),
	{ "PTHREAD_DESTRUCTOR_ITERATIONS", SYSTEM, _SC_THREAD_DESTRUCTOR_ITERATIONS },
	{ "PTHREAD_KEYS_MAX", SYSTEM, _SC_THREAD_KEYS_MAX },
	{ "PTHREAD_STACK_MIN", SYSTEM, _SC_THREAD_STACK_MIN },
	{ "PTHREAD_THREADS_MAX", SYSTEM, _SC_THREAD_THREADS_MAX },
	{ "PHYS_PAGES", SYSTEM, _SC_PHYS_PAGES },
	{ "_PHYS_PAGES", SYSTEM, _SC_PHYS_PAGES },
	{ "_AVPHYS_PAGES", SYSTEM, _SC_AVPHYS_PAGES },
	POSIX(ASYNCHRONOUS_IO), POSIX(BARRIERS), POSIX(CLOCK_SELECTION),
	POSIX(CPUTIME), POSIX(FSYNC), POSIX(IPV6), POSIX(JOB_CONTROL),
	POSIX(MAPPED_FILES), POSIX(MEMLOCK), POSIX(MEMORY_PROTECTION),
	POSIX(MESSAGE_PASSING), POSIX(MONOTONIC_CLOCK),
	POSIX(PRIORITIZED_IO), POSIX(PRIORITY_SCHEDULING),
	POSIX(READER_WRITER_LOCKS), POSIX(REALTIME_SIGNALS), POSIX(REGEXP),
	POSIX(SAVED_IDS), POSIX(SEMAPHORES), POSIX(SHARED_MEMORY_OBJECTS),
	POSIX(SHELL), POSIX(SPAWN), POSIX(SPIN_LOCKS),
	POSIX(SYNCHRONIZED_IO), POSIX(THREADS), POSIX(THREAD_SAFE_FUNCTIONS),
	POSIX(TIMEOUTS), POSIX(TIMERS), POSIX(VERSION),
	POSIX2(C_BIND), POSIX2(C_DEV), POSIX2(LOCALEDEF), POSIX2(SW_DEV),
	POSIX2(UPE), POSIX2(VERSION),
	{ "_XOPEN_VERSION", SYSTEM, _SC_XOPEN_VERSION },
	PATHVAR(FILESIZEBITS), PATHVAR(LINK_MAX), PATHVAR(MAX_CANON),
	PATHVAR(MAX_INPUT), PATHVAR(NAME_MAX), PATHVAR(PATH_MAX),
	PATHVAR(PIPE_BUF), PATHVAR(SYMLINK_MAX),
	{ "_POSIX_CHOWN_RESTRICTED", PATHNAME, _PC_CHOWN_RESTRICTED },
	{ "_POSIX_NO_TRUNC", PATHNAME, _PC_NO_TRUNC },
	{ "_POSIX_VDISABLE", PATHNAME, _PC_VDISABLE },
	{ "PATH", STRING, _CS_PATH }, { "CS_PATH", STRING, _CS_PATH },
	CONST(CHAR_BIT), CONST(CHAR_MAX), CONST(CHAR_MIN), CONST(INT_MAX),
	CONST(INT_MIN), CONST(LONG_BIT), CONST(LONG_MAX), CONST(LONG_MIN),
	CONST(MB_LEN_MAX), CONST(NL_ARGMAX), CONST(NL_TEXTMAX), CONST(SCHAR_MAX),
	CONST(SCHAR_MIN), CONST(SHRT_MAX), CONST(SHRT_MIN), CONST(SSIZE_MAX),
	CONST(WORD_BIT), CONST(_POSIX_ARG_MAX), CONST(_POSIX_CHILD_MAX),
	CONST(_POSIX_LINK_MAX), CONST(_POSIX_NAME_MAX), CONST(_POSIX_OPEN_MAX),
	CONST(_POSIX_PATH_MAX), CONST(_POSIX_PIPE_BUF), CONST(_POSIX_SSIZE_MAX),
	CONST(_POSIX2_LINE_MAX),
};
#define COUNT (sizeof(variables) / sizeof(variables[0]))

static void usage(FILE *to)
{
	fputs("usage: getconf [-v SPECIFICATION] NAME [PATH]\n"
	      "       getconf -a [PATH]\n"
	      "Prints the value of a configuration variable; -a prints them all.\n", to);
}

/* Prints the value of v (for path, where it depends on one). 0, or 1 with a message. */
static int print(const struct variable *v, const char *path)
{
	long value = v->value;

	errno = 0;
	if (v->kind == STRING) {
		char text[PATH_MAX];

		if (!confstr(v->value, text, sizeof(text)))
			puts("undefined");
		else
			puts(text);
		return 0;
	}
	if (v->kind == SYSTEM)
		value = sysconf(v->value);
	else if (v->kind == PATHNAME)
		value = pathconf(path, v->value);
	if (value == -1 && v->kind != CONSTANT) {
		if (errno && errno != EINVAL) {
			fprintf(stderr, "getconf: %s: %s\n", path, strerror(errno));
			return 1;
		}
		puts("undefined");
	} else {
		printf("%ld\n", value);
	}
	return 0;
}

static int print_all(const char *path)
{
	int status = 0;

	for (size_t i = 0; i < COUNT; i++) {
		printf("%-34s ", variables[i].name);
		status |= print(&variables[i], path);
	}
	return status;
}

int main(int argc, char **argv)
{
	int opt;
	int all = 0;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "av:")) != -1) {
		if (opt == 'a') {
			all = 1;
		} else if (opt != 'v' || strcmp(optarg, "POSIX_V7_ILP32_OFFBIG")) {
			if (opt == 'v')
				fprintf(stderr, "getconf: %s: no such environment; there is POSIX_V7_ILP32_OFFBIG\n", optarg);
			else
				usage(stderr);
			return 2;
		}
	}
	argv += optind;
	argc -= optind;
	if (all && argc <= 1)
		return print_all(argc ? argv[0] : "/");
	if (all || argc < 1 || argc > 2) {
		usage(stderr);
		return 2;
	}
	for (size_t i = 0; i < COUNT; i++) {
		const struct variable *v = &variables[i];

		if (strcmp(v->name, argv[0]))
			continue;
		if ((v->kind == PATHNAME) != (argc == 2)) {
			fprintf(stderr, v->kind == PATHNAME ? "getconf: %s needs a path\n" :
				"getconf: %s takes no path\n", v->name);
			return 2;
		}
		return print(v, argv[1]);
	}
	fprintf(stderr, "getconf: %s: unknown variable\n", argv[0]);
	return 2;
}
