/*
 * Opening files by path, and moving a process's root and working directory.
 */
#include "../kernel.h"
#include "inotify.h"
#include "namei.h"

#define O_TMPFILE_BIT 020000000u /* what O_TMPFILE adds to O_DIRECTORY */
/* What only matters while opening, and fcntl(F_GETFL) does not show. */
#define O_AT_OPEN (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY)

static const struct file_ops path_only_ops = { 0 };

/* What drives an inode that is opened. */
static const struct file_ops *open_ops(struct inode *inode, uint32_t flags)
{
	if (flags & O_PATH)
		return &path_only_ops;
	if (S_ISCHR(inode->mode) && !inode->fops)
		return devfs_ops(inode->rdev);
	return inode->fops;
}

struct file *path_open(struct path *path, uint32_t flags, int *err)
{
	struct inode *inode = path->dentry->inode;
	const struct file_ops *ops = open_ops(inode, flags);
	struct file *f;

	*err = -ENXIO; /* sockets, and devices nobody drives */
	if (!ops)
		return NULL;
	if (!(f = file_new(inode_get(inode), ops, flags, err)))
		return NULL;
	f->mount = mount_get(path->mount);
	f->dentry = dentry_get(path->dentry);
	*err = 0;
	if (ops->open && (*err = ops->open(inode, f)) < 0) {
		f->ops = &path_only_ops; /* not opened: nothing to release */
		file_put(f);
		return NULL;
	}
	f->flags &= ~O_AT_OPEN;
	if (!(f->flags & O_PATH))
		inotify_tell_file(IN_OPEN, f);
	return f;
}

/* May what the walk found be opened like this? */
static int open_permission(const struct walk *w, uint32_t flags)
{
	struct inode *inode = w->at.dentry->inode;
	uint32_t mode = inode->mode, access = flags & O_ACCMODE;
	int want = 0;

	if ((w->slash || (flags & O_DIRECTORY)) && !S_ISDIR(mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(mode))
		return -ELOOP;
	if (S_ISDIR(mode) && (access != O_RDONLY || (flags & (O_CREAT | O_TRUNC))))
		return -EISDIR;
	if (flags & VFS_EXEC) {
		if (!S_ISREG(mode) || (w->at.mount->flags & MS_NOEXEC))
			return -EACCES;
		want = X_OK;
	} else if (access != O_WRONLY) {
		want = R_OK;
	}
	if (access != O_RDONLY || (flags & O_TRUNC))
		want |= W_OK;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && (w->at.mount->flags & MS_NODEV))
		return -EACCES;
	if ((want & W_OK) && S_ISREG(mode) && mount_writable(w->at.mount) < 0)
		return -EROFS;
	if ((flags & O_NOATIME) && !cred_owns(w->cred, inode))
		return -EPERM;
	return inode_permission_for(w->cred, inode, want, false);
}

/* The last name, made if it is not there: positive, with a reference. */
static struct dentry *open_create(struct walk *w, uint32_t mode, bool *created, int *err)
{
	struct dentry *dir = w->at.dentry;
	struct dentry *d = dentry_lookup(dir, w->last, w->length, err);

	if (!d || dentry_inode(d))
		return d;
	dentry_put(d);
	mutex_lock(&dir->inode->lock);
	d = dentry_lookup_locked(dir, w->last, w->length, err);
	if (d && !d->inode) {
		mode = S_IFREG | (mode & 07777 & ~process_umask(w->p));
		*err = dir_create(w, d, mode, 0, NULL);
		*created = *err == 0;
	}
	mutex_unlock(&dir->inode->lock);
	if (d && !d->inode) {
		dentry_put(d);
		return NULL;
	}
	return d;
}

/* The last component, in the way of open: 0, 1 when there is a link to walk, or an error. */
static int open_last(struct walk *w, uint32_t flags, uint32_t mode, bool *created)
{
	struct dentry *d, *old;
	int err = 0;

	if (walk_last_special(w)) {
		if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
			return -EEXIST;
		walk_special(w);
		return 0;
	}
	if ((flags & O_CREAT) && w->slash)
		return -EISDIR;
	if (flags & O_CREAT)
		d = open_create(w, mode, created, &err);
	else
		d = dentry_lookup(w->at.dentry, w->last, w->length, &err);
	if (!d)
		return err;
	if (!dentry_inode(d))
		err = -ENOENT;
	else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) && !*created)
		err = -EEXIST;
	else if (S_ISLNK(d->inode->mode) && (w->slash || !(flags & O_NOFOLLOW)))
		err = (err = walk_link(w, d)) < 0 ? err : !err;
	else {
		old = w->at.dentry;
		w->at.dentry = d;
		dentry_put(old);
		path_cross(&w->at);
		return 0;
	}
	dentry_put(d);
	return err;
}

static struct file *open_walk(struct walk *w, uint32_t flags, uint32_t mode, int *err)
{
	bool created = false;
	struct file *f;

