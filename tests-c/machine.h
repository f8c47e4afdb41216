/*
 * What the parts of the machine under the unit tests share: host.c, and host_native.c or
 * host_wasi.c.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "test.h"

/* Moves when the supervisor is rung. */
extern uint32_t doorbell;
/* What is the supervisor's to do now. Returns when it wants to run again, or FOREVER. */
nsec supervisor_work(void);
/* User memory is as at the start: empty. */
void test_user_reset(void);
/* runner.c: run the tests whose names contain `filter`; the status to end with. */
int test_main(const char *filter);

#endif
