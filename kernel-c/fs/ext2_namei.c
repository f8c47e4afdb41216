/*
 * ext2: what is done to names. The VFS has locked the directories, and what is
 * removed, linked or moved; each change is one operation, so a crash leaves all
 * of it or nothing.
 */
#include "../kernel.h"
#include "ext2.h"

#define FAST_LINK (EXT2_POINTERS * 4u) /* a shorter target is in the inode itself */

/* ---- operations that may need room ---- */

/* Do `change` in an operation; once more if room was missing and there is some now. */
struct change {
	struct inode *dir, *to, *inode, *target;
	const char *name, *to_name;
	size_t length, to_length;
	uint32_t flags;
	const struct creation *as; /* making: what it is to be, */
	struct inode *made;        /* and is */
	const struct attributes *set;
};

static int operate(struct inode *dir, int (*f)(struct change *), struct change *c)
{
	struct ext2 *fs = ext2_of(dir);
	int err, tries = 0;

	c->dir = dir;
	if (ext2_has_doomed(fs))
		ext2_reap(fs);
	do {
		if ((err = checkpoint_throttle(&fs->cp)) < 0 ||
		    (err = checkpoint_begin(&fs->cp)) < 0)
			return err;
		err = f(c);
		checkpoint_end(&fs->cp);
	} while (err == -ENOSPC && tries++ < 3 && ext2_make_room(fs) == 0);
	return err;
}

/* ---- lookup ---- */

