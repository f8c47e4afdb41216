/*
 * setjmp and longjmp, by WebAssembly exceptions.
 *
 * clang turns setjmp into __wasm_setjmp, which notes the frame and the place,
 * and a catch around every call that follows; longjmp throws. The catching
 * frame asks __wasm_setjmp_test whether the buffer is its own.
 */
#include <setjmp.h>
#include <stdint.h>
#include "tabos_thread.h"

#define TAG_LONGJMP 1 /* clang's number of __c_longjmp */

struct buffer {
	void *frame;
	uint32_t label;
	int handlers;
	struct {
		void *buffer;
		int value;
	} thrown;
};
_Static_assert(sizeof(struct buffer) <= sizeof(__jmp_buf), "jmp_buf is too small");

void __wasm_setjmp(void *env, uint32_t label, void *frame)
{
	struct buffer *b = env;

	b->frame = frame;
	b->label = label;
	b->handlers = __tabos_handlers;
}

uint32_t __wasm_setjmp_test(void *env, void *frame)
{
	struct buffer *b = env;

	return b->frame == frame ? b->label : 0;
}

_Noreturn void __wasm_longjmp(void *env, int value)
{
	struct buffer *b = env;

	__tabos_handlers = b->handlers;
	b->thrown.buffer = env;
	b->thrown.value = value ? value : 1;
	__builtin_wasm_throw(TAG_LONGJMP, &b->thrown);
}
