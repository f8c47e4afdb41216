/*
 * For `int main(int argc, char **argv, char **envp)`: reached through
 * __main_argc_argv and __main_void, when the program defines neither.
 */
int main(int, char **, char **);

extern int __main_argc;
extern char **__main_argv;
extern char **__tabos_envp;

int __main_void(void)
{
	return main(__main_argc, __main_argv, __tabos_envp);
}
