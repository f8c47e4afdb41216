/*
 * ext2: mounting, the superblock and the group descriptors, growth.
 */
#include "ext2.h"

#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/task.h"

#define EXT2_STATFS_MAGIC 0xef53u
#define INCOMPAT_KNOWN EXT2_INCOMPAT_FILETYPE
#define RO_COMPAT_KNOWN \
	(EXT2_RO_COMPAT_SPARSE_SUPER | EXT2_RO_COMPAT_LARGE_FILE | EXT2_RO_COMPAT_BTREE_DIR | \
	 EXT2_RO_COMPAT_DIR_NLINK | EXT2_RO_COMPAT_EXTRA_ISIZE)
#define PER_DESC_BLOCK (EXT2_BLOCK / (uint32_t)sizeof(struct ext2_group))
/* Blocks that the store must be able to take beyond a new group before it is added. */
#define GROW_RESERVE 1024

int ext2_corrupt(struct ext2 *fs, const char *what, uint64_t where)
{
	static uint32_t said;

	if (!__atomic_exchange_n(&fs->error, true, __ATOMIC_RELAXED) ||
	    __atomic_add_fetch(&said, 1, __ATOMIC_RELAXED) < 20)
		klog(4, "ext2: %s: %s (%llu)", fs->device->name, what, (unsigned long long)where);
	return -EUCLEAN;
}

/* ---- geometry ---- */

uint32_t ext2_desc_blocks(uint32_t groups)
{
	return (groups + PER_DESC_BLOCK - 1) / PER_DESC_BLOCK;
}

static bool power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

bool ext2_group_has_super(const struct ext2_super *s, uint32_t group)
{
	return group <= 1 || !(s->feature_ro_compat & EXT2_RO_COMPAT_SPARSE_SUPER) ||
	       power_of(group, 3) || power_of(group, 5) || power_of(group, 7);
}

uint32_t ext2_group_blocks(const struct ext2 *fs, uint32_t group)
{
	return min(fs->super.blocks_per_group,
		   fs->super.blocks_count - group * fs->super.blocks_per_group);
}

/* ---- pages that something in memory is copied to ---- */

int ext2_page_ready(struct ext2 *fs, struct ext2_page *p, uint32_t block)
{
	uint64_t number = checkpoint_now(&fs->cp);
	char *page;
	int err;

	if (likely(p->number == number))
		return 0;
	if (!(page = page_change(&fs->meta, block, block, 0, &err)))
		return err;
	p->page = page;
	p->number = number;
	return 0;
}

int ext2_super_change(struct ext2 *fs)
{
	return ext2_page_ready(fs, &fs->super_page, 0);
}

int ext2_group_change(struct ext2 *fs, uint32_t group)
{
	uint32_t i = group / PER_DESC_BLOCK;

	return ext2_page_ready(fs, &fs->group_pages[i], 1 + i);
}

static void settle_super(struct ext2 *fs, uint64_t number)
{
	if (fs->super_page.number == number) {
		fs->super.wtime = (uint32_t)time_now().sec;
		memcpy(fs->super_page.page + EXT2_SUPER_OFFSET, &fs->super, sizeof fs->super);
	}
	for (uint32_t i = 0; i < ext2_desc_blocks(fs->ngroups); i++)
		if (fs->group_pages[i].number == number)
			memcpy(fs->group_pages[i].page, fs->groups + i * PER_DESC_BLOCK, EXT2_BLOCK);
}

static void settle(struct checkpoints *c)
{
	settle_super(container_of(c, struct ext2, cp), checkpoint_now(c));
	ext2_settle(c);
}

/* Unmounted, and neither a checkpoint nor the reaper is at it any more. */
static void ext2_free(struct checkpoints *c)
{
	struct ext2 *fs = container_of(c, struct ext2, cp);

	ext2_icache_drop(fs);
	mapping_free(&fs->meta);
	block_unclaim(fs->device);
	block_put(fs->device);
	kfree(fs->groups);
	kfree(fs->group_pages);
	request_put(fs->estimate);
	kfree(fs);
}

static const struct checkpoint_ops checkpoint_ops = {
	.settle = settle,
	.ended = ext2_settled,
	.free = ext2_free,
};

/* Metadata: pages are blocks. */
static int meta_read(struct mapping *m, uint32_t index, uint32_t count, void **pages,
		     uint32_t *blocks)
{
	struct ext2 *fs = m->private;
	struct request_page list[16];
	int err = 0;

	for (uint32_t done = 0; done < count && err == 0; done += 16) {
		uint32_t n = min(count - done, 16u);

		for (uint32_t i = 0; i < n; i++)
			list[i] = (struct request_page){ index + done + i, pages[done + i] };
		err = block_read(fs->device, list, n);
		for (uint32_t i = 0; i < n; i++) {
			pages[done + i] = list[i].page;
			blocks[done + i] = index + done + i;
		}
	}
	return err;
}

