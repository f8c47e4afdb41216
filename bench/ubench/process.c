/* Calls of a process about itself, and the making of others. */
#include "ubench.h"

#ifndef UBENCH_NO_SPAWN
#include <spawn.h>
#endif

int t_getppid(long n, double *ns)
{
    double t = now_ns();
    call_getppid(n);
    *ns = now_ns() - t;
    return 0;
}

/* the same in two processes at once: the time of the slower one */
int t_getppid2(long n, double *ns)
{
    int to = -1, from = -1, r = 0, round;
    double t = 0, other = 0;
    pid_t pid = start_helper("ppid", &to, &from);
    if (pid < 0)
        return -1;
    /* a short round first: the helper is then up */
    for (round = 0; r == 0 && round < 2; round++) {
        long calls = round == 0 ? 1 : n;
        if (write(to, &calls, sizeof calls) != (ssize_t)sizeof calls)
            r = -1;
        t = now_ns();
        call_getppid(calls);
        t = now_ns() - t;
        if (read(from, &other, sizeof other) != (ssize_t)sizeof other)
            r = -1;
    }
    *ns = t > other ? t : other;
    close(to);
    close(from);
    if (reap(pid) < 0)
        r = -1;
    return r;
}

#ifndef UBENCH_NO_FORK
#define FORK_BYTES (1L << 20)   /* what fork_1m_exit_wait has to copy, at least */

int t_fork(long n, double *ns)
{
    long i;
    double t = now_ns();
    for (i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        if (pid < 0 || reap(pid) < 0)
            return -1;
    }
    *ns = now_ns() - t;
    return 0;
}

int t_fork_1m(long n, double *ns)
{
    char *heap = malloc(FORK_BYTES);
    int r;
    if (!heap)
        return -1;
    memset(heap, 'f', FORK_BYTES);
    r = t_fork(n, ns);
    free(heap);
    return r;
}
#endif

#ifndef UBENCH_NO_SPAWN
static int spawn_loop(const char *path, char **av, long n, double *ns)
{
    long i;
    double t = now_ns();
    for (i = 0; i < n; i++) {
        pid_t pid;
        int e = posix_spawnp(&pid, path, NULL, NULL, av, environ);
        if (e) {
            errno = e;
            return -1;
        }
        if (reap(pid) < 0)
            return -1;
    }
    *ns = now_ns() - t;
    return 0;
}

int t_spawn_true(long n, double *ns)
{
    char *av[2];
    av[0] = (char *)truepath;
    av[1] = NULL;
    return spawn_loop(truepath, av, n, ns);
}

int t_spawn_self(long n, double *ns)
{
    char *av[3];
    av[0] = (char *)self;
    av[1] = (char *)"--exit0";
    av[2] = NULL;
    return spawn_loop(self, av, n, ns);
}
#endif
