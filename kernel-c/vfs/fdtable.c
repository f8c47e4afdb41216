/*
 * Descriptor tables: from small numbers to open files.
 *
 * A table is shared by the threads of a process. Changing it takes its lock;
 * looking a descriptor up does not: fd_get raises the file's reference count,
 * unless that was 0, and then looks whether the slot still holds the file.
 * That is safe because a `struct file` stays a `struct file` for ever (file.c)
 * and outgrown arrays live as long as the table.
 *
 * I immutable   a atomic   t under table->lock
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "file_lock.h"

#define FIRST_SIZE 32 /* enough for nearly every program */
#define WORDS(n) (((n) + 31) / 32)

struct slots {
	struct slots *outgrown;  /* [I] smaller predecessors */
	int size;                /* [I] */
	struct file *file[];     /* [a, changed under t] */
};

struct fdtable {
	int refs;                /* [a] */
	struct lock lock;        /* RANK_FILES */
	struct slots *slots;     /* [a, changed under t] */
	int lowest;              /* [t] no descriptor below it is free */
	uint32_t used[WORDS(OPEN_MAX)];    /* [t] open or reserved */
	uint32_t cloexec[WORDS(OPEN_MAX)]; /* [t] */
};

static struct slab_cache table_cache = SLAB_CACHE("fdtable", struct fdtable);

static bool bit(const uint32_t *map, int n)
{
	return map[n / 32] >> n % 32 & 1;
}

static void bit_set(uint32_t *map, int n, bool on)
{
	if (on)
		map[n / 32] |= 1u << n % 32;
	else
		map[n / 32] &= ~(1u << n % 32);
}

static struct slots *slots_new(int size)
{
	struct slots *s = kzalloc(sizeof *s + (size_t)size * sizeof s->file[0]);

	if (s)
		s->size = size;
	return s;
}

/* A table whose slots hold at least `size`. */
static struct fdtable *fdtable_sized(int size)
{
	struct fdtable *t = slab_alloc(&table_cache);

	if (!t)
		return NULL;
	if (!(t->slots = slots_new(size))) {
		slab_free(&table_cache, t);
		return NULL;
	}
	t->refs = 1;
	lock_init(&t->lock, RANK_FILES);
	return t;
}

struct fdtable *fdtable_new(void)
{
	return fdtable_sized(FIRST_SIZE);
}

/* Descriptors that another thread has only reserved are not copied. */
struct fdtable *fdtable_copy(struct fdtable *from)
{
	struct fdtable *t;
	struct slots *s;
	int size = __atomic_load_n(&from->slots, __ATOMIC_ACQUIRE)->size;

again:
	if (!(t = fdtable_sized(size)))
		return NULL;
	lock(&from->lock);
	s = from->slots;
	if (s->size > size) {
		size = s->size;
		unlock(&from->lock);
		fdtable_put(t);
		goto again;
	}
	for (int i = 0; i < s->size; i++) {
		if (!s->file[i])
			continue;
		t->slots->file[i] = file_get(s->file[i]);
		bit_set(t->used, i, true);
		bit_set(t->cloexec, i, bit(from->cloexec, i));
	}
	unlock(&from->lock);
	return t;
}

void fdtable_hold(struct fdtable *t)
{
	__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
}

/* The file that leaves the table is closed as close() does it. */
static void fd_drop(struct fdtable *t, struct file *f)
{
	file_locks_close(t, f);
	if (unlikely(f->ops->flush != NULL))
		f->ops->flush(f);
	file_put(f);
}

void fdtable_put(struct fdtable *t)
{
	struct slots *s = t->slots;

	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (int i = 0; i < s->size; i++) {
		if (!s->file[i])
			continue;
		fd_drop(t, s->file[i]);
	}
	while (s) {
		struct slots *outgrown = s->outgrown;

		kfree(s);
		s = outgrown;
	}
	slab_free(&table_cache, t);
}

struct file *fdtable_get(struct fdtable *t, int fd)
{
	for (;;) {
		struct slots *s = __atomic_load_n(&t->slots, __ATOMIC_ACQUIRE);
		struct file *f;
		int refs;

		if (unlikely((unsigned)fd >= (unsigned)s->size))
			return NULL;
		f = __atomic_load_n(&s->file[fd], __ATOMIC_ACQUIRE);
		if (unlikely(!f))
			return NULL;
		refs = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);
		while (refs > 0 && !__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true,
								__ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			;
		if (unlikely(refs <= 0))
			continue; /* just closed: the slot has changed, or soon will */
		s = __atomic_load_n(&t->slots, __ATOMIC_SEQ_CST);
		if (likely(__atomic_load_n(&s->file[fd], __ATOMIC_SEQ_CST) == f))
			return f;
		file_put(f);
	}
}

struct file *fd_get(int fd)
{
	return fdtable_get(current_process->files, fd);
}

/* ---- changing a table ---- */

/* One more than the highest descriptor allowed. */
static int fd_limit(void)
{
	uint64_t limit = OPEN_MAX;

	if (current)
		limit = min(limit, current_process->limits[RLIMIT_NOFILE].cur);
	return (int)limit;
}

