/*
 * Inodes: life, times, permission, and the ones without a name (pipes).
 */
#include "../host.h"
#include "../lib/alloc.h"
#include "../task/task.h"
#include "file_lock.h"
#include "mount.h"
#include "namei.h"
#include "sharing.h"

static struct slab_cache inode_cache = SLAB_CACHE("inode", struct inode);

struct abi_timespec time_now(void)
{
	nsec now = host_clock() + wall_offset;

	return (struct abi_timespec){ .sec = now / NSEC_PER_SEC,
				      .nsec = (int32_t)(now % NSEC_PER_SEC) };
}

struct inode *inode_new(struct superblock *sb, uint32_t mode, uint64_t ino)
{
	struct inode *inode = slab_alloc(&inode_cache);

	if (!inode)
		return NULL;
	inode->refs = 1;
	inode->mode = mode;
	inode->ino = ino;
	inode->nlink = 1;
	inode->sb = sb;
	inode->atime = inode->mtime = inode->ctime = time_now();
	mutex_init(&inode->lock, RANK_INODE);
	list_init(&inode->of_sb);
	list_init(&inode->locks);
	return inode;
}

void inode_free(struct inode *inode)
{
	assert(list_empty(&inode->locks));
	if (inode->sharing)
		sharing_free(inode->sharing);
	slab_free(&inode_cache, inode);
}

void inode_put(struct inode *inode)
{
	int refs = __atomic_sub_fetch(&inode->refs, 1, __ATOMIC_ACQ_REL);

	assert(refs >= 0);
	if (refs == 0)
		inode->sb->ops->evict(inode);
}

/* ---- nameless inodes ---- */

static const struct super_ops anonymous_ops = { .evict = inode_free };
static struct superblock anonymous_sb = { .ops = &anonymous_ops, .flags = SB_UNCACHED };
static const struct inode_ops anonymous_inode_ops = { 0 };
static struct mount anonymous_mount = { .refs = 1, .sb = &anonymous_sb };

static uint64_t anonymous_ino(void)
{
	static uint32_t last;

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

struct inode *inode_anonymous(uint32_t mode, const struct file_ops *fops)
{
	struct inode *inode = inode_new(&anonymous_sb, mode, anonymous_ino());

	if (!inode)
		return NULL;
	if (current) {
		inode->uid = current_process->cred.euid;
		inode->gid = current_process->cred.egid;
	}
	inode->ops = &anonymous_inode_ops;
	inode->fops = fops;
	return inode;
}

int path_anonymous(struct inode *inode, struct path *out)
{
	struct dentry *d = dentry_root(inode_get(inode));

	if (!d) {
		inode_put(inode);
		return -ENOMEM;
	}
	out->mount = mount_get(&anonymous_mount);
	out->dentry = d;
	return 0;
}

/* ---- permission ---- */

int inode_permission_for(const struct cred *c, struct inode *inode, int want, bool real)
{
	uint32_t uid = real ? c->uid : c->euid;
	uint32_t gid = real ? c->gid : c->egid;
	uint32_t mode = inode->mode;

	if (uid == 0) {
		/* Root may do all but run a file that nobody may run. */
		if ((want & X_OK) && !S_ISDIR(mode) && !(mode & 0111))
			return -EACCES;
		return 0;
	}
	if (uid == inode->uid)
		mode >>= 6;
	else if (gid == inode->gid || cred_in_group(c, inode->gid))
		mode >>= 3;
	return (uint32_t)want & ~mode & 7 ? -EACCES : 0;
}

int inode_permission(struct inode *inode, int want, bool real)
{
	return inode_permission_for(process_cred(current ? current_process : NULL),
				    inode, want, real);
}

bool cred_owns(const struct cred *c, const struct inode *inode)
{
	return c->euid == 0 || c->euid == inode->uid;
}

/* ---- several locks ---- */

void inodes_lock(struct inode **v, int n)
{
	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && v[j - 1] > v[j]; j--) {
			struct inode *t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	for (int i = 0; i < n; i++)
		if (v[i] && (i == 0 || v[i] != v[i - 1]))
			mutex_lock(&v[i]->lock);
}

void inodes_unlock(struct inode **v, int n)
{
	for (int i = n - 1; i >= 0; i--)
		if (v[i] && (i == 0 || v[i] != v[i - 1]))
			mutex_unlock(&v[i]->lock);
}

/* ---- changes of data ---- */

int inode_write_limit(int64_t pos, size_t *n)
{
	uint64_t limit;

	if (!current || *n == 0)
		return 0;
	limit = current_process->limits[RLIMIT_FSIZE].cur;
	if (likely(limit == RLIM_INFINITY))
		return 0;
	if ((uint64_t)pos >= limit) {
		signal_raise(SIGXFSZ);
		return -EFBIG;
	}
	*n = (size_t)min((uint64_t)*n, limit - (uint64_t)pos);
	return 0;
}

void inode_modified(struct inode *inode)
{
	assert(mutex_held(&inode->lock));
	inode->mtime = inode->ctime = time_now();
	__atomic_add_fetch(&inode->version, 1, __ATOMIC_RELEASE);
	if (unlikely(inode->mode & (S_ISUID | S_ISGID)) && S_ISREG(inode->mode) && current &&
	    current_process->cred.euid != 0)
		inode->mode = mode_without_set_id(inode->mode);
}

static bool time_before(const struct abi_timespec *a, const struct abi_timespec *b)
{
	return a->sec < b->sec || (a->sec == b->sec && a->nsec <= b->nsec);
}

/*
 * As Linux's relatime without its daily update: reading the clock would cost
 * more than the read. What needs atime (is there new mail?) compares it with mtime.
 */
bool inode_access_tells(const struct inode *inode)
{
	return time_before(&inode->atime, &inode->mtime) ||
	       time_before(&inode->atime, &inode->ctime);
}

void inode_accessed(struct inode *inode)
{
	if (inode_access_tells(inode))
		inode->atime = time_now();
}

/* ---- attributes ---- */

void inode_set(struct inode *inode, const struct attributes *a)
{
	assert(mutex_held(&inode->lock));
	if (a->what & ATTR_MODE)
		inode->mode = (inode->mode & S_IFMT) | (a->mode & 07777);
	if (a->what & ATTR_OWNER) {
		inode->uid = a->uid;
		inode->gid = a->gid;
	}
	if (a->what & ATTR_ATIME)
		inode->atime = a->atime;
	if (a->what & ATTR_MTIME)
		inode->mtime = a->mtime;
	inode->ctime = a->ctime;
}

int inode_change(struct inode *inode, struct attributes *a)
{
	a->ctime = time_now();
	if (inode->ops->setattr)
		return inode->ops->setattr(inode, a);
	inode_set(inode, a);
	return 0;
}

int inode_stat(struct inode *inode, struct abi_stat *st)
{
	int err = 0;

	mutex_lock(&inode->lock);
	*st = (struct abi_stat){
		.dev = inode->sb->dev,
		.ino = inode->ino,
		.mode = inode->mode,
		.nlink = inode->nlink,
		.uid = inode->uid,
		.gid = inode->gid,
		.rdev = inode->rdev,
		.size = inode->size,
		.blksize = PAGE_SIZE,
		.blocks = inode->blocks,
		.atime = inode->atime,
		.mtime = inode->mtime,
		.ctime = inode->ctime,
	};
	if (inode->ops->getattr)
		err = inode->ops->getattr(inode, st);
	mutex_unlock(&inode->lock);
	return err;
}
