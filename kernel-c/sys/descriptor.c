/*
 * System calls on descriptors, but for reading and writing (file.c).
 *
 * Arguments and copies only; what they mean is in vfs/. O_PATH descriptors
 * are good for few calls; file_readable and file_writable refuse them.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "../vfs/file_lock.h"
#include "../vfs/namei.h"
#include "../vfs/pipe.h"
#include "sys.h"

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
