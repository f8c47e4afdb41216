/*
 * ext2: making an empty filesystem, one that e2fsck has nothing to say about.
 *
 * It begins small (one group, 128 MiB, of which some megabytes are written) and
 * grows by whole groups. One block of descriptors has room for 128 of them.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../lib/random.h"
#include "ext2.h"

#define BLOCKS_PER_GROUP (EXT2_BLOCK * 8)
#define INODES_PER_GROUP 8192u /* one for 16 KiB */
#define INODE_SIZE 256u
#define ITABLE (INODES_PER_GROUP * INODE_SIZE / EXT2_BLOCK)
#define DESC_BLOCKS 1u
#define LOST_FOUND_INO EXT2_GOOD_FIRST_INO
#define LOST_FOUND_BLOCKS 4u /* so that e2fsck can put things there without growing it */

static void bits_set(uint8_t *bitmap, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		bitmap[i / 8] |= (uint8_t)(1u << i % 8);
}

void ext2_group_layout(const struct ext2_super *s, uint32_t group, struct ext2_group *g,
		       uint8_t *block_bitmap, uint8_t *inode_bitmap)
{
	uint32_t first = group * s->blocks_per_group;
	uint32_t n = min(s->blocks_per_group, s->blocks_count - first);
	uint32_t groups = (s->blocks_count + s->blocks_per_group - 1) / s->blocks_per_group;
	uint32_t itable = s->inodes_per_group * s->inode_size / EXT2_BLOCK;
	uint32_t head = ext2_group_has_super(s, group) ? 1 + ext2_desc_blocks(groups) : 0;

	*g = (struct ext2_group){
		.block_bitmap = first + head,
		.inode_bitmap = first + head + 1,
		.inode_table = first + head + 2,
		.free_blocks = (uint16_t)(n - head - 2 - itable),
		.free_inodes = (uint16_t)s->inodes_per_group,
	};
	bits_set(block_bitmap, 0, head + 2 + itable);
	bits_set(block_bitmap, n, EXT2_BLOCK * 8); /* there is nothing beyond the end */
	bits_set(inode_bitmap, s->inodes_per_group, EXT2_BLOCK * 8);
}

static void fill_super(struct ext2_super *s, uint32_t blocks)
{
	uint32_t groups = (blocks + BLOCKS_PER_GROUP - 1) / BLOCKS_PER_GROUP;
	uint32_t now = (uint32_t)time_now().sec;

	*s = (struct ext2_super){
		.inodes_count = groups * INODES_PER_GROUP,
		.blocks_count = blocks,
		.log_block_size = 2,
		.log_frag_size = 2,
		.blocks_per_group = BLOCKS_PER_GROUP,
		.frags_per_group = BLOCKS_PER_GROUP,
		.inodes_per_group = INODES_PER_GROUP,
		.wtime = now,
		.max_mnt_count = 0xffff,
		.magic = EXT2_MAGIC,
		.state = EXT2_STATE_VALID,
		.errors = 1, /* go on */
		.lastcheck = now,
		.rev_level = 1,
		.first_ino = EXT2_GOOD_FIRST_INO,
		.inode_size = INODE_SIZE,
		.feature_incompat = EXT2_INCOMPAT_FILETYPE,
		.feature_ro_compat = EXT2_RO_COMPAT_SPARSE_SUPER | EXT2_RO_COMPAT_LARGE_FILE |
				     EXT2_RO_COMPAT_EXTRA_ISIZE,
		.mkfs_time = now,
		.min_extra_isize = EXT2_EXTRA,
		.want_extra_isize = EXT2_EXTRA,
		.volume_name = "tabos",
	};
	random_bytes(s->uuid, sizeof s->uuid);
	s->uuid[6] = (uint8_t)((s->uuid[6] & 0x0f) | 0x40);
	s->uuid[8] = (uint8_t)((s->uuid[8] & 0x3f) | 0x80);
	random_bytes(s->hash_seed, sizeof s->hash_seed);
	s->def_hash_version = 1;
}

/* What is written, in order; the pages are ours. */
struct writer {
	struct block_device *device;
	struct request_page list[32];
	uint32_t n;
	int err;
};

static void flush_list(struct writer *w)
{
	if (w->err == 0 && w->n)
		w->err = block_write(w->device, w->list, w->n);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->list[i].page)
			page_free(w->list[i].page, 0);
	w->n = 0;
}

/* A zeroed page that will be block `block`; NULL when something has failed. */
static void *writer_page(struct writer *w, uint32_t block)
{
	void *page;

	if (w->n == countof(w->list))
		flush_list(w);
	if (w->err < 0)
		return NULL;
	if (!(page = page_alloc(0))) {
		w->err = -ENOMEM;
		return NULL;
	}
	w->list[w->n++] = (struct request_page){ block, page };
	return memset(page, 0, EXT2_BLOCK);
}

static struct ext2_raw_inode *raw_inode(void *itable_page, uint32_t ino)
{
	return (void *)((char *)itable_page + (ino - 1) * INODE_SIZE);
}

static void fill_directory(struct ext2_raw_inode *raw, uint16_t mode, uint16_t links,
			   uint32_t first, uint32_t blocks)
{
	uint32_t now = (uint32_t)time_now().sec;

	raw->mode = S_IFDIR | mode;
	raw->links = links;
	raw->size = blocks * EXT2_BLOCK;
	raw->blocks = blocks * (EXT2_BLOCK / 512);
	raw->atime = raw->mtime = raw->ctime = raw->crtime = now;
	raw->extra_isize = EXT2_EXTRA;
	for (uint32_t i = 0; i < blocks; i++)
		raw->block[i] = first + i;
}

