/*
 * System calls on message queues and semaphores: arguments and copies. What they
 * do is in ipc/.
 */
#include "../host.h"
#include "../ipc/mqueue.h"
#include "../ipc/sysv.h"
#include "../lib/alloc.h"

/* ---- POSIX message queues ---- */

static int queue_name(char *name, uaddr from)
{
	return copy_in_string(name, from, NAME_MAX + 1);
}

int32_t sys_mq_open(uint32_t user_name, uint32_t flags, uint32_t mode, uint32_t attributes)
{
	char name[NAME_MAX + 1];
	struct abi_mq_attr attr;
	struct file *f;
	int err;

	if ((err = queue_name(name, user_name)) < 0)
		return err;
	if (attributes && (err = copy_in(&attr, attributes, sizeof(attr))) < 0)
		return err;
	f = mqueue_open(name, flags, mode, attributes ? &attr : NULL, &err);
	/* always FD_CLOEXEC: POSIX closes message queues when a process execs */
	return f ? fd_install(current_process->files, f, 0, true) : err;
}

int32_t sys_mq_unlink(uint32_t user_name)
{
	char name[NAME_MAX + 1];
	int err = queue_name(name, user_name);

	return err < 0 ? err : mqueue_unlink(name);
}

/* An absolute CLOCK_REALTIME time as a monotonic deadline; 0: for ever. */
static int deadline_at(uaddr time, nsec *deadline)
{
	struct abi_timespec ts;
	int err;

	*deadline = FOREVER;
	if (!time)
		return 0;
	if ((err = copy_in(&ts, time, sizeof(ts))) < 0 ||
	    (err = timespec_to_nsec(&ts, deadline)) < 0)
		return err;
	if (*deadline != FOREVER)
		*deadline -= wall_offset;
	return 0;
}

int32_t sys_mq_timedsend(int32_t fd, uint32_t message, uint32_t length, uint32_t priority,
			 uint32_t timeout)
{
	struct file *f;
	nsec deadline;
	int err;

	if ((err = deadline_at(timeout, &deadline)) < 0)
		return err;
	if (!(f = fd_get(fd)))
		return -EBADF;
	err = mqueue_send(f, message, length, priority, deadline);
	file_put(f);
	return err;
}

int32_t sys_mq_timedreceive(int32_t fd, uint32_t message, uint32_t length, uint32_t priority,
			    uint32_t timeout)
{
	struct file *f;
	nsec deadline;
	int n;

	if ((n = deadline_at(timeout, &deadline)) < 0)
		return n;
	if (!(f = fd_get(fd)))
		return -EBADF;
	n = mqueue_receive(f, message, length, priority, deadline);
	file_put(f);
	return n;
}

int32_t sys_mq_notify(int32_t fd, uint32_t event)
{
	struct abi_sigevent e;
	struct file *f;
	int err;

	if (event && (err = copy_in(&e, event, sizeof(e))) < 0)
		return err;
	if (!(f = fd_get(fd)))
		return -EBADF;
	err = mqueue_notify(f, event ? &e : NULL);
	file_put(f);
	return err;
}

int32_t sys_mq_getsetattr(int32_t fd, uint32_t new_attributes, uint32_t old_attributes)
{
	struct abi_mq_attr new, old;
	struct file *f;
	int err;

	if (new_attributes && (err = copy_in(&new, new_attributes, sizeof(new))) < 0)
		return err;
	if (!(f = fd_get(fd)))
		return -EBADF;
	err = mqueue_attributes(f, new_attributes ? &new : NULL, &old);
	file_put(f);
	return err == 0 && old_attributes ? copy_out(old_attributes, &old, sizeof(old)) : err;
}

/* ---- System V message queues ---- */

int32_t sys_msgget(int32_t key, int32_t flags)
{
	return msg_get(key, flags);
}

int32_t sys_msgsnd(int32_t id, uint32_t message, uint32_t length, int32_t flags)
{
	int32_t type;
	int err = copy_in(&type, message, sizeof(type));

	return err < 0 ? err : msg_send(id, type, message + 4, length, flags);
}

int32_t sys_msgrcv(int32_t id, uint32_t message, uint32_t length, int32_t type, int32_t flags)
{
	/* Linux too has MSG_COPY only in kernels made to save processes */
	return flags & MSG_COPY ? -ENOSYS : msg_receive(id, message, length, type, flags);
}

int32_t sys_msgctl(int32_t id, int32_t command, uint32_t buffer)
{
	struct abi_msqid ds;
	int err;

	switch (command) {
	case IPC_STAT:
		err = msg_stat(id, &ds);
		return err < 0 ? err : copy_out(buffer, &ds, sizeof(ds));
	case IPC_SET:
		err = copy_in(&ds, buffer, sizeof(ds));
		return err < 0 ? err : msg_set(id, &ds);
	case IPC_RMID:
		return msg_remove(id);
	default:
		return -EINVAL;
	}
}

/* ---- System V semaphores ---- */

int32_t sys_semget(int32_t key, int32_t count, int32_t flags)
{
	return count < 0 ? -EINVAL : sem_get(key, (uint32_t)count, flags);
}

int32_t sys_semtimedop(int32_t id, uint32_t operations, uint32_t count, uint32_t timeout)
{
	struct abi_sembuf *ops;
	struct abi_timespec ts;
	nsec deadline = FOREVER;
	int err;

	if (count < 1)
		return -EINVAL;
	if (count > SEM_OPERATIONS)
		return -E2BIG;
	if (timeout) {
		if ((err = copy_in(&ts, timeout, sizeof(ts))) < 0 ||
		    (err = timespec_to_nsec(&ts, &deadline)) < 0)
			return err;
		deadline = nsec_add(host_clock(), deadline);
	}
	ops = kmalloc(count * sizeof(ops[0]));
	if (!ops)
		return -ENOMEM;
	err = copy_in(ops, operations, count * sizeof(ops[0]));
	if (err == 0)
		err = sem_operate(id, ops, count, deadline);
	kfree(ops);
	return err;
}

int32_t sys_semop(int32_t id, uint32_t operations, uint32_t count)
{
	return sys_semtimedop(id, operations, count, 0);
}

/* GETALL and SETALL, `values` being the array in the program's memory. */
static int all_values(int id, int command, uaddr values)
{
	int n = sem_count(id), err;
	uint16_t *v;

	if (n < 0)
		return n;
	v = kmalloc((size_t)n * sizeof(v[0]));
	if (!v)
		return -ENOMEM;
	if (command == GETALL) {
		err = sem_read_all(id, v);
		if (err == 0)
			err = copy_out(values, v, (size_t)n * sizeof(v[0]));
	} else {
		err = copy_in(v, values, (size_t)n * sizeof(v[0]));
		if (err == 0)
			err = sem_write_all(id, v);
	}
	kfree(v);
	return err;
}

int32_t sys_semctl(int32_t id, int32_t number, int32_t command, uint32_t argument)
{
	struct abi_semid ds;
	int err;

	switch (command) {
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return sem_read(id, (uint32_t)number, command);
	case SETVAL:
		return sem_write(id, (uint32_t)number, (int32_t)argument);
	case GETALL:
	case SETALL:
		return all_values(id, command, argument);
	case IPC_STAT:
		err = sem_stat(id, &ds);
		return err < 0 ? err : copy_out(argument, &ds, sizeof(ds));
	case IPC_SET:
		err = copy_in(&ds, argument, sizeof(ds));
		return err < 0 ? err : sem_set(id, &ds);
	case IPC_RMID:
		return sem_remove(id);
	default:
		return -EINVAL;
	}
}
