/*
 * Memory that processes share.
 *
 * Memories share no pages, so sharing is copying, at the calls that synchronise:
 * a release (shared_release) writes to the file what the program changed, an
 * acquire (shared_acquire) reads what others did. What the program changed is found
 * by comparing each page with its twin, byte by byte, so processes that write to
 * different bytes of one page lose nothing (the multiple-writer protocol of
 * TreadMarks). docs/posix.md says what that guarantees.
 *
 *   release:  for each page that differs from its twin:
 *                 write the bytes that differ to the file; twin = page
 *   acquire:  for each page whose version is newer than the mapping:
 *                 bytes equal to the twin's = the file's; twin = the file's
 *
 * Other threads of the process may store meanwhile. A release copies a page once and
 * works on that; what comes later differs from the new twin. An acquire replaces
 * words by compare-and-swap, and only bytes that equal the twin's (user_merge).
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../vfs/sharing.h"
#include "mm.h"

static struct slab_cache view_cache = SLAB_CACHE("view", struct view);

void view_put(struct view *v)
{
	if (__atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	__atomic_sub_fetch(&v->sharing->views, 1, __ATOMIC_RELAXED);
	if (v->detach)
		v->detach(v->attached);
	file_put(v->file);
	slab_free(&view_cache, v);
}

static struct view *view_new(const struct view *like)
{
	struct view *v = slab_alloc(&view_cache);

	if (!v)
		return NULL;
	*v = *like;
	v->refs = 1;
	v->parts = 0;
	v->twin = NULL;
	file_get(v->file);
	__atomic_add_fetch(&v->sharing->views, 1, __ATOMIC_RELAXED);
	if (v->attach)
		v->attach(v->attached);
	return v;
}

struct view *view_copy(const struct view *v)
{
	return view_new(v);
}

/* The file's page at an address of a part. */
static uint64_t page_at(const struct view *v, uaddr at)
{
	return (uint64_t)(v->offset + (at - v->start)) / PAGE_SIZE;
}

static uaddr twin_at(const struct view *v, uaddr at)
{
	return v->twin->start + (at - v->start);
}

/* Nobody else can see it: a private matter until the process forks. */
static bool alone(const struct view *v)
{
	return v->anonymous && __atomic_load_n(&v->sharing->views, __ATOMIC_ACQUIRE) == 1;
}

/* ---- release ---- */

/*
 * Write back the page at `at`, whose first difference is `offset` bytes on. Each
 * block that differs is copied once, and its twin then becomes that copy.
 */
static int publish_page(struct mm *mm, struct area *m, uaddr at, uint32_t offset)
{
	char *now = mm->buffer, *before = mm->buffer + PAGE_SIZE;
	uaddr twin = twin_at(m->view, at);
	uint64_t blocks = 0, clock;
	int n, err = 0;

	while (offset < PAGE_SIZE && err == 0) {
		blocks |= 1ull << offset / SHARING_BLOCK;
		if ((err = copy_in(now + offset, at + offset, SHARING_BLOCK)) == 0)
			err = copy_in(before + offset, twin + offset, SHARING_BLOCK);
		offset += SHARING_BLOCK;
		if (offset < PAGE_SIZE && (n = user_differ(at + offset, twin + offset, PAGE_SIZE - offset)) > 0)
			offset += (uint32_t)n;
	}
	if (err == 0)
		err = sharing_write(m->view->file, m->view->sharing, page_at(m->view, at), now, before,
				    blocks, &clock);
	if (err < 0)
		return err;
	/* ours was the only change since: we have it */
	if (clock == m->synced + 1)
		m->synced = clock;
	for (; blocks && err == 0; blocks &= blocks - 1) {
		offset = (uint32_t)__builtin_ctzll(blocks) * SHARING_BLOCK;
		err = copy_out(twin + offset, now + offset, SHARING_BLOCK);
	}
	return err;
}

/* What differs in [at, end) of m: 0 or the first error; all that can be written is. */
static int publish(struct mm *mm, struct area *m, uaddr at, uaddr end)
{
	int n, err, first = 0;

	assert(mutex_held(&mm->sync));
	while (at < end) {
		n = user_differ(at, twin_at(m->view, at), end - at);
		if (n < 0 || (at += (uaddr)n) >= end)
			break;
		err = publish_page(mm, m, at - at % PAGE_SIZE, at % PAGE_SIZE);
		first = first ? first : err;
		at += PAGE_SIZE - at % PAGE_SIZE;
	}
	return first;
}

void shared_release_slow(void)
{
	struct mm *mm = current_process->mm;
	struct area *m;

	mutex_lock(&mm->sync);
	list_for_each(m, &mm->shared, of_shared)
		if (m->view->writable && !alone(m->view))
			publish(mm, m, m->start, m->end);
	mutex_unlock(&mm->sync);
}

