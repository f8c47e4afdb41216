/*
 * The binary interface between programs and the kernel: numbers and layouts.
 *
 * Values are those of Linux's generic architecture, 32-bit with 64-bit times
 * and offsets. libc's overlay (userland/libc/arch/wasm32) has the same values
 * under the names C programs use; tests-c/posix/abi checks that both agree.
 * All structures are packed by natural alignment, as clang lays them out for
 * wasm32; every one has the same layout on a 64-bit host, so the kernel's
 * native unit tests use them too.
 */
#ifndef ABI_H
#define ABI_H

#include <stdint.h>

#define ABI_VERSION 1 /* custom section "tabos.abi", one little-endian u32 */

/* ---- errno ---- */
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define ENOEXEC 8
#define EBADF 9
#define ECHILD 10
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define ENOTBLK 15
#define EBUSY 16
#define EEXIST 17
#define EXDEV 18
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define EINVAL 22
#define ENFILE 23
#define EMFILE 24
#define ENOTTY 25
#define ETXTBSY 26
#define EFBIG 27
#define ENOSPC 28
#define ESPIPE 29
#define EROFS 30
#define EMLINK 31
#define EPIPE 32
#define EDOM 33
#define ERANGE 34
#define EDEADLK 35
#define ENAMETOOLONG 36
#define ENOLCK 37
#define ENOSYS 38
#define ENOTEMPTY 39
#define ELOOP 40
#define ENOMSG 42
#define EIDRM 43
#define EUCLEAN 117
#define ENODATA 61
#define ETIME 62
#define EPROTO 71
#define EBADMSG 74
#define EOVERFLOW 75
#define EILSEQ 84
#define ENOTSOCK 88
#define EMSGSIZE 90
#define EOPNOTSUPP 95
#define ENOTSUP 95
#define ETIMEDOUT 110
#define EALREADY 114
#define EINPROGRESS 115
#define ESTALE 116
#define EDQUOT 122
#define ECANCELED 125
#define EOWNERDEAD 130
#define ENOTRECOVERABLE 131
/* Kernel to libc only: restart the call unless a handler without SA_RESTART ran. */
#define ERESTART 512
/* Kernel to libc only: EINTR if any handler ran (sleep, poll, select), else restart. */
#define ERESTARTNOHAND 514

/* ---- files ---- */
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_EACCESS 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000

#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DSYNC 010000
#define O_DIRECT 040000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_NOATIME 01000000
#define O_CLOEXEC 02000000
#define O_SYNC 04010000
#define O_PATH 010000000

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define F_GETLK 12 /* musl on 32-bit uses the 64-bit forms */
#define F_SETLK 13
#define F_SETLKW 14
#define F_SETOWN 8
#define F_GETOWN 9
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#define FD_CLOEXEC 1

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
struct abi_flock {
	int16_t type, whence;
	uint32_t pad;
	int64_t start, length;
	int32_t pid, pad2;
};

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define R_OK 4
#define W_OK 2
#define X_OK 1

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISUID 04000
#define S_ISGID 02000
#define S_ISVTX 01000
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define NAME_MAX 255
#define PATH_MAX 4096
#define SYMLOOP_MAX 40
#define LINK_MAX 65000
#define IOV_MAX 1024
#define PIPE_BUF 4096
#define ARG_MAX 131072
#define NGROUPS_MAX 32
#define OPEN_MAX 1024 /* the hard limit of RLIMIT_NOFILE */

struct abi_timespec {
	int64_t sec;
	int32_t nsec, pad;
};
struct abi_timeval {
	int64_t sec, usec;
};

struct abi_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev;
	int64_t size;
	int32_t blksize, pad;
	int64_t blocks; /* of 512 bytes */
	struct abi_timespec atime, mtime, ctime;
	uint64_t spare[2];
};

struct abi_statfs { /* statvfs's f_frsize is frsize */
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t fsid[2];
	uint32_t namelen, frsize, flags, spare[5];
};
#define ST_RDONLY 1
#define ST_NOSUID 2

