/*
 * ramfs and tmpfs: inodes in kernel memory, and whole filesystems of them. Names are
 * in memfs_dir.c, data in memfs_data.c.
 *
 * ramfs is as large as memory; tmpfs has limits (mount options size, nr_inodes).
 */
#include "memfs.h"

#include "../lib/alloc.h"
#include "../task/task.h"

#define RAMFS_MAGIC 0x858458f6u
#define TMPFS_MAGIC 0x01021994u

static struct slab_cache node_cache = SLAB_CACHE("memfs_node", struct memfs_node);

/* ---- inodes ---- */

static void memfs_evict(struct inode *inode)
{
	struct memfs_node *node = memfs_node(inode);

	if (S_ISREG(inode->mode))
		memfs_data_free(inode);
	else if (S_ISDIR(inode->mode))
		kfree(node->dir.buckets);
	else if (S_ISLNK(inode->mode))
		kfree(node->target);
	slab_free(&node_cache, node);
	__atomic_sub_fetch(&memfs_of(inode)->inodes, 1, __ATOMIC_RELAXED);
	inode_free(inode);
}

static void inode_set_type(struct inode *inode)
{
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		inode->fops = &memfs_file_ops;
		break;
	case S_IFDIR:
		memfs_dir_init(inode);
		break;
	case S_IFIFO:
		inode->fops = &fifo_ops;
		break;
	}
}

/* What a symbolic link or a device has besides. */
static bool inode_fill(struct inode *inode, const struct creation *c)
{
	inode->rdev = c->rdev; /* what drives it is found when it is opened */
	if (!c->target)
		return true;
	inode->size = (int64_t)strlen(c->target);
	return (memfs_node(inode)->target = kstrdup(c->target)) != NULL;
}

struct inode *memfs_inode(struct memfs *fs, const struct creation *c)
{
	uint64_t ino = __atomic_add_fetch(&fs->last_ino, 1, __ATOMIC_RELAXED);
	struct inode *inode;

	if (__atomic_add_fetch(&fs->inodes, 1, __ATOMIC_RELAXED) >
	    __atomic_load_n(&fs->max_inodes, __ATOMIC_RELAXED))
		goto uncount;
	if (!(inode = inode_new(&fs->sb, c->mode, ino)))
		goto uncount;
	if (!(inode->private = slab_alloc(&node_cache)))
		goto free_inode;
	inode->uid = c->uid;
	inode->gid = c->gid;
	inode->ops = &memfs_inode_ops;
	inode_set_type(inode);
	if (!inode_fill(inode, c))
		goto free_node;
	return inode;
free_node:
	slab_free(&node_cache, inode->private);
free_inode:
	inode_free(inode);
uncount:
	__atomic_sub_fetch(&fs->inodes, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* ---- whole filesystems ---- */

static int memfs_statfs(struct superblock *sb, struct abi_statfs *st)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	uint64_t pages = __atomic_load_n(&fs->pages, __ATOMIC_RELAXED);
	uint64_t inodes = __atomic_load_n(&fs->inodes, __ATOMIC_RELAXED);

	st->type = fs->magic;
	if (fs->magic == RAMFS_MAGIC) { /* as large as memory: that is what df should say of / */
		uint64_t used, total;

		page_count(&used, &total);
		st->blocks = total;
		st->bfree = st->bavail = total - used;
	} else if (fs->max_pages != UINT64_MAX) { /* else all 0: devfs holds nothing */
		st->blocks = fs->max_pages;
		st->bfree = st->bavail = fs->max_pages - min(pages, fs->max_pages);
		st->files = fs->max_inodes;
		st->ffree = fs->max_inodes - min(inodes, fs->max_inodes);
	}
	return 0;
}

static void memfs_unmount(struct superblock *sb)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	struct inode *root = inode_get(sb->root->inode);

	dentry_put(sb->root);
	memfs_tree_free(root);
	kfree(fs);
}

static int memfs_remount(struct superblock *sb, uint32_t flags, const char *data);

static const struct super_ops memfs_super_ops = {
	.evict = memfs_evict,
	.statfs = memfs_statfs,
	.unmount = memfs_unmount,
	.remount = memfs_remount,
};

struct superblock *memfs_new(const struct fs_type *type, const struct memfs_options *o)
{
	const struct creation c = { .mode = S_IFDIR | o->mode, .uid = o->uid, .gid = o->gid };
	struct memfs *fs = kzalloc(sizeof *fs);
	struct inode *root;

	if (!fs)
		return NULL;
	fs->sb.type = type;
	fs->sb.ops = &memfs_super_ops;
	fs->sb.dev = fs_new_dev();
	fs->sb.mounts = 1;
	fs->max_pages = o->max_pages;
	fs->max_inodes = o->max_inodes;
	fs->magic = o->magic;
	if (!(root = memfs_inode(fs, &c)))
		goto free_fs;
	if (!(fs->sb.root = dentry_root(root)))
		goto put_root;
	return &fs->sb;
put_root:
	inode_put(root);
free_fs:
	kfree(fs);
	return NULL;
}

/* ---- mount options ---- */

static bool parse_number(const char **s, unsigned base, uint64_t *value)
{
	const char *start = *s;

	*value = 0;
	for (; **s >= '0' && **s < '0' + (int)base; (*s)++)
		if (*value > (UINT64_MAX - 9) / base)
			return false;
		else
			*value = *value * base + (uint64_t)(**s - '0');
	return *s != start;
}

