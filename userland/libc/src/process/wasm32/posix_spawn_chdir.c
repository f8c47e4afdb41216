/* POSIX.1-2024's names for what musl has with _np. */
#define _GNU_SOURCE
#include <spawn.h>

int posix_spawn_file_actions_addchdir(posix_spawn_file_actions_t *restrict fa, const char *restrict path)
{
	return posix_spawn_file_actions_addchdir_np(fa, path);
}

int posix_spawn_file_actions_addfchdir(posix_spawn_file_actions_t *fa, int fd)
{
	return posix_spawn_file_actions_addfchdir_np(fa, fd);
}
