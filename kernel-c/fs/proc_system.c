/*
 * What the files of /proc itself say; formats as on Linux, so that free, top
 * and uptime read them. What does not exist here (swap, interrupts) is 0 or
 * left out where readers allow it.
 */
#include "procfs.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "../vfs/page_cache.h"
#include "memfs.h"

#define NSEC_PER_TICK (NSEC_PER_SEC / CLK_TCK)
#define KIB_PER_PAGE (PAGE_SIZE / 1024)

/* ---- all processes together ---- */

struct totals {
	unsigned threads;
	int last_pid;
};

static void total_add(struct process *p, void *arg)
{
	struct totals *t = arg;

	t->threads += max(__atomic_load_n(&p->ntasks, __ATOMIC_RELAXED), 1);
	t->last_pid = max(t->last_pid, p->pid);
}

static struct totals totals(void)
{
	struct totals t = { 0 };

	lock(&processes_lock);
	process_each(total_add, &t);
	unlock(&processes_lock);
	return t;
}

/* ---- time and processors ---- */

static void show_loadavg(struct text *t, struct process *p)
{
	struct totals all = totals();
	struct sched_totals now;
	uint32_t load[3];

	(void)p;
	load_averages(load);
	sched_totals(&now);
	for (int i = 0; i < 3; i++) {
		uint32_t hundredths = (uint32_t)(((uint64_t)load[i] * 100 + (1 << (LOAD_SHIFT - 1))) >> LOAD_SHIFT);

		text_printf(t, "%u.%02u ", hundredths / 100, hundredths % 100);
	}
	text_printf(t, "%u/%u %d\n", now.runnable, all.threads, all.last_pid);
}

/* Of a CPU, `up` after the boot: one moment for all, so that what is shown adds up. */
static nsec idle_time(const struct sched_totals *all, int cpu, nsec up)
{
	return max(up - all->user[cpu] - all->nice[cpu], 0ll);
}

static void show_uptime(struct text *t, struct process *p)
{
	nsec up, now, idle = 0;
	struct sched_totals all;

	(void)p;
	sched_totals(&all);
	up = uptime();
	now = up / NSEC_PER_TICK;
	for (int i = 0; i < ncpus; i++)
		idle += idle_time(&all, i, up);
	idle /= NSEC_PER_TICK;
	text_printf(t, "%lld.%02lld %lld.%02lld\n", (long long)(now / CLK_TCK), (long long)(now % CLK_TCK),
		    (long long)(idle / CLK_TCK), (long long)(idle % CLK_TCK));
}

/* A CPU is a token of task/sched.c; which processor a worker ran on is the browser's secret. */
static void show_stat(struct text *t, struct process *p)
{
	long long user = 0, nice = 0, idle = 0;
	struct sched_totals all;
	nsec up;

	(void)p;
	sched_totals(&all);
	up = uptime();
	for (int i = 0; i < ncpus; i++) {
		user += all.user[i] / NSEC_PER_TICK;
		nice += all.nice[i] / NSEC_PER_TICK;
		idle += idle_time(&all, i, up) / NSEC_PER_TICK;
	}
	text_printf(t, "cpu  %lld %lld 0 %lld 0 0 0 0 0 0\n", user, nice, idle);
	for (int i = 0; i < ncpus; i++)
		text_printf(t, "cpu%d %lld %lld 0 %lld 0 0 0 0 0 0\n", i,
			    (long long)(all.user[i] / NSEC_PER_TICK), (long long)(all.nice[i] / NSEC_PER_TICK),
			    (long long)(idle_time(&all, i, up) / NSEC_PER_TICK));
	text_printf(t, "ctxt %llu\nbtime %lld\nprocesses %d\nprocs_running %u\nprocs_blocked 0\n",
		    (unsigned long long)all.switches,
		    (long long)((wall_offset + process_init->started) / NSEC_PER_SEC), totals().last_pid,
		    all.runnable);
}

