/*
 * strace: how values are shown. names.c has the tables, show.c the rest.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../../../kernel-c/abi-trace.h"

extern FILE *out;

/* The memory that argument `argument` leads to (its index-th string or vector), or NULL. */
const struct abi_trace_piece *piece(const struct abi_trace_call *c, int argument, int index);
/*
 * Print argument i of a call. `before` is the record of its begin and `after`
 * that of its return; either may be NULL.
 */
void show_argument(const struct abi_trace_call *before, const struct abi_trace_call *after, int i);
/* Can argument i be shown only when the call returns? */
bool shown_after(const struct abi_trace_call *c, int i);
void show_result(const struct abi_trace_call *c);
void show_siginfo(const void *info);

/* ---- names.c ---- */
/* "SIGINT"; valid until the next call. */
const char *signal_name(int number);
int signal_number(const char *name); /* -1: there is none */
const char *errno_name(int number);  /* NULL: unknown */
/* Print a number by its kind; false when that has no names. `opens`: open flags hold an access mode, too. */
bool show_named(int kind, int64_t value, bool opens);

#endif
