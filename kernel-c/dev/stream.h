/*
 * The host's standard streams: what the exports of wit's interface terminal do.
 */
#ifndef STREAM_H
#define STREAM_H

#include "../types.h"

/* Bytes of standard input (length 0: its end): how many were taken. */
int stream_feed(const void *p, size_t length);

#endif