	do {
		*err = walk_parent(w);
		if (*err == 0)
			*err = open_last(w, flags, mode, &created);
	} while (*err > 0);
	if (*err == 0 && !created)
		*err = open_permission(w, flags);
	if (*err < 0)
		return NULL;
	f = path_open(&w->at, flags, err);
	if (f && (flags & O_TRUNC) && !created && S_ISREG(f->inode->mode) &&
	    (*err = vfs_truncate(f->inode, 0)) < 0) {
		file_put(f);
		return NULL;
	}
	if (f && (flags & O_TRUNC) && !created)
		inotify_tell_file(IN_MODIFY, f);
	return f;
}

struct file *vfs_open(struct process *p, int dirfd, const char *path, uint32_t flags,
		      uint32_t mode, int *err)
{
	struct walk w;
	struct file *f;

	if (flags & O_PATH) /* all else means nothing then */
		flags &= O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;
	*err = -EINVAL;
	if ((flags & O_ACCMODE) == O_ACCMODE ||
	    (flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return NULL;
	*err = -EOPNOTSUPP;
	if (flags & O_TMPFILE_BIT)
		return NULL;
	if ((*err = walk_begin(&w, p, dirfd, path)) < 0)
		return NULL;
	f = open_walk(&w, flags, mode, err);
	walk_end(&w);
	return f;
}

int vfs_may_execute(struct process *p, struct file *f)
{
	if (!S_ISREG(f->inode->mode) || (f->mount && (f->mount->flags & MS_NOEXEC)))
		return -EACCES;
	return inode_permission_for(process_cred(p), f->inode, X_OK, false);
}

bool vfs_allows_set_id(struct file *f)
{
	return f->mount && !(f->mount->flags & MS_NOSUID);
}

/* A descriptor for another opening of f (which may be O_PATH), to be run. */
static struct file *reopen_exec(struct process *p, struct file *f, int *err)
{
	struct path at = { f->mount, f->dentry };

	*err = f->dentry ? vfs_may_execute(p, f) : -EACCES;
	return *err < 0 ? NULL : path_open(&at, O_RDONLY | VFS_EXEC, err);
}

struct file *vfs_open_exec(struct process *p, int dirfd, const char *path, uint32_t flags, int *err)
{
	struct file *f, *image;

	if (path[0] || !(flags & AT_EMPTY_PATH))
		return vfs_open(p, dirfd, path,
				VFS_EXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0, err);
	*err = -EBADF;
	if (!(f = fdtable_get(p->files, dirfd)))
		return NULL;
	image = reopen_exec(p, f, err);
	file_put(f);
	return image;
}

/* ---- root and working directory ---- */

int path_set_cwd(struct process *p, struct path *path)
{
	struct path old;
	int err = inode_permission_for(process_cred(p), path->dentry->inode, X_OK, false);

	if (!S_ISDIR(path->dentry->inode->mode))
		err = -ENOTDIR;
	if (err < 0) {
		path_put(path);
		return err;
	}
	lock(&p->fs->lock);
	old = (struct path){ p->fs->cwd_mount, p->fs->cwd };
	p->fs->cwd_mount = path->mount;
	p->fs->cwd = path->dentry;
	unlock(&p->fs->lock);
	path_put(&old);
	return 0;
}

int vfs_chdir(struct process *p, const char *path)
{
	struct path to;
	int err = path_lookup(p, AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &to);

	return err < 0 ? err : path_set_cwd(p, &to);
}

int vfs_fchdir(struct process *p, int fd)
{
	struct file *f = fdtable_get(p->files, fd);
	struct path to;

	if (!f)
		return -EBADF;
	if (!f->dentry) {
		file_put(f);
		return -ENOTDIR;
	}
	to = path_get(&(struct path){ f->mount, f->dentry });
	file_put(f);
	return path_set_cwd(p, &to);
}

int vfs_chroot(struct process *p, const char *path)
{
	struct path to, old;
	int err = path_lookup(p, AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &to);

	if (err < 0)
		return err;
	err = inode_permission_for(process_cred(p), to.dentry->inode, X_OK, false);
	if (err == 0 && process_cred(p)->euid != 0)
		err = -EPERM;
	if (err < 0) {
		path_put(&to);
		return err;
	}
	lock(&p->fs->lock);
	old = (struct path){ p->fs->root_mount, p->fs->root };
	p->fs->root_mount = to.mount;
	p->fs->root = to.dentry;
	unlock(&p->fs->lock);
	path_put(&old);
	return 0;
}

int file_path(struct process *p, struct file *f, char *buf, size_t size)
{
	struct path root;
	int n;

	if (!f->dentry)
		return -ENOENT;
	process_root(p, &root);
	n = path_name(&(struct path){ f->mount, f->dentry }, &root, buf, size);
	path_put(&root);
	return n;
}
