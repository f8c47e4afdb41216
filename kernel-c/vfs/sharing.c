/*
 * Files that are mapped shared (sharing.h): versions of pages, and access to the
 * pages for task/shared.c.
 */
#include "sharing.h"

#include "../ipc/word.h"
#include "../lib/alloc.h"

#define VERSIONS_MIN 16u
#define VERSIONS_MAX 65536u /* a mapping of 256 MiB; a larger one shares them */

static struct slab_cache sharing_cache = SLAB_CACHE("sharing", struct sharing);

/* ---- versions ---- */

static struct sharing *sharing_new(void)
{
	struct sharing *s = slab_alloc(&sharing_cache);

	if (!s)
		return NULL;
	lock_init(&s->lock, RANK_SHARING);
	mutex_init(&s->words, RANK_WORDS);
	list_init(&s->dead);
	return s;
}

void sharing_free(struct sharing *s)
{
	word_forget_dead(s);
	kfree(s->version);
	slab_free(&sharing_cache, s);
}

/* A larger table, in which all pages are new: it is not known which were. */
static bool grow(struct sharing *s, uint32_t n)
{
	uint64_t *fresh = kzalloc(n * sizeof(fresh[0])), *old = fresh;

	if (!fresh)
		return false;
	lock(&s->lock);
	if (n > s->nversions) {
		for (uint32_t i = 0; s->nversions && i < n; i++)
			fresh[i] = s->clock;
		old = s->version;
		s->version = fresh;
		s->nversions = n;
	}
	unlock(&s->lock);
	kfree(old);
	return true;
}

struct sharing *sharing_get(struct inode *inode, uint64_t pages)
{
	struct sharing *s = __atomic_load_n(&inode->sharing, __ATOMIC_ACQUIRE), *none = NULL;
	uint32_t n = VERSIONS_MIN;

