/*
 * Loop devices: loop.c.
 */
#ifndef LOOP_H
#define LOOP_H

struct block_device;
struct process;

/* The loop device over the regular file at path, or NULL and *err. Sleeps. */
struct block_device *loop_open(struct process *p, const char *path, bool read_only, int *err);

#endif
