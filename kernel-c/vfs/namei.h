/*
 * From a path to what it names, and the operations on directories.
 *
 * `p` is the process whose credentials, root, working directory and descriptors
 * count; NULL is the kernel itself: root's rights, the system's root.
 */
#ifndef NAMEI_H
#define NAMEI_H

#include "mount.h"

#define WALK_FOLLOW 1u    /* a symbolic link at the end is followed */
#define WALK_DIRECTORY 2u /* -ENOTDIR unless a directory */
#define WALK_EMPTY 4u     /* "" names dirfd itself */
#define WALK_REAL 8u      /* the real user's and group's rights count (access) */

/* A walk under way; the state between the steps of namei.c. */
struct walk {
	struct process *p;
	const struct cred *cred;
	bool real;         /* its real IDs count, not the effective ones */
	struct path root;  /* where "/" is */
	struct path at;    /* the directory reached */
	const char *rest;  /* what is still to be walked */
	char *buffer;      /* what rest points into, after a symbolic link */
	int links;         /* symbolic links followed */
	const char *last;  /* the last component; length 0 for "/" itself */
	size_t length;
	bool slash;        /* slashes follow it */
};

/* From dirfd, or from the root if path says so. 0, and walk_end is due; or -errno. */
int walk_begin(struct walk *w, struct process *p, int dirfd, const char *path);
/* Walk all but the last component. */
int walk_parent(struct walk *w);
/* The last component is the symbolic link `link` in w->at: go on with what it says.
 * Then walk_parent again; or 1, when it led straight to an object, now w->at. */
int walk_link(struct walk *w, struct dentry *link);
void walk_end(struct walk *w);
/* Is the last component one that names a directory by itself: "/", "." or ".."? */
static inline bool walk_last_special(const struct walk *w)
{
	return w->length == 0 || (w->length == 1 && w->last[0] == '.') ||
	       (w->length == 2 && w->last[0] == '.' && w->last[1] == '.');
}
/* The last component when it is special: w->at becomes it. */
void walk_special(struct walk *w);

/* What a path of the kernel leads to, with references; `flags` are WALK_*. Sleeps. */
int path_lookup(struct process *p, int dirfd, const char *path, uint32_t flags, struct path *out);

/* Whose rights count: p's; those of the superuser where there is no p (the kernel itself). */
const struct cred *process_cred(struct process *p);
/* The process's root and working directory, with references. */
void process_root(struct process *p, struct path *out);
void process_cwd(struct process *p, struct path *out);
uint32_t process_umask(struct process *p);
/* Is c the owner of inode, or root? */
bool cred_owns(const struct cred *c, const struct inode *inode);

/* ---- open.c ---- */
/* Open what path names (not consumed); no check of permission. */
struct file *path_open(struct path *path, uint32_t flags, int *err);
int vfs_chroot(struct process *p, const char *path);
int path_set_cwd(struct process *p, struct path *path); /* consumed */

/* ---- dir.c: change directories ---- */
int vfs_mkdir(struct process *p, int dirfd, const char *path, uint32_t mode);
int vfs_mknod(struct process *p, int dirfd, const char *path, uint32_t mode, uint64_t rdev);
int vfs_symlink(struct process *p, const char *target, int dirfd, const char *path);
int vfs_unlink(struct process *p, int dirfd, const char *path, bool directory);
int vfs_link(struct process *p, int from_fd, const char *from, int to_fd, const char *to, uint32_t flags);
int vfs_rename(struct process *p, int from_fd, const char *from, int to_fd, const char *to, uint32_t flags);
/* Make a file (a symbolic link to target) in w->at under this name, its directory locked. */
int dir_create(struct walk *w, struct dentry *name, uint32_t mode, uint64_t rdev, const char *target);

/* ---- attr.c: change what an inode says about itself ---- */
int vfs_chmod(struct process *p, const struct path *path, uint32_t mode);
int vfs_chown(struct process *p, const struct path *path, uint32_t uid, uint32_t gid);
/* times NULL: both now. nsec may be UTIME_NOW or UTIME_OMIT. */
int vfs_utimes(struct process *p, const struct path *path, const struct abi_timespec times[2]);
int vfs_truncate(struct inode *inode, int64_t length);

#endif
