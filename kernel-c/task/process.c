/*
 * Processes: the table, the family tree, groups and sessions.
 *
 * A process is made by process_new (as a child of its parent), filled by fork,
 * spawn or the host, and runs as tasks. When the last task is gone it is a zombie
 * (exit.c) until its parent has waited for it. The tree, the groups and
 * sessions are under processes_lock; what a process's own tasks share is
 * under its own lock.
 */
#include "task.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "../vfs/file.h"
#include "mm.h"
#include "timer.h"
#include "trace.h"
#include "worker.h"

#define PROCESSES_MAX 4096 /* zombies too; what runs is bounded by the workers */

struct lock processes_lock = LOCK_INIT(RANK_PROCESSES);
struct process *process_init;
static struct list all_processes = LIST_INIT(all_processes);
static struct list all_pgroups = LIST_INIT(all_pgroups);
static int last_pid, nprocesses;

static struct slab_cache process_cache = SLAB_CACHE("process", struct process);
static struct slab_cache pgroup_cache = SLAB_CACHE("pgroup", struct pgroup);
static struct slab_cache session_cache = SLAB_CACHE("session", struct session);

struct process *process_find(int pid)
{
	struct process *p;

	assert_held(&processes_lock);
	list_for_each(p, &all_processes, all)
		if (p->pid == pid)
			return p;
	return NULL;
}

struct pgroup *pgroup_find(int id)
{
	struct pgroup *g;

	assert_held(&processes_lock);
	list_for_each(g, &all_pgroups, all)
		if (g->id == id)
			return g;
	return NULL;
}

static bool tid_used(int id)
{
	struct process *p;
	struct task *t;
	bool used = false;

	list_for_each(p, &all_processes, all) {
		if (p->pid == id)
			return true;
		lock(&p->lock);
		list_for_each(t, &p->tasks, of_process)
			used |= t->tid == id;
		unlock(&p->lock);
		if (used)
			return true;
	}
	return pgroup_find(id) != NULL;
}

int pid_alloc(void)
{
	assert_held(&processes_lock);
	for (int tries = 0; tries < PID_MAX; tries++) {
		last_pid = last_pid >= PID_MAX - 1 ? 2 : last_pid + 1;
		/* nothing can clash before the numbers have gone round */
		if (!tid_used(last_pid))
			return last_pid;
	}
	return -EAGAIN;
}

struct process *process_get(int pid)
{
	struct process *p;

	lock(&processes_lock);
	p = process_find(pid);
	if (p)
		__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	unlock(&processes_lock);
	return p;
}

void process_put(struct process *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pending_flush(&p->pending, ~0ull);
	kfree(p->args);
	if (p->image)
		file_put(p->image);
	if (p->module)
		module_put(p->module);
	slab_free(&process_cache, p);
}

void process_each(void (*f)(struct process *p, void *arg), void *arg)
{
	struct process *p;

	assert_held(&processes_lock);
	list_for_each(p, &all_processes, all)
		f(p, arg);
}

int process_count(void)
{
	return __atomic_load_n(&nprocesses, __ATOMIC_RELAXED);
}

nsec process_cpu_locked(struct process *p)
{
	nsec sum = p->used.cpu;
	struct task *t;

	assert_held(&p->lock);
	list_for_each(t, &p->tasks, of_process)
		sum += task_cpu(t);
	return sum;
}

nsec process_cpu(struct process *p)
{
	nsec sum;

	lock(&p->lock);
	sum = process_cpu_locked(p);
	unlock(&p->lock);
	return sum;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->egid == gid)
		return true;
	for (int i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

/* ---- groups and sessions ---- */

struct session *session_new(int id)
{
	struct session *s = slab_alloc(&session_cache);

	if (s) {
		s->id = id;
		s->refs = 1;
	}
	return s;
}

void session_put(struct session *s)
{
	if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0)
		slab_free(&session_cache, s);
}

struct pgroup *pgroup_new(int id, struct session *s)
{
	struct pgroup *g = slab_alloc(&pgroup_cache);

	assert_held(&processes_lock);
	if (!g)
		return NULL;
	g->id = id;
	g->refs = 1;
	g->session = s;
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	list_init(&g->members);
	list_append(&all_pgroups, &g->all);
	return g;
}

struct pgroup *pgroup_get(struct pgroup *g)
{
	assert_held(&processes_lock);
	g->refs++;
	return g;
}

void pgroup_put(struct pgroup *g)
{
	assert_held(&processes_lock);
	if (--g->refs > 0)
		return;
	list_remove(&g->all);
	session_put(g->session);
	slab_free(&pgroup_cache, g);
}

void pgroup_join(struct process *p, struct pgroup *g)
{
	struct pgroup *old = p->pgroup;

	assert_held(&processes_lock);
	pgroup_get(g);
	list_remove(&p->of_pgroup);
	list_append(&g->members, &p->of_pgroup);
	p->pgroup = g;
	if (old)
		pgroup_put(old);
}

/*
 * A group is orphaned when no member has a parent in another group of the same
 * session (POSIX 3.267): then nobody could continue it, so it must not stop.
 */
bool pgroup_orphaned(struct pgroup *g)
{
	struct process *p;

	assert_held(&processes_lock);
	list_for_each(p, &g->members, of_pgroup) {
		struct pgroup *of_parent = p->parent ? p->parent->pgroup : NULL;

		if (!p->zombie && of_parent && of_parent != g &&
		    of_parent->session == g->session && p->parent != process_init)
			return false;
	}
	return true;
}

/* ---- making processes ---- */

