/* Cancellation points are inline here: arch/wasm32/syscall_arch.h. */
