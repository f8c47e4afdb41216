/*
 * System V semaphore sets. One lock guards all of them: an operation touches
 * several semaphores at once and its undo values, and never sleeps with it.
 *
 * Letters: s under sem_lock, I immutable.
 */
#include "../host.h"
#include "../lib/alloc.h"
#include "sysv.h"

#define SET_MAX 32000 /* semaphores of one set */

struct semaphore {
	uint16_t value;
	uint16_t increasing, zero; /* how many wait for it to grow, to be zero */
	int pid;                   /* who changed it last */
};

struct set {
	struct sysv o;             /* o: under sem_lock */
	uint32_t n;                /* [I] */
	struct semaphore *sem;     /* [s] */
	int64_t operated;          /* [s] when last, in seconds */
	struct list undos;         /* [s] */
	struct wait_queue changed;
};

/* What one process has done to one set with SEM_UNDO, to be taken back. */
struct undo {
	struct list of_process, of_set; /* [s] */
	struct process *process;   /* it frees us as it ends */
	struct set *set;           /* with a reference */
	int16_t adjust[];          /* [s] */
};

static struct lock sem_lock = LOCK_INIT(RANK_PIPE);
static struct slab_cache set_cache = SLAB_CACHE("sem", struct set);

static void set_free(struct sysv *o)
{
	struct set *s = container_of(o, struct set, o);

	kfree(s->sem);
	slab_free(&set_cache, s);
}

static struct sysv_table table = { .lock = LOCK_INIT(RANK_FIFO), .free = set_free };

static struct sysv *make(uint32_t n, int *err)
{
	struct set *s;

	*err = -EINVAL;
	if (n == 0 || n > SET_MAX)
		return NULL;
	*err = -ENOMEM;
	if (!(s = slab_alloc(&set_cache)))
		return NULL;
	s->sem = kzalloc(n * sizeof(s->sem[0]));
	if (!s->sem) {
		slab_free(&set_cache, s);
		return NULL;
	}
	s->n = n;
	list_init(&s->undos);
	wait_queue_init(&s->changed);
	*err = 0;
	return &s->o;
}

static int has_enough(struct sysv *o, uint32_t n)
{
	return n > container_of(o, struct set, o)->n ? -EINVAL : 0;
}

int sem_get(int key, uint32_t n, int flags)
{
	if (n > SET_MAX)
		return -EINVAL;
	return sysv_get(&table, key, flags, make, has_enough, n);
}

/* The set with a reference and the lock held, if `wanted` is permitted: NULL and *err. */
static struct set *set_lock(int id, int wanted, int *err)
{
	struct sysv *o = sysv_find(&table, id);

	*err = -EINVAL;
	if (!o)
		return NULL;
	lock(&sem_lock);
	*err = o->removed ? -EIDRM : wanted ? sysv_permission(o, wanted) : 0;
	if (*err == 0)
		return container_of(o, struct set, o);
	unlock(&sem_lock);
	sysv_put(&table, o);
	return NULL;
}

static void set_unlock(struct set *s)
{
	unlock(&sem_lock);
	sysv_put(&table, &s->o);
}

/* ---- undo ---- */

static struct undo *undo_find(struct set *s, struct process *p)
{
	struct undo *u;

	list_for_each(u, &s->undos, of_set)
		if (u->process == p)
			return u;
	return NULL;
}

/* The current process's, made if it must be; NULL: no memory. Lock held. */
static struct undo *undo_get(struct set *s)
{
	struct undo *u = undo_find(s, current_process);

	if (u)
		return u;
	u = kzalloc(sizeof(*u) + s->n * sizeof(u->adjust[0]));
	if (!u)
		return NULL;
	u->process = current_process;
	u->set = s;
	__atomic_add_fetch(&s->o.refs, 1, __ATOMIC_RELAXED);
	list_append(&s->undos, &u->of_set);
	list_append(&current_process->sem_undos, &u->of_process);
	return u;
}

