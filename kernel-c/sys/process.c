/*
 * System calls on processes: arguments and copies. What they do is in task/.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "../task/mm.h"

/* ---- startup: argc, argv, envp and auxv as Linux lays them out on the stack ---- */

#define AUX_PAIRS 9
#define RANDOM_BYTES 16

static uint32_t vector_words(const struct process *p)
{
	return 1 + p->argc + 1 + p->envc + 1 + AUX_PAIRS * 2;
}

int32_t sys_startup_size(void)
{
	struct process *p = current_process;

	return (int32_t)round_up(vector_words(p) * 4 + p->args_length + RANDOM_BYTES, 16u);
}

int32_t sys_startup(uint32_t buffer)
{
	struct process *p = current_process;
	uint32_t words = vector_words(p), strings = buffer + words * 4, n = 0, at = 0;
	uint32_t *v = kmalloc(words * 4);
	uint8_t random[RANDOM_BYTES];
	int err;

	if (!v)
		return -ENOMEM;
	v[n++] = p->argc;
	for (uint32_t i = 0; i < p->argc + p->envc; i++) {
		if (i == p->argc)
			v[n++] = 0;
		v[n++] = strings + at;
		at += strlen(p->args + at) + 1;
	}
	if (p->envc == 0)
		v[n++] = 0;
	v[n++] = 0;
	const uint32_t aux[AUX_PAIRS][2] = {
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_UID, p->cred.uid }, { AT_EUID, p->cred.euid },
		{ AT_GID, p->cred.gid }, { AT_EGID, p->cred.egid },
		{ AT_SECURE, p->cred.uid != p->cred.euid || p->cred.gid != p->cred.egid },
		{ AT_RANDOM, strings + p->args_length },
		{ AT_EXECFN, strings },
		{ AT_NULL, 0 },
	};
	memcpy(v + n, aux, sizeof(aux));
	random_bytes(random, sizeof(random));
	err = copy_out(buffer, v, words * 4);
	if (err == 0)
		err = copy_out(strings, p->args, p->args_length);
	if (err == 0)
		err = copy_out(strings + p->args_length, random, sizeof(random));
	kfree(v);
	return err;
}

/* ---- identity and relations ---- */

int32_t sys_getpid(void)
{
	return current_process->pid;
}

int32_t sys_getppid(void)
{
	return __atomic_load_n(&current_process->ppid, __ATOMIC_RELAXED);
}

int32_t sys_gettid(void)
{
	return current->tid;
}

/* pid 0 is the caller; processes_lock held. */
static struct process *find(int pid)
{
	return pid == 0 ? current_process : process_find(pid);
}

int32_t sys_getpgid(int32_t pid)
{
	struct process *p;
	int id;

	lock(&processes_lock);
	p = find(pid);
	id = p && p->pgroup ? p->pgroup->id : -ESRCH;
	unlock(&processes_lock);
	return id;
}

int32_t sys_getsid(int32_t pid)
{
	struct process *p;
	int id;

	lock(&processes_lock);
	p = find(pid);
	id = p && p->pgroup ? p->pgroup->session->id : -ESRCH;
	unlock(&processes_lock);
	return id;
}

int process_setsid(struct process *p)
{
	struct session *s;
	struct pgroup *g;

	assert_held(&processes_lock);
	if (pgroup_find(p->pid))
		return -EPERM;
	s = session_new(p->pid);
	g = s ? pgroup_new(p->pid, s) : NULL;
	if (s)
		session_put(s);
	if (!g)
		return -ENOMEM;
	pgroup_join(p, g);
	pgroup_put(g);
	return p->pid;
}

int process_setpgid(struct process *p, int id)
{
	struct pgroup *g;

	assert_held(&processes_lock);
	if (p->pgroup->session->id == p->pid)
		return -EPERM; /* a session leader */
	if (id == 0)
		id = p->pid;
	g = pgroup_find(id);
	if (g) {
		if (g->session != p->pgroup->session)
			return -EPERM;
		pgroup_join(p, g);
		return 0;
	}
	if (id != p->pid)
		return -EPERM;
	g = pgroup_new(id, p->pgroup->session);
	if (!g)
		return -ENOMEM;
	pgroup_join(p, g);
	pgroup_put(g);
	return 0;
}

int32_t sys_setsid(void)
{
	int id;

	lock(&processes_lock);
	id = process_setsid(current_process);
	unlock(&processes_lock);
	return id;
}

int32_t sys_setpgid(int32_t pid, int32_t pgid)
{
	struct process *p;
	int err;

	if (pgid < 0 || pid < 0)
		return -EINVAL;
	lock(&processes_lock);
	p = find(pid);
	if (!p || (p != current_process && p->parent != current_process))
		err = -ESRCH;
	else if (p != current_process && p->has_execed)
		err = -EACCES;
	else if (p->pgroup->session != current_process->pgroup->session)
		err = -EPERM;
	else
		err = process_setpgid(p, pgid);
	unlock(&processes_lock);
	return err;
}

