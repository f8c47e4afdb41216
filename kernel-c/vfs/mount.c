/*
 * The mount table. What a mount is: mount.h.
 *
 * The table is a list under dentry_lock; a dentry that is covered says so in
 * `mounts`, so a walk only searches the list at mount points. The table holds
 * one reference to each mount, and a mount one to the mount it is on.
 */
#include "mount.h"

#include "../lib/alloc.h"
#include "../task/task.h"
#include "inotify.h"
#include "namei.h"

struct path root_path;

static struct list mounts = LIST_INIT(mounts); /* [d] in order of mounting */
static struct list types = LIST_INIT(types);   /* set at boot only */
static struct slab_cache mount_cache = SLAB_CACHE("mount", struct mount);

void fs_register(struct fs_type *fs)
{
	list_append(&types, &fs->types);
}

void fs_type_each(void (*f)(const struct fs_type *fs, void *arg), void *arg)
{
	struct fs_type *fs;

	list_for_each(fs, &types, types)
		f(fs, arg);
}

struct fs_type *fs_type_find(const char *name)
{
	struct fs_type *fs;

	list_for_each(fs, &types, types)
		if (strcmp(fs->name, name) == 0)
			return fs;
	return NULL;
}

uint64_t fs_new_dev(void)
{
	static uint32_t last;

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

/* ---- superblocks ---- */

struct superblock *superblock_get(struct superblock *sb)
{
	lock(&dentry_lock);
	sb->mounts++;
	unlock(&dentry_lock);
	return sb;
}

void superblock_put(struct superblock *sb)
{
	bool last;

	lock(&dentry_lock);
	last = --sb->mounts == 0;
	unlock(&dentry_lock);
	if (!last)
		return;
	inotify_unmount(sb);
	dentry_prune(sb);
	if (sb->ops->unmount)
		sb->ops->unmount(sb);
}

struct superblock *superblock_find(uint64_t dev)
{
	struct superblock *found = NULL;
	struct mount *m;

	lock(&dentry_lock);
	list_for_each(m, &mounts, all)
		if (m->sb->dev == dev) {
			found = m->sb;
			found->mounts++;
			break;
		}
	unlock(&dentry_lock);
	return found;
}

void mount_put(struct mount *m)
{
	struct superblock *sb = m->sb;

	if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	dentry_put(m->root);
	kfree(m->source);
	slab_free(&mount_cache, m);
	superblock_put(sb);
}

/* ---- paths ---- */

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	if (p->mount)
		mount_put(p->mount);
	p->dentry = NULL;
	p->mount = NULL;
}

/* What covers d in m, or NULL; dentry_lock held. */
static struct mount *mount_on(struct mount *m, struct dentry *d)
{
	struct mount *it;

	if (!d->mounts)
		return NULL;
	list_for_each(it, &mounts, all)
		if (it->point == d && it->parent == m)
			return it;
	return NULL;
}

void path_cross(struct path *path)
{
	while (unlikely(__atomic_load_n(&path->dentry->mounts, __ATOMIC_RELAXED))) {
		struct path old = *path;
		struct mount *m;

		lock(&dentry_lock);
		m = mount_on(path->mount, path->dentry);
		if (m) {
			path->mount = mount_get(m);
			path->dentry = dentry_get(m->root);
		}
		unlock(&dentry_lock);
		if (!m)
			return;
		path_put(&old);
	}
}

bool path_is_mountpoint(const struct path *path)
{
	bool is;

	lock(&dentry_lock);
	is = mount_on(path->mount, path->dentry) != NULL;
	unlock(&dentry_lock);
	return is;
}

void path_up(struct path *path, const struct path *root)
{
	struct path old = *path;
	struct mount *m = path->mount;
	struct dentry *d = path->dentry;

	lock(&dentry_lock);
	for (;;) {
		if (d == root->dentry && m == root->mount)
			break;
		if (d != m->root) {
			d = d->parent;
			break;
		}
		if (!m->parent)
			break;
		d = m->point;
		m = m->parent;
	}
	path->mount = mount_get(m);
	path->dentry = dentry_get(d);
	unlock(&dentry_lock);
	path_put(&old);
	path_cross(path);
}

