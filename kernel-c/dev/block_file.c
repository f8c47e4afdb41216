/*
 * /dev/idb0, /dev/opfs0 and so on: a block store of the host as a device. Bytes anywhere; a write
 * that covers a block only in part reads it first.
 *
 * The store is opened with the first file and closed with the last. While it is
 * mounted, what is read is what has reached the store, and nobody else writes.
 */
#include "block_file.h"

#include "../kernel.h"
#include "../lib/alloc.h"

#define MAJOR 7
#define RUN 16u /* blocks at once: stores like large aligned calls */

/* By minor number. The host has one of them, in which /home lives: two of each kind, to move it. */
static const char *const stores[] = { "idb0", "idb1", "opfs0", "opfs1", "file0" };

static struct mutex io = MUTEX_INIT(RANK_META); /* read-modify-write */

static int block_file_open(struct inode *inode, struct file *f)
{
	bool write = file_writable(f);
	struct block_device *b;
	char name[sizeof b->name];
	int err;

	if ((err = block_file_store(inode, name, sizeof name)) < 0)
		return err;
	if (!(b = block_open(name, BLOCK_STORE | (write ? 0 : BLOCK_READ_ONLY), &err)))
		return err;
	if (write && b->claimed) {
		block_put(b);
		return -EBUSY;
	}
	f->private = b;
	return 0;
}

static void block_file_release(struct file *f)
{
	if (f->private)
		block_put(f->private);
}

/* Blocks around [pos, pos+left), a run at most, with a page each. How many, or -ENOMEM. */
static int run_new(struct request_page pages[RUN], int64_t pos, size_t left)
{
	uint64_t end = min((uint64_t)(pos % BLOCK_BYTES) + left, (uint64_t)RUN * BLOCK_BYTES);
	uint32_t count = (uint32_t)((end + BLOCK_BYTES - 1) / BLOCK_BYTES);

	for (uint32_t i = 0; i < count; i++) {
		pages[i].block = (uint32_t)(pos / BLOCK_BYTES) + i;
		if (!(pages[i].page = page_alloc(0))) {
			while (i-- > 0)
				page_free(pages[i].page, 0);
			return -ENOMEM;
		}
	}
	return (int)count;
}

static void run_free(struct request_page *pages, int count)
{
	for (int i = 0; i < count; i++)
		if (pages[i].page)
			page_free(pages[i].page, 0);
}

/* Move up to n bytes between the run and the caller: the count, or an error. */
static int64_t run_move(struct request_page *pages, struct uio *u, int64_t pos, size_t n, bool in)
{
	size_t offset = (size_t)(pos % BLOCK_BYTES), done = 0;

	while (done < n) {
		size_t part = min(n - done, BLOCK_BYTES - offset);
		char *at = (char *)pages++->page + offset;
		int64_t moved = in ? uio_in(u, at, part) : uio_out(u, at, part);

		if (moved < 0)
			return done ? (int64_t)done : moved;
		done += (size_t)moved;
		if ((size_t)moved < part)
			break;
		offset = 0;
	}
	return (int64_t)done;
}

static bool in_range(int64_t pos)
{
	return pos >= 0 && pos / BLOCK_BYTES < (int64_t)UINT32_MAX - RUN;
}

static int64_t read_run(struct block_device *b, struct uio *u, int64_t pos, int64_t size)
{
	struct request_page pages[RUN];
	int count = run_new(pages, pos, (size_t)min((int64_t)u->left, size - pos));
	int64_t n;

	if (count < 0)
		return count;
	n = block_read(b, pages, (uint32_t)count);
	if (n == 0)
		n = run_move(pages, u, pos,
			     (size_t)min((int64_t)u->left,
					 min((int64_t)count * BLOCK_BYTES - pos % BLOCK_BYTES, size - pos)),
			     false);
	run_free(pages, count);
	return n;
}

static int64_t block_file_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct block_device *b = f->private;
	int64_t blocks, total = 0, done = 0;
	int err = block_size(b, &blocks);

	if (err < 0)
		return err;
	while (u->left > 0 && in_range(*pos) && *pos < blocks * BLOCK_BYTES) {
		done = read_run(b, u, *pos, blocks * BLOCK_BYTES);
		if (done <= 0)
			break;
		*pos += done;
		total += done;
	}
	return total ? total : done;
}

static int64_t write_run(struct block_device *b, struct uio *u, int64_t pos)
{
	struct request_page pages[RUN];
	int count = run_new(pages, pos, u->left);
	size_t room = (size_t)count * BLOCK_BYTES - (size_t)(pos % BLOCK_BYTES);
	bool whole = pos % BLOCK_BYTES == 0 && u->left >= room;
	int64_t n = 0, err;

	if (count < 0)
		return count;
	if (!whole)
		n = block_read(b, pages, (uint32_t)count);
	if (n == 0)
		n = run_move(pages, u, pos, min(u->left, room), true);
	if (n > 0 && whole && (size_t)n < room) /* a fault half way: the rest is not known */
		n = -EFAULT;
	if (n > 0 && (err = block_write(b, pages, (uint32_t)count)) < 0)
		n = err;
	run_free(pages, count);
	return n;
}

static int64_t block_file_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct block_device *b = f->private;
	int64_t total = 0, done = 0;

	mutex_lock(&io);
	while (u->left > 0) {
		done = in_range(*pos) ? write_run(b, u, *pos) : -ENOSPC;
		if (done <= 0)
			break;
		*pos += done;
		total += done;
	}
	mutex_unlock(&io);
	return total ? total : done;
}

static int block_file_fsync(struct file *f, bool data_only)
{
	return block_flush(f->private);
}

static int64_t block_file_lseek(struct file *f, int64_t offset, int whence)
{
	int64_t blocks = 0;
	int err;

	if (whence == SEEK_END && (err = block_size(f->private, &blocks)) < 0)
		return err;
	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		return -EINVAL;
	return file_seek(f, offset, whence, blocks * BLOCK_BYTES);
}

static const struct file_ops block_file_ops = {
	.open = block_file_open,
	.release = block_file_release,
	.read = block_file_read,
	.write = block_file_write,
	.lseek = block_file_lseek,
	.fsync = block_file_fsync,
};

int block_file_store(struct inode *inode, char *name, size_t size)
{
	if (!S_ISCHR(inode->mode) || devfs_ops(inode->rdev) != &block_file_ops ||
	    (inode->rdev & 0xff) >= countof(stores))
		return -ENOTBLK;
	kstrlcpy(name, stores[(inode->rdev & 0xff)], size);
	return 0;
}

void block_init(void);
void block_init(void)
{
	for (unsigned i = 0; i < countof(stores); i++)
		devfs_add(stores[i], 0600, makedev(MAJOR, i), &block_file_ops);
}
