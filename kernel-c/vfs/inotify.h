/*
 * inotify: telling programs what happens to files. inotify.c keeps the watches;
 * whoever changes, opens or removes a file says so by the calls here, which cost
 * one load while nobody watches anything.
 */
#ifndef INOTIFY_H
#define INOTIFY_H

#include "mount.h"

#define IN_ACCESS 0x1u
#define IN_MODIFY 0x2u
#define IN_ATTRIB 0x4u
#define IN_CLOSE_WRITE 0x8u
#define IN_CLOSE_NOWRITE 0x10u
#define IN_OPEN 0x20u
#define IN_MOVED_FROM 0x40u
#define IN_MOVED_TO 0x80u
#define IN_CREATE 0x100u
#define IN_DELETE 0x200u
#define IN_DELETE_SELF 0x400u
#define IN_MOVE_SELF 0x800u
#define IN_UNMOUNT 0x2000u
#define IN_Q_OVERFLOW 0x4000u
#define IN_IGNORED 0x8000u
#define IN_ONLYDIR 0x1000000u
#define IN_DONT_FOLLOW 0x2000000u
#define IN_EXCL_UNLINK 0x4000000u
#define IN_MASK_CREATE 0x10000000u
#define IN_MASK_ADD 0x20000000u
#define IN_ISDIR 0x40000000u
#define IN_ONESHOT 0x80000000u
#define IN_ALL_EVENTS 0xfffu

/* An instance as a file: reads give events. NULL and *err. */
struct file *inotify_new(uint32_t flags, int *err);
/* Watch inode, or change how: the watch's number, -EINVAL when f is no instance, -ENOSPC, -EEXIST. */
int inotify_add(struct file *f, struct inode *inode, uint32_t mask);
/* -EINVAL when there is no such watch. */
int inotify_remove(struct file *f, int wd);

/* ---- what happened; none of these sleeps ---- */

extern uint32_t inotify_watches; /* [a] how many there are, in all instances */
void inotify_tell_slow(uint32_t event, struct inode *inode, struct dentry *name);
void inotify_tell_name_slow(uint32_t event, struct inode *dir, const char *name, size_t length,
			    uint32_t cookie);
void inotify_gone_slow(struct inode *inode, uint32_t event);

static inline bool inotify_idle(void)
{
	return likely(!__atomic_load_n(&inotify_watches, __ATOMIC_RELAXED));
}

/* Something was done to inode itself, found by `name` (or NULL): its watches hear of it, and its directory's. */
static inline void inotify_tell(uint32_t event, struct inode *inode, struct dentry *name)
{
	if (!inotify_idle())
		inotify_tell_slow(event, inode, name);
}
/* The same through an open file. */
static inline void inotify_tell_file(uint32_t event, struct file *f)
{
	if (!inotify_idle())
		inotify_tell_slow(event, f->inode, f->dentry);
}
/* A name in dir was made, removed or moved; event may have IN_ISDIR. */
static inline void inotify_tell_name(uint32_t event, struct inode *dir, const char *name,
				     size_t length)
{
	if (!inotify_idle())
		inotify_tell_name_slow(event, dir, name, length, 0);
}
/* An inode without names is used no more. */
static inline void inotify_gone(struct inode *inode)
{
	if (!inotify_idle())
		inotify_gone_slow(inode, IN_DELETE_SELF);
}
/* One name moved; `inode` is what it leads to. */
void inotify_tell_move(struct inode *from, const char *name, size_t length, struct inode *to,
		       const char *to_name, size_t to_length, struct inode *inode);
/* sb is being unmounted: its watches end. */
void inotify_unmount(struct superblock *sb);

#endif
