/* The binary interface: message queues, semaphores, shared segments. */
#ifndef ABI_IPC_H
#define ABI_IPC_H

#include <stdint.h>

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

#endif
