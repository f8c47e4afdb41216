/*
 * The supervisor's instance of the kernel: boot, and what tasks ask of the host.
 * It has no task (`current` is NULL) and never sleeps.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "timer.h"
#include "worker.h"

/* Host children that have ended, for host.exited on the supervisor's instance. */
struct ended {
	struct list node;
	int pid, status;
};
static struct slab_cache ended_cache = SLAB_CACHE("host_child", struct ended);
static struct lock ended_lock = LOCK_INIT(RANK_WORKER);
static struct list ended = LIST_INIT(ended);
int ncpus = 1;

void supervisor_exited(int pid, int status)
{
	struct ended *e = slab_alloc(&ended_cache);

	if (!e)
		panic("supervisor_exited: no memory");
	e->pid = pid;
	e->status = status;
	lock(&ended_lock);
	list_append(&ended, &e->node);
	unlock(&ended_lock);
	host_ring();
}

static void report_ended(void)
{
	for (;;) {
		struct ended *e = NULL;

		lock(&ended_lock);
		if (!list_empty(&ended)) {
			e = list_first(&ended, struct ended, node);
			list_remove(&e->node);
		}
		unlock(&ended_lock);
		if (!e)
			return;
		host_process_exited(e->pid, e->status);
		slab_free(&ended_cache, e);
	}
}

/* Output is drained before endings are reported, so nothing written is lost. */
int64_t supervisor_run(void)
{
	nsec next;

	request_run();
	next = sched_run(); /* may poke */
	next = min(next, worker_run());
	next = min(next, timer_run());
	terminal_run();
	stream_run();
	report_ended();
	load_look(host_clock());
	return next == FOREVER ? -1 : max(next - host_clock(), 0ll);
}

uint32_t supervisor_allocate(uint32_t length)
{
	return (uint32_t)(uintptr_t)kmalloc(length);
}

int32_t supervisor_release(uint32_t buffer, uint32_t length)
{
	(void)length;
	kfree((void *)(uintptr_t)buffer);
	return 0;
}

static int mount_at(uint32_t source, const char *target, uint32_t fstype, uint32_t data)
{
	return vfs_mount(process_init, (const char *)(uintptr_t)source, target,
			 (const char *)(uintptr_t)fstype, 0,
			 data ? (const char *)(uintptr_t)data : "");
}

int32_t supervisor_mount(uint32_t source, uint32_t target, uint32_t fstype, uint32_t data)
{
	const char *at = (const char *)(uintptr_t)target;
	int err = mount_at(source, at, fstype, data);

	/* Where the host mounts need not be there yet, unlike for mount(2). */
	if (err == -ENOENT && at[0] == '/' &&
	    (err = vfs_make(at, S_IFDIR | 0755, 0, 0, 0, NULL, -1)) == 0)
		err = mount_at(source, at, fstype, data);
	return err;
}

struct kill_arg {
	int group, sig, found;
};

static void kill_member(struct process *p, void *arg)
{
	struct kill_arg *k = arg;

	if (k->group == -1 ? p != process_init : p->pgroup && p->pgroup->id == k->group) {
		signal_send_member(p, k->sig, NULL);
		k->found++;
	}
}

int32_t supervisor_kill(int32_t pid, int32_t signal)
{
	struct kill_arg k = { -pid, signal, 0 };
	struct process *p;

	if (signal < 1 || signal > NSIG || pid == 0)
		return -EINVAL;
	lock(&processes_lock);
	if (pid == -1) {
		k.group = -1;
		process_each(kill_member, &k);
	} else if (pid < 0) {
		process_each(kill_member, &k);
	} else if ((p = process_find(pid))) {
		signal_send_table_locked(p, signal, NULL);
		k.found = 1;
	}
	unlock(&processes_lock);
	return k.found ? 0 : -ESRCH;
}

/* A line for the current task's standard error, from the boot code or image.c. */
void task_complain(const char *text, size_t n)
{
	struct file *f = current && current_process->files ? fdtable_get(current_process->files, 2) : NULL;

	if (f) {
		file_write_kernel(f, text, n, -1);
		file_put(f);
	} else {
		klog(4, "%.*s", (int)n, text);
	}
}

void image_complain(const char *path, const char *reason)
{
	char line[512];
	int n = ksnprintf(line, sizeof(line), "%s: cannot execute: %s\n", path, reason);

	task_complain(line, min((size_t)n, sizeof(line) - 1));
}
