/*
 * strace: show what a program asks of the kernel.
 *
 * The kernel records the calls of traced processes (/proc/PID/trace); here they
 * become text. strace/show.c shows arguments, strace/names.c knows flags.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "strace/show.h"

extern char **environ;

enum { TRACES_MAX = 32, READ_MAX = 65536, COLUMN = 40 };

static const char help[] =
	"usage: strace [-cflqrtT] [-e EXPRESSION] [-o FILE] [-s SIZE] PROGRAM [ARGUMENT...]\n"
	"       strace [-cflqrtT] [-e EXPRESSION] [-o FILE] [-s SIZE] -p PID...\n"
	"\n"
	"Runs PROGRAM, or attaches to running processes, and prints each system call with\n"
	"its arguments and result, each signal, and how it all ends.\n"
	"\n"
	"  -c        only count calls, errors and time, and print a table at the end; the\n"
	"            time is that from a call's begin to its end, sleep included\n"
	"  -e EXPR   trace=SET: only these calls; SET is a list of names and of classes,\n"
	"            %file %desc %process %signal %memory %ipc, all or none; !SET: all others\n"
	"            signal=SET: only these signals\n"
	"  -f        follow the children of traced processes\n"
	"  -l        lose records when strace is too slow, rather than make programs wait\n"
	"            for it; how many were lost is told\n"
	"  -o FILE   write there instead of to standard error\n"
	"  -p PID    trace this process; Ctrl-C lets it go again\n"
	"  -q        say nothing of attaching and of exit\n"
	"  -r        begin lines with the time since the last one\n"
	"  -s SIZE   show at most so many bytes of a string (32)\n"
	"  -t -tt    begin lines with the time of day (-tt: in microseconds)\n"
	"  -T        end lines with the time spent in the call\n"
	"\n"
	"strace exits as PROGRAM does. A program started by a set-user-id file is not\n"
	"traced on, unless strace runs as root.\n";

static struct {
	bool count, follow, lose, quiet, relative, spent;
	int time; /* 1: of day, 2: with microseconds */
	long string;
	bool prefix; /* lines begin with the process: more than one was seen, or -o with -f */
} options;

/* ---- which calls are shown ---- */

#define FILTER_MAX 64
struct filter {
	bool set, inverse;
	int n;
	const char *names[FILTER_MAX];
};
static struct filter call_filter, signal_filter;

static void filter_parse(struct filter *f, char *text)
{
	*f = (struct filter){ .set = true, .inverse = *text == '!' };
	if (f->inverse)
		text++;
	for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
		if (f->n == FILTER_MAX) {
			fputs("strace: too many names after -e\n", stderr);
			exit(2);
		}
		f->names[f->n++] = name;
	}
}

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += n)
		if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

static bool has_kind(const struct abi_trace_call *c, int kind, int other)
{
	for (int i = 0; i < c->count; i++)
		if (c->kinds[i] == kind || c->kinds[i] == other)
			return true;
	return false;
}

static bool in_class(const struct abi_trace_call *c, const char *class)
{
	if (!strcmp(class, "file"))
		return has_kind(c, ARG_PATH, ARG_PATH) || !strcmp(c->name, "getcwd");
	if (!strcmp(class, "desc"))
		return has_kind(c, ARG_FD, ARG_DIRFD) || listed("pipe2 ppoll pselect6 epoll_create1 eventfd2", c->name);
	if (!strcmp(class, "process"))
		return listed("fork vfork spawn execve execveat exit exit_group wait4 waitid thread_create kill tgkill", c->name);
	if (!strcmp(class, "signal"))
		return listed("kill tgkill tkill rt_sigqueueinfo rt_sigaction rt_sigprocmask rt_sigpending "
			      "rt_sigsuspend rt_sigtimedwait sigaltstack signal_take signal_done signalfd4", c->name);
	if (!strcmp(class, "memory"))
		return listed("brk mmap munmap mremap mprotect madvise msync mlock munlock shmat shmdt", c->name);
	if (!strcmp(class, "ipc"))
		return !strncmp(c->name, "msg", 3) || !strncmp(c->name, "sem", 3) || !strncmp(c->name, "shm", 3);
	return false;
}

