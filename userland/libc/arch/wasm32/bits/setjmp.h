/* What setjmp knows, then the {buffer, value} that longjmp throws. */
typedef unsigned long __jmp_buf[8];