	if (!s) {
		if (!(s = sharing_new()))
			return NULL;
		if (!__atomic_compare_exchange_n(&inode->sharing, &none, s, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			sharing_free(s);
			s = none;
		}
	}
	while (n < pages && n < VERSIONS_MAX)
		n *= 2;
	return n <= __atomic_load_n(&s->nversions, __ATOMIC_RELAXED) || grow(s, n) ? s : NULL;
}

uint64_t sharing_changed(struct sharing *s, int64_t from, int64_t end)
{
	uint64_t page = (uint64_t)from / PAGE_SIZE, last = (uint64_t)(end - 1) / PAGE_SIZE, clock;

	lock(&s->lock);
	clock = s->clock + 1;
	/* once around the table is enough */
	for (uint32_t n = 0; page <= last && n < s->nversions; page++, n++)
		s->version[page & (s->nversions - 1)] = clock;
	__atomic_store_n(&s->clock, clock, __ATOMIC_RELEASE);
	unlock(&s->lock);
	return clock;
}

uint64_t sharing_next(struct sharing *s, uint64_t page, uint64_t end, uint64_t since)
{
	lock(&s->lock);
	while (page < end && s->version[page & (s->nversions - 1)] <= since)
		page++;
	unlock(&s->lock);
	return page;
}

/* ---- pages ---- */

static int64_t size_of(const struct inode *inode)
{
	return __atomic_load_n(&inode->size, __ATOMIC_RELAXED);
}

/* The bytes of a page that are in the file. */
static size_t bytes_in(const struct inode *inode, uint64_t page)
{
	int64_t left = size_of(inode) - (int64_t)(page * PAGE_SIZE);

	return left <= 0 ? 0 : (size_t)min(left, (int64_t)PAGE_SIZE);
}

static bool has_pages(const struct inode *inode)
{
	return inode->ops && inode->ops->page;
}

static int64_t read_at(struct file *f, void *buf, size_t n, int64_t at)
{
	struct uio u;
	int64_t done;

	uio_kernel(&u, buf, n);
	do {
		done = f->ops->read ? f->ops->read(f, &u, &at) : -ENODEV;
	} while (done > 0 && u.left > 0);
	return done < 0 ? done : (int64_t)(n - u.left);
}

static int write_at(struct file *f, const void *buf, size_t n, int64_t at)
{
	struct uio u;
	int64_t done;

	uio_kernel(&u, (void *)buf, n);
	do {
		done = f->ops->write ? f->ops->write(f, &u, &at) : -ENODEV;
	} while (done > 0 && u.left > 0);
	return done < 0 ? (int)done : u.left ? -EIO : 0;
}

int sharing_read(struct file *f, uint64_t page, char *buf)
{
	struct inode *inode = f->inode;
	int64_t n = 0;
	char *p;

	if (has_pages(inode)) {
		mutex_lock(&inode->lock);
		p = inode->ops->page(inode, page, false);
		if (p)
			memcpy(buf, p, PAGE_SIZE);
		mutex_unlock(&inode->lock);
		n = p ? PAGE_SIZE : 0;
	} else if (bytes_in(inode, page)) {
		n = read_at(f, buf, PAGE_SIZE, (int64_t)(page * PAGE_SIZE));
	}
	if (n < 0)
		return (int)n;
	memset(buf + n, 0, PAGE_SIZE - (size_t)n);
	return 0;
}

/* What is to be written: bytes that differ, in blocks that may. */
struct changes {
	const char *now, *before;
	uint64_t blocks; /* those not looked at yet */
	size_t at, end;  /* where the last run ended; the page's bytes that are in the file */
};

/* The next run of bytes that differ, at c->at - its length; 0: no more. */
static size_t next_run(struct changes *c)
{
	size_t i = c->at, block_end = round_up(i, (size_t)SHARING_BLOCK), start;

	for (;;) {
		while (i < block_end && c->now[i] == c->before[i])
			i++;
		if (i < block_end)
			break;
		if (!c->blocks)
			return 0;
		i = (size_t)__builtin_ctzll(c->blocks) * SHARING_BLOCK;
		block_end = i + SHARING_BLOCK;
		c->blocks &= c->blocks - 1;
	}
	if (i >= c->end)
		return 0;
	block_end = min(block_end, c->end);
	for (start = i; i < block_end && c->now[i] != c->before[i]; i++)
		;
	c->at = i;
	return i - start;
}

/* Into the filesystem's own page, at once. */
static int write_page(struct inode *inode, uint64_t page, struct changes *c)
{
	char *p = NULL;
	int err = 0;
	size_t n;

	mutex_lock(&inode->lock);
	c->end = bytes_in(inode, page);
	while (err == 0 && (n = next_run(c))) {
		if (!p && !(p = inode->ops->page(inode, page, true)))
			err = -ENOSPC;
		else
			memcpy(p + c->at - n, c->now + c->at - n, n);
	}
	if (p)
		inode_modified(inode);
	mutex_unlock(&inode->lock);
	return err;
}

int sharing_write(struct file *f, struct sharing *s, uint64_t page, const char *now, const char *before,
		  uint64_t blocks, uint64_t *clock)
{
	struct changes c = { .now = now, .before = before, .blocks = blocks };
	int64_t start = (int64_t)(page * PAGE_SIZE);
	int err = 0;
	size_t n;

	if (has_pages(f->inode)) {
		err = write_page(f->inode, page, &c);
	} else {
		c.end = bytes_in(f->inode, page);
		while (err == 0 && (n = next_run(&c)))
			err = write_at(f, now + c.at - n, n, start + (int64_t)(c.at - n));
	}
	*clock = sharing_changed(s, start, start + (int64_t)PAGE_SIZE);
	return err;
}

/* ---- words ---- */

int sharing_load(struct file *f, int64_t at, uint32_t *value)
{
	struct inode *inode = f->inode;
	int64_t n;
	char *p;

	*value = 0;
	if (!has_pages(inode)) {
		n = read_at(f, value, 4, at);
		return n < 0 ? (int)n : n < 4 ? -EFAULT : 0;
	}
	mutex_lock(&inode->lock);
	p = inode->ops->page(inode, (uint64_t)at / PAGE_SIZE, false);
	if (p)
		memcpy(value, p + at % PAGE_SIZE, 4);
	mutex_unlock(&inode->lock);
	return at + 4 <= size_of(inode) ? 0 : -EFAULT;
}

int sharing_store(struct file *f, int64_t at, uint32_t value)
{
	struct inode *inode = f->inode;
	int err = -EFAULT;
	char *p;

	if (!has_pages(inode))
		return at + 4 <= size_of(inode) ? write_at(f, &value, 4, at) : -EFAULT;
	mutex_lock(&inode->lock);
	if (at + 4 <= inode->size) {
		p = inode->ops->page(inode, (uint64_t)at / PAGE_SIZE, true);
		if (p)
			memcpy(p + at % PAGE_SIZE, &value, 4);
		err = p ? 0 : -ENOSPC;
	}
	mutex_unlock(&inode->lock);
	return err;
}
