/*
 * From a path to what it names.
 *
 * A walk (struct walk) holds the directory reached and the text still to go.
 * A symbolic link replaces that text by its target and what followed it, in a
 * buffer of the walk's own. The last component is left to the caller: opening,
 * making and removing each treat it in their own way, and begin again with
 * walk_link when it turns out to be a link to follow.
 */
#include "namei.h"

#include "../lib/alloc.h"
#include "../task/task.h"

static const struct cred kernel_cred;
static const uint32_t kernel_umask = 022;

/* ---- a process's root and directory ---- */

static struct slab_cache context_cache = SLAB_CACHE("fs_context", struct fs_context);

struct fs_context *fs_context_new(void)
{
	struct fs_context *c = slab_alloc(&context_cache);

	if (!c)
		return NULL;
	lock_init(&c->lock, RANK_DENTRY);
	c->umask = kernel_umask;
	c->root_mount = mount_get(root_path.mount);
	c->root = dentry_get(root_path.dentry);
	c->cwd_mount = mount_get(root_path.mount);
	c->cwd = dentry_get(root_path.dentry);
	return c;
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = slab_alloc(&context_cache);

	if (!c)
		return NULL;
	lock_init(&c->lock, RANK_DENTRY);
	lock(&from->lock);
	c->umask = from->umask;
	c->root_mount = mount_get(from->root_mount);
	c->root = dentry_get(from->root);
	c->cwd_mount = mount_get(from->cwd_mount);
	c->cwd = dentry_get(from->cwd);
	unlock(&from->lock);
	return c;
}

void fs_context_put(struct fs_context *c)
{
	dentry_put(c->root);
	mount_put(c->root_mount);
	dentry_put(c->cwd);
	mount_put(c->cwd_mount);
	slab_free(&context_cache, c);
}

const struct cred *process_cred(struct process *p)
{
	return p ? &p->cred : &kernel_cred;
}

uint32_t process_umask(struct process *p)
{
	return p ? __atomic_load_n(&p->fs->umask, __ATOMIC_RELAXED) : kernel_umask;
}

void process_root(struct process *p, struct path *out)
{
	if (!p) {
		*out = path_get(&root_path);
		return;
	}
	lock(&p->fs->lock);
	out->mount = mount_get(p->fs->root_mount);
	out->dentry = dentry_get(p->fs->root);
	unlock(&p->fs->lock);
}

void process_cwd(struct process *p, struct path *out)
{
	if (!p) {
		*out = path_get(&root_path);
		return;
	}
	lock(&p->fs->lock);
	out->mount = mount_get(p->fs->cwd_mount);
	out->dentry = dentry_get(p->fs->cwd);
	unlock(&p->fs->lock);
}

/* ---- the walk ---- */

/* Where a relative path begins. */
static int walk_start(struct process *p, int dirfd, bool any, struct path *out)
{
	struct file *f;
	int err = 0;

	if (dirfd == AT_FDCWD) {
		process_cwd(p, out);
		return 0;
	}
	if (!p || !(f = fdtable_get(p->files, dirfd)))
		return -EBADF;
	if (f->dentry && (any || S_ISDIR(f->inode->mode)))
		*out = path_get(&(struct path){ f->mount, f->dentry });
	else if (any)
		err = path_anonymous(f->inode, out);
	else
		err = -ENOTDIR;
	file_put(f);
	return err;
}

int walk_begin(struct walk *w, struct process *p, int dirfd, const char *path)
{
	int err;

	w->p = p;
	w->cred = process_cred(p);
	w->real = false;
	w->rest = path;
	w->buffer = NULL;
	w->links = 0;
	if (!path[0])
		return -ENOENT;
	process_root(p, &w->root);
	if (path[0] == '/')
		w->at = path_get(&w->root);
	else if ((err = walk_start(p, dirfd, false, &w->at)) < 0) {
		path_put(&w->root);
		return err;
	}
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(&w->at);
	path_put(&w->root);
	kfree(w->buffer);
}

/* May names be looked up in w->at? */
static int walk_may_search(const struct walk *w)
{
	struct inode *dir = w->at.dentry->inode;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	return inode_permission_for(w->cred, dir, X_OK, w->real);
}

/* w->at becomes dentry (its reference is consumed), or what is mounted there. */
static void walk_enter(struct walk *w, struct dentry *d)
{
	struct dentry *old = w->at.dentry;

	w->at.dentry = d;
	dentry_put(old);
	path_cross(&w->at);
}

