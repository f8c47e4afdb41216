/*
 * The mock 9P server. Messages come from the supervisor, one at a time; tests
 * look in from other threads, under the lock.
 */
#include "p9_server.h"

#include "../kernel-c/dev/request.h"
#include "../kernel-c/lib/alloc.h"
#include "test.h"

#define NODES 64
#define FIDS 256
#define HELD 8
#define SIZE_LIMIT (1u << 20)
#define MODE_LINK (S_IFLNK | 0777)

struct node {
	uint32_t mode, nlink;
	uint64_t mtime;
	uint32_t size;
	char *data; /* of a file, or a link's target */
};
static struct { int dir, node; char name[64]; } names[NODES]; /* dir -1: free */
static struct node nodes[NODES]; /* 0 is the root */
static struct { uint32_t number; int node; bool used, open; } fids[FIDS];
static int counts[256];
static uint64_t now;
static uint8_t fault_type;
static enum p9_fault fault;
static int fault_value;
static struct { uint32_t request; int32_t result; } held[HELD];
static int nheld;
static struct lock server_lock = LOCK_INIT(RANK_REQUEST);

/* The message in hand: read from in, written to out. */
static const uint8_t *in;
static uint8_t *out;
static size_t in_left, out_at, out_room;
static uint8_t copy[1 << 17];

static uint64_t get(size_t n)
{
	uint64_t v = 0;

	if (n > in_left)
		panic("p9_server: the kernel's message is too short");
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)in[i] << 8 * i;
	in += n;
	in_left -= n;
	return v;
}

static const char *get_text(char *buf, size_t size)
{
	size_t n = (size_t)get(2);

	if (n > in_left || n >= size)
		panic("p9_server: a text of %u bytes", (unsigned)n);
	memcpy(buf, in, n);
	buf[n] = 0;
	in += n;
	in_left -= n;
	return buf;
}

static void put(uint64_t v, size_t n)
{
	if (out_at + n > out_room)
		panic("p9_server: no room in the answer");
	for (size_t i = 0; i < n; i++)
		out[out_at++] = (uint8_t)(v >> 8 * i);
}

static void put_bytes(const void *p, size_t n)
{
	if (out_at + n > out_room)
		panic("p9_server: no room in the answer");
	memcpy(out + out_at, p, n);
	out_at += n;
}

static void put_qid(int node)
{
	put(S_ISDIR(nodes[node].mode) ? 0x80 : 0, 1);
	put(nodes[node].mtime, 4);
	put((uint64_t)node + 100, 8);
}

static int fid_find(uint32_t number)
{
	for (int i = 0; i < FIDS; i++)
		if (fids[i].used && fids[i].number == number)
			return i;
	return -1;
}

static void fid_bind(uint32_t number, int node)
{
	for (int i = 0; i < FIDS; i++)
		if (!fids[i].used) {
			fids[i].used = true;
			fids[i].open = false;
			fids[i].number = number;
			fids[i].node = node;
			return;
		}
	panic("p9_server: out of fids");
}

static int name_find(int dir, const char *name)
{
	for (int i = 0; i < NODES; i++)
		if (names[i].dir == dir && strcmp(names[i].name, name) == 0)
			return i;
	return -1;
}

static int name_add(int dir, const char *name, int node)
{
	for (int i = 0; i < NODES; i++)
		if (names[i].dir < 0) {
			names[i].dir = dir;
			names[i].node = node;
			kstrlcpy(names[i].name, name, sizeof names[i].name);
			nodes[node].nlink++;
			return node;
		}
	panic("p9_server: out of names");
}

static void node_write(int node, uint64_t at, const void *p, uint32_t n)
{
	struct node *d = &nodes[node];

	if (at + n > d->size) {
		d->data = krealloc(d->data, (size_t)at + n + 1);
		memset(d->data + d->size, 0, (size_t)at + n + 1 - d->size);
		d->size = (uint32_t)at + n;
	}
	if (n)
		memcpy(d->data + at, p, n);
	d->mtime = ++now;
}

/* A node without a name that no fid stands for. */
static int node_free(void)
{
	for (int i = 1; i < NODES; i++) {
		bool used = nodes[i].nlink > 0;

		for (int j = 0; j < FIDS && !used; j++)
			used = fids[j].used && fids[j].node == i;
		if (!used)
			return i;
	}
	panic("p9_server: out of nodes");
}

