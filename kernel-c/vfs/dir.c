/*
 * Changing directories: make, link, remove and rename.
 *
 * A name stays what it is while its directory's inode is locked. Operations
 * that also change what the name leads to lock that inode too, several always
 * by address (inodes_lock). So they look the name up first, lock, and see
 * whether it still is what they found; if not, they begin again.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "inotify.h"
#include "namei.h"

/* One at a time, so that no directory moves below itself. */
static struct mutex rename_lock = MUTEX_INIT(RANK_RENAME);

/* May names be added to or removed from dir? */
static int dir_may_change(const struct walk *w, struct inode *dir)
{
	int err = mount_writable(w->at.mount);

	if (err == 0)
		err = inode_permission_for(w->cred, dir, W_OK | X_OK, false);
	if (err == 0 && dir->nlink == 0)
		err = -ENOENT; /* removed, but still somebody's working directory */
	return err;
}

/* May the name of inode be removed from dir? */
static int dir_may_remove(const struct walk *w, struct inode *dir, struct inode *inode)
{
	int err = dir_may_change(w, dir);

	if (err == 0 && (dir->mode & S_ISVTX) && !cred_owns(w->cred, inode) &&
	    !cred_owns(w->cred, dir))
		err = -EPERM;
	return err;
}

static void tell_created(struct inode *dir, struct dentry *name)
{
	inotify_tell_name(S_ISDIR(name->inode->mode) ? IN_CREATE | IN_ISDIR : IN_CREATE, dir,
			  name->name, name->length);
}

/* A new inode belongs to who makes it; its group to the directory, if that says so. */
int dir_create(struct walk *w, struct dentry *name, uint32_t mode, uint64_t rdev, const char *target)
{
	struct inode *dir = w->at.dentry->inode, *inode;
	struct creation c = { mode, w->cred->euid, w->cred->egid, rdev, target };
	int err = dir_may_change(w, dir);

	if (err < 0)
		return err;
	if (!dir->ops->create)
		return target ? -EPERM : -EACCES;
	if (dir->mode & S_ISGID) {
		c.gid = dir->gid;
		if (S_ISDIR(mode))
			c.mode |= S_ISGID;
		else if ((mode & S_IXGRP) && c.uid != 0 && w->cred->egid != c.gid &&
			 !cred_in_group(w->cred, c.gid))
			c.mode &= ~S_ISGID; /* who makes it could not run programs as that group */
	}
	if (!(inode = dir->ops->create(dir, name->name, name->length, &c, &err)))
		return err;
	dentry_instantiate(name, inode);
	tell_created(dir, name);
	return 0;
}

/*
 * Walk to where something is to be made: its directory locked, the name there
 * not taken. slash_ok: it will be a directory, whose name may end in slashes.
 */
static int make_begin(struct walk *w, struct process *p, int dirfd, const char *path,
		      bool slash_ok, struct dentry **name)
{
	struct dentry *dir;
	int err;

	if ((err = walk_begin(w, p, dirfd, path)) < 0)
		return err;
	if ((err = walk_parent(w)) < 0)
		goto end;
	err = -EEXIST;
	if (walk_last_special(w))
		goto end;
	dir = w->at.dentry;
	mutex_lock(&dir->inode->lock);
	*name = dentry_lookup_locked(dir, w->last, w->length, &err);
	if (!*name)
		goto unlock_dir;
	err = (*name)->inode ? -EEXIST : w->slash && !slash_ok ? -ENOENT : 0;
	if (err == 0)
		return 0;
	dentry_put(*name);
unlock_dir:
	mutex_unlock(&dir->inode->lock);
end:
	walk_end(w);
	return err;
}

static void make_end(struct walk *w, struct dentry *name)
{
	mutex_unlock(&w->at.dentry->inode->lock);
	dentry_put(name);
	walk_end(w);
}

int vfs_mkdir(struct process *p, int dirfd, const char *path, uint32_t mode)
{
	struct walk w;
	struct dentry *name;
	int err = make_begin(&w, p, dirfd, path, true, &name);

	if (err < 0)
		return err;
	mode = S_IFDIR | (mode & 01777 & ~process_umask(p));
	err = dir_create(&w, name, mode, 0, NULL);
	make_end(&w, name);
	return err;
}

