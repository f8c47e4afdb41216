/*
 * ext2: the entries of directories. Each block is filled with entries, whose
 * rec_len lead from one to the next; an unused one has inode 0, and what is free
 * behind a name belongs to its entry.
 *
 * A larger directory is searched through an index in memory: for each name its
 * hash and the block it is in. It is made by the first search and kept as long
 * as the inode is.
 */
#include "../lib/alloc.h"
#include "ext2.h"

#define INDEX_BLOCKS 4u /* from this size on a directory is indexed */
#define AHEAD 16u       /* blocks to read at once in a search */

struct slot {
	uint32_t hash;
	uint32_t block; /* and 1 added; 0: never used */
};
#define REMOVED UINT32_MAX

struct ext2_index {
	uint32_t size, used; /* slots, a power of two; used once, removed ones too */
	struct slot slot[];
};

uint32_t ext2_name_hash(const char *name, size_t length)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h;
}

static uint32_t blocks_of(const struct inode *dir)
{
	return (uint32_t)(dir->size / EXT2_BLOCK);
}

/* ---- entries ---- */

/* The entry at `at`, if it can be one. */
static struct ext2_dirent *entry_at(struct inode *dir, void *page, uint32_t at)
{
	struct ext2_dirent *d = (void *)((char *)page + at);

	if (at + 8 <= EXT2_BLOCK && d->rec_len % 4 == 0 && d->rec_len >= 8 &&
	    at + d->rec_len <= EXT2_BLOCK && EXT2_DIRENT_SIZE(d->name_len) <= d->rec_len)
		return d;
	ext2_corrupt(ext2_of(dir), "a directory with a bad entry", dir->ino);
	return NULL;
}

static const void *dir_page(struct inode *dir, uint32_t block, int *err)
{
	struct mapping *m = &ext2_node(dir)->data;

	if (!page_find(m, block))
		page_ahead(m, block, min(AHEAD, blocks_of(dir) - block));
	return page_get(m, block, err);
}

/* The name in one block: where, or 0 and *err; *before is the entry that leads to it, if not it itself. */
static bool block_find(struct inode *dir, uint32_t block, const char *name, size_t length,
		       uint32_t *at, uint32_t *before, int *err)
{
	void *page = (void *)dir_page(dir, block, err);

	*before = *at = 0;
	while (page && *at < EXT2_BLOCK) {
		struct ext2_dirent *d = entry_at(dir, page, *at);

		if (!d) {
			*err = -EUCLEAN;
			return false;
		}
		if (d->inode && d->name_len == length && memcmp(d->name, name, length) == 0)
			return true;
		*before = *at;
		*at += d->rec_len;
	}
	return false;
}

/* ---- the index ---- */

void ext2_dir_forget(struct ext2_node *node)
{
	kfree(node->index);
	node->index = NULL;
}

static struct ext2_index *index_new(uint32_t size)
{
	struct ext2_index *x = kzalloc(sizeof *x + size * sizeof x->slot[0]);

	if (x)
		x->size = size;
	return x;
}

static void index_put(struct ext2_index *x, uint32_t hash, uint32_t block)
{
	uint32_t i = hash;

	while (x->slot[i & (x->size - 1)].block)
		i++;
	x->slot[i & (x->size - 1)] = (struct slot){ hash, block + 1 };
	x->used++;
}

/* Add a name; without memory the index goes, and searches are slow. */
static void index_add(struct ext2_node *node, const char *name, size_t length, uint32_t block)
{
	struct ext2_index *x = node->index, *larger;

	if (!x)
		return;
	if (x->used * 4 >= x->size * 3) {
		if (!(larger = index_new(x->size * 2))) {
			ext2_dir_forget(node);
			return;
		}
		for (uint32_t i = 0; i < x->size; i++)
			if (x->slot[i].block && x->slot[i].block != REMOVED)
				index_put(larger, x->slot[i].hash, x->slot[i].block - 1);
		kfree(x);
		node->index = x = larger;
	}
	index_put(x, ext2_name_hash(name, length), block);
}

