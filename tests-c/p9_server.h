/*
 * A 9P2000.L server over a few files in memory, for the tests of fs/p9*.c. It
 * encodes on its own, and spoils its answers when asked to.
 */
#ifndef P9_SERVER_H
#define P9_SERVER_H

#include "../kernel-c/types.h"

enum p9_fault {
	P9_SOUND,
	P9_REFUSE,    /* Rlerror with `value` */
	P9_DRIVER,    /* the driver answers -value instead */
	P9_TRUNCATE,  /* the answer ends after `value` bytes, and says so */
	P9_CUT,       /* it ends there, but its size field says otherwise */
	P9_TAG,       /* another tag */
	P9_TYPE,      /* another type */
	P9_TOO_LONG,  /* a result beyond the buffer */
	P9_GARBLE,    /* every byte behind the header is 0xff */
	P9_PATCH,     /* the byte at `value` is 0xff */
	P9_HOLD,      /* no answer, until p9_server_release */
};

/* A server with an empty tree, as tree 0; other trees do not exist. */
void p9_server_reset(void);
/* Spoil the answers to messages of this type (of all, with 0) from now on. */
void p9_server_fault(uint8_t type, enum p9_fault fault, int value);
/* Answer what was held. Any thread. */
void p9_server_release(void);
int p9_server_held(void);
/* How many fids it knows, and how many messages of a type have come (0: all). */
int p9_server_fids(void);
int p9_server_count(uint8_t type);
/* Behind the kernel's back, in the root directory: a file with that text, or one less. */
void p9_server_put(const char *name, const char *text);
void p9_server_remove(const char *name);

#endif
