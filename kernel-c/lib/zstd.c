/*
 * Zstandard, by the decoder of libzstd, whose source userland/zstd.sh puts into
 * build/gen/zstd. It is compiled into this file; its own allocations are off, so
 * it works in the workspace we give it.
 */
#include "alloc.h"
#include "decompress.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <limits.h>
/* The C library, as it knows it. */
#define ZSTD_DEPS_COMMON
#define ZSTD_memcpy(to, from, n) __builtin_memcpy(to, from, n)
#define ZSTD_memmove(to, from, n) __builtin_memmove(to, from, n)
#define ZSTD_memset(p, c, n) __builtin_memset(p, c, n)
#define ZSTD_DEPS_MALLOC
#define ZSTD_malloc(n) ((void)(n), (void *)0)
#define ZSTD_calloc(m, n) ((void)(m), (void)(n), (void *)0)
#define ZSTD_free(p) ((void)(p))
#define XXH_PRIVATE_API
#define XXH_NAMESPACE ZSTD_
#define XXH_STATIC_ASSERT(c) _Static_assert(c, #c)
#define XXH_STATIC_ASSERT_WITH_MESSAGE(c, message) _Static_assert(c, message)
#define DEBUGLEVEL 0
#define MEM_MODULE
#define ZSTD_LEGACY_SUPPORT 0
/* Of its two decoders for each part we take the smaller: as fast here, and 20 KiB less. */
#define HUF_FORCE_DECOMPRESS_X1
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT
#define ZSTD_STRIP_ERROR_STRINGS
#define ZSTD_TRACE 0
#define ZSTD_DISABLE_ASM 1
#define ZSTD_STATIC_LINKING_ONLY
#define ZSTDLIB_VISIBLE static
#define ZSTDLIB_HIDDEN static
#include <zstd/common/entropy_common.c>
#include <zstd/common/error_private.c>
#include <zstd/common/fse_decompress.c>
#include <zstd/common/zstd_common.c>
#include <zstd/decompress/huf_decompress.c>
#include <zstd/decompress/zstd_ddict.c>
#include <zstd/decompress/zstd_decompress.c>
#include <zstd/decompress/zstd_decompress_block.c>
#undef min
#undef max
#pragma clang diagnostic pop

int64_t zstd_frame(void *to, size_t room, const void *from, size_t n)
{
	size_t size = sizeof(ZSTD_DCtx), done;
	void *workspace = kmalloc(size);

	if (!workspace)
		return -ENOMEM;
	done = ZSTD_decompressDCtx(ZSTD_initStaticDCtx(workspace, size), to, room, from, n);
	kfree(workspace);
	return ZSTD_isError(done) || n == 0 ? -EIO : (int64_t)done;
}
