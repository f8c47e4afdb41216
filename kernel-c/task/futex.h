/*
 * What the two kinds of futex have in common.
 */
#ifndef FUTEX_H
#define FUTEX_H

#include "task.h"

/* The word of a mutex that has an owner. */
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

/* ---- futex_pi.c ---- */
/* 0, -EDEADLK, -EAGAIN (try), -ESRCH (the owner has ended), -EFAULT, or why the wait ended. Sleeps. */
int futex_pi_lock(uaddr address, nsec deadline, bool try);
/* 0, -EPERM: it isn't the current task's, -EFAULT. */
int futex_pi_unlock(uaddr address);
/* The current task ends: those that wait for it look again. */
void futex_pi_exit(void);
/* t has another priority. */
void futex_pi_changed(struct task *t);

#endif
