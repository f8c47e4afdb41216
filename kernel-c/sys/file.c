/*
 * System calls on descriptors: reading, writing, and the descriptors themselves.
 *
 * Arguments and copies only; what they mean is in vfs/. O_PATH descriptors
 * are good for few calls; file_readable and file_writable refuse them.
 */
#include "../lib/alloc.h"
#include "../task/mm.h"
#include "../vfs/file_lock.h"
#include "../vfs/inotify.h"
#include "../vfs/namei.h"
#include "../vfs/pipe.h"
#include "../vfs/sharing.h"
#include "sys.h"

#define COUNT_MAX 0x7ffff000u /* more is cut, as on Linux: a count must fit the result */
#define IOV_FAST 8            /* iovecs that need no allocation */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

/* ---- open, close, dup ---- */

int32_t sys_openat(int32_t dirfd, uint32_t path, uint32_t flags, uint32_t mode)
{
	struct fdtable *t = current_process->files;
	char name[PATH_MAX];
	struct file *f;
	int err, fd;

	if ((err = copy_in_string(name, path, sizeof name)) < 0)
		return err;
	/* The descriptor first: without one, nothing must be created or truncated. */
	if ((fd = fd_reserve(t, 0, flags & O_CLOEXEC)) < 0)
		return fd;
	f = vfs_open(current_process, dirfd, name, flags & ~VFS_EXEC, mode, &err);
	if (!f) {
		fd_unreserve(t, fd);
		return err;
	}
	fd_fill(t, fd, f);
	return fd;
}

int32_t sys_close(int32_t fd)
{
	return fd_close(current_process->files, fd);
}

int32_t sys_dup(int32_t fd)
{
	struct file *f = fd_get(fd);

	return f ? fd_install(current_process->files, f, 0, false) : -EBADF;
}

int32_t sys_dup3(int32_t oldfd, int32_t newfd, uint32_t flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return fd_dup2(current_process->files, oldfd, newfd, flags & O_CLOEXEC);
}

/* ---- read and write ---- */

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
	if (unlikely(offset < 0))
		return -EINVAL;
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
	struct file *f = fd_get_for(fd, write, &err);

	if (unlikely(!f))
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
	struct file *f = fd_get_for(fd, write, &err);

	if (!f)
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
	if (in->ops->stream || *pos < 0)
		return -EINVAL;
	if ((out->flags & O_APPEND) || count == 0)
		return count ? -EINVAL : 0;
	if (!(chunk = page_alloc(SEND_CHUNK_ORDER)))
		return -ENOMEM;
	n = send_chunks(out, in, pos, count, chunk);
	page_free(chunk, SEND_CHUNK_ORDER);
	return n;
}

int32_t sys_sendfile(int32_t outfd, int32_t infd, uint32_t offset, uint32_t count)
{
	struct file *in, *out;
	int64_t pos, n;
	int err;

	if (!(in = fd_get_for(infd, false, &err)))
		return err;
	if (!(out = fd_get_for(outfd, true, &err))) {
		file_put(in);
		return err;
	}
	if (offset)
		n = copy_in(&pos, offset, sizeof pos);
	else
		n = 0, pos = __atomic_load_n(&in->pos, __ATOMIC_RELAXED);
	if (n == 0)
		n = send(out, in, &pos, min(count, COUNT_MAX));
	if (n > 0 && offset)
		n = copy_out(offset, &pos, sizeof pos) < 0 ? -EFAULT : n;
	if (n > 0 && !offset) {
		mutex_lock(&in->lock);
		in->pos = pos;
		mutex_unlock(&in->lock);
	}
	file_put(out);
	file_put(in);
	return (int32_t)n;
}

/* ---- position, sync ---- */

int64_t sys_lseek(int32_t fd, int64_t offset, int32_t whence)
{
	struct file *f = fd_get(fd);
	int64_t at;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH) {
		file_put(f);
		return -EBADF;
	}
	if (f->ops->stream) {
		file_put(f);
		return -ESPIPE;
	}
	mutex_lock(&f->lock);
	if (f->ops->lseek)
		at = f->ops->lseek(f, offset, whence);
	else
		at = file_seek(f, offset, whence,
			       __atomic_load_n(&f->inode->size, __ATOMIC_RELAXED));
	mutex_unlock(&f->lock);
	file_put(f);
	return at;
}

static int32_t sync_file(int fd, bool data_only)
{
	struct file *f = fd_get(fd);
	int err = 0;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		err = -EBADF;
	else if (f->ops->stream || (!S_ISREG(f->inode->mode) && !S_ISDIR(f->inode->mode)))
		err = f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
	else if (f->ops->fsync)
		err = f->ops->fsync(f, data_only);
	file_put(f);
	return err;
}

int32_t sys_fsync(int32_t fd)
{
	return sync_file(fd, false);
}

int32_t sys_fdatasync(int32_t fd)
{
	return sync_file(fd, true);
}

int32_t sys_sync(void)
{
	return mount_sync_all();
}

/* ---- control ---- */

