/*
 * mlock and its like. All memory is resident, so nothing is to be done to lock it;
 * what is locked is remembered for its limit, and until it is unmapped.
 *
 * Ranges lie in mm->locked in no order and never overlap. Under mm->lock.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "mm.h"

struct range {
	struct list node;
	uaddr start, end;
};

static struct slab_cache range_cache = SLAB_CACHE("locked_range", struct range);

static int add(struct mm *mm, uaddr start, uaddr end)
{
	struct range *r = slab_alloc(&range_cache);

	if (!r)
		return -ENOMEM;
	r->start = start;
	r->end = end;
	list_append(&mm->locked, &r->node);
	mm->locked_bytes += end - start;
	return 0;
}

void mlock_cut(struct mm *mm, uaddr start, uaddr end)
{
	struct range *r, *next;

	list_for_each_safe(r, next, &mm->locked, node) {
		uaddr first = r->start, last = r->end;

		if (last <= start || first >= end)
			continue;
		mm->locked_bytes -= last - first;
		list_remove(&r->node);
		slab_free(&range_cache, r);
		/* without memory for it, less counts as locked */
		if (first < start)
			add(mm, first, start);
		if (last > end)
			add(mm, end, last);
	}
}

void mlock_forget(struct mm *mm)
{
	mlock_cut(mm, 0, UINT32_MAX);
}

bool mlock_overlaps(struct mm *mm, uaddr start, uaddr end)
{
	struct range *r;

	assert_held(&mm->lock);
	list_for_each(r, &mm->locked, node)
		if (r->start < end && r->end > start)
			return true;
	return false;
}

static bool privileged(void)
{
	return current_process->cred.euid == 0;
}

static bool within_limit(uint64_t bytes)
{
	return privileged() || bytes <= current_process->limits[RLIMIT_MEMLOCK].cur;
}

static bool may_lock(void)
{
	return privileged() || current_process->limits[RLIMIT_MEMLOCK].cur > 0;
}

/* Lock what of the range is not yet. */
static int lock_range(struct mm *mm, uaddr start, uaddr end)
{
	uint64_t before = mm->locked_bytes, overlap;
	struct range *r;

	overlap = 0;
	list_for_each(r, &mm->locked, node)
		if (r->start < end && r->end > start)
			overlap += min(r->end, end) - max(r->start, start);
	if (!within_limit(before + (end - start) - overlap))
		return -ENOMEM;
	mlock_cut(mm, start, end);
	return add(mm, start, end);
}

int mlock_mapped(struct mm *mm, uaddr start, uaddr end)
{
	if (!mm->lock_future)
		return 0;
	return lock_range(mm, start, end) < 0 ? -EAGAIN : 0;
}

static int change(uaddr address, uint32_t length, int (*f)(struct mm *mm, uaddr start, uaddr end))
{
	struct mm *mm = current_process->mm;
	uint64_t end = round_up((uint64_t)address + length, (uint64_t)PAGE_SIZE);
	uaddr start = address - address % PAGE_SIZE;
	int err;

	if (end > UINT32_MAX)
		return -EINVAL;
	if (end == start)
		return 0;
	lock(&mm->lock);
	err = mm_holds(mm, start, (uaddr)end) ? f(mm, start, (uaddr)end) : -ENOMEM;
	unlock(&mm->lock);
	return err;
}

static int unlock_range(struct mm *mm, uaddr start, uaddr end)
{
	mlock_cut(mm, start, end);
	return 0;
}

int32_t sys_mlock(uint32_t address, uint32_t length)
{
	return may_lock() ? change(address, length, lock_range) : -EPERM;
}

int32_t sys_munlock(uint32_t address, uint32_t length)
{
	return change(address, length, unlock_range);
}

int32_t sys_mlockall(int32_t flags)
{
	struct mm *mm = current_process->mm;
	int err = 0;

	if (!(flags & (MCL_CURRENT | MCL_FUTURE)) || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return -EINVAL;
	if (!may_lock())
		return -EPERM;
	lock(&mm->lock);
	if (flags & MCL_CURRENT)
		err = within_limit(mm_size(mm)) ? mm_each_held(mm, lock_range) : -ENOMEM;
	if (err == 0)
		mm->lock_future = flags & MCL_FUTURE;
	unlock(&mm->lock);
	return err;
}

int32_t sys_munlockall(void)
{
	struct mm *mm = current_process->mm;

	lock(&mm->lock);
	mlock_forget(mm);
	mm->lock_future = false;
	unlock(&mm->lock);
	return 0;
}