/* ---- ending and waiting ---- */

int32_t sys_exit(int32_t status)
{
	struct process *p = current_process;
	bool alone;

	lock(&p->lock);
	alone = p->ntasks == 1;
	unlock(&p->lock);
	if (alone)
		return process_exit(W_EXITCODE(status & 0xff, 0));
	task_exit();
}

int32_t sys_exit_group(int32_t status)
{
	return process_exit(W_EXITCODE(status & 0xff, 0));
}

int32_t sys_wait4(int32_t pid, uint32_t status, int32_t options, uint32_t usage)
{
	struct abi_rusage u;
	int id_type = pid > 0 ? P_PID : pid == -1 ? P_ALL : P_PGID;
	int s = 0, found, err = 0;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	found = process_wait(id_type, pid > 0 ? pid : pid == 0 ? sys_getpgid(0) : -pid,
			     options | WEXITED, &s, NULL, usage ? &u : NULL);
	if (found > 0 && status)
		err = copy_out(status, &s, 4);
	if (found > 0 && usage && err == 0)
		err = copy_out(usage, &u, sizeof(u));
	return err < 0 ? err : found;
}

int32_t sys_waitid(int32_t id_type, int32_t id, uint32_t info, int32_t options, uint32_t usage)
{
	struct abi_siginfo si = { 0 };
	struct abi_rusage u;
	int s = 0, found, err = 0;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED) ||
	    !(options & (WEXITED | WSTOPPED | WCONTINUED)) || id_type < P_ALL || id_type > P_PGID ||
	    (id_type == P_PID && id <= 0))
		return -EINVAL;
	if (id_type == P_PGID && id == 0)
		id = sys_getpgid(0);
	found = process_wait(id_type, id, options, &s, &si, usage ? &u : NULL);
	if (found < 0)
		return found;
	if (info)
		err = copy_out(info, &si, sizeof(si));
	if (found > 0 && usage && err == 0)
		err = copy_out(usage, &u, sizeof(u));
	return err;
}

/* ---- limits, usage, priorities ---- */

int32_t sys_getrusage(int32_t who, uint32_t usage)
{
	struct process *p = current_process;
	struct abi_rusage u;
	struct usage used;

	switch (who) {
	case RUSAGE_SELF:
		used = usage_of_process(p);
		break;
	case RUSAGE_CHILDREN:
		lock(&p->lock);
		used = p->used_below;
		unlock(&p->lock);
		break;
	case RUSAGE_THREAD:
		used = usage_of_task(current);
		used.peak = mm_peak(p->mm);
		break;
	default:
		return -EINVAL;
	}
	usage_describe(&used, &u);
	return copy_out(usage, &u, sizeof(u));
}

int32_t sys_times(uint32_t buffer)
{
	struct process *p = current_process;
	nsec tick = NSEC_PER_SEC / CLK_TCK;
	int32_t t[4] = { (int32_t)(process_cpu(p) / tick), 0, (int32_t)(p->used_below.cpu / tick), 0 };
	int err = buffer ? copy_out(buffer, t, sizeof(t)) : 0;

	return err < 0 ? err : (int32_t)(host_clock() / tick & INT32_MAX);
}

int32_t sys_prlimit64(int32_t pid, int32_t resource, uint32_t new_limit, uint32_t old_limit)
{
	struct process *p = current_process;
	struct abi_rlimit new, old;
	int err = 0;

	if (resource < 0 || resource >= RLIMIT_NLIMITS)
		return -EINVAL;
	if (pid != 0 && pid != p->pid)
		return -EPERM;
	if (new_limit && (err = copy_in(&new, new_limit, sizeof(new))) < 0)
		return err;
	lock(&p->lock);
	old = p->limits[resource];
	if (new_limit) {
		if (new.cur > new.max)
			err = -EINVAL;
		else if (new.max > old.max && p->cred.euid != 0)
			err = -EPERM;
		else if (resource == RLIMIT_NOFILE && new.max > OPEN_MAX)
			err = -EPERM;
		else
			p->limits[resource] = new;
	}
	unlock(&p->lock);
	if (err == 0 && new_limit && resource == RLIMIT_CPU)
		err = cpu_limit_watch(p);
	if (err == 0 && old_limit)
		err = copy_out(old_limit, &old, sizeof(old));
	return err;
}

struct nice_arg {
	int which, who, set, value, best, found, err;
};