static bool call_shown(const struct abi_trace_call *c)
{
	bool found = false;

	if (!call_filter.set)
		return strcmp(c->name, "signal_take") != 0; /* libc asks for signals; they are shown anyway */
	for (int i = 0; i < call_filter.n && !found; i++) {
		const char *name = call_filter.names[i];

		found = !strcmp(name, "all") || !strcmp(name, c->name) || (*name == '%' && in_class(c, name + 1)) ||
			in_class(c, name);
	}
	return found != call_filter.inverse;
}

static bool signal_shown(int signal)
{
	bool found = false;

	if (!signal_filter.set)
		return true;
	for (int i = 0; i < signal_filter.n && !found; i++)
		found = !strcmp(signal_filter.names[i], "all") || signal_number(signal_filter.names[i]) == signal;
	return found != signal_filter.inverse;
}

/* ---- counts ---- */

static struct count {
	char name[24];
	unsigned long calls, errors;
	int64_t time;
} *counts;
static size_t ncounts;

static void count(const struct abi_trace_call *c, int64_t time)
{
	size_t i = 0;

	while (i < ncounts && strcmp(counts[i].name, c->name))
		i++;
	if (i == ncounts) {
		counts = realloc(counts, ++ncounts * sizeof *counts);
		if (!counts)
			abort();
		counts[i] = (struct count){ 0 };
		memcpy(counts[i].name, c->name, sizeof c->name);
	}
	counts[i].calls++;
	counts[i].errors += c->head.value < 0 && c->head.value > -512;
	counts[i].time += time;
}

static int by_time(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return x->time != y->time ? (x->time < y->time ? 1 : -1) : strcmp(x->name, y->name);
}

static void count_line(double share, const struct count *c)
{
	char errors[24] = "";

	if (c->errors)
		snprintf(errors, sizeof errors, "%lu", c->errors);
	fprintf(out, "%6.2f %11.6f %11lu %9lu %9s %s\n", share, (double)c->time / 1e9,
		c->calls ? (unsigned long)(c->time / 1000) / c->calls : 0, c->calls, errors, c->name);
}

static void count_table(void)
{
	static const char line[] = "------ ----------- ----------- --------- --------- ----------------\n";
	struct count total = { .name = "total" };

	qsort(counts, ncounts, sizeof *counts, by_time);
	for (size_t i = 0; i < ncounts; i++) {
		total.calls += counts[i].calls;
		total.errors += counts[i].errors;
		total.time += counts[i].time;
	}
	fprintf(out, "%% time     seconds  usecs/call     calls    errors syscall\n%s", line);
	for (size_t i = 0; i < ncounts; i++)
		count_line(total.time ? 100.0 * (double)counts[i].time / (double)total.time : 0, &counts[i]);
	fputs(line, out);
	count_line(100, &total);
}

/* ---- threads, and the line that is being written ---- */

struct thread {
	int pid, tid;
	struct abi_trace_call *call; /* it is in; NULL: in none that was seen to begin */
	int shown;                   /* arguments printed so far */
	bool comma;                  /* and the comma before the next */
	int status;                  /* of its exit */
};
static struct thread *threads;
static size_t nthreads;
static int open_line; /* the thread whose call stands unfinished on the line; 0: none */
static int64_t last_time;

static struct thread *thread_of(const struct abi_trace *r)
{
	for (size_t i = 0; i < nthreads; i++)
		if (threads[i].tid == r->tid)
			return &threads[i];
	threads = realloc(threads, ++nthreads * sizeof *threads);
	if (!threads)
		abort();
	threads[nthreads - 1] = (struct thread){ .pid = r->pid, .tid = r->tid };
	if (nthreads > 1)
		options.prefix = true;
	return &threads[nthreads - 1];
}

