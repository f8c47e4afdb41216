/*
 * timeout: run a utility and end it when it takes too long (POSIX.1-2024).
 *
 * No handlers: the signals that matter are blocked and taken with sigtimedwait,
 * whose deadline is the time limit.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { TIMED_OUT = 124, FAILED = 125, CANNOT_RUN = 126, NOT_FOUND = 127 };

static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static struct {
	const char *name;
	int number;
} const names[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL },
	{ "TRAP", SIGTRAP }, { "ABRT", SIGABRT }, { "BUS", SIGBUS }, { "FPE", SIGFPE },
	{ "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "CHLD", SIGCHLD },
	{ "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU }, { "URG", SIGURG }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH }, { "SYS", SIGSYS },
};

static void usage(FILE *to, int status)
{
	fputs("usage: timeout [-fp] [-k DURATION] [-s SIGNAL] DURATION UTILITY [ARGUMENT...]\n"
	      "Runs UTILITY and sends it SIGNAL (TERM) after DURATION: seconds, or with the\n"
	      "suffix s, m, h or d. The exit status is then 124.\n"
	      "  -f  leave it in the foreground: don't make a process group\n"
	      "  -k  send KILL too, so long after the first signal\n"
	      "  -p  exit with the utility's status even when it took too long\n", to);
	exit(status);
}

static int signal_number(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text && !*end && number >= 0 && number < NSIG)
		return (int)number;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(text, names[i].name))
			return names[i].number;
	fprintf(stderr, "timeout: %s: unknown signal\n", text);
	exit(FAILED);
}

/* Seconds; 0 means no limit. */
static double duration(const char *text)
{
	static const char suffixes[] = "smhd";
	static const int seconds[] = { 1, 60, 3600, 86400 };
	char *end;
	double value = strtod(text, &end);
	const char *suffix = *end ? strchr(suffixes, *end) : suffixes;

	if (end == text || !(value >= 0) || !suffix || (*end && end[1])) {
		fprintf(stderr, "timeout: %s: not a duration\n", text);
		exit(FAILED);
	}
	return value * seconds[suffix - suffixes];
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The next watched signal, or 0 when the moment `until` has come (INFINITY: never). */
static int next_signal(const sigset_t *set, double until)
{
	int signal;

	do {
		double left = until - now();
		struct timespec ts;

		if (isinf(until) || left > 1e8) {
			signal = sigwaitinfo(set, NULL);
			continue;
		}
		if (left < 0)
			left = 0;
		ts.tv_sec = (time_t)left;
		ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
		signal = sigtimedwait(set, NULL, &ts);
	} while (signal < 0 && errno == EINTR);
	return signal < 0 ? 0 : signal;
}

static pid_t start(char **argv, const sigset_t *old_mask)
{
	posix_spawnattr_t attributes;
	sigset_t defaults;
	pid_t child;
	int err;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGTTIN);
	sigaddset(&defaults, SIGTTOU);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, old_mask);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	err = posix_spawnp(&child, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (err) {
		fprintf(stderr, "timeout: %s: %s\n", argv[0], strerror(err));
		exit(err == ENOENT ? NOT_FOUND : CANNOT_RUN);
	}
	return child;
}

/* To the utility and, unless in the foreground, all it started. */
static void send(pid_t child, int signal, bool foreground)
{
	kill(child, signal);
	if (!foreground && signal != SIGKILL && signal != SIGCONT) {
		sigset_t blocked;

		/* This process is of the group too, and must outlive it. */
		if (signal) {
			sigemptyset(&blocked);
			sigaddset(&blocked, signal);
			sigprocmask(SIG_BLOCK, &blocked, NULL);
		}
		kill(0, signal);
	}
	if (signal != SIGKILL)
		kill(child, SIGCONT); /* a stopped process can't end */
}

int main(int argc, char **argv)
{
	bool foreground = false, preserve = false, expired = false;
	int signal = SIGTERM, sent = 0, opt, status;
	double kill_after = INFINITY, until, limit;
	sigset_t set, old_mask;
	pid_t child;

	if (argc > 1 && !strcmp(argv[1], "--help"))
		usage(stdout, 0);
	while ((opt = getopt(argc, argv, "+fk:ps:")) != -1) {
		switch (opt) {
		case 'f': foreground = true; break;
		case 'k': kill_after = duration(optarg); break;
		case 'p': preserve = true; break;
		case 's': signal = signal_number(optarg); break;
		default: usage(stderr, FAILED);
		}
	}
	if (argc - optind < 2)
		usage(stderr, FAILED);
	limit = duration(argv[optind++]);

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(&set, watched[i]);
	sigprocmask(SIG_BLOCK, &set, &old_mask);
	if (!foreground) {
		setpgid(0, 0);
		(void)sigaction(SIGTTIN, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
		(void)sigaction(SIGTTOU, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	}
	child = start(argv + optind, &old_mask);

	until = limit > 0 ? now() + limit : INFINITY;
	while (waitpid(child, &status, WNOHANG) == 0) {
		int got = next_signal(&set, until);

		if (got == SIGCHLD)
			continue;
		if (got && got == sent) { /* our own, that came back through the group */
			sent = 0;
			continue;
		}
		if (!got) {
			got = expired ? SIGKILL : signal;
			expired = true;
			until = got == SIGKILL || isinf(kill_after) ? INFINITY : now() + kill_after;
		}
		sent = got;
		send(child, got, foreground);
	}
	if (expired && !preserve && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		return TIMED_OUT;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
