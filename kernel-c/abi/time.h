/* The binary interface: clocks and timers. */
#ifndef ABI_TIME_H
#define ABI_TIME_H

#include <stdint.h>

struct abi_timespec {
	int64_t sec;
	int32_t nsec, pad;
};
struct abi_timeval {
	int64_t sec, usec;
};

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID 3
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define TIMER_ABSTIME 1
struct abi_itimerspec {
	struct abi_timespec interval, value;
};

struct abi_itimerval {
	struct abi_timeval interval, value;
};
#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2

#endif
