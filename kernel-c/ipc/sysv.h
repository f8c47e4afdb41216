/*
 * What System V's message queues and semaphore sets have in common: keys,
 * identifiers and permissions.
 *
 * An object is counted: the table holds a reference until it is removed, and
 * everybody who works with it another.
 *
 * Letters: I immutable, o under the lock that guards the kind's objects, T under
 * the table's lock, a atomic.
 */
#ifndef SYSV_H
#define SYSV_H

#include "../kernel.h"

#define SYSV_OBJECTS 256 /* of one kind */

struct sysv {
	int refs;                 /* [a] */
	int id;                   /* [I] slot, and how often the slot was used before */
	bool removed;             /* [o] */
	struct abi_ipc_perm perm; /* [o] */
	int64_t changed;          /* [o] ctime, in seconds */
};

struct sysv_table {
	struct lock lock;         /* RANK_FIFO */
	struct sysv *slot[SYSV_OBJECTS]; /* [T] */
	uint16_t uses[SYSV_OBJECTS];     /* [T] */
	void (*free)(struct sysv *o);    /* [I] */
};

/*
 * The id of the object with that key, made by `make` when flags ask for it. The
 * new one's perm and id are filled in here. `fits` may refuse an existing one.
 */
int sysv_get(struct sysv_table *t, int key, int flags, struct sysv *(*make)(uint32_t n, int *err),
	     int (*fits)(struct sysv *o, uint32_t n), uint32_t n);
/* The object with a reference, or NULL. */
struct sysv *sysv_find(struct sysv_table *t, int id);
void sysv_put(struct sysv_table *t, struct sysv *o);
/* Out of the table, dropping its reference; the caller has marked it removed and has its own. */
void sysv_remove(struct sysv_table *t, struct sysv *o);
/* May the current process do what the bits of `wanted` say (0400 read, 0200 alter)? 0 or -EACCES. */
int sysv_permission(const struct sysv *o, int wanted);
/* 0, or -EPERM unless it owns or made it. */
int sysv_owner(const struct sysv *o);
/* IPC_SET's part that both have. */
void sysv_set(struct sysv *o, const struct abi_ipc_perm *perm);
int64_t sysv_seconds(void); /* the time of day */

/* ---- msg.c ---- */
int msg_get(int key, int flags);
int msg_send(int id, int32_t type, uaddr text, uint32_t length, int flags);
int msg_receive(int id, uaddr message, uint32_t length, int32_t type, int flags);
int msg_stat(int id, struct abi_msqid *out);
int msg_set(int id, const struct abi_msqid *in);
int msg_remove(int id);

/* ---- sem.c ---- */
#define SEM_OPERATIONS 500 /* of one semop */
#define SEM_MAX 32767
int sem_get(int key, uint32_t n, int flags);
int sem_operate(int id, const struct abi_sembuf *ops, uint32_t n, nsec deadline);
/* GETVAL, GETPID, GETNCNT, GETZCNT of one. */
int sem_read(int id, uint32_t number, int command);
int sem_write(int id, uint32_t number, int value);
/* How many semaphores the set has; needs no permission. */
int sem_count(int id);
int sem_read_all(int id, uint16_t *values);
int sem_write_all(int id, const uint16_t *values);
int sem_stat(int id, struct abi_semid *out);
int sem_set(int id, const struct abi_semid *in);
int sem_remove(int id);
/* The process ends: take back what it did with SEM_UNDO. */
void sem_exit(struct process *p);

#endif
