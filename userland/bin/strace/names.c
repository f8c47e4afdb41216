/*
 * strace: names of flags and numbers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "show.h"

struct name {
	int64_t value;
	const char *name;
};
#define N(x) { x, #x }
#define END { 0, NULL }

static const struct name signals[] = {
	N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE),
	N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM), N(SIGTERM),
	N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP), N(SIGTSTP), N(SIGTTIN), N(SIGTTOU), N(SIGURG),
	N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH), N(SIGIO), N(SIGPWR), N(SIGSYS), END,
};

static const struct name errors[] = {
	N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF),
	N(ECHILD), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY), N(EEXIST), N(EXDEV),
	N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY),
	N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK), N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK),
	N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS), N(ENOTEMPTY), N(ELOOP), N(ENOMSG), N(EIDRM), N(EPROTO),
	N(EBADMSG), N(EOVERFLOW), N(EILSEQ), N(ENOTSOCK), N(EDESTADDRREQ), N(EMSGSIZE), N(EPROTOTYPE),
	N(ENOPROTOOPT), N(EPROTONOSUPPORT), N(EOPNOTSUPP), N(EAFNOSUPPORT), N(EADDRINUSE),
	N(EADDRNOTAVAIL), N(ENETDOWN), N(ENETUNREACH), N(ECONNABORTED), N(ECONNRESET), N(ENOBUFS),
	N(EISCONN), N(ENOTCONN), N(ETIMEDOUT), N(ECONNREFUSED), N(EHOSTUNREACH), N(EALREADY),
	N(EINPROGRESS), N(ESTALE), N(EDQUOT), N(ECANCELED), N(EOWNERDEAD), N(ENOTRECOVERABLE),
	/* the kernel's own, which libc turns into EINTR or another try */
	{ 512, "ERESTARTSYS" }, { 514, "ERESTARTNOHAND" }, END,
};

static const struct name open_flags[] = {
	N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_SYNC), N(O_DSYNC),
	N(O_DIRECT), N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), N(O_LARGEFILE), END,
};
static const struct name at_flags[] = {
	N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_EMPTY_PATH), END,
};
static const struct name access_modes[] = { N(R_OK), N(W_OK), N(X_OK), END };
static const struct name whences[] = { N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), END };
static const struct name fcntls[] = {
	N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW),
	N(F_SETOWN), N(F_GETOWN), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ),
	N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), END,
};
static const struct name ioctls[] = {
	N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TCSBRK), N(TCXONC), N(TCFLSH), N(TIOCSCTTY),
	N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCOUTQ), N(TIOCGWINSZ), N(TIOCSWINSZ), N(FIONREAD), N(FIONBIO),
	N(TIOCNOTTY), N(TIOCGSID), N(TIOCGPTN), N(TIOCSPTLCK), END,
};
static const struct name protections[] = { N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), END };
static const struct name map_flags[] = {
	N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_NORESERVE), END,
};
static const struct name advices[] = {
	N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED), N(MADV_FREE), END,
};
static const struct name wait_options[] = {
	N(WNOHANG), N(WUNTRACED), N(WEXITED), N(WCONTINUED), N(WNOWAIT), END,
};
static const struct name id_types[] = { N(P_ALL), N(P_PID), N(P_PGID), END };
static const struct name clocks[] = {
	N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID),
	N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), END,
};
static const struct name timer_flags[] = { N(TIMER_ABSTIME), END };
static const struct name futexes[] = {
	{ 0, "FUTEX_WAIT" }, { 1, "FUTEX_WAKE" }, { 3, "FUTEX_REQUEUE" }, { 4, "FUTEX_CMP_REQUEUE" },
	{ 6, "FUTEX_LOCK_PI" }, { 7, "FUTEX_UNLOCK_PI" }, { 8, "FUTEX_TRYLOCK_PI" }, { 9, "FUTEX_WAIT_BITSET" }, END,
};
static const struct name hows[] = { N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END };
static const struct name resources[] = {
	N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS),
	N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), END,
};
static const struct name whos[] = { N(RUSAGE_SELF), N(RUSAGE_CHILDREN), N(RUSAGE_THREAD), END };
static const struct name priorities[] = { N(PRIO_PROCESS), N(PRIO_PGRP), N(PRIO_USER), END };
static const struct name itimers[] = { N(ITIMER_REAL), N(ITIMER_VIRTUAL), N(ITIMER_PROF), END };
static const struct name policies[] = { N(SCHED_OTHER), N(SCHED_FIFO), N(SCHED_RR), END };
static const struct name epolls[] = { N(EPOLL_CTL_ADD), N(EPOLL_CTL_MOD), N(EPOLL_CTL_DEL), END };
static const struct name locks[] = { N(LOCK_SH), N(LOCK_EX), N(LOCK_NB), N(LOCK_UN), END };
static const struct name renames[] = { { 1, "RENAME_NOREPLACE" }, { 2, "RENAME_EXCHANGE" }, END };

