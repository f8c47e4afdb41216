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
 *   cc -O2 -o ubench ubench.c -lpthread
 *
 * Every test does its own setup outside the timed part.  The number of
 * iterations grows until one measurement reaches min_ms (that is the warm-up
 * too), then reps measurements are made with that number.
 */
#ifdef __linux__
#define _GNU_SOURCE             /* syscall() */
#else
#define _XOPEN_SOURCE 700       /* sync() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifndef UBENCH_NO_SPAWN
#include <spawn.h>
#endif
#ifndef UBENCH_NO_THREADS
#include <pthread.h>
#endif

extern char **environ;

#define CHUNK   65536           /* pipe throughput: bytes per write */
#define FBLOCK  4096            /* file write: bytes per write */
#define FLIMIT  (8L << 20)      /* file write: truncate to 0 at this size */
#define LARGE   (64L << 20)     /* the large file */
#define LCALL   (1L << 20)      /* bytes in a call for it */
#define SMALL   1000            /* small files, each made and synced */
#define SIEVE_N 10000000
#define SIEVE_PRIMES 664579L    /* primes below SIEVE_N */
#define MAT_N   128
#define MAT_REP 8
#define FORK_BYTES (1L << 20)   /* what fork_1m_exit_wait has to copy, at least */
#define SIGNALS_MIN 200         /* in a measurement of signal_busy */
#define SIGNALS_MAX 2000

static const char *self;        /* argv[0]: a path, or a name in PATH */
static const char *dir = "/tmp";
static const char *truepath = "/bin/true";
static char fname[512];
static char chunk[CHUNK];

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void call_getppid(long n)
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

/* ---- helper process: "pong" echoes bytes, "sink" reads to EOF then acks,
   "ppid" reads how many calls to make, and says how long they took ---- */

static int helper(const char *kind, int in, int out)
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

/* starts a helper; *to is written to reach it, *from is read to hear it */
static pid_t start_helper(const char *kind, int *to, int *from)
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

static int reap(pid_t pid)
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

/* ---- the tests: do n iterations, put the time taken in *ns ---- */

static int t_getppid(long n, double *ns)
{
    double t = now_ns();
    call_getppid(n);
    *ns = now_ns() - t;
    return 0;
}

/* the same in two processes at once: the time of the slower one */
static int t_getppid2(long n, double *ns)
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

static int t_pingpong(long n, double *ns)
{
    int to = -1, from = -1, r = 0;
    char b = 'x';
    long i;
    double t;
    pid_t pid = start_helper("pong", &to, &from);
    if (pid < 0)
        return -1;
    /* one round first: the helper is then up, whatever it took to start it */
    if (write(to, &b, 1) != 1 || read(from, &b, 1) != 1)
        r = -1;
    t = now_ns();
    for (i = 0; r == 0 && i < n; i++)
        if (write(to, &b, 1) != 1 || read(from, &b, 1) != 1)
            r = -1;
    *ns = now_ns() - t;
    close(to);
    close(from);
    if (reap(pid) < 0)
        r = -1;
    return r;
}

static int t_pipebw(long n, double *ns)
{
    int to = -1, from = -1, r = 0;
    char b;
    long i;
    double t;
    pid_t pid = start_helper("sink", &to, &from);
    if (pid < 0)
        return -1;
    /* the first chunk is through before the clock starts: the helper is up
       (a pipe holds at most its capacity, so a further chunk is not enough to
       know it, but the start is then a small part of min_ms) */
    if (write(to, chunk, CHUNK) != CHUNK)
        r = -1;
    t = now_ns();
    for (i = 0; r == 0 && i < n; i++) {
        size_t off = 0;
        while (off < CHUNK) {
            ssize_t k = write(to, chunk + off, CHUNK - off);
            if (k <= 0) {
                r = -1;
                break;
            }
            off += (size_t)k;
        }
    }
    close(to);
    if (r == 0 && read(from, &b, 1) != 1)
        r = -1;
    *ns = now_ns() - t;
    close(from);
    if (reap(pid) < 0)
        r = -1;
    return r;
}

