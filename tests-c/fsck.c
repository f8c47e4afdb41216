/*
 * What e2fsck says of a store, where there is one; nowhere under WASI.
 */
#ifdef __wasm__
#include "store.h"

int test_fsck(const char *store)
{
	(void)store;
	return 0;
}
#else
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#pragma clang diagnostic ignored "-Wmacro-redefined" /* the kernel has its own */
#include "store.h"

int test_fsck(const char *store)
{
	char path[] = "/tmp/tabos-fsck-XXXXXX", command[200], line[200];
	int fd = mkstemp(path), status;

	if (fd < 0 || system("e2fsck -V >/dev/null 2>&1") != 0)
		return 0;
	for (int64_t i = 0, n = test_store_blocks(store); i < n; i++) {
		const void *block = test_store_get(store, (uint32_t)i);

		if (block && pwrite(fd, block, STORE_BLOCK, (off_t)i * STORE_BLOCK) != STORE_BLOCK)
			return -1;
		if (!block && ftruncate(fd, (off_t)(i + 1) * STORE_BLOCK) < 0)
			return -1;
	}
	close(fd);
	snprintf(command, sizeof command, "e2fsck -fn %s >%s.log 2>&1 || { cat %s.log; false; }", path,
		 path, path);
	status = system(command);
	snprintf(line, sizeof line, "%s.log", path);
	unlink(line);
	if (!getenv("TABOS_KEEP_IMAGES"))
		unlink(path);
	return status >> 8 ? status >> 8 : status;
}
#endif