static void show_cpuinfo(struct text *t, struct process *p)
{
	(void)p;
	for (int i = 0; i < ncpus; i++)
		text_printf(t, "processor\t: %d\nmodel name\t: WebAssembly\nflags\t\t: threads bulk-memory\n\n", i);
}

/* ---- memory ---- */

static void add_slab(const struct slab_cache *c, void *pages)
{
	*(uint64_t *)pages += slab_cache_pages(c);
}

static void show_meminfo(struct text *t, struct process *p)
{
	uint64_t used, total, cached, dirty, files = memfs_pages(), slabs = 0;

	(void)p;
	page_count(&used, &total);
	page_cache_count(&cached, &dirty);
	slab_each(add_slab, &slabs);

	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {
		{ "MemTotal:", total },
		{ "MemFree:", total - used },
		{ "MemAvailable:", total - used + cached - min(cached, dirty) },
		{ "Buffers:", 0 }, /* metadata is in the page cache, with the rest */
		{ "Cached:", cached + files },
		{ "SwapCached:", 0 },
		{ "SwapTotal:", 0 },
		{ "SwapFree:", 0 },
		{ "Dirty:", dirty },
		{ "Shmem:", files },
		{ "Slab:", slabs },
	};

	for (unsigned i = 0; i < countof(lines); i++)
		text_printf(t, "%-15s %8llu kB\n", lines[i].name,
			    (unsigned long long)(lines[i].pages * KIB_PER_PAGE));
}

static void show_slab(const struct slab_cache *c, void *arg)
{
	text_printf(arg, "%-17s %6u %6u %6u\n", c->name,
		    __atomic_load_n(&c->live, __ATOMIC_RELAXED) - __atomic_load_n(&c->idle, __ATOMIC_RELAXED),
		    __atomic_load_n(&c->slabs, __ATOMIC_RELAXED), c->size);
}

static void show_slabinfo(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "# name            <active_objs> <slabs> <objsize>\n");
	slab_each(show_slab, t);
}

/* ---- filesystems ---- */

static void show_type(const struct fs_type *fs, void *arg)
{
	text_printf(arg, "%s\t%s\n", fs->needs_device ? "" : "nodev", fs->name);
}

static void show_filesystems(struct text *t, struct process *p)
{
	(void)p;
	fs_type_each(show_type, t);
}

/* ---- the rest ---- */

static void show_version(struct text *t, struct process *p)
{
	struct abi_utsname uts;

	(void)p;
	uts_get(&uts);
	text_printf(t, "%s version %s %s\n", uts.sysname, uts.release, uts.version);
}

static void show_cmdline(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "\n"); /* nothing is passed to this kernel */
}

static void show_swaps(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static const struct proc_entry entries[] = {
	PROC_TEXT("cmdline", 0444, show_cmdline),
	PROC_TEXT("cpuinfo", 0444, show_cpuinfo),
	PROC_TEXT("filesystems", 0444, show_filesystems),
	PROC_TEXT("loadavg", 0444, show_loadavg),
	PROC_TEXT("lock_stat", 0400, proc_show_locks),
	PROC_TEXT("meminfo", 0444, show_meminfo),
	PROC_TEXT("mounts", 0444, proc_show_mounts),
	PROC_TEXT("objects", 0400, proc_show_objects),
	PROC_LINK("self", NULL, PROC_DIR_PLAIN),
	PROC_TEXT("slabinfo", 0400, show_slabinfo),
	PROC_TEXT("stat", 0444, show_stat),
	PROC_TEXT("swaps", 0444, show_swaps),
	PROC_DIR("sys", 0555, &proc_sys_list, PROC_DIR_PLAIN),
	PROC_LINK("thread-self", NULL, PROC_DIR_TASKS),
	PROC_TEXT("uptime", 0444, show_uptime),
	PROC_TEXT("version", 0444, show_version),
	PROC_TEXT("wait_stat", 0400, proc_show_waits),
};
const struct proc_list proc_system_list = PROC_LIST(entries);
