/*
 * What the files of /proc/PID say; formats as on Linux, so that ps and top
 * read them.
 *
 * A process may end at any moment: its descriptors, directories and memory are
 * looked at with p->lock held, or through references taken there.
 */
#include "procfs.h"

#include "../lib/alloc.h"
#include "../task/mm.h"
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

int proc_root_follow(struct process *p, int fd, struct path *to)
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

/* Is `task` what the text is about: any of the process's, or the thread of its name? */
static bool is_about(const struct text *t, const struct task *task)
{
	return !t->tid || t->tid == task->tid;
}

/* The state ps shows for a process: that of its busiest thread. */
static char proc_state(const struct text *about, struct process *p)
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
			if (is_about(about, t) && (sched_letter(t) == 'R' || state == 'S'))
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

/* What is one thread's: the one the text is about, else the first. */
struct thread {
	sigset pending, blocked;
	int policy, priority, processor;
	uint32_t sleeps, preemptions;
	nsec cpu;
	const char *syscall;
	bool in_kernel;
	const struct wait_kind *waits_on; /* NULL: it runs */
};

static struct thread thread_of(const struct text *about, struct process *p)
{
	struct thread it = { 0 };
	struct task *t;

	lock(&p->lock);
	list_for_each(t, &p->tasks, of_process)
		if (is_about(about, t)) {
			it = (struct thread){ t->pending.set, t->mask, t->policy, t->priority,
					      t->sched.cpu, t->sched.sleeps, t->sched.preemptions, task_cpu(t),
					      t->syscall, !task_in_user(t), NULL };
			if (__atomic_load_n(&t->parked, __ATOMIC_RELAXED))
				it.waits_on = __atomic_load_n(&t->waits_on, __ATOMIC_RELAXED);
			break;
		}
	unlock(&p->lock);
	return it;
}

static void memory_of(struct process *p, uint64_t *size, uint64_t *resident)
{
	struct mm *mm = mm_of(p);

	*size = mm ? (uint64_t)mm_pages(mm) << 16 : 0;
	*resident = mm ? mm_size(mm) : 0;
	if (mm)
		mm_put(mm);
}

static void name_of(int tid, struct process *p, char name[16])
{
	struct task *t;

	lock(&p->lock);
	memcpy(name, p->name, 16);
	list_for_each(t, &p->tasks, of_process)
		if (t->tid == tid)
			memcpy(name, task_name(t), 16);
	unlock(&p->lock);
}

static void show_stat(struct text *t, struct process *p)
{
	struct place at = place_of(p);
	struct thread it = thread_of(t, p);
	nsec cpu = t->tid ? it.cpu : process_cpu(p);
	uint64_t size, resident;
	int rt = it.policy == SCHED_OTHER ? 0 : it.priority;
	char name[sizeof p->name];

	name_of(t->tid, p, name);
	memory_of(p, &size, &resident);
	/* 1 to 8: who; then flags and page faults; then times of itself and its children */
	text_printf(t, "%d (%s) %c %d %d %d %llu %d 0 0 0 0 0 ", t->tid ? t->tid : p->pid, name,
		    proc_state(t, p), at.ppid, at.group, at.session, (unsigned long long)at.tty, at.foreground);
	text_printf(t, "%lld 0 %lld 0 %d %d %d 0 ", (long long)(cpu / NSEC_PER_TICK),
		    (long long)(p->used_below.cpu / NSEC_PER_TICK), rt ? -1 - rt : 20 + p->nice, p->nice,
		    max(p->ntasks, 1));
	text_printf(t, "%lld %llu %llu %llu ", (long long)((p->started - process_init->started) / NSEC_PER_TICK),
		    (unsigned long long)size, (unsigned long long)(resident / PAGE_SIZE),
		    (unsigned long long)RLIM_INFINITY);
	/* 26 on: addresses (not told), signals (31 bits, as ever), does it sleep; what is not here;
	 * 38: exit signal, processor, real-time priority and policy; 52: exit status */
	text_printf(t, "0 0 0 0 0 %u %u %u %u %d 0 0 17 %d %d %d 0 0 0 0 0 0 0 0 0 0 %d\n",
		    (unsigned)it.pending & INT32_MAX, (unsigned)it.blocked & INT32_MAX,
		    (unsigned)actions(p, true) & INT32_MAX, (unsigned)actions(p, false) & INT32_MAX,
		    it.waits_on != NULL, it.processor, rt, it.policy, p->zombie ? p->status : 0);
}

static unsigned umask_of(struct process *p)
{
	unsigned mask = 0;

	lock(&p->lock);
	if (p->fs)
		mask = process_umask(p);
	unlock(&p->lock);
	return mask;
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
	char state = proc_state(t, p);
	struct thread it = thread_of(t, p);
	struct usage used = usage_of_process(p);
	char name[sizeof p->name];
	uint64_t size, resident;
	struct cred c;

	name_of(t->tid, p, name);
	memory_of(p, &size, &resident);
	lock(&p->lock);
	c = p->cred;
	unlock(&p->lock);
	text_printf(t, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    name, umask_of(p), state, state_word(state), p->pid, t->tid ? t->tid : p->pid, p->ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c.uid, c.euid, c.suid, c.euid,
		    c.gid, c.egid, c.sgid, c.egid);
	text_printf(t, "Groups:\t");
	for (int i = 0; i < c.ngroups; i++)
		text_printf(t, "%u ", c.groups[i]);
	text_printf(t, "\n");
	if (!p->zombie)
		text_printf(t, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\n",
			    (unsigned long long)(size / 1024), (unsigned long long)(size / 1024),
			    (unsigned long long)(used.peak / 1024),
			    (unsigned long long)(resident / 1024));
	text_printf(t, "Threads:\t%d\n", max(p->ntasks, 1));
	text_printf(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
		    (unsigned long long)it.pending, (unsigned long long)p->pending.set,
		    (unsigned long long)it.blocked);
	text_printf(t, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)actions(p, true),
		    (unsigned long long)actions(p, false));
	text_printf(t, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
		    (unsigned long long)(t->tid ? it.sleeps : used.sleeps),
		    (unsigned long long)(t->tid ? it.preemptions : used.preemptions));
}

