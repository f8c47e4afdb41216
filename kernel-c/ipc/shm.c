/*
 * System V shared memory: segments are files without a name (fs/memfs.c), attached
 * as shared mappings (task/shared.c).
 *
 * A removed segment keeps its id, but not its key, until the last process detaches.
 *
 * Letters: s under shm_lock, I immutable, a atomic.
 */
#include "../fs/memfs.h"
#include "../host.h"
#include "../lib/alloc.h"
#include "../task/mm.h"
#include "sysv.h"

#define SIZE_MAX_BYTES 0x40000000u /* what an address space has */

struct segment {
	struct sysv o;             /* o: under shm_lock */
	struct file *file;         /* [I] */
	uint32_t size;             /* [I] */
	uint32_t attached;         /* [a; falls to 0 under s] by how many mappings */
	int64_t attach_time, detach_time; /* [s] */
	int creator;               /* [I] a pid */
	int last_pid;              /* [a] */
};

static struct lock shm_lock = LOCK_INIT(RANK_PIPE);
static struct slab_cache segment_cache = SLAB_CACHE("shm", struct segment);

static void segment_free(struct sysv *o)
{
	struct segment *s = container_of(o, struct segment, o);

	file_put(s->file);
	slab_free(&segment_cache, s);
}

static struct sysv_table table = { .lock = LOCK_INIT(RANK_FIFO), .free = segment_free };

static struct sysv *make(uint32_t size, int *err)
{
	struct segment *s;

	*err = -EINVAL;
	if (size == 0 || size > SIZE_MAX_BYTES)
		return NULL;
	*err = -ENOMEM;
	if (!(s = slab_alloc(&segment_cache)))
		return NULL;
	s->file = memfs_anonymous(round_up((int64_t)size, (int64_t)PAGE_SIZE), err);
	if (!s->file) {
		slab_free(&segment_cache, s);
		return NULL;
	}
	s->size = size;
	s->creator = current_process->pid;
	*err = 0;
	return &s->o;
}

static int is_large_enough(struct sysv *o, uint32_t size)
{
	return size > container_of(o, struct segment, o)->size ? -EINVAL : 0;
}

int32_t sys_shmget(int32_t key, uint32_t size, int32_t flags)
{
	return sysv_get(&table, key, flags, make, is_large_enough, size);
}

static struct segment *find(int id)
{
	struct sysv *o = sysv_find(&table, id);

	return o ? container_of(o, struct segment, o) : NULL;
}

static void put(struct segment *s)
{
	sysv_put(&table, &s->o);
}

/* ---- attaching ---- */

/* One more mapping; fork comes here too, with its address space locked. */
static void attach(void *segment)
{
	struct segment *s = segment;

	__atomic_add_fetch(&s->o.refs, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->attached, 1, __ATOMIC_RELAXED);
}

static void detach(void *segment)
{
	struct segment *s = segment;
	bool gone;

	lock(&shm_lock);
	gone = __atomic_sub_fetch(&s->attached, 1, __ATOMIC_ACQ_REL) == 0 && s->o.removed;
	s->detach_time = sysv_seconds();
	if (current)
		__atomic_store_n(&s->last_pid, current_process->pid, __ATOMIC_RELAXED);
	unlock(&shm_lock);
	if (gone)
		sysv_remove(&table, &s->o);
	put(s);
}

static int may_attach(struct segment *s, int flags)
{
	int err;

	lock(&shm_lock);
	err = sysv_permission(&s->o, flags & SHM_RDONLY ? 0444 : 0666);
	if (err == 0 && s->o.removed && !__atomic_load_n(&s->attached, __ATOMIC_ACQUIRE))
		err = -EIDRM;
	if (err == 0) {
		s->attach_time = sysv_seconds();
		__atomic_store_n(&s->last_pid, current_process->pid, __ATOMIC_RELAXED);
	}
	unlock(&shm_lock);
	return err;
}

