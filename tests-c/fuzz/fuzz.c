/*
 * libFuzzer's start from inside a test, and the walk through a hostile tree.
 */
#include "fuzz.h"

#include "../../kernel-c/lib/alloc.h"

#define NAMES 40

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));
char *getenv(const char *name);

int fuzz_drive(const char *name, int (*one)(const uint8_t *data, size_t size))
{
	static char *words[32];
	char **argv = words, *all = kstrdup(getenv("TABOS_FUZZ") ? getenv("TABOS_FUZZ") : "-runs=1000");
	int argc = 1;

	words[0] = kstrdup(name);
	while (all && argc < (int)countof(words)) {
		words[argc++] = all;
		if ((all = strchr(all, ' ')))
			*all++ = 0;
	}
	return LLVMFuzzerRunDriver(&argc, &argv, one);
}

struct names {
	struct dir_sink sink;
	char name[NAMES][64];
	int n;
};

static bool take_name(struct dir_sink *s, const char *name, size_t length, uint64_t ino,
		      uint8_t type, int64_t next)
{
	struct names *to = container_of(s, struct names, sink);

	(void)ino, (void)type, (void)next;
	if (to->n == NAMES)
		return false;
	if (length >= sizeof to->name[0] || name[0] == '.')
		return true;
	memcpy(to->name[to->n], name, length);
	to->name[to->n++][length] = 0;
	return true;
}

/* Does it lead to somewhere in the image (a broken link may lead into /proc)? A link is read. */
static bool look(const char *path, const struct superblock *sb, char *buffer)
{
	struct path p;
	bool inside;

	if (path_lookup(current_process, AT_FDCWD, path, 0, &p) < 0)
		return false;
	if (S_ISLNK(p.dentry->inode->mode))
		p.dentry->inode->ops->readlink(p.dentry->inode, buffer, PATH_MAX);
	path_put(&p);
	if (path_lookup(current_process, AT_FDCWD, path, WALK_FOLLOW, &p) < 0)
		return true; /* opening it fails, and removing it need not */
	inside = p.dentry->inode->sb == sb;
	path_put(&p);
	return inside;
}

void fuzz_walk(const char *path, int depth, const struct fuzz_visitor *v)
{
	struct names *names = kzalloc(sizeof *names);
	char *below = kmalloc(PATH_MAX), *buffer = kmalloc(PATH_MAX);
	const struct superblock *sb;
	struct file *dir;
	int err;

	if (depth == 0 || !(dir = vfs_open(current_process, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &err)))
		goto out;
	names->sink.entry = take_name;
	if (dir->ops->readdir)
		dir->ops->readdir(dir, &names->sink);
	sb = dir->inode->sb;
	file_put(dir);
	for (int i = 0; i < names->n; i++) {
		ksnprintf(below, PATH_MAX, "%s/%s", path, names->name[i]);
		if (!look(below, sb, buffer))
			continue;
		v->use(below);
		fuzz_walk(below, depth - 1, v);
		if (v->change)
			v->change(below, i);
	}
out:
	kfree(names);
	kfree(below);
	kfree(buffer);
}
