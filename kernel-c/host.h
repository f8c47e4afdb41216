/*
 * The only door to the machine: clock, futex, memory, modules, workers, drivers.
 *
 * host.c implements it with wasm imports and atomics (wit/kernel.wit says what
 * each import does); tests-c/host*.c are its native and mock twins. Nothing else in
 * the kernel names an import, so the kernel also builds and runs natively.
 */
#ifndef HOST_H
#define HOST_H

#include "types.h"

nsec host_clock(void);    /* monotonic; the same in every worker */
nsec host_cpu_clock(void); /* this worker's CPU time, or the monotonic clock */
extern nsec wall_offset;  /* wall-clock time is host_clock() + wall_offset */
int host_entropy(void *buf, size_t n); /* 0 or -EIO */
void host_print(int level, const char *text, size_t n);
_Noreturn void host_stop(void); /* after a panic: trap */

/* Wait until *word is no longer `value`, a wake, or the deadline (-ETIMEDOUT). May wake for nothing. */
int host_futex_wait(uint32_t *word, uint32_t value, nsec deadline);
void host_futex_wake(uint32_t *word, uint32_t count);
/* The supervisor's doorbell: makes it call supervisor_run soon. Cheap when it is already rung. */
void host_ring(void);
/* More kernel memory: grows by `bytes` (a multiple of 64 KiB); the start, or NULL. */
void *host_memory_grow(size_t bytes);

/* Modules, from any worker. */
int host_compile_begin(size_t size);
int host_compile_bytes(const void *p, size_t n);
int host_compile_end(char *reason, size_t size); /* id, or -ENOEXEC and a reason */
void host_compile_drop(int id);

/* Unwind out of the program: a trap that only the boot code catches. */
_Noreturn void host_unwind(void);

/* Supervisor's instance only. */
int host_start_worker(void);
int host_kill_worker(int slot);
int host_poke_worker(int slot, uaddr word);
int host_terminal_output(int terminal, const void *p, size_t n); /* how much was taken */
int host_terminal_wants(int terminal);
int host_stream_output(int stream, const void *p, size_t n);
int host_stream_wanted(void);
int host_process_exited(int pid, int status);

/*
 * Drivers (host-drivers.c), supervisor's instance only: called by dev/request.c
 * for everybody else. 0 when the request was accepted, then completion_done
 * follows, perhaps before the call returns; or -errno.
 */
int host_fs_open(uint32_t request, const char *name, size_t length, uint32_t flags); /* handle */
int host_fs_read(uint32_t request, int store, uint32_t block, uint32_t count, void *buf);
int host_fs_write(uint32_t request, int store, uint32_t block, uint32_t count, const void *buf);
struct request_page; /* dev/request.h */
int host_fs_read_list(uint32_t request, int store, const struct request_page *pages, uint32_t count);
int host_fs_write_list(uint32_t request, int store, const struct request_page *pages, uint32_t count);
int host_fs_estimate(uint32_t request, int store, int64_t into[2]); /* held, and available blocks */
int host_fs_flush(uint32_t request, int store, const struct request_page *pages, uint32_t count);
int host_fs_seek(uint32_t request, int store, int64_t *blocks);
int host_fs_close(uint32_t request, int store);
int host_fs_message(uint32_t request, uint32_t tree, void *buf, size_t length, size_t capacity);

#endif