struct abi_dirent { /* linux_dirent64; the name is NUL-terminated */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[5]; /* to reclen; the next entry is 8-byte aligned */
};

struct abi_iovec {
	uint32_t base, length;
};

struct abi_pollfd {
	int32_t fd;
	int16_t events, revents;
};
#define POLLIN 1
#define POLLPRI 2
#define POLLOUT 4
#define POLLERR 8
#define POLLHUP 16
#define POLLNVAL 32
#define POLLRDNORM 64
#define POLLRDBAND 128
#define POLLWRNORM 256
#define POLLWRBAND 512
#define FD_SETSIZE 1024

#define EPOLLIN 1u /* these are poll's */
#define EPOLLPRI 2u
#define EPOLLOUT 4u
#define EPOLLERR 8u
#define EPOLLHUP 16u
#define EPOLLRDHUP 0x2000u
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
struct abi_epoll_event {
	uint32_t events, pad;
	uint64_t data;
};

#define MS_RDONLY 1
#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MS_REMOUNT 32
#define MS_BIND 4096

/* ---- memory ---- */
#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_NORESERVE 0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_STACK 0x20000
#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4
#define MCL_CURRENT 1
#define MCL_FUTURE 2
#define MCL_ONFAULT 4
#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED 2
#define MADV_DONTNEED 4
#define PAGE_SIZE 4096u

/* ---- signals ---- */
#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGSTKFLT 16
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGPWR 30
#define SIGSYS 31
#define SIGRTMIN 32
#define NSIG 64 /* signals 1..64 */

#define SIG_DFL 0u
#define SIG_IGN 1u
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SA_NOCLDSTOP 1u
#define SA_NOCLDWAIT 2u
#define SA_SIGINFO 4u
#define SA_ONSTACK 0x08000000u
#define SA_RESTART 0x10000000u
#define SA_NODEFER 0x40000000u
#define SA_RESETHAND 0x80000000u

struct abi_sigaction { /* musl's struct k_sigaction */
	uint32_t handler, flags, restorer;
	uint32_t mask[2];
};

#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TIMER (-2)
#define SI_MESGQ (-3)
#define SI_TKILL (-6)
#define SI_KERNEL 128
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_TRAPPED 4
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

struct abi_siginfo { /* 128 bytes, as on 32-bit Linux */
	int32_t signo, error, code;
	union {
		int32_t pad[29];
		struct { int32_t pid; uint32_t uid; uint32_t value; } kill;
		struct { int32_t timer, overrun; uint32_t value; } timer;
		struct { int32_t pid; uint32_t uid; int32_t status; int32_t utime, stime; } child;
		struct { uint32_t address; } fault;
		struct { int32_t band, fd; } poll;
	};
};

#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4
struct abi_sigevent { /* the part of struct sigevent that is for the kernel */
	uint32_t value;
	int32_t signo, notify, tid;
};

/* What signal.take hands to libc. */
struct abi_sigframe {
	uint32_t handler, flags;
	uint64_t old_mask; /* give it to signal.done */
	struct abi_siginfo info;
	uint32_t alt_stack, alt_size; /* run the handler there, if alt_size */
};

struct abi_signalfd_siginfo { /* what a signalfd reads as: 128 bytes */
	uint32_t signo;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, integer;
	uint64_t pointer, utime, stime, address;
	uint16_t address_lsb, pad2;
	int32_t syscall;
	uint64_t call_address;
	uint32_t arch;
	uint8_t pad[28];
};

struct abi_sigstack {
	uint32_t base;
	int32_t flags;
	uint32_t size;
};
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define MINSIGSTKSZ 2048

/* ---- processes ---- */
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

struct abi_itimerval {
	struct abi_timeval interval, value;
};
#define ITIMER_REAL 0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF 2

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

/* thread.spawn */
struct abi_thread {
	uint32_t stack_high;  /* the new instance's __stack_pointer */
	uint32_t tls;         /* its __tls_base, to be given to __wasm_init_tls */
	uint32_t argument;    /* what the exported thread_entry is called with */
	uint32_t parent_tid;  /* where to store the new tid before it runs, or 0 */
	uint32_t clear_tid;   /* zeroed and futex-woken when it ends, or 0 */
	uint32_t pending;     /* its pending word (thread.attach), or 0 */
};

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_WAIT_BITSET 9
#define FUTEX_PRIVATE 128
#define FUTEX_CLOCK_REALTIME 256

