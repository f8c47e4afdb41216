/*
 * Where a program begins: the boot code calls `_start`.
 *
 * The kernel fills a block laid out as on a Linux stack: argc, argv, envp and
 * the auxiliary vector. It lies on the C stack, which _start never leaves.
 */
#include <stddef.h>
#include <stdint.h>
#include "syscall.h"

int __main_argc_argv(int, char **);
void __wasm_call_ctors(void);
int __libc_start_main(int (*)(int, char **, char **), int, char **,
	void (*)(), void (*)(), void (*)());

char **__tabos_envp; /* for a main of three parameters */

/* clang calls a main of two parameters __main_argc_argv; libc has the others. */
static int run(int argc, char **argv, char **envp)
{
	__tabos_envp = envp;
	return __main_argc_argv(argc, argv);
}

void __libc_start_init(void)
{
	__wasm_call_ctors();
}

void _start(void)
{
	size_t size = __tabos_startup_size();
	char *p = __builtin_alloca_with_align(size, 128);

	__tabos_startup((uintptr_t)p);
	__libc_start_main(run, *(int *)p, (char **)p + 1, 0, 0, 0);
}
