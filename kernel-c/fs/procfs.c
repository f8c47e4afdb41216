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
#define POS_NUMBERS 1000

/* inode->private: one thing in /proc. pid and tid 0: not of a process or thread; fd -1: no descriptor. */
struct node {
	int pid, tid, fd;
	const struct proc_entry *entry; /* what it shows or leads to; NULL: see its operations */
	const struct proc_list *list;   /* the fixed entries of a directory */
	enum proc_dir dir;              /* and what else is in it */
};

static struct superblock proc_sb;
static const struct inode_ops proc_dir_ops, proc_link_ops, proc_self_ops, proc_file_ops;
static const struct file_ops proc_dir_fops, proc_show_fops, proc_setting_fops;
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

/* Of a process's or thread's (`id`) entry number `index`, or descriptor. */
static uint64_t ino_of(int id, int fd, unsigned index)
{
	return (uint64_t)id << 16 | (fd >= 0 ? 0x8000u + (unsigned)fd : index);
}

/* Of an entry of a fixed list: where it lies there tells them apart. */
static uint64_t ino_of_entry(const struct node *dir, const struct proc_entry *e)
{
	if (dir->pid)
		return ino_of(dir->tid ? dir->tid : dir->pid, -1,
			      (unsigned)(e - dir->list->entries) + (dir->tid ? 0x4000u : 1u));
	return 1ull << 40 | ((uintptr_t)e & UINT32_MAX);
}

static struct inode *proc_inode(uint32_t mode, struct node node, uint64_t ino, const struct inode_ops *ops,
				const struct file_ops *fops, int *err)
{
	struct inode *inode = inode_new(&proc_sb, mode, ino);

	*err = -ENOMEM;
	if (!inode)
		return NULL;
	if (!(inode->private = slab_alloc(&node_cache))) {
		inode_free(inode);
		return NULL;
	}
	*node_of(inode) = node;
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
	if (inode && p) {
		inode->uid = p->cred.euid;
		inode->gid = p->cred.egid;
	}
	return inode;
}

static struct inode *entry_inode(const struct node *dir, const struct proc_entry *e, int *err)
{
	struct node n = { dir->pid, dir->tid, -1, e, e->list, e->dir };
	uint64_t ino = ino_of_entry(dir, e);

	if (S_ISDIR(e->mode))
		return proc_inode(e->mode, n, ino, &proc_dir_ops, &proc_dir_fops, err);
	if (S_ISLNK(e->mode))
		return proc_inode(e->mode, n, ino, e->follow ? &proc_link_ops : &proc_self_ops, NULL, err);
	return proc_inode(e->mode, n, ino, &proc_file_ops,
			  e->fops ? e->fops : e->set ? &proc_setting_fops : &proc_show_fops, err);
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

/* Is there a thread `tid`? */
static bool has_thread(struct process *p, int tid)
{
	struct task *t = task_find(p->pid, tid);

	if (t)
		task_put(t);
	return t != NULL;
}

static struct inode *process_inode(int pid, int *err)
{
	struct process *p = process_get(pid);
	struct node n = { pid, 0, -1, NULL, &proc_process_list, PROC_DIR_PLAIN };
	struct inode *inode = NULL;

	if (!p)
		return NULL;
	inode = owned(proc_inode(S_IFDIR | 0555, n, ino_of(pid, -1, 0), &proc_dir_ops, &proc_dir_fops, err), p);
	process_put(p);
	return inode;
}

static struct inode *thread_inode(struct process *p, int tid, int *err)
{
	struct node n = { p->pid, tid, -1, NULL, &proc_task_list, PROC_DIR_PLAIN };

	if (!has_thread(p, tid))
		return NULL;
	return proc_inode(S_IFDIR | 0555, n, ino_of(tid, -1, 0x4fff), &proc_dir_ops, &proc_dir_fops, err);
}

static struct inode *fd_inode(struct process *p, int fd, enum proc_dir dir, int *err)
{
	struct fdtable *t = proc_files(p);
	struct file *f = t ? fdtable_get(t, fd) : NULL;
	struct node n = {
		.pid = p->pid, .fd = fd, .entry = dir == PROC_DIR_FDINFO ? &proc_fdinfo_entry : NULL,
	};
	struct inode *inode = NULL;

	if (f && dir == PROC_DIR_FDINFO)
		inode = proc_inode(S_IFREG | 0400, n, ino_of(p->pid, fd, 0) | 1ull << 41, &proc_file_ops,
				   &proc_show_fops, err);
	else if (f)
		inode = proc_inode(S_IFLNK | (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0), n,
				   ino_of(p->pid, fd, 0), &proc_link_ops, NULL, err);
	if (f)
		file_put(f);
	if (t)
		fdtable_put(t);
	return inode;
}

static struct inode *numbered(struct inode *dir, struct process *p, int number, int *err)
{
	switch (node_of(dir)->dir) {
	case PROC_DIR_ROOT:
		return number > 0 ? process_inode(number, err) : NULL;
	case PROC_DIR_TASKS:
		return number > 0 && p ? owned(thread_inode(p, number, err), p) : NULL;
	case PROC_DIR_FDS:
	case PROC_DIR_FDINFO:
		return number >= 0 && p ? owned(fd_inode(p, number, node_of(dir)->dir, err), p) : NULL;
	default:
		return NULL;
	}
}

static struct inode *proc_lookup(struct inode *dir, const char *name, size_t length, int *err)
{
	struct node *n = node_of(dir);
	struct process *p = proc_process(dir);
	struct inode *inode = NULL;

