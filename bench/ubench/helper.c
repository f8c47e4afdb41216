/* A second process, for the tests that need two: forked, or ubench once more. */
#include "ubench.h"

#include <sys/wait.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifndef UBENCH_NO_SPAWN
#include <spawn.h>
#endif

void call_getppid(long n)
{
    volatile long sink = 0;
    long i;
    for (i = 0; i < n; i++) {
#if defined __linux__ && defined SYS_getppid
        sink = syscall(SYS_getppid);
#else
        sink = getppid();
#endif
    }
    (void)sink;
}

int helper(const char *kind, int in, int out)
{
    char b = 0;
    ssize_t k;
    if (strcmp(kind, "pong") == 0) {
        while (read(in, &b, 1) == 1)
            if (write(out, &b, 1) != 1)
                return 1;
        return 0;
    }
    if (strcmp(kind, "ppid") == 0) {
        long n;
        while (read(in, &n, sizeof n) == (ssize_t)sizeof n) {
            double t = now_ns();
            call_getppid(n);
            t = now_ns() - t;
            if (write(out, &t, sizeof t) != (ssize_t)sizeof t)
                return 1;
        }
        return 0;
    }
    while ((k = read(in, chunk, sizeof chunk)) > 0)
        ;
    if (k < 0 || write(out, &b, 1) != 1)
        return 1;
    return 0;
}

pid_t start_helper(const char *kind, int *to, int *from)
{
    int a[2], b[2];
    pid_t pid = -1;
    if (pipe(a) < 0)
        return -1;
    if (pipe(b) < 0) {
        close(a[0]);
        close(a[1]);
        return -1;
    }
#ifndef UBENCH_NO_FORK
    pid = fork();
    if (pid == 0) {
        close(a[1]);
        close(b[0]);
        _exit(helper(kind, a[0], b[1]));
    }
#elif !defined UBENCH_NO_SPAWN
    {
        posix_spawn_file_actions_t fa;
        char in[16], out[16];
        char *av[6];
        int e;
        snprintf(in, sizeof in, "%d", a[0]);
        snprintf(out, sizeof out, "%d", b[1]);
        av[0] = (char *)self;
        av[1] = (char *)"--helper";
        av[2] = (char *)kind;
        av[3] = in;
        av[4] = out;
        av[5] = NULL;
        posix_spawn_file_actions_init(&fa);
        posix_spawn_file_actions_addclose(&fa, a[1]);
        posix_spawn_file_actions_addclose(&fa, b[0]);
        e = posix_spawnp(&pid, self, &fa, NULL, av, environ);
        posix_spawn_file_actions_destroy(&fa);
        if (e) {
            errno = e;
            pid = -1;
        }
    }
#else
    errno = ENOSYS;
#endif
    close(a[0]);
    close(b[1]);
    if (pid < 0) {
        int e = errno;
        close(a[1]);
        close(b[0]);
        errno = e;
        return -1;
    }
    *to = a[1];
    *from = b[0];
    return pid;
}

int reap(pid_t pid)
{
    int st;
    while (waitpid(pid, &st, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (!WIFEXITED(st) || WEXITSTATUS(st) != 0) {
        errno = ECHILD;
        return -1;
    }
    return 0;
}
