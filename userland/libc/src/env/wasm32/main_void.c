/* For `int main(void)`, which clang also calls __main_void. */
int __main_void(void);
extern int __main_argc;
extern char **__main_argv;

int __main_argc_argv(int argc, char **argv)
{
	__main_argc = argc;
	__main_argv = argv;
	return __main_void();
}
