/*
 * posix_spawn as a system call: a child that starts as another program, with no
 * copy of the parent's memory. The parent goes on when the image is known good.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "trace.h"
#include "mm.h"
#include "worker.h"

#define ACTIONS_MAX 1024

static int action_open(struct process *p, const struct abi_spawn_action *a, const char *path)
{
	int err = 0, fd;
	struct file *f = vfs_open(p, AT_FDCWD, path, a->flags, a->mode, &err);

	if (!f)
		return err;
	fd = fd_replace(p->files, f, a->fd, a->flags & O_CLOEXEC);
	return min(fd, 0);
}

static int action_do(struct process *p, const struct abi_spawn_action *a)
{
	char *path = NULL;
	int err = 0;

	if (a->kind == SPAWN_OPEN || a->kind == SPAWN_CHDIR) {
		path = kmalloc(PATH_MAX);
		if (!path)
			return -ENOMEM;
		err = copy_in_string(path, a->path, PATH_MAX);
	}
	if (err >= 0) {
		switch (a->kind) {
		case SPAWN_CLOSE: /* closing what is not open is no error here (POSIX) */
			err = a->fd < 0 ? -EBADF : 0;
			fd_close(p->files, a->fd);
			break;
		case SPAWN_DUP2:
			err = fd_dup2(p->files, a->from, a->fd, false);
			break;
		case SPAWN_OPEN:
			err = action_open(p, a, path);
			break;
		case SPAWN_CHDIR:
			err = vfs_chdir(p, path);
			break;
		case SPAWN_FCHDIR:
			err = vfs_fchdir(p, a->fd);
			break;
		default:
			err = -EINVAL;
		}
	}
	kfree(path);
	return min(err, 0);
}

static int do_actions(struct process *p, const struct abi_spawn *s)
{
	struct abi_spawn_action a;
	int err;

	if (s->nactions < 0 || s->nactions > ACTIONS_MAX)
		return -EINVAL;
	for (int i = 0; i < s->nactions; i++)
		if ((err = copy_in(&a, s->actions + i * sizeof(a), sizeof(a))) < 0 ||
		    (err = action_do(p, &a)) < 0)
			return err;
	return 0;
}

static int set_group(struct process *p, const struct abi_spawn *s)
{
	int err = 0;

	lock(&processes_lock);
	if (s->flags & SPAWN_SETSID)
		err = process_setsid(p);
	if (err >= 0 && s->flags & SPAWN_SETPGROUP)
		err = process_setpgid(p, s->pgroup);
	unlock(&processes_lock);
	return min(err, 0);
}

static int apply(struct process *p, struct task *t, const struct abi_spawn *s)
{
	int err;

	if ((err = set_group(p, s)) < 0)
		return err;
	if (s->flags & SPAWN_SETSCHEDULER)
		err = sched_set(t, s->policy, s->priority);
	else if (s->flags & SPAWN_SETSCHEDPARAM)
		err = sched_set(t, -1, s->priority);
	if (err < 0)
		return err;
	lock(&p->lock);
	if (s->flags & SPAWN_RESETIDS) {
		p->cred.euid = p->cred.uid;
		p->cred.egid = p->cred.gid;
	}
	if (s->flags & SPAWN_SETSIGMASK)
		t->mask = s->sigmask & ~(sigbit(SIGKILL) | sigbit(SIGSTOP));
	if (s->flags & SPAWN_SETSIGDEF)
		for (int i = 0; i < NSIG; i++)
			if (s->sigdefault & sigbit(i + 1))
				p->sighand.action[i].handler = SIG_DFL;
	unlock(&p->lock);
	return do_actions(p, s);
}

/* Undo a child that never ran; either may be missing. */
static void abandon(struct process *p, struct task *t)
{
	if (t)
		task_abandon(t);
	if (p)
		process_abandon(p);
}

