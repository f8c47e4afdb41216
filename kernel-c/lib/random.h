/*
 * Random bytes for keys, seeds and names: getrandom, /dev/urandom, AT_RANDOM.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include "../types.h"

/* Fill p. From anywhere; does not sleep. Panics when the host has no entropy at all. */
void random_bytes(void *p, size_t n);

#endif
