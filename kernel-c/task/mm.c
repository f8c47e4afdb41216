/*
 * A program's address space: brk and mappings in one linear memory.
 *
 *   0 .. stack_high      C stack, growing down (overflow leaves the memory: a trap)
 *   .. heap_base         static data
 *   heap_base .. brk     heap
 *   above                mappings, first fit from HEAP_ROOM above the heap base on
 *
 * WebAssembly memory only grows, and every page can be read and written; addresses
 * stay below 1 GiB, so a negative result is an error. A page
 * that was used before is zeroed when it is handed out again.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../fs/memfs.h"
#include "mm.h"
#include "worker.h"

#define WASM_PAGE 65536u
#define HEAP_ROOM (1u << 20)     /* kept free of mappings for brk to grow into */
#define TOP (16384ull * WASM_PAGE) /* the maximum that every program memory has */

static struct slab_cache mm_cache = SLAB_CACHE("mm", struct mm);
static struct slab_cache area_cache = SLAB_CACHE("area", struct area);

struct mm *mm_new(void)
{
	static uint32_t last_id;
	struct mm *mm = slab_alloc(&mm_cache);

	if (!mm)
		return NULL;
	mm->refs = 1;
	mm->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	lock_init(&mm->lock, RANK_MM);
	mutex_init(&mm->sync, RANK_SHARED);
	mutex_init(&mm->words, RANK_WORDS);
	list_init(&mm->mappings);
	list_init(&mm->shared);
	list_init(&mm->locked);
	return mm;
}

struct mm *mm_get(struct mm *mm)
{
	__atomic_add_fetch(&mm->refs, 1, __ATOMIC_RELAXED);
	return mm;
}

/* Without the lock: dropping a file may take others. */
static void area_free(struct area *m)
{
	if (m->file)
		file_put(m->file);
	if (m->view)
		view_put(m->view);
	slab_free(&area_cache, m);
}

void areas_free(struct list *gone)
{
	struct area *m, *next;

	list_for_each_safe(m, next, gone, node)
		area_free(m);
}