static void index_remove(struct ext2_node *node, const char *name, size_t length, uint32_t block)
{
	struct ext2_index *x = node->index;
	uint32_t hash = ext2_name_hash(name, length), i = hash;

	for (; x && x->slot[i & (x->size - 1)].block; i++) {
		struct slot *s = &x->slot[i & (x->size - 1)];

		if (s->hash == hash && s->block == block + 1) {
			s->block = REMOVED;
			return;
		}
	}
}

/* -ENOMEM: search without. */
static int index_build(struct inode *dir)
{
	struct ext2_node *node = ext2_node(dir);
	int err = 0;

	if (!(node->index = index_new(1024)))
		return -ENOMEM;
	for (uint32_t b = 0; b < blocks_of(dir) && node->index; b++) {
		void *page = (void *)dir_page(dir, b, &err);

		for (uint32_t at = 0; page && at < EXT2_BLOCK && node->index;) {
			struct ext2_dirent *d = entry_at(dir, page, at);

			if (!d) {
				err = -EUCLEAN;
				page = NULL;
				break;
			}
			if (d->inode)
				index_add(node, d->name, d->name_len, b);
			at += d->rec_len;
		}
		if (!page) {
			ext2_dir_forget(node);
			return err;
		}
	}
	return node->index ? 0 : -ENOMEM;
}

/* ---- searching ---- */

struct place {
	uint32_t block, at, before;
};

/* 1 if the name is there, 0, or -errno. */
static int index_find(struct inode *dir, const char *name, size_t length, struct place *p)
{
	struct ext2_index *x = ext2_node(dir)->index;
	uint32_t hash = ext2_name_hash(name, length);
	int err = 0;

	for (uint32_t i = hash; x->slot[i & (x->size - 1)].block; i++) {
		struct slot *s = &x->slot[i & (x->size - 1)];

		if (s->hash != hash || s->block == REMOVED)
			continue;
		p->block = s->block - 1;
		if (block_find(dir, p->block, name, length, &p->at, &p->before, &err))
			return 1;
		if (err < 0)
			return err;
	}
	return 0;
}

static int find(struct inode *dir, const char *name, size_t length, struct place *p)
{
	struct ext2_node *node = ext2_node(dir);
	int err = 0;

	assert(mutex_held(&dir->lock));
	if (blocks_of(dir) >= INDEX_BLOCKS && !node->index && (err = index_build(dir)) < 0 &&
	    err != -ENOMEM)
		return err;
	if (node->index)
		return index_find(dir, name, length, p);
	for (p->block = 0; p->block < blocks_of(dir); p->block++) {
		if (block_find(dir, p->block, name, length, &p->at, &p->before, &err))
			return 1;
		if (err < 0)
			return err;
	}
	return 0;
}

uint32_t ext2_dir_find(struct inode *dir, const char *name, size_t length, int *err)
{
	struct place p;
	const struct ext2_dirent *d;

	*err = 0;
	if (length > EXT2_NAME_MAX) {
		*err = -ENAMETOOLONG;
		return 0;
	}
	if ((*err = find(dir, name, length, &p)) <= 0)
		return 0;
	d = (const void *)((const char *)page_find(&ext2_node(dir)->data, p.block) + p.at);
	*err = 0;
	return d->inode;
}

/* ---- changing ---- */

static uint8_t type_of(uint32_t mode)
{
	static const uint8_t types[16] = {
		[S_IFREG >> 12] = EXT2_FT_REG, [S_IFDIR >> 12] = EXT2_FT_DIR,
		[S_IFCHR >> 12] = EXT2_FT_CHR, [S_IFBLK >> 12] = EXT2_FT_BLK,
		[S_IFIFO >> 12] = EXT2_FT_FIFO, [S_IFSOCK >> 12] = EXT2_FT_SOCK,
		[S_IFLNK >> 12] = EXT2_FT_LNK,
	};

	return types[mode >> 12 & 15];
}