static const struct mapping_ops meta_ops = { .read = meta_read };

/* ---- mounting ---- */

static int check_super(const struct ext2_super *s, const char *name)
{
	uint64_t groups;

	if (s->magic != EXT2_MAGIC)
		return -EINVAL;
	if (s->log_block_size != 2 || s->first_data_block != 0) {
		klog(4, "ext2: %s: only blocks of 4 KiB can be mounted", name);
		return -EINVAL;
	}
	if (s->rev_level < 1 || s->feature_incompat & ~INCOMPAT_KNOWN ||
	    !(s->feature_incompat & EXT2_INCOMPAT_FILETYPE)) {
		klog(4, "ext2: %s: features %x that are not known here", name, s->feature_incompat);
		return -EINVAL;
	}
	if (s->inode_size < EXT2_OLD_INODE || s->inode_size > EXT2_BLOCK ||
	    s->inode_size & (s->inode_size - 1) || s->first_ino < EXT2_GOOD_FIRST_INO)
		return -EUCLEAN;
	if (s->blocks_per_group < 256 || s->blocks_per_group > EXT2_BLOCK * 8 ||
	    s->blocks_per_group % 8 || s->inodes_per_group == 0 ||
	    s->inodes_per_group > EXT2_BLOCK * 8 || s->inodes_per_group % 8 ||
	    s->inodes_per_group % (EXT2_BLOCK / s->inode_size))
		return -EUCLEAN;
	if (s->blocks_count < 16 || s->blocks_count > UINT32_MAX - EXT2_BLOCK * 8)
		return -EUCLEAN;
	groups = (s->blocks_count + s->blocks_per_group - 1) / s->blocks_per_group;
	if (groups * s->inodes_per_group != s->inodes_count || s->free_blocks_count > s->blocks_count ||
	    s->free_inodes_count > s->inodes_count || groups > 65536)
		return -EUCLEAN;
	return 0;
}

/* Its tables must lie in the group: then nothing else can be found there. */
static bool check_group(const struct ext2 *fs, uint32_t group)
{
	const struct ext2_group *g = &fs->groups[group];
	uint32_t first = group * fs->super.blocks_per_group;
	uint32_t n = ext2_group_blocks(fs, group), head = 0;

	if (ext2_group_has_super(&fs->super, group))
		head = 1 + ext2_desc_blocks(fs->ngroups);
	if (n <= head + 2 || fs->itable_blocks > n - head - 2)
		return false;
	return g->block_bitmap >= first + head && g->block_bitmap < first + n &&
	       g->inode_bitmap >= first + head && g->inode_bitmap < first + n &&
	       g->block_bitmap != g->inode_bitmap && g->inode_table >= first + head &&
	       g->inode_table - first <= n - fs->itable_blocks &&
	       g->block_bitmap - g->inode_table >= fs->itable_blocks &&
	       g->inode_bitmap - g->inode_table >= fs->itable_blocks &&
	       g->free_blocks <= n && g->free_inodes <= fs->super.inodes_per_group;
}

static int read_groups(struct ext2 *fs)
{
	uint32_t blocks;
	int err;

	fs->ngroups = (fs->super.blocks_count + fs->super.blocks_per_group - 1) /
		      fs->super.blocks_per_group;
	fs->itable_blocks = fs->super.inodes_per_group * fs->inode_size / EXT2_BLOCK;
	blocks = ext2_desc_blocks(fs->ngroups);
	fs->max_groups = blocks * PER_DESC_BLOCK;
	if (!(fs->groups = kzalloc(blocks * EXT2_BLOCK)) ||
	    !(fs->group_pages = kzalloc(blocks * sizeof *fs->group_pages)))
		return -ENOMEM;
	if ((err = block_read_bytes(fs->device, EXT2_BLOCK, fs->groups, blocks * EXT2_BLOCK)) < 0)
		return err;
	for (uint32_t g = 0; g < fs->ngroups; g++)
		if (!check_group(fs, g))
			return ext2_corrupt(fs, "bad group descriptor", g);
	return 0;
}

static int read_super(struct ext2 *fs, bool *read_only)
{
	int err = block_read_bytes(fs->device, EXT2_SUPER_OFFSET, &fs->super, sizeof fs->super);

	if (err < 0 || (err = check_super(&fs->super, fs->device->name)) < 0)
		return err;
	if (fs->super.feature_ro_compat & ~RO_COMPAT_KNOWN && !*read_only) {
		klog(5, "ext2: %s: can only be read: features %x", fs->device->name,
		     fs->super.feature_ro_compat);
		*read_only = true;
	}
	fs->inode_size = fs->super.inode_size;
	return 0;
}

