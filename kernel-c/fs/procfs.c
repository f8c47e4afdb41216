/*
 * procfs: the tree of /proc.
 *
 * Its names come and go with processes, so nothing is cached: every lookup makes
 * a new inode, which remembers a pid, not a process. A file's text is made when
 * it is read from the start.
 */
#include "procfs.h"

#include "../lib/alloc.h"
#include "../vfs/namei.h"

#define PROC_MAGIC 0x9fa0u

/* Where in a directory things are: 0 and 1 are dots. */
#define POS_ENTRIES 2
#define POS_SELF 1000
#define POS_PIDS 1001

/* inode->private: one thing in /proc. pid 0: not of a process; fd -1: no descriptor. */
struct node {
	int pid, fd;
	const struct proc_entry *entry; /* NULL: a directory, or /proc/self */
};

static struct superblock proc_sb;
static const struct inode_ops proc_dir_ops, proc_fd_dir_ops, proc_link_ops, proc_self_ops, proc_file_ops;
static const struct file_ops proc_root_fops, proc_pid_fops, proc_fd_fops, proc_show_fops;
static struct slab_cache node_cache = SLAB_CACHE("proc_node", struct node);

static struct node *node_of(struct inode *inode)
{
	return inode->private;
}

/* ---- text ---- */

static bool text_room(struct text *t, size_t n)
{
	size_t capacity = max(t->capacity * 2, (size_t)1024);
	char *buf;

	if (t->capacity - t->length >= n)
		return true;
	while (capacity - t->length < n)
		capacity *= 2;
	if (!(buf = krealloc(t->buf, capacity))) {
		t->failed = true;
		return false;
	}
	t->buf = buf;
	t->capacity = capacity;
	return true;
}

void text_add(struct text *t, const char *bytes, size_t n)
{
	if (!text_room(t, n))
		return;
	memcpy(t->buf + t->length, bytes, n);
	t->length += n;
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = kvsnprintf(NULL, 0, format, ap);
	if (text_room(t, (size_t)n + 1))
		t->length += (size_t)kvsnprintf(t->buf + t->length, (size_t)n + 1, format, again);
	va_end(again);
	va_end(ap);
}

/* ---- inodes ---- */

static uint64_t ino_of(int pid, int fd, unsigned index)
{
	return (uint64_t)pid << 16 | (fd >= 0 ? 0x8000u + (unsigned)fd : index);
}

static struct inode *proc_inode(uint32_t mode, int pid, int fd, const struct proc_entry *entry,
				uint64_t ino, const struct inode_ops *ops, const struct file_ops *fops,
				int *err)
{
	struct inode *inode = inode_new(&proc_sb, mode, ino);

	*err = -ENOMEM;
	if (!inode)
		return NULL;
	if (!(inode->private = slab_alloc(&node_cache))) {
		inode_free(inode);
		return NULL;
	}
	*node_of(inode) = (struct node){ pid, fd, entry };
	inode->ops = ops;
	inode->fops = fops;
	if (S_ISDIR(mode))
		inode->nlink = 2;
	return inode;
}

static void proc_evict(struct inode *inode)
{
	slab_free(&node_cache, inode->private);
	inode_free(inode);
}

/* Things of a process belong to it. */
static struct inode *owned(struct inode *inode, struct process *p)
{
	if (inode) {
		inode->uid = p->cred.euid;
		inode->gid = p->cred.egid;
	}
	return inode;
}

/* Is `fd` of /proc/PID a directory? It is the only one there. */
static bool entry_is_fd_dir(const struct proc_entry *e)
{
	return S_ISDIR(e->mode);
}

static struct inode *entry_inode(const struct proc_entry *e, unsigned index, int pid, int *err)
{
	uint64_t ino = ino_of(pid, -1, index + 1);

