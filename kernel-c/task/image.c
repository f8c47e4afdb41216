/*
 * Images: from a path to a compiled module (module.c), and what a process takes
 * over from it.
 */
#include "../host.h"
#include "../kernel.h"
#include "../lib/alloc.h"
#include "timer.h"
#include "trace.h"
#include "worker.h"

#define INTERPRETERS_MAX 4 /* #! scripts run by #! scripts */
#define HASHBANG_MAX 256

/* ---- arguments ---- */

struct collector { /* NUL-separated strings growing to ARG_MAX */
	char *buf;
	uint32_t length, size;
};

static int collect_room(struct collector *c, uint32_t more)
{
	uint32_t size = c->size ? c->size : 1024;
	char *bigger;

	if (c->length + more > ARG_MAX)
		return -E2BIG;
	while (size < c->length + more)
		size *= 2;
	if (size == c->size)
		return 0;
	bigger = krealloc(c->buf, size);
	if (!bigger)
		return -ENOMEM;
	c->buf = bigger;
	c->size = size;
	return 0;
}

/* The strings of the NULL-terminated vector at `vector` (0: none); how many. */
static int collect_vector(struct collector *c, uaddr vector)
{
	int err, count = 0;
	uaddr string;

	for (;; count++, vector += 4) {
		if (!vector)
			return 0;
		if ((err = copy_in(&string, vector, 4)) < 0)
			return err;
		if (!string)
			return count;
		err = -ENAMETOOLONG;
		for (uint32_t room = 256; err == -ENAMETOOLONG; room *= 2) {
			if ((err = collect_room(c, min(room, ARG_MAX - c->length))) < 0)
				return err;
			if (c->length == ARG_MAX)
				return -E2BIG;
			err = copy_in_string(c->buf + c->length, string, c->size - c->length);
			if (err == -ENAMETOOLONG && c->size >= ARG_MAX)
				return -E2BIG;
		}
		if (err < 0)
			return err;
		c->length += err + 1;
	}
}

static void args_set(struct image *m, struct collector *c)
{
	m->args = c->buf;
	m->length = c->length;
}

int image_args(struct image *m, uaddr argv, uaddr envp)
{
	struct collector c = { 0 };
	int n;

	if ((n = collect_vector(&c, argv)) < 0)
		goto fail;
	m->argc = n;
	if (n == 0) { /* programs expect an argv[0]; so does Linux since 5.18 */
		if ((n = collect_room(&c, 1)) < 0)
			goto fail;
		c.buf[c.length++] = '\0';
		m->argc = 1;
	}
	m->args_only = c.length;
	if ((n = collect_vector(&c, envp)) < 0)
		goto fail;
	m->envc = n;
	args_set(m, &c);
	return 0;
fail:
	kfree(c.buf);
	return n;
}

static uint32_t count_strings(const char *s, size_t n)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += s[i] == '\0';
	return count;
}

int image_args_kernel(struct image *m, const char *argv, size_t alen, const char *envp, size_t elen)
{
	struct collector c = { 0 };
	int err;

	if (alen == 0 || argv[alen - 1] != '\0' || (elen && envp[elen - 1] != '\0'))
		return -EINVAL;
	if (alen > ARG_MAX || elen > ARG_MAX)
		return -E2BIG;
	if ((err = collect_room(&c, alen + elen)) < 0)
		return err;
	memcpy(c.buf, argv, alen);
	memcpy(c.buf + alen, envp, elen);
	c.length = alen + elen;
	m->argc = count_strings(argv, alen);
	m->envc = count_strings(envp, elen);
	m->args_only = alen;
	args_set(m, &c);
	return 0;
}

/* Replace argv[0] by the strings in head (NUL-separated, n bytes). */
static int args_replace_first(struct image *m, const char *head, uint32_t n)
{
	uint32_t first = strlen(m->args) + 1;
	char *args;

	if (m->length - first + n > ARG_MAX)
		return -E2BIG;
	args = kmalloc(m->length - first + n);
	if (!args)
		return -ENOMEM;
	memcpy(args, head, n);
	memcpy(args + n, m->args + first, m->length - first);
	kfree(m->args);
	m->args = args;
	m->length += n - first;
	m->args_only += n - first;
	m->argc += count_strings(head, n) - 1;
	return 0;
}

/* ---- compiling ---- */

static int compile(struct image *m)
{
	struct inode *inode = m->file->inode;
	uint32_t version = __atomic_load_n(&inode->version, __ATOMIC_ACQUIRE);
	int64_t n, at = 0, size = inode->size;
	char reason[256] = "";
	char *buf;
	int id;

	if (size > 256 << 20)
		return -ENOEXEC;
	buf = page_alloc(4);
	if (!buf)
		return -ENOMEM;
	id = host_compile_begin(size);
	while (id >= 0 && at < size) {
		n = file_read_kernel(m->file, buf, PAGE_SIZE << 4, at);
		id = n < 0 ? (int)n : n == 0 ? -ENOEXEC : host_compile_bytes(buf, n);
		at += n;
	}
	if (id >= 0)
		id = host_compile_end(reason, sizeof(reason));
	page_free(buf, 4);
	if (id < 0) {
		if (reason[0])
			image_complain(m->path, reason);
		return id;
	}
	m->module = module_add(inode, version, id);
	return m->module ? 0 : -ENOMEM;
}

