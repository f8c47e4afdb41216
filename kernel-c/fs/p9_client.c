/*
 * The session with a host's file tree. What fids and calls are: p9_client.h.
 *
 * A tree has one session, however often it is mounted, because a second
 * version message would end the first one.
 */
#include "p9_client.h"

#include "../kernel.h"
#include "../lib/alloc.h"

/* A whole message and what lies behind it fill an allocation of 128 KiB. */
#define MESSAGE_MAX ((128u << 10) - 64)
#define MESSAGE_MIN 8192u /* a server that takes less is none */
#define ROOM_MIN 192u     /* for every answer of fixed size */
#define VERSION "9P2000.L"

struct p9_client {
	struct list all;        /* under clients_lock */
	int refs;               /* under clients_lock */
	uint32_t tree;          /* [I] */
	uint32_t message_max;   /* [I once the session is open] */
	uint32_t last_fid;      /* [a] numbers are not used again: 4 billion are enough */
	uint32_t last_tag;      /* [a] */
	bool opened;            /* [a] */
	struct once session;
};

/* Behind the message in a request's buffer: the fids that it names. */
struct named {
	struct p9_fid *fid[2];
};

static struct lock clients_lock = LOCK_INIT(RANK_REQUEST);
static struct list clients = LIST_INIT(clients);
static struct slab_cache fid_cache = SLAB_CACHE("p9_fid", struct p9_fid);

/* ---- sessions ---- */

static struct p9_client *client_find(uint32_t tree)
{
	struct p9_client *c;

	list_for_each(c, &clients, all)
		if (c->tree == tree) {
			c->refs++;
			return c;
		}
	return NULL;
}

struct p9_client *p9_client_get(uint32_t tree)
{
	struct p9_client *new = kzalloc(sizeof *new), *c;

	if (!new)
		return NULL;
	new->tree = tree;
	new->refs = 1;
	new->message_max = MESSAGE_MAX;
	once_init(&new->session);
	lock(&clients_lock);
	c = client_find(tree);
	if (!c) {
		c = new;
		new = NULL;
		list_append(&clients, &c->all);
	}
	unlock(&clients_lock);
	kfree(new);
	return c;
}

static void client_hold(struct p9_client *c)
{
	lock(&clients_lock);
	c->refs++;
	unlock(&clients_lock);
}

/* A session once open stays: its last clunks may still be under way, and the host's trees are few. */
void p9_client_put(struct p9_client *c)
{
	bool last;

	lock(&clients_lock);
	last = --c->refs == 0 && !__atomic_load_n(&c->opened, __ATOMIC_RELAXED);
	if (last)
		list_remove(&c->all);
	unlock(&clients_lock);
	if (last)
		kfree(c);
}

uint32_t p9_client_chunk(const struct p9_client *c)
{
	return (c->message_max - P9_WRITE_HEADER) & ~(PAGE_SIZE - 1);
}

/* ---- fids ---- */

static struct p9_fid *fid_new(struct p9_client *c)
{
	struct p9_fid *f = slab_alloc(&fid_cache);

	if (!f)
		return NULL;
	f->refs = 1;
	f->number = __atomic_add_fetch(&c->last_fid, 1, __ATOMIC_RELAXED);
	f->client = c;
	list_init(&f->opened);
	client_hold(c);
	return f;
}

static uint16_t tag_new(struct p9_client *c)
{
	return (uint16_t)(__atomic_add_fetch(&c->last_tag, 1, __ATOMIC_RELAXED) % P9_NOTAG);
}

static void clunk(struct p9_fid *f)
{
	struct request *r = request_new(REQUEST_MESSAGE, ROOM_MIN);
	struct p9_message m;

	if (!r) {
		klog(4, "9p: no memory to forget a file of tree %u", f->client->tree);
		return;
	}
	p9_begin(&m, r->buffer, ROOM_MIN);
	p9_put(&m, f->number, 4);
	r->length = p9_finish(&m, P9_CLUNK, tag_new(f->client));
	r->capacity = ROOM_MIN;
	r->store = (int)f->client->tree;
	request_submit(r);
	request_put(r);
}

void p9_fid_put(struct p9_fid *f)
{
	struct p9_client *c;

	if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	c = f->client;
	if (__atomic_load_n(&f->bound, __ATOMIC_RELAXED))
		clunk(f);
	slab_free(&fid_cache, f);
	p9_client_put(c);
}

/* ---- calls ---- */

static struct named *named_of(struct request *r)
{
	return (struct named *)(void *)((char *)r->buffer + r->capacity);
}

/* The request has ended: on the supervisor, or where it was never sent. */
static void call_complete(struct request *r)
{
	struct named named = *named_of(r);

	p9_fid_put(named.fid[0]);
	p9_fid_put(named.fid[1]);
}

static int call_new(struct p9_call *c, struct p9_client *client, enum p9_type type, uint32_t room)
{
	room = round_up(max(room, ROOM_MIN), 16u);
	c->type = (uint8_t)type;
	c->tag = type == P9_VERSION ? P9_NOTAG : tag_new(client);
	c->request = request_new(REQUEST_MESSAGE, room + sizeof(struct named));
	if (!c->request)
		return -ENOMEM;
	c->request->store = (int)client->tree;
	c->request->capacity = room;
	c->request->complete = call_complete;
	*named_of(c->request) = (struct named){ 0 };
	p9_begin(&c->m, c->request->buffer, room);
	return 0;
}

