/*
 * Block devices: opening them, and the synchronous calls (block.h). Those over a
 * store of the host are here, loop devices in loop.c.
 */
#include "block.h"

#include "../kernel.h"
#include "../lib/alloc.h"
#include "../vfs/mount.h"
#include "../vfs/namei.h"
#include "block_file.h"
#include "loop.h"

static struct lock devices_lock = LOCK_INIT(RANK_REQUEST);
static struct list devices = LIST_INIT(devices); /* [b] */
static struct wait_queue left = WAIT_QUEUE_INIT(left); /* somebody has given one back */
static struct slab_cache device_cache = SLAB_CACHE("block_device", struct block_device);
/* One store is opened at a time: else two would open the same. */
static struct mutex opening = MUTEX_INIT(RANK_META);

struct block_device *block_new(const struct block_ops *ops, const char *name, bool read_only)
{
	struct block_device *b = slab_alloc(&device_cache);

	if (!b)
		return NULL;
	b->ops = ops;
	kstrlcpy(b->name, name, sizeof b->name);
	b->read_only = read_only;
	b->refs = 1;
	b->dev = fs_new_dev();
	list_init(&b->all);
	return b;
}

struct block_device *block_get(struct block_device *b)
{
	lock(&devices_lock);
	b->refs++;
	unlock(&devices_lock);
	return b;
}

struct block_device *block_by_dev(uint64_t dev)
{
	struct block_device *b, *found = NULL;

	lock(&devices_lock);
	list_for_each(b, &devices, all)
		if (b->dev == dev) {
			found = b;
			b->refs++;
			break;
		}
	unlock(&devices_lock);
	return found;
}

void block_put(struct block_device *b)
{
	bool last;

	lock(&devices_lock);
	last = --b->refs == 0;
	if (last)
		list_remove(&b->all);
	unlock(&devices_lock);
	if (!last) {
		wake_all(&left);
		return;
	}
	b->ops->close(b);
	slab_free(&device_cache, b);
}

/* Sleep, with devices_lock held before and after, until `gone`; 0 or -EINTR. */
static int wait_left(const struct block_device *b, bool (*gone)(const struct block_device *b))
{
	struct waiter w;
	int err = 0;

	if (gone(b))
		return 0;
	unlock(&devices_lock); /* whose rank is above the queue's */
	wait_begin(&left, &w);
	lock(&devices_lock);
	while (!gone(b) && err == 0) {
		unlock(&devices_lock);
		err = wait_sleep_killable(FOREVER);
		lock(&devices_lock);
	}
	unlock(&devices_lock);
	wait_end(&w);
	lock(&devices_lock);
	return gone(b) ? 0 : -EINTR;
}

static bool has_left(const struct block_device *b)
{
	return !b->claimed || !b->leaving;
}

static bool all_have_left(const struct block_device *b)
{
	return !b->leaving || (!b->claimed && b->refs == 1);
}

int block_claim(struct block_device *b)
{
	int err;

	lock(&devices_lock);
	if ((err = wait_left(b, has_left)) == 0 && b->claimed)
		err = -EBUSY;
	if (err == 0) {
		b->claimed = true;
		b->leaving = false;
	}
	unlock(&devices_lock);
	return err;
}

void block_unclaim(struct block_device *b)
{
	lock(&devices_lock);
	b->claimed = false;
	unlock(&devices_lock);
	wake_all(&left);
}

void block_leave(struct block_device *b)
{
	lock(&devices_lock);
	b->leaving = true;
	unlock(&devices_lock);
}

void block_put_left(struct block_device *b)
{
	lock(&devices_lock);
	wait_left(b, all_have_left);
	unlock(&devices_lock);
	block_put(b);
}

/* ---- stores ---- */

static void store_submit(struct block_device *b, struct request *r)
{
	r->store = b->store;
	request_submit(r);
}

/* Do a request without data: the result; *v gets what it tells, if it tells anything. */
static int simple(enum request_kind kind, int store, int64_t v[2])
{
	struct request *r = request_new(kind, 0);
	int result;

	if (!r)
		return -ENOMEM;
	r->store = store;
	result = request_do(r);
	if (v && result >= 0) {
		v[0] = r->blocks;
		v[1] = r->available;
	}
	request_put(r);
	return result < 0 ? result : 0;
}

static int store_size(struct block_device *b, int64_t *blocks)
{
	int64_t v[2];
	int err = simple(REQUEST_SEEK, b->store, v);

	if (err == 0)
		*blocks = v[0];
	return err;
}

static int store_estimate(struct block_device *b, int64_t *held, int64_t *available)
{
	int64_t v[2];
	int err = simple(REQUEST_ESTIMATE, b->store, v);

	if (err == 0) {
		*held = v[0];
		*available = v[1];
	}
	return err;
}

static void store_close(struct block_device *b)
{
	struct request *r = request_new(REQUEST_CLOSE, 0);

	if (!r) {
		klog(4, "%s: no memory to close it", b->name);
		return;
	}
	r->store = b->store;
	request_submit(r);
	request_put(r);
}

static const struct block_ops store_ops = {
	.submit = store_submit,
	.size = store_size,
	.estimate = store_estimate,
	.close = store_close,
};

/* The driver's handle of a store, or -errno. */
static int store_handle(const char *name, bool read_only)
{
	size_t length = strlen(name);
	struct request *r = request_new(REQUEST_OPEN, length);
	int handle;

	if (!r)
		return -ENOMEM;
	memcpy(r->buffer, name, length);
	r->length = (uint32_t)length;
	r->flags = read_only ? 1 : 0;
	handle = request_do(r);
	request_put(r);
	return handle;
}