	if (entry_is_fd_dir(e))
		return proc_inode(e->mode, pid, -1, e, ino, &proc_fd_dir_ops, &proc_fd_fops, err);
	if (S_ISLNK(e->mode))
		return proc_inode(e->mode, pid, -1, e, ino, &proc_link_ops, NULL, err);
	return proc_inode(e->mode, pid, -1, e, ino, &proc_file_ops, e->fops ? e->fops : &proc_show_fops, err);
}

static int parse_id(const char *name, size_t length)
{
	int n = 0;

	if (length == 0 || length > 9 || (name[0] == '0' && length > 1))
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + name[i] - '0';
	}
	return n;
}

static bool name_is(const char *a, const char *name, size_t length)
{
	return strlen(a) == length && memcmp(a, name, length) == 0;
}

struct process *proc_process(struct inode *inode)
{
	int pid = node_of(inode)->pid;

	return pid ? process_get(pid) : NULL;
}

static struct inode *pid_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct process *p = proc_process(dir);
	struct inode *inode = NULL;

	*err = -ENOENT;
	if (!p)
		return NULL;
	for (unsigned i = 0; i < proc_process_count && !inode; i++)
		if (name_is(proc_process_entries[i].name, name, length))
			inode = entry_inode(&proc_process_entries[i], i, p->pid, err);
	owned(inode, p);
	process_put(p);
	return inode;
}

static struct inode *root_lookup(const char *name, size_t length, int *err)
{
	struct inode *inode;
	struct process *p;
	int pid = parse_id(name, length);

	*err = 0;
	if (name_is("self", name, length))
		return proc_inode(S_IFLNK | 0777, 0, -1, NULL, 2, &proc_self_ops, NULL, err);
	for (unsigned i = 0; i < proc_system_count; i++)
		if (name_is(proc_system_entries[i].name, name, length))
			return entry_inode(&proc_system_entries[i], i + 2, 0, err);
	if (pid <= 0 || !(p = process_get(pid)))
		return NULL;
	inode = owned(proc_inode(S_IFDIR | 0555, pid, -1, NULL, ino_of(pid, -1, 0),
				 &proc_dir_ops, &proc_pid_fops, err), p);
	process_put(p);
	return inode;
}

static struct inode *proc_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	return node_of(dir)->pid ? pid_lookup(dir, name, length, err) : root_lookup(name, length, err);
}

static struct inode *fd_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct process *p = proc_process(dir);
	struct fdtable *t = p ? proc_files(p) : NULL;
	int fd = parse_id(name, length);
	struct file *f = t && fd >= 0 ? fdtable_get(t, fd) : NULL;
	struct inode *inode = NULL;

	*err = -ENOENT;
	if (f) {
		uint32_t mode = S_IFLNK | (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0);

		inode = owned(proc_inode(mode, p->pid, fd, NULL, ino_of(p->pid, fd, 0), &proc_link_ops,
					 NULL, err), p);
		file_put(f);
	}
	if (t)
		fdtable_put(t);
	if (p)
		process_put(p);
	return inode;
}

static const struct inode_ops proc_dir_ops = { .lookup = proc_lookup };
static const struct inode_ops proc_fd_dir_ops = { .lookup = fd_lookup };

/* ---- links ---- */

static int self_readlink(struct inode *inode, char *buf, size_t size)
{
	(void)inode;
	return current ? ksnprintf(buf, size, "%d", current_process->pid) : -ENOENT;
}

static const struct inode_ops proc_self_ops = { .readlink = self_readlink };

int proc_may_look(struct process *p)
{
	const struct cred *c = process_cred(current ? current_process : NULL);

	return c->euid == 0 || (current && current_process == p) || (c->euid == p->cred.uid && c->euid == p->cred.euid) ? 0 : -EACCES;
}

