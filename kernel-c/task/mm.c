/*
 * A program's address space: brk and mappings in one linear memory. The calls of
 * programs that map and unmap are in mmap.c.
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
#include "mm.h"

#define HEAP_ROOM (1u << 20)     /* kept free of mappings for brk to grow into */

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
	if (end > MM_TOP)
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

bool mm_over_limit(struct mm *mm, uint64_t more)
{
	uint64_t limit = current_process->limits[RLIMIT_AS].cur;

	return limit != RLIM_INFINITY && mm->brk + mm->mapped + more > limit;
}

/* ---- brk ---- */

static uaddr heap_limit(struct mm *mm)
{
	return list_empty(&mm->mappings) ? (uaddr)(MM_TOP - PAGE_SIZE) :
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
		else if (!mm_over_limit(mm, address - mm->brk) &&
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
	return (uint64_t)at + length <= MM_TOP ? at : 0;
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
	if (mm_over_limit(mm, length))
		return -ENOMEM;
	if (flags & MAP_FIXED_NOREPLACE && is_taken(mm, address, (uint64_t)address + length))
		return -EEXIST;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (address % PAGE_SIZE || address < mm->brk || (uint64_t)address + length > MM_TOP)
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

struct area *mm_area_at(struct mm *mm, uaddr start, uint32_t length)
{
	struct list *n = after(mm, start);
	struct area *m = list_entry(n, struct area, node);

	return n != &mm->mappings && m->start <= start && m->end - start >= length ? m : NULL;
}

bool mm_grow(struct mm *mm, struct area *m, uaddr end)
{
	struct list *n = m->node.next;

	if ((n != &mm->mappings && list_entry(n, struct area, node)->start < end) || end > MM_TOP ||
	    mlock_mapped(mm, m->end, end) < 0 || populate(mm, m->end, end) < 0)
		return false;
	mm->mapped += end - m->end;
	note_peak(mm);
	m->end = end;
	return true;
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
