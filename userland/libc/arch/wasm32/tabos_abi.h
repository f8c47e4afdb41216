/* Structures of kernel-c/abi.h that programs never see. */
#ifndef TABOS_ABI_H
#define TABOS_ABI_H

#include <signal.h>
#include <stdint.h>

#define TABOS_ERESTART 512
#define TABOS_ERESTARTNOHAND 514

struct abi_sigframe {
	uint32_t handler, flags;
	uint64_t old_mask;
	siginfo_t info;
	uint32_t alt_stack, alt_size;
};

struct abi_thread {
	uint32_t stack_high, tls, argument, parent_tid, clear_tid, pending;
};

struct abi_spawn {
	uint32_t flags;
	int32_t pgroup;
	uint64_t sigmask, sigdefault;
	int32_t nactions;
	uint32_t actions;
	int32_t policy, priority;
};
enum { SPAWN_CLOSE = 1, SPAWN_DUP2, SPAWN_OPEN, SPAWN_CHDIR, SPAWN_FCHDIR };
struct abi_spawn_action {
	int32_t kind;
	int32_t fd, from;
	int32_t flags;
	uint32_t mode, path;
};

#endif
