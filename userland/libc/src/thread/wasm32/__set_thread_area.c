/* The thread pointer is a variable: arch/wasm32/pthread_arch.h. */