static const char *find(const struct name *names, int64_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

static void show_one(const struct name *names, int64_t value)
{
	const char *name = find(names, value);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "%#llx", (unsigned long long)(uint32_t)value);
}

static void show_flags(const struct name *names, uint32_t value, const char *zero)
{
	const char *bar = "";
	uint32_t left = value;

	for (; names->name; names++)
		if (names->value && (left & names->value) == names->value) {
			fprintf(out, "%s%s", bar, names->name);
			left &= ~(uint32_t)names->value;
			bar = "|";
		}
	if (left)
		fprintf(out, "%s%#x", bar, left);
	else if (!value)
		fputs(zero, out);
}

static void show_open_flags(uint32_t flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

	fputs(modes[flags & 3], out);
	if (flags & ~3u) {
		fputc('|', out);
		show_flags(open_flags, flags & ~3u, "0");
	}
}

static void show_futex(uint32_t operation)
{
	show_one(futexes, operation & 127);
	if (operation & 128)
		fputs("_PRIVATE", out);
	if (operation & 256)
		fputs("|FUTEX_CLOCK_REALTIME", out);
}

const char *signal_name(int number)
{
	static char text[16];
	const char *name = find(signals, number);

	if (name)
		return name;
	if (number >= 32 && number <= 64)
		snprintf(text, sizeof text, "SIGRT_%d", number - 32);
	else
		snprintf(text, sizeof text, "%d", number);
	return text;
}

int signal_number(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	if (*name && !*end)
		return (int)number;
	for (const struct name *n = signals; n->name; n++)
		if (!strcasecmp(n->name, name) || !strcasecmp(n->name + 3, name))
			return (int)n->value;
	return -1;
}

const char *errno_name(int number)
{
	return find(errors, number);
}

bool show_named(int kind, int64_t value, bool opens)
{
	switch (kind) {
	case ARG_OPEN_FLAGS:
		if (opens)
			show_open_flags((uint32_t)value);
		else
			show_flags(open_flags, (uint32_t)value, "0");
		return true;
	case ARG_AT_FLAGS: show_flags(at_flags, (uint32_t)value, "0"); return true;
	case ARG_ACCESS: show_flags(access_modes, (uint32_t)value, "F_OK"); return true;
	case ARG_PROTECTION: show_flags(protections, (uint32_t)value, "PROT_NONE"); return true;
	case ARG_MAP_FLAGS: show_flags(map_flags, (uint32_t)value, "0"); return true;
	case ARG_WAIT_OPTIONS: show_flags(wait_options, (uint32_t)value, "0"); return true;
	case ARG_TIMER_FLAGS: show_flags(timer_flags, (uint32_t)value, "0"); return true;
	case ARG_LOCK: show_flags(locks, (uint32_t)value, "0"); return true;
	case ARG_RENAME_FLAGS: show_flags(renames, (uint32_t)value, "0"); return true;
	case ARG_WHENCE: show_one(whences, value); return true;
	case ARG_FCNTL: show_one(fcntls, value); return true;
	case ARG_IOCTL: show_one(ioctls, value); return true;
	case ARG_ADVICE: show_one(advices, value); return true;
	case ARG_ID_TYPE: show_one(id_types, value); return true;
	case ARG_CLOCK: show_one(clocks, value); return true;
	case ARG_FUTEX: show_futex((uint32_t)value); return true;
	case ARG_HOW: show_one(hows, value); return true;
	case ARG_RESOURCE: show_one(resources, value); return true;
	case ARG_WHO: show_one(whos, value); return true;
	case ARG_PRIORITY_WHICH: show_one(priorities, value); return true;
	case ARG_ITIMER: show_one(itimers, value); return true;
	case ARG_POLICY: show_one(policies, value); return true;
	case ARG_EPOLL: show_one(epolls, value); return true;
	case ARG_SIGNAL: fputs(value ? signal_name((int)value) : "0", out); return true;
	default: return false;
	}
}
