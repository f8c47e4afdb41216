/*
 * Decompression of one block in memory, for filesystems. Nothing of the input is
 * trusted: whatever it holds, the output stays within `room` and the work within
 * what input and output are long.
 *
 * None of them sleeps. Each takes its workspace from kmalloc and gives it back.
 */
#ifndef DECOMPRESS_H
#define DECOMPRESS_H

#include "../types.h"

/* All return how many bytes came out, -EIO when the input is not sound or longer than
 * `room` when expanded, -ENOMEM. `to` and `from` don't overlap. */
int64_t inflate_zlib(void *to, size_t room, const void *from, size_t n); /* RFC 1950 */
int64_t lz4_block(void *to, size_t room, const void *from, size_t n);
int64_t zstd_frame(void *to, size_t room, const void *from, size_t n);   /* RFC 8878 */

#endif