static void thread_gone(struct thread *t)
{
	free(t->call);
	*t = threads[--nthreads];
}

/* `out` passes on to `sink` and remembers where on the line it is. */
static FILE *sink;
static int column;

static ssize_t pass_on(void *cookie, const char *bytes, size_t n)
{
	(void)cookie;
	for (size_t i = 0; i < n; i++)
		column = bytes[i] == '\n' ? 0 : column + 1;
	return (ssize_t)fwrite(bytes, 1, n, sink);
}

static void unfinished(void)
{
	if (open_line)
		fputs(" <unfinished ...>\n", out);
	open_line = 0;
}

static void line_begin(const struct abi_trace *r)
{
	unfinished();
	if (options.prefix && options.follow)
		fprintf(out, sink == stderr ? "[pid %5d] " : "%-5d ", r->tid);
	if (options.time) {
		time_t seconds = (time_t)(r->time / 1000000000);
		struct tm tm;

		localtime_r(&seconds, &tm);
		fprintf(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
		if (options.time > 1)
			fprintf(out, ".%06lld", (long long)(r->time % 1000000000 / 1000));
		fputc(' ', out);
	}
	if (options.relative) {
		int64_t since = last_time ? r->time - last_time : 0;

		fprintf(out, "%6lld.%06lld ", (long long)(since / 1000000000), (long long)(since % 1000000000 / 1000));
	}
	last_time = r->time;
}

/* ---- records ---- */

static bool never_returns(const struct abi_trace_call *c)
{
	return !strcmp(c->name, "exit") || !strcmp(c->name, "exit_group");
}

static void arguments(struct thread *t, const struct abi_trace_call *after)
{
	const struct abi_trace_call *c = after ? after : t->call;

	for (; t->shown < c->count; t->shown++) {
		if (t->shown == 3 && !strcmp(c->name, "openat") && !(c->arguments[2] & O_CREAT))
			continue; /* there is no mode */
		if (t->shown && !t->comma)
			fputs(", ", out);
		t->comma = !after && shown_after(c, t->shown);
		if (t->comma)
			return;
		show_argument(t->call, after, t->shown);
	}
}

static void result_column(void)
{
	fflush(out);
	fprintf(out, "%*s", column < COLUMN - 1 ? COLUMN - column : 1, "");
}

static void on_enter(const struct abi_trace_call *c)
{
	struct thread *t = thread_of(&c->head);

	free(t->call);
	t->call = malloc(c->head.size);
	if (!t->call)
		abort();
	memcpy(t->call, c, c->head.size);
	t->shown = 0;
	t->comma = false;
	if (never_returns(c))
		t->status = (int)c->arguments[0];
	if (options.count) {
		if (never_returns(c) && call_shown(c))
			count(c, 0);
		return;
	}
	if (!call_shown(c))
		return;
	line_begin(&c->head);
	fprintf(out, "%s(", c->name);
	arguments(t, NULL);
	open_line = c->head.tid;
	if (never_returns(c)) {
		fputc(')', out);
		result_column();
		fputs("= ?\n", out);
		open_line = 0;
	}
}

static void on_leave(const struct abi_trace_call *c)
{
	struct thread *t = thread_of(&c->head);
	int64_t spent = t->call ? c->head.time - t->call->head.time : 0;

	if (options.count && call_shown(c)) {
		count(c, spent);
	} else if (call_shown(c)) {
		if (open_line != c->head.tid) {
			line_begin(&c->head);
			fprintf(out, "<... %s resumed>", c->name);
			if (!t->call) /* it began before we came */
				t->shown = c->count;
		}
		arguments(t, c);
		fputc(')', out);
		result_column();
		show_result(c);
		if (options.spent)
			fprintf(out, " <%lld.%06lld>", (long long)(spent / 1000000000),
				(long long)(spent % 1000000000 / 1000));
		fputc('\n', out);
		open_line = 0;
	}
	free(t->call);
	t->call = NULL;
}

static void on_end(const struct abi_trace *r)
{
	struct thread *t = thread_of(r);
	int status = (int)r->value;

	if (!options.count && !options.quiet) {
		line_begin(r);
		if (r->event == TRACE_THREAD)
			fprintf(out, "+++ exited with %d +++\n", t->status & 0xff);
		else if (WIFSIGNALED(status))
			fprintf(out, "+++ killed by %s +++\n", signal_name(WTERMSIG(status)));
		else
			fprintf(out, "+++ exited with %d +++\n", WEXITSTATUS(status));
	}
	thread_gone(t);
}

static void on_record(const struct abi_trace *r)
{
	switch (r->event) {
	case TRACE_ENTER:
		on_enter((const struct abi_trace_call *)r);
		break;
	case TRACE_LEAVE:
		on_leave((const struct abi_trace_call *)r);
		break;
	case TRACE_SIGNAL:
		if (options.count || !signal_shown((int)r->value))
			break;
		line_begin(r);
		fprintf(out, "--- %s ", signal_name((int)r->value));
		show_siginfo(r + 1);
		fputs(" ---\n", out);
		break;
	case TRACE_STOP:
		if (options.count || !signal_shown((int)r->value))
			break;
		line_begin(r);
		fprintf(out, "--- stopped by %s ---\n", signal_name((int)r->value));
		break;
	case TRACE_BEGIN:
		thread_of(r);
		if (options.count || options.quiet || nthreads == 1)
			break;
		unfinished();
		fprintf(out, "strace: Process %d attached\n", r->pid);
		break;
	case TRACE_THREAD:
	case TRACE_END:
		on_end(r);
		break;
	case TRACE_LOST:
		unfinished();
		fprintf(out, "strace: %lld records lost\n", (long long)r->value);
		break;
	}
}

/* ---- traces ---- */

static struct {
	int fd, pid;
} traces[TRACES_MAX];
static nfds_t ntraces;
static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
	interrupted = signal;
}