#ifndef UBENCH_NO_FORK
static int t_fork(long n, double *ns)
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
#endif

#ifndef UBENCH_NO_FORK
static int t_fork_1m(long n, double *ns)
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

/* ---- how long a signal takes to a process that is in a loop ---- */

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

static int cmp(const void *a, const void *b);

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
    qsort(took, (size_t)count, sizeof took[0], cmp);
    *ns = took[longest ? count - 1 : count / 2] * (double)n;
    return r;
}

static int t_signal(long n, double *ns)
{
    return signal_busy(n, ns, 0);
}

static int t_signal_max(long n, double *ns)
{
    return signal_busy(n, ns, 1);
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

static int t_spawn_true(long n, double *ns)
{
    char *av[2];
    av[0] = (char *)truepath;
    av[1] = NULL;
    return spawn_loop(truepath, av, n, ns);
}

static int t_spawn_self(long n, double *ns)
{
    char *av[3];
    av[0] = (char *)self;
    av[1] = (char *)"--exit0";
    av[2] = NULL;
    return spawn_loop(self, av, n, ns);
}
#endif

static int make_file(int flags)
{
    snprintf(fname, sizeof fname, "%s/ubench.%ld", dir, (long)getpid());
    return open(fname, flags | O_CREAT | O_TRUNC, 0600);
}

static int t_openclose(long n, double *ns)
{
    long i;
    double t;
    int r = 0, fd = make_file(O_RDWR);
    if (fd < 0)
        return -1;
    close(fd);
    t = now_ns();
    for (i = 0; i < n; i++) {
        fd = open(fname, O_RDONLY);
        if (fd < 0) {
            r = -1;
            break;
        }
        close(fd);
    }
    *ns = now_ns() - t;
    unlink(fname);
    return r;
}

static int t_pread1(long n, double *ns)
{
    long i;
    double t;
    char b;
    int r = 0, fd = make_file(O_RDWR);
    if (fd < 0)
        return -1;
    if (write(fd, chunk, FBLOCK) != FBLOCK)
        r = -1;
    t = now_ns();
    for (i = 0; r == 0 && i < n; i++)
        if (pread(fd, &b, 1, (off_t)(i & (FBLOCK - 1))) != 1)
            r = -1;
    *ns = now_ns() - t;
    close(fd);
    unlink(fname);
    return r;
}

/* appends blocks; at FLIMIT the file is emptied, so that pages are made anew */
static int t_write4k(long n, double *ns)
{
    long i, at = 0;
    double t;
    int r = 0, fd = make_file(O_RDWR);
    if (fd < 0)
        return -1;
    t = now_ns();
    for (i = 0; i < n; i++) {
        if (write(fd, chunk, FBLOCK) != FBLOCK) {
            r = -1;
            break;
        }
        at += FBLOCK;
        if (at >= FLIMIT) {
            if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
                r = -1;
                break;
            }
            at = 0;
        }
    }
    *ns = now_ns() - t;
    close(fd);
    unlink(fname);
    return r;
}

/* ---- files that last: what a filesystem with a store behind it does ---- */

static char large[LCALL];

/* writes the large file from its start, without holes */
static int fill_large(int fd)
{
    long at;
    for (at = 0; at < LARGE; at += LCALL) {
        memset(large, 'a' + (int)(at / LCALL % 26), LCALL);
        if (pwrite(fd, large, LCALL, (off_t)at) != LCALL)
            return -1;
    }
    return 0;
}

