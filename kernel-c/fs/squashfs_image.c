/*
 * Opening a squashfs image: its superblock, and the tables that are kept in memory.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../lib/decompress.h"
#include "squashfs.h"

#define COMPRESSED_METADATA_CACHE 96u /* of 8 KiB */
#define DATA_CACHE_BYTES (1u << 20)
#define NO_TABLE UINT64_MAX
#define FRAGMENTS_PER_BLOCK (SQUASHFS_METADATA / 16)
#define IDS_PER_BLOCK (SQUASHFS_METADATA / 4)

struct super {
	uint32_t magic, inodes, mkfs_time, block_size, fragments;
	uint16_t compression, block_log, flags, ids, major, minor;
	uint64_t root, bytes, id_table, xattr_table, inode_table, directory_table,
		fragment_table, export_table;
};
_Static_assert(sizeof(struct super) == 96, "as it lies in the image");

static int set_compression(struct squashfs *fs, unsigned compression)
{
	static const char *const names[] = { "none", "gzip", "lzma", "lzo", "xz", "lz4", "zstd" };

	switch (compression) {
	case 1:
		fs->expand = inflate_zlib;
		return 0;
	case 5:
		fs->expand = lz4_block;
		return 0;
	case 6:
		fs->expand = zstd_frame;
		return 0;
	}
	klog(3, "squashfs: %s: compression %s is not supported; zstd, lz4 and gzip are",
	     fs->device->name, compression < countof(names) ? names[compression] : "unknown");
	return -EINVAL;
}

/*
 * Read a table of places of metadata: `count` of them at `table`, each below the
 * table itself and after the one before.
 */
static int places_read(struct squashfs *fs, uint64_t table, uint32_t count, uint64_t **places)
{
	size_t size = count * sizeof(uint64_t);
	uint64_t *list;
	int err;

	if (table > fs->bytes || size > fs->bytes - table)
		return -EUCLEAN;
	if (!(list = kmalloc(max(size, sizeof(uint64_t)))))
		return -ENOMEM;
	err = size ? block_read_bytes(fs->device, table, list, size) : 0;
	for (uint32_t i = 0; i < count && err == 0; i++)
		if (list[i] >= table || (i > 0 && list[i] <= list[i - 1]))
			err = -EUCLEAN;
	if (err < 0) {
		kfree(list);
		return err;
	}
	*places = list;
	return 0;
}

static int ids_read(struct squashfs *fs, const struct super *s)
{
	uint32_t blocks = (s->ids + IDS_PER_BLOCK - 1) / IDS_PER_BLOCK;
	uint64_t *places;
	int err;

	if (s->ids == 0)
		return -EUCLEAN;
	if ((err = places_read(fs, s->id_table, blocks, &places)) < 0)
		return err;
	err = -ENOMEM;
	fs->nids = s->ids;
	if ((fs->ids = kmalloc(s->ids * sizeof(uint32_t)))) {
		struct squashfs_place at = { places[0], 0 };

		err = squashfs_metadata_read(fs, &at, fs->ids, s->ids * sizeof(uint32_t));
	}
	kfree(places);
	return err;
}

static int fragments_read(struct squashfs *fs, const struct super *s)
{
	uint32_t blocks = s->fragments / FRAGMENTS_PER_BLOCK + !!(s->fragments % FRAGMENTS_PER_BLOCK);

	if (s->fragments == 0 || s->fragment_table == NO_TABLE)
		return s->fragments ? -EUCLEAN : 0;
	fs->nfragments = s->fragments;
	return places_read(fs, s->fragment_table, blocks, &fs->fragments);
}

static int super_check(struct squashfs *fs, const struct super *s)
{
	int64_t blocks;
	int err;

	if (s->magic != SQUASHFS_MAGIC || s->major != 4 || s->minor != 0)
		return -EINVAL;
	if (s->block_log < 12 || s->block_log > 20 || s->block_size != 1u << s->block_log)
		return -EINVAL;
	if ((err = set_compression(fs, s->compression)) < 0)
		return err;
	if ((err = block_size(fs->device, &blocks)) < 0)
		return err;
	if (s->bytes < sizeof(*s) || s->bytes > (uint64_t)blocks * BLOCK_BYTES) {
		klog(3, "squashfs: %s: the image is cut short", fs->device->name);
		return -EINVAL;
	}
	if (s->inode_table >= s->directory_table || s->directory_table >= s->bytes ||
	    s->inode_table < sizeof(*s))
		return -EUCLEAN;
	return 0;
}

int squashfs_open(struct block_device *device, struct squashfs **opened)
{
	struct squashfs *fs = kzalloc(sizeof *fs);
	struct super s;
	int err;

	if (!fs)
		return -ENOMEM;
	fs->device = device;
	squashfs_cache_init(&fs->metadata, COMPRESSED_METADATA_CACHE);
	if ((err = block_read_bytes(device, 0, &s, sizeof(s))) < 0 || (err = super_check(fs, &s)) < 0)
		goto free;
	fs->bytes = s.bytes;
	fs->inodes = s.inodes;
	fs->block_size = s.block_size;
	fs->block_shift = s.block_log;
	fs->mkfs_time = s.mkfs_time;
	fs->root = s.root;
	fs->inode_table = s.inode_table;
	fs->directory_table = s.directory_table;
	/* What follows the directories is the next table that there is. */
	fs->directory_end = s.fragments && s.fragment_table < s.bytes ? s.fragment_table : s.bytes;
	squashfs_cache_init(&fs->data, max(DATA_CACHE_BYTES / s.block_size, 2u));
	if ((err = ids_read(fs, &s)) < 0 || (err = fragments_read(fs, &s)) < 0) {
		squashfs_cache_free(&fs->metadata);
		goto free;
	}
	*opened = fs;
	return 0;
free:
	kfree(fs->ids);
	kfree(fs->fragments);
	kfree(fs);
	return err;
}

void squashfs_close(struct squashfs *fs)
{
	squashfs_cache_free(&fs->metadata);
	squashfs_cache_free(&fs->data);
	block_put(fs->device);
	kfree(fs->ids);
	kfree(fs->fragments);
	kfree(fs);
}