void shared_before_fork(void)
{
	struct mm *mm = current_process->mm;
	struct area *m;

	if (!__atomic_load_n(&mm->nshared, __ATOMIC_RELAXED))
		return;
	mutex_lock(&mm->sync);
	list_for_each(m, &mm->shared, of_shared)
		if (m->view->writable)
			publish(mm, m, m->start, m->end);
	mutex_unlock(&mm->sync);
}

int shared_sync(uaddr start, uaddr end, bool durable)
{
	struct mm *mm = current_process->mm;
	struct area *m;
	int err = 0, e;

	mutex_lock(&mm->sync);
	list_for_each(m, &mm->shared, of_shared) {
		struct file *f = m->view->file;

		if (m->end <= start || m->start >= end || !m->view->writable)
			continue;
		e = publish(mm, m, max(start, m->start), min(end, m->end));
		if (e == 0 && durable && f->ops->fsync)
			e = f->ops->fsync(f, true);
		err = err ? err : e;
	}
	mutex_unlock(&mm->sync);
	return err;
}

/* ---- acquire ---- */

static int merge_page(struct mm *mm, struct area *m, uaddr at)
{
	int err = sharing_read(m->view->file, page_at(m->view, at), mm->buffer);

	if (err < 0)
		return err;
	if (m->view->writable)
		return user_merge(at, twin_at(m->view, at), mm->buffer, PAGE_SIZE);
	return copy_out(at, mm->buffer, PAGE_SIZE);
}

/* Bring all of m up to date. */
static int merge(struct mm *mm, struct area *m)
{
	uint64_t clock = sharing_clock(m->view->sharing);
	uint64_t first = page_at(m->view, m->start), page = first;
	uint64_t end = first + (m->end - m->start) / PAGE_SIZE;
	int err = 0, e;

	assert(mutex_held(&mm->sync));
	if (clock == m->synced)
		return 0;
	while ((page = sharing_next(m->view->sharing, page, end, m->synced)) < end) {
		e = merge_page(mm, m, m->start + (uaddr)((page - first) * PAGE_SIZE));
		err = err ? err : e;
		page++;
	}
	if (err == 0)
		m->synced = clock;
	return err;
}

void shared_acquire_slow(void)
{
	struct mm *mm = current_process->mm;
	struct area *m;

	mutex_lock(&mm->sync);
	list_for_each(m, &mm->shared, of_shared)
		merge(mm, m);
	mutex_unlock(&mm->sync);
}

/* ---- mapping ---- */

static bool all_zero(const char *page)
{
	uint64_t any = 0, word;

	for (size_t i = 0; i < PAGE_SIZE; i += 8) {
		memcpy(&word, page + i, 8);
		any |= word;
	}
	return any == 0;
}

/* Read the file into all of m, and its twin. What is zero there already is left alone. */
static int read_in(struct mm *mm, struct area *m, bool zeroed)
{
	struct view *v = m->view;
	int err = 0;

	m->synced = sharing_clock(v->sharing);
	for (uaddr at = m->start; at < m->end && err == 0; at += PAGE_SIZE) {
		err = sharing_read(v->file, page_at(v, at), mm->buffer);
		if (err < 0 || (zeroed && all_zero(mm->buffer)))
			continue;
		err = copy_out(at, mm->buffer, PAGE_SIZE);
		if (err == 0 && v->writable)
			err = copy_out(twin_at(v, at), mm->buffer, PAGE_SIZE);
	}
	return err;
}

/* Two pages to work with; mm->sync is held. */
static int need_buffer(struct mm *mm)
{
	if (!mm->buffer)
		mm->buffer = page_alloc(1);
	return mm->buffer ? 0 : -ENOMEM;
}

int shared_fill(void)
{
	struct mm *mm = current_process->mm;
	struct area *m;
	int err;

	if (!__atomic_load_n(&mm->nshared, __ATOMIC_RELAXED))
		return 0;
	mutex_lock(&mm->sync);
	err = need_buffer(mm);
	list_for_each(m, &mm->shared, of_shared)
		if (err == 0)
			err = read_in(mm, m, true);
	mutex_unlock(&mm->sync);
	return err;
}