static int node_new(int dir, const char *name, uint32_t mode)
{
	int node;

	if (name_find(dir, name) >= 0)
		return -EEXIST;
	node = node_free();
	kfree(nodes[node].data);
	nodes[node] = (struct node){ .mode = mode, .mtime = ++now };
	return name_add(dir, name, node);
}

static int remove_name(int dir, const char *name, bool directory)
{
	int i = name_find(dir, name);

	if (i < 0)
		return -ENOENT;
	for (int j = 0; directory && j < NODES; j++)
		if (names[j].dir == names[i].node)
			return -ENOTEMPTY;
	nodes[names[i].node].nlink--;
	names[i].dir = -1;
	return 0;
}

/* ---- the messages: 0 with the answer put, or an error ---- */

static int answer_walk(void)
{
	int from = fid_find((uint32_t)get(4)), i;
	uint32_t to = (uint32_t)get(4);
	int steps = (int)get(2), node;
	char name[64];

	if (from < 0)
		return -EBADF;
	node = fids[from].node;
	if (steps) {
		i = name_find(node, get_text(name, sizeof name));
		if (i < 0)
			return -ENOENT;
		node = names[i].node;
	}
	fid_bind(to, node);
	put((uint64_t)steps, 2);
	if (steps)
		put_qid(node);
	return 0;
}

static int answer_getattr(int node)
{
	const struct node *d = &nodes[node];

	put(0x7ff, 8);
	put_qid(node);
	put(d->mode, 4);
	put(0, 4);
	put(0, 4);
	put(d->nlink, 8);
	put(0, 8);
	put(d->size, 8);
	put(4096, 8);
	put((d->size + 511) / 512, 8);
	for (int i = 0; i < 4; i++) {
		put(d->mtime, 8);
		put(5, 8);
	}
	put(0, 8);
	put(0, 8);
	return 0;
}

static int answer_setattr(int node)
{
	uint32_t valid = (uint32_t)get(4), mode = (uint32_t)get(4), uid = (uint32_t)get(4);
	uint64_t size;

	get(4);
	size = get(8);
	get(8);
	get(8);
	if ((valid & 2) && uid != 0)
		return -EPERM;
	if ((valid & 8) && size > SIZE_LIMIT)
		return -EFBIG;
	if (valid & 1)
		nodes[node].mode = (nodes[node].mode & S_IFMT) | mode;
	if ((valid & 8) && size < nodes[node].size)
		nodes[node].size = (uint32_t)size;
	else if (valid & 8)
		node_write(node, size, NULL, 0);
	if (valid & 0x20)
		nodes[node].mtime = get(8);
	return 0;
}

static int answer_read(int node)
{
	uint64_t at = get(8);
	uint32_t n = (uint32_t)get(4), size = nodes[node].size;

	n = at >= size ? 0 : (uint32_t)min((uint64_t)n, size - at);
	put(n, 4);
	if (n)
		put_bytes(nodes[node].data + at, n);
	return 0;
}

static int answer_readdir(int node)
{
	uint64_t at = get(8);
	uint32_t room = (uint32_t)get(4);
	size_t length_at = out_at, n;

	put(0, 4);
	for (int i = (int)at; i < NODES; i++) {
		if (names[i].dir != node)
			continue;
		n = strlen(names[i].name);
		if (out_at - length_at - 4 + 24 + n > room)
			break;
		put_qid(names[i].node);
		put((uint64_t)i + 1, 8);
		put((nodes[names[i].node].mode & S_IFMT) >> 12, 1);
		put(n, 2);
		put_bytes(names[i].name, n);
	}
	n = out_at;
	out_at = length_at;
	put(n - length_at - 4, 4);
	out_at = n;
	return 0;
}

static int answer_create(int fid, int node)
{
	char name[64];
	uint32_t mode;
	int made;

	get_text(name, sizeof name);
	get(4);
	mode = (uint32_t)get(4);
	made = node_new(node, name, S_IFREG | (mode & 0755)); /* with a umask of its own */
	if (made < 0)
		return made;
	fids[fid].node = made;
	fids[fid].open = true;
	put_qid(made);
	put(0, 4);
	return 0;
}

