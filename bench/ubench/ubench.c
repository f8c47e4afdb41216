/*
 * ubench: a small portable microbenchmark of POSIX primitives.
 *
 * Prints one "name value unit" per line on stdout; nothing else goes there.
 * A test that cannot run prints "name nan unit" there and why on stderr.
 *
 *   ubench [-d tmpdir] [-t /bin/true] [-m min_ms] [-r reps] [-l] [-v] [test ...]
 *
 *   -d DIR   where the file tests write: a tmpfs, or for the
 *            lasting ones what is to be measured               default /tmp
 *   -t PATH  what spawn_true spawns                            default /bin/true
 *   -m MS    a measurement lasts at least this long            default 200
 *   -r N     measurements per test, the median is printed      default 3
 *   -l       list the tests and stop
 *   -v       say on stderr which test starts
 *   test ... run only these
 *
 * Plain POSIX.1-2008 C99.  What a target lacks is left out at compile time:
 *   -DUBENCH_NO_FORK     no fork(): helpers start by posix_spawnp of ubench itself
 *   -DUBENCH_NO_SPAWN    no posix_spawnp()
 *   -DUBENCH_NO_THREADS  no pthreads
 *
 *   cc -O2 -pthread -o ubench *.c
 *
 * Every test does its own setup outside the timed part.  The number of
 * iterations grows until one measurement reaches min_ms (that is the warm-up
 * too), then reps measurements are made with that number.
 */
#include "ubench.h"

#include <signal.h>

const char *self;
const char *dir = "/tmp";
const char *truepath = "/bin/true";
char chunk[CHUNK];

enum kind { NS, US, MS, MBS };  /* MBS: arg is the bytes per iteration */

static const struct test {
    const char *name;
    enum kind kind;
    double arg;
    int (*fn)(long, double *);
} tests[] = {
    { "getppid",          NS,  0, t_getppid },
    { "getppid_2procs",   NS,  0, t_getppid2 },
    { "pread_1b",         NS,  0, t_pread1 },
    { "open_close",       US,  0, t_openclose },
    { "write_4k",         MBS, FBLOCK, t_write4k },
    { "read_4k",          NS,  0, t_read4k },
    { "read_64m",         MBS, LARGE, t_readlarge },
    { "write_64m_fsync",  MBS, LARGE, t_writelarge },
    { "create_fsync_1000", MS, 0, t_createfsync },
    { "pipe_pingpong",    US,  0, t_pingpong },
    { "pipe_bw_64k",      MBS, CHUNK, t_pipebw },
#ifndef UBENCH_NO_FORK
    { "fork_exit_wait",   US,  0, t_fork },
    { "fork_1m_exit_wait", US, 0, t_fork_1m },
    { "signal_busy",      US,  0, t_signal },
    { "signal_busy_max",  US,  0, t_signal_max },
#endif
#ifndef UBENCH_NO_SPAWN
    { "spawn_true_wait",  US,  0, t_spawn_true },
    { "spawn_self_wait",  US,  0, t_spawn_self },
#endif
#ifndef UBENCH_NO_THREADS
    { "condvar_pingpong", US,  0, t_condvar },
    { "thread_create_join", US, 0, t_thread },
    { "mutex",            NS,  0, t_mutex },
#endif
    { "sieve_10m",        MS,  0, t_sieve },
    { "matmul_128x8",     MS,  0, t_matmul },
};
#define NTESTS ((int)(sizeof tests / sizeof tests[0]))

static const char *unit(const struct test *t)
{
    switch (t->kind) {
    case NS: return "ns";
    case US: return "us";
    case MS: return "ms";
    default: return "MB/s";
    }
}

static double scaled(const struct test *t, double ns, long n)
{
    double per = ns / (double)n;
    switch (t->kind) {
    case NS: return per;
    case US: return per / 1e3;
    case MS: return per / 1e6;
    default: return t->arg / per * 1e3;     /* bytes per ns = GB/s; MB = 10^6 */
    }
}

int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int measure(const struct test *t, double min_ns, int reps)
{
    double v[64], ns = 0;
    long n = 1;
    int i;
    for (;;) {
        double f;
        if (t->fn(n, &ns) < 0)
            goto failed;
        if (ns >= min_ns || n > 500000000L)
            break;
        f = ns > 0 ? 1.3 * min_ns / ns : 10;
        if (f > 10)
            f = 10;
        if (f < 1.5)
            f = 1.5;
        n = (long)((double)n * f) + 1;
    }
    for (i = 0; i < reps; i++) {
        if (t->fn(n, &ns) < 0)
            goto failed;
        v[i] = scaled(t, ns, n);
    }
    qsort(v, (size_t)reps, sizeof v[0], compare);
    printf("%s %.4g %s\n", t->name,
           reps % 2 ? v[reps / 2] : (v[reps / 2 - 1] + v[reps / 2]) / 2, unit(t));
    fflush(stdout);
    return 0;
failed:
    fprintf(stderr, "ubench: %s: %s\n", t->name, strerror(errno));
    printf("%s nan %s\n", t->name, unit(t));
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv)
{
    double min_ns = 200e6;
    int reps = 3, verbose = 0, bad = 0, c, i, j;

    if (argc == 2 && strcmp(argv[1], "--exit0") == 0)
        return 0;
    if (argc == 5 && strcmp(argv[1], "--helper") == 0)
        return helper(argv[2], atoi(argv[3]), atoi(argv[4]));
    self = argv[0];
    while ((c = getopt(argc, argv, "d:t:m:r:lv")) != -1)
        switch (c) {
        case 'd': dir = optarg; break;
        case 't': truepath = optarg; break;
        case 'm': min_ns = atof(optarg) * 1e6; break;
        case 'r': reps = atoi(optarg); break;
        case 'l':
            for (i = 0; i < NTESTS; i++)
                printf("%s %s\n", tests[i].name, unit(&tests[i]));
            return 0;
        case 'v': verbose = 1; break;
        default:
            fprintf(stderr, "usage: ubench [-d tmpdir] [-t true] [-m min_ms] "
                            "[-r reps] [-l] [-v] [test ...]\n");
            return 2;
        }
    if (reps < 1)
        reps = 1;
    if (reps > 64)
        reps = 64;
    signal(SIGPIPE, SIG_IGN);
    memset(chunk, 'u', sizeof chunk);
    for (j = optind; j < argc; j++) {
        for (i = 0; i < NTESTS; i++)
            if (strcmp(argv[j], tests[i].name) == 0)
                break;
        if (i == NTESTS) {
            fprintf(stderr, "ubench: no test %s (see -l)\n", argv[j]);
            return 2;
        }
    }
    for (i = 0; i < NTESTS; i++) {
        int want = optind == argc;
        for (j = optind; j < argc; j++)
            if (strcmp(argv[j], tests[i].name) == 0)
                want = 1;
        if (!want)
            continue;
        if (verbose)
            fprintf(stderr, "ubench: %s\n", tests[i].name);
        bad |= measure(&tests[i], min_ns, reps);
    }
    return bad;
}