int32_t sys_shmat(int32_t id, uint32_t address, int32_t flags)
{
	struct segment *s;
	int32_t at;

	if (address % PAGE_SIZE && !(flags & SHM_RND))
		return -EINVAL;
	if (!address && flags & SHM_REMAP)
		return -EINVAL;
	address -= address % PAGE_SIZE;
	if (!(s = find(id)))
		return -EINVAL;
	at = may_attach(s, flags);
	if (at == 0) {
		struct shared_request r = {
			.file = s->file,
			.address = address,
			.length = (uint32_t)round_up(s->size, PAGE_SIZE),
			.flags = MAP_SHARED | (flags & SHM_REMAP ? MAP_FIXED :
					       address ? MAP_FIXED | MAP_FIXED_NOREPLACE : 0),
			.writable = !(flags & SHM_RDONLY),
			.attach = attach,
			.detach = detach,
			.attached = s,
		};
		at = shared_map(&r);
	}
	put(s);
	return at == -EEXIST ? -EINVAL : at;
}

int32_t sys_shmdt(uint32_t address)
{
	return address % PAGE_SIZE ? -EINVAL : shared_detach(address, detach);
}

/* ---- shmctl ---- */

static int stat(struct segment *s, uaddr to)
{
	struct abi_shmid ds;
	int err;

	lock(&shm_lock);
	err = sysv_permission(&s->o, 0444);
	ds = (struct abi_shmid){
		.perm = s->o.perm,
		.size = s->size,
		.atime = s->attach_time,
		.dtime = s->detach_time,
		.ctime = s->o.changed,
		.cpid = s->creator,
		.lpid = s->last_pid,
		.nattch = __atomic_load_n(&s->attached, __ATOMIC_RELAXED),
	};
	unlock(&shm_lock);
	return err < 0 ? err : copy_out(to, &ds, sizeof(ds));
}

static int set(struct segment *s, uaddr from)
{
	struct abi_shmid ds;
	uint32_t kept;
	int err;

	if ((err = copy_in(&ds, from, sizeof(ds))) < 0)
		return err;
	lock(&shm_lock);
	kept = s->o.perm.mode & (SHM_DEST | SHM_LOCKED);
	if ((err = sysv_owner(&s->o)) == 0) {
		sysv_set(&s->o, &ds.perm);
		s->o.perm.mode |= kept;
	}
	unlock(&shm_lock);
	return err;
}

static int remove(struct segment *s)
{
	bool gone = false;
	int err;

	lock(&shm_lock);
	if ((err = sysv_owner(&s->o)) == 0) {
		s->o.removed = true;
		s->o.perm.key = IPC_PRIVATE;
		s->o.perm.mode |= SHM_DEST;
		gone = !__atomic_load_n(&s->attached, __ATOMIC_ACQUIRE);
	}
	unlock(&shm_lock);
	if (gone)
		sysv_remove(&table, &s->o);
	return err;
}

/* All memory is resident: the mode says what was asked for. */
static int keep_resident(struct segment *s, bool locked)
{
	int err;

	lock(&shm_lock);
	if ((err = sysv_owner(&s->o)) == 0)
		s->o.perm.mode = (s->o.perm.mode & ~SHM_LOCKED) | (locked ? SHM_LOCKED : 0);
	unlock(&shm_lock);
	return err;
}

int32_t sys_shmctl(int32_t id, int32_t command, uint32_t buffer)
{
	struct segment *s = find(id);
	int err;

	if (!s)
		return -EINVAL;
	switch (command) {
	case IPC_STAT:
		err = stat(s, buffer);
		break;
	case IPC_SET:
		err = set(s, buffer);
		break;
	case IPC_RMID:
		err = remove(s);
		break;
	case SHM_LOCK:
	case SHM_UNLOCK:
		err = keep_resident(s, command == SHM_LOCK);
		break;
	default:
		err = -EINVAL;
	}
	put(s);
	return err;
}
