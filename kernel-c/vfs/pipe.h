/*
 * Pipes and FIFOs, for system calls. fifo_ops is in file.h.
 */
#ifndef PIPE_H
#define PIPE_H

#include "file.h"

/* Both ends of a new pipe, each with one reference; flags may hold O_NONBLOCK. */
int pipe_new(struct file **reader, struct file **writer, uint32_t flags);
/* F_GETPIPE_SZ and F_SETPIPE_SZ: the size in bytes; -EBADF when f is no pipe, -EBUSY, -EPERM. */
int pipe_size(struct file *f);
int pipe_resize(struct file *f, uint32_t size);

#endif