static int link_follow(struct inode *inode, struct path *to)
{
	struct node *n = node_of(inode);
	struct process *p = proc_process(inode);
	int err;

	if (!p)
		return -ENOENT;
	if ((err = proc_may_look(p)) == 0)
		err = n->entry ? n->entry->follow(p, -1, to) : proc_fd_follow(p, n->fd, to);
	process_put(p);
	return err;
}

/* Pipes and the like have no path: Linux's notation. */
static int unnamed(struct inode *inode, char *buf, size_t size)
{
	const char *kind = S_ISFIFO(inode->mode) ? "pipe" : S_ISSOCK(inode->mode) ? "socket" : "anon_inode";

	return ksnprintf(buf, size, "%s:[%llu]", kind, (unsigned long long)inode->ino);
}

static int link_readlink(struct inode *inode, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)";
	struct path to, root;
	int n = link_follow(inode, &to);

	if (n < 0)
		return n;
	process_root(current ? current_process : NULL, &root);
	n = path_name(&to, &root, buf, size);
	if (n == -ENOENT)
		n = unnamed(to.dentry->inode, buf, size);
	else if (n > 0 && path_deleted(&to) && (size_t)n + sizeof deleted <= size)
		n += (int)kstrlcpy(buf + n, deleted, size - (size_t)n);
	path_put(&root);
	path_put(&to);
	return n;
}

static const struct inode_ops proc_link_ops = { .readlink = link_readlink, .follow = link_follow };

/* ---- files ---- */

/* The text anew; inode locked. */
static int show(struct file *f)
{
	struct node *n = node_of(f->inode);
	struct process *p = proc_process(f->inode);
	struct text *t = f->private;

	if (n->pid && !p)
		return -ESRCH;
	t->length = 0;
	t->failed = false;
	n->entry->show(t, p);
	if (p)
		process_put(p);
	return t->failed ? -ENOMEM : 0;
}

static int show_open(struct inode *inode, struct file *f)
{
	(void)inode;
	f->private = kzalloc(sizeof(struct text));
	return f->private ? 0 : -ENOMEM;
}

static void show_release(struct file *f)
{
	struct text *t = f->private;

	kfree(t->buf);
	kfree(t);
}

static int64_t show_read(struct file *f, struct uio *u, int64_t *pos)
{
	struct text *t = f->private;
	int64_t n = 0;

	mutex_lock(&f->inode->lock);
	if (*pos == 0 || !t->buf)
		n = show(f);
	if (n == 0 && *pos < (int64_t)t->length)
		n = uio_out(u, t->buf + *pos, t->length - (size_t)*pos);
	if (n > 0)
		*pos += n;
	mutex_unlock(&f->inode->lock);
	return n;
}

static const struct inode_ops proc_file_ops = { 0 };
static const struct file_ops proc_show_fops = {
	.open = show_open,
	.release = show_release,
	.read = show_read,
};

/* ---- reading directories ---- */

