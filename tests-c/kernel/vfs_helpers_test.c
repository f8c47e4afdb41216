/*
 * Helpers of vfs_test.h.
 */
#include "vfs_test.h"

#include "../../kernel-c/lib/alloc.h"

static void remove_tree(const char *path)
{
	char name[PATH_MAX];

	for (;;) {
		const char *names = list_dir(path);
		const char *space = strchr(names, ' ');
		size_t n = strlen(path);

		if (!names[0])
			break;
		memcpy(name, path, n);
		name[n++] = '/';
		kstrlcpy(name + n, names, space ? (size_t)(space - names) + 1 : sizeof name - n);
		if (vfs_unlink(NULL, AT_FDCWD, name, false) < 0)
			remove_tree(name);
	}
	vfs_unlink(NULL, AT_FDCWD, path, true);
}

void vfs_begin(void)
{
	current_process->fs = fs_context_new();
	become_user(0, 0);
	remove_tree("/tmp/t");
	vfs_mkdir(NULL, AT_FDCWD, "/tmp/t", 0777);
	vfs_chdir(current_process, "/tmp/t");
	__atomic_store_n(&current_process->fs->umask, 022, __ATOMIC_RELAXED);
}

uaddr U(const char *text)
{
	return test_user_copy(text, strlen(text) + 1);
}

int open_at(const char *path, uint32_t flags, uint32_t mode)
{
	return sys_openat(AT_FDCWD, U(path), flags, mode);
}

int make_dir(const char *path, uint32_t mode)
{
	return sys_mkdirat(AT_FDCWD, U(path), mode);
}

int write_text(int fd, const char *text)
{
	return sys_write(fd, U(text), (uint32_t)strlen(text));
}

int put_file(const char *path, const char *text)
{
	int fd = open_at(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	int n;

	if (fd < 0)
		return fd;
	n = write_text(fd, text);
	sys_close(fd);
	return n < 0 ? n : 0;
}

const char *get_file(const char *path)
{
	static char text[16384];
	int err;
	struct file *f = vfs_open(current_process, AT_FDCWD, path, O_RDONLY, 0, &err);
	int64_t n;

	text[0] = 0;
	if (!f)
		return text;
	n = file_read_kernel(f, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	file_put(f);
	return text;
}

int stat_of(const char *path, struct abi_stat *st)
{
	uaddr buffer = test_user(sizeof *st);
	int err = sys_fstatat(AT_FDCWD, U(path), buffer, AT_SYMLINK_NOFOLLOW);

	memcpy(st, test_user_at(buffer), sizeof *st);
	return err;
}

void become_user(uint32_t uid, uint32_t gid)
{
	current_process->cred = (struct cred){ uid, uid, uid, gid, gid, gid, 0, { 0 } };
}

struct names {
	struct dir_sink sink;
	char text[8192];
	size_t length;
};

static bool add_name(struct dir_sink *s, const char *name, size_t length, uint64_t ino, uint8_t type,
		     int64_t next)
{
	struct names *n = container_of(s, struct names, sink);

	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return true;
	if (n->length + length + 2 > sizeof n->text)
		return false;
	if (n->length)
		n->text[n->length++] = ' ';
	memcpy(n->text + n->length, name, length);
	n->length += length;
	n->text[n->length] = 0;
	return true;
}

const char *list_dir(const char *path)
{
	static struct names n;
	int err;
	struct file *f = vfs_open(NULL, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &err);

	n.sink.entry = add_name;
	n.length = 0;
	n.text[0] = 0;
	if (f) {
		f->ops->readdir(f, &n.sink);
		file_put(f);
	}
	return n.text;
}

int rename_to(const char *from, const char *to, uint32_t flags)
{
	return sys_renameat2(AT_FDCWD, U(from), AT_FDCWD, U(to), flags);
}
