/* Nothing reuses a thread's TLS here: the boot code initialises it. */
