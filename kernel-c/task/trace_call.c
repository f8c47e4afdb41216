/*
 * Tracing: the records of calls. A record carries the call's name, its arguments
 * and the memory they lead to, as it is when the call begins or returns.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "trace_ring.h"

#define STRINGS_MAX 32 /* strings of an array, and vectors, that are looked at */
#define COUNT_MAX 65536

static const struct {
	char name[24];
	uint8_t count, kinds[TRACE_ARGUMENTS];
} calls[] = {
#include <calls.inc> /* build/gen, from wit/posix.wit */
};

enum memory { NO, IN, OUT, STRING, DATA_IN, DATA_OUT, VECTORS_IN, VECTORS_OUT, STRINGS, COUNT, ARRAY, LIST, SETS };
static const struct {
	uint8_t memory;
	uint16_t size;
} kinds[] = {
	{ NO, 0 },
#define X(name, memory, size) { memory, size },
	TRACE_KINDS(X)
#undef X
};

/* The call a task is in, and where its record is made. */
struct traced_call {
	enum call call; /* CALL_NONE: in none that began traced */
	int64_t arguments[TRACE_ARGUMENTS];
	int vfork_child;
	uint32_t string_max;
	union {
		struct abi_trace_call head;
		char bytes[RECORD_MAX];
	} record;
};

void traced_call_free(struct task *t)
{
	kfree(t->traced_call);
}

/* ---- pieces ---- */

static char *end_of(struct traced_call *c)
{
	return c->record.bytes + c->record.head.head.size;
}

static uint32_t room(struct traced_call *c)
{
	uint32_t left = RECORD_MAX - c->record.head.head.size, header = sizeof(struct abi_trace_piece);

	return left > header ? left - header : 0;
}

/* Close the piece whose bytes lie behind its header already. */
static void piece_add(struct traced_call *c, int argument, int index, uint32_t length, bool more)
{
	struct abi_trace_piece *p = (struct abi_trace_piece *)end_of(c);
	uint32_t padded = round_up(length, 8u);

	*p = (struct abi_trace_piece){ (uint8_t)argument, more, (uint16_t)index, length };
	memset((char *)(p + 1) + length, 0, padded - length);
	c->record.head.head.size += sizeof *p + padded;
}

static char *piece_bytes(struct traced_call *c)
{
	return end_of(c) + sizeof(struct abi_trace_piece);
}

static void piece_data(struct traced_call *c, int argument, int index, uaddr from, uint64_t length,
		       uint64_t most)
{
	uint32_t n = (uint32_t)min(min(length, most), (uint64_t)room(c) & ~7ull);

	if (room(c) >= 8 && copy_in(piece_bytes(c), from, n) == 0)
		piece_add(c, argument, index, n, n < length);
}

static void piece_string(struct traced_call *c, int argument, int index, uaddr from, uint32_t most)
{
	uint32_t size = min(most + 1, room(c) & ~7u);
	int n;

	if (size < 8)
		return;
	n = copy_in_string(piece_bytes(c), from, size);
	if (n >= 0)
		piece_add(c, argument, index, (uint32_t)n, false);
	else if (n == -ENAMETOOLONG)
		piece_add(c, argument, index, size - 1, true);
}

static void piece_strings(struct traced_call *c, int argument, uaddr array)
{
	uint32_t at;

	for (int i = 0; copy_in(&at, array + 4 * (uaddr)i, 4) == 0 && at; i++) {
		if (i == STRINGS_MAX || room(c) < 16) {
			piece_add(c, argument, i, 0, true); /* and more */
			return;
		}
		piece_string(c, argument, i, at, c->string_max);
	}
}

static void piece_count(struct traced_call *c, int argument, uaddr array)
{
	uint32_t at, n = 0;

	while (n < COUNT_MAX && copy_in(&at, array + 4 * n, 4) == 0 && at)
		n++;
	if (room(c) >= 8) {
		*(uint64_t *)piece_bytes(c) = n;
		piece_add(c, argument, 0, 8, n == COUNT_MAX);
	}
}

/* `left`: bytes that were moved, or as many as there is room for. */
static void piece_vectors(struct traced_call *c, int argument, uaddr array, int64_t count, uint64_t left)
{
	struct abi_iovec v;

	for (int i = 0; i < count && left > 0; i++) {
		if (i == STRINGS_MAX || copy_in(&v, array + (uaddr)(i * (int)sizeof v), sizeof v) < 0)
			return;
		piece_data(c, argument, i, v.base, min((uint64_t)v.length, left), c->string_max);
		left -= min((uint64_t)v.length, left);
	}
}

