/*
 * 9p: directories of the host as a filesystem. Inodes, attributes, mounts; names
 * are in p9_names.c, open files in p9_file.c, the session in p9_client.c.
 *
 * The server runs on the supervisor, so mounting (which the supervisor does, and
 * it never sleeps) asks nothing: the session begins when the tree is first used.
 */
#include "p9.h"

#include "../kernel.h"
#include "../lib/alloc.h"

#define ROOT_INO 1 /* until the server is asked */

static struct slab_cache node_cache = SLAB_CACHE("p9_node", struct p9_node);

/* ---- fids ---- */

static struct p9_fid *fid_known(struct inode *inode)
{
	struct p9 *fs = p9_of(inode);
	struct p9_fid *fid;

	lock(&fs->lock);
	if ((fid = p9_node(inode)->fid))
		p9_fid_get(fid);
	unlock(&fs->lock);
	return fid;
}

/* fid (consumed) is the inode's from now on. */
static void fid_set(struct inode *inode, struct p9_fid *fid)
{
	struct p9 *fs = p9_of(inode);
	struct p9_fid *old;

	lock(&fs->lock);
	old = p9_node(inode)->fid;
	p9_node(inode)->fid = fid;
	unlock(&fs->lock);
	p9_fid_put(old);
}

int p9_fid_of(struct inode *inode, struct p9_fid **fid)
{
	struct p9 *fs = p9_of(inode);
	struct p9_fid *root;
	int err;

	if ((*fid = fid_known(inode)))
		return 0;
	if ((err = once_begin(&fs->attach)) > 0) {
		if ((err = p9_attach(fs->client, &root)) == 0)
			fid_set(inode, root);
		once_end(&fs->attach, err == 0);
	}
	if (err == 0)
		*fid = fid_known(inode);
	return err;
}

int p9_fid_new(struct inode *inode, struct p9_fid **fid)
{
	struct p9_fid *known;
	int err = p9_fid_of(inode, &known);

	if (err == 0) {
		err = p9_walk(known, "", 0, fid);
		p9_fid_put(known);
	}
	return err;
}

int p9_fid_for(struct inode *inode, bool writable, struct p9_fid **fid)
{
	struct p9 *fs = p9_of(inode);
	struct p9_fid *f;

	lock(&fs->lock);
	list_for_each(f, &p9_node(inode)->opened, opened)
		if (!writable || f->access != O_RDONLY) {
			*fid = p9_fid_get(f);
			unlock(&fs->lock);
			return 0;
		}
	unlock(&fs->lock);
	return p9_fid_of(inode, fid);
}

/* ---- attributes ---- */

static bool time_same(const struct abi_timespec *a, const struct abi_timespec *b)
{
	return a->sec == b->sec && a->nsec == b->nsec;
}

/* A walk reads the type without a lock, so it is not written when nothing changes. */
static void set_mode(struct inode *inode, uint32_t mode)
{
	mode = (inode->mode & S_IFMT) | (mode & 07777);
	if (inode->mode != mode)
		__atomic_store_n(&inode->mode, mode, __ATOMIC_RELAXED);
}

/* What the server says becomes the inode's; its version moves if the data may have changed. */
static void attr_apply(struct inode *inode, const struct p9_attr *a)
{
	struct p9_node *node = p9_node(inode);
	const struct p9_attr *old = &node->known;

	if (node->loaded && (a->size != old->size || !time_same(&a->mtime, &old->mtime) ||
			     !time_same(&a->ctime, &old->ctime)))
		__atomic_add_fetch(&inode->version, 1, __ATOMIC_RELEASE);
	set_mode(inode, a->mode);
	inode->uid = a->uid;
	inode->gid = a->gid;
	inode->nlink = a->nlink;
	inode->rdev = a->rdev;
	inode->blocks = a->blocks;
	inode->atime = a->atime;
	inode->mtime = a->mtime;
	inode->ctime = a->ctime;
	if (inode->size != a->size)
		__atomic_store_n(&inode->size, a->size, __ATOMIC_RELAXED);
	node->known = *a;
	node->loaded = true;
}

int p9_refresh(struct inode *inode)
{
	struct p9_node *node = p9_node(inode);
	struct p9_attr a;
	struct p9_fid *fid;
	int err = p9_fid_for(inode, false, &fid);

	if (err < 0)
		return err;
	err = p9_fid_attr(fid, &a);
	p9_fid_put(fid);
	if (err < 0)
		return err;
	/* Another file may have taken the name that the fid stands for. */
	if (((a.mode ^ inode->mode) & S_IFMT) || (node->loaded && a.ino != node->known.ino))
		return -ESTALE;
	attr_apply(inode, &a);
	return 0;
}

