/*
 * Blocks of a squashfs image, read and expanded, and the caches of those.
 *
 * Nobody waits for another who expands the same: both do, and one result is kept.
 */
#include "../lib/alloc.h"
#include "squashfs.h"

/* Sizes in the image. */
#define METADATA_STORED 0x8000u  /* not compressed */
#define DATA_STORED (1u << 24)
#define DATA_SIZE (DATA_STORED - 1)

static struct slab_cache block_cache = SLAB_CACHE("squashfs_block", struct squashfs_block);

void squashfs_cache_init(struct squashfs_cache *cache, unsigned limit)
{
	lock_init(&cache->lock, RANK_REQUEST);
	list_init(&cache->blocks);
	cache->count = 0;
	cache->limit = limit;
}

static void block_free(struct squashfs_block *b)
{
	if (b->data)
		page_free(b->data, b->order);
	slab_free(&block_cache, b);
}

void squashfs_cache_free(struct squashfs_cache *cache)
{
	struct squashfs_block *b, *next;

	list_for_each_safe(b, next, &cache->blocks, lru) {
		assert(b->refs == 0);
		list_remove(&b->lru);
		block_free(b);
	}
}

static struct squashfs_block *block_new(uint64_t position, uint32_t room)
{
	struct squashfs_block *b = slab_alloc(&block_cache);

	if (!b)
		return NULL;
	list_init(&b->lru);
	b->position = position;
	b->refs = 1;
	while ((PAGE_SIZE << b->order) < room)
		b->order++;
	if (!(b->data = page_alloc(b->order))) {
		slab_free(&block_cache, b);
		return NULL;
	}
	return b;
}

/* With a reference, and now the most recently used; or NULL. */
static struct squashfs_block *cache_find(struct squashfs_cache *cache, uint64_t position)
{
	struct squashfs_block *b, *found = NULL;

	lock(&cache->lock);
	list_for_each(b, &cache->blocks, lru) {
		if (b->position != position)
			continue;
		found = b;
		found->refs++;
		list_remove(&found->lru);
		list_add(&cache->blocks, &found->lru);
		break;
	}
	unlock(&cache->lock);
	return found;
}

/* The least recently used that nobody uses, out of the cache; lock held. */
static struct squashfs_block *cache_victim(struct squashfs_cache *cache)
{
	struct list *at;

	if (cache->count <= cache->limit)
		return NULL;
	for (at = cache->blocks.prev; at != &cache->blocks; at = at->prev) {
		struct squashfs_block *b = list_entry(at, struct squashfs_block, lru);

		if (b->refs > 0)
			continue;
		list_remove(&b->lru);
		cache->count--;
		return b;
	}
	return NULL;
}

static void cache_add(struct squashfs_cache *cache, struct squashfs_block *b)
{
	struct squashfs_block *victim;

	lock(&cache->lock);
	list_add(&cache->blocks, &b->lru);
	cache->count++;
	victim = cache_victim(cache);
	unlock(&cache->lock);
	if (victim)
		block_free(victim);
}

void squashfs_block_put(struct squashfs_cache *cache, struct squashfs_block *b)
{
	struct squashfs_block *victim;

	lock(&cache->lock);
	b->refs--;
	victim = cache_victim(cache);
	unlock(&cache->lock);
	if (victim)
		block_free(victim);
}

/* Fill b from `size` bytes at `from` in the image, which may expand to `room`. */
static int block_fill(struct squashfs *fs, struct squashfs_block *b, uint64_t from, uint32_t size,
		      bool stored, uint32_t room)
{
	int64_t length = size;
	void *packed;
	int err;

	if (size == 0 || size > room || from > fs->bytes || size > fs->bytes - from)
		return -EUCLEAN;
	if (stored) {
		err = block_read_bytes(fs->device, from, b->data, size);
	} else {
		if (!(packed = kmalloc(size)))
			return -ENOMEM;
		err = block_read_bytes(fs->device, from, packed, size);
		if (err == 0)
			length = fs->expand(b->data, room, packed, size);
		kfree(packed);
	}
	if (err < 0 || length < 0)
		return err < 0 ? err : (int)length;
	b->length = (uint32_t)length;
	return 0;
}

struct squashfs_block *squashfs_metadata(struct squashfs *fs, uint64_t position, int *err)
{
	struct squashfs_block *b = cache_find(&fs->metadata, position);
	uint8_t head[2];
	uint32_t header, size;

	if (b)
		return b;
	*err = -EUCLEAN;
	if (position < sizeof(head) || position > fs->bytes - sizeof(head))
		return NULL;
	if ((*err = block_read_bytes(fs->device, position, head, sizeof(head))) < 0)
		return NULL;
	header = head[0] | (uint32_t)head[1] << 8;
	size = header & (METADATA_STORED - 1);
	if (!(b = block_new(position, SQUASHFS_METADATA))) {
		*err = -ENOMEM;
		return NULL;
	}
	b->next = position + 2 + size;
	*err = block_fill(fs, b, position + 2, size, header & METADATA_STORED, SQUASHFS_METADATA);
	if (*err < 0) {
		block_free(b);
		return NULL;
	}
	cache_add(&fs->metadata, b);
	return b;
}

struct squashfs_block *squashfs_data(struct squashfs *fs, uint64_t position, uint32_t size,
				     uint32_t room, int *err)
{
	struct squashfs_block *b = cache_find(&fs->data, position);

	if (b)
		return b;
	*err = -EUCLEAN;
	if (size & ~(DATA_STORED | DATA_SIZE))
		return NULL;
	if (!(b = block_new(position, room))) {
		*err = -ENOMEM;
		return NULL;
	}
	if ((*err = block_fill(fs, b, position, size & DATA_SIZE, size & DATA_STORED, room)) < 0) {
		block_free(b);
		return NULL;
	}
	cache_add(&fs->data, b);
	return b;
}

int squashfs_metadata_read(struct squashfs *fs, struct squashfs_place *at, void *to, size_t n)
{
	while (n > 0) {
		int err = 0;
		struct squashfs_block *b = squashfs_metadata(fs, at->block, &err);
		size_t part;

		if (!b)
			return err;
		if (at->offset > b->length || (at->offset == b->length && b->length != SQUASHFS_METADATA)) {
			squashfs_block_put(&fs->metadata, b);
			return -EUCLEAN; /* only the last block of a table is short */
		}
		part = min(n, (size_t)(b->length - at->offset));
		if (to) {
			memcpy(to, b->data + at->offset, part);
			to = (char *)to + part;
		}
		n -= part;
		at->offset += (uint32_t)part;
		if (at->offset == b->length) {
			at->block = b->next; /* further on, so this ends */
			at->offset = 0;
		}
		squashfs_block_put(&fs->metadata, b);
	}
	return 0;
}
