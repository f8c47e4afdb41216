/*
 * What the files of /proc/PID say; formats as on Linux, so that ps and top
 * read them.
 *
 * A process may end at any moment: its descriptors, directories and memory are
 * looked at with p->lock held, or through references taken there.
 */
#include "procfs.h"

#include "../lib/alloc.h"
#include "../task/worker.h"
#include "../tty/tty.h"
#include "../vfs/namei.h"

#define NSEC_PER_TICK (NSEC_PER_SEC / CLK_TCK)

/* ---- references ---- */

struct fdtable *proc_files(struct process *p)
{
	struct fdtable *t;

	lock(&p->lock);
	t = p->files;
	if (t)
		fdtable_hold(t);
	unlock(&p->lock);
	return t;
}

static struct mm *mm_of(struct process *p)
{
	struct mm *mm;

	lock(&p->lock);
	mm = p->mm ? mm_get(p->mm) : NULL;
	unlock(&p->lock);
	return mm;
}

static int path_of_file(struct file *f, struct path *to)
{
	if (!f->dentry)
		return path_anonymous(f->inode, to);
	*to = path_get(&(struct path){ f->mount, f->dentry });
	return 0;
}

int proc_fd_follow(struct process *p, int fd, struct path *to)
{
	struct fdtable *t = proc_files(p);
	struct file *f = t ? fdtable_get(t, fd) : NULL;
	int err = f ? path_of_file(f, to) : -ENOENT;

	if (f)
		file_put(f);
	if (t)
		fdtable_put(t);
	return err;
}

static int follow_exe(struct process *p, int fd, struct path *to)
{
	struct file *f;
	int err;

	(void)fd;
	lock(&p->lock);
	f = p->image ? file_get(p->image) : NULL;
	unlock(&p->lock);
	if (!f)
		return -ENOENT;
	err = path_of_file(f, to);
	file_put(f);
	return err;
}

static int follow_cwd(struct process *p, int fd, struct path *to)
{
	int err = -ENOENT;

	(void)fd;
	lock(&p->lock);
	if (p->fs) {
		process_cwd(p, to);
		err = 0;
	}
	unlock(&p->lock);
	return err;
}

static int follow_root(struct process *p, int fd, struct path *to)
{
	int err = -ENOENT;

	(void)fd;
	lock(&p->lock);
	if (p->fs) {
		process_root(p, to);
		err = 0;
	}
	unlock(&p->lock);
	return err;
}

/* ---- stat and status ---- */

/* The state ps shows for a process: that of its busiest thread. */
static char proc_state(struct process *p)
{
	struct task *t;
	char state = 'S';

	if (p->zombie)
		return 'Z';
	lock(&p->lock);
	if (p->stopped)
		state = 'T';
	else
		list_for_each(t, &p->tasks, of_process)
			if (sched_letter(t) == 'R' || state == 'S')
				state = sched_letter(t);
	unlock(&p->lock);
	return state;
}

/* What is under processes_lock, copied. */
struct place {
	int ppid, group, session, foreground;
	uint64_t tty;
};

static struct place place_of(struct process *p)
{
	struct place at = { .ppid = p->ppid, .foreground = -1 };
	struct tty *tty;

	lock(&processes_lock);
	if (p->pgroup) {
		at.group = p->pgroup->id;
		at.session = p->pgroup->session->id;
		if ((tty = p->pgroup->session->tty)) {
			at.tty = tty->rdev;
			if (tty->foreground)
				at.foreground = tty->foreground->id;
		}
	}
	unlock(&processes_lock);
	return at;
}

/* The signals with a handler, or (ignored) the ignored ones. */
static sigset actions(struct process *p, bool ignored)
{
	sigset set = 0;

	lock(&p->lock);
	for (int i = 1; i <= NSIG; i++) {
		uint32_t handler = p->sighand.action[i - 1].handler;

		if (handler == SIG_IGN ? ignored : handler != SIG_DFL && !ignored)
			set |= sigbit(i);
	}
	unlock(&p->lock);
	return set;
}

/* Pending and blocked signals of the first thread. */
static void first_task(struct process *p, sigset *pending, sigset *blocked)
{
	*pending = *blocked = 0;
	lock(&p->lock);
	if (!list_empty(&p->tasks)) {
		struct task *t = list_first(&p->tasks, struct task, of_process);

		*pending = t->pending.set;
		*blocked = t->mask;
	}
	unlock(&p->lock);
}

/* Policy, priority and CPU of the first thread. */
struct scheduling {
	int policy, priority, cpu;
};

static struct scheduling scheduling_of(struct process *p)
{
	struct scheduling s = { 0 };

