/*
 * Open file descriptions.
 *
 * Their memory is never given back to the allocator, only kept on a list of
 * free ones, because fd_get (fdtable.c) looks at a description's reference
 * count without a lock: it may be looking at one that was just freed.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "epoll.h"
#include "file_lock.h"
#include "inotify.h"
#include "mount.h"

static struct slab_cache file_cache = SLAB_CACHE("file", struct file);
static struct lock free_lock = LOCK_INIT(RANK_SLAB);
static struct file *free_files; /* under free_lock; linked by `private` */

static struct file *file_alloc(void)
{
	struct file *f;

	lock(&free_lock);
	f = free_files;
	if (f) {
		free_files = f->private;
		__atomic_store_n(&file_cache.idle, file_cache.idle - 1, __ATOMIC_RELAXED);
	}
	unlock(&free_lock);
	return f ? f : slab_alloc(&file_cache);
}

static void file_free(struct file *f)
{
	lock(&free_lock);
	f->private = free_files;
	free_files = f;
	__atomic_store_n(&file_cache.idle, file_cache.idle + 1, __ATOMIC_RELAXED);
	unlock(&free_lock);
}

struct file *file_new(struct inode *inode, const struct file_ops *ops, uint32_t flags, int *err)
{
	struct file *f = file_alloc();

	if (!f) {
		inode_put(inode);
		*err = -ENFILE;
		return NULL;
	}
	f->flags = flags;
	f->ops = ops;
	f->inode = inode;
	f->dentry = NULL;
	f->mount = NULL;
	f->pos = 0;
	f->private = NULL;
	f->watched = false;
	mutex_init(&f->lock, RANK_FILE);
	__atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
	return f;
}

bool file_get_live(struct file *f)
{
	int refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);

	while (refs > 0 && !__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true,
							__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return refs > 0;
}

void file_put(struct file *f)
{
	if (likely(__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0))
		return;
	if (unlikely(f->watched))
		epoll_forget(f);
	if (f->dentry && !(f->flags & O_PATH))
		inotify_tell_file(f->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, f);
	if (f->ops->release)
		f->ops->release(f);
	if (unlikely(!list_empty(&f->inode->locks)))
		file_locks_release(f);
	inode_put(f->inode);
	dentry_put(f->dentry);
	if (f->mount)
		mount_put(f->mount);
	file_free(f);
}

int64_t file_read_kernel(struct file *f, void *buf, size_t n, int64_t pos)
{
	struct uio u;

	if (!file_readable(f) && !(f->flags & VFS_EXEC))
		return -EBADF;
	if (!f->ops->read)
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	uio_kernel(&u, buf, n);
	return f->ops->read(f, &u, &pos);
}

int64_t file_write_kernel(struct file *f, const void *buf, size_t n, int64_t pos)
{
	struct uio u;

	if (!file_writable(f))
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	uio_kernel(&u, (void *)buf, n);
	return f->ops->write(f, &u, &pos);
}

/* Without holes known: all is data, and one hole begins at the end. */
int64_t file_seek(struct file *f, int64_t offset, int whence, int64_t size)
{
	int64_t base = 0;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = f->pos;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0 || offset >= size)
			return -ENXIO;
		return f->pos = whence == SEEK_DATA ? offset : size;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base))
		return -EOVERFLOW;
	if (base < 0)
		return -EINVAL;
	return f->pos = base;
}
