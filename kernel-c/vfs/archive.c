/*
 * The boot archive: an uncompressed tar, unpacked as it comes in.
 *
 * Understands ustar, GNU's long names and pax headers (path, linkpath, size,
 * mtime, uid, gid). Nothing in it is trusted: a header must have the right
 * checksum, a name must stay inside the root, and the end must be there. Only
 * the supervisor feeds it, so nothing here is locked.
 */
#include "../lib/alloc.h"
#include "../task/task.h"
#include "fstab.h"
#include "namei.h"

#include <sys.h>

#define BLOCK 512u
#define EXTENDED_MAX (64u << 10) /* bytes of a long name or a pax header */

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], pad[12];
};

static struct {
	union {
		struct header h;
		uint8_t block[BLOCK];
	};
	uint32_t filled;   /* bytes of block */
	uint64_t offset;   /* of what comes next, for messages */
	uint64_t body;     /* bytes of the entry still to come */
	uint32_t padding;  /* and then to skip */
	bool any, ended;   /* something has come; a block of zeros ended it */
	bool failed;
	struct file *file; /* what the body is written to, at pos */
	int64_t pos;
	char *extended;    /* what the body is collected in, for L K x */
	uint32_t extended_length;
	char extended_type;
	/* From extended headers, for the next entry; NULL and -1: not given. */
	char *path, *link;
	int64_t size, mtime, uid, gid;
	int64_t file_mtime;
} tar = { .size = -1, .mtime = -1, .uid = -1, .gid = -1 };

static int corrupt(const char *what)
{
	klog(3, "boot archive: %s, at byte %llu", what, (unsigned long long)tar.offset);
	return -EINVAL;
}

/* An octal field, or GNU's binary one. -1 when it is neither. */
static int64_t number(const char *field, size_t size)
{
	uint64_t v = 0;
	size_t i = 0;

	if ((uint8_t)field[0] == 0x80) {
		for (i = 1; i < size; i++) {
			if (v >> 55)
				return -1;
			v = v << 8 | (uint8_t)field[i];
		}
		return (int64_t)v;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(field[i] - '0');
	if (i < size && field[i] != ' ' && field[i] != 0)
		return -1;
	return (int64_t)v;
}

static bool checksum_right(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	int64_t want = number(h->checksum, sizeof h->checksum);
	int64_t sum = 0, sum_signed = 0; /* some old tars summed signed bytes */

	for (size_t i = 0; i < BLOCK; i++) {
		bool blank = i >= offsetof(struct header, checksum) &&
			     i < offsetof(struct header, checksum) + sizeof h->checksum;
		uint8_t c = blank ? ' ' : p[i];

		sum += c;
		sum_signed += (int8_t)c;
	}
	return want == sum || want == sum_signed;
}

/* A copy of a name without what leads out of, or back to, the root; NULL and *err. */
static char *name_clean(const char *name, int *err)
{
	char *clean, *to;

	if (strlen(name) >= PATH_MAX) {
		*err = corrupt("name too long");
		return NULL;
	}
	if (!(clean = to = kmalloc(strlen(name) + 2))) {
		*err = -ENOMEM;
		return NULL;
	}
	while (*name) {
		size_t n = 0;

		while (*name == '/')
			name++;
		while (name[n] && name[n] != '/')
			n++;
		if (n == 2 && name[0] == '.' && name[1] == '.') {
			kfree(clean);
			*err = corrupt("name with ..");
			return NULL;
		}
		if (n && !(n == 1 && name[0] == '.')) {
			if (to != clean)
				*to++ = '/';
			memcpy(to, name, n);
			to += n;
		}
		name += n;
	}
	if (to == clean)
		*to++ = '/';
	*to = 0;
	return clean;
}

/* The name in a header: with its prefix, in POSIX's format. */
static void header_name(const struct header *h, char out[260])
{
	size_t n = 0;

	if (memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0]) {
		n = strnlen(h->prefix, sizeof h->prefix);
		memcpy(out, h->prefix, n);
		out[n++] = '/';
	}
	memcpy(out + n, h->name, strnlen(h->name, sizeof h->name));
	n += strnlen(h->name, sizeof h->name);
	out[n] = 0;
}

/* ---- extended headers ---- */

static int replace(char **to, const char *value)
{
	kfree(*to);
	*to = kstrdup(value);
	return *to ? 0 : -ENOMEM;
}

static int64_t decimal(const char *s)
{
	int64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		if (v > (INT64_MAX - 9) / 10)
			return -1;
		else
			v = v * 10 + (*s - '0');
	return *s == 0 || *s == '.' ? v : -1; /* mtime has a fraction */
}

