/*
 * Weak stand-ins for parts of the kernel that a test build leaves out. Each
 * gives way to the real one as soon as that is linked.
 */
#include "test.h"

#include "../kernel-c/lib/alloc.h"
#include "../kernel-c/task/mm.h"
#include "../kernel-c/vfs/file.h"

#define WEAK __attribute__((weak))

WEAK _Thread_local struct task *current;

WEAK void pending_init(struct pending *q)
{
	q->set = 0;
	list_init(&q->queue);
}
WEAK void pending_flush(struct pending *q, sigset which) { q->set &= ~which; }

WEAK bool signal_pending(void)
{
	return current && (current->killed ||
			   ((current->pending.set | current->process->pending.set) &
			    ~current->mask));
}
WEAK bool signal_recalculate(struct task *t)
{
	bool any = (t->pending.set | t->process->pending.set) & ~t->mask;

	t->attention = any;
	return any;
}
WEAK int signal_dequeue(struct task *t, sigset set, struct abi_siginfo *info)
{
	sigset have = (t->pending.set | t->process->pending.set) & set;
	int sig = have ? __builtin_ctzll(have) + 1 : 0;

	(void)info;
	if (sig) {
		t->pending.set &= ~sigbit(sig);
		t->process->pending.set &= ~sigbit(sig);
	}
	return sig;
}
WEAK int signal_send_process(struct process *p, int sig, const struct abi_siginfo *info)
{
	struct task *t;

	(void)info;
	lock(&p->lock);
	if (p->sighand.action[sig - 1].handler != SIG_IGN) {
		p->pending.set |= sigbit(sig);
		list_for_each(t, &p->tasks, of_process)
			task_wake(t);
	}
	unlock(&p->lock);
	return 0;
}
WEAK int signal_send_task(struct task *t, int sig, const struct abi_siginfo *info)
{
	(void)info;
	lock(&t->process->lock);
	t->pending.set |= sigbit(sig);
	task_wake(t);
	unlock(&t->process->lock);
	return 0;
}
WEAK void signal_send_pgroup(struct pgroup *g, int sig)
{
	struct process *p;

	list_for_each(p, &g->members, of_pgroup)
		signal_send_process(p, sig, NULL);
}
WEAK bool signal_ignored_or_blocked(int sig)
{
	return current->mask & sigbit(sig) ||
	       current->process->sighand.action[sig - 1].handler == SIG_IGN;
}
WEAK void signal_mask_temporarily(sigset mask)
{
	current->saved_mask = current->mask;
	current->restore_mask = true;
	current->mask = mask;
}
WEAK void worker_poke(struct task *t) { (void)t; }
WEAK void worker_condemn(struct task *t) { (void)t; }
struct snapshot;
struct mm;
WEAK void snapshot_free(struct snapshot *s) { (void)s; }
WEAK void timers_free(struct process *p) { (void)p; }
WEAK void mm_put(struct mm *m) { (void)m; }
WEAK void fs_context_put(struct fs_context *c) { (void)c; }

WEAK struct inode *inode_anonymous(uint32_t mode, const struct file_ops *fops)
{
	struct inode *i = kzalloc(sizeof(*i));

	i->refs = 1;
	i->mode = mode;
	i->fops = fops;
	mutex_init(&i->lock, RANK_INODE);
	return i;
}
WEAK void inode_put(struct inode *i)
{
	if (__atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) == 0)
		kfree(i);
}
WEAK struct file *file_new(struct inode *inode, const struct file_ops *ops, uint32_t flags, int *err)
{
	struct file *f = kzalloc(sizeof(*f));

	*err = 0;
	f->refs = 1;
	f->flags = flags;
	f->ops = ops;
	f->inode = inode;
	mutex_init(&f->lock, RANK_FILE);
	return f;
}
WEAK void file_put(struct file *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (f->ops->release)
		f->ops->release(f);
	inode_put(f->inode);
	kfree(f);
}
WEAK struct abi_timespec time_now(void)
{
	nsec t = host_clock();

	return (struct abi_timespec){ t / NSEC_PER_SEC, t % NSEC_PER_SEC, 0 };
}

struct fdtable {
	struct lock lock;
	struct file *file[256];
};
WEAK struct fdtable *fdtable_new(void)
{
	struct fdtable *t = kzalloc(sizeof(*t));

	lock_init(&t->lock, RANK_FILES);
	return t;
}
WEAK struct fdtable *fdtable_copy(struct fdtable *from)
{
	struct fdtable *t = fdtable_new();

	for (unsigned i = 0; i < countof(t->file); i++)
		if (from->file[i])
			t->file[i] = file_get(from->file[i]);
	return t;
}
WEAK void fdtable_put(struct fdtable *t)
{
	for (unsigned i = 0; i < countof(t->file); i++)
		if (t->file[i])
			file_put(t->file[i]);
	kfree(t);
}
WEAK struct file *fd_get(int fd)
{
	struct file *f = fd >= 0 && fd < 256 ? current->process->files->file[fd] : NULL;

	return f ? file_get(f) : NULL;
}
WEAK int fd_install(struct fdtable *t, struct file *f, int from, bool cloexec)
{
	(void)cloexec;
	for (int i = from; i < (int)countof(t->file); i++)
		if (!t->file[i]) {
			t->file[i] = f;
			return i;
		}
	file_put(f);
	return -EMFILE;
}
WEAK int fd_close(struct fdtable *t, int fd)
{
	struct file *f = t->file[fd];

	t->file[fd] = NULL;
	file_put(f);
	return 0;
}
WEAK int devfs_add(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *ops)
{
	(void)name, (void)mode, (void)rdev, (void)ops;
	return 0;
}
WEAK int devfs_remove(const char *name) { (void)name; return 0; }

/* ---- uio ---- */
WEAK void uio_user(struct uio *u, struct abi_iovec *one, uaddr base, size_t length)
{
	*one = (struct abi_iovec){ base, (uint32_t)length };
	*u = (struct uio){ .iov = one, .niov = 1, .left = length };
}
WEAK void uio_kernel(struct uio *u, void *base, size_t length)
{
	*u = (struct uio){ .kernel = base, .left = length };
}
static int64_t uio_move(struct uio *u, void *p, size_t n, int way)
{
	size_t done = 0;

	n = min(n, u->left);
	if (u->kernel) {
		if (way == 0)
			memcpy(u->kernel, p, n);
		else if (way == 1)
			memcpy(p, u->kernel, n);
		else
			memset(u->kernel, 0, n);
		u->kernel += n;
		u->left -= n;
		return (int64_t)n;
	}
	while (done < n) {
		uint32_t piece = min(u->iov->length - u->iov_done, (uint32_t)(n - done));
		uaddr at = u->iov->base + u->iov_done;
		int err = 0;

		if (piece == 0) {
			u->iov++, u->niov--, u->iov_done = 0;
			continue;
		}
		err = way == 0 ? copy_out(at, (char *)p + done, piece) :
		      way == 1 ? copy_in((char *)p + done, at, piece) :
				 user_zero(at, piece);
		if (err)
			return done ? (int64_t)done : err;
		done += piece;
		u->iov_done += piece;
		u->left -= piece;
	}
	return (int64_t)done;
}
WEAK int64_t uio_out(struct uio *u, const void *from, size_t n)
{
	return uio_move(u, (void *)(uintptr_t)from, n, 0);
}
WEAK int64_t uio_in(struct uio *u, void *to, size_t n) { return uio_move(u, to, n, 1); }
WEAK int64_t uio_out_zero(struct uio *u, size_t n) { return uio_move(u, NULL, n, 2); }
