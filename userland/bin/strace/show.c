/*
 * strace: arguments and results, as text.
 */
#define _GNU_SOURCE
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

FILE *out;

enum memory { NO, IN, OUT, STRING, DATA_IN, DATA_OUT, VECTORS_IN, VECTORS_OUT, STRINGS, COUNT, ARRAY, LIST, SETS };
static const uint8_t memory_of[] = {
	NO,
#define X(name, memory, size) memory,
	TRACE_KINDS(X)
#undef X
};

static const unsigned char *bytes_of(const struct abi_trace_piece *p)
{
	return (const unsigned char *)(p + 1);
}

const struct abi_trace_piece *piece(const struct abi_trace_call *c, int argument, int index)
{
	const char *at = (const char *)(c + 1), *end = c ? (const char *)c + c->head.size : NULL;

	while (c && at + sizeof(struct abi_trace_piece) <= end) {
		const struct abi_trace_piece *p = (const struct abi_trace_piece *)at;

		if (p->argument == argument && p->index == index)
			return p;
		at += sizeof *p + (p->length + 7) / 8 * 8;
	}
	return NULL;
}

bool shown_after(const struct abi_trace_call *c, int i)
{
	int kind = c->kinds[i] < sizeof memory_of ? c->kinds[i] : ARG_HEX;
	int memory = memory_of[kind];

	return c->arguments[i] &&
	       (memory == OUT || memory == DATA_OUT || memory == VECTORS_OUT || memory == ARRAY || kind == ARG_ENTRIES_OUT);
}

static void show_pointer(int64_t value)
{
	if (value)
		fprintf(out, "%#x", (unsigned)value);
	else
		fputs("NULL", out);
}

static void show_text(const struct abi_trace_piece *p)
{
	const unsigned char *s = bytes_of(p);

	fputc('"', out);
	for (uint32_t i = 0; i < p->length; i++) {
		bool digit = i + 1 < p->length && s[i + 1] >= '0' && s[i + 1] <= '7';

		switch (s[i]) {
		case '\n': fputs("\\n", out); break;
		case '\t': fputs("\\t", out); break;
		case '\r': fputs("\\r", out); break;
		case '\v': fputs("\\v", out); break;
		case '\f': fputs("\\f", out); break;
		case '"': fputs("\\\"", out); break;
		case '\\': fputs("\\\\", out); break;
		default:
			if (s[i] >= ' ' && s[i] < 127)
				fputc(s[i], out);
			else
				fprintf(out, digit ? "\\%03o" : "\\%o", s[i]);
		}
	}
	fputs(p->more ? "\"..." : "\"", out);
}

/* ---- structures: libc's are the kernel's (tests-c/posix/abi/layout.c) ---- */

#define TAKE(type, name) \
	type name; \
	if (p->length < sizeof name) \
		return false; \
	memcpy(&name, bytes_of(p), sizeof name)

static void put_timespec(const struct timespec *t)
{
	fprintf(out, "{tv_sec=%lld, tv_nsec=%ld}", (long long)t->tv_sec, (long)t->tv_nsec);
}

static void put_timeval(const struct timeval *t)
{
	fprintf(out, "{tv_sec=%lld, tv_usec=%lld}", (long long)t->tv_sec, (long long)t->tv_usec);
}

static bool show_timespec(const struct abi_trace_piece *p)
{
	TAKE(struct timespec, t);
	put_timespec(&t);
	return true;
}

static bool show_times(const struct abi_trace_piece *p)
{
	struct timespec t[2];

	if (p->length < sizeof t)
		return false;
	memcpy(t, bytes_of(p), sizeof t);
	fputc('[', out);
	for (int i = 0; i < 2; i++) {
		if (t[i].tv_nsec == UTIME_NOW || t[i].tv_nsec == UTIME_OMIT)
			fputs(t[i].tv_nsec == UTIME_NOW ? "UTIME_NOW" : "UTIME_OMIT", out);
		else
			put_timespec(&t[i]);
		fputs(i ? "]" : ", ", out);
	}
	return true;
}

static bool show_itimerval(const struct abi_trace_piece *p)
{
	TAKE(struct itimerval, t);
	fputs("{it_interval=", out);
	put_timeval(&t.it_interval);
	fputs(", it_value=", out);
	put_timeval(&t.it_value);
	fputc('}', out);
	return true;
}

