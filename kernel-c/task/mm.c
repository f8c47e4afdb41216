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
#include "worker.h"

#define WASM_PAGE 65536u
#define HEAP_ROOM (1u << 20)     /* kept free of mappings for brk to grow into */
#define TOP (16384ull * WASM_PAGE) /* the maximum that every program memory has */

struct mapping {
	struct list node; /* by address */
	uaddr start, end;
	struct file *file; /* what it was read from, for /proc/PID/maps; or NULL */
};
struct mm {
	int refs;
	struct lock lock;
	uint32_t pages; /* [lock] of 64 KiB, the memory's size */
	uaddr stack_high, heap_base, brk; /* [lock] */
	uaddr used;     /* [lock] no byte from here on was ever handed out */
	uint64_t mapped; /* [lock] bytes in mappings */
	struct list mappings;
};
static struct slab_cache mm_cache = SLAB_CACHE("mm", struct mm);
static struct slab_cache mapping_cache = SLAB_CACHE("mapping", struct mapping);

struct mm *mm_new(void)
{
	struct mm *mm = slab_alloc(&mm_cache);

	if (!mm)
		return NULL;
	mm->refs = 1;
	lock_init(&mm->lock, RANK_MM);
	list_init(&mm->mappings);
	return mm;
}

struct mm *mm_get(struct mm *mm)
{
	__atomic_add_fetch(&mm->refs, 1, __ATOMIC_RELAXED);
	return mm;
}

static void mapping_free(struct mapping *m)
{
	list_remove(&m->node);
	if (m->file)
		file_put(m->file);
	slab_free(&mapping_cache, m);
}

