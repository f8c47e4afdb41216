/* A byte-code interpreter: one loop around a switch. */
enum { PUSH, ADD, SUB, MUL, DUP, SWAP, JNZ, DROP, HALT };

static const signed char code[] = {
	PUSH, 1, PUSH, 127, PUSH, 100, MUL,     /* value count */
	/* 7: */ SWAP, PUSH, 3, MUL, PUSH, 7, ADD, SWAP, /* value = value * 3 + 7 */
	PUSH, 1, SUB, DUP, JNZ, 7, DROP, HALT,
};

unsigned run(void)
{
	unsigned stack[16], *top = stack, t;
	const signed char *pc = code;

	for (;;)
		switch (*pc++) {
		case PUSH:
			*++top = *pc++;
			break;
		case ADD:
			top--;
			top[0] += top[1];
			break;
		case SUB:
			top--;
			top[0] -= top[1];
			break;
		case MUL:
			top--;
			top[0] *= top[1];
			break;
		case DUP:
			top[1] = top[0];
			top++;
			break;
		case SWAP:
			t = top[0];
			top[0] = top[-1];
			top[-1] = t;
			break;
		case JNZ:
			pc = *top-- ? code + *pc : pc + 1;
			break;
		case DROP:
			top--;
			break;
		case HALT:
			return *top;
		}
}