static bool show_itimerspec(const struct abi_trace_piece *p)
{
	TAKE(struct itimerspec, t);
	fputs("{it_interval=", out);
	put_timespec(&t.it_interval);
	fputs(", it_value=", out);
	put_timespec(&t.it_value);
	fputc('}', out);
	return true;
}

static bool show_sigset(const struct abi_trace_piece *p)
{
	TAKE(uint64_t, set);
	const char *space = "";
	bool most = __builtin_popcountll(set) > 32; /* then those that are missing are shorter */

	fputs(most ? "~[" : "[", out);
	if (most)
		set = ~set;
	for (int i = 1; i <= 64; i++)
		if (set >> (i - 1) & 1) {
			const char *name = signal_name(i);

			fprintf(out, "%s%s", space, strncmp(name, "SIG", 3) ? name : name + 3);
			space = " ";
		}
	fputc(']', out);
	return true;
}

static bool show_action(const struct abi_trace_piece *p)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{ SA_NOCLDSTOP, "SA_NOCLDSTOP" }, { SA_NOCLDWAIT, "SA_NOCLDWAIT" }, { SA_SIGINFO, "SA_SIGINFO" },
		{ SA_ONSTACK, "SA_ONSTACK" }, { SA_RESTART, "SA_RESTART" }, { SA_NODEFER, "SA_NODEFER" },
		{ SA_RESETHAND, "SA_RESETHAND" },
	};
	struct {
		uint32_t handler, flags, restorer, mask[2];
	} a;
	struct {
		struct abi_trace_piece head;
		uint32_t mask[2];
	} set = { .head.length = 8 };
	const char *bar = "";

	if (p->length < sizeof a)
		return false;
	memcpy(&a, bytes_of(p), sizeof a);
	fputs("{sa_handler=", out);
	if (a.handler == 0 || a.handler == 1)
		fputs(a.handler ? "SIG_IGN" : "SIG_DFL", out);
	else
		fprintf(out, "%#x", a.handler);
	fputs(", sa_mask=", out);
	memcpy(set.mask, a.mask, sizeof a.mask);
	show_sigset(&set.head);
	fputs(", sa_flags=", out);
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (a.flags & flags[i].flag) {
			fprintf(out, "%s%s", bar, flags[i].name);
			a.flags &= ~flags[i].flag;
			bar = "|";
		}
	a.flags &= ~0x04000000u; /* libc's SA_RESTORER */
	if (a.flags || !*bar)
		fprintf(out, a.flags ? "%s%#x" : "%s%u", bar, a.flags);
	fputc('}', out);
	return true;
}

static void show_mode(unsigned mode, bool type)
{
	static const char *const types[] = {
		[1] = "S_IFIFO|", [2] = "S_IFCHR|", [4] = "S_IFDIR|", [6] = "S_IFBLK|",
		[8] = "S_IFREG|", [10] = "S_IFLNK|", [12] = "S_IFSOCK|",
	};
	unsigned kind = mode >> 12 & 15;

	if (type && kind <= 12 && types[kind]) {
		fputs(types[kind], out);
		mode &= 07777;
	}
	fprintf(out, mode ? "%#03o" : "%03o", mode);
}

static bool show_stat(const struct abi_trace_piece *p)
{
	TAKE(struct stat, st);
	fputs("{st_mode=", out);
	show_mode(st.st_mode, true);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		fprintf(out, ", st_rdev=makedev(%#x, %#x), ...}", major(st.st_rdev), minor(st.st_rdev));
	else
		fprintf(out, ", st_size=%lld, ...}", (long long)st.st_size);
	return true;
}

static bool show_statfs(const struct abi_trace_piece *p)
{
	struct {
		uint32_t type, bsize;
		uint64_t blocks, bfree;
	} s;

	if (p->length < sizeof s)
		return false;
	memcpy(&s, bytes_of(p), sizeof s);
	fprintf(out, "{f_type=%#x, f_bsize=%u, f_blocks=%llu, f_bfree=%llu, ...}", s.type, s.bsize,
		(unsigned long long)s.blocks, (unsigned long long)s.bfree);
	return true;
}

static bool show_rusage(const struct abi_trace_piece *p)
{
	struct timeval t[2];

	if (p->length < sizeof t)
		return false;
	memcpy(t, bytes_of(p), sizeof t);
	fputs("{ru_utime=", out);
	put_timeval(&t[0]);
	fputs(", ru_stime=", out);
	put_timeval(&t[1]);
	fputs(", ...}", out);
	return true;
}

