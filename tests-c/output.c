/*
 * The host's terminals and streams of the unit tests: they take output into buffers,
 * as much of it as a test wants them to.
 */
#include "test.h"

static struct lock output_lock = LOCK_INIT(RANK_LOG);
static struct test_output terminals[4], streams[3];
static bool stdin_wanted;

struct test_output *test_terminal(int n)
{
	return &terminals[n];
}

struct test_output *test_stream(int n)
{
	return &streams[n];
}

void test_output_accept(struct test_output *o, size_t n, int error)
{
	lock(&output_lock);
	o->accept = n;
	o->error = error;
	o->length = 0;
	unlock(&output_lock);
}

size_t test_output_length(struct test_output *o)
{
	size_t n;

	lock(&output_lock);
	n = o->length;
	unlock(&output_lock);
	return n;
}

static int output(struct test_output *o, const void *p, size_t n)
{
	int result;

	lock(&output_lock);
	if (o->error) {
		result = o->error;
	} else {
		n = min(n, min(o->accept, sizeof(o->bytes) - o->length));
		memcpy(o->bytes + o->length, p, n);
		o->length += n;
		o->accept -= n;
		result = (int)n;
	}
	unlock(&output_lock);
	return result;
}

const char *test_output_take(struct test_output *o, char *buf, size_t size)
{
	size_t n;

	test_supervise();
	lock(&output_lock);
	n = min(o->length, size - 1);
	memcpy(buf, o->bytes, n);
	buf[n] = 0;
	memmove(o->bytes, o->bytes + n, o->length - n);
	o->length -= n;
	unlock(&output_lock);
	return buf;
}

int host_terminal_output(int terminal, const void *p, size_t n)
{
	return terminal > 0 && terminal < (int)countof(terminals) ?
		       output(&terminals[terminal], p, n) :
		       -ENXIO;
}

int host_terminal_wants(int terminal)
{
	(void)terminal;
	return 0;
}

int host_stream_output(int stream, const void *p, size_t n)
{
	return output(&streams[stream], p, n);
}

int host_stream_wanted(void)
{
	__atomic_store_n(&stdin_wanted, true, __ATOMIC_SEQ_CST);
	return 0;
}

bool test_stdin_wanted(void)
{
	test_supervise();
	return __atomic_exchange_n(&stdin_wanted, false, __ATOMIC_SEQ_CST);
}