/* SETVAL and SETALL: nobody's earlier operations are undone any more. */
static void undo_forget(struct set *s, uint32_t from, uint32_t to)
{
	struct undo *u;

	list_for_each(u, &s->undos, of_set)
		for (uint32_t i = from; i < to; i++)
			u->adjust[i] = 0;
}

static void undo_apply(struct undo *u, int pid)
{
	struct set *s = u->set;

	for (uint32_t i = 0; i < s->n && !s->o.removed; i++) {
		int value = s->sem[i].value + u->adjust[i];

		if (!u->adjust[i])
			continue;
		s->sem[i].value = (uint16_t)max(0, min(value, SEM_MAX));
		s->sem[i].pid = pid;
		s->operated = sysv_seconds();
	}
	wake_all(&s->changed);
}

void sem_exit(struct process *p)
{
	for (;;) {
		struct undo *u = NULL;

		lock(&sem_lock);
		if (!list_empty(&p->sem_undos)) {
			u = list_first(&p->sem_undos, struct undo, of_process);
			undo_apply(u, p->pid);
			list_remove(&u->of_process);
			list_remove(&u->of_set);
		}
		unlock(&sem_lock);
		if (!u)
			return;
		sysv_put(&table, &u->set->o);
		kfree(u);
	}
}

/* ---- operations ---- */

/*
 * Do all operations, or none: 0, -EAGAIN (*blocked would have to wait),
 * -ERANGE, -EFBIG, -ENOMEM. Lock held.
 */
static int operate(struct set *s, const struct abi_sembuf *ops, uint32_t n,
		   const struct abi_sembuf **blocked)
{
	struct undo *u = NULL;
	uint32_t done;
	int err = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (ops[i].number >= s->n)
			return -EFBIG;
		if (ops[i].flags & SEM_UNDO && ops[i].operation && !u && !(u = undo_get(s)))
			return -ENOMEM;
	}
	for (done = 0; done < n; done++) {
		const struct abi_sembuf *op = &ops[done];
		struct semaphore *sem = &s->sem[op->number];
		int adjust = u ? u->adjust[op->number] - op->operation : 0;

		*blocked = op;
		if (op->operation == 0 ? sem->value != 0 : sem->value + op->operation < 0)
			err = -EAGAIN;
		else if (sem->value + op->operation > SEM_MAX ||
			 (op->flags & SEM_UNDO && (adjust < -SEM_MAX - 1 || adjust > SEM_MAX)))
			err = -ERANGE;
		if (err < 0)
			break;
		sem->value = (uint16_t)(sem->value + op->operation);
		if (op->flags & SEM_UNDO && u)
			u->adjust[op->number] = (int16_t)adjust;
	}
	if (err == 0) {
		for (uint32_t i = 0; i < n; i++)
			s->sem[ops[i].number].pid = current_process->pid;
		s->operated = sysv_seconds();
		return 0;
	}
	while (done-- > 0) {
		const struct abi_sembuf *op = &ops[done];

		s->sem[op->number].value = (uint16_t)(s->sem[op->number].value - op->operation);
		if (op->flags & SEM_UNDO && u)
			u->adjust[op->number] = (int16_t)(u->adjust[op->number] + op->operation);
	}
	return err;
}

static uint16_t *waiting(struct set *s, const struct abi_sembuf *op)
{
	struct semaphore *sem = &s->sem[op->number];

	return op->operation ? &sem->increasing : &sem->zero;
}