static bool option_number(const char *s, const char *name, uint64_t *value)
{
	size_t n = strlen(name);

	if (strncmp(s, name, n) != 0 || s[n] != '=')
		return false;
	for (s += n + 1, *value = 0; *s >= '0' && *s <= '9' && *value < 1ull << 50; s++)
		*value = *value * 10 + (uint64_t)(*s - '0');
	switch (*s | 0x20) {
	case 'g':
		*value <<= 10;
		[[fallthrough]];
	case 'm':
		*value <<= 10;
		[[fallthrough]];
	case 'k':
		*value <<= 10;
		s++;
	}
	*value /= EXT2_BLOCK;
	return *s == 0 || *s == ',';
}

static bool option_is(const char *s, const char *name)
{
	size_t n = strlen(name);

	return strncmp(s, name, n) == 0 && (s[n] == 0 || s[n] == ',');
}

/* ro rw loop sync: the caller's; size=, limit= in bytes with k, m or g; format. */
static int parse_options(const char *s, struct ext2_options *o, bool *read_only)
{
	while (s && *s) {
		if (option_is(s, "format"))
			o->format = true;
		else if (option_is(s, "ro"))
			*read_only = true;
		else if (!option_number(s, "size", &o->size) && !option_number(s, "limit", &o->limit) &&
			 !option_is(s, "loop") && !option_is(s, "rw") && !option_is(s, "defaults"))
			return -EINVAL;
		if ((s = strchr(s, ',')))
			s++;
	}
	return 0;
}

static const struct super_ops ext2_super_ops;

static struct ext2 *ext2_new(const struct fs_type *type, struct block_device *device, int *err)
{
	struct ext2 *fs = kzalloc(sizeof *fs);

	*err = -ENOMEM;
	if (!fs)
		return NULL;
	if (!(fs->estimate = request_new(REQUEST_ESTIMATE, 0)))
		goto free;
	if ((*err = checkpoints_init(&fs->cp, &checkpoint_ops, device)) < 0)
		goto free_request;
	fs->estimate->private = fs;
	fs->estimate->complete = ext2_estimated;
	fs->device = device;
	fs->sb.type = type;
	fs->sb.ops = &ext2_super_ops;
	fs->sb.dev = device->dev;
	fs->sb.mounts = 1;
	mutex_init(&fs->meta_lock, RANK_META);
	mutex_init(&fs->reaping, RANK_INODE);
	work_init(&fs->reaper, ext2_reaper);
	lock_init(&fs->icache_lock, RANK_ICACHE);
	mapping_init(&fs->meta, &meta_ops, &fs->meta_lock, &fs->cp, fs);
	for (unsigned i = 0; i < EXT2_ICACHE; i++)
		list_init(&fs->buckets[i]);
	list_init(&fs->changed);
	list_init(&fs->flying);
	list_init(&fs->doomed);
	list_init(&fs->orphans);
	return fs;
free_request:
	request_put(fs->estimate);
free:
	kfree(fs);
	return NULL;
}

/* How large it may become: what its descriptors have room for, and the user or the store allow. */
static int set_limit(struct ext2 *fs, const struct ext2_options *o)
{
	int64_t available;
	int err;

	fs->capacity = UINT64_MAX;
	if ((err = ext2_capacity(fs, &available)) < 0 && err != -ENOSYS)
		return err;
	fs->limit = (uint64_t)fs->max_groups * fs->super.blocks_per_group;
	if (err == 0 && available == 0)
		fs->limit = 0;
	if (o->limit)
		fs->limit = min(fs->limit, o->limit);
	return 0;
}

static int ext2_start(struct ext2 *fs, const struct ext2_options *o, bool read_only)
{
	struct inode *root;
	int err;

	if ((err = read_super(fs, &read_only)) < 0 || (err = read_groups(fs)) < 0)
		return err;
	if (read_only)
		fs->sb.flags |= SB_RDONLY;
	else if ((err = set_limit(fs, o)) < 0)
		return err;
	if (!(root = ext2_iget(fs, EXT2_ROOT_INO, &err)))
		return err;
	if (!S_ISDIR(root->mode)) {
		inode_put(root);
		return ext2_corrupt(fs, "the root is no directory", EXT2_ROOT_INO);
	}
	if (!(fs->sb.root = dentry_root(root))) {
		inode_put(root);
		return -ENOMEM;
	}
	return read_only ? 0 : ext2_orphans_clear(fs);
}

/* Nobody uses it any more; what is not stored is lost. */
static void ext2_stop(struct ext2 *fs)
{
	block_leave(fs->device);
	checkpoints_close(&fs->cp);
	if (fs->sb.root)
		dentry_put(fs->sb.root);
	if (work_cancel(&fs->reaper))
		timer_put(&fs->cp.timer); /* the reaper's use */
	checkpoints_free(&fs->cp);
}

