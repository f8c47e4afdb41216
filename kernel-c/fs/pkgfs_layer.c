/*
 * Layers: opening images, and what a directory is in each of them.
 */
#include "../kernel.h"
#include "../lib/alloc.h"
#include "pkgfs.h"

struct squashfs *layer_open(struct layer *layer, int *err)
{
	struct block_device *device;

	if ((*err = once_begin(&layer->opening)) > 0) {
		/* A directory may be locked here: a store's name must not be looked up as a path. */
		device = block_open(layer->source,
				    BLOCK_READ_ONLY | (strchr(layer->source, '/') ? 0 : BLOCK_STORE),
				    err);
		if (device && (*err = squashfs_open(device, &layer->image)) < 0)
			block_put(device);
		once_end(&layer->opening, layer->image != NULL);
	}
	return *err < 0 ? NULL : layer->image;
}

/* ---- which paths a layer is asked for ---- */

/* Is `path` (of two parts, "dir" "name") the same as `only`, above or below it? */
static bool related(const char *only, size_t n, const char *dir, const char *name, size_t length)
{
	size_t dir_length = strlen(dir);

	for (size_t i = 0;; i++) {
		size_t before = dir_length ? dir_length + 1 : 0;
		char c = 0;

		if (i < dir_length)
			c = dir[i];
		else if (length && i < before)
			c = '/';
		else if (length && i < before + length)
			c = name[i - before];
		if (c == 0) /* the path ends: it is only, or above it */
			return i == 0 || i == n || only[i] == '/';
		if (i == n) /* only ends: it is above the path */
			return c == '/';
		if (c != only[i])
			return false;
	}
}

bool layer_wanted(const struct layer *layer, const char *dir, const char *name, size_t length)
{
	const char *only = layer->only, *end;

	if (!only)
		return true;
	for (; only; only = *end ? end + 1 : NULL) {
		end = strchr(only, ':');
		if (!end)
			end = only + strlen(only);
		if (related(only, (size_t)(end - only), dir, name, length))
			return true;
	}
	return false;
}

/* ---- directories in layers ---- */

/* Walk from the image's root: 1 and *inode when a directory is there, 0 when not. */
static int directory_find(struct squashfs *fs, const char *path, struct squashfs_inode *inode)
{
	struct squashfs_entry *e;
	int err = squashfs_inode_read(fs, fs->root, inode);

	if (err == 0 && !S_ISDIR(inode->mode))
		err = -EUCLEAN;
	if (err < 0)
		return err;
	if (!(e = kmalloc(sizeof *e)))
		return -ENOMEM;
	err = 1;
	while (*path && err > 0) {
		const char *slash = strchr(path, '/');
		size_t length = slash ? (size_t)(slash - path) : strlen(path);

		err = squashfs_dir_find(fs, inode, path, length, e);
		if (err > 0 && e->type != S_IFDIR)
			err = 0;
		if (err > 0) {
			err = squashfs_inode_read(fs, e->reference, inode);
			err = err < 0 ? err : S_ISDIR(inode->mode) ? 1 : -EUCLEAN;
		}
		path += length + !!slash;
	}
	kfree(e);
	return err;
}

int part_get(struct inode *dir, unsigned layer, const struct squashfs_inode **found)
{
	struct pkgfs_node *node = pkgfs_node(dir);
	struct part *part = &node->parts[layer];
	struct pkgfs *fs = pkgfs_of(dir);
	struct squashfs *image;
	int err = 0;

	assert(mutex_held(&dir->lock));
	if (part->state == PART_UNKNOWN && !layer_wanted(&fs->layers[layer], node->path, "", 0))
		part->state = PART_ABSENT;
	if (part->state == PART_UNKNOWN) {
		if (!(image = layer_open(&fs->layers[layer], &err)))
			return err;
		if ((err = directory_find(image, node->path, &part->inode)) < 0)
			return err;
		part->state = err ? PART_PRESENT : PART_ABSENT;
	}
	*found = &part->inode;
	return part->state == PART_PRESENT;
}