/* Go on with the text of a link and, after it, the rest: longer than PATH_MAX, but SYMLOOP_MAX times that at most. */
static int walk_splice(struct walk *w, struct inode *link, const char *rest)
{
	size_t after = strlen(rest);
	char *buffer = kmalloc(PATH_MAX + after + 2);
	int n;

	if (!buffer)
		return -ENOMEM;
	n = link->ops->readlink(link, buffer, PATH_MAX);
	if (n <= 0) {
		kfree(buffer);
		return n < 0 ? n : -ENOENT;
	}
	memcpy(buffer + n, rest, after + 1);
	kfree(w->buffer);
	w->buffer = buffer;
	w->rest = buffer;
	if (buffer[0] == '/') {
		path_put(&w->at);
		w->at = path_get(&w->root);
	}
	return 0;
}

/* Follow link, which is in w->at, with `rest` to come after it: 0, or 1 when it led to an object. */
static int walk_follow(struct walk *w, struct inode *link, const char *rest)
{
	struct path to;
	int err;

	if (++w->links > SYMLOOP_MAX)
		return -ELOOP;
	if (!link->ops->follow)
		return walk_splice(w, link, rest);
	if ((err = link->ops->follow(link, &to)) < 0)
		return err;
	path_put(&w->at);
	w->at = to;
	w->rest = rest;
	return 1;
}

int walk_link(struct walk *w, struct dentry *link)
{
	return walk_follow(w, link->inode, w->slash ? "/" : "");
}

/* One component in the middle of a path: w->at becomes what it names. */
static int walk_step(struct walk *w, const char *name, size_t length, const char *rest)
{
	struct dentry *d;
	int err;

	if (length == 1 && name[0] == '.')
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.') {
		path_up(&w->at, &w->root);
		return 0;
	}
	if (!(d = dentry_lookup(w->at.dentry, name, length, &err)))
		return err;
	if (!dentry_inode(d)) {
		dentry_put(d);
		return -ENOENT;
	}
	if (unlikely(S_ISLNK(d->inode->mode))) {
		err = walk_follow(w, d->inode, rest);
		dentry_put(d);
		return err < 0 ? err : 0;
	}
	walk_enter(w, d);
	return 0;
}

int walk_parent(struct walk *w)
{
	for (;;) {
		const char *name = w->rest, *end, *next;
		int err;

		while (*name == '/')
			name++;
		for (end = name; *end && *end != '/'; end++)
			;
		for (next = end; *next == '/'; next++)
			;
		if (*name && (err = walk_may_search(w)) < 0)
			return err;
		if (!*next) {
			w->last = name;
			w->length = (size_t)(end - name);
			w->slash = next != end;
			return 0;
		}
		w->rest = next;
		/* The slash before `next` stays with it: a link's target needs it. */
		if ((err = walk_step(w, name, (size_t)(end - name), next - 1)) < 0)
			return err;
	}
}

void walk_special(struct walk *w)
{
	if (w->length == 2)
		path_up(&w->at, &w->root);
}

/* The end of a lookup: w->at becomes what the last component names; 1 when there is more to walk. */
static int walk_last(struct walk *w, uint32_t flags)
{
	struct dentry *d;
	int err;

	if (walk_last_special(w)) {
		walk_special(w);
		return 0;
	}
	if (!(d = dentry_lookup(w->at.dentry, w->last, w->length, &err)))
		return err;
	if (!dentry_inode(d)) {
		dentry_put(d);
		return -ENOENT;
	}
	if (S_ISLNK(d->inode->mode) && ((flags & WALK_FOLLOW) || w->slash)) {
		err = walk_link(w, d);
		dentry_put(d);
		return err < 0 ? err : !err;
	}
	walk_enter(w, d);
	return 0;
}

int path_lookup(struct process *p, int dirfd, const char *path, uint32_t flags, struct path *out)
{
	struct walk w;
	int err;

	if (!path[0] && (flags & WALK_EMPTY))
		return walk_start(p, dirfd, true, out);
	if ((err = walk_begin(&w, p, dirfd, path)) < 0)
		return err;
	w.real = flags & WALK_REAL;
	do {
		err = walk_parent(&w);
		if (err == 0)
			err = walk_last(&w, flags);
	} while (err > 0);
	if (err == 0 && (w.slash || (flags & WALK_DIRECTORY)) &&
	    !S_ISDIR(w.at.dentry->inode->mode))
		err = -ENOTDIR;
	if (err == 0)
		*out = path_get(&w.at);
	walk_end(&w);
	return err;
}
