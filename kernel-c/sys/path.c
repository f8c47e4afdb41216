/*
 * System calls on names: directories, links, the tree of mounts.
 */
#include "../dev/block.h"
#include "../lib/alloc.h"
#include "../task/task.h"
#include "../vfs/namei.h"
#include "sys.h"

int32_t sys_mkdirat(int32_t dirfd, uint32_t path, uint32_t mode)
{
	char name[PATH_MAX];
	int err = copy_in_string(name, path, sizeof name);

	return err < 0 ? err : vfs_mkdir(current_process, dirfd, name, mode);
}

int32_t sys_mknodat(int32_t dirfd, uint32_t path, uint32_t mode, uint32_t device)
{
	char name[PATH_MAX];
	int err = copy_in_string(name, path, sizeof name);

	if (err < 0)
		return err;
	return vfs_mknod(current_process, dirfd, name, mode, device);
}

int32_t sys_unlinkat(int32_t dirfd, uint32_t path, uint32_t flags)
{
	char name[PATH_MAX];
	int err = copy_in_string(name, path, sizeof name);

	if (err < 0)
		return err;
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return vfs_unlink(current_process, dirfd, name, flags & AT_REMOVEDIR);
}

/* Two paths into one allocation of two pages; NULL and *err. */
static char *copy_in_two(uaddr first, uaddr second, int *err)
{
	char *names = page_alloc(1);

	if (!names) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = copy_in_string(names, first, PATH_MAX);
	if (*err >= 0)
		*err = copy_in_string(names + PATH_MAX, second, PATH_MAX);
	if (*err < 0) {
		page_free(names, 1);
		return NULL;
	}
	return names;
}

int32_t sys_linkat(int32_t old_dirfd, uint32_t old_path, int32_t new_dirfd, uint32_t new_path,
		   uint32_t flags)
{
	char *names;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && current_process->cred.euid != 0)
		return -ENOENT; /* as on Linux: an open descriptor must not give a name back */
	if (!(names = copy_in_two(old_path, new_path, &err)))
		return err;
	err = vfs_link(current_process, old_dirfd, names, new_dirfd, names + PATH_MAX, flags);
	page_free(names, 1);
	return err;
}

int32_t sys_symlinkat(uint32_t target, int32_t dirfd, uint32_t path)
{
	int err;
	char *names = copy_in_two(target, path, &err);

	if (!names)
		return err;
	err = vfs_symlink(current_process, names, dirfd, names + PATH_MAX);
	page_free(names, 1);
	return err;
}

int32_t sys_renameat2(int32_t old_dirfd, uint32_t old_path, int32_t new_dirfd, uint32_t new_path,
		      uint32_t flags)
{
	int err;
	char *names = copy_in_two(old_path, new_path, &err);

	if (!names)
		return err;
	err = vfs_rename(current_process, old_dirfd, names, new_dirfd, names + PATH_MAX, flags);
	page_free(names, 1);
	return err;
}

int32_t sys_readlinkat(int32_t dirfd, uint32_t path, uint32_t buffer, uint32_t length)
{
	char name[PATH_MAX];
	struct inode *inode;
	struct path link;
	int n = copy_in_string(name, path, sizeof name);

	if (n < 0)
		return n;
	if ((int32_t)length <= 0)
		return -EINVAL;
	if ((n = path_lookup(current_process, dirfd, name, WALK_EMPTY, &link)) < 0)
		return n;
	inode = link.dentry->inode;
	if (S_ISLNK(inode->mode))
		n = inode->ops->readlink(inode, name, sizeof name);
	else
		n = name[0] ? -EINVAL : -ENOENT;
	path_put(&link);
	if (n > 0) {
		n = min(n, (int)length);
		n = copy_out(buffer, name, (size_t)n) < 0 ? -EFAULT : n;
	}
	return n;
}

/* ---- where the process is ---- */

int32_t sys_chdir(uint32_t path)
{
	char name[PATH_MAX];
	int err = copy_in_string(name, path, sizeof name);

	return err < 0 ? err : vfs_chdir(current_process, name);
}

int32_t sys_fchdir(int32_t fd)
{
	return vfs_fchdir(current_process, fd);
}

int32_t sys_chroot(uint32_t path)
{
	char name[PATH_MAX];
	int err = copy_in_string(name, path, sizeof name);

	return err < 0 ? err : vfs_chroot(current_process, name);
}

int32_t sys_getcwd(uint32_t buffer, uint32_t length)
{
	char name[PATH_MAX];
	struct path cwd, root;
	int n;

	process_cwd(current_process, &cwd);
	process_root(current_process, &root);
	n = -ENOENT;
	if (!path_deleted(&cwd))
		n = path_name(&cwd, &root, name, sizeof name);
	path_put(&root);
	path_put(&cwd);
	if (n < 0)
		return n;
	if ((uint32_t)n + 1 > length)
		return -ERANGE;
	return copy_out(buffer, name, (size_t)n + 1) < 0 ? -EFAULT : n + 1;
}

int32_t sys_umask(uint32_t mask)
{
	return (int32_t)__atomic_exchange_n(&current_process->fs->umask, mask & 0777,
					    __ATOMIC_RELAXED);
}

/* ---- mounts ---- */

static int copy_in_or_empty(char *to, uaddr from, size_t size)
{
	to[0] = 0;
	return from ? copy_in_string(to, from, size) : 0;
}

int32_t sys_mount(uint32_t source, uint32_t target, uint32_t fstype, uint32_t flags, uint32_t data)
{
	char type[32];
	char *from, *at, *options;
	int err;

	if (!(from = page_alloc(2)))
		return -ENOMEM;
	at = from + PATH_MAX;
	options = at + PATH_MAX;
	err = copy_in_or_empty(from, source, PATH_MAX);
	if (err >= 0)
		err = copy_in_string(at, target, PATH_MAX);
	if (err >= 0)
		err = copy_in_or_empty(options, data, PAGE_SIZE);
	if (err >= 0 && (err = copy_in_or_empty(type, fstype, sizeof type)) == -ENAMETOOLONG)
		err = -ENODEV;
	if (err >= 0)
		err = vfs_mount(current_process, from, at, type, flags, options);
	page_free(from, 2);
	return err;
}

int32_t sys_umount2(uint32_t target, uint32_t flags)
{
	char name[PATH_MAX];
	struct block_device *device;
	struct path at;
	int err = copy_in_string(name, target, sizeof name);

	if (err < 0)
		return err;
	if (flags & ~8u) /* UMOUNT_NOFOLLOW; neither force nor detach */
		return -EINVAL;
	if (current_process->cred.euid != 0)
		return -EPERM;
	err = path_lookup(current_process, AT_FDCWD, name, flags ? 0 : WALK_FOLLOW, &at);
	if (err < 0)
		return err;
	/* When it returns the device is free, and so is the file of a loop device. */
	device = block_by_dev(at.mount->sb->dev);
	err = mount_remove(&at);
	path_put(&at);
	if (device)
		block_put_left(device);
	return err;
}
