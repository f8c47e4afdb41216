/*
 * Writing and reading 9P2000.L messages. Nothing here trusts a length.
 */
#include "p9_wire.h"

#define ERRNO_MAX 133 /* the largest errno of Linux; ours above are not for programs */
#define BLKSIZE_MAX (1u << 20)

static uint8_t *field(struct p9_message *m, size_t bytes)
{
	uint8_t *p = m->data + m->at;

	if (m->bad || bytes > m->end - m->at) {
		m->bad = true;
		return NULL;
	}
	m->at += (uint32_t)bytes;
	return p;
}

void p9_put(struct p9_message *m, uint64_t value, uint32_t bytes)
{
	uint8_t *p = field(m, bytes);

	for (uint32_t i = 0; p && i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

void p9_put_text(struct p9_message *m, const char *text, size_t length)
{
	uint8_t *p;

	if (length > UINT16_MAX) {
		m->bad = true;
		return;
	}
	p9_put(m, length, 2);
	if ((p = field(m, length)))
		memcpy(p, text, length);
}

void p9_begin(struct p9_message *m, void *data, uint32_t capacity)
{
	*m = (struct p9_message){ data, P9_HEADER, capacity, capacity < P9_HEADER };
}

uint32_t p9_finish(struct p9_message *m, uint8_t type, uint16_t tag)
{
	uint32_t length = m->at;

	if (m->bad)
		return 0;
	m->at = 0;
	p9_put(m, length, 4);
	p9_put(m, type, 1);
	p9_put(m, tag, 2);
	return length;
}

uint64_t p9_get(struct p9_message *m, uint32_t bytes)
{
	uint8_t *p = field(m, bytes);
	uint64_t value = 0;

	for (uint32_t i = 0; p && i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

const char *p9_get_text(struct p9_message *m, uint32_t *length)
{
	*length = (uint32_t)p9_get(m, 2);
	return (const char *)field(m, *length);
}

int p9_open_answer(struct p9_message *m, void *data, int64_t length, uint8_t type, uint16_t tag)
{
	uint64_t size, answer, error;

	if (length < (int64_t)P9_HEADER || length > UINT32_MAX)
		return -EIO;
	*m = (struct p9_message){ data, 0, (uint32_t)length, false };
	size = p9_get(m, 4);
	answer = p9_get(m, 1);
	if (p9_get(m, 2) != tag || size != (uint64_t)length)
		return -EIO;
	if (answer == type + 1u)
		return 0;
	if (answer != P9_RLERROR)
		return -EIO;
	error = p9_get(m, 4);
	return m->bad || error == 0 || error > ERRNO_MAX ? -EIO : -(int)error;
}

static struct abi_timespec get_time(struct p9_message *m)
{
	uint64_t sec = p9_get(m, 8), nsec = p9_get(m, 8);

	if (nsec >= NSEC_PER_SEC)
		m->bad = true;
	return (struct abi_timespec){ .sec = (int64_t)sec, .nsec = (int32_t)nsec };
}

static int64_t get_size(struct p9_message *m)
{
	uint64_t size = p9_get(m, 8);

	if (size > INT64_MAX)
		m->bad = true;
	return (int64_t)size;
}

static bool known_type(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISFIFO(mode) ||
	       S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode);
}

int p9_get_attr(struct p9_message *m, struct p9_attr *a)
{
	uint64_t valid = p9_get(m, 8), blksize;

	p9_get(m, 5); /* the qid's type and version */
	a->ino = p9_get(m, 8);
	a->mode = (uint32_t)p9_get(m, 4);
	a->uid = (uint32_t)p9_get(m, 4);
	a->gid = (uint32_t)p9_get(m, 4);
	a->nlink = (uint32_t)min(p9_get(m, 8), (uint64_t)UINT32_MAX);
	a->rdev = p9_get(m, 8);
	a->size = get_size(m);
	blksize = p9_get(m, 8);
	a->blksize = blksize ? (uint32_t)min(blksize, (uint64_t)BLKSIZE_MAX) : PAGE_SIZE;
	a->blocks = get_size(m);
	a->atime = get_time(m);
	a->mtime = get_time(m);
	a->ctime = get_time(m);
	a->mode &= S_IFMT | 07777;
	if (m->bad || (valid & P9_GETATTR_BASIC) != P9_GETATTR_BASIC || !known_type(a->mode))
		return -EIO;
	return 0;
}

int p9_get_entry(struct p9_message *m, struct p9_entry *e)
{
	p9_get(m, 5);
	e->ino = p9_get(m, 8);
	e->next = get_size(m);
	e->type = (uint8_t)p9_get(m, 1);
	e->name = p9_get_text(m, &e->length);
	if (m->bad || e->length == 0 || e->length > NAME_MAX ||
	    memchr(e->name, '/', e->length) || memchr(e->name, 0, e->length))
		return -EIO;
	return 0;
}