/* ext3's hash tree, if the directory has one, is not kept up: it is an ordinary one from now on. */
static int dir_changes(struct inode *dir)
{
	dir->mtime = dir->ctime = time_now();
	ext2_node(dir)->flags &= ~EXT2_INDEX_FL;
	return ext2_changes(dir, true);
}

static void *block_change(struct inode *dir, uint32_t block, int *err)
{
	return page_change(&ext2_node(dir)->data, block, BLOCK_NONE, 0, err);
}

static void entry_fill(struct ext2_dirent *d, const char *name, size_t length, uint32_t ino,
		       uint32_t mode)
{
	d->inode = ino;
	d->name_len = (uint8_t)length;
	d->file_type = type_of(mode);
	memset(d->name, 0, min(EXT2_DIRENT_SIZE(length), (uint32_t)d->rec_len) - 8);
	memcpy(d->name, name, length);
}

static uint32_t entry_used(const struct ext2_dirent *d)
{
	return d->inode ? EXT2_DIRENT_SIZE(d->name_len) : 0;
}

/* An entry of the block with `need` bytes to spare: 1 and *at, 0, or -errno. */
static int block_room(struct inode *dir, uint32_t block, uint32_t need, uint32_t *at)
{
	int err = 0;
	void *page = (void *)dir_page(dir, block, &err);
	struct ext2_dirent *d;

	if (!page)
		return err;
	for (*at = 0; *at < EXT2_BLOCK; *at += d->rec_len) {
		if (!(d = entry_at(dir, page, *at)))
			return -EUCLEAN;
		if (d->rec_len >= entry_used(d) + need)
			return 1;
	}
	return 0;
}

/* A new block at the end, all of it one unused entry. */
static int block_append(struct inode *dir, uint32_t index)
{
	uint32_t block, fresh;
	struct ext2_dirent *d;
	int err = ext2_map_new(dir, index, 1, &block, &fresh);

	if (err < 0)
		return err;
	if (!(d = page_change(&ext2_node(dir)->data, index, block, PAGE_ZERO, &err))) {
		ext2_unmap(dir, index, UINT64_MAX);
		return err;
	}
	d->rec_len = EXT2_BLOCK;
	dir->size += EXT2_BLOCK;
	return 0;
}

int ext2_dir_add(struct inode *dir, const char *name, size_t length, uint32_t ino, uint32_t mode)
{
	struct ext2_node *node = ext2_node(dir);
	uint32_t need = EXT2_DIRENT_SIZE(length), block, at = 0;
	struct ext2_dirent *d, *rest;
	int err;
	char *page;

	if ((err = dir_changes(dir)) < 0)
		return err;
	for (block = min(node->room, blocks_of(dir)); block < blocks_of(dir); block++)
		if ((err = block_room(dir, block, need, &at)) != 0)
			break;
	if (err < 0)
		return err;
	if (block == blocks_of(dir)) {
		if (block >= INT32_MAX / EXT2_BLOCK)
			return -ENOSPC;
		if ((err = block_append(dir, block)) < 0)
			return err;
		at = 0;
	}
	if (!(page = block_change(dir, block, &err)))
		return err;
	node->room = block;
	d = (void *)(page + at);
	if (d->inode) {
		rest = (void *)(page + at + entry_used(d));
		rest->rec_len = (uint16_t)(d->rec_len - entry_used(d));
		d->rec_len = (uint16_t)entry_used(d);
		d = rest;
	}
	entry_fill(d, name, length, ino, mode);
	index_add(node, name, length, block);
	return 0;
}

int ext2_dir_remove(struct inode *dir, const char *name, size_t length)
{
	struct ext2_node *node = ext2_node(dir);
	struct ext2_dirent *d, *before;
	struct place p;
	char *page;
	int err = find(dir, name, length, &p);

	if (err <= 0)
		return err < 0 ? err : -ENOENT;
	if ((err = dir_changes(dir)) < 0 || !(page = block_change(dir, p.block, &err)))
		return err;
	d = (void *)(page + p.at);
	before = (void *)(page + p.before);
	d->inode = 0;
	if (p.at)
		before->rec_len += d->rec_len;
	node->room = min(node->room, p.block);
	index_remove(node, name, length, p.block);
	return 0;
}

