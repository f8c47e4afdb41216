/* The binary interface: processes, their limits, how they begin and end. */
#ifndef ABI_PROCESS_H
#define ABI_PROCESS_H

#include <stdint.h>

#include "time.h"

#define WNOHANG 1
#define WUNTRACED 2
#define WSTOPPED 2
#define WEXITED 4
#define WCONTINUED 8
#define WNOWAIT 0x1000000
#define P_ALL 0
#define P_PID 1
#define P_PGID 2
#define W_EXITCODE(status, signal) ((status) << 8 | (signal))
#define W_STOPCODE(signal) ((signal) << 8 | 0x7f)
#define W_CONTINUED 0xffff
#define WCOREFLAG 0x80

#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_RSS 5
#define RLIMIT_NPROC 6
#define RLIMIT_NOFILE 7
#define RLIMIT_MEMLOCK 8
#define RLIMIT_AS 9
#define RLIMIT_NLIMITS 16
#define RLIM_INFINITY UINT64_MAX
struct abi_rlimit {
	uint64_t cur, max;
};

struct abi_rusage {
	struct abi_timeval utime, stime;
	int32_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock,
		oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
	int32_t reserved[16];
};
#define RUSAGE_SELF 0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD 1
#define CLK_TCK 100

struct abi_utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65],
		domainname[65];
};

struct abi_sysinfo { /* musl's struct sysinfo */
	uint32_t uptime, loads[3];
	uint32_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t totalhigh, freehigh, mem_unit;
	char reserved[256];
};

/* process.spawn: posix_spawn's attributes and file actions. */
#define SPAWN_RESETIDS 1
#define SPAWN_SETPGROUP 2
#define SPAWN_SETSIGDEF 4
#define SPAWN_SETSIGMASK 8
#define SPAWN_SETSCHEDPARAM 16
#define SPAWN_SETSCHEDULER 32
#define SPAWN_USEVFORK 64
#define SPAWN_SETSID 128
struct abi_spawn {
	uint32_t flags;
	int32_t pgroup;
	uint64_t sigmask, sigdefault;
	int32_t nactions;
	uint32_t actions; /* address of that many abi_spawn_action, in order */
	int32_t policy, priority;
};
enum { SPAWN_CLOSE = 1, SPAWN_DUP2, SPAWN_OPEN, SPAWN_CHDIR, SPAWN_FCHDIR };
struct abi_spawn_action {
	int32_t kind;
	int32_t fd, from; /* DUP2: from onto fd */
	int32_t flags;
	uint32_t mode, path; /* OPEN, CHDIR: address of the path */
};

/* Auxiliary vector of process.startup. */
#define AT_NULL 0
#define AT_PAGESZ 6
#define AT_UID 11
#define AT_EUID 12
#define AT_GID 13
#define AT_EGID 14
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31

#endif