static bool dots(struct file *f, struct dir_sink *sink, uint64_t parent)
{
	if (f->pos == 0) {
		if (!sink->entry(sink, ".", 1, f->inode->ino, DT_DIR, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!sink->entry(sink, "..", 2, parent, DT_DIR, 2))
			return false;
		f->pos = 2;
	}
	return true;
}

/* The fixed entries of a directory; true when all have been taken. */
static bool entries(struct file *f, struct dir_sink *sink, const struct proc_entry *e, unsigned n,
		    unsigned first_ino)
{
	while (f->pos - POS_ENTRIES < n) {
		unsigned i = (unsigned)(f->pos - POS_ENTRIES);

		if (!sink->entry(sink, e[i].name, strlen(e[i].name),
				 ino_of(node_of(f->inode)->pid, -1, i + first_ino),
				 (uint8_t)((e[i].mode & S_IFMT) >> 12), f->pos + 1))
			return false;
		f->pos++;
	}
	return true;
}

struct listing {
	struct file *f;
	struct dir_sink *sink;
	bool full;
};

static bool list_number(struct listing *l, int number, uint64_t ino, uint8_t type, int64_t pos)
{
	char name[12];
	int n = ksnprintf(name, sizeof name, "%d", number);

	l->full = !l->sink->entry(l->sink, name, (size_t)n, ino, type, pos + 1);
	if (!l->full)
		l->f->pos = pos + 1;
	return !l->full;
}

static void list_process(struct process *p, void *arg)
{
	struct listing *l = arg;

	if (!l->full && POS_PIDS + (int64_t)p->pid >= l->f->pos)
		list_number(l, p->pid, ino_of(p->pid, -1, 0), DT_DIR, POS_PIDS + p->pid);
}

static int root_readdir(struct file *f, struct dir_sink *sink)
{
	struct listing l = { .f = f, .sink = sink };

	if (f->pos < POS_SELF) {
		if (!dots(f, sink, 1) ||
		    !entries(f, sink, proc_system_entries, proc_system_count, 3))
			return 0;
		f->pos = POS_SELF;
	}
	if (f->pos == POS_SELF) {
		if (!sink->entry(sink, "self", 4, 2, DT_LNK, POS_SELF + 1))
			return 0;
		f->pos = POS_SELF + 1;
	}
	lock(&processes_lock);
	process_each(list_process, &l);
	unlock(&processes_lock);
	return 0;
}

static int pid_readdir(struct file *f, struct dir_sink *sink)
{
	struct process *p = proc_process(f->inode);

	if (!p)
		return -ENOENT;
	process_put(p);
	if (dots(f, sink, 1))
		entries(f, sink, proc_process_entries, proc_process_count, 1);
	return 0;
}

static void list_fd(int fd, struct file *opened, void *arg)
{
	struct listing *l = arg;

	(void)opened;
	if (!l->full && POS_ENTRIES + fd >= l->f->pos)
		list_number(l, fd, ino_of(node_of(l->f->inode)->pid, fd, 0), DT_LNK, POS_ENTRIES + fd);
}

static int fd_readdir(struct file *f, struct dir_sink *sink)
{
	struct process *p = proc_process(f->inode);
	struct fdtable *t = p ? proc_files(p) : NULL;
	struct listing l = { .f = f, .sink = sink };

	if (t && dots(f, sink, ino_of(node_of(f->inode)->pid, -1, 0)))
		fdtable_each(t, list_fd, &l);
	if (t)
		fdtable_put(t);
	if (p)
		process_put(p);
	return p ? 0 : -ENOENT;
}

static const struct file_ops proc_root_fops = { .readdir = root_readdir };
static const struct file_ops proc_pid_fops = { .readdir = pid_readdir };
static const struct file_ops proc_fd_fops = { .readdir = fd_readdir };

/* ---- the filesystem: one, wherever it is mounted ---- */

static int proc_statfs(struct superblock *sb, struct abi_statfs *st)
{
	(void)sb;
	st->type = PROC_MAGIC;
	return 0;
}

static const struct super_ops proc_super_ops = { .evict = proc_evict, .statfs = proc_statfs };

struct fs_type proc_type;

static struct superblock *proc_mount(const char *source, uint32_t flags, const char *data, int *err)
{
	struct inode *root;

	(void)source, (void)flags, (void)data;
	if (proc_sb.root)
		return &proc_sb;
	proc_sb.type = &proc_type;
	proc_sb.ops = &proc_super_ops;
	proc_sb.flags = SB_UNCACHED;
	proc_sb.dev = fs_new_dev();
	root = proc_inode(S_IFDIR | 0555, 0, -1, NULL, 1, &proc_dir_ops, &proc_root_fops, err);
	if (!root)
		return NULL;
	if (!(proc_sb.root = dentry_root(root))) {
		inode_put(root);
		return NULL;
	}
	proc_sb.mounts = 1; /* never goes away */
	return &proc_sb;
}

struct fs_type proc_type = { .name = "proc", .mount = proc_mount };