int path_name(const struct path *what, const struct path *root, char *buf, size_t size)
{
	struct mount *m = what->mount;
	struct dentry *d = what->dentry;
	size_t at = size;
	int err = -ERANGE;

	if (!root)
		root = &root_path;
	if (size < 2)
		return -ERANGE;
	buf[--at] = 0;
	lock(&dentry_lock);
	while (d != root->dentry || m != root->mount) {
		if (d == m->root && m->parent) {
			d = m->point;
			m = m->parent;
			continue;
		}
		if (d == m->root || d->parent == d) {
			err = -ENOENT;
			goto out;
		}
		if (at < d->length + 1u)
			goto out;
		at -= d->length;
		memcpy(buf + at, d->name, d->length);
		buf[--at] = '/';
		d = d->parent;
	}
	if (size - at == 1)
		buf[--at] = '/';
	err = (int)(size - at - 1);
	memmove(buf, buf + at, size - at);
out:
	unlock(&dentry_lock);
	return err;
}

bool path_deleted(const struct path *p)
{
	struct dentry *d = p->dentry;
	bool deleted;

	lock(&dentry_lock);
	deleted = !d->link && d->parent != d && !(d->inode->sb->flags & SB_UNCACHED);
	unlock(&dentry_lock);
	return deleted;
}

int mount_writable(const struct mount *m)
{
	return (m->flags & MS_RDONLY) || (m->sb->flags & SB_RDONLY) ? -EROFS : 0;
}

/* ---- mounting ---- */

static struct mount *mount_new(struct superblock *sb, struct dentry *root, const char *source,
			       uint32_t flags)
{
	struct mount *m = slab_alloc(&mount_cache);

	if (!m)
		return NULL;
	if (!(m->source = kstrdup(source))) {
		slab_free(&mount_cache, m);
		return NULL;
	}
	m->refs = 1;
	m->sb = superblock_get(sb);
	m->root = dentry_get(root);
	m->flags = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	list_init(&m->all);
	return m;
}

/* Put m on `at` (NULL: it is the root of the system). */
static int mount_attach(struct mount *m, const struct path *at)
{
	int err = -ENOENT;

	lock(&dentry_lock);
	if (at) {
		if (!at->dentry->link && at->dentry != at->mount->root)
			goto out; /* removed meanwhile, or a name that does not stay */
		m->parent = mount_get(at->mount);
		m->point = dentry_get(at->dentry);
		__atomic_store_n(&at->dentry->mounts, at->dentry->mounts + 1, __ATOMIC_RELAXED);
	}
	list_append(&mounts, &m->all);
	err = 0;
out:
	unlock(&dentry_lock);
	return err;
}

static int mount_check_point(const struct path *at, const struct dentry *root)
{
	return S_ISDIR(at->dentry->inode->mode) == S_ISDIR(root->inode->mode) ? 0 : -ENOTDIR;
}

int mount_add(const char *source, const struct path *at, const char *type,
	      uint32_t flags, const char *data)
{
	struct fs_type *fs = fs_type_find(type);
	struct superblock *sb;
	struct mount *m;
	int err = 0;

	if (!fs)
		return -ENODEV;
	if (!(sb = fs->mount(source, flags, data, &err)))
		return err;
	m = mount_new(sb, sb->root, source, flags);
	superblock_put(sb);
	if (!m)
		return -ENOMEM;
	if (at && at->mount->sb == sb && at->dentry == at->mount->root)
		err = -EBUSY; /* it is what can be seen there */
	else
		err = at ? mount_check_point(at, sb->root) : 0;
	if (err == 0)
		err = mount_attach(m, at);
	if (err < 0)
		mount_put(m);
	return err;
}

int mount_bind(const struct path *from, const struct path *at, uint32_t flags)
{
	struct mount *m;
	int err;

	if ((err = mount_check_point(at, from->dentry)) < 0)
		return err;
	if (!from->mount->root)
		return -EINVAL; /* a pipe, by /proc/self/fd */
	if (!(m = mount_new(from->mount->sb, from->dentry, from->mount->source,
			    flags | from->mount->flags)))
		return -ENOMEM;
	if ((err = mount_attach(m, at)) < 0)
		mount_put(m);
	return err;
}

int mount_remove(const struct path *at)
{
	struct mount *m = at->mount;
	struct path point;
	int err;

	lock(&dentry_lock);
	if (at->dentry != m->root || list_empty(&m->all)) {
		unlock(&dentry_lock);
		return -EINVAL;
	}
	/* One reference is the table's, one the caller's. */
	if (!m->parent || __atomic_load_n(&m->refs, __ATOMIC_ACQUIRE) > 2) {
		unlock(&dentry_lock);
		return -EBUSY;
	}
	list_remove(&m->all);
	point = (struct path){ m->parent, m->point };
	m->parent = NULL;
	m->point = NULL;
	__atomic_store_n(&point.dentry->mounts, point.dentry->mounts - 1, __ATOMIC_RELAXED);
	unlock(&dentry_lock);
	path_put(&point);
	err = m->sb->ops->sync ? m->sb->ops->sync(m->sb) : 0;
	mount_put(m); /* the table's: it goes with the caller's */
	return err;
}

