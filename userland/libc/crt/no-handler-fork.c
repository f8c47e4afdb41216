/*
 * Linked by tabos-cc -Wl,--no-handler-fork: fork in a signal handler is refused,
 * because the pass for fork has left the frames below it alone.
 */
const char __tabos_no_handler_fork[1] = { 1 };
