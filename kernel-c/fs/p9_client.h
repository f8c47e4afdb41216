/*
 * A 9P session with one of the host's file trees, its fids and its calls.
 *
 * A fid is a number that stands for a file at the server. Whoever uses one
 * holds a reference, and so does every request under way that names it, also
 * one whose task was killed: the server is told to forget a fid (clunk) with
 * the last reference, without waiting for that, and never too early.
 *
 * I immutable   a atomic   l under the owner's lock
 */
#ifndef P9_CLIENT_H
#define P9_CLIENT_H

#include "../dev/request.h"
#include "../task/once.h"
#include "p9_wire.h"

struct p9_client;
/* The session with a tree, with a reference; it is opened at first use. NULL: no memory. */
struct p9_client *p9_client_get(uint32_t tree);
void p9_client_put(struct p9_client *c);
/* Bytes of data in one read or write. */
uint32_t p9_client_chunk(const struct p9_client *c);

struct p9_fid {
	int refs;                 /* [a] */
	uint32_t number;          /* [I] */
	uint32_t access;          /* [I once opened] O_ACCMODE */
	bool bound;               /* [a] the server may know it */
	struct p9_client *client; /* [I] with a reference */
	struct list opened;       /* [l] in the list of the inode's open files */
};
static inline struct p9_fid *p9_fid_get(struct p9_fid *f)
{
	__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}
void p9_fid_put(struct p9_fid *f); /* NULL is fine; never sleeps */

/* One request and its answer. Sleeps killably. */
struct p9_call {
	struct request *request;
	struct p9_message m; /* to put the fields in; then, the answer's */
	uint8_t type;
	uint16_t tag;
};
/*
 * Begin a call about fid (whose number is its first field) with room for an
 * answer of `room` bytes. 0, or -ENOMEM; p9_call_end follows anyway.
 */
int p9_call_begin(struct p9_call *c, enum p9_type type, struct p9_fid *fid, uint32_t room);
/* Put another fid. Once in a call. */
void p9_call_fid(struct p9_call *c, struct p9_fid *fid);
/* Send and wait: 0 with c->m at the answer, or an error. -EAGAIN on the supervisor, which can't wait. */
int p9_call_do(struct p9_call *c);
void p9_call_end(struct p9_call *c);

/* Open the session if need be, and a fid for the root of the tree. */
int p9_attach(struct p9_client *c, struct p9_fid **root);
/* A fid for `name` in the directory `from`, or for from itself when length is 0. */
int p9_walk(struct p9_fid *from, const char *name, size_t length, struct p9_fid **to);
int p9_fid_attr(struct p9_fid *f, struct p9_attr *a);

#endif