static void put_limit(uint64_t limit)
{
	if (limit == UINT64_MAX)
		fputs("RLIM64_INFINITY", out);
	else
		fprintf(out, "%llu", (unsigned long long)limit);
}

static bool show_rlimit(const struct abi_trace_piece *p)
{
	uint64_t v[2];

	if (p->length < sizeof v)
		return false;
	memcpy(v, bytes_of(p), sizeof v);
	fputs("{rlim_cur=", out);
	put_limit(v[0]);
	fputs(", rlim_max=", out);
	put_limit(v[1]);
	fputc('}', out);
	return true;
}

static bool show_status(const struct abi_trace_piece *p)
{
	TAKE(int32_t, s);
	if (WIFEXITED(s))
		fprintf(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(s));
	else if (WIFSTOPPED(s))
		fprintf(out, "[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]", signal_name(WSTOPSIG(s)));
	else if (WIFCONTINUED(s))
		fputs("[{WIFCONTINUED(s)}]", out);
	else
		fprintf(out, "[{WIFSIGNALED(s) && WTERMSIG(s) == %s}]", signal_name(WTERMSIG(s)));
	return true;
}

static bool show_ints(const struct abi_trace_piece *p)
{
	int32_t value;

	if (p->length < sizeof value)
		return false;
	fputc('[', out);
	for (uint32_t at = 0; at + sizeof value <= p->length; at += sizeof value) {
		memcpy(&value, bytes_of(p) + at, sizeof value);
		fprintf(out, at ? ", %d" : "%d", value);
	}
	fputs(p->more ? ", ...]" : "]", out);
	return true;
}

static bool show_offset(const struct abi_trace_piece *p)
{
	TAKE(int64_t, value);
	fprintf(out, "[%lld]", (long long)value);
	return true;
}

static void put_events(unsigned events)
{
	static const struct {
		unsigned event;
		const char *name;
	} names[] = {
		{ POLLIN, "POLLIN" }, { POLLPRI, "POLLPRI" }, { POLLOUT, "POLLOUT" }, { POLLERR, "POLLERR" },
		{ POLLHUP, "POLLHUP" }, { POLLNVAL, "POLLNVAL" }, { POLLRDNORM, "POLLRDNORM" },
		{ POLLWRNORM, "POLLWRNORM" },
	};
	const char *bar = "";

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (events & names[i].event) {
			fprintf(out, "%s%s", bar, names[i].name);
			bar = "|";
		}
	if (!events)
		fputc('0', out);
}

static bool show_pollfds(const struct abi_trace_piece *p, bool after)
{
	struct pollfd f;
	const char *comma = "";

	fputc('[', out);
	for (uint32_t at = 0; at + sizeof f <= p->length; at += sizeof f) {
		memcpy(&f, bytes_of(p) + at, sizeof f);
		fprintf(out, "%s{fd=%d, events=", comma, f.fd);
		put_events((unsigned)f.events);
		if (after && f.revents) {
			fputs(", revents=", out);
			put_events((unsigned)f.revents);
		}
		fputc('}', out);
		comma = ", ";
	}
	fputs(p->more ? ", ...]" : "]", out);
	return true;
}

static bool show_fdset(const struct abi_trace_piece *p)
{
	const char *space = "";

	fputc('[', out);
	for (uint32_t i = 0; i < p->length * 8; i++)
		if (bytes_of(p)[i / 8] >> i % 8 & 1) {
			fprintf(out, "%s%u", space, i);
			space = " ";
		}
	fputc(']', out);
	return true;
}

static bool show_epoll(const struct abi_trace_piece *p, bool many)
{
	struct {
		uint32_t events, pad;
		uint64_t data;
	} e;
	const char *comma = "";

	if (many)
		fputc('[', out);
	for (uint32_t at = 0; at + sizeof e <= p->length; at += sizeof e) {
		memcpy(&e, bytes_of(p) + at, sizeof e);
		fprintf(out, "%s{events=", comma);
		put_events(e.events);
		fprintf(out, ", data=%#llx}", (unsigned long long)e.data);
		comma = ", ";
	}
	if (many)
		fputs(p->more ? ", ...]" : "]", out);
	return true;
}

static bool show_utsname(const struct abi_trace_piece *p)
{
	TAKE(struct utsname, u);
	fprintf(out, "{sysname=\"%.65s\", nodename=\"%.65s\", ...}", u.sysname, u.nodename);
	return true;
}

