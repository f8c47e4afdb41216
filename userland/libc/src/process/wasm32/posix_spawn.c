/*
 * posix_spawn is a system call; libc only lays out attributes and file actions.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "syscall.h"
#include "tabos_abi.h"
#include "../fdop.h"

static void fill_action(struct abi_spawn_action *a, const struct fdop *op)
{
	static const char kinds[] = {
		[FDOP_CLOSE] = SPAWN_CLOSE, [FDOP_DUP2] = SPAWN_DUP2,
		[FDOP_OPEN] = SPAWN_OPEN, [FDOP_CHDIR] = SPAWN_CHDIR,
		[FDOP_FCHDIR] = SPAWN_FCHDIR
	};

	a->kind = kinds[op->cmd];
	a->fd = op->fd;
	a->from = op->cmd == FDOP_DUP2 ? op->srcfd : 0;
	a->flags = op->cmd == FDOP_OPEN ? op->oflag : 0;
	a->mode = op->cmd == FDOP_OPEN ? op->mode : 0;
	a->path = op->cmd == FDOP_OPEN || op->cmd == FDOP_CHDIR ?
		(uintptr_t)op->path : 0;
}

int posix_spawn(pid_t *restrict res, const char *restrict path,
	const posix_spawn_file_actions_t *fa,
	const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	struct fdop *op, *first = 0;
	int n = 0;
	long pid;

	/* musl keeps them last first. */
	for (op = fa ? fa->__actions : 0; op; op = op->next, n++)
		first = op;

	struct abi_spawn_action few[16], *actions = few, *a;
	if (n > 16 && !(actions = malloc(n * sizeof *actions)))
		return ENOMEM;
	for (a = actions, op = first; op; op = op->prev)
		fill_action(a++, op);

	struct abi_spawn spawn = { .nactions = n, .actions = (uintptr_t)actions };
	if (attr) {
		spawn.flags = attr->__flags;
		spawn.pgroup = attr->__pgrp;
		memcpy(&spawn.sigmask, &attr->__mask, sizeof spawn.sigmask);
		memcpy(&spawn.sigdefault, &attr->__def, sizeof spawn.sigdefault);
		spawn.policy = attr->__pol;
		spawn.priority = attr->__prio;
	}
	do
		pid = __tabos_spawn((uintptr_t)path, (uintptr_t)argv,
			(uintptr_t)envp, (uintptr_t)&spawn);
	while (__tabos_pending && (pid = __tabos_deliver(pid)) == TABOS_AGAIN);
	if (actions != few)
		free(actions);
	if (pid < 0)
		return -pid;
	if (res)
		*res = pid;
	return 0;
}
