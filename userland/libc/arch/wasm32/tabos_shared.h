/*
 * Atomic words in memory shared between processes (kernel-c/ipc/word.h). Programs see
 * copies of them; an operation is a system call, and none waits.
 */
#ifndef TABOS_SHARED_H
#define TABOS_SHARED_H

#include <pthread.h>
#include <time.h>

#include "tabos_syscalls.h"

enum {
	WORD_LOAD, WORD_STORE, WORD_LOCK, WORD_UNLOCK, WORD_CONSISTENT, WORD_TAKE, WORD_POST,
	WORD_READ_LOCK, WORD_WRITE_LOCK, WORD_UNLOCK_RW, WORD_BUMP, WORD_ARRIVE
};
#define WORD_ROBUST 0x100
#define WORD_SPIN 0x80000000u
#define WORD_SERIAL 0x40000000

static inline int __shared_word(volatile void *word, int operation, unsigned value)
{
	return __tabos_shared_word((unsigned)(__UINTPTR_TYPE__)word, operation, value);
}

/* What the word is, be it shared or not. */
static inline int __shared_or_own(int shared, volatile int *word)
{
	return shared ? __shared_word(word, WORD_LOAD, 0) : *word;
}

int __shared_mutex_trylock(pthread_mutex_t *m);
int __shared_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at);
int __shared_mutex_unlock(pthread_mutex_t *m);
int __shared_rwlock_try(pthread_rwlock_t *rw, int operation);
int __shared_rwlock_lock(pthread_rwlock_t *rw, int operation, const struct timespec *at);
int __shared_spin_lock(pthread_spinlock_t *s);

#endif