static int answer_named(uint8_t type, int node)
{
	char name[64], target[128];
	int made, other;

	get_text(name, sizeof name);
	switch (type) {
	case 72:
		made = node_new(node, name, S_IFDIR | (uint32_t)get(4));
		break;
	case 16:
		made = node_new(node, name, MODE_LINK);
		if (made >= 0)
			node_write(made, 0, get_text(target, sizeof target), (uint32_t)strlen(target));
		break;
	case 76:
		return remove_name(node, name, get(4) & 0x200);
	default: /* 74, rename */
		other = fid_find((uint32_t)get(4));
		made = name_find(node, name);
		if (other < 0 || made < 0)
			return -ENOENT;
		get_text(target, sizeof target);
		remove_name(fids[other].node, target, false);
		names[made].dir = fids[other].node;
		kstrlcpy(names[made].name, target, sizeof names[made].name);
		return 0;
	}
	if (made < 0)
		return made;
	put_qid(made);
	return 0;
}

static int answer_link(int dir)
{
	int fid = fid_find((uint32_t)get(4));
	char name[64];

	if (fid < 0)
		return -EBADF;
	name_add(dir, get_text(name, sizeof name), fids[fid].node);
	return 0;
}

static int answer_statfs(void)
{
	put(0x01021997, 4);
	put(4096, 4);
	for (int i = 0; i < 6; i++)
		put(1000 + (uint64_t)i, 8);
	put(255, 4);
	return 0;
}

/* Messages about a fid that must be known. */
static int answer_fid(uint8_t type)
{
	int fid = fid_find((uint32_t)get(4));
	uint64_t at;
	uint32_t n;

	if (fid < 0)
		return -EBADF;
	switch (type) {
	case 120:
		fids[fid].used = false;
		return 0;
	case 12:
		fids[fid].open = true;
		put_qid(fids[fid].node);
		put(0, 4);
		return 0;
	case 14:
		return answer_create(fid, fids[fid].node);
	case 24:
		return answer_getattr(fids[fid].node);
	case 26:
		return answer_setattr(fids[fid].node);
	case 22:
		put(nodes[fids[fid].node].size, 2);
		put_bytes(nodes[fids[fid].node].data, nodes[fids[fid].node].size);
		return 0;
	case 116:
		return fids[fid].open ? answer_read(fids[fid].node) : -EBADF;
	case 118:
		at = get(8);
		n = (uint32_t)get(4);
		if (n != in_left)
			panic("p9_server: a write of %u bytes has %u", n, (unsigned)in_left);
		if (!fids[fid].open)
			return -EBADF;
		if (at > SIZE_LIMIT - n)
			return -EFBIG;
		node_write(fids[fid].node, at, in, n);
		put(n, 4);
		return 0;
	case 40:
		return fids[fid].open ? answer_readdir(fids[fid].node) : -EBADF;
	case 50:
		return fids[fid].open ? 0 : -EBADF;
	case 70:
		return answer_link(fids[fid].node);
	case 8:
		return answer_statfs();
	case 16:
	case 72:
	case 74:
	case 76:
		return answer_named(type, fids[fid].node);
	}
	return -EOPNOTSUPP;
}

static int answer(uint8_t type)
{
	uint32_t number;

	switch (type) {
	case 100:
		memset(fids, 0, sizeof fids);
		put(get(4), 4);
		put(8, 2);
		put_bytes("9P2000.L", 8);
		return 0;
	case 104:
		number = (uint32_t)get(4);
		fid_bind(number, 0);
		put_qid(0);
		return 0;
	case 110:
		return answer_walk();
	}
	return answer_fid(type);
}

static void header(size_t size, uint8_t type, uint16_t tag)
{
	out_at = 0;
	put(size, 4);
	put(type, 1);
	put(tag, 2);
}

