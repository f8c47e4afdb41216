/*
 * The ring of driver requests between the tasks and the supervisor.
 */
#include "request.h"

#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"

/* Under way at once. A token is its slot and how often that was used, so that a
 * driver that answers twice answers no one else's request. */
#define SLOTS 64u

static struct lock request_lock = LOCK_INIT(RANK_REQUEST);
static struct list queue = LIST_INIT(queue); /* under request_lock, as the slots */
static struct {
	struct request *request;
	uint32_t uses;
} slots[SLOTS];
static struct slab_cache request_cache = SLAB_CACHE("request", struct request);

/*
 * What is under way, for the host's watchdog (boot/watchdog.ts knows this shape). It looks from a
 * thread of its own, for what hangs may be the supervisor's; so it takes no lock, and sees each word for itself.
 */
#define NAMES 32u
static struct {
	uint32_t submitted, taken; /* [a] requests ever */
	uint32_t tokens[SLOTS];    /* [a] of what is in the slot; 0 for nothing, or what may take its time */
	uint32_t named[SLOTS];     /* which of the names is its store's */
	char names[NAMES][64];     /* the first: of the store that is being opened */
} watch;
static int watch_stores[NAMES]; /* under request_lock: whose the names are */

static uint32_t name_index(int store)
{
	return 1 + (uint32_t)store % (NAMES - 1);
}

static void name_set(uint32_t i, const struct request *open, int store)
{
	uint32_t n = min(open->length, (uint32_t)sizeof watch.names[i] - 1);

	memcpy(watch.names[i], open->buffer, n);
	watch.names[i][n] = '\0';
	watch_stores[i] = store;
}

/* A request begins, with request_lock held. The host's trees may take their time: a person answers, or a FIFO. */
static void watch_begin(uint32_t slot, const struct request *r, uint32_t token)
{
	uint32_t i = r->kind == REQUEST_OPEN ? 0 : name_index(r->store);

	watch.taken++;
	if (r->kind == REQUEST_OPEN)
		name_set(0, r, 0);
	else if (r->kind == REQUEST_MESSAGE || watch_stores[i] != r->store)
		return;
	watch.named[slot] = i;
	__atomic_store_n(&watch.tokens[slot], token, __ATOMIC_RELEASE);
}

/* It has ended; the same. */
static void watch_end(uint32_t slot, const struct request *r, int32_t result)
{
	__atomic_store_n(&watch.tokens[slot], 0, __ATOMIC_RELAXED);
	if (r->kind == REQUEST_OPEN && result > 0)
		name_set(name_index(result), r, result);
}

uint32_t supervisor_requests(void)
{
	return (uint32_t)(uintptr_t)&watch;
}

struct request *request_new(enum request_kind kind, size_t size)
{
	struct request *r = slab_alloc(&request_cache);

	if (!r)
		return NULL;
	if (size && !(r->buffer = kmalloc(size))) {
		slab_free(&request_cache, r);
		return NULL;
	}
	r->kind = kind;
	r->refs = 1;
	list_init(&r->node);
	wait_queue_init(&r->finished);
	return r;
}

void request_put(struct request *r)
{
	if (__atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (r->release)
		r->release(r);
	kfree(r->buffer);
	slab_free(&request_cache, r);
}

void request_submit(struct request *r)
{
	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	lock(&request_lock);
	list_append(&queue, &r->node);
	watch.submitted++;
	unlock(&request_lock);
	host_ring();
}

int request_do(struct request *r)
{
	request_submit(r);
	return request_wait(r);
}

int request_wait(struct request *r)
{
	struct waiter w;
	int err = 0;

	wait_begin(&r->finished, &w);
	while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) && err == 0)
		err = wait_sleep_killable(FOREVER);
	wait_end(&w);
	return __atomic_load_n(&r->done, __ATOMIC_ACQUIRE) ? r->result : -EINTR;
}

/* ---- the supervisor's side ---- */

/* Take the next request and a slot for it; NULL when there is none of either. */
static struct request *next(uint32_t *token)
{
	struct request *r = NULL;

	lock(&request_lock);
	for (uint32_t i = 0; i < SLOTS && !list_empty(&queue); i++) {
		if (slots[i].request)
			continue;
		r = list_first(&queue, struct request, node);
		list_remove(&r->node);
		slots[i].request = r;
		*token = ++slots[i].uses * SLOTS + i;
		watch_begin(i, r, *token);
		break;
	}
	unlock(&request_lock);
	return r;
}

static int start(uint32_t token, struct request *r)
{
	switch (r->kind) {
	case REQUEST_OPEN:
		return host_fs_open(token, r->buffer, r->length, r->flags);
	case REQUEST_READ:
		return host_fs_read(token, r->store, r->block, r->count, r->buffer);
	case REQUEST_WRITE:
		return host_fs_write(token, r->store, r->block, r->count, r->buffer);
	case REQUEST_FLUSH:
		return host_fs_flush(token, r->store, r->pages, r->count);
	case REQUEST_SEEK:
		return host_fs_seek(token, r->store, &r->blocks);
	case REQUEST_READ_LIST:
		return host_fs_read_list(token, r->store, r->pages, r->count);
	case REQUEST_WRITE_LIST:
		return host_fs_write_list(token, r->store, r->pages, r->count);
	case REQUEST_ESTIMATE:
		return host_fs_estimate(token, r->store, &r->blocks);
	case REQUEST_CLOSE:
		return host_fs_close(token, r->store);
	case REQUEST_MESSAGE:
		return host_fs_message(token, (uint32_t)r->store, r->buffer, r->length,
				       r->capacity);
	}
	return -ENOSYS;
}

void request_run(void)
{
	struct request *r;
	uint32_t token;

	while ((r = next(&token))) {
		int err = start(token, r); /* it may be done, and gone, already */

		if (err < 0)
			completion_done(token, err);
	}
}

void request_end(struct request *r, int32_t result)
{
	r->result = result;
	__atomic_store_n(&r->done, true, __ATOMIC_SEQ_CST);
	if (r->complete)
		r->complete(r);
	wake_all(&r->finished);
	request_put(r);
}

int32_t completion_done(uint32_t token, int32_t result)
{
	uint32_t i = token % SLOTS;
	struct request *r;
	bool more;

	lock(&request_lock);
	r = slots[i].uses == token / SLOTS ? slots[i].request : NULL;
	if (r) {
		slots[i].request = NULL;
		watch_end(i, r, result);
	}
	more = !list_empty(&queue);
	unlock(&request_lock);
	if (!r)
		return -EINVAL;
	request_end(r, result);
	if (more)
		host_ring(); /* they may have waited for a slot */
	return 0;
}
