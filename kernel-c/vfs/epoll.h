/*
 * epoll sets (epoll.c), for sys/event.c and for files that are closed.
 */
#ifndef EPOLL_H
#define EPOLL_H

#include "file.h"

#define EPOLL_AT_ONCE 64 /* events that one call returns at most */

/* An empty set, as a file; NULL and *err. */
struct file *epoll_new(int *err);
/*
 * EPOLL_CTL_ADD, MOD (both with e) or DEL of f as descriptor fd: 0, -EEXIST,
 * -ENOENT, -ELOOP, -EPERM (f can't be polled), -EINVAL, -ENOMEM. May sleep.
 */
int epoll_change(struct file *set, int operation, struct file *f, int fd,
		 const struct abi_epoll_event *e);
/* Wait for up to max events, to the deadline (0: don't wait): how many, -EINTR or -EINVAL. */
int epoll_wait_events(struct file *set, struct abi_epoll_event *out, int max, nsec deadline);
/* The last reference to f, which was once watched, is gone: end its watches. */
void epoll_forget(struct file *f);

#endif
