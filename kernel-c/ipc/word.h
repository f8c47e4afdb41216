/*
 * Atomic words in shared memory: what process-shared mutexes, semaphores and so on
 * are made of. The word that counts is the file's; programs' copies of it are stale.
 */
#ifndef WORD_H
#define WORD_H

#include "../types.h"

struct sharing;
struct task;

/*
 * The operations of the system call shared-word. None waits: what can't be done now
 * returns what the word is (> 0), to be waited for with FUTEX_WAIT. Those
 * marked R are releases, A acquires if they succeed (task/mm.h).
 */
enum word_operation {
	WORD_LOAD,       /* A  the word's low 31 bits */
	WORD_STORE,      /* R  an object is set up */
	WORD_LOCK,       /* A  mutex: 0, the owner's tid, -EDEADLK, or (robust) -EOWNERDEAD, -ENOTRECOVERABLE */
	WORD_UNLOCK,     /* R  mutex: 0 or -EPERM; wakes one */
	WORD_CONSISTENT, /*    mutex, robust: 0, -EINVAL or -EPERM */
	WORD_TAKE,       /* A  semaphore: 0 or -EAGAIN */
	WORD_POST,       /* R  semaphore: 0 or -EOVERFLOW; wakes one */
	WORD_READ_LOCK,  /* A  rwlock: 0, the word, or -EAGAIN (too many readers) */
	WORD_WRITE_LOCK, /* A  rwlock: 0 or the word */
	WORD_UNLOCK_RW,  /* R  rwlock: 0; wakes all when it is free */
	WORD_BUMP,       /* R  condition: the word moves; wakes `value` */
	WORD_ARRIVE,     /* R  barrier of `value`: WORD_SERIAL (wakes all), or the round to wait for in the next word */
	WORD_OPERATIONS
};
#define WORD_ROBUST 0x100     /* with LOCK and UNLOCK */
#define WORD_OWNER_DIED 0x40000000u
#define WORD_TID 0x3fffffffu
#define WORD_SPIN 0x80000000u /* stays set: the word of a process-shared spin lock */
#define WORD_NOT_RECOVERABLE 0x3fffffffu
#define WORD_WRITER 0x7fffffffu
#define WORD_SERIAL 0x40000000

/* The task has ended: the mutexes that it holds lose their owner. Never sleeps. */
void word_task_gone(struct task *t);
/* With the sharing. */
void word_forget_dead(struct sharing *s);

#endif