	lock(&p->lock);
	if (!list_empty(&p->tasks)) {
		struct task *t = list_first(&p->tasks, struct task, of_process);

		s = (struct scheduling){ t->policy, t->priority, t->sched.cpu };
	}
	unlock(&p->lock);
	return s;
}

static void memory_of(struct process *p, uint64_t *size, uint64_t *resident)
{
	struct mm *mm = mm_of(p);

	*size = mm ? (uint64_t)mm_pages(mm) << 16 : 0;
	*resident = mm ? mm_size(mm) : 0;
	if (mm)
		mm_put(mm);
}

static void show_stat(struct text *t, struct process *p)
{
	struct place at = place_of(p);
	struct scheduling s = scheduling_of(p);
	uint64_t size, resident;
	sigset pending, blocked;

	memory_of(p, &size, &resident);
	first_task(p, &pending, &blocked);
	/* 1 to 8: who; then flags and page faults; then times of itself and its children */
	text_printf(t, "%d (%s) %c %d %d %d %llu %d 0 0 0 0 0 ", p->pid, p->name, proc_state(p),
		    at.ppid, at.group, at.session, (unsigned long long)at.tty, at.foreground);
	text_printf(t, "%lld 0 %lld 0 %d %d %d 0 ", (long long)(process_cpu(p) / NSEC_PER_TICK),
		    (long long)(p->used_below.cpu / NSEC_PER_TICK),
		    s.priority ? -1 - s.priority : 20 + p->nice, p->nice,
		    max(p->ntasks, 1));
	text_printf(t, "%lld %llu %llu %llu ", (long long)((p->started - process_init->started) / NSEC_PER_TICK),
		    (unsigned long long)size, (unsigned long long)(resident / PAGE_SIZE),
		    (unsigned long long)RLIM_INFINITY);
	/* 26 on: addresses (not told), signals (31 bits, as ever), scheduling, then what is not here */
	text_printf(t, "0 0 0 0 0 %u %u %u %u 0 0 0 17 %d %d %d 0 0 0 0 0 0 0 0 0 0 %d\n",
		    (unsigned)pending & INT32_MAX, (unsigned)blocked & INT32_MAX,
		    (unsigned)actions(p, true) & INT32_MAX, (unsigned)actions(p, false) & INT32_MAX,
		    s.cpu, s.priority, s.policy,
		    p->zombie ? p->status : 0);
}

static const char *state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'T':
		return "stopped";
	case 'Z':
		return "zombie";
	case 'D':
		return "disk sleep";
	default:
		return "sleeping";
	}
}

static void show_status(struct text *t, struct process *p)
{
	struct usage used = usage_of_process(p);
	char state = proc_state(p);
	uint64_t size, resident;
	sigset pending, blocked;
	struct cred c;

	memory_of(p, &size, &resident);
	first_task(p, &pending, &blocked);
	lock(&p->lock);
	c = p->cred;
	unlock(&p->lock);
	text_printf(t, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", p->name, state,
		    state_word(state), p->pid, p->pid, p->ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c.uid, c.euid, c.suid, c.euid,
		    c.gid, c.egid, c.sgid, c.egid);
	text_printf(t, "Groups:\t");
	for (int i = 0; i < c.ngroups; i++)
		text_printf(t, "%u ", c.groups[i]);
	text_printf(t, "\n");
	if (!p->zombie)
		text_printf(t, "VmSize:\t%8llu kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\n",
			    (unsigned long long)(size / 1024), (unsigned long long)(used.peak / 1024),
			    (unsigned long long)(resident / 1024));
	text_printf(t, "Threads:\t%d\n", max(p->ntasks, 1));
	text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
		    (unsigned long long)pending, (unsigned long long)p->pending.set,
		    (unsigned long long)blocked);
	text_printf(t, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)actions(p, true),
		    (unsigned long long)actions(p, false));
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		    (unsigned long long)used.sleeps, (unsigned long long)used.preemptions);
}

static void show_statm(struct text *t, struct process *p)
{
	uint64_t size, resident;

	memory_of(p, &size, &resident);
	text_printf(t, "%llu %llu 0 0 0 %llu 0\n", (unsigned long long)(size / PAGE_SIZE),
		    (unsigned long long)(resident / PAGE_SIZE),
		    (unsigned long long)(resident / PAGE_SIZE));
}

/* ---- arguments ---- */

static void show_comm(struct text *t, struct process *p)
{
	text_printf(t, "%s\n", p->name);
}

/* Bytes [from, to) of argv and envp. */
static void show_args(struct text *t, struct process *p, bool environment)
{
	lock(&p->lock); /* exec replaces them */
	if (p->args && !p->zombie) {
		uint32_t from = environment ? p->args_only : 0;
		uint32_t to = environment ? p->args_length : p->args_only;

		text_add(t, p->args + from, to - from);
	}
	unlock(&p->lock);
}

