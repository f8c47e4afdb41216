/*
 * Filesystems and where they are mounted.
 *
 * A superblock is one mounted filesystem; a mount shows it (or, for a bind
 * mount, a part of it) at a place in the tree.
 *
 * I immutable   a atomic   d under dentry_lock
 */
#ifndef MOUNT_H
#define MOUNT_H

#include "dentry.h"

struct fs_type {
	const char *name;
	bool needs_device; /* for /proc/filesystems: else "nodev" */
	bool at_boot;      /* mounting asks no driver: the kernel does it at boot, by /etc/fstab */
	/* The superblock, its root set, with a use: a new one (mounts is 1), or one that is
	 * mounted already (superblock_get). NULL and *err. May sleep. */
	struct superblock *(*mount)(const char *source, uint32_t flags, const char *data, int *err);
	struct list types;
};

struct super_ops {
	/* The last reference to an inode is gone: free what it holds, then the inode by inode_free. Never sleeps. */
	void (*evict)(struct inode *inode);
	/* Fill what is not 0. */
	int (*statfs)(struct superblock *sb, struct abi_statfs *st);
	int (*sync)(struct superblock *sb); /* NULL: nothing to do */
	void (*unmount)(struct superblock *sb); /* the last mount is gone: free sb */
	/* New settings from mount -o remount. NULL: only the mount's flags change. */
	int (*remount)(struct superblock *sb, uint32_t flags, const char *data);
};

#define SB_UNCACHED 1u /* dentries are looked up each time */
#define SB_RDONLY 2u
#define SB_REVALIDATE 4u /* names change by themselves: each lookup asks the filesystem again */
#define SB_WAITS 8u /* lookups wait for the supervisor, which therefore can't make any (EAGAIN) */

struct superblock {
	const struct fs_type *type;   /* [I] */
	const struct super_ops *ops;  /* [I] */
	uint64_t dev;                 /* [I] st_dev */
	uint32_t flags;               /* [a] SB_* */
	struct dentry *root;          /* [I] */
	int mounts;                   /* [d] that show it, and other uses */
	void *private;
};

struct mount {
	int refs;               /* [a] one is the table's */
	struct superblock *sb;  /* [I] */
	struct dentry *root;    /* [I] what is shown */
	struct mount *parent;   /* [d] with a reference; NULL for the root mount */
	struct dentry *point;   /* [d] what it covers there, with a reference */
	uint32_t flags;         /* [a] MS_RDONLY and so on */
	struct list all;        /* [d] */
	char *source;           /* [I] */
};

static inline struct mount *mount_get(struct mount *m)
{
	__atomic_add_fetch(&m->refs, 1, __ATOMIC_RELAXED);
	return m;
}
void mount_put(struct mount *m); /* never sleeps */

static inline struct path path_get(const struct path *p)
{
	mount_get(p->mount);
	dentry_get(p->dentry);
	return *p;
}
void path_put(struct path *p); /* and clears it */

struct superblock *superblock_get(struct superblock *sb); /* one more use */
void superblock_put(struct superblock *sb);               /* the last unmounts it; never sleeps */
/* What is mounted from the device `dev`, with a use, or NULL. */
struct superblock *superblock_find(uint64_t dev);

/* Make fs known to mount(2). At boot. */
void fs_register(struct fs_type *fs);
struct fs_type *fs_type_find(const char *name); /* or NULL */
void fs_type_each(void (*f)(const struct fs_type *fs, void *arg), void *arg);
/* A fresh st_dev for a filesystem without a device. */
uint64_t fs_new_dev(void);

/* If something is mounted on path, replace it by the root of that. dentry_lock not held. */
void path_cross(struct path *path);
/* One up, not above root. */
void path_up(struct path *path, const struct path *root);
/* Is it a place where something is mounted (in this mount)? dentry_lock not held. */
bool path_is_mountpoint(const struct path *path);

/* -EROFS when nothing may be written through m. */
int mount_writable(const struct mount *m);

int mount_add(const char *source, const struct path *at, const char *type,
	      uint32_t flags, const char *data);
int mount_bind(const struct path *from, const struct path *at, uint32_t flags);
int mount_remove(const struct path *at);
int mount_remount(const struct path *at, uint32_t flags, const char *data);
/* Call f for each mount under `root`, in order of mounting, with a reference and no lock held. */
void mount_each(void (*f)(struct mount *m, void *arg), void *arg);
int mount_sync_all(void);
int superblock_statfs(struct superblock *sb, uint32_t mount_flags, struct abi_statfs *st);

/* The path of `what` seen from root (NULL: the system's) into buf; the length, -ENOENT when unreachable, -ERANGE. */
int path_name(const struct path *what, const struct path *root, char *buf, size_t size);

/* Has the name been removed, while somebody still uses it? */
bool path_deleted(const struct path *p);

/* Where unnamed objects (pipes) get a path while one is needed: /proc/self/fd/N. */
int path_anonymous(struct inode *inode, struct path *out);

/* The root of the system. */
extern struct path root_path;

void inode_free(struct inode *inode);

#endif
