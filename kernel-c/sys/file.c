/*
 * System calls that move bytes of files: read and write in all their forms, sendfile.
 *
 * O_PATH descriptors are refused by file_readable and file_writable.
 */
#include "../lib/alloc.h"
#include "../task/mm.h"
#include "../vfs/inotify.h"
#include "../vfs/sharing.h"
#include "sys.h"

#define COUNT_MAX 0x7ffff000u /* more is cut, as on Linux: a count must fit the result */
#define IOV_FAST 8            /* iovecs that need no allocation */

/* The file if it may be read (or written); else NULL and *err. */
static struct file *fd_get_for(int fd, bool write, int *err)
{
	struct file *f = fd_get(fd);

	*err = -EBADF;
	if (unlikely(!f))
		return NULL;
	if (unlikely(!(write ? file_writable(f) : file_readable(f))))
		goto put;
	if (likely(write ? f->ops->write != NULL : f->ops->read != NULL))
		return f;
	*err = S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
put:
	file_put(f);
	return NULL;
}

static int64_t read_here(struct file *f, struct uio *u)
{
	int64_t n, pos = 0;

	if (f->ops->stream)
		return f->ops->read(f, u, &pos);
	mutex_lock(&f->lock);
	n = f->ops->read(f, u, &f->pos);
	mutex_unlock(&f->lock);
	return n;
}

/* O_SYNC and O_DSYNC: n bytes were written and are durable when this returns. */
static int64_t write_synced(struct file *f, int64_t n)
{
	if (likely(n <= 0 || !(f->flags & O_DSYNC) || !f->ops->fsync))
		return n;
	return f->ops->fsync(f, (f->flags & O_SYNC) != O_SYNC) < 0 ? -EIO : n;
}

static int64_t write_here(struct file *f, struct uio *u)
{
	int64_t n, pos = 0;

	if (f->ops->stream)
		return f->ops->write(f, u, &pos);
	mutex_lock(&f->lock);
	pos = (f->flags & O_APPEND) && S_ISREG(f->inode->mode) ? -1 : f->pos;
	n = f->ops->write(f, u, &pos);
	if (n >= 0)
		f->pos = pos;
	if (n > 0)
		inode_bytes_changed(f->inode, pos - n, pos);
	n = write_synced(f, n);
	mutex_unlock(&f->lock);
	return n;
}

static int64_t transfer_at(struct file *f, struct uio *u, bool write, int64_t offset)
{
	int64_t n;

	if (unlikely(f->ops->stream))
		return -ESPIPE;
	if (!write)
		return f->ops->read(f, u, &offset);
	n = f->ops->write(f, u, &offset);
	if (n > 0)
		inode_bytes_changed(f->inode, offset - n, offset);
	return write_synced(f, n);
}

static int64_t transfer(struct file *f, struct uio *u, bool write, const int64_t *offset)
{
	bool mapped = __atomic_load_n(&f->inode->sharing, __ATOMIC_ACQUIRE);
	int64_t n;

	/* we read what we stored in shared memory, and see there what we write */
	if (unlikely(mapped) && !write)
		shared_release();
	if (offset)
		n = transfer_at(f, u, write, *offset);
	else
		n = write ? write_here(f, u) : read_here(f, u);
	if (n > 0)
		inotify_tell_file(write ? IN_MODIFY : IN_ACCESS, f);
	if (unlikely(mapped) && write)
		shared_acquire();
	return n;
}

static int32_t one_buffer(int fd, uaddr buffer, uint32_t length, bool write, const int64_t *offset)
{
	struct abi_iovec iov;
	struct uio u;
	int64_t n;
	int err;
	struct file *f;

	if (unlikely(offset && *offset < 0))
		return -EINVAL;
	if (unlikely(!(f = fd_get_for(fd, write, &err))))
		return err;
	uio_user(&u, &iov, buffer, min(length, COUNT_MAX));
	n = transfer(f, &u, write, offset);
	file_put(f);
	return (int32_t)n;
}

int32_t sys_read(int32_t fd, uint32_t buffer, uint32_t length)
{
	return one_buffer(fd, buffer, length, false, NULL);
}

int32_t sys_write(int32_t fd, uint32_t buffer, uint32_t length)
{
	return one_buffer(fd, buffer, length, true, NULL);
}

int32_t sys_pread(int32_t fd, uint32_t buffer, uint32_t length, int64_t offset)
{
	return one_buffer(fd, buffer, length, false, &offset);
}

int32_t sys_pwrite(int32_t fd, uint32_t buffer, uint32_t length, int64_t offset)
{
	return one_buffer(fd, buffer, length, true, &offset);
}

