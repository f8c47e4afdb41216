/*
 * The page allocator: a buddy system over all kernel memory that page_init and
 * host_memory_grow gave it.
 *
 * One byte per page (page_state) says what begins there: a free run, a run in
 * use, or a slab's page. It lets page_free join a run with its buddy, kfree
 * tell slab objects from runs, and a double free panic. Free runs are linked
 * through their own first bytes.
 */
#include "page.h"

#include "../host.h"
#include "alloc.h"

#define MAX_ORDER 13                      /* runs of up to 32 MiB */
#define MEMORY_LIMIT (1024u << 20)        /* boot/ makes the memory with this maximum */
#define GROW_STEP (4u << 20)              /* growth renews JavaScript's views: seldom */
#define PAGES (MEMORY_LIMIT / PAGE_SIZE)

static struct lock page_lock = LOCK_INIT(RANK_PAGE);
static struct list free_runs[MAX_ORDER + 1]; /* under page_lock, as all below */
static uint64_t pages_total, pages_used;
static uint32_t first_page; /* below it lies the kernel itself */
static uintptr_t base; /* address of page 0: 0 in wasm, the arena natively */
static uint8_t page_state[PAGES];

static inline uint32_t page_index(const void *p)
{
	return ((uintptr_t)p - base) / PAGE_SIZE;
}

static inline void *page_address(uint32_t index)
{
	return (void *)(base + (uintptr_t)index * PAGE_SIZE);
}

uint8_t page_state_of(const void *p)
{
	uintptr_t offset = (uintptr_t)p - base;

	if (offset >= MEMORY_LIMIT)
		panic("page: %p is not kernel memory", p);
	return page_state[offset / PAGE_SIZE];
}

void page_mark_slab(void *run, unsigned order)
{
	lock(&page_lock); /* the state of a run is looked at when its buddy is freed */
	memset(&page_state[page_index(run)], PAGE_SLAB | order, 1u << order);
	unlock(&page_lock);
}

static void run_insert(uint32_t index, unsigned order)
{
	page_state[index] = PAGE_FREE | order;
	memory_unpoison(page_address(index), sizeof(struct list));
	list_add(&free_runs[order], page_address(index));
}

static void run_take(uint32_t index)
{
	page_state[index] = 0;
	list_remove(page_address(index));
}

/* Put a run back, joined with its buddies as far as they are free. */
static void run_release(uint32_t index, unsigned order)
{
	while (order < MAX_ORDER) {
		uint32_t buddy = index ^ (1u << order);

		if (buddy >= PAGES || page_state[buddy] != (PAGE_FREE | order))
			break;
		run_take(buddy);
		index &= ~(1u << order);
		order++;
	}
	run_insert(index, order);
}

/* Hand pages [from, to) to the allocator as the largest aligned runs. */
static void range_add(uint32_t from, uint32_t to)
{
	pages_total += to - from;
	while (from < to) {
		unsigned order = from ? __builtin_ctz(from) : MAX_ORDER;

		order = min(order, (unsigned)MAX_ORDER);
		while (from + (1u << order) > to)
			order--;
		run_release(from, order);
		from += 1u << order;
	}
}

/* Get memory enough for one aligned run. */
static bool grow(unsigned order)
{
	size_t need = (size_t)PAGE_SIZE << order;
	size_t step = max(2 * need, (size_t)GROW_STEP);
	char *start;

	if (pages_total * PAGE_SIZE + need > MEMORY_LIMIT)
		return false;
	step = round_up(step, (size_t)65536);
	while (!(start = host_memory_grow(step))) {
		if (step <= need || step <= 65536)
			return false;
		step = round_up(step / 2, (size_t)65536);
	}
	if ((uintptr_t)start - base + step > MEMORY_LIMIT)
		step = MEMORY_LIMIT - ((uintptr_t)start - base);
	range_add(page_index(start), page_index(start + step));
	return true;
}

static void *take_run(unsigned order)
{
	unsigned from = order;
	uint32_t index;

	while (from <= MAX_ORDER && list_empty(&free_runs[from]))
		from++;
	if (from > MAX_ORDER)
		return NULL;
	index = page_index(free_runs[from].next);
	run_take(index);
	while (from > order) {
		from--;
		run_insert(index + (1u << from), from);
	}
	page_state[index] = PAGE_USED | order;
	__atomic_store_n(&pages_used, pages_used + (1u << order), __ATOMIC_RELAXED);
	return page_address(index);
}

/* Files in memory leave a sixteenth to the kernel, so that a full disk can be tidied up. */
#define DATA_RESERVE_PART 16

void *page_alloc(unsigned order)
{
	void *run;

	if (order > MAX_ORDER)
		return NULL;
	lock(&page_lock);
	while (!(run = take_run(order)))
		if (!grow(order))
			break;
	unlock(&page_lock);
	if (run)
		memory_unpoison(run, (size_t)PAGE_SIZE << order);
	return run;
}

void page_free(void *run, unsigned order)
{
	uint32_t index = page_index(run);
	uint8_t state = page_state_of(run);

	if ((uintptr_t)run % PAGE_SIZE ||
	    (state != (PAGE_USED | order) && state != (PAGE_SLAB | order)))
		panic("page_free: %p of order %u has state %x", run, order,
		      state);
	memory_poison((char *)run + sizeof(struct list),
		      ((size_t)PAGE_SIZE << order) - sizeof(struct list));
	lock(&page_lock);
	memset(&page_state[index], 0, 1u << order);
	__atomic_store_n(&pages_used, pages_used - (1u << order), __ATOMIC_RELAXED);
	run_release(index, order);
	unlock(&page_lock);
}

void page_count(uint64_t *used, uint64_t *total)
{
	lock(&page_lock);
	*used = pages_used;
	*total = PAGES - first_page;
	unlock(&page_lock);
}

void *page_alloc_data(void)
{
	return page_alloc_data_run(0);
}

void *page_alloc_data_run(unsigned order)
{
	uint64_t total = PAGES - first_page;
	void *run;

	/* a stale count does no harm: the reserve is large */
	if (__atomic_load_n(&pages_used, __ATOMIC_RELAXED) + total / DATA_RESERVE_PART > total)
		return NULL;
	run = page_alloc(order);
	if (run && order) {
		lock(&page_lock);
		memset(&page_state[page_index(run)], PAGE_USED, 1u << order);
		unlock(&page_lock);
	}
	return run;
}

void page_init(void *start, void *end)
{
	for (unsigned order = 0; order <= MAX_ORDER; order++)
		list_init(&free_runs[order]);
#ifndef __wasm__
	base = (uintptr_t)start & ~(((uintptr_t)PAGE_SIZE << MAX_ORDER) - 1);
#endif
	first_page = page_index((char *)start + PAGE_SIZE - 1);
	lock(&page_lock);
	range_add(first_page, page_index(end));
	unlock(&page_lock);
}
