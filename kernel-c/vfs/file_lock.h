/*
 * Advisory locks: POSIX record locks, those of open file descriptions, flock.
 */
#ifndef FILE_LOCK_H
#define FILE_LOCK_H

#include "file.h"

/* fcntl(F_GETLK...): lk is the caller's, already in kernel memory. May sleep. */
int file_lock_get(struct file *f, struct abi_flock *lk, bool ofd);
int file_lock_set(struct file *f, const struct abi_flock *lk, bool ofd, bool wait);
int file_flock(struct file *f, int operation);
/* Table t closed a descriptor of f: its record locks on the inode go. Never sleeps. */
void file_locks_close(struct fdtable *t, struct file *f);
/* f is going away: its description's locks go. Never sleeps. */
void file_locks_release(struct file *f);
/* For /proc/locks and tests: how many locks the inode has. */
int file_locks_count(struct inode *inode);

#endif