/* A directory has one name: a second one would make the tree a circle. */
static bool only_name(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct ext2_node *node = ext2_node(inode);
	uint32_t hash = ext2_name_hash(name, length), none = 0;

	if (!S_ISDIR(inode->mode))
		return true;
	if (inode->ino == EXT2_ROOT_INO)
		return false;
	if (__atomic_compare_exchange_n(&node->parent, &none, (uint32_t)dir->ino, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		node->name_hash = hash;
	return node->parent == dir->ino && node->name_hash == hash;
}

static void set_name(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	ext2_node(inode)->parent = (uint32_t)dir->ino;
	ext2_node(inode)->name_hash = ext2_name_hash(name, length);
}

static struct inode *ext2_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct ext2 *fs = ext2_of(dir);
	uint32_t ino = ext2_dir_find(dir, name, length, err);
	struct inode *inode;

	if (!ino || !(inode = ext2_iget(fs, ino, err)))
		return NULL;
	if (inode->nlink && only_name(dir, name, length, inode))
		return inode;
	*err = ext2_corrupt(fs, "a name leads to a bad inode", ino);
	inode_put(inode);
	return NULL;
}

/* ---- making ---- */

static int inode_make(struct change *c)
{
	struct ext2 *fs = ext2_of(c->dir);
	uint32_t ino;
	int err;

	mutex_lock(&fs->meta_lock);
	ino = ext2_alloc_inode(fs, c->dir, S_ISDIR(c->as->mode), &err);
	mutex_unlock(&fs->meta_lock);
	if (!ino)
		return err;
	c->made = ext2_inode_new(fs, ino, c->as, &err);
	if (!c->made) {
		if (err != -EUCLEAN) {
			mutex_lock(&fs->meta_lock);
			ext2_free_inode(fs, ino, S_ISDIR(c->as->mode));
			mutex_unlock(&fs->meta_lock);
		}
		return err;
	}
	return ext2_changes(c->made, true);
}

/* A long target in a block of its own. */
static int link_block(struct inode *inode, const char *target, size_t length)
{
	uint32_t block, fresh;
	char *page;
	int err = ext2_map_new(inode, 0, 1, &block, &fresh);

	if (err < 0)
		return err;
	if (!(page = page_change(&ext2_node(inode)->data, 0, block, PAGE_ZERO, &err)))
		return err;
	memcpy(page, target, length);
	return 0;
}

/* What a new inode has in it. It is locked: nobody else knows it. */
static int inode_fill(struct change *c)
{
	struct inode *inode = c->made;
	const char *target = c->as->target;
	size_t length = target ? strlen(target) : 0;

	if (S_ISDIR(inode->mode)) {
		inode->nlink = 2;
		set_name(c->dir, c->name, c->length, inode);
		return ext2_dir_init(inode, (uint32_t)c->dir->ino);
	}
	if (!S_ISLNK(inode->mode))
		return 0;
	inode->size = (int64_t)length;
	if (length >= FAST_LINK)
		return link_block(inode, target, length);
	memcpy(ext2_node(inode)->block, target, length);
	return 0;
}

static int make(struct change *c)
{
	int err;

	c->made = NULL;
	if (S_ISDIR(c->as->mode) && c->dir->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	if ((err = inode_make(c)) < 0)
		goto undo;
	if (!mutex_try(&c->made->lock)) {
		err = -EUCLEAN;
		goto undo;
	}
	err = inode_fill(c);
	if (err == 0)
		err = ext2_dir_add(c->dir, c->name, c->length, (uint32_t)c->made->ino,
				   c->as->mode);
	mutex_unlock(&c->made->lock);
	if (err < 0)
		goto undo;
	if (S_ISDIR(c->as->mode))
		c->dir->nlink++;
	return 0;
undo:
	if (c->made)
		ext2_inode_discard(c->made);
	return err;
}

static struct inode *ext2_create(struct inode *dir, const char *name, size_t length,
				 const struct creation *as, int *err)
{
	struct change c = { .name = name, .length = length, .as = as };

	*err = operate(dir, make, &c);
	return *err < 0 ? NULL : c.made;
}

static int link_change(struct change *c)
{
	int err;

	if ((err = ext2_changes(c->inode, false)) < 0 ||
	    (err = ext2_dir_add(c->dir, c->name, c->length, (uint32_t)c->inode->ino, c->inode->mode)) < 0)
		return err;
	c->inode->nlink++;
	c->inode->ctime = c->dir->ctime;
	return 0;
}

static int ext2_link(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct change c = { .name = name, .length = length, .inode = inode };

	if (inode->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	return operate(dir, link_change, &c);
}

/* ---- removing ---- */

/* The last name of inode, or one of them, is gone. */
static void lose_name(struct inode *inode, struct inode *dir)
{
	inode->nlink = S_ISDIR(inode->mode) ? 0 : inode->nlink - 1;
	inode->ctime = dir->ctime;
	if (!inode->nlink)
		ext2_orphan_add(inode);
}

static int unlink_change(struct change *c)
{
	int err;

	if ((err = ext2_changes(c->inode, true)) < 0 ||
	    (err = ext2_orphan_ready(ext2_of(c->dir))) < 0 ||
	    (err = ext2_dir_remove(c->dir, c->name, c->length)) < 0)
		return err;
	if (S_ISDIR(c->inode->mode) && c->dir->nlink > 2)
		c->dir->nlink--;
	lose_name(c->inode, c->dir);
	return 0;
}

static int ext2_unlink(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	struct change c = { .name = name, .length = length, .inode = inode };

	return operate(dir, unlink_change, &c);
}

static int ext2_rmdir(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	int empty = ext2_dir_empty(inode);

	if (empty <= 0)
		return empty < 0 ? empty : -ENOTEMPTY;
	return ext2_unlink(dir, name, length, inode);
}

/* ---- rename ---- */

/*
 * What a rename changes besides adding a name is made ready first: if a read
 * fails, or the task is killed while it waits for one, nothing is half done.
 */
static int rename_ready(struct change *c)
{
	bool moves = c->dir != c->to, exchange = c->flags & RENAME_EXCHANGE;
	int err;

	if ((err = ext2_changes(c->inode, false)) < 0 ||
	    (err = ext2_dir_ready(c->dir, c->name, c->length)) < 0 ||
	    (moves && S_ISDIR(c->inode->mode) && (err = ext2_dir_ready(c->inode, "..", 2)) < 0))
		return err;
	if (!c->target)
		return ext2_changes(c->to, true);
	if ((err = ext2_changes(c->target, true)) < 0 ||
	    (err = ext2_dir_ready(c->to, c->to_name, c->to_length)) < 0)
		return err;
	if (!exchange)
		return ext2_orphan_ready(ext2_of(c->dir));
	return moves && S_ISDIR(c->target->mode) ? ext2_dir_ready(c->target, "..", 2) : 0;
}

/* The directory inode moves from one parent to another. */
static int reparent(struct inode *inode, struct inode *from, struct inode *to)
{
	int err;

	if (!S_ISDIR(inode->mode) || from == to)
		return 0;
	if ((err = ext2_dir_set(inode, "..", 2, (uint32_t)to->ino, S_IFDIR)) < 0)
		return err;
	if (from->nlink > 2)
		from->nlink--;
	to->nlink++;
	return 0;
}

static int exchange(struct change *c)
{
	int err;

	if ((err = ext2_dir_set(c->dir, c->name, c->length, (uint32_t)c->target->ino, c->target->mode)) < 0 ||
	    (err = ext2_dir_set(c->to, c->to_name, c->to_length, (uint32_t)c->inode->ino, c->inode->mode)) < 0 ||
	    (err = reparent(c->inode, c->dir, c->to)) < 0 ||
	    (err = reparent(c->target, c->to, c->dir)) < 0)
		return err;
	set_name(c->dir, c->name, c->length, c->target);
	c->target->ctime = c->to->ctime;
	return 0;
}

/* Onto a name that is free, or has an inode that loses it. */
static int move(struct change *c)
{
	int err;

	if (c->target)
		err = ext2_dir_set(c->to, c->to_name, c->to_length, (uint32_t)c->inode->ino, c->inode->mode);
	else
		err = ext2_dir_add(c->to, c->to_name, c->to_length, (uint32_t)c->inode->ino, c->inode->mode);
	if (err < 0)
		return err;
	if ((err = ext2_dir_remove(c->dir, c->name, c->length)) < 0 ||
	    (err = reparent(c->inode, c->dir, c->to)) < 0)
		return err;
	if (!c->target)
		return 0;
	if (S_ISDIR(c->target->mode) && c->to->nlink > 2)
		c->to->nlink--;
	lose_name(c->target, c->to);
	return 0;
}

static int rename_change(struct change *c)
{
	int err = rename_ready(c);

	if (err < 0 || (err = c->flags & RENAME_EXCHANGE ? exchange(c) : move(c)) < 0)
		return err;
	set_name(c->to, c->to_name, c->to_length, c->inode);
	c->inode->ctime = c->to->ctime;
	return 0;
}

static int ext2_rename(struct inode *from, const char *name, size_t length, struct inode *inode,
		       struct inode *to, const char *to_name, size_t to_length,
		       struct inode *target, uint32_t flags)
{
	struct change c = { .to = to, .name = name, .length = length, .to_name = to_name,
			    .to_length = to_length, .inode = inode, .target = target, .flags = flags };
	int empty = 1;

	if (S_ISDIR(inode->mode) && from != to && !(target && S_ISDIR(target->mode)) &&
	    to->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	if (target && S_ISDIR(target->mode) && !(flags & RENAME_EXCHANGE) &&
	    (empty = ext2_dir_empty(target)) <= 0)
		return empty < 0 ? empty : -ENOTEMPTY;
	return operate(from, rename_change, &c);
}

/* ---- the rest ---- */

static int ext2_readlink(struct inode *inode, char *buf, size_t size)
{
	struct ext2_node *node = ext2_node(inode);
	size_t length = (size_t)min(inode->size, (int64_t)size - 1);
	int64_t own = node->file_acl ? EXT2_BLOCK / 512 : 0;
	const char *from = (const char *)node->block;
	int err = 0;

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	mutex_lock(&inode->lock);
	if (inode->blocks > own)
		from = page_get(&node->data, 0, &err);
	else if (inode->size >= FAST_LINK)
		err = ext2_corrupt(ext2_of(inode), "a bad symbolic link", inode->ino);
	if (err == 0) {
		memcpy(buf, from, length);
		buf[length] = 0;
	}
	mutex_unlock(&inode->lock);
	return err < 0 ? err : (int)strnlen(buf, length);
}

static int setattr_change(struct change *c)
{
	int err = ext2_changes(c->dir, !(c->set->what & (ATTR_ATIME | ATTR_MTIME)));

	if (err == 0)
		inode_set(c->dir, c->set);
	return err;
}

static int ext2_setattr(struct inode *inode, const struct attributes *a)
{
	struct change c = { .set = a };

	return operate(inode, setattr_change, &c);
}

const struct inode_ops ext2_inode_ops = {
	.lookup = ext2_lookup,
	.create = ext2_create,
	.link = ext2_link,
	.unlink = ext2_unlink,
	.rmdir = ext2_rmdir,
	.rename = ext2_rename,
	.readlink = ext2_readlink,
	.truncate = ext2_truncate,
	.setattr = ext2_setattr,
	.fallocate = ext2_fallocate,
};
