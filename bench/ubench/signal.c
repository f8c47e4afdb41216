/* How long a signal takes to a process that is in a loop. */
#ifndef UBENCH_NO_FORK
#include "ubench.h"

#include <signal.h>
#include <sys/wait.h>

#define SIGNALS_MIN 200         /* in a measurement */
#define SIGNALS_MAX 2000

static int arrived_fd;

/* says when it began; both processes have the same clock */
static void on_signal(int sig)
{
    double t = now_ns();
    (void)sig;
    if (write(arrived_fd, &t, sizeof t) != (ssize_t)sizeof t)
        _exit(1);
}

/* steps to 1 by Collatz's rule, for ever: loops without calls */
static unsigned long long be_busy(void)
{
    unsigned long long i, x, steps = 0;
    for (i = 1; i != 0; i++)
        for (x = i; x != 1; steps++)
            x = x & 1 ? 3 * x + 1 : x / 2;
    return steps;
}

/* n signals, or as many as are enough; the median or the longest time, n times */
static int signal_busy(long n, double *ns, int longest)
{
    static double took[SIGNALS_MAX];
    long i, count = n < SIGNALS_MIN ? SIGNALS_MIN : n > SIGNALS_MAX ? SIGNALS_MAX : n;
    struct timespec pause = { 0, 500000 };
    struct sigaction sa;
    double t;
    int r = 0, fd[2];
    pid_t pid;
    if (pipe(fd) < 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        arrived_fd = fd[1];
        memset(&sa, 0, sizeof sa);
        sa.sa_handler = on_signal;
        sigaction(SIGUSR1, &sa, NULL);
        on_signal(0);           /* ready */
        _exit(be_busy() != 0);
    }
    close(fd[1]);
    if (pid < 0 || read(fd[0], &t, sizeof t) != (ssize_t)sizeof t)
        r = -1;
    for (i = 0; r == 0 && i < count; i++) {
        double sent;
        nanosleep(&pause, NULL);        /* it is back in its loop, and found no call to see it in */
        sent = now_ns();
        if (kill(pid, SIGUSR1) < 0 || read(fd[0], &t, sizeof t) != (ssize_t)sizeof t)
            r = -1;
        took[i] = t - sent;
    }
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(fd[0]);
    qsort(took, (size_t)count, sizeof took[0], compare);
    *ns = took[longest ? count - 1 : count / 2] * (double)n;
    return r;
}

int t_signal(long n, double *ns)
{
    return signal_busy(n, ns, 0);
}

int t_signal_max(long n, double *ns)
{
    return signal_busy(n, ns, 1);
}
#endif
