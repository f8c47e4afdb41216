#include "../test.h"

#include "../../kernel-c/dev/stream.h"
#include "../../kernel-c/kernel.h"

static struct file *in, *out;
static char text[70000];

static bool open_streams(void)
{
	int err;

	test_output_accept(test_stream(1), SIZE_MAX, 0);
	in = stream_open(0, &err);
	out = stream_open(1, &err);
	return in && out;
}

static void close_streams(void)
{
	file_put(in);
	file_put(out);
}

static int64_t get(size_t n)
{
	struct uio u;
	int64_t pos = 0, got;

	uio_kernel(&u, text, n);
	got = in->ops->read(in, &u, &pos);
	text[max(got, (int64_t)0)] = 0;
	return got;
}

static int64_t put(const char *s, size_t n)
{
	struct uio u;
	int64_t pos = 0;

	uio_kernel(&u, (void *)(uintptr_t)s, n);
	return out->ops->write(out, &u, &pos);
}

TEST("stream: output reaches the host")
{
	char got[32] = "";

	EXPECT(open_streams());
	EXPECT_EQ(put("hello\n", 6), 6);
	EXPECT_SOON(strlen(got) || *test_output_take(test_stream(1), got, sizeof(got)));
	EXPECT_STR(got, "hello\n");
	close_streams();
}

TEST("stream: only three there are, and only one way each")
{
	int err;

	EXPECT(!stream_open(3, &err));
	EXPECT_EQ(err, -ENXIO);
	EXPECT(!stream_open(-1, &err));
	EXPECT(open_streams());
	EXPECT_EQ(in->flags & O_ACCMODE, O_RDONLY);
	EXPECT_EQ(out->flags & O_ACCMODE, O_WRONLY);
	EXPECT_EQ(out->ops->ioctl(out, TCGETS, test_user(60)), -ENOTTY);
	close_streams();
}

TEST("stream: input is asked for when somebody wants it, then read")
{
	uaddr n = test_user(4);

	EXPECT(open_streams());
	test_stdin_wanted();
	in->flags |= O_NONBLOCK;
	EXPECT_EQ(get(10), -EAGAIN);
	EXPECT_SOON(test_stdin_wanted());
	EXPECT_EQ(stream_feed("abcdef", 6), 6);
	EXPECT_EQ(in->ops->poll(in, NULL), POLLIN | POLLRDNORM);
	EXPECT_EQ(in->ops->ioctl(in, FIONREAD, n), 0);
	EXPECT_EQ(*(uint32_t *)test_user_at(n), 6);
	EXPECT_EQ(get(4), 4);
	EXPECT_STR(text, "abcd");
	EXPECT_EQ(get(10), 2);
	EXPECT(!test_stdin_wanted());
	EXPECT_EQ(in->ops->poll(in, NULL), 0);
	EXPECT_SOON(test_stdin_wanted());
	close_streams();
}

static void drained(void)
{
	terminal_stream_drained(1, 0);
}

static void broken(void)
{
	terminal_stream_drained(1, EPIPE);
}

TEST("stream: a host that takes little makes writers wait")
{
	int64_t total = 0, n, rest;
	nsec late;

	EXPECT(open_streams());
	test_output_accept(test_stream(1), 5000, 0);
	out->flags |= O_NONBLOCK;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 10 && (n = put(text, 65536)) > 0; i++)
		total += n;
	EXPECT_EQ(n, -EAGAIN);
	EXPECT(total >= 131072 && total <= 131072 + 5000);
	EXPECT_EQ(out->ops->poll(out, NULL) & POLLOUT, 0);
	EXPECT_SOON((test_supervise(), test_output_length(test_stream(1)) == 5000));
	rest = total - 5000;
	test_output_accept(test_stream(1), SIZE_MAX, 0);
	for (late = host_clock() + 10 * NSEC_PER_SEC; rest > 0 && host_clock() < late;) {
		test_as_supervisor(drained); /* the mock's buffer is smaller than the ring */
		rest -= (int64_t)strlen(test_output_take(test_stream(1), text, sizeof(text)));
	}
	EXPECT_EQ(rest, 0);
	EXPECT_EQ(out->ops->poll(out, NULL), POLLOUT | POLLWRNORM);
	close_streams();
}

TEST("stream: the end of input is 0, for ever")
{
	EXPECT(open_streams());
	EXPECT_EQ(stream_feed("last", 4), 4);
	EXPECT_EQ(stream_feed(NULL, 0), 0);
	EXPECT_EQ(get(10), 4);
	EXPECT_EQ(get(10), 0);
	EXPECT_EQ(get(10), 0);
	EXPECT_EQ(in->ops->poll(in, NULL), POLLHUP);
	close_streams();
}

TEST("stream: a reader that went away gives EPIPE and SIGPIPE")
{
	EXPECT(open_streams());
	test_as_supervisor(broken);
	EXPECT_EQ(put("x", 1), -EPIPE);
	EXPECT(test_take_signal(current, SIGPIPE));
	EXPECT(out->ops->poll(out, NULL) & POLLERR);
	close_streams();
}
