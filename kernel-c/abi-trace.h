/*
 * What /proc/PID/trace reads as: the calls, signals and ends of traced
 * processes, as a row of records. kernel-c/task/trace.c writes them,
 * userland/bin/strace.c reads them.
 *
 * A record tells all that its reader needs: the name of the call and of which
 * kind each argument is, so a reader has no table of calls. Records and the
 * pieces in them begin at multiples of 8 bytes.
 *
 * Whoever opens the file traces PID from then on, until it closes it. Who opens
 * its own traces what it starts from then on instead. What is written to the
 * file sets it up, one command a line:
 *
 *     follow       trace the children of traced processes, too
 *     wait         a process waits when there is no room for its record, instead
 *                  of losing it
 *     string N     take at most N bytes (32) of what is read, written or passed
 *
 * A read waits for a record and takes whole ones only (EINVAL when not even one
 * fits); it returns 0 when every traced process has ended.
 */
#ifndef ABI_TRACE_H
#define ABI_TRACE_H

#include <stdint.h>

enum abi_trace_event {
	TRACE_ENTER = 1, /* a struct abi_trace_call: a call begins */
	TRACE_LEAVE,     /* the same: it returns `value` */
	TRACE_SIGNAL,    /* signal `value` is taken or kills; a struct abi_siginfo follows */
	TRACE_STOP,      /* the process stops by signal `value` */
	TRACE_BEGIN,     /* a child of process `value` is now traced, too */
	TRACE_THREAD,    /* thread tid has ended */
	TRACE_END,       /* process pid has ended, with the wait status `value` */
	TRACE_LOST,      /* `value` records were lost here */
};

struct abi_trace {
	uint32_t size; /* of the record and all that belongs to it */
	uint32_t event;
	int32_t pid, tid;
	int64_t time; /* CLOCK_REALTIME, in nanoseconds */
	int64_t value;
};

#define TRACE_ARGUMENTS 6
struct abi_trace_call {
	struct abi_trace head;
	char name[24];
	uint8_t count, kinds[TRACE_ARGUMENTS], pad; /* enum abi_argument */
	int64_t arguments[TRACE_ARGUMENTS];
	/* then pieces of memory, to head.size */
};

/* Memory that an argument leads to, as it was at this moment. */
struct abi_trace_piece {
	uint8_t argument;
	uint8_t more;   /* there was more than was taken */
	uint16_t index; /* of strings in an array, or of vectors */
	uint32_t length;
	/* then the bytes, up to a multiple of 8 */
};

/*
 * Kinds of arguments: how they are shown, and what memory they lead to.
 *
 *   X(NAME, memory, size)
 *
 * NO none. IN and OUT: `size` bytes, before or after the call. STRING: a string,
 * before. DATA_IN: as many times `size` as the next argument says; DATA_OUT: as
 * the call returns. VECTORS_IN, VECTORS_OUT: iovecs, as many as the next
 * argument says. STRINGS: an array of strings; COUNT: only how many are in it, as
 * the length of a piece without bytes. ARRAY: the next argument times `size`,
 * before and after. LIST: the previous argument times `size`, before. SETS: as
 * many bits as argument 0 says, before and after. New kinds come last: their
 * numbers are in programs.
 */
#define TRACE_KINDS(X) \
	X(INT, NO, 0) X(UNSIGNED, NO, 0) X(HEX, NO, 0) X(BITS, NO, 0) X(FD, NO, 0) X(DIRFD, NO, 0) X(ID, NO, 0) \
	X(MODE, NO, 0) X(DEVICE, NO, 0) X(SIGNAL, NO, 0) X(OPEN_FLAGS, NO, 0) X(AT_FLAGS, NO, 0) \
	X(ACCESS, NO, 0) X(WHENCE, NO, 0) X(FCNTL, NO, 0) X(IOCTL, NO, 0) X(PROTECTION, NO, 0) \
	X(MAP_FLAGS, NO, 0) X(ADVICE, NO, 0) X(WAIT_OPTIONS, NO, 0) X(ID_TYPE, NO, 0) X(CLOCK, NO, 0) \
	X(TIMER_FLAGS, NO, 0) X(FUTEX, NO, 0) X(HOW, NO, 0) X(RESOURCE, NO, 0) X(WHO, NO, 0) \
	X(PRIORITY_WHICH, NO, 0) X(ITIMER, NO, 0) X(POLICY, NO, 0) X(EPOLL, NO, 0) X(LOCK, NO, 0) \
	X(RENAME_FLAGS, NO, 0) X(PATH, STRING, 4096) X(TEXT, STRING, 0) X(BYTES_IN, DATA_IN, 1) \
	X(BYTES_OUT, DATA_OUT, 1) X(TEXT_OUT, DATA_OUT, 1) X(ENTRIES_OUT, NO, 0) X(IOV_IN, VECTORS_IN, 0) \
	X(IOV_OUT, VECTORS_OUT, 0) X(ARGV, STRINGS, 0) X(ENVP, COUNT, 0) X(STAT_OUT, OUT, 136) \
	X(STATFS_OUT, OUT, 80) X(TIMESPEC_IN, IN, 16) X(TIMESPEC_OUT, OUT, 16) X(TIMES_IN, IN, 32) \
	X(SIGSET_IN, IN, 8) X(SIGSET_OUT, OUT, 8) X(ACTION_IN, IN, 20) X(ACTION_OUT, OUT, 20) \
	X(FDS_OUT, OUT, 8) X(INT_IN, IN, 4) X(INT_OUT, OUT, 4) X(OFFSET_IN, IN, 8) X(STATUS_OUT, OUT, 4) \
	X(RUSAGE_OUT, OUT, 32) X(RLIMIT_IN, IN, 16) X(RLIMIT_OUT, OUT, 16) X(POLLFDS, ARRAY, 8) \
	X(FDSET, SETS, 0) X(EPOLL_EVENT_IN, IN, 16) X(EPOLL_EVENTS_OUT, DATA_OUT, 16) \
	X(SIGINFO_IN, IN, 128) X(SIGINFO_OUT, OUT, 128) X(ITIMERVAL_IN, IN, 32) X(ITIMERVAL_OUT, OUT, 32) \
	X(ITIMERSPEC_IN, IN, 32) X(ITIMERSPEC_OUT, OUT, 32) X(UTSNAME_OUT, OUT, 390) X(IDS_IN, LIST, 4) \
	X(IDS_OUT, DATA_OUT, 4)

enum abi_argument {
	ARG_NONE,
#define X(name, memory, size) ARG_##name,
	TRACE_KINDS(X)
#undef X
};

#endif
