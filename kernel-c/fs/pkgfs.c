/*
 * Mounting squashfs images.
 *
 *     mount -t squashfs IMAGE /mnt            one image, a file or a block device
 *     mount -t pkgfs -o image=A,image=B:share/man:share/doc packages /usr
 *
 * pkgfs takes each image from a store named SOURCE.IMAGE (here packages.A), or
 * NAME.IMAGE after the option store=NAME, or from the file IMAGE when that begins
 * with a slash; paths after it say that it is asked for these only. Nothing is opened before it is needed. The supervisor
 * mounts it at boot, and can't look into it: drivers run on the supervisor.
 */
#include "pkgfs.h"

#include "../kernel.h"
#include "../lib/alloc.h"

#define SOURCE_MAX PATH_MAX

static int pkgfs_statfs(struct superblock *sb, struct abi_statfs *st)
{
	struct pkgfs *fs = container_of(sb, struct pkgfs, sb);

	st->type = SQUASHFS_MAGIC;
	st->namelen = SQUASHFS_NAME_MAX;
	st->flags |= ST_RDONLY;
	for (unsigned i = 0; i < fs->nlayers; i++) {
		struct squashfs *image = __atomic_load_n(&fs->layers[i].image, __ATOMIC_ACQUIRE);

		if (!image)
			continue; /* not opened yet, and not because of this */
		st->blocks += (image->bytes + st->frsize - 1) / st->frsize;
		st->files += image->inodes;
	}
	return 0;
}

static void layers_free(struct pkgfs *fs)
{
	for (unsigned i = 0; i < fs->nlayers; i++) {
		kfree(fs->layers[i].source);
		kfree(fs->layers[i].only);
		if (fs->layers[i].image)
			squashfs_close(fs->layers[i].image);
	}
	kfree(fs);
}

static void pkgfs_unmount(struct superblock *sb)
{
	struct pkgfs *fs = container_of(sb, struct pkgfs, sb);

	dentry_put(sb->root);
	layers_free(fs);
}

static const struct super_ops pkgfs_super_ops = {
	.evict = pkgfs_evict,
	.statfs = pkgfs_statfs,
	.unmount = pkgfs_unmount,
};

static struct pkgfs *pkgfs_new(const struct fs_type *type)
{
	struct pkgfs *fs = kzalloc(sizeof *fs);

	if (!fs)
		return NULL;
	fs->sb.type = type;
	fs->sb.ops = &pkgfs_super_ops;
	fs->sb.dev = fs_new_dev();
	fs->sb.mounts = 1;
	fs->sb.flags = SB_RDONLY | SB_WAITS;
	lock_init(&fs->lock, RANK_REQUEST);
	for (unsigned i = 0; i < PKGFS_BUCKETS; i++)
		list_init(&fs->buckets[i]);
	return fs;
}

/* A string of kmalloc from two parts. */
static char *join(const char *a, size_t a_length, const char *b, size_t b_length)
{
	char *s = kmalloc(a_length + b_length + 1);

	if (!s)
		return NULL;
	memcpy(s, a, a_length);
	memcpy(s + a_length, b, b_length);
	s[a_length + b_length] = 0;
	return s;
}

/* Add the layer that `text` (n bytes, NAME or NAME:PATHS) describes. */
static int layer_add(struct pkgfs *fs, const char *prefix, const char *text, size_t n)
{
	const char *colon = memchr(text, ':', n);
	size_t name = colon ? (size_t)(colon - text) : n, before = text[0] == '/' ? 0 : strlen(prefix);
	struct layer *layer = &fs->layers[fs->nlayers];

	if (name == 0 || before + name >= SOURCE_MAX)
		return -EINVAL;
	if (fs->nlayers == PKGFS_LAYERS)
		return -E2BIG;
	once_init(&layer->opening);
	if (!(layer->source = join(prefix, before, text, name)))
		return -ENOMEM;
	fs->nlayers++;
	if (colon && !(layer->only = join(colon + 1, n - name - 1, "", 0)))
		return -ENOMEM;
	return 0;
}

static int options_read(struct pkgfs *fs, const char *source, const char *data)
{
	char *prefix = join(source, strlen(source), ".", 1);
	int err = 0;

	while (prefix && data && *data && err == 0) {
		const char *end = strchr(data, ',');
		size_t n = end ? (size_t)(end - data) : strlen(data);

		if (n > 6 && strncmp(data, "image=", 6) == 0) {
			err = layer_add(fs, prefix, data + 6, n - 6);
		} else if (n > 6 && strncmp(data, "store=", 6) == 0) {
			kfree(prefix);
			prefix = join(data + 6, n - 6, ".", 1);
		} else if (n != 0 && !(n == 2 && strncmp(data, "ro", 2) == 0)) {
			err = -EINVAL;
		}
		data += n + !!end;
	}
	if (!prefix)
		err = -ENOMEM;
	kfree(prefix);
	return err < 0 ? err : fs->nlayers ? 0 : -EINVAL;
}

static struct superblock *root_make(struct pkgfs *fs, int *err)
{
	struct inode *root = pkgfs_root(fs);

	if (root && (fs->sb.root = dentry_root(root)))
		return &fs->sb;
	*err = -ENOMEM;
	if (root)
		inode_put(root);
	layers_free(fs);
	return NULL;
}

static struct superblock *pkgfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct pkgfs *fs = pkgfs_new(&pkgfs_type);

	(void)flags; /* it is read-only anyway */
	*err = fs ? options_read(fs, source, data) : -ENOMEM;
	if (*err == 0)
		return root_make(fs, err);
	if (fs)
		layers_free(fs);
	return NULL;
}

/* One image, which is opened at once: who mounts it wants to know whether it is one. */
static struct superblock *squashfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct pkgfs *fs = pkgfs_new(&squashfs_type);
	struct superblock *sb;

	(void)flags;
	*err = -ENOMEM;
	if (!fs)
		return NULL;
	fs->nlayers = 1;
	once_init(&fs->layers[0].opening);
	*err = data && *data && strcmp(data, "ro") != 0 ? -EINVAL : 0;
	if (*err == 0 && !(fs->layers[0].source = kstrdup(source)))
		*err = -ENOMEM;
	if (*err == 0)
		layer_open(&fs->layers[0], err);
	if (*err < 0) {
		layers_free(fs);
		return NULL;
	}
	if ((sb = root_make(fs, err)) && (*err = pkgfs_root_load(sb->root->inode)) < 0) {
		pkgfs_unmount(sb);
		return NULL;
	}
	return sb;
}

struct fs_type pkgfs_type = { .name = "pkgfs", .at_boot = true, .mount = pkgfs_mount };
struct fs_type squashfs_type = { .name = "squashfs", .needs_device = true, .mount = squashfs_mount };
