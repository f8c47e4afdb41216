/*
 * What the kernel itself mounts at boot by /etc/fstab: package images. Their
 * filesystem asks nothing of a driver until it is looked into, so the supervisor
 * can do it, before any program runs. All else is for mount(8) and the boot code.
 */
#include "fstab.h"

#include "../kernel.h"
#include "../lib/alloc.h"
#include "mount.h"

#define FSTAB "/etc/fstab"
#define FSTAB_MAX 65536

enum { SOURCE, TARGET, TYPE, OPTIONS, FIELDS };

/* Split off the next field of a line; NULL at its end. */
static char *field_next(char **at)
{
	char *start = *at, *end;

	while (*start == ' ' || *start == '\t')
		start++;
	if (*start == 0 || *start == '#')
		return NULL;
	end = start;
	while (*end && *end != ' ' && *end != '\t')
		end++;
	*at = *end ? end + 1 : end;
	*end = 0;
	return start;
}

static bool at_boot(const char *type)
{
	struct fs_type *fs = fs_type_find(type);

	return fs && fs->at_boot;
}

static void line_mount(char *line)
{
	char *field[FIELDS];
	int err;

	for (int i = 0; i < FIELDS; i++)
		if (!(field[i] = field_next(&line)))
			return;
	if (!at_boot(field[TYPE]))
		return;
	err = vfs_mount(NULL, field[SOURCE], field[TARGET], field[TYPE], MS_RDONLY, field[OPTIONS]);
	if (err < 0)
		klog(3, "%s: %s can't be mounted: error %d", FSTAB, field[TARGET], -err);
}

void fstab_mount(void)
{
	char *text = kmalloc(FSTAB_MAX), *line, *end;
	struct file *f;
	int64_t n;
	int err;

	if (!text)
		return;
	if (!(f = vfs_open(NULL, AT_FDCWD, FSTAB, O_RDONLY, 0, &err)))
		goto free; /* a system without one */
	n = file_read_kernel(f, text, FSTAB_MAX - 1, 0);
	file_put(f);
	text[max(n, (int64_t)0)] = 0;
	for (line = text; *line; line = end) {
		if ((end = strchr(line, '\n')))
			*end++ = 0;
		else
			end = line + strlen(line);
		line_mount(line);
	}
free:
	kfree(text);
}
