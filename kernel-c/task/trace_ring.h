/*
 * What trace.c and trace_call.c share.
 */
#ifndef TRACE_RING_H
#define TRACE_RING_H

#include "../abi-trace.h"
#include "../host.h"
#include "trace.h"

#define RECORD_MAX 16384u /* bytes of one record; what does not fit is cut off */

/* Who traces p, with a reference, or NULL. */
struct trace *trace_of(struct process *p);
void trace_put(struct trace *s);
uint32_t trace_string_max(struct trace *s);
/* Put a record of the current task, of process p, into the ring, or lose it. May wait. */
void trace_put_call(struct process *p, const struct abi_trace *record);

static inline int64_t trace_now(void)
{
	return host_clock() + wall_offset;
}

#endif
