/*
 * Open files of a 9p mount. Each has a fid of its own, open at the server;
 * reads and writes go there at once, in pieces as large as a message.
 */
#include "../kernel.h"
#include "p9.h"

#define READDIR_ROOM 8192u

/* The fid of a file that was just made is open for all: its mode may forbid to open it again. */
static struct p9_fid *take_created(struct inode *inode)
{
	struct p9 *fs = p9_of(inode);
	struct p9_fid *fid;

	lock(&fs->lock);
	fid = p9_node(inode)->created;
	p9_node(inode)->created = NULL;
	unlock(&fs->lock);
	return fid;
}

static int open_fid(struct inode *inode, uint32_t flags, struct p9_fid **opened)
{
	struct p9_call call;
	struct p9_fid *fid;
	int err = p9_fid_new(inode, &fid);

	if (err < 0)
		return err;
	fid->access = flags & O_ACCMODE;
	if ((err = p9_call_begin(&call, P9_LOPEN, fid, 0)) == 0) {
		p9_put(&call.m, flags, 4);
		err = p9_call_do(&call);
		p9_call_end(&call);
	}
	if (err < 0)
		p9_fid_put(fid);
	else
		*opened = fid;
	return err;
}

static int p9_open(struct inode *inode, struct file *f)
{
	uint32_t flags = f->flags & (O_ACCMODE | O_DSYNC);
	struct p9 *fs = p9_of(inode);
	struct p9_fid *fid = take_created(inode);
	int err;

	if (fid && (flags & O_DSYNC)) {
		p9_fid_put(fid);
		fid = NULL;
	}
	if (!fid && (err = open_fid(inode, flags, &fid)) < 0)
		return err;
	f->private = fid;
	lock(&fs->lock);
	list_append(&p9_node(inode)->opened, &fid->opened);
	unlock(&fs->lock);
	return 0;
}

static void p9_release(struct file *f)
{
	struct p9 *fs = p9_of(f->inode);
	struct p9_fid *fid = f->private;

	lock(&fs->lock);
	list_remove(&fid->opened);
	unlock(&fs->lock);
	p9_fid_put(fid);
}

static uint32_t piece(const struct p9_fid *fid, size_t left)
{
	return (uint32_t)min(left, (size_t)p9_client_chunk(fid->client));
}

/* ---- data ---- */

/* Read one piece: the count. *last: nothing comes after it. */
static int64_t read_piece(struct p9_fid *fid, struct uio *u, int64_t pos, bool *last)
{
	uint32_t want = piece(fid, u->left), count;
	struct p9_call call;
	int64_t n = p9_call_begin(&call, P9_READ, fid, P9_READ_HEADER + want);

	if (n < 0)
		return n;
	p9_put(&call.m, (uint64_t)pos, 8);
	p9_put(&call.m, want, 4);
	if ((n = p9_call_do(&call)) < 0)
		goto end;
	count = (uint32_t)p9_get(&call.m, 4);
	*last = count < want;
	if (call.m.bad || count > want || count > call.m.end - call.m.at)
		n = -EIO;
	else if (count)
		n = uio_out(u, call.m.data + call.m.at, count);
end:
	p9_call_end(&call);
	return n;
}

static int64_t p9_read(struct file *f, struct uio *u, int64_t *pos)
{
	int64_t total = 0, n = 0;
	bool last = false;

	while (u->left > 0 && !last) {
		n = read_piece(f->private, u, *pos, &last);
		if (n <= 0)
			break;
		*pos += n;
		total += n;
	}
	return total ? total : n;
}

/* Write one piece: the count. *sent is how much was taken from u. */
static int64_t write_piece(struct p9_fid *fid, struct uio *u, size_t left, int64_t pos, int64_t *sent)
{
	uint32_t want = piece(fid, left), count;
	struct p9_call call;
	int64_t n = p9_call_begin(&call, P9_WRITE, fid, P9_WRITE_HEADER + want);

	if (n < 0)
		return n;
	n = uio_in(u, call.m.data + P9_WRITE_HEADER, want);
	if (n <= 0)
		goto end;
	*sent = n;
	p9_put(&call.m, (uint64_t)pos, 8);
	p9_put(&call.m, (uint64_t)n, 4);
	call.m.at += (uint32_t)n;
	if ((n = p9_call_do(&call)) < 0)
		goto end;
	count = (uint32_t)p9_get(&call.m, 4);
	n = call.m.bad || count > *sent ? -EIO : count;
end:
	p9_call_end(&call);
	return n;
}