static int pax_record(const char *key, const char *value)
{
	if (strcmp(key, "path") == 0)
		return replace(&tar.path, value);
	if (strcmp(key, "linkpath") == 0)
		return replace(&tar.link, value);
	if (strcmp(key, "size") == 0)
		return (tar.size = decimal(value)) < 0 ? corrupt("bad pax size") : 0;
	if (strcmp(key, "mtime") == 0)
		tar.mtime = decimal(value);
	else if (strcmp(key, "uid") == 0)
		tar.uid = decimal(value);
	else if (strcmp(key, "gid") == 0)
		tar.gid = decimal(value);
	return 0;
}

/* "LENGTH KEY=VALUE\n", again and again. */
static int pax_parse(char *p, char *end)
{
	while (p < end) {
		char *record = p, *key, *value;
		size_t length = 0;
		int err;

		while (p < end && *p >= '0' && *p <= '9' && length < EXTENDED_MAX)
			length = length * 10 + (size_t)(*p++ - '0');
		if (p == end || *p != ' ' || length > (size_t)(end - record) ||
		    length < (size_t)(p - record) + 2 || record[length - 1] != '\n')
			return corrupt("bad pax header");
		key = p + 1;
		p = record + length;
		p[-1] = 0;
		if (!(value = memchr(key, '=', (size_t)(p - key))))
			return corrupt("bad pax header");
		*value++ = 0;
		if ((err = pax_record(key, value)) < 0)
			return err;
	}
	return 0;
}

static int extended_end(void)
{
	int err = 0;

	tar.extended[tar.extended_length] = 0;
	if (tar.extended_type == 'L')
		err = replace(&tar.path, tar.extended);
	else if (tar.extended_type == 'K')
		err = replace(&tar.link, tar.extended);
	else if (tar.extended_type == 'x')
		err = pax_parse(tar.extended, tar.extended + tar.extended_length);
	kfree(tar.extended);
	tar.extended = NULL;
	return err;
}

static int extended_begin(void)
{
	if (tar.body > EXTENDED_MAX)
		return corrupt("extended header too long");
	if (!(tar.extended = kmalloc(tar.body + 1)))
		return -ENOMEM;
	tar.extended_length = 0;
	tar.extended_type = tar.h.type;
	return tar.body ? 0 : extended_end();
}

/* ---- entries ---- */

static uint32_t entry_type(char type)
{
	switch (type) {
	case 0: case '0': case '7':
		return S_IFREG;
	case '2':
		return S_IFLNK;
	case '3':
		return S_IFCHR;
	case '4':
		return S_IFBLK;
	case '5':
		return S_IFDIR;
	case '6':
		return S_IFIFO;
	}
	return 0;
}

static int file_begin(const char *name, int64_t mtime)
{
	int err;

	tar.file = vfs_open(NULL, AT_FDCWD, name, O_WRONLY | O_NOFOLLOW, 0, &err);
	tar.pos = 0;
	tar.file_mtime = mtime;
	return tar.file ? 0 : err;
}

/* Writing changed the time that the archive gives. */
static int file_end(void)
{
	struct abi_timespec times[2] = { { .sec = tar.file_mtime }, { .sec = tar.file_mtime } };
	struct path at = { tar.file->mount, tar.file->dentry };
	int err = vfs_utimes(NULL, &at, times);

	file_put(tar.file);
	tar.file = NULL;
	return err;
}

static int entry_make(const struct header *h, uint32_t type, const char *name)
{
	int64_t mode = number(h->mode, sizeof h->mode);
	int64_t uid = tar.uid >= 0 ? tar.uid : number(h->uid, sizeof h->uid);
	int64_t gid = tar.gid >= 0 ? tar.gid : number(h->gid, sizeof h->gid);
	int64_t mtime = tar.mtime >= 0 ? tar.mtime : number(h->mtime, sizeof h->mtime);
	int64_t major = number(h->major, sizeof h->major);
	int64_t minor = number(h->minor, sizeof h->minor);
	char link[sizeof h->link + 1];
	char *target = tar.link;
	int err = 0;

	if (mode < 0 || uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX || mtime < 0)
		return corrupt("bad number in a header");
	if (!target) {
		memcpy(link, h->link, sizeof h->link);
		link[sizeof h->link] = 0;
		target = link;
	}
	if (h->type == '1' && !(target = name_clean(target, &err)))
		return err;
	err = vfs_make(name, type ? type | ((uint32_t)mode & 07777) : 0, (uint32_t)uid,
		       (uint32_t)gid, makedev((uint64_t)max(major, 0ll), max(minor, 0ll)), target,
		       mtime);
	if (h->type == '1')
		kfree(target);
	if (err == 0 && S_ISREG(type))
		err = tar.body ? file_begin(name, mtime) : 0;
	if (err < 0)
		klog(3, "boot archive: can't make /%s: error %d", name, -err);
	return err;
}

