/*
 * Descriptors that tell of events: eventfd, timerfd, signalfd. The files that
 * make them; sys/event.c has the calls.
 */
#ifndef EVENT_H
#define EVENT_H

#include "../task/task.h"
#include "../vfs/file.h"

/* An open file without a name, over its own inode; `private` is consumed by ops->release. */
struct file *event_file(const struct file_ops *ops, void *private, uint32_t flags, int *err);

/* A counter of 64 bits; with `semaphore` a read takes 1. */
struct file *eventfd_new(uint32_t count, bool semaphore, uint32_t flags, int *err);

/* On CLOCK_REALTIME, MONOTONIC or BOOTTIME; else -EINVAL. */
struct file *timerfd_new(int clock, uint32_t flags, int *err);
/* -EINVAL when f is no timerfd. left and old_interval are what it was. */
int timerfd_set(struct file *f, bool absolute, nsec value, nsec interval, nsec *left,
		nsec *old_interval);
int timerfd_get(struct file *f, nsec *left, nsec *interval);

/* Reads the caller's pending signals of `mask`. */
struct file *signalfd_new(sigset mask, uint32_t flags, int *err);
/* -EINVAL when f is no signalfd. */
int signalfd_set_mask(struct file *f, sigset mask);
/* A signal was made pending for somebody. */
void signalfd_wake(void);

#endif
