/*
 * The filesystem "9p": a file tree of the host. What p9.c and p9_file.c share.
 *
 * Nothing is cached but attributes, and those are asked for again at each
 * lookup and each stat. An inode is found again by the host's inode number, so
 * that what is known of it (record locks, compiled modules) stays with it.
 *
 * I immutable   f under p9->lock   i under inode->lock
 */
#ifndef P9_H
#define P9_H

#include "../vfs/mount.h"
#include "p9_client.h"

#define P9_BUCKETS 64u

struct p9 {
	struct superblock sb;
	struct p9_client *client; /* [I] */
	struct once attach;    /* is the root's fid there? */
	struct lock lock;         /* RANK_REQUEST */
	struct list buckets[P9_BUCKETS]; /* [f] inodes by number, but the root */
};

struct p9_node { /* inode->private */
	struct p9_fid *fid;     /* [f] by name: the last one it was found by */
	struct p9_fid *created; /* [f] open: from its creation, for who opens it now */
	struct list opened;     /* [f] fids that are open */
	struct p9_attr known;   /* [i] what the server said last */
	bool loaded;            /* [i] has it ever? Only the root may not be */
};

static inline struct p9 *p9_of(const struct inode *inode)
{
	return container_of(inode->sb, struct p9, sb);
}
static inline struct p9_node *p9_node(const struct inode *inode)
{
	return inode->private;
}

/* The inode's fid with a reference; the root's is made when it is first wanted. */
int p9_fid_of(struct inode *inode, struct p9_fid **fid);
/* Another fid for the same inode, to be opened. */
int p9_fid_new(struct inode *inode, struct p9_fid **fid);
/* An open fid if there is one (one that can be written, with `writable`), else the inode's. */
int p9_fid_for(struct inode *inode, bool writable, struct p9_fid **fid);
/* Ask the server for the attributes. Inode locked. */
int p9_refresh(struct inode *inode);
int p9_getattr(struct inode *inode, struct abi_stat *st);
int p9_setattr(struct inode *inode, const struct attributes *a);
int p9_truncate(struct inode *inode, int64_t length);
/*
 * The host's umask may have cut the mode of what was just made. Who owns it the
 * host decides; if it has its own mind about modes too, that is no error.
 */
void p9_mode_restore(struct inode *inode, uint32_t mode);
/* The inode with these attributes, known or new, that fid (consumed) stands for; NULL and *err. */
struct inode *p9_inode_for(struct p9 *fs, struct p9_fid *fid, const struct p9_attr *a, int *err);

extern const struct inode_ops p9_inode_ops;               /* p9_names.c */
extern const struct file_ops p9_file_ops, p9_dir_ops;     /* p9_file.c */

#endif