void mm_put(struct mm *mm)
{
	if (__atomic_sub_fetch(&mm->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	areas_free(&mm->mappings);
	mlock_forget(mm);
	if (mm->buffer)
		page_free(mm->buffer, 1);
	slab_free(&mm_cache, mm);
}

static void note_peak(struct mm *mm)
{
	mm->peak = max(mm->peak, mm->brk + mm->mapped);
}

static struct area *area_add(struct mm *mm, struct list *before, uaddr start, uaddr end)
{
	struct area *m = slab_alloc(&area_cache);

	if (!m)
		return NULL;
	m->start = start;
	m->end = end;
	list_init(&m->of_shared);
	list_append(before, &m->node);
	mm->mapped += end - start;
	note_peak(mm);
	return m;
}

/* m becomes part of v, for which it takes a reference. */
static void join_view(struct mm *mm, struct area *m, struct view *v)
{
	__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
	v->parts++;
	m->view = v;
	list_append(&mm->shared, &m->of_shared);
	__atomic_add_fetch(&mm->nshared, 1, __ATOMIC_RELAXED);
}

static bool has_view(struct mm *mm, struct view *v)
{
	struct area *m;

	list_for_each(m, &mm->mappings, node)
		if (m->view == v)
			return true;
	return false;
}

static void forget_view(struct mm *mm, struct view *v)
{
	struct area *m;

	list_for_each(m, &mm->mappings, node)
		if (m->view == v)
			m->view = NULL;
}

/* The child's mappings that still have the parent's view get a view of their own. */
static int copy_view(struct mm *mm, struct view *from)
{
	struct view *v = view_copy(from);
	struct area *m;

	if (!v)
		return -ENOMEM;
	list_for_each(m, &mm->mappings, node) {
		if (m->view != from)
			continue;
		if (!m->is_twin) {
			join_view(mm, m, v);
			continue;
		}
		__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
		m->view = v;
		v->twin = m;
	}
	view_put(v);
	return 0;
}

static int copy_mappings(struct mm *mm, struct mm *from)
{
	struct area *m, *copy;

	list_for_each(m, &from->mappings, node) {
		copy = area_add(mm, &mm->mappings, m->start, m->end);
		if (!copy)
			return -ENOMEM;
		if (m->file)
			copy->file = file_get(m->file);
		copy->view = m->view; /* until its copy is made */
		copy->is_twin = m->is_twin;
	}
	return 0;
}

struct mm *mm_copy(struct mm *from)
{
	struct mm *mm = mm_new();
	struct area *m;
	int err;

	if (!mm)
		return NULL;
	lock(&from->lock);
	mm->pages = from->pages;
	mm->stack_high = from->stack_high;
	mm->heap_base = from->heap_base;
	mm->brk = from->brk;
	mm->used = from->used;
	err = copy_mappings(mm, from);
	list_for_each(m, &from->shared, of_shared)
		if (err == 0 && has_view(mm, m->view))
			err = copy_view(mm, m->view);
	if (err < 0) /* what was not copied is not ours */
		list_for_each(m, &from->shared, of_shared)
			forget_view(mm, m->view);
	unlock(&from->lock);
	if (err == 0)
		return mm;
	mm_put(mm);
	return NULL;
}

void mm_ready(struct mm *mm, uint32_t pages, uint32_t heap_base, uint32_t stack_high)
{
	mm->pages = pages;
	mm->stack_high = stack_high;
	mm->heap_base = mm->brk = mm->used = round_up(heap_base, PAGE_SIZE);
}

uint32_t mm_pages(struct mm *mm)
{
	return mm->pages;
}

uint32_t mm_stack_high(struct mm *mm)
{
	return mm->stack_high;
}

uint64_t mm_size(struct mm *mm)
{
	return mm->brk + mm->mapped;
}

uint64_t mm_peak(struct mm *mm)
{
	uint64_t peak;

	lock(&mm->lock);
	note_peak(mm);
	peak = mm->peak;
	unlock(&mm->lock);
	return peak;
}

int mm_each(struct mm *mm, int (*f)(uaddr start, uint32_t length, void *arg), void *arg)
{
	struct area *m;
	int err;

	err = f(mm->stack_high, mm->brk - mm->stack_high, arg);
	list_for_each(m, &mm->mappings, node)
		if (err == 0 && !m->view)
			err = f(m->start, m->end - m->start, arg);
	return err;
}

/* For /proc/PID/maps: f(start, end, file or NULL, "[stack]" and such or NULL). */
void mm_describe(struct mm *mm, void (*f)(uaddr start, uaddr end, struct file *file,
					  const char *label, void *arg), void *arg)
{
	struct area *m;

	lock(&mm->lock);
	f(0, mm->stack_high, NULL, "[stack]", arg);
	f(mm->stack_high, mm->heap_base, NULL, NULL, arg);
	f(mm->heap_base, mm->brk, NULL, "[heap]", arg);
	list_for_each(m, &mm->mappings, node)
		f(m->start, m->end, m->file, m->is_twin ? "[twin]" : NULL, arg);
	unlock(&mm->lock);
}

/* Make [start, end) usable and zero. */
static int populate(struct mm *mm, uaddr start, uint64_t end)
{
	int pages;

	assert_held(&mm->lock);
	if (end > TOP)
		return -ENOMEM;
	if (end > (uint64_t)mm->pages * WASM_PAGE) {
		pages = user_grow((end - (uint64_t)mm->pages * WASM_PAGE + WASM_PAGE - 1) / WASM_PAGE);
		if (pages < 0)
			return -ENOMEM;
		mm->pages = pages;
	}
	if (start < mm->used)
		user_zero(start, min((uaddr)end, mm->used) - start);
	mm->used = max(mm->used, (uaddr)end);
	return 0;
}

static bool over_limit(struct mm *mm, uint64_t more)
{
	uint64_t limit = current_process->limits[RLIMIT_AS].cur;

	return limit != RLIM_INFINITY && mm->brk + mm->mapped + more > limit;
}

/* ---- brk ---- */

static uaddr heap_limit(struct mm *mm)
{
	return list_empty(&mm->mappings) ? (uaddr)(TOP - PAGE_SIZE) :
					   list_first(&mm->mappings, struct area, node)->start;
}

int32_t sys_brk(uint32_t address)
{
	struct mm *mm = current_process->mm;
	uaddr brk;

	lock(&mm->lock);
	if (address >= mm->heap_base && address <= heap_limit(mm)) {
		if (address <= mm->brk)
			mm->brk = address;
		else if (!over_limit(mm, address - mm->brk) &&
			 populate(mm, mm->brk, address) == 0)
			mm->brk = address;
		note_peak(mm);
	}
	brk = mm->brk;
	unlock(&mm->lock);
	return (int32_t)brk;
}

/* ---- mappings ---- */

/* The first mapping that ends above `at`, or the list's head. */
static struct list *after(struct mm *mm, uaddr at)
{
	struct area *m;

	list_for_each(m, &mm->mappings, node)
		if (m->end > at)
			break;
	return &m->node;
}

/* First fit: an address with `length` free bytes, and where to insert. 0: none. */
static uaddr find_gap(struct mm *mm, uint32_t length, struct list **before)
{
	uaddr at = max(mm->heap_base + HEAP_ROOM, round_up(mm->brk, PAGE_SIZE));
	struct area *m;

	list_for_each(m, &mm->mappings, node) {
		if (m->start >= at && m->start - at >= length)
			break;
		at = max(at, m->end);
	}
	*before = &m->node;
	return (uint64_t)at + length <= TOP ? at : 0;
}

/* m is no longer mapped; with the last part of a view its twin goes too. */
static void remove_area(struct mm *mm, struct area *m, struct list *gone)
{
	struct view *v = m->view;

	mm->mapped -= m->end - m->start;
	list_remove(&m->node);
	list_append(gone, &m->node);
	if (!v || m->is_twin)
		return;
	list_remove(&m->of_shared);
	__atomic_sub_fetch(&mm->nshared, 1, __ATOMIC_RELAXED);
	if (--v->parts == 0 && v->twin)
		remove_area(mm, v->twin, gone);
}

/* Where a mapping reaches over `at`, cut it in two there. */
static int split(struct mm *mm, uaddr at)
{
	struct list *n = after(mm, at);
	struct area *m = list_entry(n, struct area, node), *tail;

	if (n == &mm->mappings || m->start >= at)
		return 0;
	tail = area_add(mm, m->node.next, at, m->end);
	if (!tail)
		return -ENOMEM;
	mm->mapped -= m->end - at; /* it is not there twice */
	m->end = at;
	if (m->file)
		tail->file = file_get(m->file);
	tail->synced = m->synced;
	if (m->view)
		join_view(mm, tail, m->view);
	return 0;
}

/* Is there anything in the range that must stay? */
static bool holds_twin(struct mm *mm, uaddr start, uaddr end)
{
	struct area *m;

	list_for_each(m, &mm->mappings, node)
		if (m->is_twin && m->start < end && m->end > start)
			return true;
	return false;
}

int mm_unmap(struct mm *mm, uaddr start, uaddr end, struct list *gone)
{
	struct list inside = LIST_INIT(inside);
	struct area *m, *next;
	int err;

	assert_held(&mm->lock);
	if (holds_twin(mm, start, end))
		return -EINVAL;
	if ((err = split(mm, start)) < 0 || (err = split(mm, end)) < 0)
		return err;
	list_for_each_safe(m, next, &mm->mappings, node)
		if (m->start >= start && m->end <= end) {
			list_remove(&m->node);
			list_append(&inside, &m->node);
		}
	/* apart from the above, since a twin may go along */
	list_for_each_safe(m, next, &inside, node)
		remove_area(mm, m, gone);
	mlock_cut(mm, start, end);
	return 0;
}

static bool is_taken(struct mm *mm, uaddr start, uint64_t end)
{
	struct area *m;

	list_for_each(m, &mm->mappings, node)
		if (m->start < end && m->end > start)
			return true;
	return start < mm->brk;
}

int32_t mm_map(struct mm *mm, uaddr address, uint32_t length, int flags, struct file *f,
	       struct area **made, struct list *gone)
{
	struct list *before;
	struct area *m;
	uaddr at;
	int err;

	assert_held(&mm->lock);
	if (over_limit(mm, length))
		return -ENOMEM;
	if (flags & MAP_FIXED_NOREPLACE && is_taken(mm, address, (uint64_t)address + length))
		return -EEXIST;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (address % PAGE_SIZE || address < mm->brk || (uint64_t)address + length > TOP)
			return address % PAGE_SIZE ? -EINVAL : -ENOMEM;
		if ((err = mm_unmap(mm, address, address + length, gone)) < 0)
			return err;
		at = address;
		before = after(mm, at);
	} else {
		at = find_gap(mm, length, &before);
		if (!at)
			return -ENOMEM;
	}
	if ((err = mlock_mapped(mm, at, at + length)) < 0)
		return err;
	if ((err = populate(mm, at, (uint64_t)at + length)) < 0)
		return err;
	m = area_add(mm, before, at, at + length);
	if (!m)
		return -ENOMEM;
	if (f)
		m->file = file_get(f);
	*made = m;
	return (int32_t)at;
}

/* musl's malloc maps a guard page over the heap: it stays heap, zeroed. */
static bool over_heap(struct mm *mm, uaddr address, uint32_t length, int flags)
{
	return flags & MAP_FIXED && address % PAGE_SIZE == 0 && address >= mm->heap_base &&
	       (uint64_t)address + length <= mm->brk;
}

/* Read a file's range into a fresh mapping; past the end it stays zero. */
static int fill(struct file *f, uaddr at, uint32_t length, int64_t offset)
{
	struct abi_iovec one;
	struct uio u;
	int64_t n;

	uio_user(&u, &one, at, length);
	do {
		n = f->ops->read ? f->ops->read(f, &u, &offset) : -ENODEV;
	} while (n > 0 && u.left > 0);
	return n < 0 ? (int)n : 0;
}

static int check_file(struct file *f, int protection, int flags)
{
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (!file_readable(f))
		return -EACCES;
	return flags & MAP_SHARED && protection & PROT_WRITE && !file_writable(f) ? -EACCES : 0;
}

/* A copy of a file's range, or zeros (f NULL). */
static int32_t map_private(uaddr address, uint32_t length, int flags, struct file *f, int64_t offset)
{
	struct mm *mm = current_process->mm;
	struct list gone = LIST_INIT(gone);
	struct area *m;
	int32_t at;
	int err;

	if (flags & MAP_FIXED)
		mutex_lock(&mm->sync);
	lock(&mm->lock);
	if (!f && over_heap(mm, address, length, flags)) {
		user_zero(address, length);
		at = (int32_t)address;
	} else {
		at = mm_map(mm, address, length, flags, f, &m, &gone);
	}
	unlock(&mm->lock);
	if (flags & MAP_FIXED)
		mutex_unlock(&mm->sync);
	areas_free(&gone);
	if (at >= 0 && f && (err = fill(f, (uaddr)at, length, offset)) < 0) {
		sys_munmap((uint32_t)at, length);
		return err;
	}
	return at;
}

/* Zeros that forked children will share. */
static int32_t map_anonymous(uaddr address, uint32_t length, int flags)
{
	struct shared_request r = { .address = address, .length = length, .flags = flags,
				    .writable = true, .anonymous = true };
	int32_t at;
	int err;

	r.file = memfs_anonymous(length, &err);
	if (!r.file)
		return err;
	at = shared_map(&r);
	file_put(r.file);
	return at;
}

static int32_t map_file(uaddr address, uint32_t length, int protection, int flags, int fd,
			int64_t offset)
{
	struct shared_request r = { .address = address, .length = length, .offset = offset,
				    .flags = flags, .writable = protection & PROT_WRITE };
	int32_t at;

	r.file = fd_get(fd);
	if (!r.file)
		return -EBADF;
	at = check_file(r.file, protection, flags);
	if (at == 0)
		at = flags & MAP_SHARED ? shared_map(&r) :
					  map_private(address, length, flags, r.file, offset);
	file_put(r.file);
	return at;
}

int32_t sys_mmap(uint32_t address, uint32_t length, int32_t protection, int32_t flags, int32_t fd,
		 int64_t offset)
{
	int type = flags & (MAP_SHARED | MAP_PRIVATE); /* both: MAP_SHARED_VALIDATE */

	if (length == 0 || offset % PAGE_SIZE || !type)
		return -EINVAL;
	if (length > TOP || offset < 0)
		return -ENOMEM;
	if (offset > INT64_MAX - (int64_t)TOP)
		return -EOVERFLOW;
	length = round_up(length, PAGE_SIZE);
	if (!(flags & MAP_ANONYMOUS))
		return map_file(address, length, protection, flags, fd, offset);
	return flags & MAP_SHARED ? map_anonymous(address, length, flags) :
				    map_private(address, length, flags, NULL, 0);
}

int32_t sys_munmap(uint32_t address, uint32_t length)
{
	struct mm *mm = current_process->mm;
	struct list gone = LIST_INIT(gone);
	int err;

	if (address % PAGE_SIZE || length == 0 || (uint64_t)address + length > TOP)
		return -EINVAL;
	mutex_lock(&mm->sync);
	lock(&mm->lock);
	err = mm_unmap(mm, address, address + round_up(length, PAGE_SIZE), &gone);
	unlock(&mm->lock);
	mutex_unlock(&mm->sync);
	areas_free(&gone);
	return err;
}

static struct area *area_at(struct mm *mm, uaddr start, uint32_t length)
{
	struct list *n = after(mm, start);
	struct area *m = list_entry(n, struct area, node);

	return n != &mm->mappings && m->start <= start && m->end - start >= length ? m : NULL;
}

static int32_t move_area(struct mm *mm, struct area *m, uaddr old, uint32_t length, uint32_t wanted,
			    struct list *gone)
{
	struct area *made;
	int32_t at = mm_map(mm, 0, wanted, MAP_PRIVATE, m->file, &made, gone);
	char *buf;

	if (at < 0)
		return at;
	buf = page_alloc(4);
	if (!buf) {
		mm_unmap(mm, (uaddr)at, (uaddr)at + wanted, gone);
		return -ENOMEM;
	}
	for (uint32_t done = 0; done < length; done += PAGE_SIZE << 4) {
		uint32_t n = min(length - done, PAGE_SIZE << 4);

		copy_in(buf, old + done, n);
		copy_out((uaddr)at + done, buf, n);
	}
	page_free(buf, 4);
	mm_unmap(mm, old, old + length, gone);
	return at;
}

/* Into the free memory behind m, if there is enough. */
static bool grow_area(struct mm *mm, struct area *m, uaddr end)
{
	struct list *n = m->node.next;

	if ((n != &mm->mappings && list_entry(n, struct area, node)->start < end) || end > TOP ||
	    mlock_mapped(mm, m->end, end) < 0 || populate(mm, m->end, end) < 0)
		return false;
	mm->mapped += end - m->end;
	note_peak(mm);
	m->end = end;
	return true;
}

/* All of m, which holds [address, address + old), is to be `length` long. mm locked. */
static int32_t resize(struct mm *mm, struct area *m, uaddr address, uint32_t old, uint32_t length,
		      int flags, struct list *gone)
{
	int err;

	if (length <= old) {
		err = mm_unmap(mm, address + length, address + old, gone);
		return err < 0 ? err : (int32_t)address;
	}
	if (over_limit(mm, length - old))
		return -ENOMEM;
	if (m->end == address + old && grow_area(mm, m, address + length))
		return (int32_t)address;
	return flags & MREMAP_MAYMOVE ? move_area(mm, m, address, old, length, gone) : -ENOMEM;
}

/* A shared mapping grows by being mapped again elsewhere. It was written back before. */
static int32_t remap_shared(struct view *v, uaddr address, uint32_t old, uint32_t length, int flags)
{
	struct shared_request r = { .file = v->file, .length = length,
				    .offset = v->offset + (address - v->start), .flags = MAP_SHARED,
				    .writable = v->writable, .anonymous = v->anonymous };
	int32_t at;

	/* System V segments have one size; anonymous memory has too */
	if (!(flags & MREMAP_MAYMOVE) || v->attached || v->anonymous)
		return -ENOMEM;
	at = shared_map(&r);
	if (at >= 0)
		sys_munmap(address, old);
	return at;
}

int32_t sys_mremap(uint32_t address, uint32_t old_length, uint32_t new_length, int32_t flags,
		   uint32_t new_address)
{
	struct mm *mm = current_process->mm;
	struct list gone = LIST_INIT(gone);
	struct view *v = NULL;
	struct area *m;
	int32_t result;

	(void)new_address;
	if (address % PAGE_SIZE || new_length == 0 || new_length > TOP || old_length > TOP ||
	    flags & MREMAP_FIXED)
		return -EINVAL;
	old_length = round_up(old_length, PAGE_SIZE);
	new_length = round_up(new_length, PAGE_SIZE);
	mutex_lock(&mm->sync);
	lock(&mm->lock);
	m = area_at(mm, address, old_length);
	if (!m || m->is_twin) {
		result = -EFAULT;
	} else if (m->view && new_length > old_length) {
		v = m->view;
		__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
		result = 0;
	} else {
		result = resize(mm, m, address, old_length, new_length, flags, &gone);
	}
	unlock(&mm->lock);
	mutex_unlock(&mm->sync);
	areas_free(&gone);
	if (v) {
		result = remap_shared(v, address, old_length, new_length, flags);
		view_put(v);
	}
	return result;
}

int32_t sys_mprotect(uint32_t address, uint32_t length, int32_t protection)
{
	if (address % PAGE_SIZE)
		return -EINVAL;
	if ((uint64_t)address + length > (uint64_t)current_process->mm->pages * WASM_PAGE)
		return -ENOMEM;
	if ((protection & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE))
		return -ENOTSUP;
	return shared_make_writable(address, address + length);
}

int32_t sys_madvise(uint32_t address, uint32_t length, int32_t advice)
{
	struct mm *mm = current_process->mm;
	struct area *m;
	int err = 0;

	if (address % PAGE_SIZE || (uint64_t)address + length > TOP)
		return -EINVAL;
	if (advice != MADV_DONTNEED)
		return advice >= 0 && advice <= 25 ? 0 : -EINVAL;
	lock(&mm->lock);
	m = area_at(mm, address, round_up(length, PAGE_SIZE));
	if (!m)
		err = -ENOMEM;
	else if (!m->file && !m->view) /* what is a file's is read again, as it is */
		err = user_zero(address, round_up(length, PAGE_SIZE));
	unlock(&mm->lock);
	return err;
}

bool mm_holds(struct mm *mm, uaddr start, uaddr end)
{
	uaddr at = start < mm->brk ? mm->brk : start;
	struct area *m;

	assert_held(&mm->lock);
	list_for_each(m, &mm->mappings, node)
		if (m->start <= at && m->end > at && !m->is_twin)
			at = m->end;
	return at >= end;
}

int mm_each_held(struct mm *mm, int (*f)(struct mm *mm, uaddr start, uaddr end))
{
	struct area *m;
	int err = f(mm, 0, mm->brk);

	list_for_each(m, &mm->mappings, node)
		if (err == 0 && !m->is_twin)
			err = f(mm, m->start, m->end);
	return err;
}

int32_t sys_msync(uint32_t address, uint32_t length, int32_t flags)
{
	struct mm *mm = current_process->mm;
	uint64_t end = (uint64_t)address + round_up((uint64_t)length, (uint64_t)PAGE_SIZE);
	bool held, is_locked;

	if (address % PAGE_SIZE || flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (end > TOP)
		return -ENOMEM;
	lock(&mm->lock);
	held = mm_holds(mm, address, (uaddr)end);
	is_locked = mlock_overlaps(mm, address, (uaddr)end);
	unlock(&mm->lock);
	if (!held)
		return -ENOMEM;
	if (flags & MS_INVALIDATE && is_locked)
		return -EBUSY;
	return shared_sync(address, (uaddr)end, flags & MS_SYNC);
}
