/* What the fuzzers of filesystems share. */
#ifndef FUZZ_H
#define FUZZ_H

#include "../kernel/vfs_test.h"

/* Let libFuzzer call `one`, with the arguments in TABOS_FUZZ: 0 when it found nothing. */
int fuzz_drive(const char *name, int (*one)(const uint8_t *data, size_t size));

/* What is done with each name of a tree; the count is of the names of one directory. */
struct fuzz_visitor {
	void (*use)(const char *path);               /* before what is below */
	void (*change)(const char *path, int count); /* after it; may be NULL */
};

/*
 * Visit what is below a directory, `depth` directories deep at most and few names
 * of each: a broken one may be endless. Symbolic links are read.
 */
void fuzz_walk(const char *path, int depth, const struct fuzz_visitor *v);

#endif