static void inherit(struct process *p, struct process *parent)
{
	lock(&parent->lock);
	p->cred = parent->cred;
	p->sighand = parent->sighand;
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	p->nice = parent->nice;
	memcpy(p->name, current && current_process == parent ? task_name(current) : parent->name, sizeof(p->name));
	if (parent->module)
		p->module = module_get(parent->module);
	if (parent->image)
		p->image = file_get(parent->image);
	unlock(&parent->lock);
}

static int copy_args(struct process *p, struct process *parent)
{
	int err = 0;

	lock(&parent->lock);
	if (parent->args) {
		p->args = kmalloc(parent->args_length);
		if (p->args) {
			memcpy(p->args, parent->args, parent->args_length);
			p->args_length = parent->args_length;
			p->args_only = parent->args_only;
			p->argc = parent->argc;
			p->envc = parent->envc;
		} else {
			err = -ENOMEM;
		}
	}
	unlock(&parent->lock);
	return err;
}

static void list_insert_by_pid(struct process *p)
{
	struct process *at;

	list_for_each(at, &all_processes, all)
		if (at->pid > p->pid)
			break;
	list_append(&at->all, &p->all);
}

bool process_over_limit(struct process *parent)
{
	uint64_t limit = parent->limits[RLIMIT_NPROC].cur, mine = 0;
	struct process *p;

	assert_held(&processes_lock);
	if (limit == RLIM_INFINITY || parent->cred.euid == 0)
		return false;
	list_for_each(p, &all_processes, all)
		if (p->cred.uid == parent->cred.uid)
			mine += max(__atomic_load_n(&p->ntasks, __ATOMIC_RELAXED), 1); /* zombies too */
	return mine >= limit;
}

static struct process *process_alloc(void)
{
	struct process *p = slab_alloc(&process_cache);

	if (!p)
		return NULL;
	p->refs = 1;
	lock_init(&p->lock, RANK_PROCESS);
	list_init(&p->tasks);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all);
	list_init(&p->of_pgroup);
	list_init(&p->ptimers);
	list_init(&p->sem_undos);
	pending_init(&p->pending);
	wait_queue_init(&p->child_exit);
	wait_queue_init(&p->resume);
	p->started = host_clock();
	return p;
}

static bool ending(struct process *p)
{
	bool exiting;

	lock(&p->lock);
	exiting = p->exiting;
	unlock(&p->lock);
	return exiting;
}

struct process *process_new(struct process *parent)
{
	struct process *p = process_alloc();
	int pid;

	if (!p)
		return NULL;
	inherit(p, parent);
	if (copy_args(p, parent) < 0 || cpu_limit_watch(p) < 0)
		goto drop;
	lock(&processes_lock);
	/* Who signals a group, or everybody, holds this lock: a child born after that would escape. */
	pid = ending(parent) || nprocesses >= PROCESSES_MAX || process_over_limit(parent) ? -EAGAIN : pid_alloc();
	if (pid < 0) {
		unlock(&processes_lock);
		goto drop;
	}
	p->pid = pid;
	p->ppid = parent->pid;
	p->parent = parent;
	list_append(&parent->children, &p->sibling);
	list_insert_by_pid(p);
	nprocesses++;
	pgroup_join(p, parent->pgroup);
	trace_inherit(p, parent);
	unlock(&processes_lock);
	return p;
drop:
	cpu_limit_end(p);
	process_put(p);
	return NULL;
}

/* Take p out of the table and the tree; processes_lock held. */
void process_unlink(struct process *p)
{
	assert_held(&processes_lock);
	list_remove(&p->sibling);
	list_remove(&p->all);
	nprocesses--;
	list_remove(&p->of_pgroup);
	pgroup_put(p->pgroup);
	p->pgroup = NULL;
}

void process_release(struct process *p)
{
	struct fdtable *files;
	struct fs_context *fs;
	struct mm *mm;

	lock(&p->lock); /* a reader of /proc may be looking */
	usage_note_peak(p);
	files = p->files;
	fs = p->fs;
	mm = p->mm;
	p->files = NULL;
	p->fs = NULL;
	p->mm = NULL;
	unlock(&p->lock);
	if (files)
		fdtable_put(files);
	if (fs)
		fs_context_put(fs);
	if (mm)
		mm_put(mm);
}

void process_abandon(struct process *p)
{
	timers_free(p);
	cpu_limit_end(p);
	trace_end(p);
	lock(&processes_lock);
	process_unlink(p);
	unlock(&processes_lock);
	process_release(p);
	process_put(p);
}

nsec uptime(void)
{
	return host_clock() - process_init->started;
}

/* Pid 1 has no program: it is the kernel's, adopts orphans and reaps them at once. */
void process_init_table(void)
{
	struct process *p = process_alloc();
	struct session *s = session_new(1);

	if (!p || !s)
		panic("process_init_table: no memory");
	for (int i = 0; i < RLIMIT_NLIMITS; i++)
		p->limits[i] = (struct abi_rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	p->limits[RLIMIT_NOFILE] = (struct abi_rlimit){ 256, OPEN_MAX };
	p->limits[RLIMIT_CORE] = (struct abi_rlimit){ 0, RLIM_INFINITY };
	p->limits[RLIMIT_STACK] = (struct abi_rlimit){ 1 << 20, RLIM_INFINITY };
	kstrlcpy(p->name, "init", sizeof(p->name));
	p->pid = last_pid = 1;
	lock(&processes_lock);
	list_append(&all_processes, &p->all);
	nprocesses++;
	p->pgroup = pgroup_new(1, s);
	list_append(&p->pgroup->members, &p->of_pgroup);
	unlock(&processes_lock);
	session_put(s);
	process_init = p;
}