static void command(int fd, const char *line)
{
	if (write(fd, line, strlen(line)) < 0) {
		fprintf(stderr, "strace: the kernel refuses '%s': %s\n", line, strerror(errno));
		exit(1);
	}
}

static void trace_open(const char *pid)
{
	char path[64], line[32];
	int fd;

	snprintf(path, sizeof path, "/proc/%s/trace", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "strace: attach to %s: %s\n", pid,
			errno == ENOENT ? "no such process" :
			errno == EBUSY ? "somebody traces it already" : strerror(errno));
		exit(1);
	}
	if (options.follow)
		command(fd, "follow");
	if (!options.lose)
		command(fd, "wait");
	snprintf(line, sizeof line, "string %ld", options.string);
	command(fd, line);
	traces[ntraces].fd = fd;
	traces[ntraces++].pid = atoi(pid);
}

static void trace_drop(nfds_t i)
{
	close(traces[i].fd);
	traces[i] = traces[--ntraces];
}

/* Read until all traced processes have ended, or a signal says that it is enough. */
static void follow_all(void)
{
	static _Alignas(8) char buffer[READ_MAX];

	while (ntraces > 0 && !interrupted) {
		struct pollfd fds[TRACES_MAX];

		for (nfds_t i = 0; i < ntraces; i++)
			fds[i] = (struct pollfd){ .fd = traces[i].fd, .events = POLLIN };
		if (poll(fds, ntraces, 0) == 0) { /* nothing to do: show what there is */
			fflush(out);
			fflush(sink);
			if (poll(fds, ntraces, -1) < 0)
				continue;
		}
		for (nfds_t i = ntraces; i-- > 0;) {
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(traces[i].fd, buffer, sizeof buffer);
			for (ssize_t at = 0; at < n; at += ((struct abi_trace *)(buffer + at))->size)
				on_record((struct abi_trace *)(buffer + at));
			if (n == 0 || (n < 0 && errno != EINTR))
				trace_drop(i);
		}
	}
	unfinished();
}