/* Copy in the iovecs and check their sum. */
static int iov_copy_in(struct abi_iovec *v, uaddr iov, uint32_t count, size_t *total)
{
	uint64_t sum = 0;
	int err = copy_in(v, iov, count * sizeof *v);

	if (err < 0)
		return err;
	for (uint32_t i = 0; i < count; i++)
		sum += v[i].length;
	if (sum > INT32_MAX)
		return -EINVAL;
	*total = (size_t)sum;
	return 0;
}

static int32_t many_buffers(int fd, uaddr iov, int32_t count, bool write, const int64_t *offset)
{
	struct abi_iovec fast[IOV_FAST], *v = fast;
	struct uio u = { 0 };
	int64_t n;
	int err;
	struct file *f;

	if (offset && *offset < 0)
		return -EINVAL;
	if (!(f = fd_get_for(fd, write, &err)))
		return err;
	n = -EINVAL;
	if (count < 0 || count > IOV_MAX)
		goto put;
	n = -ENOMEM;
	if (count > IOV_FAST && !(v = kmalloc((size_t)count * sizeof *v)))
		goto put;
	n = count ? iov_copy_in(v, iov, (uint32_t)count, &u.left) : 0;
	if (n == 0) {
		u.iov = v;
		u.niov = (uint32_t)count;
		n = transfer(f, &u, write, offset);
	}
	if (v != fast)
		kfree(v);
put:
	file_put(f);
	return (int32_t)n;
}

int32_t sys_readv(int32_t fd, uint32_t iov, int32_t count)
{
	return many_buffers(fd, iov, count, false, NULL);
}

int32_t sys_writev(int32_t fd, uint32_t iov, int32_t count)
{
	return many_buffers(fd, iov, count, true, NULL);
}

int32_t sys_preadv(int32_t fd, uint32_t iov, int32_t count, int64_t offset)
{
	return many_buffers(fd, iov, count, false, &offset);
}

int32_t sys_pwritev(int32_t fd, uint32_t iov, int32_t count, int64_t offset)
{
	return many_buffers(fd, iov, count, true, &offset);
}

/* ---- sendfile ---- */

#define SEND_CHUNK_ORDER 4 /* 64 KiB at a time */

/* Copy up to `count` bytes through `chunk`; the count. *pos moves by what was written. */
static int64_t send_chunks(struct file *out, struct file *in, int64_t *pos, size_t count, char *chunk)
{
	int64_t done = 0;

	while (count) {
		struct uio u;
		int64_t at = *pos, got, put;

		uio_kernel(&u, chunk, min(count, (size_t)PAGE_SIZE << SEND_CHUNK_ORDER));
		got = in->ops->read(in, &u, &at);
		if (got <= 0)
			return done ? done : got;
		uio_kernel(&u, chunk, (size_t)got);
		inotify_tell_file(IN_ACCESS, in);
		put = write_here(out, &u);
		if (put < 0)
			return done ? done : put;
		inotify_tell_file(IN_MODIFY, out);
		*pos += put;
		done += put;
		count -= (size_t)put;
		if (put < got)
			break;
	}
	return done;
}

static int64_t send(struct file *out, struct file *in, int64_t *pos, size_t count)
{
	char *chunk;
	int64_t n;

	/* What can't be read again must not be read before it is known to fit. */
	if (in->ops->stream || (out->flags & O_APPEND))
		return -EINVAL;
	if (count == 0)
		return 0;
	if (!(chunk = page_alloc(SEND_CHUNK_ORDER)))
		return -ENOMEM;
	n = send_chunks(out, in, pos, count, chunk);
	page_free(chunk, SEND_CHUNK_ORDER);
	return n;
}

int32_t sys_sendfile(int32_t outfd, int32_t infd, uint32_t offset, uint32_t count)
{
	struct file *in, *out = NULL;
	int64_t pos, n = 0;
	int err;

	if (!(in = fd_get_for(infd, false, &err)))
		return err;
	if (offset)
		n = copy_in(&pos, offset, sizeof pos);
	else
		pos = __atomic_load_n(&in->pos, __ATOMIC_RELAXED);
	if (n == 0 && pos < 0)
		n = -EINVAL;
	if (n == 0 && !(out = fd_get_for(outfd, true, &err)))
		n = err;
	if (n == 0)
		n = send(out, in, &pos, min(count, COUNT_MAX));
	if (n > 0 && offset)
		n = copy_out(offset, &pos, sizeof pos) < 0 ? -EFAULT : n;
	if (n > 0 && !offset) {
		mutex_lock(&in->lock);
		in->pos = pos;
		mutex_unlock(&in->lock);
	}
	if (out)
		file_put(out);
	file_put(in);
	return (int32_t)n;
}
