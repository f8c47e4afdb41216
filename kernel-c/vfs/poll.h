/*
 * Waiting for several files at once: what ppoll and pselect6 share.
 */
#ifndef POLL_H
#define POLL_H

#include "file.h"

struct poll_item {
	struct file *file; /* with a reference for as long as poll_files runs; NULL is skipped */
	unsigned events;   /* asked for; POLLERR and POLLHUP come anyway */
	unsigned revents;  /* what holds. Set before for an item without a file, it counts */
};

/*
 * Wait until one of the items is ready, a signal, or the deadline (0: don't
 * wait). How many have revents, -ERESTARTNOHAND or -ENOMEM. May sleep.
 */
int poll_files(struct poll_item *items, unsigned n, nsec deadline);
/* What holds for f now, registering with pt when it isn't NULL. */
unsigned file_poll(struct file *f, struct poll_table *pt);

#endif
