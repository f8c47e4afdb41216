/*
 * Something that is done once, by whoever needs it first, and may sleep: opening
 * a session or an image. It may fail; then the next who needs it tries again.
 */
#ifndef ONCE_H
#define ONCE_H

#include "wait.h"

struct once {
	struct lock lock;
	struct wait_queue changed;
	int state;
};
void once_init(struct once *o);
/* 0: it is done. 1: do it now, then call once_end. Or -EINTR; -EAGAIN on the supervisor. Sleeps. */
int once_begin(struct once *o);
void once_end(struct once *o, bool done);

#endif