static void wrote(struct inode *inode, int64_t end)
{
	__atomic_add_fetch(&inode->version, 1, __ATOMIC_RELEASE);
	if (end > inode->size)
		__atomic_store_n(&inode->size, end, __ATOMIC_RELAXED);
}

static int64_t write_locked(struct file *f, struct uio *u, int64_t *pos)
{
	struct inode *inode = f->inode;
	int64_t total = 0, n = 0, sent = 0;
	size_t left = u->left;
	int err;

	/* Nobody else of ours appends meanwhile. */
	if (*pos < 0) {
		if ((err = p9_refresh(inode)) < 0)
			return err;
		*pos = inode->size;
	}
	if ((err = inode_write_limit(*pos, &left)) < 0)
		return err;
	if (*pos > INT64_MAX - (int64_t)left)
		return -EFBIG;
	while (left > 0) {
		n = write_piece(f->private, u, left, *pos, &sent);
		if (n <= 0)
			break;
		*pos += n;
		total += n;
		left -= (size_t)n;
		wrote(inode, *pos);
		if (n < sent) /* what was taken from u can't be put back */
			break;
	}
	return total ? total : n;
}

static int64_t p9_write(struct file *f, struct uio *u, int64_t *pos)
{
	int64_t n;

	mutex_lock(&f->inode->lock);
	n = write_locked(f, u, pos);
	mutex_unlock(&f->inode->lock);
	return n;
}

static int64_t p9_lseek(struct file *f, int64_t offset, int whence)
{
	struct inode *inode = f->inode;
	int err = 0;

	if (whence != SEEK_SET && whence != SEEK_CUR) {
		mutex_lock(&inode->lock);
		err = p9_refresh(inode);
		mutex_unlock(&inode->lock);
	}
	return err < 0 ? err : file_seek(f, offset, whence, inode->size);
}

static int p9_fsync(struct file *f, bool data_only)
{
	struct p9_call call;
	int err = p9_call_begin(&call, P9_FSYNC, f->private, 0);

	if (err < 0)
		return err;
	p9_put(&call.m, data_only, 4);
	err = p9_call_do(&call);
	p9_call_end(&call);
	return err;
}

const struct file_ops p9_file_ops = {
	.open = p9_open,
	.release = p9_release,
	.read = p9_read,
	.write = p9_write,
	.lseek = p9_lseek,
	.fsync = p9_fsync,
};

/* ---- directories ---- */

/* Hand on the entries of one answer: how many, or an error. *full: the sink took no more. */
static int take_entries(struct file *f, struct dir_sink *sink, struct p9_message *m, bool *full)
{
	struct p9_entry e;
	int err, n = 0;

	for (; m->at < m->end; n++) {
		if ((err = p9_get_entry(m, &e)) < 0)
			return err;
		*full = !sink->entry(sink, e.name, e.length, e.ino, e.type, e.next);
		if (*full)
			break;
		f->pos = e.next;
	}
	return n;
}

/* The entries from f->pos on that one message holds; 0 at the end. */
static int readdir_piece(struct file *f, struct dir_sink *sink, bool *full)
{
	struct p9_fid *fid = f->private;
	uint32_t want = piece(fid, READDIR_ROOM), count;
	struct p9_call call;
	int n = p9_call_begin(&call, P9_READDIR, fid, P9_READ_HEADER + want);

	if (n < 0)
		return n;
	p9_put(&call.m, (uint64_t)f->pos, 8);
	p9_put(&call.m, want, 4);
	if ((n = p9_call_do(&call)) < 0)
		goto end;
	count = (uint32_t)p9_get(&call.m, 4);
	if (call.m.bad || count > want || count != call.m.end - call.m.at)
		n = -EIO;
	else
		n = take_entries(f, sink, &call.m, full);
end:
	p9_call_end(&call);
	return n;
}

static int p9_readdir(struct file *f, struct dir_sink *sink)
{
	bool full = false;
	int n;

	do
		n = readdir_piece(f, sink, &full);
	while (n > 0 && !full);
	return min(n, 0);
}

const struct file_ops p9_dir_ops = {
	.open = p9_open,
	.release = p9_release,
	.readdir = p9_readdir,
	.lseek = p9_lseek,
	.fsync = p9_fsync,
};