static void show_cmdline(struct text *t, struct process *p)
{
	show_args(t, p, false);
}

static void show_environ(struct text *t, struct process *p)
{
	show_args(t, p, true);
}

/* ---- memory ---- */

#define RANGES_MAX 256 /* more mappings than that are not shown */

struct ranges {
	unsigned n;
	struct range {
		uaddr start, end;
		struct file *file;
		const char *label;
	} range[RANGES_MAX];
};

/* With the address space locked: no names can be looked up here. */
static void collect(uaddr start, uaddr end, struct file *file, const char *label, void *arg)
{
	struct ranges *r = arg;

	if (start < end && r->n < RANGES_MAX)
		r->range[r->n++] = (struct range){ start, end, file ? file_get(file) : NULL, label };
}

static void show_range(struct text *t, const struct range *r)
{
	char *name = NULL;
	int n = -1;

	if (r->file && (name = page_alloc(0)))
		n = file_path(current ? current_process : NULL, r->file, name, PAGE_SIZE);
	text_printf(t, "%08x-%08x rw-p 00000000 00:%02x %-26llu %s\n", r->start, r->end,
		    r->file ? (unsigned)r->file->inode->sb->dev : 0,
		    r->file ? (unsigned long long)r->file->inode->ino : 0ull,
		    n > 0 ? name : r->label ? r->label : "");
	if (name)
		page_free(name, 0);
}

static void show_maps(struct text *t, struct process *p)
{
	struct ranges *r = kmalloc(sizeof *r);
	struct mm *mm = mm_of(p);

	if (!r)
		t->failed = true;
	if (r && mm) {
		r->n = 0;
		mm_describe(mm, collect, r);
		for (unsigned i = 0; i < r->n; i++) {
			show_range(t, &r->range[i]);
			if (r->range[i].file)
				file_put(r->range[i].file);
		}
	}
	if (mm)
		mm_put(mm);
	kfree(r);
}

/* ---- mounts ---- */

struct mounts_view {
	struct text *t;
	struct path root;
	char *name; /* a page */
};

/* A name with what would end a field written in octal. */
static void escape(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr(" \t\n\\", *s))
			text_printf(t, "\\%d%d%d", *s >> 6 & 3, *s >> 3 & 7, *s & 7);
		else
			text_add(t, s, 1);
}

static void show_mount(struct mount *m, void *arg)
{
	struct mounts_view *v = arg;
	struct path at = { m, m->root };
	uint32_t flags = m->flags;

	if (path_name(&at, &v->root, v->name, PAGE_SIZE) < 0)
		return; /* outside of the reader's root */
	escape(v->t, m->source[0] ? m->source : "none");
	text_add(v->t, " ", 1);
	escape(v->t, v->name);
	text_printf(v->t, " %s %s%s%s%s 0 0\n", m->sb->type->name,
		    mount_writable(m) < 0 ? "ro" : "rw", flags & MS_NOSUID ? ",nosuid" : "",
		    flags & MS_NODEV ? ",nodev" : "", flags & MS_NOEXEC ? ",noexec" : "");
}

void proc_show_mounts(struct text *t, struct process *p)
{
	struct mounts_view v = { .t = t, .name = page_alloc(0) };

	if (!v.name) {
		t->failed = true;
		return;
	}
	if (!p || follow_root(p, -1, &v.root) < 0)
		process_root(current ? current_process : NULL, &v.root);
	mount_each(show_mount, &v);
	path_put(&v.root);
	page_free(v.name, 0);
}

const struct proc_entry proc_process_entries[] = {
	{ "cmdline", S_IFREG | 0444, show_cmdline, NULL, NULL },
	{ "comm", S_IFREG | 0444, show_comm, NULL, NULL },
	{ "cwd", S_IFLNK | 0777, NULL, follow_cwd, NULL },
	{ "environ", S_IFREG | 0400, show_environ, NULL, NULL },
	{ "exe", S_IFLNK | 0777, NULL, follow_exe, NULL },
	{ "fd", S_IFDIR | 0500, NULL, NULL, NULL },
	{ "maps", S_IFREG | 0400, show_maps, NULL, NULL },
	{ "mounts", S_IFREG | 0444, proc_show_mounts, NULL, NULL },
	{ "root", S_IFLNK | 0777, NULL, follow_root, NULL },
	{ "stat", S_IFREG | 0444, show_stat, NULL, NULL },
	{ "statm", S_IFREG | 0444, show_statm, NULL, NULL },
	{ "status", S_IFREG | 0444, show_status, NULL, NULL },
	{ "trace", S_IFREG | 0600, NULL, NULL, &proc_trace_fops },
};
const unsigned proc_process_count = countof(proc_process_entries);
