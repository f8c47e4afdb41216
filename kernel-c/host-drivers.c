/*
 * The driver part of host.h: imports of wit/drivers.wit.
 */
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

int host_fs_flush(uint32_t request, int store)
{
	return fs_flush(request, (uint32_t)store);
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
