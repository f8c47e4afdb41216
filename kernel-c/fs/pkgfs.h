/*
 * Squashfs images as filesystems: "squashfs" is one image, "pkgfs" several under
 * one root. What pkgfs.c (mounts), pkgfs_layer.c (images and directories that
 * lie over each other) and pkgfs_inode.c (names and files) share.
 *
 * A layer is an image, opened when it is first needed. A name is looked up in
 * each layer in turn, and the first that has it wins; a directory shows what all
 * layers have there, up to one that has something else in its place. What a
 * directory is in a later layer is only found out when an earlier one doesn't
 * have a name, so an image nobody needs is never opened.
 *
 * I immutable   f under pkgfs->lock   i under inode->lock
 */
#ifndef PKGFS_H
#define PKGFS_H

#include "../task/once.h"
#include "../vfs/mount.h"
#include "../vfs/page_cache.h"
#include "squashfs.h"

#define PKGFS_LAYERS 32u
#define PKGFS_BUCKETS 256u

struct layer {
	char *source;            /* [I] what block_open takes */
	char *only;              /* [I] NULL, or directories (a:b/c): it is asked for nothing else */
	struct once opening;
	struct squashfs *image;  /* [I once opened] */
};

struct pkgfs {
	struct superblock sb;
	struct lock lock;        /* RANK_REQUEST */
	struct list buckets[PKGFS_BUCKETS]; /* [f] inodes by number */
	unsigned nlayers;        /* [I] */
	struct layer layers[PKGFS_LAYERS];
};

/* What a directory is in one layer. */
enum part_state { PART_UNKNOWN, PART_ABSENT, PART_PRESENT };
struct part {
	enum part_state state;       /* [i] */
	struct squashfs_inode inode; /* [i] when present */
};

struct pkgfs_node { /* inode->private */
	unsigned layer;              /* [I] the first that has it */
	uint32_t number;             /* [I] for st_ino */
	/* Files. */
	struct squashfs_inode file;  /* [I] */
	struct mapping mapping;      /* regular files */
	/* Directories. */
	char *path;                  /* [I] from the root, without slashes at its ends */
	struct part *parts;          /* [i] one for each layer */
};

static inline struct pkgfs *pkgfs_of(const struct inode *inode)
{
	return container_of(inode->sb, struct pkgfs, sb);
}
static inline struct pkgfs_node *pkgfs_node(const struct inode *inode)
{
	return inode->private;
}
static inline uint64_t pkgfs_number(unsigned layer, uint32_t number)
{
	return (uint64_t)layer << 32 | number;
}

/* ---- pkgfs_layer.c ---- */
/* The layer's image, opened now if it isn't yet; NULL and *err. Sleeps. */
struct squashfs *layer_open(struct layer *layer, int *err);
/* What dir is in a layer: 1 and *part, 0 when it isn't there, or an error. Directory locked; sleeps. */
int part_get(struct inode *dir, unsigned layer, const struct squashfs_inode **part);
/* Can the layer have anything at this path (a name in a directory, or "" for all of it)? */
bool layer_wanted(const struct layer *layer, const char *dir, const char *name, size_t length);

/* ---- pkgfs_inode.c ---- */
/* The root's inode, with one reference; NULL: no memory. */
struct inode *pkgfs_root(struct pkgfs *fs);
/* The root takes the attributes of its first layer. Sleeps. */
int pkgfs_root_load(struct inode *root);
void pkgfs_evict(struct inode *inode);

extern struct fs_type pkgfs_type, squashfs_type;

#endif