static bool is_empty(struct block_device *device)
{
	int64_t blocks;

	return block_size(device, &blocks) == 0 && blocks == 0;
}

static struct superblock *ext2_mount(const char *source, uint32_t flags, const char *data, int *err);
struct fs_type ext2_type = { .name = "ext2", .needs_device = true, .mount = ext2_mount };

/* The device is mounted already: what is there is shown once more. Its options stay what they are. */
static struct superblock *mounted(uint64_t dev, const struct ext2_options *o, bool read_only, int *err)
{
	struct superblock *sb = superblock_find(dev);

	*err = 0;
	if (!sb)
		return NULL;
	if (sb->type == &ext2_type && !o->format && !(sb->flags & SB_RDONLY) == !read_only)
		return sb;
	superblock_put(sb);
	*err = -EBUSY;
	return NULL;
}

static struct superblock *ext2_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct ext2_options o = { 0 };
	bool read_only = flags & MS_RDONLY;
	struct block_device *device;
	struct superblock *sb;
	struct ext2 *fs;

	*err = -EAGAIN; /* reading waits for the supervisor, so it can't be who mounts */
	if (!current)
		return NULL;
	if ((*err = parse_options(data, &o, &read_only)) < 0)
		return NULL;
	if (!(device = block_open(source, read_only ? BLOCK_READ_ONLY : 0, err)))
		return NULL;
	if ((sb = mounted(device->dev, &o, read_only, err)) || *err < 0) {
		block_put(device);
		return sb;
	}
	if ((*err = block_claim(device)) < 0)
		goto put;
	if (!read_only && (o.format || is_empty(device)) && (*err = ext2_format(device, &o)) < 0)
		goto unclaim;
	if (!(fs = ext2_new(&ext2_type, device, err)))
		goto unclaim;
	if ((*err = ext2_start(fs, &o, read_only || device->read_only)) == 0)
		return &fs->sb;
	ext2_stop(fs);
	return NULL;
unclaim:
	block_unclaim(device);
put:
	block_put(device);
	return NULL;
}

/* ---- whole filesystems ---- */

static int ext2_sync(struct superblock *sb)
{
	struct ext2 *fs = container_of(sb, struct ext2, sb);
	int err = 0;

	if (!(sb->flags & SB_RDONLY)) {
		ext2_reap_all(fs);
		err = checkpoint_sync(&fs->cp, checkpoint_now(&fs->cp));
	}
	return err;
}

static void ext2_unmount(struct superblock *sb)
{
	struct ext2 *fs = container_of(sb, struct ext2, sb);

	if (fs->cp.dirty)
		klog(4, "ext2: %s: unmounted with %u blocks that could not be stored",
		     fs->device->name, fs->cp.dirty);
	ext2_stop(fs);
}

static int ext2_statfs(struct superblock *sb, struct abi_statfs *st)
{
	struct ext2 *fs = container_of(sb, struct ext2, sb);
	bool writable = !(sb->flags & SB_RDONLY);
	int64_t available = 0;
	uint64_t more = 0;

	if (ext2_has_doomed(fs))
		ext2_reap(fs);
	if (writable && ext2_capacity(fs, &available) < 0)
		available = 0;
	mutex_lock(&fs->meta_lock);
	if (available > fs->super.free_blocks_count)
		more = min(fs->limit - min(fs->limit, (uint64_t)fs->super.blocks_count),
			   (uint64_t)available - fs->super.free_blocks_count);
	st->type = EXT2_STATFS_MAGIC;
	st->bsize = st->frsize = EXT2_BLOCK;
	st->blocks = fs->super.blocks_count -
		     (uint64_t)fs->ngroups * (fs->itable_blocks + 2) + more;
	st->bfree = fs->super.free_blocks_count + more;
	st->bavail = st->bfree - min(st->bfree, (uint64_t)fs->super.r_blocks_count);
	if (writable)
		st->bavail = min(st->bavail, (uint64_t)ext2_left(fs));
	st->files = fs->super.inodes_count;
	st->ffree = fs->super.free_inodes_count;
	mutex_unlock(&fs->meta_lock);
	st->namelen = EXT2_NAME_MAX;
	return 0;
}

static int ext2_remount(struct superblock *sb, uint32_t flags, const char *data)
{
	struct ext2_options o = { 0 };
	bool read_only = flags & MS_RDONLY;
	int err = parse_options(data, &o, &read_only);

	if (err < 0)
		return err;
	if (!read_only && (sb->flags & SB_RDONLY))
		return -EROFS; /* it was opened for reading */
	return read_only ? ext2_sync(sb) : 0;
}

static const struct super_ops ext2_super_ops = {
	.evict = ext2_evict,
	.statfs = ext2_statfs,
	.sync = ext2_sync,
	.unmount = ext2_unmount,
	.remount = ext2_remount,
};