/* The memory that argument i leads to, before the call or (leaving) after it. */
static void piece_of(struct traced_call *c, int i, bool leaving, int64_t result)
{
	const uint8_t kind = calls[c->call].kinds[i];
	const uint32_t size = kinds[kind].size, most = c->string_max;
	const uaddr at = (uaddr)c->arguments[i];
	const uint64_t next = i + 1 < TRACE_ARGUMENTS ? (uint32_t)c->arguments[i + 1] : 0;
	enum memory memory = kinds[kind].memory;

	if (!at || memory == NO || (leaving && result < 0))
		return;
	if (!leaving && memory == IN)
		piece_data(c, i, 0, at, size, size);
	else if (!leaving && memory == STRING)
		piece_string(c, i, 0, at, size ? size - 1 : most);
	else if (!leaving && memory == DATA_IN)
		piece_data(c, i, 0, at, next * size, (uint64_t)most * size);
	else if (!leaving && memory == VECTORS_IN)
		piece_vectors(c, i, at, (int64_t)next, UINT64_MAX);
	else if (!leaving && memory == STRINGS)
		piece_strings(c, i, at);
	else if (!leaving && memory == COUNT)
		piece_count(c, i, at);
	else if (!leaving && memory == LIST && i > 0)
		piece_data(c, i, 0, at, (uint32_t)c->arguments[i - 1] * (uint64_t)size, (uint64_t)most * size);
	else if (leaving && memory == OUT)
		piece_data(c, i, 0, at, size, size);
	else if (leaving && memory == DATA_OUT)
		piece_data(c, i, 0, at, (uint64_t)result * size, (uint64_t)most * size);
	else if (leaving && memory == VECTORS_OUT)
		piece_vectors(c, i, at, (int64_t)next, (uint64_t)result);
	else if (memory == ARRAY)
		piece_data(c, i, 0, at, next * size, (uint64_t)most * size);
	else if (memory == SETS)
		piece_data(c, i, 0, at, (min((uint64_t)c->arguments[0], 1024ull) + 31) / 32 * 4, 128);
}

/* ---- records ---- */

static void record_begin(struct traced_call *c, struct task *t, enum abi_trace_event what, int64_t value)
{
	struct abi_trace_call *r = &c->record.head;

	*r = (struct abi_trace_call){
		.head = { sizeof *r, what, t->process->pid, t->tid, trace_now(), value },
		.count = calls[c->call].count,
	};
	memcpy(r->name, calls[c->call].name, sizeof r->name);
	memcpy(r->kinds, calls[c->call].kinds, sizeof r->kinds);
	memcpy(r->arguments, c->arguments, sizeof r->arguments);
}

static void record_call(struct task *t, enum abi_trace_event what, int64_t value)
{
	struct traced_call *c = t->traced_call;

	record_begin(c, t, what, value);
	for (int i = 0; i < calls[c->call].count; i++)
		piece_of(c, i, what == TRACE_LEAVE, value);
	trace_put_call(t->process, &c->record.head.head);
}

void trace_enter(enum call call, const int64_t *arguments)
{
	struct task *t = current;
	struct trace *s = trace_of(t->process);

	if (!s)
		return;
	if (!t->traced_call)
		t->traced_call = kzalloc(sizeof *t->traced_call);
	if (t->traced_call) {
		t->traced_call->call = call;
		t->traced_call->string_max = trace_string_max(s);
		memcpy(t->traced_call->arguments, arguments, sizeof t->traced_call->arguments);
		record_call(t, TRACE_ENTER, 0);
	}
	trace_put(s);
}

void trace_vfork(struct task *parent, int pid)
{
	if (parent->traced_call)
		parent->traced_call->vfork_child = pid;
}

void trace_leave(int64_t result)
{
	struct traced_call *c = current->traced_call;

	if (!c || c->call == CALL_NONE)
		return;
	record_call(current, TRACE_LEAVE, c->call == CALL_vfork && result > 0 ? c->vfork_child : result);
	c->call = CALL_NONE;
}

/* The child's own view of posix_spawn: it has called execve, and was successful. */
void trace_spawned(struct process *p, const char *path)
{
	struct trace *s = trace_of(p);
	struct traced_call *c = s ? kzalloc(sizeof *c) : NULL;
	struct task stand_in = { .process = p, .tid = p->pid };
	const char *at = p->args;

	if (!c)
		goto out;
	c->call = CALL_execve;
	c->arguments[0] = c->arguments[1] = c->arguments[2] = 1; /* somewhere */
	record_begin(c, &stand_in, TRACE_ENTER, 0);
	memcpy(piece_bytes(c), path, strlen(path));
	piece_add(c, 0, 0, (uint32_t)strlen(path), false);
	for (uint32_t i = 0; i < p->argc && i < STRINGS_MAX && room(c) >= 16; i++, at += strlen(at) + 1) {
		uint32_t length = (uint32_t)strlen(at), most = min(trace_string_max(s), room(c) & ~7u);

		memcpy(piece_bytes(c), at, min(length, most));
		piece_add(c, 1, (int)i, min(length, most), length > most);
	}
	if (room(c) >= 8) {
		*(uint64_t *)piece_bytes(c) = p->envc;
		piece_add(c, 2, 0, 8, false);
	}
	trace_put_call(p, &c->record.head.head);
	record_begin(c, &stand_in, TRACE_LEAVE, 0);
	trace_put_call(p, &c->record.head.head);
out:
	kfree(c);
	if (s)
		trace_put(s);
}

void syscall_enter_slow(enum call call, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)
{
	struct task *t = current;
	int64_t arguments[TRACE_ARGUMENTS] = { a, b, c, d, e, f };

	if (!task_leave_user(t, TASK_KERNEL))
		task_wait_for_death();
	if (call != CALL_NONE && __atomic_load_n(&t->traced, __ATOMIC_RELAXED))
		trace_enter(call, arguments);
}