/* Room for fd; lock held. */
static int fdtable_grow(struct fdtable *t, int fd)
{
	struct slots *s, *old = t->slots;
	int size = old->size;

	if (fd < size)
		return 0;
	while (size <= fd)
		size *= 2;
	if (!(s = slots_new(min(size, OPEN_MAX))))
		return -ENOMEM;
	memcpy(s->file, old->file, (size_t)old->size * sizeof s->file[0]);
	s->outgrown = old;
	__atomic_store_n(&t->slots, s, __ATOMIC_SEQ_CST);
	return 0;
}

/* The lowest free descriptor >= from, taken; lock held. */
static int fd_take(struct fdtable *t, int from, bool cloexec)
{
	int limit = fd_limit();
	int fd, err;

	if (from < 0)
		return -EINVAL;
	for (fd = max(from, t->lowest); fd < limit; fd++) {
		uint32_t free = ~t->used[fd / 32] >> fd % 32;

		if (free) {
			fd += __builtin_ctz(free);
			break;
		}
		fd |= 31;
	}
	if (fd >= limit)
		return -EMFILE;
	if ((err = fdtable_grow(t, fd)) < 0)
		return err;
	bit_set(t->used, fd, true);
	bit_set(t->cloexec, fd, cloexec);
	if (from <= t->lowest)
		t->lowest = fd + 1;
	return fd;
}

static void fd_free(struct fdtable *t, int fd)
{
	bit_set(t->used, fd, false);
	t->lowest = min(t->lowest, fd);
}

int fd_reserve(struct fdtable *t, int from, bool cloexec)
{
	int fd;

	lock(&t->lock);
	fd = fd_take(t, from, cloexec);
	unlock(&t->lock);
	return fd;
}

void fd_fill(struct fdtable *t, int fd, struct file *f)
{
	lock(&t->lock);
	assert(bit(t->used, fd) && !t->slots->file[fd]);
	__atomic_store_n(&t->slots->file[fd], f, __ATOMIC_SEQ_CST);
	unlock(&t->lock);
}

void fd_unreserve(struct fdtable *t, int fd)
{
	lock(&t->lock);
	fd_free(t, fd);
	unlock(&t->lock);
}

int fd_install(struct fdtable *t, struct file *f, int from, bool cloexec)
{
	int fd;

	lock(&t->lock);
	fd = fd_take(t, from, cloexec);
	if (fd >= 0)
		__atomic_store_n(&t->slots->file[fd], f, __ATOMIC_SEQ_CST);
	unlock(&t->lock);
	if (fd < 0)
		file_put(f);
	return fd;
}

int fd_replace(struct fdtable *t, struct file *f, int fd, bool cloexec)
{
	struct file *old = NULL;
	int err = -EBADF;

	lock(&t->lock);
	if (fd < 0 || fd >= fd_limit() || (err = fdtable_grow(t, fd)) < 0)
		goto out;
	old = t->slots->file[fd];
	err = -EBUSY; /* another thread is just opening it */
	if (!old && bit(t->used, fd))
		goto out;
	bit_set(t->used, fd, true);
	bit_set(t->cloexec, fd, cloexec);
	__atomic_store_n(&t->slots->file[fd], f, __ATOMIC_SEQ_CST);
	err = fd;
out:
	unlock(&t->lock);
	if (err < 0)
		file_put(f);
	else if (old)
		fd_drop(t, old);
	return err;
}

int fd_close(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	lock(&t->lock);
	if (fd >= 0 && fd < t->slots->size && (f = t->slots->file[fd])) {
		__atomic_store_n(&t->slots->file[fd], NULL, __ATOMIC_SEQ_CST);
		fd_free(t, fd);
	}
	unlock(&t->lock);
	if (!f)
		return -EBADF;
	fd_drop(t, f);
	return 0;
}

int fd_dup2(struct fdtable *t, int from, int to, bool cloexec)
{
	struct file *f = fdtable_get(t, from);

	if (!f)
		return -EBADF;
	if (from == to) {
		file_put(f);
		return fd_set_flags(t, to, cloexec ? FD_CLOEXEC : 0) < 0 ? -EBADF : to;
	}
	return fd_replace(t, f, to, cloexec);
}

void fdtable_close_on_exec(struct fdtable *t)
{
	for (int fd = 0; fd < OPEN_MAX; fd++) {
		uint32_t word = t->cloexec[fd / 32] & t->used[fd / 32];

		if (!word)
			fd |= 31;
		else if (bit(t->cloexec, fd))
			fd_close(t, fd);
	}
}

int fd_flags(struct fdtable *t, int fd)
{
	int flags = -EBADF;

	lock(&t->lock);
	if (fd >= 0 && fd < t->slots->size && t->slots->file[fd])
		flags = bit(t->cloexec, fd) ? FD_CLOEXEC : 0;
	unlock(&t->lock);
	return flags;
}

int fd_set_flags(struct fdtable *t, int fd, int flags)
{
	int err = -EBADF;

	lock(&t->lock);
	if (fd >= 0 && fd < t->slots->size && t->slots->file[fd]) {
		bit_set(t->cloexec, fd, flags & FD_CLOEXEC);
		err = 0;
	}
	unlock(&t->lock);
	return err;
}

void fdtable_each(struct fdtable *t, void (*g)(int fd, struct file *f, void *arg), void *arg)
{
	int size = __atomic_load_n(&t->slots, __ATOMIC_ACQUIRE)->size;

	for (int fd = 0; fd < size; fd++) {
		struct file *f = fdtable_get(t, fd);

		if (!f)
			continue;
		g(fd, f, arg);
		file_put(f);
	}
}
