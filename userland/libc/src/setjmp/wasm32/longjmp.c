/* For callers that know longjmp by another name; clang renames direct calls. */
#include <setjmp.h>

_Noreturn void _longjmp(jmp_buf env, int value)
{
	longjmp(env, value);
}
