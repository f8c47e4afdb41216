#include "../store.h"
#include "../test.h"

#include "../../kernel-c/dev/request.h"
#include "../../kernel-c/kernel.h"
#include "../../kernel-c/lib/alloc.h"

static struct file *open_disk(void)
{
	int err;

	return vfs_open(process_init, AT_FDCWD, "/dev/idb0", O_RDWR, 0, &err);
}

static int64_t move(struct file *f, bool write, int64_t at, void *p, size_t n)
{
	return write ? file_write_kernel(f, p, n, at) : file_read_kernel(f, p, n, at);
}

TEST("request: opening, writing, reading and flushing go through the driver")
{
	struct request *r = request_new(REQUEST_OPEN, 4);
	int store;

	memcpy(r->buffer, "idb0", 4);
	r->length = 4;
	store = request_do(r);
	EXPECT(store > 0);
	request_put(r);
	r = request_new(REQUEST_WRITE, 8192);
	r->store = store;
	r->block = 5;
	r->count = 2;
	memset(r->buffer, 'w', 8192);
	EXPECT_EQ(request_do(r), 2);
	request_put(r);
	r = request_new(REQUEST_FLUSH, 0);
	r->store = store;
	EXPECT_EQ(request_do(r), 0);
	request_put(r);
	r = request_new(REQUEST_READ, 4096);
	r->store = store;
	r->block = 6;
	r->count = 1;
	EXPECT_EQ(request_do(r), 1);
	EXPECT_EQ(((char *)r->buffer)[4095], 'w');
	request_put(r);
}

TEST("request: what the driver refuses comes back as its error")
{
	struct request *r = request_new(REQUEST_FLUSH, 0);

	r->store = 99;
	EXPECT_EQ(request_do(r), -EINVAL);
	request_put(r);
	r = request_new(REQUEST_MESSAGE, 16);
	r->store = 99;
	EXPECT_EQ(request_do(r), -ENODEV);
	request_put(r);
}

TEST("request: an answer to no request is refused")
{
	EXPECT_EQ(completion_done(0, 0), -EINVAL);
	EXPECT_EQ(completion_done(0xffffffff, 0), -EINVAL);
}

static int ended;

static void count_ended(struct request *r)
{
	__atomic_add_fetch(&ended, r->result == 0 ? 1 : 1000, __ATOMIC_RELAXED);
}

TEST("request: more than the ring has slots are all answered, once each")
{
	ended = 0;
	for (int i = 0; i < 300; i++) {
		struct request *r = request_new(REQUEST_FLUSH, 0);

		r->store = 1;
		r->complete = count_ended;
		request_submit(r);
		request_put(r);
	}
	EXPECT_SOON((test_supervise(), __atomic_load_n(&ended, __ATOMIC_RELAXED) == 300));
}

TEST("request: a killed waiter leaves, and the driver may still answer into the buffer")
{
	struct request *r = request_new(REQUEST_READ, 4096);

	r->store = 1;
	r->count = 1;
	test_store_hold(true);
	current->killed = true;
	EXPECT_EQ(request_do(r), -EINTR);
	request_put(r);
	current->killed = false;
	EXPECT_SOON(test_store_held() == 1);
	test_store_complete(0); /* the address sanitizer would see it */
	test_store_hold(false);
}

static void wait_for_flush(void *arg)
{
	struct request *r = request_new(REQUEST_FLUSH, 0);

	r->store = 1;
	*(int *)arg = request_do(r);
	request_put(r);
}

TEST("request: the waiter sleeps until the driver answers, and gets its error")
{
	struct test_thread *t;
	int result = 1;

	NEEDS_THREADS();
	test_store_hold(true);
	t = test_thread(wait_for_flush, &result);
	EXPECT_SOON(test_store_held() == 1);
	test_store_complete(-EIO);
	test_join(t);
	test_store_hold(false);
	EXPECT_EQ(result, -EIO);
}

TEST("block: bytes at any place are kept, across block borders")
{
	struct file *f = open_disk();
	static char in[100000], back[100000];

	EXPECT(f);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 31 + i / 256);
	EXPECT_EQ(move(f, true, 40960, in, sizeof(in)), sizeof(in));
	EXPECT_EQ(move(f, true, 41000, "patch", 5), 5);
	memcpy(in + 40, "patch", 5);
	EXPECT_EQ(move(f, true, 40960 + 8190, "over", 4), 4);
	memcpy(in + 8190, "over", 4);
	EXPECT_EQ(move(f, false, 40960, back, sizeof(back)), sizeof(back));
	EXPECT_EQ(memcmp(in, back, sizeof(in)), 0);
	EXPECT_EQ(move(f, false, 41001, back, 3), 3);
	EXPECT_EQ(memcmp(back, "atc", 3), 0);
	EXPECT_EQ(f->ops->fsync(f, false), 0);
	file_put(f);
}

TEST("block: reading stops at the end, writing beyond the store fails")
{
	struct file *f = open_disk();
	char byte = 'e';
	int64_t end;

	EXPECT(f);
	EXPECT_EQ(move(f, true, 200 * 4096 + 5, &byte, 1), 1);
	end = f->ops->lseek(f, 0, SEEK_END);
	EXPECT(end >= 201 * 4096 && end % 4096 == 0);
	EXPECT_EQ(move(f, false, end, &byte, 1), 0);
	EXPECT_EQ(move(f, false, end - 1, &byte, 1), 1);
	EXPECT_EQ(byte, 0);
	EXPECT_EQ(move(f, true, 1ll << 32, &byte, 1), -EINVAL); /* the mock store's own limit */
	EXPECT_EQ(move(f, true, 1ll << 50, &byte, 1), -ENOSPC);
	EXPECT_EQ(f->ops->lseek(f, -1, SEEK_SET), -EINVAL);
	file_put(f);
}

TEST("mem: null, zero, full and urandom do what their names say")
{
	static const char *const names[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom" };
	struct file *f[4];
	char a[3000], b[3000];
	int err, differ = 0;

	for (int i = 0; i < 4; i++)
		EXPECT((f[i] = vfs_open(process_init, AT_FDCWD, names[i], O_RDWR, 0, &err)));
	EXPECT_EQ(file_read_kernel(f[0], a, 10, 0), 0);
	EXPECT_EQ(file_write_kernel(f[0], a, 10, 0), 10);
	memset(a, 1, sizeof(a));
	EXPECT_EQ(file_read_kernel(f[1], a, 10, 0), 10);
	EXPECT(a[9] == 0 && a[10] == 1);
	EXPECT_EQ(file_write_kernel(f[2], a, 10, 0), -ENOSPC);
	EXPECT_EQ(file_read_kernel(f[2], a, 10, 0), 10);
	EXPECT_EQ(file_read_kernel(f[3], a, sizeof(a), 0), sizeof(a));
	EXPECT_EQ(file_read_kernel(f[3], b, sizeof(b), 0), sizeof(b));
	for (size_t i = 0; i < sizeof(a); i++)
		differ += a[i] != b[i];
	EXPECT(differ > 2900);
	for (int i = 0; i < 4; i++)
		file_put(f[i]);
}
