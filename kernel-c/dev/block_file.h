/*
 * What block.c's parts share.
 */
#ifndef BLOCK_FILE_H
#define BLOCK_FILE_H

#include "block.h"

struct inode;

/* The store behind a device node: its name, or -ENOTBLK. */
int block_file_store(struct inode *inode, char *name, size_t size);

/* ---- block.c, for loop.c ---- */
/* A device with one reference, not in the list yet; NULL: no memory. */
struct block_device *block_new(const struct block_ops *ops, const char *name, bool read_only);
void block_add(struct block_device *b);
/* The loop device over inode with a reference, or NULL. */
struct block_device *block_find_file(struct inode *inode);

#endif
