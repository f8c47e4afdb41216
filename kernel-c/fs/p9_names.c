/*
 * 9p: names, and what is done to files by name. The directories are locked.
 */
#include "p9.h"

#include "../kernel.h"
#include "../lib/alloc.h"

#define AT_REMOVEDIR_9P 0x200u

static struct inode *p9_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct p9_fid *from, *fid;
	struct p9_attr a;

	if ((*err = p9_fid_of(dir, &from)) < 0)
		return NULL;
	if (!p9_node(dir)->loaded)
		p9_refresh(dir);
	*err = p9_walk(from, name, length, &fid);
	p9_fid_put(from);
	if (*err < 0)
		goto none;
	if ((*err = p9_fid_attr(fid, &a)) == 0)
		return p9_inode_for(p9_of(dir), fid, &a, err);
	p9_fid_put(fid);
none:
	if (*err == -ENOENT)
		*err = 0;
	return NULL;
}

/* The start of a call that begins with a directory's fid and a name. */
static int name_call(struct p9_call *call, enum p9_type type, struct inode *dir,
		     const char *name, size_t length, uint32_t room)
{
	struct p9_fid *fid;
	int err = p9_fid_of(dir, &fid);

	call->request = NULL;
	if (err < 0)
		return err;
	err = p9_call_begin(call, type, fid, (uint32_t)length + room + 64);
	p9_fid_put(fid);
	if (err == 0)
		p9_put_text(&call->m, name, length);
	return err;
}

/* Make a regular file: *opened is a fid for it that is open for all. */
static int create_file(struct inode *dir, const char *name, size_t length, uint32_t mode,
		       struct p9_fid **opened)
{
	struct p9_call call;
	struct p9_fid *fid;
	int err = p9_fid_new(dir, &fid);

	if (err < 0)
		return err;
	if ((err = p9_call_begin(&call, P9_LCREATE, fid, (uint32_t)length + 64)) == 0) {
		p9_put_text(&call.m, name, length);
		p9_put(&call.m, O_RDWR | O_CREAT | O_EXCL, 4);
		p9_put(&call.m, mode & 07777, 4);
		p9_put(&call.m, dir->gid, 4);
		err = p9_call_do(&call);
		p9_call_end(&call);
	}
	fid->access = O_RDWR;
	if (err < 0)
		p9_fid_put(fid);
	else
		*opened = fid;
	return err;
}

static int create_link(struct inode *dir, const char *name, size_t length, const char *target)
{
	size_t n = strlen(target);
	struct p9_call call;
	int err = name_call(&call, P9_SYMLINK, dir, name, length, (uint32_t)n);

	if (err == 0) {
		p9_put_text(&call.m, target, n);
		p9_put(&call.m, dir->gid, 4);
		err = p9_call_do(&call);
	}
	p9_call_end(&call);
	return err;
}

/* A directory, device or FIFO. */
static int create_other(struct inode *dir, const char *name, size_t length,
			const struct creation *c)
{
	bool directory = S_ISDIR(c->mode);
	struct p9_call call;
	int err = name_call(&call, directory ? P9_MKDIR : P9_MKNOD, dir, name, length, 0);

	if (err == 0) {
		p9_put(&call.m, directory ? c->mode & 07777 : c->mode, 4);
		if (!directory) {
			p9_put(&call.m, c->rdev >> 8, 4);
			p9_put(&call.m, c->rdev & 0xff, 4);
		}
		p9_put(&call.m, dir->gid, 4);
		err = p9_call_do(&call);
	}
	p9_call_end(&call);
	return err;
}

static struct inode *p9_create(struct inode *dir, const char *name, size_t length,
			       const struct creation *c, int *err)
{
	struct p9 *fs = p9_of(dir);
	struct p9_fid *opened = NULL, *old = NULL;
	struct inode *inode;

	if (S_ISREG(c->mode))
		*err = create_file(dir, name, length, c->mode, &opened);
	else if (S_ISLNK(c->mode))
		*err = create_link(dir, name, length, c->target);
	else
		*err = create_other(dir, name, length, c);
	if (*err < 0)
		return NULL;
	if (!(inode = p9_lookup(dir, name, length, err))) {
		p9_fid_put(opened);
		if (*err == 0)
			*err = -ENOENT; /* somebody on the host removed it */
		return NULL;
	}
	p9_mode_restore(inode, c->mode);
	if (opened && S_ISREG(inode->mode)) {
		lock(&fs->lock);
		old = p9_node(inode)->created;
		p9_node(inode)->created = opened;
		unlock(&fs->lock);
		opened = NULL;
	}
	p9_fid_put(opened);
	p9_fid_put(old);
	return inode;
}

