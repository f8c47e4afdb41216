/*
 * 9P2000.L messages: little-endian numbers and counted texts behind a header of
 * size[4] type[1] tag[2]. What others sent is read with every length checked;
 * whoever reads looks at `bad` once, at the end.
 */
#ifndef P9_WIRE_H
#define P9_WIRE_H

#include "../types.h"

enum p9_type { /* of requests; an answer's is one more, or P9_RLERROR */
	P9_RLERROR = 7,
	P9_STATFS = 8,
	P9_LOPEN = 12,
	P9_LCREATE = 14,
	P9_SYMLINK = 16,
	P9_MKNOD = 18,
	P9_READLINK = 22,
	P9_GETATTR = 24,
	P9_SETATTR = 26,
	P9_READDIR = 40,
	P9_FSYNC = 50,
	P9_LINK = 70,
	P9_MKDIR = 72,
	P9_RENAMEAT = 74,
	P9_UNLINKAT = 76,
	P9_VERSION = 100,
	P9_ATTACH = 104,
	P9_WALK = 110,
	P9_READ = 116,
	P9_WRITE = 118,
	P9_CLUNK = 120,
};

#define P9_HEADER 7u
#define P9_READ_HEADER (P9_HEADER + 4u)   /* before the data of an answer */
#define P9_WRITE_HEADER (P9_HEADER + 16u) /* before the data of a request */
#define P9_QID 13u
#define P9_NOTAG 0xffffu
#define P9_NOFID 0xffffffffu

#define P9_GETATTR_BASIC 0x7ffu
#define P9_SETATTR_MODE 1u
#define P9_SETATTR_UID 2u
#define P9_SETATTR_GID 4u
#define P9_SETATTR_SIZE 8u
#define P9_SETATTR_ATIME 0x10u
#define P9_SETATTR_MTIME 0x20u
#define P9_SETATTR_ATIME_SET 0x80u
#define P9_SETATTR_MTIME_SET 0x100u

struct p9_message {
	uint8_t *data;
	uint32_t at, end; /* where the next field is, and behind the last byte */
	bool bad;         /* a field did not fit */
};

/* What getattr answers. */
struct p9_attr {
	uint64_t ino, rdev;
	uint32_t mode, nlink, uid, gid, blksize;
	int64_t size, blocks;
	struct abi_timespec atime, mtime, ctime;
};

struct p9_entry { /* of a directory */
	uint64_t ino;
	int64_t next; /* offset of the entry after it */
	uint8_t type; /* DT_* */
	const char *name; /* in the message, not terminated */
	uint32_t length;
};

void p9_put(struct p9_message *m, uint64_t value, uint32_t bytes);
void p9_put_text(struct p9_message *m, const char *text, size_t length);
/* Begin a message in `capacity` bytes at data; p9_finish gives its length, or 0 when it did not fit. */
void p9_begin(struct p9_message *m, void *data, uint32_t capacity);
uint32_t p9_finish(struct p9_message *m, uint8_t type, uint16_t tag);

uint64_t p9_get(struct p9_message *m, uint32_t bytes);
/* A text of *length bytes in the message; NULL when it's bad. */
const char *p9_get_text(struct p9_message *m, uint32_t *length);
/*
 * Open the answer of `length` bytes at data to a request of that type and tag:
 * 0 with m at its first field, the error it tells, or -EIO when it's none.
 */
int p9_open_answer(struct p9_message *m, void *data, int64_t length, uint8_t type, uint16_t tag);
/* 0 or -EIO. */
int p9_get_attr(struct p9_message *m, struct p9_attr *a);
int p9_get_entry(struct p9_message *m, struct p9_entry *e);

#endif
