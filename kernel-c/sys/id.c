/*
 * User and group ids (POSIX.1-2024, 4.17; Linux credentials(7)).
 *
 * Super-user is effective uid 0. `keep` (-1) leaves an id as it is.
 */
#include "../kernel.h"

#define KEEP (~0u)

static bool is_root(void)
{
	return current_process->cred.euid == 0;
}

int32_t sys_getuid(void)
{
	return (int32_t)current_process->cred.uid;
}

int32_t sys_geteuid(void)
{
	return (int32_t)current_process->cred.euid;
}

int32_t sys_getgid(void)
{
	return (int32_t)current_process->cred.gid;
}

int32_t sys_getegid(void)
{
	return (int32_t)current_process->cred.egid;
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == KEEP || id == a || id == b || id == c;
}

int32_t sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved)
{
	struct process *p = current_process;
	struct cred *c = &p->cred;
	int err = 0;

	lock(&p->lock);
	if (is_root() || (one_of(real, c->uid, c->euid, c->suid) &&
			  one_of(effective, c->uid, c->euid, c->suid) &&
			  one_of(saved, c->uid, c->euid, c->suid))) {
		c->uid = real == KEEP ? c->uid : real;
		c->euid = effective == KEEP ? c->euid : effective;
		c->suid = saved == KEEP ? c->suid : saved;
	} else {
		err = -EPERM;
	}
	unlock(&p->lock);
	return err;
}

int32_t sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved)
{
	struct process *p = current_process;
	struct cred *c = &p->cred;
	int err = 0;

	lock(&p->lock);
	if (is_root() || (one_of(real, c->gid, c->egid, c->sgid) &&
			  one_of(effective, c->gid, c->egid, c->sgid) &&
			  one_of(saved, c->gid, c->egid, c->sgid))) {
		c->gid = real == KEEP ? c->gid : real;
		c->egid = effective == KEEP ? c->egid : effective;
		c->sgid = saved == KEEP ? c->sgid : saved;
	} else {
		err = -EPERM;
	}
	unlock(&p->lock);
	return err;
}

int32_t sys_setuid(uint32_t uid)
{
	if (uid == KEEP)
		return -EINVAL;
	return is_root() ? sys_setresuid(uid, uid, uid) : sys_setresuid(KEEP, uid, KEEP);
}

int32_t sys_setgid(uint32_t gid)
{
	if (gid == KEEP)
		return -EINVAL;
	return is_root() ? sys_setresgid(gid, gid, gid) : sys_setresgid(KEEP, gid, KEEP);
}

/* The saved id follows the effective one when the real id is set, or the effective
 * id to something else than the old real id (setreuid(2)). */
int32_t sys_setreuid(uint32_t real, uint32_t effective)
{
	uint32_t old = current_process->cred.uid, euid = current_process->cred.euid;
	uint32_t saved = KEEP;

	if (real != KEEP || (effective != KEEP && effective != old))
		saved = effective == KEEP ? euid : effective;
	return sys_setresuid(real, effective, saved);
}

int32_t sys_setregid(uint32_t real, uint32_t effective)
{
	uint32_t old = current_process->cred.gid, egid = current_process->cred.egid;
	uint32_t saved = KEEP;

	if (real != KEEP || (effective != KEEP && effective != old))
		saved = effective == KEEP ? egid : effective;
	return sys_setresgid(real, effective, saved);
}

static int put3(uint32_t a, uint32_t va, uint32_t b, uint32_t vb, uint32_t c, uint32_t vc)
{
	int err;

	if ((err = copy_out(a, &va, 4)) < 0 || (err = copy_out(b, &vb, 4)) < 0)
		return err;
	return copy_out(c, &vc, 4);
}

int32_t sys_getresuid(uint32_t real, uint32_t effective, uint32_t saved)
{
	const struct cred *c = &current_process->cred;

	return put3(real, c->uid, effective, c->euid, saved, c->suid);
}

int32_t sys_getresgid(uint32_t real, uint32_t effective, uint32_t saved)
{
	const struct cred *c = &current_process->cred;

	return put3(real, c->gid, effective, c->egid, saved, c->sgid);
}

int32_t sys_getgroups(int32_t size, uint32_t list)
{
	const struct cred *c = &current_process->cred;
	int err;

	if (size == 0)
		return c->ngroups;
	if (size < c->ngroups)
		return -EINVAL;
	err = copy_out(list, c->groups, c->ngroups * 4);
	return err < 0 ? err : c->ngroups;
}

int32_t sys_setgroups(int32_t size, uint32_t list)
{
	struct process *p = current_process;
	uint32_t groups[NGROUPS_MAX];
	int err;

	if (!is_root())
		return -EPERM;
	if (size < 0 || size > NGROUPS_MAX)
		return -EINVAL;
	if ((err = copy_in(groups, list, size * 4)) < 0)
		return err;
	lock(&p->lock);
	memcpy(p->cred.groups, groups, size * 4);
	p->cred.ngroups = size;
	unlock(&p->lock);
	return 0;
}