/* ---- loading ---- */

/* Split "#! interpreter optional-argument": the new argv head, and m->path. */
static int hashbang(struct image *m, char *line, int64_t n)
{
	char head[HASHBANG_MAX + PATH_MAX], *name, *arg, *end;
	uint32_t length = 0;

	line[n] = '\0';
	end = strchr(line, '\n');
	if (!end) {
		if (n == HASHBANG_MAX)
			return -ENOEXEC; /* who knows what was cut off */
		end = line + n;
	}
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	for (name = line + 2; *name == ' ' || *name == '\t'; name++)
		;
	for (arg = name; *arg && *arg != ' ' && *arg != '\t'; arg++)
		;
	if (arg == name)
		return -ENOEXEC;
	if (*arg) {
		*arg++ = '\0';
		while (*arg == ' ' || *arg == '\t')
			arg++;
	}
	length = kstrlcpy(head, name, sizeof(head)) + 1;
	if (*arg)
		length += kstrlcpy(head + length, arg, sizeof(head) - length) + 1;
	length += kstrlcpy(head + length, m->path, sizeof(head) - length) + 1;
	kstrlcpy(m->path, name, sizeof(m->path));
	return args_replace_first(m, head, length);
}

static void set_name(struct image *m, const char *path)
{
	const char *slash = strrchr(path, '/');

	kstrlcpy(m->name, slash ? slash + 1 : path, sizeof(m->name));
}

static int open_image(struct image *m, struct process *p, int dirfd, uint32_t flags)
{
	int err = 0;

	m->file = vfs_open_exec(p, dirfd, m->path, flags, &err);
	return m->file ? 0 : err;
}

int image_load(struct image *m, struct process *p, int dirfd, uint32_t flags)
{
	char line[HASHBANG_MAX + 1];
	int64_t n;
	int err;

	set_name(m, m->path);
	for (int depth = 0; depth <= INTERPRETERS_MAX; depth++) {
		if ((err = open_image(m, p, dirfd, flags)) < 0)
			return err;
		m->module = module_find(m->file->inode);
		if (m->module)
			return 0;
		n = file_read_kernel(m->file, line, HASHBANG_MAX, 0);
		if (n < 0)
			return (int)n;
		if (n >= 4 && memcmp(line, "\0asm", 4) == 0)
			return compile(m);
		if (n < 3 || line[0] != '#' || line[1] != '!')
			return -ENOEXEC;
		if ((err = hashbang(m, line, n)) < 0)
			return err;
		file_put(m->file);
		m->file = NULL;
		dirfd = AT_FDCWD;
		flags = 0;
	}
	return -ELOOP;
}

void image_free(struct image *m)
{
	if (m->file)
		file_put(m->file);
	if (m->module)
		module_put(m->module);
	kfree(m->args);
	kfree(m);
}

static void reset_signals(struct process *p)
{
	for (int i = 0; i < NSIG; i++)
		if (p->sighand.action[i].handler != SIG_IGN)
			p->sighand.action[i] = (struct abi_sigaction){ 0 };
		else
			p->sighand.action[i].flags = 0;
}

static void set_ids(struct process *p, struct file *f)
{
	struct inode *inode = f->inode;
	uint32_t bits = vfs_allows_set_id(f) ? inode->mode : 0;

	if (bits & S_ISUID)
		p->cred.euid = inode->uid;
	if ((bits & (S_ISGID | 0010)) == (S_ISGID | 0010))
		p->cred.egid = inode->gid;
	p->cred.suid = p->cred.euid;
	p->cred.sgid = p->cred.egid;
}

void image_commit(struct image *m, struct process *p, struct task *t)
{
	struct module *old_module;
	struct file *old_file;
	char *old_args;

	lock(&p->lock);
	old_args = p->args;
	old_file = p->image;
	old_module = p->module;
	p->args = m->args;
	p->args_length = m->length;
	p->args_only = m->args_only;
	p->argc = m->argc;
	p->envc = m->envc;
	p->image = m->file;
	p->module = m->module;
	memcpy(p->name, m->name, sizeof(p->name));
	reset_signals(p);
	set_ids(p, m->file);
	if (p->cred.euid != p->cred.uid || p->cred.egid != p->cred.gid)
		trace_set_id(p);
	t->pending_word = t->clear_tid = t->robust_list = 0;
	t->alt_stack = (struct abi_sigstack){ .flags = SS_DISABLE };
	unlock(&p->lock);
	m->args = NULL;
	m->file = NULL;
	m->module = NULL;
	kfree(old_args);
	if (old_module)
		module_put(old_module);
	if (old_file)
		file_put(old_file);
	ptimers_free(p);
	fdtable_close_on_exec(p->files);
}
