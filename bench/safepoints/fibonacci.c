/* Recursion without loops. */
static __attribute__((noinline)) unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

unsigned run(void)
{
	return fib(22);
}
