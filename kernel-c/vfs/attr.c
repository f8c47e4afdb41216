/*
 * Changing an inode's attributes: mode, owner, times, length.
 */
#include "../task/task.h"
#include "inotify.h"
#include "namei.h"
#include "sharing.h"

/* What watchers hear of a change of times. */
static uint32_t times_event(const struct abi_timespec times[2])
{
	if (times && times[0].nsec == UTIME_OMIT)
		return IN_MODIFY;
	return times && times[1].nsec == UTIME_OMIT ? IN_ACCESS : IN_ATTRIB;
}

int vfs_chmod(struct process *p, const struct path *path, uint32_t mode)
{
	struct inode *inode = path->dentry->inode;
	const struct cred *c = process_cred(p);
	struct attributes a = { .what = ATTR_MODE, .mode = mode };
	int err = mount_writable(path->mount);

	if (err < 0)
		return err;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	err = -EPERM;
	if (cred_owns(c, inode)) {
		if (c->euid != 0 && c->egid != inode->gid && !cred_in_group(c, inode->gid))
			a.mode &= ~S_ISGID;
		err = inode_change(inode, &a);
	}
	mutex_unlock(&inode->lock);
	if (err == 0)
		inotify_tell(IN_ATTRIB, inode, path->dentry);
	return err;
}

static bool may_chown(const struct cred *c, const struct inode *inode, uint32_t uid, uint32_t gid)
{
	if (c->euid == 0)
		return true;
	if (uid != UINT32_MAX && (uid != inode->uid || c->euid != inode->uid))
		return false;
	return gid == UINT32_MAX ||
	       (c->euid == inode->uid &&
		(gid == inode->gid || gid == c->egid || cred_in_group(c, gid)));
}

int vfs_chown(struct process *p, const struct path *path, uint32_t uid, uint32_t gid)
{
	struct inode *inode = path->dentry->inode;
	struct attributes a = { .what = ATTR_OWNER };
	int err = mount_writable(path->mount);

	if (err < 0)
		return err;
	mutex_lock(&inode->lock);
	err = -EPERM;
	if (may_chown(process_cred(p), inode, uid, gid)) {
		a.uid = uid != UINT32_MAX ? uid : inode->uid;
		a.gid = gid != UINT32_MAX ? gid : inode->gid;
		a.mode = S_ISDIR(inode->mode) ? inode->mode : mode_without_set_id(inode->mode);
		if (a.mode != inode->mode)
			a.what |= ATTR_MODE;
		err = inode_change(inode, &a);
	}
	mutex_unlock(&inode->lock);
	if (err == 0)
		inotify_tell(IN_ATTRIB, inode, path->dentry);
	return err;
}

static bool valid_time(const struct abi_timespec *t)
{
	return t->nsec == UTIME_NOW || t->nsec == UTIME_OMIT ||
	       (t->nsec >= 0 && t->nsec < NSEC_PER_SEC);
}

static int may_set_times(const struct cred *c, struct inode *inode,
			 const struct abi_timespec times[2])
{
	if (cred_owns(c, inode))
		return 0;
	if (times && (times[0].nsec != UTIME_NOW || times[1].nsec != UTIME_NOW))
		return -EPERM;
	return inode_permission_for(c, inode, W_OK, false);
}

static void set_time(struct attributes *a, uint32_t which, struct abi_timespec *to,
		     const struct abi_timespec *from, const struct abi_timespec *now)
{
	if (from->nsec == UTIME_OMIT)
		return;
	a->what |= which;
	*to = from->nsec == UTIME_NOW ? *now : (struct abi_timespec){ from->sec, from->nsec, 0 };
}

int vfs_utimes(struct process *p, const struct path *path, const struct abi_timespec times[2])
{
	static const struct abi_timespec both_now[2] = { { 0, UTIME_NOW, 0 }, { 0, UTIME_NOW, 0 } };
	struct inode *inode = path->dentry->inode;
	struct abi_timespec now = time_now();
	struct attributes a = { 0 };
	int err;

	if (times && (!valid_time(&times[0]) || !valid_time(&times[1])))
		return -EINVAL;
	if (times && times[0].nsec == UTIME_OMIT && times[1].nsec == UTIME_OMIT)
		return 0;
	if ((err = mount_writable(path->mount)) < 0)
		return err;
	mutex_lock(&inode->lock);
	if ((err = may_set_times(process_cred(p), inode, times)) == 0) {
		if (!times)
			times = both_now;
		set_time(&a, ATTR_ATIME, &a.atime, &times[0], &now);
		set_time(&a, ATTR_MTIME, &a.mtime, &times[1], &now);
		err = inode_change(inode, &a);
	}
	mutex_unlock(&inode->lock);
	if (err == 0)
		inotify_tell(times_event(times), inode, path->dentry);
	return err;
}

int vfs_truncate(struct inode *inode, int64_t length)
{
	int64_t was;
	size_t one = 1;
	int err;

	if (length < 0)
		return -EINVAL;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode) || !inode->ops->truncate)
		return -EINVAL;
	if (length > __atomic_load_n(&inode->size, __ATOMIC_RELAXED) &&
	    (err = inode_write_limit(length - 1, &one)) < 0)
		return err;
	mutex_lock(&inode->lock);
	was = inode->size;
	err = inode->ops->truncate(inode, length);
	mutex_unlock(&inode->lock);
	inode_bytes_changed(inode, min(was, length), max(was, length));
	return err;
}
