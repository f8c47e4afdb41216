/*
 * /dev/idb0: the host's first block store as a device. Bytes anywhere; a write
 * that covers a block only in part reads it first.
 *
 * The store is opened with the first file and closed with the last.
 *
 * m under device->io   l under device->lock
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "request.h"

#define BLOCK 4096u
#define RUN 16u /* blocks per request: stores like large aligned calls */

static struct device {
	const char *name;    /* of the store */
	struct mutex io;     /* opening, and read-modify-write */
	struct lock lock;    /* RANK_REQUEST */
	int files;           /* [l] */
	int store;           /* [l] handle, or -1 */
} device = { "idb0", MUTEX_INIT(RANK_INODE), LOCK_INIT(RANK_REQUEST), 0, -1 };

/* Do a request without data: the result. */
static int simple(enum request_kind kind, int store, int64_t *blocks)
{
	struct request *r = request_new(kind, 0);
	int result;

	if (!r)
		return -ENOMEM;
	r->store = store;
	result = request_do(r);
	if (blocks && result >= 0)
		*blocks = r->blocks;
	request_put(r);
	return result;
}

static int store_open(struct device *d)
{
	size_t length = strlen(d->name);
	struct request *r = request_new(REQUEST_OPEN, length);
	int handle;

	if (!r)
		return -ENOMEM;
	memcpy(r->buffer, d->name, length);
	r->length = (uint32_t)length;
	handle = request_do(r);
	request_put(r);
	if (handle < 0)
		return handle;
	lock(&d->lock);
	d->store = handle;
	unlock(&d->lock);
	return 0;
}

/* One file less; the last closes the store, without waiting for that. */
static void device_drop(struct device *d)
{
	struct request *r;
	int store = -1;

	lock(&d->lock);
	if (--d->files == 0) {
		store = d->store;
		d->store = -1;
	}
	unlock(&d->lock);
	if (store < 0)
		return;
	r = request_new(REQUEST_CLOSE, 0);
	if (!r) {
		klog(4, "%s: no memory to close it", d->name);
		return;
	}
	r->store = store;
	request_submit(r);
	request_put(r);
}

static int block_open(struct inode *inode, struct file *f)
{
	struct device *d = &device;
	bool opened;
	int err = 0;

	mutex_lock(&d->io);
	lock(&d->lock);
	d->files++;
	opened = d->store >= 0;
	unlock(&d->lock);
	if (!opened)
		err = store_open(d);
	mutex_unlock(&d->io);
	if (err < 0)
		device_drop(d);
	else
		f->private = d;
	return err;
}

static void block_release(struct file *f)
{
	if (f->private)
		device_drop(f->private);
}

/* How much of [pos, pos+left) one request moves: whole blocks around it. */
static uint32_t span(int64_t pos, size_t left, uint32_t *offset)
{
	uint64_t end;

	*offset = (uint32_t)(pos % BLOCK);
	end = min((uint64_t)*offset + left, (uint64_t)RUN * BLOCK);
	return (uint32_t)((end + BLOCK - 1) / BLOCK);
}

static int transfer(struct device *d, struct request *r, enum request_kind kind, uint32_t block,
		    uint32_t count)
{
	r->kind = kind;
	r->store = d->store;
	r->block = block;
	r->count = count;
	return request_do(r);
}

static bool in_range(int64_t pos)
{
	return pos >= 0 && pos / BLOCK < (int64_t)UINT32_MAX - RUN;
}

static int64_t block_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct device *d = f->private;
	int64_t blocks, total = 0, done = 0;
	int err = simple(REQUEST_SEEK, d->store, &blocks);

	if (err < 0)
		return err;
	while (u->left > 0 && in_range(*pos) && *pos < blocks * BLOCK) {
		uint32_t offset, count = span(*pos, u->left, &offset);
		struct request *r = request_new(REQUEST_READ, count * BLOCK);

		if (!r)
			return total ? total : -ENOMEM;
		done = transfer(d, r, REQUEST_READ, (uint32_t)(*pos / BLOCK), count);
		if (done >= 0)
			done = uio_out(u, (char *)r->buffer + offset,
				       (size_t)min((int64_t)(count * BLOCK - offset),
						   blocks * BLOCK - *pos));
		request_put(r);
		if (done <= 0)
			break;
		*pos += done;
		total += done;
	}
	return total ? total : done;
}

/* Read the blocks at the ends of the run that the write covers only in part. */
static int fill_edges(struct device *d, char *data, uint32_t block, uint32_t count,
		      uint32_t offset, uint32_t length)
{
	const uint32_t last = count - 1;
	int err = 0;

	for (uint32_t i = 0; i < count && err >= 0; i += last ? last : 1) {
		bool whole = (i > 0 || offset == 0) &&
			     (i < last || (offset + length) % BLOCK == 0);
		struct request *r;

		if (whole)
			continue;
		r = request_new(REQUEST_READ, BLOCK);
		if (!r)
			return -ENOMEM;
		err = transfer(d, r, REQUEST_READ, block + i, 1);
		if (err >= 0)
			memcpy(data + i * BLOCK, r->buffer, BLOCK);
		request_put(r);
	}
	return err < 0 ? err : 0;
}

/* Write one run of blocks: the count of bytes. io is held. */
static int64_t write_run(struct device *d, struct uio *u, int64_t pos)
{
	uint32_t offset, count = span(pos, u->left, &offset), block = (uint32_t)(pos / BLOCK);
	uint32_t length = (uint32_t)min(u->left, (size_t)(count * BLOCK - offset));
	struct request *r = request_new(REQUEST_WRITE, count * BLOCK);
	int64_t done;

	if (!r)
		return -ENOMEM;
	done = fill_edges(d, r->buffer, block, count, offset, length);
	if (done == 0)
		done = uio_in(u, (char *)r->buffer + offset, length);
	if (done > 0 && done < length) /* a fault half way: the rest is not known */
		done = -EFAULT;
	if (done > 0) {
		int err = transfer(d, r, REQUEST_WRITE, block, count);

		if (err < 0)
			done = err;
	}
	request_put(r);
	return done;
}

static int64_t block_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct device *d = f->private;
	int64_t total = 0, done = 0;

	mutex_lock(&d->io);
	while (u->left > 0) {
		done = in_range(*pos) ? write_run(d, u, *pos) : -ENOSPC;
		if (done <= 0)
			break;
		*pos += done;
		total += done;
	}
	mutex_unlock(&d->io);
	return total ? total : done;
}

static int block_fsync(struct file *f, bool data_only)
{
	struct device *d = f->private;

	return simple(REQUEST_FLUSH, d->store, NULL);
}

static int64_t block_lseek(struct file *f, int64_t offset, int whence)
{
	struct device *d = f->private;
	int64_t blocks = 0, base = 0;
	int err;

	if (whence == SEEK_END) {
		if ((err = simple(REQUEST_SEEK, d->store, &blocks)) < 0)
			return err;
		base = blocks * BLOCK;
	} else if (whence == SEEK_CUR) {
		base = f->pos;
	} else if (whence != SEEK_SET) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	return f->pos = base;
}

static const struct file_ops block_ops = {
	.open = block_open,
	.release = block_release,
	.read = block_read,
	.write = block_write,
	.lseek = block_lseek,
	.fsync = block_fsync,
};

void block_init(void);
void block_init(void)
{
	devfs_add("idb0", 0600, makedev(7, 0), &block_ops);
}
