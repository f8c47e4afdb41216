/*
 * System calls on what a file says about itself: stat, access, mode, owner,
 * times, length, and the filesystem it is on.
 */
#include "../task/task.h"
#include "../vfs/inotify.h"
#include "../vfs/namei.h"
#include "../vfs/sharing.h"
#include "sys.h"

/*
 * Look up the path of an *at call with its AT_ flags, and WALK_ flags besides. A null
 * path counts as "" where AT_EMPTY_PATH is set.
 */
static int at_lookup_as(int32_t dirfd, uaddr path, uint32_t flags, uint32_t walk, struct path *out)
{
	char name[PATH_MAX];
	int err = 0;

	name[0] = 0;
	if (path || !(flags & AT_EMPTY_PATH))
		err = copy_in_string(name, path, sizeof name);
	if (err < 0)
		return err;
	return path_lookup(current_process, dirfd, name,
			   (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
			   (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0) | walk, out);
}

static int at_lookup(int32_t dirfd, uaddr path, uint32_t flags, struct path *out)
{
	return at_lookup_as(dirfd, path, flags, 0, out);
}

int32_t sys_fstatat(int32_t dirfd, uint32_t path, uint32_t buffer, uint32_t flags)
{
	struct abi_stat st;
	struct path at;
	struct file *f;
	char first = 1;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | 0x800 /* AT_NO_AUTOMOUNT */))
		return -EINVAL;
	/* fstat: no need to walk. */
	if ((flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD) {
		if (path && (err = copy_in(&first, path, 1)) < 0)
			return err;
		if (!path || !first) {
			if (!(f = fd_get(dirfd)))
				return -EBADF;
			err = inode_stat(f->inode, &st);
			file_put(f);
			return err < 0 ? err : copy_out(buffer, &st, sizeof st);
		}
	}
	if ((err = at_lookup(dirfd, path, flags, &at)) < 0)
		return err;
	err = inode_stat(at.dentry->inode, &st);
	path_put(&at);
	return err < 0 ? err : copy_out(buffer, &st, sizeof st);
}

int32_t sys_faccessat(int32_t dirfd, uint32_t path, uint32_t mode, uint32_t flags)
{
	struct inode *inode;
	struct path at;
	int err;

	if ((mode & ~(uint32_t)(R_OK | W_OK | X_OK)) ||
	    (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if ((err = at_lookup_as(dirfd, path, flags, flags & AT_EACCESS ? 0 : WALK_REAL, &at)) < 0)
		return err;
	inode = at.dentry->inode;
	if ((mode & W_OK) && (S_ISREG(inode->mode) || S_ISDIR(inode->mode)))
		err = mount_writable(at.mount);
	if (err == 0 && (mode & X_OK) && S_ISREG(inode->mode) && (at.mount->flags & MS_NOEXEC))
		err = -EACCES;
	if (err == 0)
		err = inode_permission(inode, (int)mode, !(flags & AT_EACCESS));
	path_put(&at);
	return err;
}

int32_t sys_fchmodat(int32_t dirfd, uint32_t path, uint32_t mode, uint32_t flags)
{
	struct path at;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((err = at_lookup(dirfd, path, flags, &at)) < 0)
		return err;
	err = vfs_chmod(current_process, &at, mode);
	path_put(&at);
	return err;
}

int32_t sys_fchownat(int32_t dirfd, uint32_t path, uint32_t uid, uint32_t gid, uint32_t flags)
{
	struct path at;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((err = at_lookup(dirfd, path, flags, &at)) < 0)
		return err;
	err = vfs_chown(current_process, &at, uid, gid);
	path_put(&at);
	return err;
}

int32_t sys_utimensat(int32_t dirfd, uint32_t path, uint32_t times, uint32_t flags)
{
	struct abi_timespec t[2];
	struct path at;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times && (err = copy_in(t, times, sizeof t)) < 0)
		return err;
	if (!path && dirfd != AT_FDCWD)
		flags |= AT_EMPTY_PATH; /* futimens */
	if ((err = at_lookup(dirfd, path, flags, &at)) < 0)
		return err;
	err = vfs_utimes(current_process, &at, times ? t : NULL);
	path_put(&at);
	return err;
}

/* ---- length ---- */

int32_t sys_truncate(uint32_t path, int64_t length)
{
	struct path at;
	uint32_t mode;
	int err;

	if (length < 0)
		return -EINVAL;
	if ((err = at_lookup(AT_FDCWD, path, 0, &at)) < 0)
		return err;
	mode = at.dentry->inode->mode;
	err = S_ISDIR(mode) ? -EISDIR : !S_ISREG(mode) ? -EINVAL : mount_writable(at.mount);
	if (err == 0)
		err = inode_permission(at.dentry->inode, W_OK, false);
	if (err == 0)
		err = vfs_truncate(at.dentry->inode, length);
	if (err == 0)
		inotify_tell(IN_MODIFY, at.dentry->inode, at.dentry);
	path_put(&at);
	return err;
}

int32_t sys_ftruncate(int32_t fd, int64_t length)
{
	struct file *f;
	int err;

	if (length < 0)
		return -EINVAL;
	if (!(f = fd_get(fd)))
		return -EBADF;
	if (f->flags & O_PATH)
		err = -EBADF;
	else
		err = file_writable(f) ? vfs_truncate(f->inode, length) : -EINVAL;
	if (err == 0)
		inotify_tell_file(IN_MODIFY, f);
	file_put(f);
	return err;
}

static int fallocate_file(struct file *f, uint32_t mode, int64_t offset, int64_t length)
{
	struct inode *inode = f->inode;
	size_t one = 1;
	int err;

	if (f->ops->stream)
		return -ESPIPE;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode))
		return -ENODEV;
	if (!inode->ops->fallocate)
		return -EOPNOTSUPP;
	if (mode == 0 && offset + length > inode->size &&
	    (err = inode_write_limit(offset + length - 1, &one)) < 0)
		return err;
	mutex_lock(&inode->lock);
	err = inode->ops->fallocate(inode, mode, offset, length);
	mutex_unlock(&inode->lock);
	inode_bytes_changed(inode, offset, offset + length);
	if (err == 0)
		inotify_tell_file(IN_MODIFY, f);
	return err;
}

int32_t sys_fallocate(int32_t fd, uint32_t mode, int64_t offset, int64_t length)
{
	struct file *f;
	int64_t end;
	int err;

	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(offset, length, &end))
		return -EFBIG;
	if (!(f = fd_get(fd)))
		return -EBADF;
	if (mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE) || mode == FALLOC_PUNCH_HOLE)
		err = -EOPNOTSUPP;
	else
		err = file_writable(f) ? fallocate_file(f, mode, offset, length) : -EBADF;
	file_put(f);
	return err;
}

/* ---- the filesystem ---- */

int32_t sys_statfs(uint32_t path, uint32_t buffer)
{
	struct abi_statfs st;
	struct path at;
	int err = at_lookup(AT_FDCWD, path, 0, &at);

	if (err < 0)
		return err;
	err = superblock_statfs(at.dentry->inode->sb, at.mount->flags, &st);
	path_put(&at);
	return err < 0 ? err : copy_out(buffer, &st, sizeof st);
}

int32_t sys_fstatfs(int32_t fd, uint32_t buffer)
{
	struct abi_statfs st;
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = superblock_statfs(f->inode->sb, f->mount ? f->mount->flags : 0, &st);
	file_put(f);
	return err < 0 ? err : copy_out(buffer, &st, sizeof st);
}
