/*
 * uaccess.h: calls through the table slots that the boot code fills, and uio.
 */
#include "uaccess.h"

#if defined(__wasm__) && !defined(KERNEL_TEST) /* tests-c/user_memory.c has its own */
/*
 * Table indices of the nine slots. The boot code reads them here and puts the
 * exports of the current program's uaccess instance there. Until it has, a call
 * through a slot traps by its signature or ends in no_program.
 */
static int no_program(void)
{
	panic("uaccess without a program");
}
typedef int copy_fn(uint32_t, uint32_t, uint32_t);
static int no_copy(uint32_t a, uint32_t b, uint32_t c) { (void)a; (void)b; (void)c; return no_program(); }
static int no_copy_out(uint32_t a, uint32_t b, uint32_t c) { (void)a; (void)b; (void)c; return no_program() - 1; }
static int no_zero(uint32_t a, uint32_t b) { (void)a; (void)b; return no_program(); }
static int no_load(uint32_t a, uint32_t b) { (void)a; (void)b; return no_program() - 1; }
static int no_store(uint32_t a, uint32_t b) { (void)a; (void)b; return no_program() - 2; }
static int no_swap(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { (void)a; (void)b; (void)c; (void)d; return no_program(); }
static int no_grow(uint32_t a) { (void)a; return no_program(); }
static int no_differ(uint32_t a, uint32_t b, uint32_t c) { (void)a; (void)b; (void)c; return no_program() - 3; }
static int no_merge(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { (void)a; (void)b; (void)c; (void)d; return no_program() - 4; }

struct {
	copy_fn *copy_in, *copy_out;
	int (*zero)(uint32_t, uint32_t);
	int (*load)(uint32_t, uint32_t);
	int (*store)(uint32_t, uint32_t);
	int (*swap)(uint32_t, uint32_t, uint32_t, uint32_t);
	int (*grow)(uint32_t);
	copy_fn *differ;
	int (*merge)(uint32_t, uint32_t, uint32_t, uint32_t);
} uaccess_table = { no_copy, no_copy_out, no_zero, no_load, no_store, no_swap, no_grow, no_differ, no_merge };

#define ADDRESS(p) ((uint32_t)(uintptr_t)(p))

int copy_in(void *to, uaddr from, size_t n)
{
	return n ? uaccess_table.copy_in(ADDRESS(to), from, n) : 0;
}

int copy_out(uaddr to, const void *from, size_t n)
{
	return n ? uaccess_table.copy_out(to, ADDRESS(from), n) : 0;
}

int user_zero(uaddr to, size_t n)
{
	return n ? uaccess_table.zero(to, n) : 0;
}

int user_load(uaddr address, uint32_t *value)
{
	return uaccess_table.load(address, ADDRESS(value));
}

int user_store(uaddr address, uint32_t value)
{
	return uaccess_table.store(address, value);
}

int user_swap(uaddr address, uint32_t expected, uint32_t value, uint32_t *old)
{
	return uaccess_table.swap(address, expected, value, ADDRESS(old));
}

int user_grow(uint32_t pages)
{
	return uaccess_table.grow(pages);
}

int user_differ(uaddr a, uaddr b, size_t n)
{
	return uaccess_table.differ(a, b, n);
}

int user_merge(uaddr to, uaddr twin, const void *from, size_t n)
{
	return uaccess_table.merge(to, twin, ADDRESS(from), n);
}
#endif

/* Reads in pieces that end at 64-byte borders, so the end of memory is no obstacle. */
int copy_in_string(char *to, uaddr from, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = min((size_t)(64 - (from + done) % 64), size - done);
		int err = copy_in(to + done, (uaddr)(from + done), n);
		char *end;

		if (err < 0)
			return err;
		end = memchr(to + done, '\0', n);
		if (end)
			return (int)(end - to);
		done += n;
	}
	return -ENAMETOOLONG;
}

void uio_user(struct uio *u, struct abi_iovec *one, uaddr base, size_t length)
{
	*one = (struct abi_iovec){ base, length };
	*u = (struct uio){ .iov = one, .niov = 1, .left = length };
}

void uio_kernel(struct uio *u, void *base, size_t length)
{
	*u = (struct uio){ .kernel = base, .left = length };
}

/* The next contiguous piece of at most n bytes of the user's vectors. */
static size_t piece(struct uio *u, size_t n, uaddr *at)
{
	while (u->iov_done == u->iov->length) {
		u->iov++;
		u->niov--;
		u->iov_done = 0;
	}
	*at = u->iov->base + u->iov_done;
	return min(n, (size_t)(u->iov->length - u->iov_done));
}

enum direction { OUT, IN, ZERO };

static inline int64_t move(struct uio *u, char *k, size_t n, enum direction way)
{
	size_t done = 0;

	n = min(n, u->left);
	if (!u->iov) {
		if (way == OUT)
			memcpy(u->kernel, k, n);
		else if (way == IN)
			memcpy(k, u->kernel, n);
		else
			memset(u->kernel, 0, n);
		u->kernel += n;
		u->left -= n;
		return (int64_t)n;
	}
	while (done < n) {
		uaddr at;
		size_t m = piece(u, n - done, &at);
		int err = way == OUT ? copy_out(at, k + done, m) :
			  way == IN  ? copy_in(k + done, at, m) : user_zero(at, m);

		if (err < 0)
			return done ? (int64_t)done : err;
		u->iov_done += m;
		u->left -= m;
		done += m;
	}
	return (int64_t)done;
}

int64_t uio_out(struct uio *u, const void *from, size_t n)
{
	return move(u, (char *)from, n, OUT);
}

int64_t uio_in(struct uio *u, void *to, size_t n)
{
	return move(u, to, n, IN);
}

int64_t uio_out_zero(struct uio *u, size_t n)
{
	return move(u, NULL, n, ZERO);
}
