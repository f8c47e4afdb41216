/*
 * pipe2.
 */
#include "../task/task.h"
#include "../vfs/pipe.h"
#include <sys.h>

int32_t sys_pipe2(uint32_t fds, uint32_t flags)
{
	struct fdtable *table = current_process->files;
	bool cloexec = flags & O_CLOEXEC;
	struct file *reader, *writer;
	int32_t fd[2];
	int err;

	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = pipe_new(&reader, &writer, flags & O_NONBLOCK);
	if (err < 0)
		return err;
	fd[0] = fd_install(table, reader, 0, cloexec);
	if (fd[0] < 0) {
		file_put(writer);
		return fd[0];
	}
	fd[1] = fd_install(table, writer, 0, cloexec);
	if (fd[1] < 0) {
		fd_close(table, fd[0]);
		return fd[1];
	}
	err = copy_out(fds, fd, sizeof(fd));
	if (err < 0) {
		fd_close(table, fd[0]);
		fd_close(table, fd[1]);
	}
	return err;
}