/* The program's path, found as execvp would: a spawn that fails for each folder would be seen, too. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *list, *found = NULL;

	if (strchr(name, '/') || !path)
		return strdup(name);
	list = strdup(path);
	for (char *dir = strtok(list, ":"); dir && !found; dir = strtok(NULL, ":"))
		if (asprintf(&found, "%s/%s", dir, name) < 0 || access(found, X_OK) < 0) {
			free(found);
			found = NULL;
		}
	free(list);
	return found;
}

static pid_t run(char **argv)
{
	char *path = find_program(argv[0]);
	pid_t pid;
	int err = path ? posix_spawn(&pid, path, NULL, NULL, argv, environ) : ENOENT;

	if (err) {
		fprintf(stderr, "strace: %s: %s\n", argv[0], strerror(err));
		exit(err == ENOENT ? 127 : 126);
	}
	free(path);
	return pid;
}

/* End as the program did. */
static int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static void expression(char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		filter_parse(&call_filter, text);
	else if (!strncmp(text, "trace=", 6) || !strncmp(text, "t=", 2))
		filter_parse(&call_filter, equals + 1);
	else if (!strncmp(text, "signal=", 7) || !strncmp(text, "s=", 2))
		filter_parse(&signal_filter, equals + 1);
	else {
		fprintf(stderr, "strace: -e %s: neither trace= nor signal=\n", text);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const char *file = NULL, *pids[TRACES_MAX];
	int npids = 0, opt;
	pid_t child = 0;

	options.string = 32;
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	while ((opt = getopt(argc, argv, "+ce:flo:p:qrs:tT")) != -1)
		switch (opt) {
		case 'c': options.count = true; break;
		case 'e': expression(optarg); break;
		case 'f': options.follow = true; break;
		case 'l': options.lose = true; break;
		case 'o': file = optarg; break;
		case 'p':
			if (npids < TRACES_MAX)
				pids[npids++] = optarg;
			break;
		case 'q': options.quiet = true; break;
		case 'r': options.relative = true; break;
		case 's': options.string = strtol(optarg, NULL, 10); break;
		case 't': options.time++; break;
		case 'T': options.spent = true; break;
		default: fputs(help, stderr); return 2;
		}
	if (!npids == (optind >= argc)) {
		fputs("strace: either a program or -p PID is needed (see strace --help)\n", stderr);
		return 2;
	}
	sink = file ? fopen(file, "we") : stderr;
	out = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = pass_on });
	if (!sink || !out) {
		fprintf(stderr, "strace: %s: %s\n", file, strerror(errno));
		return 1;
	}
	if (!file) /* lines, not letters */
		setvbuf(stderr, NULL, _IOFBF, 8192);
	options.prefix = file && options.follow;
	if (npids) {
		for (int i = 0; i < npids; i++) {
			trace_open(pids[i]);
			if (!options.quiet)
				fprintf(stderr, "strace: Process %s attached\n", pids[i]);
		}
		fflush(stderr);
		(void)sigaction(SIGINT, &(struct sigaction){ .sa_handler = interrupt }, NULL);
		(void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = interrupt }, NULL);
	} else {
		trace_open("self");
		child = run(argv + optind);
		/* these are for the program; we stay to tell how it ends */
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	}
	follow_all();
	for (nfds_t i = 0; i < ntraces; i++)
		if (npids && !options.quiet)
			fprintf(out, "strace: Process %d detached\n", traces[i].pid);
	if (options.count)
		count_table();
	fflush(out);
	fflush(sink);
	return child ? finish(child) : 0;
}
