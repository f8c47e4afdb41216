/*
 * The calls by which a program maps memory, and says what it needs of it: mmap,
 * munmap, mremap, mprotect, madvise, msync.
 *
 * A private mapping of a file is a copy, read at once; a shared one is a view
 * (shared.c). Every page can be read and written, whatever is asked for.
 */
#include "../kernel.h"
#include "../fs/memfs.h"
#include "../lib/alloc.h"
#include "mm.h"

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
	if (length > MM_TOP || offset < 0)
		return -ENOMEM;
	if (offset > INT64_MAX - (int64_t)MM_TOP)
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

	if (address % PAGE_SIZE || length == 0 || (uint64_t)address + length > MM_TOP)
		return -EINVAL;
	mutex_lock(&mm->sync);
	lock(&mm->lock);
	err = mm_unmap(mm, address, address + round_up(length, PAGE_SIZE), &gone);
	unlock(&mm->lock);
	mutex_unlock(&mm->sync);
	areas_free(&gone);
	return err;
}

/* ---- mremap ---- */

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

/* All of m, which holds [address, address + old), is to be `length` long. mm locked. */
static int32_t resize(struct mm *mm, struct area *m, uaddr address, uint32_t old, uint32_t length,
		      int flags, struct list *gone)
{
	int err;

	if (length <= old) {
		err = mm_unmap(mm, address + length, address + old, gone);
		return err < 0 ? err : (int32_t)address;
	}
	if (mm_over_limit(mm, length - old))
		return -ENOMEM;
	if (m->end == address + old && mm_grow(mm, m, address + length))
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
	if (address % PAGE_SIZE || new_length == 0 || new_length > MM_TOP || old_length > MM_TOP ||
	    flags & MREMAP_FIXED)
		return -EINVAL;
	old_length = round_up(old_length, PAGE_SIZE);
	new_length = round_up(new_length, PAGE_SIZE);
	mutex_lock(&mm->sync);
	lock(&mm->lock);
	m = mm_area_at(mm, address, old_length);
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

/* ---- what else is said of mappings ---- */

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

	if (address % PAGE_SIZE || (uint64_t)address + length > MM_TOP)
		return -EINVAL;
	if (advice != MADV_DONTNEED)
		return advice >= 0 && advice <= 25 ? 0 : -EINVAL;
	lock(&mm->lock);
	m = mm_area_at(mm, address, round_up(length, PAGE_SIZE));
	if (!m)
		err = -ENOMEM;
	else if (!m->file && !m->view) /* what is a file's is read again, as it is */
		err = user_zero(address, round_up(length, PAGE_SIZE));
	unlock(&mm->lock);
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
	if (end > MM_TOP)
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