/* blocks of a file that is in the cache, in an order that is not the file's */
static int t_read4k(long n, double *ns)
{
    long i, blocks = FLIMIT / FBLOCK, at = 0;
    double t;
    int r = 0, fd = make_file(O_RDWR);
    if (fd < 0)
        return -1;
    for (i = 0; r == 0 && i < blocks; i++)
        if (write(fd, chunk, FBLOCK) != FBLOCK)
            r = -1;
    if (r == 0 && fsync(fd) < 0)
        r = -1;
    t = now_ns();
    for (i = 0; r == 0 && i < n; i++) {
        at = (at * 5 + 1) % blocks;     /* visits all: the count is a power of two */
        if (pread(fd, chunk, FBLOCK, (off_t)(at * FBLOCK)) != FBLOCK)
            r = -1;
    }
    *ns = now_ns() - t;
    close(fd);
    unlink(fname);
    return r;
}

static int t_readlarge(long n, double *ns)
{
    long i, at;
    double t;
    int r = 0, fd = make_file(O_RDWR);
    if (fd < 0)
        return -1;
    if (fill_large(fd) < 0 || fsync(fd) < 0)
        r = -1;
    t = now_ns();
    for (i = 0; r == 0 && i < n; i++)
        for (at = 0; r == 0 && at < LARGE; at += CHUNK)
            if (pread(fd, chunk, CHUNK, (off_t)at) != CHUNK)
                r = -1;
    *ns = now_ns() - t;
    close(fd);
    unlink(fname);
    return r;
}

/* a new file each time; removing the one before is no part of it, but done before the next */
static int t_writelarge(long n, double *ns)
{
    long i;
    int r = 0;
    *ns = 0;
    for (i = 0; r == 0 && i < n; i++) {
        double t;
        int fd = make_file(O_RDWR);
        if (fd < 0)
            return -1;
        t = now_ns();
        if (fill_large(fd) < 0 || fsync(fd) < 0)
            r = -1;
        *ns += now_ns() - t;
        close(fd);
        unlink(fname);
        sync();
    }
    return r;
}

/* many small files, each on the disk before the next is made */
static int t_createfsync(long n, double *ns)
{
    char path[600];
    long i, k;
    int r = 0;
    snprintf(fname, sizeof fname, "%s/ubench.%ld.d", dir, (long)getpid());
    *ns = 0;
    for (i = 0; r == 0 && i < n; i++) {
        double t;
        if (mkdir(fname, 0700) < 0)
            return -1;
        t = now_ns();
        for (k = 0; r == 0 && k < SMALL; k++) {
            int fd;
            snprintf(path, sizeof path, "%s/%ld", fname, k);
            fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
            if (fd < 0 || write(fd, chunk, 100) != 100 || fsync(fd) < 0)
                r = -1;
            if (fd >= 0)
                close(fd);
        }
        *ns += now_ns() - t;
        while (k-- > 0) {
            snprintf(path, sizeof path, "%s/%ld", fname, k);
            unlink(path);
        }
        if (rmdir(fname) < 0)
            r = -1;
        sync();
    }
    return r;
}

#ifndef UBENCH_NO_THREADS
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv[2] = { PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER };
static int turn;
static long rounds;

static void play(int me)
{
    long i;
    pthread_mutex_lock(&mu);
    for (i = 0; i < rounds; i++) {
        while (turn != me)
            pthread_cond_wait(&cv[me], &mu);
        turn = !me;
        pthread_cond_signal(&cv[!me]);
    }
    pthread_mutex_unlock(&mu);
}

static void *second(void *arg)
{
    (void)arg;
    play(1);
    return NULL;
}

static int t_condvar(long n, double *ns)
{
    pthread_t th;
    int e;
    double t;
    turn = 1;                   /* the second thread's first move is the warm-up */
    rounds = n;
    e = pthread_create(&th, NULL, second, NULL);
    if (e) {
        errno = e;
        return -1;
    }
    pthread_mutex_lock(&mu);
    while (turn != 0)
        pthread_cond_wait(&cv[0], &mu);
    pthread_mutex_unlock(&mu);
    t = now_ns();
    play(0);
    *ns = now_ns() - t;
    e = pthread_join(th, NULL);
    if (e) {
        errno = e;
        return -1;
    }
    return 0;
}
#endif

