/*
 * What gnulib's allocating functions call when there is no memory: make's own
 * message and status, without gnulib's error(), which needs a configure.
 */
#include <stdio.h>
#include <stdlib.h>

void xalloc_die(void)
{
	fputs("make: *** virtual memory exhausted.  Stop.\n", stderr);
	exit(2);
}