int mount_remount(const struct path *at, uint32_t flags, const char *data)
{
	struct mount *m = at->mount;
	int err;

	if (at->dentry != m->root)
		return -EINVAL;
	if (m->sb->ops->remount && (err = m->sb->ops->remount(m->sb, flags, data)) < 0)
		return err;
	__atomic_store_n(&m->flags, flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC),
			 __ATOMIC_RELAXED);
	return 0;
}

void mount_each(void (*f)(struct mount *m, void *arg), void *arg)
{
	struct mount *m, *next;

	lock(&dentry_lock);
	m = list_first(&mounts, struct mount, all);
	if (&m->all == &mounts) {
		unlock(&dentry_lock);
		return;
	}
	mount_get(m);
	while (m) {
		unlock(&dentry_lock);
		f(m, arg);
		lock(&dentry_lock);
		/* A mount removed meanwhile ends the walk: its list node is empty. */
		next = list_first(&m->all, struct mount, all);
		next = list_empty(&m->all) || &next->all == &mounts ? NULL : mount_get(next);
		unlock(&dentry_lock);
		mount_put(m);
		m = next;
		lock(&dentry_lock);
	}
	unlock(&dentry_lock);
}

static void sync_one(struct mount *m, void *arg)
{
	int err = m->sb->ops->sync ? m->sb->ops->sync(m->sb) : 0;

	if (err < 0)
		*(int *)arg = err;
}

int mount_sync_all(void)
{
	int err = 0;

	mount_each(sync_one, &err);
	return err;
}

int superblock_statfs(struct superblock *sb, uint32_t mount_flags, struct abi_statfs *st)
{
	*st = (struct abi_statfs){
		.bsize = PAGE_SIZE,
		.frsize = PAGE_SIZE,
		.namelen = NAME_MAX,
		.fsid = { (uint32_t)sb->dev, (uint32_t)(sb->dev >> 32) },
	};
	if ((mount_flags & MS_RDONLY) || (sb->flags & SB_RDONLY))
		st->flags |= ST_RDONLY;
	if (mount_flags & MS_NOSUID)
		st->flags |= ST_NOSUID;
	return sb->ops->statfs ? sb->ops->statfs(sb, st) : 0;
}

/* ---- mount(2), and boot ---- */

int vfs_mount(struct process *p, const char *source, const char *target, const char *type,
	      uint32_t flags, const char *data)
{
	struct path at, from;
	int err;

	if (process_cred(p)->euid != 0)
		return -EPERM;
	if ((err = path_lookup(p, AT_FDCWD, target, WALK_FOLLOW, &at)) < 0)
		return err;
	if (flags & MS_REMOUNT) {
		err = mount_remount(&at, flags, data);
	} else if (flags & MS_BIND) {
		err = path_lookup(p, AT_FDCWD, source, WALK_FOLLOW, &from);
		if (err == 0) {
			err = mount_bind(&from, &at, flags);
			path_put(&from);
		}
	} else {
		err = mount_add(source, &at, type, flags, data);
	}
	path_put(&at);
	return err;
}

extern struct fs_type ramfs_type, tmpfs_type, devfs_type, proc_type, p9_type, pkgfs_type,
	squashfs_type, ext2_type; /* fs/ */

static void boot_mount(const char *type, const char *target, const char *data)
{
	int err = vfs_make(target, S_IFDIR | 0755, 0, 0, 0, NULL, -1);

	if (err == 0)
		err = vfs_mount(NULL, type, target, type, MS_NOSUID, data);
	if (err < 0)
		panic("vfs_init: %s on %s: error %d", type, target, -err);
}

void vfs_init(void)
{
	int err;

	fs_register(&ramfs_type);
	fs_register(&tmpfs_type);
	fs_register(&devfs_type);
	fs_register(&proc_type);
	fs_register(&p9_type);
	fs_register(&ext2_type);
	fs_register(&pkgfs_type);
	fs_register(&squashfs_type);
	if ((err = mount_add("rootfs", NULL, "ramfs", 0, "mode=755")) < 0)
		panic("vfs_init: no root: error %d", -err);
	root_path.mount = list_first(&mounts, struct mount, all);
	root_path.dentry = root_path.mount->root;
	path_get(&root_path);
	boot_mount("devfs", "/dev", "");
	boot_mount("proc", "/proc", "");
	boot_mount("tmpfs", "/tmp", "mode=1777");
	boot_mount("tmpfs", "/dev/shm", "mode=1777");
}