static void put_fid(struct p9_call *c, int i, struct p9_fid *fid)
{
	p9_put(&c->m, fid->number, 4);
	named_of(c->request)->fid[i] = p9_fid_get(fid);
}

int p9_call_begin(struct p9_call *c, enum p9_type type, struct p9_fid *fid, uint32_t room)
{
	int err = call_new(c, fid->client, type, room);

	if (err == 0)
		put_fid(c, 0, fid);
	return err;
}

void p9_call_fid(struct p9_call *c, struct p9_fid *fid)
{
	put_fid(c, 1, fid);
}

int p9_call_do(struct p9_call *c)
{
	struct request *r = c->request;
	int result;

	if (!current)
		return -EAGAIN;
	r->length = p9_finish(&c->m, c->type, c->tag);
	if (r->length == 0)
		return -ENAMETOOLONG;
	result = request_do(r);
	if (result < 0)
		return result;
	if ((uint32_t)result > r->capacity)
		return -EIO;
	return p9_open_answer(&c->m, r->buffer, result, c->type, c->tag);
}

void p9_call_end(struct p9_call *c)
{
	if (!c->request)
		return;
	if (c->request->length == 0) /* never sent */
		call_complete(c->request);
	request_put(c->request);
	c->request = NULL;
}

/* ---- the calls that make fids ---- */

/* Send a call after which the server knows `to`, unless it refuses. */
static int bind_fid(struct p9_call *call, struct p9_fid *to)
{
	int err;

	__atomic_store_n(&to->bound, true, __ATOMIC_RELAXED);
	err = p9_call_do(call);
	if (err < 0 && err != -EINTR && err != -EIO)
		__atomic_store_n(&to->bound, false, __ATOMIC_RELAXED);
	return err;
}

static int session_open(struct p9_client *c)
{
	struct p9_call call;
	uint32_t length;
	const char *version;
	uint64_t size;
	int err = call_new(&call, c, P9_VERSION, MESSAGE_MAX);

	if (err < 0)
		return err;
	p9_put(&call.m, MESSAGE_MAX, 4);
	p9_put_text(&call.m, VERSION, strlen(VERSION));
	if ((err = p9_call_do(&call)) < 0)
		goto end;
	size = p9_get(&call.m, 4);
	version = p9_get_text(&call.m, &length);
	if (!version || length != strlen(VERSION) || memcmp(version, VERSION, length) != 0 ||
	    size < MESSAGE_MIN || size > MESSAGE_MAX)
		err = -EIO;
	else
		c->message_max = (uint32_t)size;
end:
	p9_call_end(&call);
	return err;
}

int p9_attach(struct p9_client *c, struct p9_fid **root)
{
	struct p9_call call;
	struct p9_fid *fid;
	int err = once_begin(&c->session);

	if (err > 0) {
		err = session_open(c);
		if (err == 0)
			__atomic_store_n(&c->opened, true, __ATOMIC_RELAXED);
		once_end(&c->session, err == 0);
	}
	if (err < 0)
		return err;
	if (!(fid = fid_new(c)))
		return -ENOMEM;
	if ((err = p9_call_begin(&call, P9_ATTACH, fid, 0)) < 0)
		goto put_fid;
	p9_put(&call.m, P9_NOFID, 4);
	p9_put_text(&call.m, "root", 4);
	p9_put_text(&call.m, "", 0);
	p9_put(&call.m, 0, 4);
	err = bind_fid(&call, fid);
	if (err == -ENOENT) /* not a name that is missing, but the whole tree */
		err = -ENODEV;
	p9_call_end(&call);
put_fid:
	if (err < 0)
		p9_fid_put(fid);
	else
		*root = fid;
	return err;
}

int p9_walk(struct p9_fid *from, const char *name, size_t length, struct p9_fid **to)
{
	struct p9_fid *fid = fid_new(from->client);
	uint64_t steps = length ? 1 : 0;
	struct p9_call call;
	int err = -ENOMEM;

	if (!fid)
		return -ENOMEM;
	if ((err = p9_call_begin(&call, P9_WALK, from, (uint32_t)length + 64)) < 0)
		goto put_fid;
	p9_call_fid(&call, fid);
	p9_put(&call.m, steps, 2);
	if (steps)
		p9_put_text(&call.m, name, length);
	err = bind_fid(&call, fid);
	if (err == 0 && (p9_get(&call.m, 2) != steps || call.m.end - call.m.at < steps * P9_QID))
		err = -EIO;
	p9_call_end(&call);
put_fid:
	if (err < 0)
		p9_fid_put(fid);
	else
		*to = fid;
	return err;
}

int p9_fid_attr(struct p9_fid *f, struct p9_attr *a)
{
	struct p9_call call;
	int err = p9_call_begin(&call, P9_GETATTR, f, 0);

	if (err < 0)
		return err;
	p9_put(&call.m, P9_GETATTR_BASIC, 8);
	if ((err = p9_call_do(&call)) == 0)
		err = p9_get_attr(&call.m, a);
	p9_call_end(&call);
	return err;
}
