/*
 * Block stores in memory that keep what a store promises: what is written is
 * there for readers at once, and durable at the flush, all together. A test can
 * look at what is durable, copy it, and make requests fail.
 *
 * Every name but "idb0" opens one; they stay until test_stores_reset.
 */
#ifndef STORE_H
#define STORE_H

#include "../kernel-c/types.h"

struct request_page;

/* Empty all stores; none may be open. */
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

/* ---- for host.c ---- */
int store_open(const char *name, size_t length); /* a handle above 1 */
int store_list(int store, const struct request_page *pages, uint32_t count, bool write);
int store_flush(int store);
int store_estimate(int store, int64_t into[2]);
int64_t store_size(int store);

#endif
