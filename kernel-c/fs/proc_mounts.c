/*
 * /proc/PID/mounts and mountinfo: what is mounted, as a process sees it.
 */
#include "procfs.h"

#include "../lib/alloc.h"
#include "../vfs/namei.h"

struct mounts_view {
	struct text *t;
	struct path root;
	char *name; /* a page */
};

/* A name with what would end a field written in octal. */
static void escape(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr(" \t\n\\", *s))
			text_printf(t, "\\%d%d%d", *s >> 6 & 3, *s >> 3 & 7, *s & 7);
		else
			text_add(t, s, 1);
}

static void show_mount(struct mount *m, void *arg)
{
	struct mounts_view *v = arg;
	struct path at = { m, m->root };
	uint32_t flags = m->flags;

	if (path_name(&at, &v->root, v->name, PAGE_SIZE) < 0)
		return; /* outside of the reader's root */
	escape(v->t, m->source[0] ? m->source : "none");
	text_add(v->t, " ", 1);
	escape(v->t, v->name);
	text_printf(v->t, " %s %s%s%s%s 0 0\n", m->sb->type->name,
		    mount_writable(m) < 0 ? "ro" : "rw", flags & MS_NOSUID ? ",nosuid" : "",
		    flags & MS_NODEV ? ",nodev" : "", flags & MS_NOEXEC ? ",noexec" : "");
}

/* A line of mountinfo: mounts have no numbers here, so devices stand for them. */
static void show_mount_info(struct mount *m, void *arg)
{
	struct mounts_view *v = arg;
	struct path at = { m, m->root };
	const char *mode = mount_writable(m) < 0 ? "ro" : "rw";

	if (path_name(&at, &v->root, v->name, PAGE_SIZE) < 0)
		return;
	text_printf(v->t, "%u %u 0:%u / ", (unsigned)m->sb->dev,
		    m->parent ? (unsigned)m->parent->sb->dev : 1u, (unsigned)m->sb->dev);
	escape(v->t, v->name);
	text_printf(v->t, " %s - %s ", mode, m->sb->type->name);
	escape(v->t, m->source[0] ? m->source : "none");
	text_printf(v->t, " %s\n", mode);
}

static void view_mounts(struct text *t, struct process *p, void (*show)(struct mount *m, void *arg))
{
	struct mounts_view v = { .t = t, .name = page_alloc(0) };

	if (!v.name) {
		t->failed = true;
		return;
	}
	if (!p || proc_root_follow(p, -1, &v.root) < 0)
		process_root(current ? current_process : NULL, &v.root);
	mount_each(show, &v);
	path_put(&v.root);
	page_free(v.name, 0);
}

void proc_show_mounts(struct text *t, struct process *p)
{
	view_mounts(t, p, show_mount);
}

void proc_show_mountinfo(struct text *t, struct process *p)
{
	view_mounts(t, p, show_mount_info);
}
