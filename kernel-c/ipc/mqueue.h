/*
 * POSIX message queues (mqueue.c), for sys/ipc.c.
 */
#ifndef MQUEUE_H
#define MQUEUE_H

#include "../vfs/file.h"

/* Open, or with O_CREAT make, the queue of that name; attr may be NULL. NULL and *err. */
struct file *mqueue_open(const char *name, uint32_t flags, uint32_t mode,
			 const struct abi_mq_attr *attr, int *err);
int mqueue_unlink(const char *name);
/* -EBADF when f is no queue, or not open for it. Both may sleep, to the monotonic deadline. */
int mqueue_send(struct file *f, uaddr data, uint32_t length, uint32_t priority, nsec deadline);
int mqueue_receive(struct file *f, uaddr data, uint32_t length, uaddr priority, nsec deadline);
/* Notify the current process of the next message in an empty queue; NULL: no more. */
int mqueue_notify(struct file *f, const struct abi_sigevent *event);
int mqueue_attributes(struct file *f, const struct abi_mq_attr *new, struct abi_mq_attr *old);

#endif