static int p9_link(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct p9_fid *to, *fid;
	struct p9_call call;
	int err = p9_fid_of(dir, &to);

	if (err < 0)
		return err;
	if ((err = p9_fid_of(inode, &fid)) < 0)
		goto put_to;
	if ((err = p9_call_begin(&call, P9_LINK, to, (uint32_t)length + 64)) == 0) {
		p9_call_fid(&call, fid);
		p9_put_text(&call.m, name, length);
		err = p9_call_do(&call);
		p9_call_end(&call);
	}
	if (err == 0)
		inode->nlink++;
	p9_fid_put(fid);
put_to:
	p9_fid_put(to);
	return err;
}

static int remove_name(struct inode *dir, const char *name, size_t length, uint32_t flags)
{
	struct p9_call call;
	int err = name_call(&call, P9_UNLINKAT, dir, name, length, 0);

	if (err == 0) {
		p9_put(&call.m, flags, 4);
		err = p9_call_do(&call);
	}
	p9_call_end(&call);
	return err;
}

static int p9_unlink(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int err = remove_name(dir, name, length, 0);

	if (err == 0 && inode->nlink)
		inode->nlink--;
	return err;
}

static int p9_rmdir(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int err = remove_name(dir, name, length, AT_REMOVEDIR_9P);

	if (err == 0)
		inode->nlink = 0;
	return err;
}

static int p9_rename(struct inode *from, const char *name, size_t length, struct inode *inode,
		     struct inode *to, const char *to_name, size_t to_length,
		     struct inode *target, uint32_t flags)
{
	struct p9_fid *to_fid;
	struct p9_call call;
	int err;

	(void)inode;
	if (flags) /* the protocol can't */
		return -EINVAL;
	if ((err = p9_fid_of(to, &to_fid)) < 0)
		return err;
	if ((err = name_call(&call, P9_RENAMEAT, from, name, length, (uint32_t)to_length)) == 0) {
		p9_call_fid(&call, to_fid);
		p9_put_text(&call.m, to_name, to_length);
		err = p9_call_do(&call);
	}
	p9_call_end(&call);
	p9_fid_put(to_fid);
	if (err == 0 && target)
		target->nlink = S_ISDIR(target->mode) || !target->nlink ? 0 : target->nlink - 1;
	return err;
}

static int p9_readlink(struct inode *inode, char *buf, size_t size)
{
	struct p9_call call;
	struct p9_fid *fid;
	const char *target;
	uint32_t length;
	int err = p9_fid_of(inode, &fid);

	if (err < 0)
		return err;
	if ((err = p9_call_begin(&call, P9_READLINK, fid, P9_HEADER + 2 + PATH_MAX)) < 0)
		goto put_fid;
	if ((err = p9_call_do(&call)) < 0)
		goto end;
	target = p9_get_text(&call.m, &length);
	if (!target || memchr(target, 0, length))
		err = -EIO;
	else if (length >= size)
		err = -ENAMETOOLONG;
	if (err < 0)
		goto end;
	memcpy(buf, target, length);
	buf[length] = 0;
	err = (int)length;
end:
	p9_call_end(&call);
put_fid:
	p9_fid_put(fid);
	return err;
}

const struct inode_ops p9_inode_ops = {
	.lookup = p9_lookup,
	.create = p9_create,
	.link = p9_link,
	.unlink = p9_unlink,
	.rmdir = p9_rmdir,
	.rename = p9_rename,
	.readlink = p9_readlink,
	.truncate = p9_truncate,
	.setattr = p9_setattr,
	.getattr = p9_getattr,
};