static void nice_one(struct process *p, void *arg)
{
	struct nice_arg *a = arg;

	if (p->zombie || (a->which == 0 ? p->pid != a->who :
			  a->which == 1 ? p->pgroup->id != a->who : (int)p->cred.uid != a->who))
		return;
	a->found = 1;
	a->best = max(a->best, 20 - p->nice);
	if (!a->set)
		return;
	if (!signal_permitted(p, 0))
		a->err = -EPERM;
	else if (a->value < p->nice && current_process->cred.euid != 0)
		a->err = -EACCES;
	else
		__atomic_store_n(&p->nice, a->value, __ATOMIC_RELAXED);
}

static int nice_all(struct nice_arg *a)
{
	if (a->which < 0 || a->which > 2)
		return -EINVAL;
	lock(&processes_lock);
	if (a->who == 0)
		a->who = a->which == 0 ? current_process->pid :
			 a->which == 1 ? current_process->pgroup->id :
					 (int)current_process->cred.uid;
	process_each(nice_one, a);
	unlock(&processes_lock);
	return a->found ? a->err : -ESRCH;
}

int32_t sys_getpriority(int32_t which, int32_t who)
{
	struct nice_arg a = { .which = which, .who = who };
	int err = nice_all(&a);

	return err < 0 ? err : a.best;
}

int32_t sys_setpriority(int32_t which, int32_t who, int32_t priority)
{
	struct nice_arg a = { .which = which, .who = who, .set = 1,
			      .value = max(-20, min(19, priority)) };

	return nice_all(&a);
}

/* On one processor the host's own threads want it too; the shortest sleep makes it look for them. */
int32_t sys_sched_yield(void)
{
	uint32_t never = 0;

	if (!sched_give_way() && ncpus == 1)
		host_futex_wait(&never, 0, host_clock() + 1000);
	return 0;
}

int32_t sys_sched_getaffinity(int32_t pid, uint32_t length, uint32_t mask)
{
	uint32_t words[4] = { 0 };
	int err;

	if (pid != 0 && pid != current_process->pid)
		return -ESRCH;
	if (length < 4 || length % 4)
		return -EINVAL;
	for (int i = 0; i < ncpus && i < 128; i++)
		words[i / 32] |= 1u << i % 32;
	length = min(length, (uint32_t)sizeof(words));
	err = copy_out(mask, words, length);
	return err < 0 ? err : (int32_t)length;
}

/* ---- the system ---- */

static struct abi_utsname uts = {
	.sysname = "TabOS", .nodename = "tabos", .release = "1.0.0",
	.version = "#1 SMP", .machine = "wasm32", .domainname = "(none)",
};
static struct lock uts_lock = LOCK_INIT(RANK_LOG);

void uts_get(struct abi_utsname *copy)
{
	lock(&uts_lock);
	*copy = uts;
	unlock(&uts_lock);
}

int32_t sys_uname(uint32_t buffer)
{
	struct abi_utsname copy;

	uts_get(&copy);
	return copy_out(buffer, &copy, sizeof(copy));
}

int32_t sys_sethostname(uint32_t name, uint32_t length)
{
	char buf[sizeof(uts.nodename)] = "";
	int err;

	if (current_process->cred.euid != 0)
		return -EPERM;
	if (length >= sizeof(buf))
		return -EINVAL;
	if ((err = copy_in(buf, name, length)) < 0)
		return err;
	lock(&uts_lock);
	memcpy(uts.nodename, buf, sizeof(buf));
	unlock(&uts_lock);
	return 0;
}

int32_t sys_sysinfo(uint32_t buffer)
{
	struct abi_sysinfo s = { 0 };
	uint64_t used, total;

	page_count(&used, &total);
	s.uptime = (uint32_t)(uptime() / NSEC_PER_SEC);
	s.totalram = (uint32_t)total;
	s.freeram = (uint32_t)(total - used);
	load_averages(s.loads); /* SI_LOAD_SHIFT is 16 too */
	s.procs = (uint16_t)process_count();
	s.mem_unit = PAGE_SIZE;
	return copy_out(buffer, &s, sizeof(s));
}

#define GRND_FLAGS 7u /* GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE: all the same here */

int32_t sys_getrandom(uint32_t buffer, uint32_t length, uint32_t flags)
{
	uint8_t bytes[256];
	uint32_t done = 0;
	int err;

	if (flags & ~GRND_FLAGS)
		return -EINVAL;
	length = min(length, (uint32_t)INT32_MAX);
	while (done < length) {
		uint32_t n = min(length - done, (uint32_t)sizeof(bytes));

		random_bytes(bytes, n);
		if ((err = copy_out(buffer + done, bytes, n)) < 0)
			return done ? (int32_t)done : err;
		done += n;
		if (length > 256 && signal_pending())
			break;
	}
	return (int32_t)done;
}