int sem_operate(int id, const struct abi_sembuf *ops, uint32_t n, nsec deadline)
{
	const struct abi_sembuf *blocked;
	struct waiter w;
	bool alters = false;
	struct set *s;
	int err, why;

	for (uint32_t i = 0; i < n; i++)
		alters |= ops[i].operation != 0;
	if (!(s = set_lock(id, alters ? 0222 : 0444, &err)))
		return err;
	err = operate(s, ops, n, &blocked);
	if (err == -EAGAIN && !(blocked->flags & IPC_NOWAIT)) {
		wait_begin(&s->changed, &w);
		/* what changed before we were in the queue */
		err = operate(s, ops, n, &blocked);
		while (err == -EAGAIN && !(blocked->flags & IPC_NOWAIT)) {
			uint16_t *count = waiting(s, blocked);

			++*count;
			unlock(&sem_lock);
			why = wait_sleep(deadline);
			lock(&sem_lock);
			--*count;
			err = s->o.removed ? -EIDRM : operate(s, ops, n, &blocked);
			if (err == -EAGAIN && why < 0) {
				err = why == -ETIMEDOUT ? -EAGAIN : -EINTR;
				break;
			}
		}
		wait_end(&w);
	}
	if (err == 0 && alters)
		wake_all(&s->changed);
	set_unlock(s);
	return err;
}

/* ---- semctl ---- */

int sem_read(int id, uint32_t number, int command)
{
	struct semaphore sem;
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0444, &err)))
		return err;
	err = number < s->n ? 0 : -EINVAL;
	if (err == 0)
		sem = s->sem[number];
	set_unlock(s);
	if (err < 0)
		return err;
	return command == GETVAL  ? sem.value :
	       command == GETPID  ? sem.pid :
	       command == GETNCNT ? sem.increasing :
				    sem.zero;
}

int sem_write(int id, uint32_t number, int value)
{
	struct set *s;
	int err;

	if (value < 0 || value > SEM_MAX)
		return -ERANGE;
	if (!(s = set_lock(id, 0222, &err)))
		return err;
	err = number < s->n ? 0 : -EINVAL;
	if (err == 0) {
		s->sem[number].value = (uint16_t)value;
		s->sem[number].pid = current_process->pid;
		s->o.changed = sysv_seconds();
		undo_forget(s, number, number + 1);
		wake_all(&s->changed);
	}
	set_unlock(s);
	return err;
}

int sem_count(int id)
{
	struct set *s;
	int n;

	if (!(s = set_lock(id, 0, &n)))
		return n;
	n = (int)s->n;
	set_unlock(s);
	return n;
}

int sem_read_all(int id, uint16_t *values)
{
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0444, &err)))
		return err;
	for (uint32_t i = 0; i < s->n; i++)
		values[i] = s->sem[i].value;
	set_unlock(s);
	return 0;
}

int sem_write_all(int id, const uint16_t *values)
{
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0222, &err)))
		return err;
	for (uint32_t i = 0; i < s->n; i++)
		if (values[i] > SEM_MAX)
			err = -ERANGE;
	if (err == 0) {
		for (uint32_t i = 0; i < s->n; i++) {
			s->sem[i].value = values[i];
			s->sem[i].pid = current_process->pid;
		}
		s->o.changed = sysv_seconds();
		undo_forget(s, 0, s->n);
		wake_all(&s->changed);
	}
	set_unlock(s);
	return err;
}

int sem_stat(int id, struct abi_semid *out)
{
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0444, &err)))
		return err;
	*out = (struct abi_semid){ .perm = s->o.perm, .otime = s->operated,
				   .ctime = s->o.changed, .nsems = (uint16_t)s->n };
	set_unlock(s);
	return 0;
}

int sem_set(int id, const struct abi_semid *in)
{
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0, &err)))
		return err;
	if ((err = sysv_owner(&s->o)) == 0)
		sysv_set(&s->o, &in->perm);
	set_unlock(s);
	return err;
}

int sem_remove(int id)
{
	struct set *s;
	int err;

	if (!(s = set_lock(id, 0, &err)))
		return err;
	if ((err = sysv_owner(&s->o)) == 0) {
		s->o.removed = true;
		wake_all(&s->changed);
	}
	unlock(&sem_lock);
	if (err == 0)
		sysv_remove(&table, &s->o);
	sysv_put(&table, &s->o);
	return err;
}