int p9_getattr(struct inode *inode, struct abi_stat *st)
{
	struct p9_node *node = p9_node(inode);
	int err = p9_refresh(inode);

	/* What was removed while in use still has what was known of it. */
	if (err < 0 && !(err == -ENOENT && inode->nlink == 0))
		return err;
	st->ino = node->known.ino;
	st->mode = inode->mode;
	st->nlink = inode->nlink;
	st->uid = inode->uid;
	st->gid = inode->gid;
	st->rdev = inode->rdev;
	st->size = inode->size;
	st->blksize = (int32_t)node->known.blksize;
	st->blocks = inode->blocks;
	st->atime = inode->atime;
	st->mtime = inode->mtime;
	st->ctime = inode->ctime;
	return 0;
}

static int send_setattr(struct inode *inode, uint32_t valid, const struct attributes *a, int64_t size)
{
	struct p9_call call;
	struct p9_fid *fid;
	int err = p9_fid_for(inode, valid == P9_SETATTR_SIZE, &fid);

	if (err < 0)
		return err;
	if ((err = p9_call_begin(&call, P9_SETATTR, fid, 0)) < 0)
		goto put_fid;
	p9_put(&call.m, valid, 4);
	p9_put(&call.m, a->mode & 07777, 4);
	p9_put(&call.m, a->uid, 4);
	p9_put(&call.m, a->gid, 4);
	p9_put(&call.m, (uint64_t)size, 8);
	p9_put(&call.m, (uint64_t)a->atime.sec, 8);
	p9_put(&call.m, (uint64_t)a->atime.nsec, 8);
	p9_put(&call.m, (uint64_t)a->mtime.sec, 8);
	p9_put(&call.m, (uint64_t)a->mtime.nsec, 8);
	err = p9_call_do(&call);
	p9_call_end(&call);
put_fid:
	p9_fid_put(fid);
	return err;
}

int p9_setattr(struct inode *inode, const struct attributes *a)
{
	uint32_t valid = 0;
	int err;

	if (a->what & ATTR_OWNER)
		valid |= P9_SETATTR_UID | P9_SETATTR_GID;
	if ((a->what & ATTR_MODE) && !S_ISLNK(inode->mode))
		valid |= P9_SETATTR_MODE;
	if (a->what & ATTR_ATIME)
		valid |= P9_SETATTR_ATIME | P9_SETATTR_ATIME_SET;
	if (a->what & ATTR_MTIME)
		valid |= P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET;
	if (valid == 0)
		return 0;
	if ((err = send_setattr(inode, valid, a, 0)) == 0)
		inode_set(inode, a);
	return err;
}

int p9_truncate(struct inode *inode, int64_t length)
{
	const struct attributes none = { 0 };
	int err = send_setattr(inode, P9_SETATTR_SIZE, &none, length);

	if (err < 0)
		return err;
	__atomic_store_n(&inode->size, length, __ATOMIC_RELAXED);
	inode_modified(inode);
	return 0;
}

void p9_mode_restore(struct inode *inode, uint32_t mode)
{
	const struct attributes a = { .what = ATTR_MODE, .mode = mode };

	if (S_ISLNK(mode) || !((inode->mode ^ mode) & 07777) ||
	    send_setattr(inode, P9_SETATTR_MODE, &a, 0) < 0 || !mutex_try(&inode->lock))
		return;
	set_mode(inode, mode);
	mutex_unlock(&inode->lock);
}

/* ---- inodes ---- */

static struct list *bucket_of(struct p9 *fs, uint64_t ino)
{
	return &fs->buckets[(ino ^ ino >> 32) % P9_BUCKETS];
}

/* The inode with a reference, or NULL; fs->lock held. What is being evicted is no longer there. */
static struct inode *inode_find(struct p9 *fs, const struct p9_attr *a)
{
	struct inode *inode;

