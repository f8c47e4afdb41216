/*
 * Access to the current program's memory. The kernel never dereferences a uaddr.
 *
 * In wasm the calls go through table slots that the boot code fills with the
 * exports of uaccess.wat for the program that the worker runs; natively
 * tests-c/user_memory.c has a byte array. All return 0 or -EFAULT.
 */
#ifndef UACCESS_H
#define UACCESS_H

#include "types.h"

#define NULL_BYTES 1024 /* at the beginning of its memory, which count as unmapped */

int copy_in(void *to, uaddr from, size_t n);
int copy_out(uaddr to, const void *from, size_t n);
int user_zero(uaddr to, size_t n);
int user_load(uaddr address, uint32_t *value);   /* atomic; EFAULT when misaligned */
int user_store(uaddr address, uint32_t value);
int user_swap(uaddr address, uint32_t expected, uint32_t value, uint32_t *old);
/*
 * For memory that is shared (task/shared.c). user_differ: the offset of the 64 bytes
 * in which a and b first differ, n if in none. user_merge, by words and atomically:
 * bytes at `to` which equal those at `twin` become `from`'s; twin becomes `from`. All
 * multiples of 64.
 */
int user_differ(uaddr a, uaddr b, size_t n);
int user_merge(uaddr to, uaddr twin, const void *from, size_t n);
int user_grow(uint32_t pages); /* new size in 64 KiB pages, or -ENOMEM */
/* A NUL-terminated string of at most size-1 bytes: its length, -EFAULT or -ENAMETOOLONG. */
int copy_in_string(char *to, uaddr from, size_t size);

/*
 * Where a read or write moves bytes: the caller's iovecs, or a kernel buffer.
 * A file operation consumes it with uio_out (read: kernel to consumer) and
 * uio_in (write), never knowing which it is.
 */
struct uio {
	const struct abi_iovec *iov; /* in kernel memory; NULL for a kernel buffer */
	uint32_t niov, iov_done;     /* iovecs, and bytes used of iov[0] */
	char *kernel;                /* the kernel buffer */
	size_t left;                 /* bytes still to move */
};
/* One user buffer; *one must live as long as the uio. */
void uio_user(struct uio *u, struct abi_iovec *one, uaddr base, size_t length);
void uio_kernel(struct uio *u, void *base, size_t length);
/* Moves min(n, left) bytes: the count (which may be 0), or -EFAULT when none could move. */
int64_t uio_out(struct uio *u, const void *from, size_t n);
int64_t uio_in(struct uio *u, void *to, size_t n);
/* Write n zero bytes to the consumer. */
int64_t uio_out_zero(struct uio *u, size_t n);

#endif