static const char *code_name(int signal, int code)
{
	static const char *const child[] = { "", "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED",
					     "CLD_STOPPED", "CLD_CONTINUED" };
	static char text[16];

	switch (code) {
	case SI_USER: return "SI_USER";
	case SI_QUEUE: return "SI_QUEUE";
	case SI_TIMER: return "SI_TIMER";
	case SI_MESGQ: return "SI_MESGQ";
	case SI_TKILL: return "SI_TKILL";
	case SI_KERNEL: return "SI_KERNEL";
	}
	if (signal == SIGCHLD && code > 0 && code <= 6)
		return child[code];
	snprintf(text, sizeof text, "%d", code);
	return text;
}

void show_siginfo(const void *bytes)
{
	siginfo_t info;

	memcpy(&info, bytes, sizeof info);
	fprintf(out, "{si_signo=%s, si_code=%s", signal_name(info.si_signo),
		code_name(info.si_signo, info.si_code));
	if (info.si_signo == SIGCHLD && info.si_code > 0 && info.si_code < SI_KERNEL) {
		fprintf(out, ", si_pid=%d, si_uid=%d, si_status=", info.si_pid, info.si_uid);
		if (info.si_code == CLD_EXITED)
			fprintf(out, "%d", info.si_status);
		else
			fputs(signal_name(info.si_status), out);
	} else if (info.si_code == SI_USER || info.si_code == SI_TKILL) {
		fprintf(out, ", si_pid=%d, si_uid=%d", info.si_pid, info.si_uid);
	} else if (info.si_code == SI_QUEUE || info.si_code == SI_MESGQ) {
		fprintf(out, ", si_pid=%d, si_uid=%d, si_value=%#x", info.si_pid, info.si_uid,
			(unsigned)info.si_value.sival_int);
	} else if (info.si_code == SI_TIMER) {
		fprintf(out, ", si_timerid=%d, si_overrun=%d", info.si_timerid, info.si_overrun);
	}
	fputc('}', out);
}

static bool show_info(const struct abi_trace_piece *p)
{
	if (p->length < sizeof(siginfo_t))
		return false;
	show_siginfo(bytes_of(p));
	return true;
}

/* Memory by its kind; false when the address alone must do. */
static bool show_memory(int kind, const struct abi_trace_piece *p, bool after)
{
	switch (kind) {
	case ARG_PATH: case ARG_TEXT: case ARG_BYTES_IN: case ARG_BYTES_OUT: case ARG_TEXT_OUT:
		show_text(p);
		return true;
	case ARG_STAT_OUT: return show_stat(p);
	case ARG_STATFS_OUT: return show_statfs(p);
	case ARG_TIMESPEC_IN: case ARG_TIMESPEC_OUT: return show_timespec(p);
	case ARG_TIMES_IN: return show_times(p);
	case ARG_SIGSET_IN: case ARG_SIGSET_OUT: return show_sigset(p);
	case ARG_ACTION_IN: case ARG_ACTION_OUT: return show_action(p);
	case ARG_FDS_OUT: case ARG_INT_IN: case ARG_INT_OUT: case ARG_IDS_IN: case ARG_IDS_OUT: return show_ints(p);
	case ARG_OFFSET_IN: return show_offset(p);
	case ARG_STATUS_OUT: return show_status(p);
	case ARG_RUSAGE_OUT: return show_rusage(p);
	case ARG_RLIMIT_IN: case ARG_RLIMIT_OUT: return show_rlimit(p);
	case ARG_POLLFDS: return show_pollfds(p, after);
	case ARG_FDSET: return show_fdset(p);
	case ARG_EPOLL_EVENT_IN: return show_epoll(p, false);
	case ARG_EPOLL_EVENTS_OUT: return show_epoll(p, true);
	case ARG_SIGINFO_IN: case ARG_SIGINFO_OUT: return show_info(p);
	case ARG_ITIMERVAL_IN: case ARG_ITIMERVAL_OUT: return show_itimerval(p);
	case ARG_ITIMERSPEC_IN: case ARG_ITIMERSPEC_OUT: return show_itimerspec(p);
	case ARG_UTSNAME_OUT: return show_utsname(p);
	default: return false;
	}
}

static void show_strings(const struct abi_trace_call *c, int i)
{
	const struct abi_trace_piece *p;

	fputc('[', out);
	for (int n = 0; (p = piece(c, i, n)); n++) {
		if (n)
			fputs(", ", out);
		if (p->more && !p->length) {
			fputs("...", out);
			break;
		}
		show_text(p);
	}
	fputc(']', out);
}

