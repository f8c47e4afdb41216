/* setjmp and longjmp: values, locals, nesting, through qsort; signal masks. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf outer, inner;
static sigjmp_buf from_handler;

__attribute__((noinline)) static void descend(int n, jmp_buf to, int value)
{
	volatile char frame[100];

	frame[n % 100] = n;
	if (n == 0)
		longjmp(to, value);
	descend(n - 1, to, value);
	frame[0] = 0;
}

static void values(void)
{
	volatile int turns = 0;
	int value = setjmp(outer);

	printf("value %d\n", value);
	if (turns == 3)
		return;
	turns++;
	longjmp(outer, turns == 2 ? 0 : turns * 10);
}

static void nesting(void)
{
	if (setjmp(outer)) {
		puts("outer");
		return;
	}
	if (setjmp(inner)) {
		puts("inner");
		descend(20, outer, 2);
	}
	descend(50, inner, 1);
}

static int compare(const void *a, const void *b)
{
	static int calls;

	if (++calls == 5)
		longjmp(outer, 5);
	return *(const int *)a - *(const int *)b;
}

static void through_qsort(void)
{
	int numbers[] = { 5, 3, 9, 1, 7, 2 };
	int value = setjmp(outer);

	if (!value)
		qsort(numbers, 6, sizeof(int), compare);
	printf("out of qsort by %d\n", value);
}

static void handler(int sig)
{
	siglongjmp(from_handler, sig);
}

static void masks(int save)
{
	sigset_t mask;
	struct sigaction sa = { .sa_handler = handler };

	sigaction(SIGUSR1, &sa, NULL);
	int value = sigsetjmp(from_handler, save);
	if (!value)
		raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf("save %d: got %d, blocked %d\n", save, value, sigismember(&mask, SIGUSR1));
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

int main(void)
{
	values();
	nesting();
	through_qsort();
	masks(1);
	masks(0);
	for (int i = 0, n = 0; i < 1000; i++)
		if (setjmp(outer) == 0)
			descend(i % 7, outer, 1);
		else if (++n == 0)
			break;
	puts("done");
	return 0;
}