/* Find room for the twin of v, which is as long as v was mapped. mm locked. */
static int add_twin(struct mm *mm, struct view *v, uint32_t length)
{
	struct list none = LIST_INIT(none);
	struct area *t;
	int32_t at = mm_map(mm, 0, length, MAP_PRIVATE, NULL, &t, &none);

	if (at < 0)
		return at;
	t->view = v;
	t->is_twin = true;
	v->twin = t;
	__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Both mappings of v, empty. mm->sync is held. */
static int32_t add_view(struct mm *mm, struct view *v, const struct shared_request *r,
			struct area **m, struct list *gone)
{
	int32_t at;
	int err;

	lock(&mm->lock);
	at = mm_map(mm, r->address, r->length, r->flags, v->file->dentry ? v->file : NULL, m, gone);
	if (at >= 0) {
		v->start = (uaddr)at;
		(*m)->view = v;
		v->parts = 1;
		list_append(&mm->shared, &(*m)->of_shared);
		__atomic_add_fetch(&mm->nshared, 1, __ATOMIC_RELAXED);
		if (v->writable && (err = add_twin(mm, v, r->length)) < 0) {
			mm_unmap(mm, v->start, v->start + r->length, gone);
			at = err;
		}
	}
	unlock(&mm->lock);
	return at;
}

static struct view *view_for(const struct shared_request *r)
{
	uint64_t pages = r->length / PAGE_SIZE;
	struct view like = {
		.file = r->file,
		.sharing = sharing_get(r->file->inode, pages),
		.writable = r->writable,
		.anonymous = r->anonymous,
		.length = r->length,
		.offset = r->offset,
		.attach = r->attach,
		.detach = r->detach,
		.attached = r->attached,
	};

	return like.sharing ? view_new(&like) : NULL;
}

int32_t shared_map(const struct shared_request *r)
{
	struct mm *mm = current_process->mm;
	struct list gone = LIST_INIT(gone);
	struct view *v = view_for(r);
	struct area *m = NULL;
	int32_t at;
	int err;

	if (!v)
		return -ENOMEM;
	mutex_lock(&mm->sync);
	at = need_buffer(mm);
	if (at == 0)
		at = add_view(mm, v, r, &m, &gone);
	if (at < 0) {
		if (!m)
			view_put(v); /* else it goes with its part */
	} else {
		err = read_in(mm, m, true);
		if (err < 0) {
			lock(&mm->lock);
			mm_unmap(mm, m->start, m->end, &gone);
			unlock(&mm->lock);
			at = err;
		}
	}
	mutex_unlock(&mm->sync);
	areas_free(&gone);
	return at;
}

/* Give v, made for reading, a twin. mm->sync is held. */
static int make_writable(struct mm *mm, struct view *v)
{
	struct area *m;
	int err;

	if (!file_writable(v->file))
		return -EACCES;
	lock(&mm->lock);
	err = add_twin(mm, v, v->length);
	unlock(&mm->lock);
	if (err < 0)
		return err;
	v->writable = true;
	list_for_each(m, &mm->shared, of_shared)
		if (m->view == v && err == 0)
			err = read_in(mm, m, false);
	return err;
}

int shared_make_writable(uaddr start, uaddr end)
{
	struct mm *mm = current_process->mm;
	struct area *m;
	int err = 0;

	if (!__atomic_load_n(&mm->nshared, __ATOMIC_RELAXED))
		return 0;
	mutex_lock(&mm->sync);
	list_for_each(m, &mm->shared, of_shared)
		if (m->end > start && m->start < end && !m->view->writable && err == 0)
			err = make_writable(mm, m->view);
	mutex_unlock(&mm->sync);
	return err;
}

int shared_detach(uaddr start, void (*detach)(void *))
{
	struct mm *mm = current_process->mm;
	struct list gone = LIST_INIT(gone);
	struct view *v = NULL;
	struct area *m;
	int err = -EINVAL;

	mutex_lock(&mm->sync);
	lock(&mm->lock);
	list_for_each(m, &mm->shared, of_shared)
		if (m->view->start == start && m->view->detach == detach)
			v = m->view;
	while (v) { /* until its last part is gone */
		m = NULL;
		struct area *part;
		list_for_each(part, &mm->shared, of_shared)
			if (part->view == v)
				m = part;
		if (!m)
			break;
		err = mm_unmap(mm, m->start, m->end, &gone);
	}
	unlock(&mm->lock);
	mutex_unlock(&mm->sync);
	areas_free(&gone);
	return err;
}

int shared_place(uaddr address, bool write, struct file **file, int64_t *offset)
{
	struct mm *mm = current_process->mm;
	int err = -ENOENT;
	struct area *m;

	if (!__atomic_load_n(&mm->nshared, __ATOMIC_RELAXED))
		return -ENOENT;
	lock(&mm->lock);
	list_for_each(m, &mm->shared, of_shared) {
		if (address < m->start || address >= m->end)
			continue;
		err = write && !m->view->writable ? -EFAULT : 0;
		if (err == 0) {
			*file = file_get(m->view->file);
			*offset = m->view->offset + (address - m->view->start);
		}
		break;
	}
	unlock(&mm->lock);
	return err;
}