	*err = -ENOENT;
	if (n->pid && !p)
		return NULL;
	for (unsigned i = 0; n->list && i < n->list->count && !inode; i++)
		if (name_is(n->list->entries[i].name, name, length))
			inode = owned(entry_inode(n, &n->list->entries[i], err), p);
	if (!inode)
		inode = numbered(dir, p, parse_id(name, length), err);
	if (p)
		process_put(p);
	return inode;
}

static const struct inode_ops proc_dir_ops = { .lookup = proc_lookup };

/* ---- links ---- */

static int self_readlink(struct inode *inode, char *buf, size_t size)
{
	if (!current)
		return -ENOENT;
	if (node_of(inode)->entry->dir == PROC_DIR_TASKS)
		return ksnprintf(buf, size, "%d/task/%d", current_process->pid, current->tid);
	return ksnprintf(buf, size, "%d", current_process->pid);
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
	t->tid = n->tid;
	t->fd = n->fd;
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

/* Of the text 127 bytes count; each write is one anew. */
static int64_t setting_write(struct file *f, struct uio *u, int64_t *pos)
{
	struct node *n = node_of(f->inode);
	struct process *p = proc_process(f->inode);
	size_t length = u->left;
	char text[128];
	int64_t got;

	(void)pos;
	if (n->pid && !p)
		return -ESRCH;
	got = uio_in(u, text, min(length, sizeof text - 1));
	if (got >= 0) {
		text[got] = '\0';
		got = n->entry->set(p, n->tid, text);
	}
	if (p)
		process_put(p);
	return got < 0 ? got : (int64_t)length;
}

static const struct inode_ops proc_file_ops = { 0 };
static const struct file_ops proc_show_fops = {
	.open = show_open,
	.release = show_release,
	.read = show_read,
};
static const struct file_ops proc_setting_fops = {
	.open = show_open,
	.release = show_release,
	.read = show_read,
	.write = setting_write,
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
static bool entries(struct file *f, struct dir_sink *sink, const struct node *n)
{
	while (n->list && f->pos - POS_ENTRIES < n->list->count) {
		const struct proc_entry *e = &n->list->entries[f->pos - POS_ENTRIES];

		if (!sink->entry(sink, e->name, strlen(e->name), ino_of_entry(n, e),
				 (uint8_t)((e->mode & S_IFMT) >> 12), f->pos + 1))
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

/* The numbers of a directory come in ascending order, at POS_NUMBERS and on. */
static void list_number(struct listing *l, int number, uint64_t ino, uint8_t type)
{
	int64_t pos = POS_NUMBERS + number;
	char name[12];
	int n = ksnprintf(name, sizeof name, "%d", number);

	if (l->full || pos < l->f->pos)
		return;
	l->full = !l->sink->entry(l->sink, name, (size_t)n, ino, type, pos + 1);
	if (!l->full)
		l->f->pos = pos + 1;
}

static void list_process(struct process *p, void *arg)
{
	list_number(arg, p->pid, ino_of(p->pid, -1, 0), DT_DIR);
}

static void list_fd(int fd, struct file *opened, void *arg)
{
	struct listing *l = arg;
	struct node *n = node_of(l->f->inode);

	(void)opened;
	list_number(l, fd, ino_of(n->pid, fd, 0) | (n->dir == PROC_DIR_FDINFO ? 1ull << 41 : 0),
		    n->dir == PROC_DIR_FDINFO ? DT_REG : DT_LNK);
}

static void list_fds(struct listing *l, struct process *p)
{
	struct fdtable *t = proc_files(p);

	if (!t)
		return;
	fdtable_each(t, list_fd, l);
	fdtable_put(t);
}

static void list_threads(struct listing *l, struct process *p)
{
	struct task *t;

	lock(&p->lock);
	list_for_each(t, &p->tasks, of_process)
		list_number(l, t->tid, ino_of(t->tid, -1, 0x4fff), DT_DIR);
	unlock(&p->lock);
}

static int proc_readdir(struct file *f, struct dir_sink *sink)
{
	struct listing l = { .f = f, .sink = sink };
	struct node *n = node_of(f->inode);
	struct process *p = proc_process(f->inode);

	if (n->pid && !p)
		return -ENOENT;
	if (f->pos < POS_NUMBERS) {
		if (!dots(f, sink, n->pid ? ino_of(n->pid, -1, 0) : 1) || !entries(f, sink, n))
			goto out;
		f->pos = POS_NUMBERS;
	}
	if (n->dir == PROC_DIR_ROOT) {
		lock(&processes_lock);
		process_each(list_process, &l);
		unlock(&processes_lock);
	} else if (n->dir == PROC_DIR_TASKS) {
		list_threads(&l, p);
	} else if (n->dir != PROC_DIR_PLAIN) {
		list_fds(&l, p);
	}
out:
	if (p)
		process_put(p);
	return 0;
}

static const struct file_ops proc_dir_fops = { .readdir = proc_readdir };

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
	struct node n = { 0, 0, -1, NULL, &proc_system_list, PROC_DIR_ROOT };
	struct inode *root;

	(void)source, (void)flags, (void)data;
	if (proc_sb.root)
		return superblock_get(&proc_sb);
	proc_sb.type = &proc_type;
	proc_sb.ops = &proc_super_ops;
	proc_sb.flags = SB_UNCACHED;
	proc_sb.dev = fs_new_dev();
	root = proc_inode(S_IFDIR | 0555, n, 1, &proc_dir_ops, &proc_dir_fops, err);
	if (!root)
		return NULL;
	if (!(proc_sb.root = dentry_root(root))) {
		inode_put(root);
		return NULL;
	}
	return superblock_get(superblock_get(&proc_sb)); /* it never goes away */
}

struct fs_type proc_type = { .name = "proc", .mount = proc_mount };
