/*
 * Process-shared mutexes, read-write locks and spin locks. Who can't have one waits
 * with FUTEX_WAIT for the word to be another than the operation has found.
 */
#include <sched.h>

#include "pthread_impl.h"
#include "tabos_shared.h"

static int lock(pthread_mutex_t *m)
{
	int type = m->_m_type;
	int operation = WORD_LOCK | (type & 4 ? WORD_ROBUST : 0);
	/* the kernel need not remember who owns a normal one */
	int r = __shared_word(&m->_m_lock, operation, type & 7);

	if (r == 0 || r == -EOWNERDEAD)
		m->_m_count = 0;
	return r;
}

static int lock_again(pthread_mutex_t *m)
{
	if (m->_m_count >= INT_MAX)
		return EAGAIN;
	m->_m_count++;
	return 0;
}

int __shared_mutex_trylock(pthread_mutex_t *m)
{
	int r = lock(m);

	if (r == -EDEADLK)
		return (m->_m_type & 3) == PTHREAD_MUTEX_RECURSIVE ? lock_again(m) : EBUSY;
	return r > 0 ? EBUSY : -r;
}

int __shared_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	int r, e;

	for (;;) {
		r = lock(m);
		if (r == -EDEADLK) {
			if ((m->_m_type & 3) == PTHREAD_MUTEX_RECURSIVE)
				return lock_again(m);
			if ((m->_m_type & 3) == PTHREAD_MUTEX_ERRORCHECK)
				return EDEADLK;
			r = __pthread_self()->tid;
		}
		if (r <= 0)
			return -r;
		e = __timedwait(&m->_m_lock, r, CLOCK_REALTIME, at, 0);
		if (e && e != EINTR)
			return e;
	}
}

int __shared_mutex_unlock(pthread_mutex_t *m)
{
	int type = m->_m_type;

	if ((type & 3) == PTHREAD_MUTEX_RECURSIVE) {
		if ((__shared_word(&m->_m_lock, WORD_LOAD, 0) & 0x3fffffff) != __pthread_self()->tid)
			return EPERM;
		if (m->_m_count)
			return m->_m_count--, 0;
	}
	return -__shared_word(&m->_m_lock, WORD_UNLOCK | (type & 4 ? WORD_ROBUST : 0), 0);
}

int __shared_rwlock_try(pthread_rwlock_t *rw, int operation)
{
	int r = __shared_word(&rw->_rw_lock, operation, 0);

	return r > 0 ? EBUSY : -r;
}

int __shared_rwlock_lock(pthread_rwlock_t *rw, int operation, const struct timespec *at)
{
	int r, e;

	while ((r = __shared_word(&rw->_rw_lock, operation, 0)) > 0) {
		e = __timedwait(&rw->_rw_lock, r, CLOCK_REALTIME, at, 0);
		if (e && e != EINTR)
			return e;
	}
	return -r;
}

int __shared_spin_lock(pthread_spinlock_t *s)
{
	int r;

	while ((r = __shared_word(s, WORD_LOCK, 0)) > 0)
		sched_yield();
	return -r;
}
