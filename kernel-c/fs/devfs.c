/*
 * devfs: the names of devices, and which driver a device number means.
 *
 * The names are a filesystem in memory, the same one wherever devfs is mounted,
 * so that what a user mounts over /dev can't misdirect a driver. A device file
 * on any filesystem finds its driver here by number when it is opened.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "memfs.h"

#define DEVFS_MAGIC 0x1373u

struct device {
	struct list all;
	uint64_t rdev;
	const struct file_ops *ops;
	int names; /* how many entries show it */
};

static struct lock devices_lock = LOCK_INIT(RANK_DENTRY);
static struct list devices = LIST_INIT(devices); /* under devices_lock */
static struct superblock *devfs;                 /* made once, at boot */

struct fs_type devfs_type;

static struct device *device_find(uint64_t rdev)
{
	struct device *d;

	list_for_each(d, &devices, all)
		if (d->rdev == rdev)
			return d;
	return NULL;
}

const struct file_ops *devfs_ops(uint64_t rdev)
{
	const struct file_ops *ops = NULL;
	struct device *d;

	lock(&devices_lock);
	if ((d = device_find(rdev)))
		ops = d->ops;
	unlock(&devices_lock);
	return ops;
}

static int device_add(uint64_t rdev, const struct file_ops *ops)
{
	struct device *new = kzalloc(sizeof *new), *d;

	if (!new)
		return -ENOMEM;
	lock(&devices_lock);
	d = device_find(rdev);
	if (!d) {
		d = new;
		new = NULL;
		d->rdev = rdev;
		list_append(&devices, &d->all);
	}
	d->ops = ops;
	d->names++;
	unlock(&devices_lock);
	kfree(new);
	return 0;
}

static void device_remove(uint64_t rdev)
{
	struct device *d;

	lock(&devices_lock);
	d = device_find(rdev);
	if (d && --d->names == 0)
		list_remove(&d->all);
	else
		d = NULL;
	unlock(&devices_lock);
	kfree(d);
}

/* ---- names ---- */

static const char *const links[][2] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

static struct superblock *devfs_get(void)
{
	static const struct memfs_options o = { UINT64_MAX, UINT64_MAX, 0755, 0, 0, DEVFS_MAGIC };
	const struct creation pts = { .mode = S_IFDIR | 0755 };
	struct inode *root, *made;
	int err;

	if (devfs || !(devfs = memfs_new(&devfs_type, &o)))
		return devfs;
	root = devfs->root->inode;
	mutex_lock(&root->lock);
	for (unsigned i = 0; i < countof(links); i++) {
		const struct creation c = { .mode = S_IFLNK | 0777, .target = links[i][1] };

		if ((made = root->ops->create(root, links[i][0], strlen(links[i][0]), &c, &err)))
			inode_put(made);
	}
	/* there before the first pseudo-terminal, as programs expect */
	if ((made = root->ops->create(root, "pts", 3, &pts, &err)))
		inode_put(made);
	mutex_unlock(&root->lock);
	return devfs;
}

/* The entry `name` of dir, made (by mode's type) if it is not there; a reference. */
static struct dentry *entry_get(struct dentry *dir, const char *name, size_t length,
				uint32_t mode, uint64_t rdev, int *err)
{
	const struct creation c = { .mode = mode, .rdev = rdev };
	struct inode *inode;
	struct dentry *d;

	mutex_lock(&dir->inode->lock);
	d = dentry_lookup_locked(dir, name, length, err);
	if (d && !d->inode && mode) {
		inode = dir->inode->ops->create(dir->inode, name, length, &c, err);
		if (inode)
			dentry_instantiate(d, inode);
	}
	mutex_unlock(&dir->inode->lock);
	if (d && !d->inode) {
		if (*err == 0)
			*err = -ENOENT;
		dentry_put(d);
		d = NULL;
	}
	return d;
}

/* The directory of name, and the last component; directories are made when `make`. */
static struct dentry *dir_of_name(const char **name, bool make, int *err)
{
	struct dentry *dir, *next;
	const char *slash;

	*err = -ENOMEM;
	if (!devfs_get())
		return NULL;
	dir = dentry_get(devfs->root);
	while ((slash = strchr(*name, '/'))) {
		next = entry_get(dir, *name, (size_t)(slash - *name), make ? S_IFDIR | 0755 : 0, 0, err);
		dentry_put(dir);
		if (!next)
			return NULL;
		dir = next;
		*name = slash + 1;
	}
	return dir;
}

int devfs_add(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *ops)
{
	bool terminal = strncmp(name, "pts/", 4) == 0;
	struct dentry *dir, *d;
	int err;

	if ((err = device_add(rdev, ops)) < 0)
		return err;
	dir = dir_of_name(&name, true, &err);
	if (!dir)
		goto remove;
	d = entry_get(dir, name, strlen(name), S_IFCHR | (mode & 07777), rdev, &err);
	dentry_put(dir);
	if (!d)
		goto remove;
	if (terminal && current) /* a pseudo-terminal belongs to who asked for it */
		d->inode->uid = current_process->cred.euid;
	dentry_put(d);
	return 0;
remove:
	device_remove(rdev);
	return err;
}

int devfs_remove(const char *name)
{
	struct dentry *dir, *d;
	struct inode *inode;
	int err;

	if (!(dir = dir_of_name(&name, false, &err)))
		return err;
	if (!(d = entry_get(dir, name, strlen(name), 0, 0, &err)))
		goto put_dir;
	inode = d->inode;
	struct inode *locked[] = { dir->inode, inode };

	inodes_lock(locked, 2);
	err = dentry_alive(d, dir) ? dir->inode->ops->unlink(dir->inode, name, strlen(name), inode) :
				     -ENOENT;
	if (err == 0)
		dentry_unhash(d);
	inodes_unlock(locked, 2);
	if (err == 0)
		device_remove(inode->rdev);
	dentry_put(d);
put_dir:
	dentry_put(dir);
	return err;
}

static struct superblock *devfs_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	(void)source, (void)flags, (void)data;
	if (devfs_get())
		return superblock_get(devfs); /* whose first use never ends */
	*err = -ENOMEM;
	return NULL;
}

struct fs_type devfs_type = { .name = "devfs", .mount = devfs_mount };
