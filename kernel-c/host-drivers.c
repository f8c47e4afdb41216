/*
 * The driver part of host.h: imports of wit/drivers.wit.
 */
#include "dev/request.h"
#include "host.h"

#include <kernel.h>

#define ADDRESS(p) ((uint32_t)(uintptr_t)(p))

int host_fs_open(uint32_t request, const char *name, size_t length, uint32_t flags)
{
	return fs_open(request, ADDRESS(name), length, flags);
}

int host_fs_read(uint32_t request, int store, uint32_t block, uint32_t count, void *buf)
{
	return fs_read(request, (uint32_t)store, block, count, ADDRESS(buf));
}

int host_fs_write(uint32_t request, int store, uint32_t block, uint32_t count, const void *buf)
{
	return fs_write(request, (uint32_t)store, block, count, ADDRESS(buf));
}

_Static_assert(sizeof(struct request_page) == 8, "pairs of u32, as the driver reads them");

int host_fs_read_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return fs_read_list(request, (uint32_t)store, ADDRESS(pages), count);
}

int host_fs_write_list(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return fs_write_list(request, (uint32_t)store, ADDRESS(pages), count);
}

int host_fs_estimate(uint32_t request, int store, int64_t into[2])
{
	return fs_estimate(request, (uint32_t)store, ADDRESS(into));
}

int host_fs_flush(uint32_t request, int store, const struct request_page *pages, uint32_t count)
{
	return fs_flush(request, (uint32_t)store, ADDRESS(pages), count);
}

int host_fs_seek(uint32_t request, int store, int64_t *blocks)
{
	return fs_seek(request, (uint32_t)store, ADDRESS(blocks));
}

int host_fs_close(uint32_t request, int store)
{
	return fs_close(request, (uint32_t)store);
}

int host_fs_message(uint32_t request, uint32_t tree, void *buf, size_t length, size_t capacity)
{
	return fs_message(request, tree, ADDRESS(buf), length, capacity);
}