int vfs_mknod(struct process *p, int dirfd, const char *path, uint32_t mode, uint64_t rdev)
{
	struct walk w;
	struct dentry *name;
	int err;

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) &&
	    !S_ISBLK(mode))
		return -EINVAL;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && process_cred(p)->euid != 0)
		return -EPERM;
	if ((err = make_begin(&w, p, dirfd, path, false, &name)) < 0)
		return err;
	mode = (mode & S_IFMT) | (mode & 07777 & ~process_umask(p));
	err = dir_create(&w, name, mode, rdev, NULL);
	make_end(&w, name);
	return err;
}

int vfs_symlink(struct process *p, const char *target, int dirfd, const char *path)
{
	struct walk w;
	struct dentry *name;
	int err;

	if (!target[0])
		return -ENOENT;
	if ((err = make_begin(&w, p, dirfd, path, false, &name)) < 0)
		return err;
	err = dir_create(&w, name, S_IFLNK | 0777, 0, target);
	make_end(&w, name);
	return err;
}

/* ---- link ---- */

/* With dir and inode locked. */
static int link_locked(struct walk *w, struct dentry *name, struct inode *inode)
{
	struct inode *dir = w->at.dentry->inode;
	int err = dir_may_change(w, dir);

	if (err < 0)
		return err;
	if (!dir->ops->link || S_ISDIR(inode->mode))
		return -EPERM;
	if (inode->nlink == 0)
		return -ENOENT;
	if (inode->nlink >= LINK_MAX)
		return -EMLINK;
	if ((err = dir->ops->link(dir, name->name, name->length, inode)) < 0)
		return err;
	dentry_instantiate(name, inode_get(inode));
	inotify_tell(IN_ATTRIB, inode, NULL); /* its link count */
	tell_created(dir, name);
	return 0;
}

static int link_to(struct walk *w, const struct path *old)
{
	struct dentry *dir = w->at.dentry, *name;
	struct inode *inode = old->dentry->inode;
	int err = 0;

	for (;;) {
		struct inode *locked[] = { dir->inode, inode };
		bool again;

		if (!(name = dentry_lookup(dir, w->last, w->length, &err)))
			return err;
		inodes_lock(locked, 2);
		again = false;
		if (name->inode)
			err = -EEXIST;
		else if (w->slash)
			err = -ENOENT;
		else if (old->mount != w->at.mount)
			err = -EXDEV;
		else if (!dir->inode->ops->link)
			err = -EPERM;
		else if (!dentry_alive(name, dir) && dir->inode->nlink)
			again = true;
		else
			err = link_locked(w, name, inode);
		inodes_unlock(locked, 2);
		dentry_put(name);
		if (!again)
			return err;
	}
}

