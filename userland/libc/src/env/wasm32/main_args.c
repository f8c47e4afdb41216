/* What main_void.c passes to main_envp.c. */
int __main_argc;
char **__main_argv;