static struct block_device *store_find(const char *name, bool read_only, int *err)
{
	struct block_device *b, *found = NULL;

	lock(&devices_lock);
	list_for_each(b, &devices, all)
		if (b->ops == &store_ops && strcmp(b->name, name) == 0) {
			found = b;
			*err = b->read_only && !read_only ? -EROFS : 0;
			if (*err == 0)
				b->refs++;
			break;
		}
	unlock(&devices_lock);
	return found;
}

static struct block_device *store_open_once(const char *name, bool read_only, int *err)
{
	struct block_device *b;
	int handle;

	if ((b = store_find(name, read_only, err)))
		return *err < 0 ? NULL : b;
	*err = -ENAMETOOLONG;
	if (strlen(name) >= sizeof b->name)
		return NULL;
	if ((*err = handle = store_handle(name, read_only)) < 0)
		return NULL;
	if (!(b = block_new(&store_ops, name, read_only))) {
		*err = -ENOMEM;
		simple(REQUEST_CLOSE, handle, NULL);
		return NULL;
	}
	b->store = handle;
	block_add(b);
	*err = 0;
	return b;
}

static struct block_device *store_open(const char *name, bool read_only, int *err)
{
	struct block_device *b;

	mutex_lock(&opening);
	b = store_open_once(name, read_only, err);
	mutex_unlock(&opening);
	return b;
}

void block_add(struct block_device *b)
{
	lock(&devices_lock);
	list_append(&devices, &b->all);
	unlock(&devices_lock);
}

struct block_device *block_find_file(struct inode *inode)
{
	struct block_device *b, *found = NULL;

	lock(&devices_lock);
	list_for_each(b, &devices, all)
		if (b->file && b->file->inode == inode) {
			found = b;
			b->refs++;
			break;
		}
	unlock(&devices_lock);
	return found;
}

/* ---- by path ---- */

static struct block_device *open_path(const char *path, bool read_only, int *err)
{
	struct process *p = current ? current_process : NULL;
	struct path at;
	struct block_device *b = NULL;
	char name[sizeof b->name];

	if ((*err = path_lookup(p, AT_FDCWD, path, WALK_FOLLOW, &at)) < 0)
		return NULL;
	if (S_ISREG(at.dentry->inode->mode))
		b = loop_open(p, path, read_only, err);
	else if ((*err = block_file_store(at.dentry->inode, name, sizeof name)) == 0)
		b = store_open(name, read_only, err);
	path_put(&at);
	return b;
}

struct block_device *block_open(const char *source, uint32_t flags, int *err)
{
	bool read_only = flags & BLOCK_READ_ONLY;
	struct block_device *b = NULL;

	*err = -ENOENT;
	if (!(flags & BLOCK_STORE))
		b = open_path(source, read_only, err);
	if (!b && *err == -ENOENT && source[0] && !strchr(source, '/'))
		b = store_open(source, read_only, err);
	return b;
}

/* ---- synchronously ---- */

/* A list of pages that outlives who waits for it; it goes with its request. */
struct transfer {
	bool abandoned; /* the waiter was killed: the pages are ours */
	struct request_page pages[];
};

static void transfer_release(struct request *r)
{
	struct transfer *t = r->private;

	if (t->abandoned)
		for (uint32_t i = 0; i < r->count; i++)
			page_free(t->pages[i].page, 0);
	kfree(t);
}

static int transfer(struct block_device *b, enum request_kind kind, struct request_page *pages,
		    uint32_t count)
{
	struct transfer *t = kmalloc(sizeof *t + count * sizeof *pages);
	struct request *r = t ? request_new(kind, 0) : NULL;
	int result;

	if (!r) {
		kfree(t);
		return -ENOMEM;
	}
	t->abandoned = false;
	if (count)
		memcpy(t->pages, pages, count * sizeof *pages);
	r->pages = t->pages;
	r->count = count;
	r->private = t;
	r->release = transfer_release;
	block_submit(b, r);
	result = request_wait(r);
	if (result == -EINTR && count) {
		t->abandoned = true;
		for (uint32_t i = 0; i < count; i++)
			pages[i].page = NULL;
	}
	request_put(r);
	return result < 0 ? result : 0;
}

int block_read(struct block_device *b, struct request_page *pages, uint32_t count)
{
	return count ? transfer(b, REQUEST_READ_LIST, pages, count) : 0;
}

int block_write(struct block_device *b, struct request_page *pages, uint32_t count)
{
	if (b->read_only)
		return -EROFS;
	return count ? transfer(b, REQUEST_WRITE_LIST, pages, count) : 0;
}

int block_flush(struct block_device *b)
{
	return transfer(b, REQUEST_FLUSH, NULL, 0);
}

int block_read_bytes(struct block_device *b, uint64_t offset, void *to, size_t n)
{
	char *at = to;
	int err = 0;

	while (n > 0 && err == 0) {
		size_t in = (size_t)(offset % BLOCK_BYTES), part = min(n, BLOCK_BYTES - in);
		struct request_page page = { (uint32_t)(offset / BLOCK_BYTES), page_alloc(0) };

		if (offset / BLOCK_BYTES > UINT32_MAX)
			err = -EINVAL;
		else if (!page.page)
			err = -ENOMEM;
		else if ((err = block_read(b, &page, 1)) == 0)
			memcpy(at, (char *)page.page + in, part);
		if (page.page)
			page_free(page.page, 0);
		at += part;
		offset += part;
		n -= part;
	}
	return err;
}

int block_size(struct block_device *b, int64_t *blocks)
{
	return b->ops->size(b, blocks);
}

int block_estimate(struct block_device *b, int64_t *held, int64_t *available)
{
	return b->ops->estimate(b, held, available);
}