static void show_vectors(const struct abi_trace_call *c, int i)
{
	const struct abi_trace_piece *p;

	fputc('[', out);
	for (int n = 0; (p = piece(c, i, n)); n++) {
		fputs(n ? ", {iov_base=" : "{iov_base=", out);
		show_text(p);
		fprintf(out, p->more ? ", iov_len>%u}" : ", iov_len=%u}", p->length);
	}
	fputc(']', out);
}

static void show_count(const struct abi_trace_call *c, int i)
{
	const struct abi_trace_piece *p = piece(c, i, 0);
	uint64_t n = 0;

	if (p && p->length >= sizeof n)
		memcpy(&n, bytes_of(p), sizeof n);
	if (c->arguments[i] != 1) /* which stands for the arguments that posix_spawn passed on */
		show_pointer(c->arguments[i]);
	if (p)
		fprintf(out, c->arguments[i] != 1 ? " /* %llu var%s */" : "[/* %llu var%s */]",
			(unsigned long long)n, n == 1 ? "" : "s");
}

static void show_number(const struct abi_trace_call *c, int i)
{
	int64_t value = c->arguments[i];

	switch (c->kinds[i]) {
	case ARG_DIRFD:
		if (value == AT_FDCWD)
			fputs("AT_FDCWD", out);
		else
			fprintf(out, "%lld", (long long)value);
		break;
	case ARG_MODE: show_mode((unsigned)value, false); break;
	case ARG_DEVICE: fprintf(out, "makedev(%#x, %#x)", major((dev_t)value), minor((dev_t)value)); break;
	case ARG_BITS: fprintf(out, value ? "%#llx" : "%llu", (unsigned long long)value); break;
	case ARG_ID: fprintf(out, "%d", (int32_t)value); break;
	case ARG_INT: case ARG_FD: case ARG_UNSIGNED: fprintf(out, "%lld", (long long)value); break;
	default: show_pointer(value);
	}
}

void show_argument(const struct abi_trace_call *before, const struct abi_trace_call *after, int i)
{
	const struct abi_trace_call *c = after ? after : before;
	int kind = c->kinds[i] < sizeof memory_of ? c->kinds[i] : ARG_HEX, memory = memory_of[kind];
	const struct abi_trace_piece *p = NULL;
	bool opens = !strcmp(c->name, "openat") || !strcmp(c->name, "mq_open");

	if (show_named(kind, c->arguments[i], opens))
		return;
	if (c->arguments[i] && memory == STRINGS && before) {
		show_strings(before, i);
		return;
	}
	if (c->arguments[i] && memory == COUNT && before) {
		show_count(before, i);
		return;
	}
	if (c->arguments[i] && (memory == VECTORS_IN ? before : after) && (memory == VECTORS_IN || memory == VECTORS_OUT)) {
		show_vectors(memory == VECTORS_IN ? before : after, i);
		return;
	}
	if (after && (memory == OUT || memory == DATA_OUT || memory == ARRAY))
		p = piece(after, i, 0);
	if (!p && before)
		p = piece(before, i, 0);
	if (after && after->head.value == 0 && !strcmp(c->name, "wait4"))
		p = NULL; /* nobody has ended: nothing was stored */
	if (!p || !show_memory(kind, p, after != NULL))
		show_number(c, i);
}

void show_result(const struct abi_trace_call *c)
{
	int64_t value = c->head.value;
	bool address = !strcmp(c->name, "brk") || !strcmp(c->name, "mmap") || !strcmp(c->name, "mremap");
	const char *name;

	if (address && !(value < 0 && value > -4096)) {
		fprintf(out, "= %#x", (unsigned)value);
		return;
	}
	if (value >= 0 || value <= -4096) {
		fprintf(out, !strcmp(c->name, "umask") ? "= %#llo" : "= %lld", (long long)value);
		return;
	}
	name = errno_name((int)-value);
	if (value == -512)
		fputs("= ? ERESTARTSYS (To be restarted if SA_RESTART is set)", out);
	else if (value == -514)
		fputs("= ? ERESTARTNOHAND (To be restarted if no handler)", out);
	else if (name)
		fprintf(out, "= -1 %s (%s)", name, strerror((int)-value));
	else
		fprintf(out, "= -1 (errno %lld)", (long long)-value);
}
