/*
 * For `main(argc, argv) int argc; char **argv;`, whose name clang leaves alone.
 * tabos-cc links this when wasm-ld finds main to have two parameters.
 */
int main(int, char **);
extern int __main_argc;
extern char **__main_argv;

int __main_void(void)
{
	return main(__main_argc, __main_argv);
}