#ifndef UBENCH_NO_THREADS
static void *nothing(void *arg)
{
    return arg;
}

static int t_thread(long n, double *ns)
{
    long i;
    double t = now_ns();
    for (i = 0; i < n; i++) {
        pthread_t th;
        int e = pthread_create(&th, NULL, nothing, NULL);
        if (e == 0)
            e = pthread_join(th, NULL);
        if (e) {
            errno = e;
            return -1;
        }
    }
    *ns = now_ns() - t;
    return 0;
}

/* with a second thread there, so that no library takes a shortcut */
static void *waits(void *arg)
{
    char b;
    return read(*(int *)arg, &b, 1) < 0 ? arg : NULL;
}

static int t_mutex(long n, double *ns)
{
    static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_t th;
    double t;
    long i;
    int e, fd[2];
    if (pipe(fd) < 0)
        return -1;
    e = pthread_create(&th, NULL, waits, &fd[0]);
    if (e) {
        errno = e;
        return -1;
    }
    t = now_ns();
    for (i = 0; i < n; i++) {
        pthread_mutex_lock(&m);
        pthread_mutex_unlock(&m);
    }
    *ns = now_ns() - t;
    close(fd[1]);
    pthread_join(th, NULL);
    close(fd[0]);
    return 0;
}
#endif

static int t_sieve(long n, double *ns)
{
    unsigned char *s = malloc(SIEVE_N);
    long k;
    double t;
    if (!s)
        return -1;
    memset(s, 1, SIEVE_N);      /* touch the pages outside the timed part */
    t = now_ns();
    for (k = 0; k < n; k++) {
        long i, j, c = 0;
        memset(s, 1, SIEVE_N);
        for (i = 2; i * i < SIEVE_N; i++)
            if (s[i])
                for (j = i * i; j < SIEVE_N; j += i)
                    s[j] = 0;
        for (i = 2; i < SIEVE_N; i++)
            c += s[i];
        if (c != SIEVE_PRIMES) {
            fprintf(stderr, "ubench: sieve: %ld primes, not %ld\n", c, SIEVE_PRIMES);
            free(s);
            errno = EDOM;
            return -1;
        }
    }
    *ns = now_ns() - t;
    free(s);
    return 0;
}

static double ma[MAT_N][MAT_N], mb[MAT_N][MAT_N], mc[MAT_N][MAT_N];

/* whole numbers throughout, so the sum is exact in every floating format */
static int t_matmul(long n, double *ns)
{
    long q;
    int i, j, k, rep;
    double t, sum = 0, want = 0;
    for (i = 0; i < MAT_N; i++)
        for (j = 0; j < MAT_N; j++) {
            ma[i][j] = (i + 2 * j) % 7;
            mb[i][j] = (3 * i + j) % 5;
        }
    t = now_ns();
    for (q = 0; q < n; q++)
        for (rep = 0; rep < MAT_REP; rep++) {
            ma[rep][0] += 1;
            for (i = 0; i < MAT_N; i++)
                for (j = 0; j < MAT_N; j++) {
                    double s = 0;
                    for (k = 0; k < MAT_N; k++)
                        s += ma[i][k] * mb[k][j];
                    mc[i][j] = s;
                }
        }
    *ns = now_ns() - t;
    for (k = 0; k < MAT_N; k++) {
        double ca = 0, rb = 0;
        for (i = 0; i < MAT_N; i++) {
            ca += ma[i][k];
            rb += mb[k][i];
        }
        want += ca * rb;
    }
    for (i = 0; i < MAT_N; i++)
        for (j = 0; j < MAT_N; j++)
            sum += mc[i][j];
    if (sum != want) {
        fprintf(stderr, "ubench: matmul: sum %.17g, not %.17g\n", sum, want);
        errno = EDOM;
        return -1;
    }
    return 0;
}

/* ---- the driver ---- */

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

static int cmp(const void *a, const void *b)
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
    qsort(v, (size_t)reps, sizeof v[0], cmp);
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
