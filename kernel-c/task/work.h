/*
 * Work of the kernel's own that has to sleep: an idle worker does it, as a task of
 * init's. Where all are busy it comes later, so wait for it only where that may be.
 */
#ifndef WORK_H
#define WORK_H

#include "../lib/list.h"
#include "../types.h"

struct work {
	struct list node;             /* under worker_lock; empty unless queued */
	void (*run)(struct work *w);  /* [I] may free w, or queue it again */
};

static inline void work_init(struct work *w, void (*run)(struct work *w))
{
	list_init(&w->node);
	w->run = run;
}
/* Have it done soon: false if it is queued already. From anywhere; never sleeps. */
bool work_queue(struct work *w);
/* It is not to be done any more: true if it was queued; else it may be under way. */
bool work_cancel(struct work *w);
/* Do what is queued, as a worker does that is idle; with no current task. */
void work_run(void);
extern uint32_t work_queued; /* [a] moves with each that is queued */

#endif
