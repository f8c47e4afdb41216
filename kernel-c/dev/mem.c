/*
 * /dev/null, zero, full, random and urandom.
 */
#include "../kernel.h"
#include "../lib/random.h"

#define CHUNK 1024u /* random bytes are made on the stack, in pieces of this size */

static int64_t null_read(struct file *f, struct uio *u, int64_t *pos)
{
	return 0;
}

/* Everything is taken, unread: a bad address is no error, as on Linux. */
static int64_t null_write(struct file *f, struct uio *u, int64_t *pos)
{
	int64_t n = (int64_t)u->left;

	u->left = 0;
	return n;
}

static int64_t zero_read(struct file *f, struct uio *u, int64_t *pos)
{
	return uio_out_zero(u, u->left);
}

static int64_t full_write(struct file *f, struct uio *u, int64_t *pos)
{
	return u->left ? -ENOSPC : 0;
}

static int64_t random_read(struct file *f, struct uio *u, int64_t *pos)
{
	uint8_t chunk[CHUNK];
	int64_t total = 0;

	while (u->left > 0) {
		size_t n = min(u->left, sizeof(chunk));
		int64_t done;

		random_bytes(chunk, n);
		done = uio_out(u, chunk, n);
		if (done < 0)
			return total ? total : done;
		total += done;
		if ((size_t)done < n)
			break;
	}
	return total;
}

/* Seeking does nothing and succeeds. */
static int64_t no_seek(struct file *f, int64_t offset, int whence)
{
	return f->pos = 0;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .lseek = no_seek };
static const struct file_ops zero_ops = { .read = zero_read, .write = null_write, .lseek = no_seek };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .lseek = no_seek };
/* Writing would add entropy; ours needs none. */
static const struct file_ops random_ops = { .read = random_read, .write = null_write, .lseek = no_seek };

void block_init(void);
void host_channel_init(void);

void dev_init(void)
{
	devfs_add("null", 0666, makedev(1, 3), &null_ops);
	devfs_add("zero", 0666, makedev(1, 5), &zero_ops);
	devfs_add("full", 0666, makedev(1, 7), &full_ops);
	devfs_add("random", 0666, makedev(1, 8), &random_ops);
	devfs_add("urandom", 0666, makedev(1, 9), &random_ops);
	block_init();
	host_channel_init();
}
