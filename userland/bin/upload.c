/*
 * upload: ask the person at the browser for files, or a folder, and put them into
 * a directory (the working directory). Nothing is overwritten, unless by -f.
 *
 *     upload [-f] [-t NUMBER] [DIR]
 *
 * -t takes what was dropped on the page, by the number that the page gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

static const char *program = "upload";

/* A way down from where we are: no empty part, no . or .. */
static bool is_below(const char *path)
{
	for (const char *part = path;; part = strchr(part, '/') + 1) {
		size_t n = strcspn(part, "/");

		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
	}
}

static int make_parents(char *path)
{
	for (char *slash = path; (slash = strchr(slash, '/')); slash++) {
		int err;

		*slash = 0;
		err = mkdir(path, 0777) < 0 && errno != EEXIST ? -1 : 0;
		*slash = '/';
		if (err < 0)
			return -1;
	}
	return 0;
}

/* Copy the file that the host has just named: 0 or -1. */
static int receive(int host, int to)
{
	static char data[1 << 16];

	for (;;) {
		ssize_t n, done = 0;

		if (host_say(host, 'R', NULL, 0) < 0)
			return -1;
		for (; (n = read(host, data, sizeof data)) > 0; done += n)
			for (ssize_t at = 0, m; at < n; at += m)
				if ((m = write(to, data + at, (size_t)(n - at))) < 0)
					return -1;
		if (n < 0)
			return -1;
		if (done == 0)
			return 0;
	}
}

static int receive_file(int host, char *path, bool force)
{
	int fd, err;

	if (!is_below(path)) {
		fprintf(stderr, "%s: %s: not a path below this directory\n", program, path);
		return 1;
	}
	if (make_parents(path) < 0 ||
	    (fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0666)) < 0) {
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		return 1;
	}
	err = receive(host, fd);
	if (close(fd) < 0 || err < 0) {
		host_complain(program, path);
		unlink(path); /* half a file is none */
		return 1;
	}
	printf("%s\n", path);
	return 0;
}

static const struct option long_options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };

static int usage(FILE *to, int status)
{
	fputs("usage: upload [-f] [-t NUMBER] [DIR]\n"
	      "\n"
	      "Ask for files or a folder of your machine, and copy them here or to DIR.\n"
	      "  -f  replace files that are there already\n"
	      "  -t  take what was dropped onto the page as NUMBER, without asking\n",
	      to);
	return status;
}

int main(int argc, char *argv[])
{
	const char *dropped = NULL;
	char path[PATH_MAX];
	bool force = false;
	int option, host, failed = 0;
	ssize_t n;

	while ((option = getopt_long(argc, argv, "ft:", long_options, NULL)) != -1) {
		if (option == 'f') {
			force = true;
		} else if (option == 't') {
			dropped = optarg;
		} else if (option == 'h') {
			return usage(stdout, 0);
		} else {
			return usage(stderr, 2);
		}
	}
	if (argc - optind > 1)
		return usage(stderr, 2);
	if (optind < argc && chdir(argv[optind]) < 0) {
		fprintf(stderr, "%s: %s: %s\n", program, argv[optind], strerror(errno));
		return 1;
	}
	if ((host = host_open(program)) < 0)
		return 1;
	if (host_say(host, dropped ? 'T' : 'U', dropped, dropped ? strlen(dropped) : 0) < 0) {
		host_complain(program, "the page");
		return 1;
	}
	for (;;) {
		if (host_say(host, 'N', NULL, 0) < 0 || (n = read(host, path, sizeof path - 1)) < 0) {
			host_complain(program, "the page");
			return 1;
		}
		if (n == 0)
			return failed;
		path[n] = 0;
		failed |= receive_file(host, path, force);
	}
}