static int do_spawn(struct image *m, const struct abi_spawn *s)
{
	struct process *p = fork_process(current_process);
	struct task *t = NULL;
	int err = -EAGAIN, pid;

	if (!p)
		goto fail;
	err = -ENOMEM;
	p->mm = mm_new();
	t = task_new(p, p->pid, current->mask);
	if (!p->mm || !t)
		goto fail;
	t->policy = current->policy;
	t->priority = current->priority;
	if (s && (err = apply(p, t, s)) < 0)
		goto fail;
	if ((err = image_load(m, p, AT_FDCWD, 0)) < 0)
		goto fail;
	image_commit(m, p, t);
	if (unlikely(p->trace != NULL))
		trace_spawned(p, m->path);
	p->has_execed = true;
	pid = p->pid;
	if ((err = worker_dispatch(t, JOB_START)) < 0)
		goto fail;
	return pid;
fail:
	abandon(p, t);
	return err;
}

int32_t sys_spawn(uint32_t path, uint32_t argv, uint32_t envp, uint32_t attributes)
{
	struct image *m = kzalloc(sizeof(*m));
	struct abi_spawn s;
	int err;

	if (!m)
		return -ENOMEM;
	if ((err = copy_in_string(m->path, path, PATH_MAX)) < 0 ||
	    (err = image_args(m, argv, envp)) < 0 ||
	    (attributes && (err = copy_in(&s, attributes, sizeof(s))) < 0))
		goto out;
	err = do_spawn(m, attributes ? &s : NULL);
out:
	image_free(m);
	return err;
}

/* ---- the host's own children (wit/kernel.wit, supervisor.spawn) ---- */

static int host_files(struct process *p, int terminal, uint32_t streams)
{
	for (int fd = 0; fd < 3; fd++) {
		int err = 0;
		struct file *f = streams & 1u << fd ? stream_open(fd, &err) :
				 terminal > 0 ? terminal_open(terminal, &err) :
				 vfs_open(p, AT_FDCWD, "/dev/null", O_RDWR, 0, &err);

		if (!f)
			return err;
		if ((err = fd_replace(p->files, f, fd, false)) < 0)
			return err;
	}
	return 0;
}

static int host_session(struct process *p, int terminal)
{
	int err;

	lock(&processes_lock);
	err = process_setsid(p);
	unlock(&processes_lock);
	if (err >= 0 && terminal > 0)
		err = terminal_give(terminal, p);
	return min(err, 0);
}

static int host_spawn(struct image *m, const char *cwd, int terminal, uint32_t streams)
{
	struct process *p = process_new(process_init);
	struct task *t = NULL;
	int err = -EAGAIN, pid;

	if (!p)
		goto fail;
	err = -ENOMEM;
	p->files = fdtable_new();
	p->fs = fs_context_new();
	p->mm = mm_new();
	t = task_new(p, p->pid, 0);
	if (!p->files || !p->fs || !p->mm || !t)
		goto fail;
	if ((err = host_session(p, terminal)) < 0 ||
	    (err = host_files(p, terminal, streams)) < 0 ||
	    (cwd && (err = vfs_chdir(p, cwd)) < 0) ||
	    (err = image_load(m, p, AT_FDCWD, 0)) < 0)
		goto fail;
	image_commit(m, p, t);
	p->has_execed = true;
	p->host_child = true;
	pid = p->pid;
	if ((err = worker_dispatch(t, JOB_START)) < 0)
		goto fail;
	return pid;
fail:
	abandon(p, t);
	return err;
}

int32_t supervisor_spawn(uint32_t path, uint32_t argv, uint32_t argv_length, uint32_t envp,
			 uint32_t envp_length, uint32_t cwd, int32_t terminal, uint32_t streams)
{
	struct image *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	err = -ENAMETOOLONG;
	if (kstrlcpy(m->path, (const char *)(uintptr_t)path, PATH_MAX) >= PATH_MAX)
		goto out;
	if ((err = image_args_kernel(m, (const char *)(uintptr_t)argv, argv_length,
				     (const char *)(uintptr_t)envp, envp_length)) < 0)
		goto out;
	err = host_spawn(m, (const char *)(uintptr_t)cwd, terminal, streams);
out:
	image_free(m);
	return err;
}
