/*
 * What the processes that map one file shared have in common: when each of its
 * pages last changed, and the lock of the atomic words in it.
 *
 * An inode gets one with its first shared mapping and keeps it for life. The data
 * themselves are the file's own, so read and write see them, and no filesystem
 * needs to know. Versions lie in a table by page number modulo its size: two pages
 * that meet there are only looked at more often than they must be.
 *
 * Letters: v under sharing->lock, a atomic, w under sharing->words.
 */
#ifndef SHARING_H
#define SHARING_H

#include "file.h"

struct sharing {
	struct lock lock;    /* RANK_SHARING */
	struct mutex words;  /* RANK_WORDS: operations on words (ipc/word.c) */
	uint64_t clock;      /* [a, moved under v] counts changes */
	uint64_t *version;   /* [v] the clock when a page last changed */
	uint32_t nversions;  /* [v] a power of two */
	int views;           /* [a] of all processes */
	struct list dead;    /* [v] words whose owners died: ipc/word.c */
	bool any_dead;       /* [a] */
};

/* The inode's, made if it must be, with versions for `pages` pages. NULL: no memory. */
struct sharing *sharing_get(struct inode *inode, uint64_t pages);
/* With the inode. */
void sharing_free(struct sharing *s);
static inline uint64_t sharing_clock(const struct sharing *s)
{
	return __atomic_load_n(&s->clock, __ATOMIC_ACQUIRE);
}
/* Bytes were changed: all pages that have one are new. The clock it then is. */
uint64_t sharing_changed(struct sharing *s, int64_t from, int64_t end);
/* The same for whoever changes files, which are rarely mapped. */
static inline void inode_bytes_changed(struct inode *inode, int64_t from, int64_t end)
{
	struct sharing *s = __atomic_load_n(&inode->sharing, __ATOMIC_ACQUIRE);

	if (unlikely(s != NULL) && end > from)
		sharing_changed(s, from, end);
}
/* The first page in [page, end) that changed after `since`, or end. */
uint64_t sharing_next(struct sharing *s, uint64_t page, uint64_t end, uint64_t since);

/* ---- pages and words of a file, by the filesystem's own means ---- */
/* A page as it is now, zero beyond the file's end. 0 or -errno. */
int sharing_read(struct file *f, uint64_t page, char *buf);
/*
 * Write the bytes of a page in which `now` differs from `before`, as far as the
 * file reaches, and tell who maps it; *clock is then the sharing's. Only the blocks
 * of 64 bytes whose bits are set are looked at. 0 or -errno.
 */
#define SHARING_BLOCK (PAGE_SIZE / 64)
int sharing_write(struct file *f, struct sharing *s, uint64_t page, const char *now, const char *before,
		  uint64_t blocks, uint64_t *clock);
int sharing_load(struct file *f, int64_t at, uint32_t *value);
int sharing_store(struct file *f, int64_t at, uint32_t value);

#endif