/* The result of the call, with the answer in the buffer. */
static int32_t reply(uint8_t type, uint16_t tag, size_t capacity)
{
	bool spoil = fault != P9_SOUND && (fault_type == 0 || fault_type == type);
	bool refuse = spoil && fault == P9_REFUSE;
	int err = refuse ? -fault_value : answer(type);
	size_t size = out_at;

	if (spoil && fault == P9_DRIVER)
		return -fault_value;
	if (refuse || err < 0) {
		header(11, 7, tag);
		put((uint64_t)-err, 4);
		return 11;
	}
	header(size, type + 1, tag);
	if (!spoil)
		return (int32_t)size;
	switch (fault) {
	case P9_TRUNCATE:
		header((size_t)fault_value, type + 1, tag);
		return fault_value;
	case P9_CUT:
		return fault_value;
	case P9_TAG:
		header(size, type + 1, tag ^ 1);
		break;
	case P9_TYPE:
		header(size, type + 3, tag);
		break;
	case P9_TOO_LONG:
		return (int32_t)capacity + 1;
	case P9_GARBLE:
		memset(out + 7, 0xff, size - 7);
		break;
	case P9_PATCH:
		if ((size_t)fault_value < size)
			out[fault_value] = 0xff;
		break;
	default:
		break;
	}
	return (int32_t)size;
}

int host_fs_message(uint32_t request, uint32_t tree, void *buf, size_t length, size_t capacity)
{
	uint64_t size;
	uint8_t type;
	uint16_t tag;
	int32_t result;

	if (tree != 0)
		return -ENODEV;
	lock(&server_lock);
	if (length > sizeof copy || length > capacity)
		panic("p9_server: a message of %u bytes", (unsigned)length);
	memcpy(copy, buf, length);
	in = copy;
	in_left = length;
	out = buf;
	out_room = capacity;
	out_at = 7;
	size = get(4);
	type = (uint8_t)get(1);
	tag = (uint16_t)get(2);
	if (size != length)
		panic("p9_server: size %u of %u", (unsigned)size, (unsigned)length);
	counts[type]++;
	counts[0]++;
	result = reply(type, tag, capacity);
	if (fault == P9_HOLD && (fault_type == 0 || fault_type == type) && nheld < HELD) {
		held[nheld].request = request;
		held[nheld++].result = result;
		unlock(&server_lock);
		return 0;
	}
	unlock(&server_lock);
	if (result < 0)
		return result;
	completion_done(request, result);
	return 0;
}

/* ---- for the tests ---- */

void p9_server_reset(void)
{
	lock(&server_lock);
	for (int i = 0; i < NODES; i++) {
		names[i].dir = -1;
		nodes[i].nlink = 0;
	}
	nodes[0] = (struct node){ .mode = S_IFDIR | 0755, .nlink = 2, .mtime = ++now };
	memset(counts, 0, sizeof counts);
	fault = P9_SOUND;
	unlock(&server_lock);
}

void p9_server_fault(uint8_t type, enum p9_fault kind, int value)
{
	lock(&server_lock);
	fault_type = type;
	fault = kind;
	fault_value = value;
	unlock(&server_lock);
}

static void release_held(void)
{
	for (;;) {
		uint32_t request;
		int32_t result;

		lock(&server_lock);
		if (nheld == 0)
			break;
		request = held[--nheld].request;
		result = held[nheld].result;
		unlock(&server_lock);
		completion_done(request, result);
	}
	unlock(&server_lock);
}

void p9_server_release(void)
{
	p9_server_fault(0, P9_SOUND, 0);
	test_as_supervisor(release_held);
}

static int locked_int(const int *p)
{
	int n;

	test_supervise();
	lock(&server_lock);
	n = *p;
	unlock(&server_lock);
	return n;
}

int p9_server_held(void)
{
	return locked_int(&nheld);
}

int p9_server_count(uint8_t type)
{
	return locked_int(&counts[type]);
}

int p9_server_fids(void)
{
	int n = 0;

	test_supervise();
	lock(&server_lock);
	for (int i = 0; i < FIDS; i++)
		n += fids[i].used;
	unlock(&server_lock);
	return n;
}

void p9_server_put(const char *name, const char *text)
{
	int i;

	lock(&server_lock);
	i = name_find(0, name);
	i = i < 0 ? node_new(0, name, S_IFREG | 0755) : names[i].node;
	nodes[i].size = 0;
	node_write(i, 0, text, (uint32_t)strlen(text));
	unlock(&server_lock);
}

void p9_server_remove(const char *name)
{
	lock(&server_lock);
	remove_name(0, name, false);
	unlock(&server_lock);
}