/* Where it sleeps; 0 when it doesn't. No newline: as on Linux. */
static void show_wchan(struct text *t, struct process *p)
{
	struct thread it = thread_of(t, p);
	char name[40] = "0";

	if (it.waits_on)
		proc_wait_name(it.waits_on, name, sizeof name);
	text_printf(t, "%s", name);
}

/* The call it is in, by name (Linux has its number), or "running". */
static void show_syscall(struct text *t, struct process *p)
{
	struct thread it = thread_of(t, p);

	text_printf(t, "%s\n", it.in_kernel && it.syscall ? it.syscall : "running");
}

static void show_limits(struct text *t, struct process *p)
{
	static const struct {
		const char *name, *unit;
	} names[] = {
		{ "cpu time", "seconds" }, { "file size", "bytes" }, { "data size", "bytes" },
		{ "stack size", "bytes" }, { "core file size", "bytes" }, { "resident set", "bytes" },
		{ "processes", "processes" }, { "open files", "files" }, { "locked memory", "bytes" },
		{ "address space", "bytes" }, { "file locks", "locks" }, { "pending signals", "signals" },
		{ "msgqueue size", "bytes" }, { "nice priority", "" }, { "realtime priority", "" },
		{ "realtime timeout", "us" },
	};
	struct abi_rlimit limits[RLIMIT_NLIMITS];

	lock(&p->lock);
	memcpy(limits, p->limits, sizeof limits);
	unlock(&p->lock);
	text_printf(t, "%-26s%-21s%-21s%s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIMIT_NLIMITS; i++) {
		uint64_t value[2] = { limits[i].cur, limits[i].max };

		text_printf(t, "Max %-22s", names[i].name);
		for (int j = 0; j < 2; j++)
			if (value[j] == RLIM_INFINITY)
				text_printf(t, "%-21s", "unlimited");
			else
				text_printf(t, "%-21llu", (unsigned long long)value[j]);
		text_printf(t, "%s\n", names[i].unit);
	}
}

static void show_fdinfo(struct text *t, struct process *p)
{
	struct fdtable *table = proc_files(p);
	struct file *f = table ? fdtable_get(table, t->fd) : NULL;

	if (f) {
		text_printf(t, "pos:\t%lld\nflags:\t0%o\n", (long long)__atomic_load_n(&f->pos, __ATOMIC_RELAXED),
			    __atomic_load_n(&f->flags, __ATOMIC_RELAXED));
		text_printf(t, "mnt_id:\t0\nino:\t%llu\n", (unsigned long long)f->inode->ino);
		file_put(f);
	}
	if (table)
		fdtable_put(table);
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
	char name[sizeof p->name];

	name_of(t->tid, p, name);
	text_printf(t, "%s\n", name);
}

/* A process names its own threads only. */
static int set_comm(struct process *p, int tid, const char *name)
{
	struct task *t;
	int err = -ESRCH;

	if (!current || current_process != p)
		return -EINVAL;
	lock(&p->lock);
	list_for_each(t, &p->tasks, of_process)
		if (t->tid == (tid ? tid : p->pid)) {
			kstrlcpy(task_name(t), name, sizeof t->name);
			err = 0;
		}
	unlock(&p->lock);
	return err;
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

static const struct proc_list no_entries = { NULL, 0 };

#define OF_THREADS_TOO \
	PROC_TEXT("cmdline", 0444, show_cmdline), PROC_SETTING("comm", 0644, show_comm, set_comm), \
	PROC_TEXT("stat", 0444, show_stat), PROC_TEXT("statm", 0444, show_statm), \
	PROC_TEXT("status", 0444, show_status), PROC_TEXT("syscall", 0400, show_syscall), \
	PROC_TEXT("wchan", 0444, show_wchan)

static const struct proc_entry task_entries[] = { OF_THREADS_TOO };
const struct proc_list proc_task_list = PROC_LIST(task_entries);

const struct proc_entry proc_fdinfo_entry = PROC_TEXT("", 0400, show_fdinfo);

static const struct proc_entry entries[] = {
	OF_THREADS_TOO,
	PROC_LINK("cwd", follow_cwd, 0),
	PROC_TEXT("environ", 0400, show_environ),
	PROC_LINK("exe", follow_exe, 0),
	PROC_DIR("fd", 0500, &no_entries, PROC_DIR_FDS),
	PROC_DIR("fdinfo", 0500, &no_entries, PROC_DIR_FDINFO),
	PROC_TEXT("limits", 0444, show_limits),
	PROC_TEXT("maps", 0400, show_maps),
	PROC_TEXT("mountinfo", 0444, proc_show_mountinfo),
	PROC_TEXT("mounts", 0444, proc_show_mounts),
	PROC_LINK("root", proc_root_follow, 0),
	PROC_DIR("task", 0555, &no_entries, PROC_DIR_TASKS),
	{ "trace", S_IFREG | 0600, NULL, NULL, NULL, &proc_trace_fops, NULL, 0 },
};
const struct proc_list proc_process_list = PROC_LIST(entries);
