/*
 * Block stores in memory that keep what a store promises: what is written is
 * there for readers at once, and durable at the flush, all together. A test can
 * look at what is durable, copy it, and make requests fail.
 *
 * Every name opens one; they stay until test_stores_reset. "idb0" is always there, has
 * the handle 1, and room for 4 MiB.
 */
#ifndef STORE_H
#define STORE_H

#include "../kernel-c/types.h"

#define STORE_BLOCK 4096

/* Empty all stores; none but idb0 may be open. */
void test_stores_reset(void);
/* What is durable in store `from` becomes all there is in `to`. */
void test_store_copy(const char *from, const char *to);
/* Put an image there, or get it: the durable one. Its length in blocks. */
void test_store_put(const char *name, uint32_t block, const void *data);
const void *test_store_get(const char *name, uint32_t block); /* NULL: zero */
int64_t test_store_blocks(const char *name);
/* From now on the next `after` writes and flushes succeed, then all fail with `error`; 0: none does. */
void test_store_fail(const char *name, int after, int error);
/* Blocks that the store can hold. */
void test_store_capacity(const char *name, int64_t blocks);
/* Called before each write and flush of a store, on the supervisor's thread; NULL: nothing. */
void test_store_watch(const char *name, void (*f)(bool flush));
/* How many flushes have been made. */
unsigned test_store_flushes(const char *name);

/* Are requests done at once, or only with test_store_complete? */
void test_store_hold(bool hold);
void test_store_complete(int result_or_zero);
int test_store_held(void); /* how many requests wait */
/* What e2fsck -fn says of what is durable in a store: its status (0: nothing to fix), with
 * its output if there is; 0 where there is no e2fsck. */
int test_fsck(const char *store);

#endif
