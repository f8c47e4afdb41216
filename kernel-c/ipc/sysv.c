/*
 * Keys, identifiers and permissions of System V IPC (sysv.h).
 */
#include "sysv.h"

#include "../host.h"
#include "../vfs/namei.h"

#define ID(slot, uses) ((int)((uint32_t)(uses) % 0x7fff << 16 | (uint32_t)(slot)))

int64_t sysv_seconds(void)
{
	return (host_clock() + wall_offset) / NSEC_PER_SEC;
}

/* Owner, group and others as for files, but the creator's ids count too. */
int sysv_permission(const struct sysv *o, int wanted)
{
	const struct cred *me = &current_process->cred;
	uint32_t asked = (uint32_t)(wanted >> 6 | wanted >> 3 | wanted) & 7;
	uint32_t granted = o->perm.mode;

	if (me->euid == 0)
		return 0;
	if (me->euid == o->perm.uid || me->euid == o->perm.cuid)
		granted >>= 6;
	else if (cred_in_group(me, o->perm.gid) || cred_in_group(me, o->perm.cgid))
		granted >>= 3;
	return asked & ~granted ? -EACCES : 0;
}

int sysv_owner(const struct sysv *o)
{
	const struct cred *me = &current_process->cred;

	return me->euid == 0 || me->euid == o->perm.uid || me->euid == o->perm.cuid ? 0 : -EPERM;
}

void sysv_set(struct sysv *o, const struct abi_ipc_perm *perm)
{
	o->perm.uid = perm->uid;
	o->perm.gid = perm->gid;
	o->perm.mode = perm->mode & 0777;
	o->changed = sysv_seconds();
}

void sysv_put(struct sysv_table *t, struct sysv *o)
{
	if (__atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
		t->free(o);
}

struct sysv *sysv_find(struct sysv_table *t, int id)
{
	struct sysv *o = NULL;

	if (id < 0 || (id & 0xffff) >= SYSV_OBJECTS)
		return NULL;
	lock(&t->lock);
	o = t->slot[id & 0xffff];
	if (o && o->id == id)
		__atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
	else
		o = NULL;
	unlock(&t->lock);
	return o;
}

void sysv_remove(struct sysv_table *t, struct sysv *o)
{
	unsigned slot = (unsigned)o->id & 0xffff;
	bool mine;

	lock(&t->lock);
	mine = t->slot[slot] == o;
	if (mine) {
		t->slot[slot] = NULL;
		t->uses[slot]++;
	}
	unlock(&t->lock);
	if (mine)
		sysv_put(t, o);
}

/* The fresh object into a free slot: its id or -ENOSPC. Lock held. */
static int enter(struct sysv_table *t, struct sysv *o, int key, int flags)
{
	const struct cred *me = &current_process->cred;

	for (int i = 0; i < SYSV_OBJECTS; i++) {
		if (t->slot[i])
			continue;
		o->refs = 1;
		o->id = ID(i, t->uses[i]);
		o->perm = (struct abi_ipc_perm){
			.key = key, .uid = me->euid, .gid = me->egid, .cuid = me->euid,
			.cgid = me->egid, .mode = (uint32_t)flags & 0777, .seq = t->uses[i],
		};
		o->changed = sysv_seconds();
		t->slot[i] = o;
		return o->id;
	}
	return -ENOSPC;
}

static struct sysv *with_key(struct sysv_table *t, int key)
{
	for (int i = 0; i < SYSV_OBJECTS; i++)
		if (t->slot[i] && t->slot[i]->perm.key == key)
			return t->slot[i];
	return NULL;
}

int sysv_get(struct sysv_table *t, int key, int flags, struct sysv *(*make)(uint32_t n, int *err),
	     int (*fits)(struct sysv *o, uint32_t n), uint32_t n)
{
	struct sysv *o = NULL, *fresh = NULL;
	int result, make_err = 0;

	if (key == IPC_PRIVATE || flags & IPC_CREAT)
		fresh = make(n, &make_err);
	lock(&t->lock);
	if (key != IPC_PRIVATE)
		o = with_key(t, key);
	if (o && flags & IPC_CREAT && flags & IPC_EXCL)
		result = -EEXIST;
	else if (o)
		result = (result = sysv_permission(o, flags & 0777)) < 0 ? result :
			 fits && (result = fits(o, n)) < 0 ? result : o->id;
	else if (fresh)
		result = enter(t, fresh, key, flags);
	else
		result = make_err ? make_err : -ENOENT;
	unlock(&t->lock);
	if (fresh && (o || result < 0)) {
		fresh->refs = 1;
		sysv_put(t, fresh);
	}
	return result;
}