int vfs_link(struct process *p, int from_fd, const char *from, int to_fd, const char *to,
	     uint32_t flags)
{
	struct path old;
	struct walk w;
	int err;

	err = path_lookup(p, from_fd, from,
			  (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
			  (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &old);
	if (err < 0)
		return err;
	if ((err = walk_begin(&w, p, to_fd, to)) < 0)
		goto put_old;
	if ((err = walk_parent(&w)) < 0)
		goto end;
	if (walk_last_special(&w))
		err = -EEXIST;
	else
		err = link_to(&w, &old);
end:
	walk_end(&w);
put_old:
	path_put(&old);
	return err;
}

/* ---- unlink and rmdir ---- */

/* With dir and the victim locked. */
static int remove_locked(struct walk *w, struct dentry *name, bool directory)
{
	struct inode *dir = w->at.dentry->inode, *inode = name->inode;
	int err;

	if (!directory && w->slash)
		return S_ISDIR(inode->mode) ? -EISDIR : -ENOTDIR;
	if ((err = dir_may_remove(w, dir, inode)) < 0)
		return err;
	if (directory && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (!directory && S_ISDIR(inode->mode))
		return -EISDIR;
	if (__atomic_load_n(&name->mounts, __ATOMIC_RELAXED))
		return -EBUSY;
	if (!(directory ? dir->ops->rmdir : dir->ops->unlink))
		return -EPERM;
	if (directory)
		err = dir->ops->rmdir(dir, name->name, name->length, inode);
	else
		err = dir->ops->unlink(dir, name->name, name->length, inode);
	if (err < 0)
		return err;
	dentry_unhash(name);
	if (directory)
		dentry_cut(name);
	else
		inotify_tell(IN_ATTRIB, inode, NULL); /* its link count */
	inotify_tell_name(directory ? IN_DELETE | IN_ISDIR : IN_DELETE, dir, name->name,
			  name->length);
	return 0;
}

static int remove_last(struct walk *w, bool directory)
{
	struct dentry *dir = w->at.dentry, *name;
	bool uncached = dir->inode->sb->flags & SB_UNCACHED;
	bool again;
	int err = 0;

	do {
		struct inode *locked[2];

		if (!(name = dentry_lookup(dir, w->last, w->length, &err)))
			return err;
		if (!name->inode) {
			dentry_put(name);
			return -ENOENT;
		}
		locked[0] = dir->inode;
		locked[1] = name->inode;
		inodes_lock(locked, 2);
		again = !uncached && !dentry_alive(name, dir);
		if (!again)
			err = remove_locked(w, name, directory);
		inodes_unlock(locked, 2);
		dentry_put(name);
	} while (again);
	return err;
}

int vfs_unlink(struct process *p, int dirfd, const char *path, bool directory)
{
	struct walk w;
	int err = walk_begin(&w, p, dirfd, path);

	if (err < 0)
		return err;
	if ((err = walk_parent(&w)) < 0)
		goto end;
	if (!walk_last_special(&w))
		err = remove_last(&w, directory);
	else if (!directory)
		err = -EISDIR;
	else
		err = w.length == 0 ? -EBUSY : w.length == 1 ? -EINVAL : -ENOTEMPTY;
end:
	walk_end(&w);
	return err;
}

/* ---- rename ---- */

/* Whether the rename may be, with everything locked; 1 when there is nothing to do. */
static int rename_check(struct walk *f, struct dentry *name, struct walk *t, struct dentry *to,
			uint32_t flags)
{
	struct inode *inode = name->inode, *target = to->inode;
	struct inode *from_dir = f->at.dentry->inode, *to_dir = t->at.dentry->inode;
	bool dir = S_ISDIR(inode->mode);
	int err;

	if (target && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!target && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (!dir && (f->slash || (t->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (t->slash && (flags & RENAME_EXCHANGE) && !S_ISDIR(target->mode))
		return -ENOTDIR;
	if (dir && dentry_within(t->at.dentry, name))
		return -EINVAL;
	if (target && dentry_within(f->at.dentry, to))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (target == inode)
		return 1;
	if ((err = dir_may_remove(f, from_dir, inode)) < 0)
		return err;
	err = target ? dir_may_remove(t, to_dir, target) : dir_may_change(t, to_dir);
	if (err < 0)
		return err;
	if (target && !(flags & RENAME_EXCHANGE) && dir != S_ISDIR(target->mode))
		return dir ? -ENOTDIR : -EISDIR;
	if (__atomic_load_n(&name->mounts, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&to->mounts, __ATOMIC_RELAXED))
		return -EBUSY;
	/* A directory that gets another parent has its ".." rewritten. */
	if (from_dir != to_dir && dir)
		err = inode_permission_for(f->cred, inode, W_OK, false);
	if (err == 0 && from_dir != to_dir && target && (flags & RENAME_EXCHANGE) &&
	    S_ISDIR(target->mode))
		err = inode_permission_for(f->cred, target, W_OK, false);
	return err;
}

static int rename_locked(struct walk *f, struct dentry *name, struct walk *t, struct dentry *to,
			 uint32_t flags)
{
	struct inode *from_dir = f->at.dentry->inode, *to_dir = t->at.dentry->inode;
	struct inode *target = to->inode;
	int err = rename_check(f, name, t, to, flags);

	if (err != 0)
		return err < 0 ? err : 0;
	err = from_dir->ops->rename(from_dir, name->name, name->length, name->inode,
				    to_dir, to->name, to->length, to->inode,
				    flags & RENAME_EXCHANGE);
	if (err < 0)
		return err;
	inotify_tell_move(from_dir, name->name, name->length, to_dir, to->name, to->length,
			  name->inode);
	if (flags & RENAME_EXCHANGE) {
		inotify_tell_move(to_dir, to->name, to->length, from_dir, name->name,
				  name->length, target);
		dentry_exchange(name, to);
	} else {
		if (target)
			inotify_tell(IN_ATTRIB, target, NULL); /* its link count */
		dentry_move(name, to);
		if (target && S_ISDIR(target->mode))
			dentry_cut(to);
	}
	return 0;
}

/* One attempt, with references to both names; 1 when the names changed meanwhile. */
static int rename_try(struct walk *f, struct dentry *name, struct walk *t, struct dentry *to,
		      uint32_t flags)
{
	struct inode *target = to->inode;
	struct inode *locked[] = {
		f->at.dentry->inode, t->at.dentry->inode, name->inode, target
	};
	int err = 1;

	if (!name->inode)
		return -ENOENT;
	if (!f->at.dentry->inode->ops->rename)
		return -EPERM;
	inodes_lock(locked, 4);
	if (t->at.dentry->inode->nlink == 0)
		err = -ENOENT;
	else if (dentry_alive(name, f->at.dentry) && dentry_alive(to, t->at.dentry) &&
		 to->inode == target)
		err = rename_locked(f, name, t, to, flags);
	inodes_unlock(locked, 4);
	return err;
}

static int rename_last(struct walk *f, struct walk *t, uint32_t flags)
{
	int err;

	do {
		struct dentry *name, *to;

		if (!(name = dentry_lookup(f->at.dentry, f->last, f->length, &err)))
			return err;
		if (!dentry_inode(name)) {
			dentry_put(name);
			return -ENOENT;
		}
		if (!(to = dentry_lookup(t->at.dentry, t->last, t->length, &err))) {
			dentry_put(name);
			return err;
		}
		err = rename_try(f, name, t, to, flags);
		dentry_put(name);
		dentry_put(to);
	} while (err > 0);
	return err;
}

int vfs_rename(struct process *p, int from_fd, const char *from, int to_fd, const char *to,
	       uint32_t flags)
{
	struct walk f, t;
	int err;

	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if ((err = walk_begin(&f, p, from_fd, from)) < 0)
		return err;
	if ((err = walk_parent(&f)) < 0)
		goto end_from;
	if ((err = walk_begin(&t, p, to_fd, to)) < 0)
		goto end_from;
	if ((err = walk_parent(&t)) < 0)
		goto end_to;
	err = -EXDEV;
	if (f.at.mount != t.at.mount)
		goto end_to;
	err = -EBUSY;
	if (walk_last_special(&f))
		goto end_to;
	if (walk_last_special(&t)) {
		err = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
		goto end_to;
	}
	mutex_lock(&rename_lock);
	err = rename_last(&f, &t, flags);
	mutex_unlock(&rename_lock);
end_to:
	walk_end(&t);
end_from:
	walk_end(&f);
	return err;
}

/* ---- the boot archive ---- */

/* Make the directories above the last component. */
static int make_parents(const char *path)
{
	char *copy = kstrdup(path), *slash = copy;
	int err = copy ? 0 : -ENOMEM;

	while (err == 0 && (slash = strchr(slash + 1, '/'))) {
		*slash = 0;
		err = vfs_mkdir(NULL, AT_FDCWD, copy, 0755);
		if (err == -EEXIST)
			err = 0;
		*slash = '/';
	}
	kfree(copy);
	return err;
}

static int make_node(const char *path, uint32_t mode, uint64_t rdev, const char *target)
{
	if (mode == 0)
		return vfs_link(NULL, AT_FDCWD, target, AT_FDCWD, path, 0);
	if (S_ISLNK(mode))
		return vfs_symlink(NULL, target, AT_FDCWD, path);
	return vfs_mknod(NULL, AT_FDCWD, path, mode, rdev);
}

/* Set what the archive says of an inode. */
static int make_attributes(const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
			   int64_t mtime)
{
	struct attributes a = { .what = ATTR_MODE | ATTR_OWNER, .mode = mode, .uid = uid, .gid = gid };
	struct path made;
	struct inode *inode;
	int err = path_lookup(NULL, AT_FDCWD, path, S_ISDIR(mode) ? WALK_FOLLOW : 0, &made);

	if (err < 0)
		return err;
	inode = made.dentry->inode;
	if (mtime >= 0) {
		a.what |= ATTR_ATIME | ATTR_MTIME;
		a.mtime = a.atime = (struct abi_timespec){ .sec = mtime };
	}
	mutex_lock(&inode->lock);
	err = inode_change(inode, &a);
	mutex_unlock(&inode->lock);
	path_put(&made);
	return err;
}

int vfs_make(const char *path, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t rdev,
	     const char *target, int64_t mtime)
{
	int err = make_parents(path);

	if (err < 0)
		return err;
	if (S_ISDIR(mode)) {
		err = vfs_mkdir(NULL, AT_FDCWD, path, mode);
		if (err == -EEXIST)
			err = 0;
	} else {
		err = vfs_unlink(NULL, AT_FDCWD, path, false);
		if (err == 0 || err == -ENOENT)
			err = make_node(path, mode, rdev, target);
	}
	if (err < 0 || mode == 0)
		return err;
	return make_attributes(path, mode, uid, gid, mtime);
}