static int entry_begin(const struct header *h)
{
	uint32_t type = entry_type(h->type);
	char short_name[260], *name;
	int err = 0;

	if (!type && h->type != '1')
		return corrupt("unknown kind of entry");
	header_name(h, short_name);
	if (!(name = name_clean(tar.path ? tar.path : short_name, &err)))
		return err;
	if (S_ISREG(type) && strcmp(name, "/") == 0)
		err = corrupt("file without a name");
	else
		err = entry_make(h, type, name);
	kfree(name);
	kfree(tar.path);
	kfree(tar.link);
	tar.path = tar.link = NULL;
	tar.size = tar.mtime = tar.uid = tar.gid = -1;
	return err;
}

static bool all_zero(const uint8_t *block)
{
	for (unsigned i = 0; i < BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

/* A whole header is there. */
static int header_end(void)
{
	const struct header *h = &tar.h;
	int64_t size;

	if (all_zero(tar.block)) {
		tar.ended = true;
		return 0;
	}
	if (!checksum_right(h))
		return corrupt("bad header checksum");
	size = tar.size >= 0 && !strchr("LKxg", h->type) ? tar.size : number(h->size, sizeof h->size);
	if (size < 0)
		return corrupt("bad size");
	tar.body = (uint64_t)size;
	tar.padding = (uint32_t)(-(uint64_t)size % BLOCK);
	if (h->type && strchr("LKxg", h->type)) /* g: defaults for all entries; none matter here */
		return extended_begin();
	if (!S_ISREG(entry_type(h->type)))
		tar.body = tar.padding = 0; /* links may state their target's size */
	return entry_begin(h);
}

/* Up to n bytes of the entry's body. */
static int body_feed(const char *data, size_t n)
{
	int err = 0;

	if (tar.extended) {
		memcpy(tar.extended + tar.extended_length, data, n);
		tar.extended_length += (uint32_t)n;
	} else {
		int64_t put = file_write_kernel(tar.file, data, n, tar.pos);

		if (put != (int64_t)n) {
			klog(3, "boot archive: no room for its files");
			return put < 0 ? (int)put : -ENOSPC;
		}
		tar.pos += put;
	}
	tar.body -= n;
	if (tar.body == 0)
		err = tar.extended ? extended_end() : file_end();
	return err;
}

/* Take some of the bytes: how many, or an error. */
static int64_t feed(const char *data, size_t length)
{
	size_t n;
	int err;

	if (tar.ended)
		return (int64_t)length; /* tar pads to its record size */
	if (tar.body) {
		n = (size_t)min((uint64_t)length, tar.body);
		err = body_feed(data, n);
	} else if (tar.padding) {
		n = min(length, (size_t)tar.padding);
		tar.padding -= (uint32_t)n;
		err = 0;
	} else {
		n = min(length, (size_t)(BLOCK - tar.filled));
		memcpy(tar.block + tar.filled, data, n);
		tar.filled += (uint32_t)n;
		err = 0;
		if (tar.filled == BLOCK) {
			tar.filled = 0;
			err = header_end();
		}
	}
	tar.offset += n;
	return err < 0 ? err : (int64_t)n;
}

static bool booted; /* was the first archive unpacked? Supervisor only */

/* Ready for another archive. */
static void archive_reset(void)
{
	if (tar.file)
		file_put(tar.file);
	kfree(tar.extended);
	kfree(tar.path);
	kfree(tar.link);
	memset(&tar, 0, sizeof tar);
	tar.size = tar.mtime = tar.uid = tar.gid = -1;
}

int archive_feed(const void *data, size_t length)
{
	const char *at = data;
	int err = 0;

	if (length == 0) {
		if (!tar.failed && !tar.ended)
			err = corrupt(tar.any ? "truncated" : "empty");
		else if (!tar.failed && !booted) /* more may come later, from the host */
			fstab_mount();
		booted = true;
		archive_reset();
		return err;
	}
	tar.any = true;
	while (length && !tar.failed) {
		int64_t n = feed(at, length);

		if (n < 0) {
			tar.failed = true;
			return (int)n;
		}
		at += n;
		length -= (size_t)n;
	}
	return tar.failed ? -EINVAL : 0;
}

int32_t supervisor_archive(uint32_t buffer, uint32_t length)
{
	return archive_feed((const void *)(uintptr_t)buffer, length);
}
