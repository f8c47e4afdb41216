/*
 * A radix tree: from a number to a pointer, as high as the largest number needs.
 * 64-way nodes; a tree that holds only number 0 is just that pointer. Whoever
 * owns it has the lock.
 */
#ifndef RADIX_H
#define RADIX_H

#include "../types.h"

#define RADIX_BITS 6
#define RADIX_FANOUT (1u << RADIX_BITS)

struct radix_node {
	void *slot[RADIX_FANOUT];
};

struct radix { /* all zero: empty */
	void *root;
	unsigned height;
};

static inline unsigned radix_slot_of(uint64_t index, unsigned height)
{
	return index >> (height - 1) * RADIX_BITS & (RADIX_FANOUT - 1);
}

/* What is at index, or NULL. */
static inline void *radix_find(const struct radix *r, uint64_t index)
{
	void *at = r->root;

	if (index >> r->height * RADIX_BITS)
		return NULL;
	for (unsigned h = r->height; h > 0 && at; h--)
		at = ((struct radix_node *)at)->slot[radix_slot_of(index, h)];
	return at;
}

/* Where the pointer of index hangs, making the nodes above it; NULL: no memory. */
void **radix_slot(struct radix *r, uint64_t index);
/* The first index >= index with a pointer, or UINT64_MAX. */
uint64_t radix_next(const struct radix *r, uint64_t index);
/*
 * Take out the pointers in [first, end) and the nodes that become empty; how
 * many there were. `drop` is called for each: true if it is to go, false keeps it.
 */
uint64_t radix_cut(struct radix *r, uint64_t first, uint64_t end,
		   bool (*drop)(void *item, uint64_t index, void *arg), void *arg);

#endif