int ext2_dir_set(struct inode *dir, const char *name, size_t length, uint32_t ino, uint32_t mode)
{
	struct ext2_dirent *d;
	struct place p;
	char *page;
	int err = find(dir, name, length, &p);

	if (err <= 0)
		return err < 0 ? err : -ENOENT;
	if ((err = dir_changes(dir)) < 0 || !(page = block_change(dir, p.block, &err)))
		return err;
	d = (void *)(page + p.at);
	d->inode = ino;
	d->file_type = type_of(mode);
	return 0;
}

int ext2_dir_ready(struct inode *dir, const char *name, size_t length)
{
	struct place p;
	int err = find(dir, name, length, &p);

	if (err <= 0)
		return err < 0 ? err : -ENOENT;
	if ((err = ext2_changes(dir, true)) == 0)
		block_change(dir, p.block, &err);
	return err;
}

int ext2_dir_init(struct inode *dir, uint32_t parent)
{
	int err = block_append(dir, 0);

	if (err == 0)
		err = ext2_dir_add(dir, ".", 1, (uint32_t)dir->ino, S_IFDIR);
	if (err == 0)
		err = ext2_dir_add(dir, "..", 2, parent, S_IFDIR);
	return err;
}

int ext2_dir_empty(struct inode *dir)
{
	int err = 0;

	for (uint32_t b = 0; b < blocks_of(dir); b++) {
		void *page = (void *)dir_page(dir, b, &err);
		struct ext2_dirent *d;

		if (!page)
			return err;
		for (uint32_t at = 0; at < EXT2_BLOCK; at += d->rec_len) {
			if (!(d = entry_at(dir, page, at)))
				return -EUCLEAN;
			if (d->inode && !(d->name_len == 1 && d->name[0] == '.') &&
			    !(d->name_len == 2 && d->name[0] == '.' && d->name[1] == '.'))
				return 0;
		}
	}
	return 1;
}

/* ---- reading ---- */

/* What nobody can have made is not shown. */
static bool name_valid(const struct ext2_dirent *d)
{
	return d->name_len && !memchr(d->name, '/', d->name_len) && !memchr(d->name, 0, d->name_len);
}

/* What is left of one block from f->pos on; 1 when the sink is full. A name may have gone meanwhile. */
static int block_list(struct file *f, void *page, struct dir_sink *sink)
{
	static const uint8_t types[] = { 0, S_IFREG >> 12, S_IFDIR >> 12, S_IFCHR >> 12,
					 S_IFBLK >> 12, S_IFIFO >> 12, S_IFSOCK >> 12, S_IFLNK >> 12 };
	int64_t base = f->pos - f->pos % EXT2_BLOCK;

	for (uint32_t at = 0; at < EXT2_BLOCK;) {
		struct ext2_dirent *d = entry_at(f->inode, page, at);
		int64_t next;

		if (!d)
			return -EUCLEAN;
		next = base + at + d->rec_len;
		if (base + at >= f->pos) {
			if (d->inode && name_valid(d) &&
			    !sink->entry(sink, d->name, d->name_len, d->inode,
					 d->file_type < countof(types) ? types[d->file_type] : 0, next))
				return 1;
			f->pos = next;
		}
		at += d->rec_len;
	}
	f->pos = base + EXT2_BLOCK;
	return 0;
}

int ext2_readdir(struct file *f, struct dir_sink *sink)
{
	struct inode *dir = f->inode;
	int err = 0;

	mutex_lock(&dir->lock);
	if (dir->nlink == 0)
		err = -ENOENT;
	while (err == 0 && f->pos < dir->size) {
		void *page = (void *)dir_page(dir, (uint32_t)(f->pos / EXT2_BLOCK), &err);

		if (page)
			err = block_list(f, page, sink);
	}
	ext2_accessed(dir);
	mutex_unlock(&dir->lock);
	return err < 0 ? err : 0;
}