static int file_set_flags(struct file *f, uint32_t argument)
{
	uint32_t old = __atomic_load_n(&f->flags, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&f->flags, &old,
					    (old & ~SETFL_MASK) | (argument & SETFL_MASK), true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return 0;
}

static int fcntl_dup(int fd, uint32_t from, bool cloexec)
{
	struct file *f;

	if (from >= min((uint64_t)OPEN_MAX, current_process->limits[RLIMIT_NOFILE].cur))
		return -EINVAL;
	if (!(f = fd_get(fd)))
		return -EBADF;
	return fd_install(current_process->files, f, (int)from, cloexec);
}

static int fcntl_lock(struct file *f, int command, uaddr argument)
{
	bool ofd = command >= F_OFD_GETLK;
	struct abi_flock lk;
	int err = copy_in(&lk, argument, sizeof lk);

	if (err < 0)
		return err;
	if (ofd && lk.pid != 0)
		return -EINVAL;
	if (command == F_GETLK || command == F_OFD_GETLK) {
		err = file_lock_get(f, &lk, ofd);
		return err < 0 ? err : copy_out(argument, &lk, sizeof lk);
	}
	return file_lock_set(f, &lk, ofd, command == F_SETLKW || command == F_OFD_SETLKW);
}

static int fcntl_file(struct file *f, int command, uint32_t argument)
{
	switch (command) {
	case F_GETFL:
		return (int)(f->flags & ~VFS_EXEC);
	case F_SETFL:
		return f->flags & O_PATH ? -EBADF : file_set_flags(f, argument);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return f->flags & O_PATH ? -EBADF : fcntl_lock(f, command, argument);
	case F_GETPIPE_SZ:
		return pipe_size(f);
	case F_SETPIPE_SZ:
		return pipe_resize(f, argument);
	default:
		return -EINVAL;
	}
}

int32_t sys_fcntl(int32_t fd, int32_t command, uint32_t argument)
{
	struct fdtable *t = current_process->files;
	struct file *f;
	int result;

	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return fcntl_dup(fd, argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_flags(t, fd);
	case F_SETFD:
		return fd_set_flags(t, fd, (int)argument);
	}
	if (!(f = fd_get(fd)))
		return -EBADF;
	result = fcntl_file(f, command, argument);
	file_put(f);
	return result;
}

static int ioctl_nonblock(struct file *f, uaddr argument)
{
	uint32_t on, flags = __atomic_load_n(&f->flags, __ATOMIC_RELAXED);
	int err = copy_in(&on, argument, sizeof on);

	if (err < 0)
		return err;
	return file_set_flags(f, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* How much a regular file still has to read. */
static int ioctl_available(struct file *f, uaddr argument)
{
	int64_t left = f->inode->size - f->pos;
	int32_t n = (int32_t)max((int64_t)INT32_MIN, min(left, (int64_t)INT32_MAX));

	return copy_out(argument, &n, sizeof n);
}

int32_t sys_ioctl(int32_t fd, uint32_t request, uint32_t argument)
{
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		err = -EBADF;
	else if (request == FIOCLEX || request == FIONCLEX)
		err = fd_set_flags(current_process->files, fd, request == FIOCLEX ? FD_CLOEXEC : 0);
	else if (request == FIONBIO)
		err = ioctl_nonblock(f, argument);
	else if (f->ops->ioctl)
		err = f->ops->ioctl(f, request, argument);
	else if (request == FIONREAD && S_ISREG(f->inode->mode))
		err = ioctl_available(f, argument);
	else
		err = -ENOTTY;
	file_put(f);
	return err;
}

int32_t sys_flock(int32_t fd, int32_t operation)
{
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = f->flags & O_PATH ? -EBADF : file_flock(f, operation);
	file_put(f);
	return err;
}

/* ---- directories ---- */

struct getdents {
	struct dir_sink sink;
	char *buffer; /* one page: entries on their way to the program */
	uint32_t filled, room;
	bool full;
};

static bool getdents_entry(struct dir_sink *s, const char *name, size_t length, uint64_t ino,
			   uint8_t type, int64_t next)
{
	struct getdents *g = container_of(s, struct getdents, sink);
	uint32_t size = (uint32_t)round_up(offsetof(struct abi_dirent, name) + length + 1, (size_t)8);
	struct abi_dirent *d = (struct abi_dirent *)(g->buffer + g->filled);

	if (size > g->room - g->filled) {
		g->full = true;
		return false;
	}
	memset(d, 0, size);
	d->ino = ino;
	d->off = next;
	d->reclen = (uint16_t)size;
	d->type = type;
	memcpy(g->buffer + g->filled + offsetof(struct abi_dirent, name), name, length);
	g->filled += size;
	return true;
}

/* Fill the program's buffer, a page at a time. */
static int getdents(struct file *f, uaddr buffer, uint32_t length, char *page)
{
	struct getdents g = { .sink.entry = getdents_entry, .buffer = page };
	uint32_t done = 0;
	int err;

	do {
		int64_t before = f->pos;

		g.filled = 0;
		g.room = min(length - done, PAGE_SIZE);
		g.full = false;
		if ((err = f->ops->readdir(f, &g.sink)) == 0 && g.filled)
			err = copy_out(buffer + done, page, g.filled);
		if (err < 0) {
			f->pos = before; /* nothing of this page was delivered */
			return done ? (int)done : err;
		}
		done += g.filled;
	} while (g.full && g.filled && done < length);
	return done == 0 && g.full ? -EINVAL : (int)done;
}

int32_t sys_getdents64(int32_t fd, uint32_t buffer, uint32_t length)
{
	struct file *f = fd_get(fd);
	char *page;
	int n;

	if (!f)
		return -EBADF;
	n = -EBADF;
	if (f->flags & O_PATH)
		goto put;
	n = -ENOTDIR;
	if (!f->ops->readdir)
		goto put;
	n = -ENOMEM;
	if (!(page = page_alloc(0)))
		goto put;
	mutex_lock(&f->lock);
	n = getdents(f, buffer, min(length, (uint32_t)INT32_MAX), page);
	mutex_unlock(&f->lock);
	page_free(page, 0);
put:
	file_put(f);
	return n;
}
