/*
 * Loop devices: a regular file as a block device.
 *
 * What is asked of one is done by a worker (task/work.h): a file can't be read or
 * written on the supervisor, nor with the locks of who asks. Beyond the file's
 * end blocks are zero, and writing there makes it longer.
 *
 * A flush is an fsync of the file. Unlike a store's, the writes before it are not
 * atomic: a crash may leave some of them in the file, as on Linux.
 */
#include "loop.h"

#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/work.h"
#include "block_file.h"

static int64_t block_move(struct file *f, uint32_t block, char *page, bool write)
{
	int64_t done = 0, pos = (int64_t)block * BLOCK_BYTES;

	while (done < (int64_t)BLOCK_BYTES) {
		size_t left = (size_t)(BLOCK_BYTES - done);
		int64_t n = write ? file_write_kernel(f, page + done, left, pos + done) :
				    file_read_kernel(f, page + done, left, pos + done);

		if (n < 0)
			return n;
		if (n == 0)
			break; /* the end */
		done += n;
	}
	if (!write)
		memset(page + done, 0, (size_t)(BLOCK_BYTES - done));
	else if (done < (int64_t)BLOCK_BYTES)
		return -EIO;
	return 0;
}

static int64_t loop_do(struct block_device *b, struct request *r)
{
	int64_t err = 0;

	for (uint32_t i = 0; i < r->count && err == 0; i++)
		err = block_move(b->file, r->pages[i].block, r->pages[i].page,
				 r->kind != REQUEST_READ_LIST);
	if (err == 0 && r->kind == REQUEST_FLUSH && b->file->ops->fsync)
		err = b->file->ops->fsync(b->file, true);
	return err < 0 ? err : r->count;
}

/* A request that a worker is to carry out. */
struct loop_work {
	struct work work;
	struct block_device *device; /* with a reference */
	struct request *request;
};

static void loop_run(struct work *work)
{
	struct loop_work *w = container_of(work, struct loop_work, work);
	int64_t result = loop_do(w->device, w->request);

	request_end(w->request, (int32_t)result);
	block_put(w->device);
	kfree(w);
}

static void loop_submit(struct block_device *b, struct request *r)
{
	struct loop_work *w = kmalloc(sizeof *w);

	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	if (!w) {
		request_end(r, -ENOMEM);
		return;
	}
	work_init(&w->work, loop_run);
	w->device = block_get(b);
	w->request = r;
	work_queue(&w->work);
}

static int loop_size(struct block_device *b, int64_t *blocks)
{
	*blocks = (__atomic_load_n(&b->file->inode->size, __ATOMIC_RELAXED) + BLOCK_BYTES - 1) / BLOCK_BYTES;
	return 0;
}

static int loop_estimate(struct block_device *b, int64_t *held, int64_t *available)
{
	loop_size(b, held);
	*available = 0; /* an image does not grow by itself */
	return 0;
}

static void loop_close(struct block_device *b)
{
	file_put(b->file);
}

static const struct block_ops loop_ops = {
	.submit = loop_submit,
	.size = loop_size,
	.estimate = loop_estimate,
	.close = loop_close,
};

struct block_device *loop_open(struct process *p, const char *path, bool read_only, int *err)
{
	struct file *f = vfs_open(p, AT_FDCWD, path, read_only ? O_RDONLY : O_RDWR, 0, err);
	struct block_device *b;

	if (!f)
		return NULL;
	if ((b = block_find_file(f->inode))) {
		file_put(f);
		return b;
	}
	if (!(b = block_new(&loop_ops, "loop", read_only))) {
		file_put(f);
		*err = -ENOMEM;
		return NULL;
	}
	b->file = f;
	block_add(b);
	return b;
}