/* A number with k, m, g or (of memory) %. */
static bool parse_size(const char **s, uint64_t *value)
{
	uint64_t used, total;
	unsigned shift = 0;

	if (!parse_number(s, 10, value))
		return false;
	switch (**s | 0x20) {
	case 'g':
		shift += 10; /* fallthrough */
		[[fallthrough]];
	case 'm':
		shift += 10;
		[[fallthrough]];
	case 'k':
		shift += 10;
		(*s)++;
		break;
	default:
		if (**s == '%') {
			page_count(&used, &total);
			*value = total * PAGE_SIZE / 100 * *value;
			(*s)++;
		}
	}
	if (*value > UINT64_MAX >> shift >> 1)
		return false;
	*value <<= shift;
	return true;
}

static bool option_is(const char **s, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(*s, name, n) != 0)
		return false;
	*s += n;
	return true;
}

/* One option; *s is moved behind it. */
static bool parse_option(const char **s, struct memfs_options *o)
{
	uint64_t v;

	if (option_is(s, "size=")) {
		if (!parse_size(s, &v))
			return false;
		o->max_pages = v ? (v + PAGE_SIZE - 1) / PAGE_SIZE : UINT64_MAX;
	} else if (option_is(s, "nr_inodes=")) {
		if (!parse_size(s, &v))
			return false;
		o->max_inodes = v ? v : UINT64_MAX;
	} else if (option_is(s, "mode=")) {
		if (!parse_number(s, 8, &v) || v > 07777)
			return false;
		o->mode = (uint32_t)v;
	} else if (option_is(s, "uid=") || option_is(s, "gid=")) {
		bool uid = (*s)[-4] == 'u';

		if (!parse_number(s, 10, &v) || v >= UINT32_MAX)
			return false;
		*(uid ? &o->uid : &o->gid) = (uint32_t)v;
	} else {
		return false;
	}
	return **s == 0 || **s == ',';
}

static int parse_options(const char *data, struct memfs_options *o)
{
	while (data && *data) {
		if (*data != ',' && !parse_option(&data, o))
			return -EINVAL;
		if (*data == ',')
			data++;
	}
	return 0;
}

static int memfs_remount(struct superblock *sb, uint32_t flags, const char *data)
{
	struct memfs *fs = container_of(sb, struct memfs, sb);
	struct memfs_options o = { .max_pages = fs->max_pages, .max_inodes = fs->max_inodes };
	int err = parse_options(data, &o);

	(void)flags; /* read-only is the mount's */
	if (err < 0)
		return err;
	if (o.max_pages < __atomic_load_n(&fs->pages, __ATOMIC_RELAXED) ||
	    o.max_inodes < __atomic_load_n(&fs->inodes, __ATOMIC_RELAXED))
		return -EINVAL;
	__atomic_store_n(&fs->max_pages, o.max_pages, __ATOMIC_RELAXED);
	__atomic_store_n(&fs->max_inodes, o.max_inodes, __ATOMIC_RELAXED);
	return 0;
}

static struct superblock *mount_with(const struct fs_type *type, struct memfs_options *o,
				     const char *data, int *err)
{
	struct superblock *sb;

	if ((*err = parse_options(data, o)) < 0)
		return NULL;
	if (!(sb = memfs_new(type, o)))
		*err = -ENOMEM;
	return sb;
}

struct fs_type ramfs_type, tmpfs_type;

static struct superblock *ramfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct memfs_options o = { UINT64_MAX, UINT64_MAX, 0755, 0, 0, RAMFS_MAGIC };

	(void)source, (void)flags;
	return mount_with(&ramfs_type, &o, data, err);
}

/* By default half of the memory, as on Linux. */
static struct superblock *tmpfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct memfs_options o = { .mode = 01777, .magic = TMPFS_MAGIC };
	uint64_t used, total;

	(void)source, (void)flags;
	page_count(&used, &total);
	o.max_pages = o.max_inodes = total / 2;
	return mount_with(&tmpfs_type, &o, data, err);
}

struct fs_type ramfs_type = { .name = "ramfs", .mount = ramfs_mount };
struct fs_type tmpfs_type = { .name = "tmpfs", .mount = tmpfs_mount };

/* Where files without a name are: one for all, never unmounted. */
static struct memfs *nameless(void)
{
	static struct memfs *fs;
	const struct memfs_options o = { UINT64_MAX, UINT64_MAX, 0700, 0, 0, TMPFS_MAGIC };
	struct memfs *now = __atomic_load_n(&fs, __ATOMIC_ACQUIRE), *none = NULL;
	struct superblock *sb;

	if (now || !(sb = memfs_new(&tmpfs_type, &o)))
		return now;
	now = container_of(sb, struct memfs, sb);
	if (__atomic_compare_exchange_n(&fs, &none, now, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return now;
	dentry_put(sb->root);
	kfree(now);
	return none;
}

struct file *memfs_anonymous(int64_t size, int *err)
{
	const struct creation c = { .mode = S_IFREG | 0600, .uid = current_process->cred.euid,
				    .gid = current_process->cred.egid };
	struct memfs *fs = nameless();
	struct inode *inode = fs ? memfs_inode(fs, &c) : NULL;

	if (!inode) {
		*err = -ENOMEM;
		return NULL;
	}
	inode->nlink = 0;
	inode->size = size;
	return file_new(inode, inode->fops, O_RDWR, err);
}