	list_for_each(inode, bucket_of(fs, a->ino), of_sb) {
		int refs = __atomic_load_n(&inode->refs, __ATOMIC_RELAXED);

		if (inode->ino != a->ino || ((inode->mode ^ a->mode) & S_IFMT))
			continue;
		while (refs > 0)
			if (__atomic_compare_exchange_n(&inode->refs, &refs, refs + 1, true,
							__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return inode;
	}
	return NULL;
}

static struct inode *inode_make(struct p9 *fs, uint32_t mode, uint64_t ino)
{
	struct inode *inode = inode_new(&fs->sb, mode, ino);
	struct p9_node *node;

	if (!inode)
		return NULL;
	if (!(inode->private = node = slab_alloc(&node_cache))) {
		inode_free(inode);
		return NULL;
	}
	list_init(&node->opened);
	inode->ops = &p9_inode_ops;
	if (S_ISREG(mode))
		inode->fops = &p9_file_ops;
	else if (S_ISDIR(mode))
		inode->fops = &p9_dir_ops;
	else if (S_ISFIFO(mode))
		inode->fops = &fifo_ops;
	return inode;
}

/*
 * One that is in use has its own lock, which can't be waited for here (a
 * directory's is held). Whoever holds it knows the attributes, or asks for them.
 */
static void attr_offer(struct inode *inode, const struct p9_attr *a)
{
	if (!mutex_try(&inode->lock))
		return;
	attr_apply(inode, a);
	mutex_unlock(&inode->lock);
}

struct inode *p9_inode_for(struct p9 *fs, struct p9_fid *fid, const struct p9_attr *a, int *err)
{
	struct inode *inode, *new = inode_make(fs, a->mode, a->ino);

	if (!new) {
		p9_fid_put(fid);
		*err = -ENOMEM;
		return NULL;
	}
	attr_apply(new, a);
	lock(&fs->lock);
	inode = inode_find(fs, a);
	if (!inode) {
		p9_node(new)->fid = fid;
		list_append(bucket_of(fs, a->ino), &new->of_sb);
	}
	unlock(&fs->lock);
	if (!inode)
		return new;
	inode_put(new);
	fid_set(inode, fid);
	attr_offer(inode, a);
	return inode;
}

static void p9_evict(struct inode *inode)
{
	struct p9 *fs = p9_of(inode);
	struct p9_node *node = p9_node(inode);

	lock(&fs->lock);
	list_remove(&inode->of_sb);
	unlock(&fs->lock);
	assert(list_empty(&node->opened));
	p9_fid_put(node->fid);
	p9_fid_put(node->created);
	slab_free(&node_cache, node);
	inode_free(inode);
}

/* ---- the filesystem ---- */

static int p9_statfs(struct superblock *sb, struct abi_statfs *st)
{
	struct p9_call call;
	struct p9_fid *fid;
	int err = p9_fid_of(sb->root->inode, &fid);

	if (err < 0)
		return err;
	if ((err = p9_call_begin(&call, P9_STATFS, fid, 0)) < 0)
		goto put_fid;
	if ((err = p9_call_do(&call)) < 0)
		goto end;
	st->type = (uint32_t)p9_get(&call.m, 4);
	st->bsize = st->frsize = (uint32_t)p9_get(&call.m, 4);
	st->blocks = p9_get(&call.m, 8);
	st->bfree = p9_get(&call.m, 8);
	st->bavail = p9_get(&call.m, 8);
	st->files = p9_get(&call.m, 8);
	st->ffree = p9_get(&call.m, 8);
	p9_get(&call.m, 8); /* the host's fsid: ours stands */
	st->namelen = min((uint32_t)p9_get(&call.m, 4), (uint32_t)NAME_MAX);
	if (call.m.bad || st->bsize == 0)
		err = -EIO;
end:
	p9_call_end(&call);
put_fid:
	p9_fid_put(fid);
	return err;
}

static void p9_unmount(struct superblock *sb)
{
	struct p9 *fs = container_of(sb, struct p9, sb);

	dentry_put(sb->root);
	p9_client_put(fs->client);
	kfree(fs);
}

static const struct super_ops p9_super_ops = {
	.evict = p9_evict,
	.statfs = p9_statfs,
	.unmount = p9_unmount,
};

/* The source is the number of a tree, in decimal. */
static int parse_tree(const char *s, uint32_t *tree)
{
	uint64_t n = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || (n = n * 10 + (uint64_t)(*s - '0')) > INT32_MAX)
			return -EINVAL;
	}
	*tree = (uint32_t)n;
	return 0;
}

/* "ro" or "rw", separated by commas. */
static int parse_options(const char *s, uint32_t *flags)
{
	while (s && *s) {
		bool ro = strncmp(s, "ro", 2) == 0;

		if (*s == ',') {
			s++;
			continue;
		}
		if ((!ro && strncmp(s, "rw", 2) != 0) || (s[2] && s[2] != ','))
			return -EINVAL;
		*flags = ro ? *flags | SB_RDONLY : *flags & ~SB_RDONLY;
		s += 2;
	}
	return 0;
}

struct fs_type p9_type;

static struct superblock *p9_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	uint32_t sb_flags = SB_REVALIDATE, tree;
	struct inode *root;
	struct p9 *fs;

	(void)flags;
	if ((*err = parse_tree(source, &tree)) < 0 || (*err = parse_options(data, &sb_flags)) < 0)
		return NULL;
	*err = -ENOMEM;
	if (!(fs = kzalloc(sizeof *fs)))
		return NULL;
	fs->sb.type = &p9_type;
	fs->sb.ops = &p9_super_ops;
	fs->sb.dev = fs_new_dev();
	fs->sb.mounts = 1;
	fs->sb.flags = sb_flags;
	once_init(&fs->attach);
	lock_init(&fs->lock, RANK_REQUEST);
	for (unsigned i = 0; i < P9_BUCKETS; i++)
		list_init(&fs->buckets[i]);
	if (!(fs->client = p9_client_get(tree)))
		goto free_fs;
	if (!(root = inode_make(fs, S_IFDIR | 0755, ROOT_INO)))
		goto put_client;
	root->nlink = 2;
	if (!(fs->sb.root = dentry_root(root)))
		goto put_root;
	return &fs->sb;
put_root:
	inode_put(root);
put_client:
	p9_client_put(fs->client);
free_fs:
	kfree(fs);
	return NULL;
}

struct fs_type p9_type = { .name = "9p", .mount = p9_mount };
