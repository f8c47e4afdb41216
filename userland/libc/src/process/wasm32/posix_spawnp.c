/* posix_spawnp: the PATH search of execvp over posix_spawn. */
#define _GNU_SOURCE
#include <spawn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int posix_spawnp(pid_t *restrict res, const char *restrict file,
	const posix_spawn_file_actions_t *fa,
	const posix_spawnattr_t *restrict attr,
	char *const argv[restrict], char *const envp[restrict])
{
	const char *p, *end, *path = getenv("PATH");
	size_t length = strlen(file);
	int seen_eacces = 0;

	if (!*file)
		return ENOENT;
	if (strchr(file, '/'))
		return posix_spawn(res, file, fa, attr, argv, envp);
	if (length > NAME_MAX)
		return ENAMETOOLONG;
	if (!path)
		path = "/usr/local/bin:/bin:/usr/bin";
	for (p = path;; p = end + 1) {
		char full[PATH_MAX + NAME_MAX + 2];
		size_t n;
		int err;

		end = strchrnul(p, ':');
		n = end - p;
		if (n < PATH_MAX) {
			memcpy(full, p, n);
			full[n] = '/';
			memcpy(full + n + (n > 0), file, length + 1);
			err = posix_spawn(res, full, fa, attr, argv, envp);
			if (err == EACCES)
				seen_eacces = 1;
			else if (err != ENOENT && err != ENOTDIR)
				return err;
		}
		if (!*end)
			return seen_eacces ? EACCES : ENOENT;
	}
}
