/*
 * radix.h: growing, searching and cutting the tree.
 */
#include "radix.h"

#include "alloc.h"

static struct slab_cache node_cache = SLAB_CACHE("radix_node", struct radix_node);

void **radix_slot(struct radix *r, uint64_t index)
{
	void **at = &r->root;

	while (index >> r->height * RADIX_BITS) {
		struct radix_node *n = NULL;

		if (r->root) {
			if (!(n = slab_alloc(&node_cache)))
				return NULL;
			n->slot[0] = r->root;
		}
		r->root = n;
		r->height++;
	}
	for (unsigned h = r->height; h > 0; h--) {
		if (!*at && !(*at = slab_alloc(&node_cache)))
			return NULL;
		at = &((struct radix_node *)*at)->slot[radix_slot_of(index, h)];
	}
	return at;
}

/* `base` is the first index under `at`. */
static uint64_t next(void *at, unsigned height, uint64_t base, uint64_t index)
{
	if (!at)
		return UINT64_MAX;
	if (height == 0)
		return base;
	for (unsigned i = 0; i < RADIX_FANOUT; i++) {
		uint64_t span = 1ull << (height - 1) * RADIX_BITS;
		uint64_t from = base + i * span, found;

		if (from + span <= index)
			continue;
		found = next(((struct radix_node *)at)->slot[i], height - 1, from, index);
		if (found != UINT64_MAX)
			return found;
	}
	return UINT64_MAX;
}

uint64_t radix_next(const struct radix *r, uint64_t index)
{
	if (index >> r->height * RADIX_BITS)
		return UINT64_MAX;
	return next(r->root, r->height, 0, index);
}

struct cut {
	uint64_t first, end;
	bool (*drop)(void *item, uint64_t index, void *arg);
	void *arg;
};

static uint64_t cut(void **at, unsigned height, uint64_t base, const struct cut *c)
{
	uint64_t span, gone = 0;
	bool empty = true;
	struct radix_node *n = *at;

	if (!n)
		return 0;
	if (height == 0) {
		if (base < c->first || base >= c->end || !c->drop(n, base, c->arg))
			return 0;
		*at = NULL;
		return 1;
	}
	span = 1ull << (height - 1) * RADIX_BITS;
	for (unsigned i = 0; i < RADIX_FANOUT; i++, base += span) {
		if (base + span > c->first && base < c->end)
			gone += cut(&n->slot[i], height - 1, base, c);
		empty = empty && !n->slot[i];
	}
	if (empty) {
		slab_free(&node_cache, n);
		*at = NULL;
	}
	return gone;
}

uint64_t radix_cut(struct radix *r, uint64_t first, uint64_t end,
		   bool (*drop)(void *item, uint64_t index, void *arg), void *arg)
{
	struct cut c = { first, end, drop, arg };
	uint64_t gone = cut(&r->root, r->height, 0, &c);

	if (!r->root)
		r->height = 0;
	return gone;
}
