/*
 * The files of /proc that tell about the kernel itself: what it holds, and what
 * its locks and its sleepers wait for.
 */
#include "procfs.h"

#include "../lib/alloc.h"
#include "../task/worker.h"

/* ---- objects: every kind of thing that is alive, one a line ---- */

struct slab_sum {
	struct text *t;
	uint64_t pages;
};

static void show_objects_of(const struct slab_cache *c, void *arg)
{
	struct slab_sum *sum = arg;

	text_printf(sum->t, "%-20s %8u\n", c->name,
		    __atomic_load_n(&c->live, __ATOMIC_RELAXED) - __atomic_load_n(&c->idle, __ATOMIC_RELAXED));
	sum->pages += slab_cache_pages(c);
}

void proc_show_objects(struct text *t, struct process *p)
{
	struct slab_sum sum = { .t = t };
	struct worker_count workers;
	uint64_t used, total;

	(void)p;
	slab_each(show_objects_of, &sum);
	page_count(&used, &total);
	worker_count(&workers);
	text_printf(t, "%-20s %8d\n", "processes", process_count());
	text_printf(t, "%-20s %8d\n%-20s %8d\n%-20s %8d\n%-20s %8d\n", "workers", workers.live, "workers-idle",
		    workers.idle, "workers-starting", workers.starting, "jobs-queued", workers.queued);
	text_printf(t, "%-20s %8llu\n%-20s %8llu\n", "pages-slab", (unsigned long long)sum.pages, "pages-other",
		    (unsigned long long)(used - min(used, sum.pages)));
}

/* ---- locks ---- */

void proc_show_locks(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "# times in ns; taken is counted by the debug kernel only\n"
		       "%-12s %10s %10s %12s %10s %14s %12s\n",
		    "rank", "taken", "contended", "turns", "sleeps", "slept", "longest");
	for (int i = 1; i < RANKS; i++) {
		const struct lock_stat *s = &lock_stats[i];
		const char *name = lock_rank_name(i);
		uint32_t contended = __atomic_load_n(&s->contended, __ATOMIC_RELAXED);
		uint32_t taken = __atomic_load_n(&s->taken, __ATOMIC_RELAXED);
		char number[12];

		if (!name && !contended && !taken)
			continue;
		ksnprintf(number, sizeof number, "%d", i);
		text_printf(t, "%-12s %10u %10u %12llu %10u %14lld %12lld\n", name ? name : number, taken, contended,
			    (unsigned long long)__atomic_load_n(&s->turns, __ATOMIC_RELAXED),
			    __atomic_load_n(&s->sleeps, __ATOMIC_RELAXED),
			    (long long)__atomic_load_n(&s->slept, __ATOMIC_RELAXED),
			    (long long)__atomic_load_n(&s->longest, __ATOMIC_RELAXED));
	}
}

/* ---- sleepers ---- */

/* "kernel-c/vfs/pipe.c" and "&p->readable" make "pipe_readable". */
void proc_wait_name(const struct wait_kind *k, char *buf, size_t size)
{
	const char *file = strrchr(k->file, '/'), *name = k->name, *dot;
	int n;

	file = file ? file + 1 : k->file;
	for (const char *c = k->name; *c; c++)
		if (*c == '>' || *c == '.' || *c == '&')
			name = c + 1;
	dot = strchr(file, '.');
	n = (int)(dot ? dot - file : (long)strlen(file));
	if (strncmp(file, name, (size_t)n) == 0)
		ksnprintf(buf, size, "%s", name);
	else
		ksnprintf(buf, size, "%.*s_%s", n, file, name);
}

static void show_kind(const struct wait_kind *k, void *arg)
{
	char name[40];

	proc_wait_name(k, name, sizeof name);
	text_printf(arg, "%-24s %10u %10u %10u\n", name, __atomic_load_n(&k->sleeps, __ATOMIC_RELAXED),
		    __atomic_load_n(&k->wakeups, __ATOMIC_RELAXED), __atomic_load_n(&k->again, __ATOMIC_RELAXED));
}

void proc_show_waits(struct text *t, struct process *p)
{
	(void)p;
	text_printf(t, "# who found its wake-up while spinning has not slept\n%-24s %10s %10s %10s\n", "queue", "sleeps",
		    "wakeups", "for nothing");
	wait_kind_each(show_kind, t);
}
