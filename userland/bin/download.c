/*
 * download: hand files over to the person at the browser, who finds them among
 * the downloads. A directory becomes a tar archive; - is the standard input.
 *
 *     download [-n NAME] FILE...
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

extern char **environ;

static const char *program = "download";

/* Send all of `from` as `name`: 0 or 1. */
static int send_all(int host, int from, const char *name)
{
	static char data[HOST_DATA];
	ssize_t n;

	if (host_say(host, 'D', name, strlen(name)) < 0)
		goto failed;
	/* 60 KiB: whole blocks, for devices */
	while ((n = read(from, data, 61440)) > 0)
		if (host_say(host, 'W', data, (size_t)n) < 0)
			goto failed;
	if (n == 0 && host_say(host, 'E', NULL, 0) == 0)
		return 0;
failed:
	host_complain(program, name);
	return 1;
}

static int send_directory(int host, const char *path, const char *name)
{
	char *argv[] = { "tar", "cf", "-", "-C", (char *)path, ".", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], err, status, result;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		perror(program);
		return 1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	err = posix_spawnp(&pid, "tar", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (err) {
		fprintf(stderr, "%s: tar: %s\n", program, strerror(err));
		close(ends[0]);
		return 1;
	}
	result = send_all(host, ends[0], name);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return result || status != 0;
}

/* The last part of a path, though it be "." */
static const char *name_of(const char *path, char real[PATH_MAX])
{
	if (!realpath(path, real))
		return path;
	return strcmp(real, "/") == 0 ? "root" : basename(real);
}

static int send_path(int host, const char *path, const char *as)
{
	char real[PATH_MAX], name[NAME_MAX + 8];
	struct stat st;
	int fd, result;

	if (strcmp(path, "-") == 0)
		return send_all(host, 0, as ? as : "stdin");
	if (stat(path, &st) < 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		return 1;
	}
	snprintf(name, sizeof name, "%s%s", name_of(path, real),
		 S_ISDIR(st.st_mode) ? ".tar" : "");
	if (S_ISDIR(st.st_mode))
		result = send_directory(host, path, as ? as : name);
	else
		result = send_all(host, fd, as ? as : name);
	close(fd);
	return result;
}

static const struct option long_options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };

static int usage(FILE *to, int status)
{
	fputs("usage: download [-n NAME] FILE...\n"
	      "\n"
	      "Hand files to your machine: the browser saves them. A directory goes as a tar\n"
	      "archive, and FILE - is the standard input.\n"
	      "  -n  save the one FILE as NAME\n",
	      to);
	return status;
}

int main(int argc, char *argv[])
{
	const char *as = NULL;
	int option, host, failed = 0;

	while ((option = getopt_long(argc, argv, "n:", long_options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option != 'n')
			return usage(stderr, 2);
		as = optarg;
	}
	if (optind == argc || (as && optind + 1 != argc))
		return usage(stderr, 2);
	if ((host = host_open(program)) < 0)
		return 1;
	for (int i = optind; i < argc; i++)
		failed |= send_path(host, argv[i], as);
	return failed;
}