void mm_put(struct mm *mm)
{
	struct mapping *m, *next;

	if (__atomic_sub_fetch(&mm->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	list_for_each_safe(m, next, &mm->mappings, node)
		mapping_free(m);
	slab_free(&mm_cache, mm);
}

static struct mapping *mapping_add(struct mm *mm, struct list *before, uaddr start, uaddr end)
{
	struct mapping *m = slab_alloc(&mapping_cache);

	if (!m)
		return NULL;
	m->start = start;
	m->end = end;
	list_append(before, &m->node);
	mm->mapped += end - start;
	return m;
}

struct mm *mm_copy(struct mm *from)
{
	struct mm *mm = mm_new();
	struct mapping *m, *copy;

	if (!mm)
		return NULL;
	lock(&from->lock);
	mm->pages = from->pages;
	mm->stack_high = from->stack_high;
	mm->heap_base = from->heap_base;
	mm->brk = from->brk;
	mm->used = from->used;
	list_for_each(m, &from->mappings, node) {
		copy = mapping_add(mm, &mm->mappings, m->start, m->end);
		if (!copy) {
			unlock(&from->lock);
			mm_put(mm);
			return NULL;
		}
		if (m->file)
			copy->file = file_get(m->file);
	}
	unlock(&from->lock);
	return mm;
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

int mm_each(struct mm *mm, int (*f)(uaddr start, uint32_t length, void *arg), void *arg)
{
	struct mapping *m;
	int err;

	err = f(mm->stack_high, mm->brk - mm->stack_high, arg);
	list_for_each(m, &mm->mappings, node)
		if (err == 0)
			err = f(m->start, m->end - m->start, arg);
	return err;
}

/* For /proc/PID/maps: f(start, end, file or NULL, "[stack]" and such or NULL). */
void mm_describe(struct mm *mm, void (*f)(uaddr start, uaddr end, struct file *file,
					  const char *label, void *arg), void *arg)
{
	struct mapping *m;

	lock(&mm->lock);
	f(0, mm->stack_high, NULL, "[stack]", arg);
	f(mm->stack_high, mm->heap_base, NULL, NULL, arg);
	f(mm->heap_base, mm->brk, NULL, "[heap]", arg);
	list_for_each(m, &mm->mappings, node)
		f(m->start, m->end, m->file, NULL, arg);
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
					   list_first(&mm->mappings, struct mapping, node)->start;
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
	}
	brk = mm->brk;
	unlock(&mm->lock);
	return (int32_t)brk;
}

/* ---- mappings ---- */

/* The first mapping that ends above `at`, or the list's head. */
static struct list *after(struct mm *mm, uaddr at)
{
	struct mapping *m;

	list_for_each(m, &mm->mappings, node)
		if (m->end > at)
			break;
	return &m->node;
}

/* First fit: an address with `length` free bytes, and where to insert. 0: none. */
static uaddr find_gap(struct mm *mm, uint32_t length, struct list **before)
{
	uaddr at = max(mm->heap_base + HEAP_ROOM, round_up(mm->brk, PAGE_SIZE));
	struct mapping *m;

	list_for_each(m, &mm->mappings, node) {
		if (m->start >= at && m->start - at >= length)
			break;
		at = max(at, m->end);
	}
	*before = &m->node;
	return (uint64_t)at + length <= TOP ? at : 0;
}

/* Cut [start, end) out of the mappings. -ENOMEM when a hole needs a record there is none for. */
static int unmap(struct mm *mm, uaddr start, uaddr end)
{
	struct mapping *m, *next, *tail;

	list_for_each_safe(m, next, &mm->mappings, node) {
		if (m->end <= start || m->start >= end)
			continue;
		if (m->start < start && m->end > end) {
			tail = mapping_add(mm, m->node.next, end, m->end);
			if (!tail)
				return -ENOMEM;
			mm->mapped -= m->end - start;
			if (m->file)
				tail->file = file_get(m->file);
			m->end = start;
		} else if (m->start < start) {
			mm->mapped -= m->end - start;
			m->end = start;
		} else if (m->end > end) {
			mm->mapped -= end - m->start;
			m->start = end;
		} else {
			mm->mapped -= m->end - m->start;
			mapping_free(m);
		}
	}
	return 0;
}

static int32_t map(struct mm *mm, uaddr address, uint32_t length, int flags, struct file *f)
{
	struct list *before;
	struct mapping *m;
	uaddr at;
	int err;

	assert_held(&mm->lock);
	if (over_limit(mm, length))
		return -ENOMEM;
	/* musl's malloc maps a guard page over the heap: it stays heap, zeroed. */
	if (flags & MAP_FIXED && !f && address % PAGE_SIZE == 0 &&
	    address >= mm->heap_base && (uint64_t)address + length <= mm->brk) {
		user_zero(address, length);
		return (int32_t)address;
	}
	if (flags & MAP_FIXED) {
		if (address % PAGE_SIZE || address < mm->brk || (uint64_t)address + length > TOP)
			return address % PAGE_SIZE ? -EINVAL : -ENOMEM;
		if ((err = unmap(mm, address, address + length)) < 0)
			return err;
		at = address;
		before = after(mm, at);
	} else {
		at = find_gap(mm, length, &before);
		if (!at)
			return -ENOMEM;
	}
	if ((err = populate(mm, at, (uint64_t)at + length)) < 0)
		return err;
	m = mapping_add(mm, before, at, at + length);
	if (!m)
		return -ENOMEM;
	if (f)
		m->file = file_get(f);
	return (int32_t)at;
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
	if ((f->flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	/* Memories share no pages: a writable shared mapping can't be had. */
	if (flags & MAP_SHARED && protection & PROT_WRITE)
		return (f->flags & O_ACCMODE) == O_RDWR ? -ENOTSUP : -EACCES;
	return 0;
}

int32_t sys_mmap(uint32_t address, uint32_t length, int32_t protection, int32_t flags, int32_t fd,
		 int64_t offset)
{
	struct mm *mm = current_process->mm;
	struct file *f = NULL;
	int32_t at;
	int err = 0;

	if (length == 0 || offset % PAGE_SIZE || !(flags & (MAP_SHARED | MAP_PRIVATE)))
		return -EINVAL;
	if (length > TOP || offset < 0)
		return -ENOMEM;
	length = round_up(length, PAGE_SIZE);
	if (!(flags & MAP_ANONYMOUS)) {
		f = fd_get(fd);
		if (!f)
			return -EBADF;
		err = check_file(f, protection, flags);
	}
	if (err == 0) {
		lock(&mm->lock);
		err = at = map(mm, address, length, flags, f);
		unlock(&mm->lock);
		if (at >= 0 && f) {
			err = fill(f, at, length, offset);
			if (err < 0)
				sys_munmap(at, length);
			else
				err = at;
		}
	}
	if (f)
		file_put(f);
	return err;
}

int32_t sys_munmap(uint32_t address, uint32_t length)
{
	struct mm *mm = current_process->mm;
	int err;

	if (address % PAGE_SIZE || length == 0 || (uint64_t)address + length > TOP)
		return -EINVAL;
	lock(&mm->lock);
	err = unmap(mm, address, address + round_up(length, PAGE_SIZE));
	unlock(&mm->lock);
	return err;
}

static struct mapping *mapping_at(struct mm *mm, uaddr start, uint32_t length)
{
	struct list *n = after(mm, start);
	struct mapping *m = list_entry(n, struct mapping, node);

	return n != &mm->mappings && m->start <= start && m->end - start >= length ? m : NULL;
}

static int32_t move_mapping(struct mm *mm, struct mapping *m, uaddr old, uint32_t length, uint32_t wanted)
{
	int32_t at = map(mm, 0, wanted, MAP_PRIVATE, m->file);
	char *buf;

	if (at < 0)
		return at;
	buf = page_alloc(4);
	if (!buf) {
		unmap(mm, at, (uaddr)at + wanted);
		return -ENOMEM;
	}
	for (uint32_t done = 0; done < length; done += PAGE_SIZE << 4) {
		uint32_t n = min(length - done, PAGE_SIZE << 4);

		copy_in(buf, old + done, n);
		copy_out(at + done, buf, n);
	}
	page_free(buf, 4);
	unmap(mm, old, old + length);
	return at;
}

int32_t sys_mremap(uint32_t address, uint32_t old_length, uint32_t new_length, int32_t flags,
		   uint32_t new_address)
{
	struct mm *mm = current_process->mm;
	struct mapping *m, *next;
	int32_t result = (int32_t)address;
	uaddr end;

	(void)new_address;
	if (address % PAGE_SIZE || new_length == 0 || new_length > TOP || flags & MREMAP_FIXED)
		return -EINVAL;
	old_length = round_up(old_length, PAGE_SIZE);
	new_length = round_up(new_length, PAGE_SIZE);
	end = address + old_length;
	lock(&mm->lock);
	m = mapping_at(mm, address, old_length);
	if (!m) {
		result = -EFAULT;
	} else if (new_length <= old_length) {
		int err = unmap(mm, address + new_length, end);

		if (err < 0)
			result = err;
	} else {
		next = list_entry(m->node.next, struct mapping, node);
		if (m->end == end && !over_limit(mm, new_length - old_length) &&
		    (m->node.next == &mm->mappings || next->start - address >= new_length) &&
		    populate(mm, end, (uint64_t)address + new_length) == 0) {
			m->end = address + new_length;
			mm->mapped += new_length - old_length;
		} else {
			result = flags & MREMAP_MAYMOVE ?
				 move_mapping(mm, m, address, old_length, new_length) : -ENOMEM;
		}
	}
	unlock(&mm->lock);
	return result;
}

int32_t sys_mprotect(uint32_t address, uint32_t length, int32_t protection)
{
	if (address % PAGE_SIZE)
		return -EINVAL;
	if ((uint64_t)address + length > (uint64_t)current_process->mm->pages * WASM_PAGE)
		return -ENOMEM;
	return (protection & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE) ? 0 : -ENOTSUP;
}

int32_t sys_madvise(uint32_t address, uint32_t length, int32_t advice)
{
	struct mm *mm = current_process->mm;
	struct mapping *m;
	int err = 0;

	if (address % PAGE_SIZE || (uint64_t)address + length > TOP)
		return -EINVAL;
	if (advice != MADV_DONTNEED)
		return advice >= 0 && advice <= 25 ? 0 : -EINVAL;
	lock(&mm->lock);
	m = mapping_at(mm, address, round_up(length, PAGE_SIZE));
	if (!m)
		err = -ENOMEM;
	else if (!m->file)
		err = user_zero(address, round_up(length, PAGE_SIZE));
	unlock(&mm->lock);
	return err;
}

/* Shared file mappings are read-only (check_file), so there is nothing to write. */
int32_t sys_msync(uint32_t address, uint32_t length, int32_t flags)
{
	struct mm *mm = current_process->mm;
	bool mapped;

	(void)flags;
	if (address % PAGE_SIZE)
		return -EINVAL;
	lock(&mm->lock);
	mapped = mapping_at(mm, address, round_up(length, PAGE_SIZE)) != NULL;
	unlock(&mm->lock);
	return mapped ? 0 : -ENOMEM;
}