/* ---- time ---- */
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

/* ---- scheduling ---- */
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5

/* ---- messages and semaphores ---- */
struct abi_mq_attr {
	int32_t flags, maxmsg, msgsize, curmsgs, unused[4];
};

#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_NOWAIT 04000
#define IPC_PRIVATE 0
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
struct abi_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	int32_t seq;
	int32_t pad[2];
};

#define MSG_NOERROR 010000
#define MSG_EXCEPT 020000
#define MSG_COPY 040000
struct abi_msqid {
	struct abi_ipc_perm perm;
	uint32_t pad;
	int64_t stime, rtime, ctime;
	uint32_t cbytes, qnum, qbytes;
	int32_t lspid, lrpid;
	uint32_t unused[2], pad2;
};

#define SEM_UNDO 0x1000
#define GETPID 11
#define GETVAL 12
#define GETALL 13
#define GETNCNT 14
#define GETZCNT 15
#define SETVAL 16
#define SETALL 17
struct abi_sembuf {
	uint16_t number;
	int16_t operation, flags;
};
#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_DEST 01000
#define SHM_LOCKED 02000
struct abi_shmid {
	struct abi_ipc_perm perm;
	uint32_t size;
	int64_t atime, dtime, ctime;
	int32_t cpid, lpid;
	uint32_t nattch, pad[2];
};
struct abi_semid {
	struct abi_ipc_perm perm;
	uint32_t pad;
	int64_t otime, ctime;
	uint16_t nsems, pad2;
	int32_t unused[2];
	uint32_t pad3;
};

/* ---- terminals ---- */
#define NCCS 32
struct abi_termios { /* musl's struct termios, all 60 bytes by every ioctl */
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[NCCS];
	uint32_t ispeed, ospeed;
};
enum {
	VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP,
	VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2
};
#define IGNBRK 01
#define BRKINT 02
#define IGNPAR 04
#define PARMRK 010
#define INPCK 020
#define ISTRIP 040
#define INLCR 0100
#define IGNCR 0200
#define ICRNL 0400
#define IUCLC 01000
#define IXON 02000
#define IXANY 04000
#define IXOFF 010000
#define IMAXBEL 020000
#define IUTF8 040000
#define OPOST 01
#define OLCUC 02
#define ONLCR 04
#define OCRNL 010
#define ONOCR 020
#define ONLRET 040
#define TABDLY 014000
#define TAB3 014000
#define B38400 017
#define CS8 060
#define CREAD 0200
#define HUPCL 02000
#define CLOCAL 04000
#define ISIG 01
#define ICANON 02
#define ECHO 010
#define ECHOE 020
#define ECHOK 040
#define ECHONL 0100
#define NOFLSH 0200
#define TOSTOP 0400
#define ECHOCTL 01000
#define ECHOPRT 02000
#define ECHOKE 04000
#define IEXTEN 0100000
struct abi_winsize {
	uint16_t rows, columns, xpixel, ypixel;
};
#define TCGETS 0x5401
#define TCSETS 0x5402
#define TCSETSW 0x5403
#define TCSETSF 0x5404
#define TCSBRK 0x5409
#define TCXONC 0x540A
#define TCFLSH 0x540B
#define TIOCEXCL 0x540C
#define TIOCNXCL 0x540D
#define TIOCSCTTY 0x540E
#define TIOCGPGRP 0x540F
#define TIOCSPGRP 0x5410
#define TIOCOUTQ 0x5411
#define TIOCSTI 0x5412
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD 0x541B
#define TIOCPKT 0x5420
#define FIONBIO 0x5421
#define TIOCNOTTY 0x5422
#define TIOCGSID 0x5429
#define TIOCGPTN 0x80045430
#define TIOCSPTLCK 0x40045431
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451

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