static struct ext2_dirent *entry(char *page, uint32_t at, uint32_t ino, const char *name,
				 uint32_t rec_len)
{
	struct ext2_dirent *d = (void *)(page + at);

	d->inode = ino;
	d->rec_len = (uint16_t)rec_len;
	d->name_len = (uint8_t)strlen(name);
	d->file_type = ino ? EXT2_FT_DIR : 0;
	memcpy(d->name, name, d->name_len);
	return d;
}

/* The root and lost+found, at `first` and on. */
static void write_directories(struct writer *w, struct ext2_group *g, uint32_t first)
{
	char *itable = writer_page(w, g->inode_table), *page;

	if (!itable)
		return;
	fill_directory(raw_inode(itable, EXT2_ROOT_INO), 0755, 3, first, 1);
	fill_directory(raw_inode(itable, LOST_FOUND_INO), 0700, 2, first + 1, LOST_FOUND_BLOCKS);
	if (!(page = writer_page(w, first)))
		return;
	entry(page, 0, EXT2_ROOT_INO, ".", 12);
	entry(page, 12, EXT2_ROOT_INO, "..", 12);
	entry(page, 24, LOST_FOUND_INO, "lost+found", EXT2_BLOCK - 24);
	for (uint32_t i = 0; i < LOST_FOUND_BLOCKS && (page = writer_page(w, first + 1 + i)); i++) {
		entry(page, 0, i ? 0 : LOST_FOUND_INO, i ? "" : ".", i ? EXT2_BLOCK : 12);
		if (i == 0)
			entry(page, 12, EXT2_ROOT_INO, "..", EXT2_BLOCK - 12);
	}
}

/* Bitmaps and, if the store was used before, the inode table of a group. */
static void write_group(struct writer *w, struct ext2_super *s, uint32_t group, bool used,
			struct ext2_group *g)
{
	uint32_t head = ext2_group_has_super(s, group) ? 1 + DESC_BLOCKS : 0;
	uint32_t bitmap = group * s->blocks_per_group + head;
	uint32_t own = 1 + LOST_FOUND_BLOCKS;
	uint8_t *blocks, *inodes;

	flush_list(w); /* what follows fits the list, so its pages stay for a while */
	blocks = writer_page(w, bitmap);
	inodes = writer_page(w, bitmap + 1);
	if (!blocks || !inodes)
		return;
	ext2_group_layout(s, group, g, blocks, inodes);
	if (group == 0) {
		bits_set(blocks, head + 2 + ITABLE, head + 2 + ITABLE + own);
		bits_set(inodes, 0, LOST_FOUND_INO);
		g->free_blocks -= (uint16_t)own;
		g->free_inodes -= (uint16_t)LOST_FOUND_INO;
		g->used_dirs = 2;
		write_directories(w, g, g->inode_table + ITABLE);
	}
	for (uint32_t i = group == 0 ? 1 : 0; used && i < ITABLE; i++)
		writer_page(w, g->inode_table + i);
}

int ext2_format(struct block_device *device, const struct ext2_options *o)
{
	struct writer w = { .device = device };
	struct ext2_super *s = kmalloc(sizeof *s);
	struct ext2_group *groups = kzalloc(EXT2_BLOCK);
	uint32_t blocks = (uint32_t)min(max(o->size, 1024ull), 128ull * BLOCKS_PER_GROUP);
	uint32_t n;
	int64_t old = 0;
	char *page;

	w.err = s && groups ? block_size(device, &old) : -ENOMEM;
	if (!o->size) /* an image file is as large as it is */
		blocks = device->file && old >= 1024 ? (uint32_t)min(old, 128ll * BLOCKS_PER_GROUP) :
						       BLOCKS_PER_GROUP;
	/* A last group must have room for its tables, and something to use. */
	if (blocks > BLOCKS_PER_GROUP && blocks % BLOCKS_PER_GROUP < ITABLE + 64)
		blocks -= blocks % BLOCKS_PER_GROUP;
	n = (blocks + BLOCKS_PER_GROUP - 1) / BLOCKS_PER_GROUP;
	if (w.err < 0)
		goto out;
	fill_super(s, blocks);
	for (uint32_t g = 0; g < n; g++) {
		write_group(&w, s, g, old > 0, &groups[g]);
		s->free_blocks_count += groups[g].free_blocks;
		s->free_inodes_count += groups[g].free_inodes;
	}
	for (uint32_t g = 0; g < n; g++) {
		if (!ext2_group_has_super(s, g))
			continue;
		s->block_group_nr = (uint16_t)g;
		if ((page = writer_page(&w, g * BLOCKS_PER_GROUP)))
			memcpy(page + (g ? 0 : EXT2_SUPER_OFFSET), s, sizeof *s);
		if ((page = writer_page(&w, g * BLOCKS_PER_GROUP + 1)))
			memcpy(page, groups, EXT2_BLOCK);
	}
	writer_page(&w, blocks - 1); /* so that the image is as long as it says */
	flush_list(&w);
	if (w.err == 0)
		w.err = block_flush(device);
	klog(w.err < 0 ? 4 : 6, "ext2: %s: formatted, %u blocks: error %d", device->name, blocks, -w.err);
out:
	flush_list(&w);
	kfree(groups);
	kfree(s);
	return w.err;
}
