/*
 * Requests to drivers: a task fills one, submits it, and may wait.
 *
 * Only the supervisor calls drivers. A request is queued and the supervisor
 * rung; it submits (request_run), and the driver's completion wakes the waiter.
 *
 * A request has a reference for who made it and one while it is under way, and
 * it owns its buffer: a waiter that is killed just drops its reference, and the
 * driver still has memory to write to.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "../task/wait.h"

enum request_kind {
	REQUEST_OPEN, REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_SEEK,
	REQUEST_CLOSE, REQUEST_MESSAGE, REQUEST_READ_LIST, REQUEST_WRITE_LIST, REQUEST_ESTIMATE
};

/* READ_LIST, WRITE_LIST, FLUSH: a block and the page it goes to or comes from. */
struct request_page {
	uint32_t block;
	void *page;
};

struct request {
	/* What is asked: set by who makes it, before request_submit. */
	enum request_kind kind;
	int store;              /* all but OPEN; the tree of MESSAGE */
	uint32_t block, count;  /* READ, WRITE */
	uint32_t flags;         /* OPEN */
	void *buffer;           /* kmalloc'd, freed with the request; OPEN: the name */
	uint32_t length;        /* bytes of it in use: OPEN, MESSAGE */
	uint32_t capacity;      /* MESSAGE */
	struct request_page *pages; /* READ_LIST, WRITE_LIST, FLUSH: `count` of them, valid until done */
	int64_t blocks;         /* SEEK, ESTIMATE: the answer, what it holds */
	int64_t available;      /* ESTIMATE: what more fits; right after blocks, as the driver writes both */
	/* Called on the supervisor when it has ended, or NULL. Must not sleep. */
	void (*complete)(struct request *r);
	void (*release)(struct request *r); /* called when the last reference goes, or NULL */
	void *private;

	int32_t result;         /* once done: a count, a handle, or -errno */
	bool done;              /* [a] */
	int refs;               /* [a] */
	struct list node;       /* under request_lock */
	struct wait_queue finished;
};

/* A request with one reference, and a buffer of `size` bytes if that isn't 0. NULL: no memory. */
struct request *request_new(enum request_kind kind, size_t size);
void request_put(struct request *r);
void request_submit(struct request *r);
/* Submit and wait: the result; -EINTR when the task is killed meanwhile. Sleeps. */
int request_do(struct request *r);
/* Wait for one that was submitted. */
int request_wait(struct request *r);
/* It has ended, if others than a driver carry it out; a reference goes, as after request_submit. */
void request_end(struct request *r, int32_t result);

/* The driver's answer; -EINVAL when there is no such request. Supervisor. */
int32_t completion_done(uint32_t token, int32_t result);
/* Where the host's watchdog looks. */
uint32_t supervisor_requests(void);

#endif
