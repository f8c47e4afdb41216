/* The binary interface: signals. */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include <stdint.h>

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

#endif
