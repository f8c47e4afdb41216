/* What the files of ubench share. */
#ifndef UBENCH_H
#define UBENCH_H

#ifdef __linux__
#define _GNU_SOURCE             /* syscall() */
#else
#define _XOPEN_SOURCE 700       /* sync() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define CHUNK   65536           /* pipe throughput: bytes per write */
#define FBLOCK  4096            /* file tests: bytes per write */
#define FLIMIT  (8L << 20)      /* file tests: as large as a file gets */
#define LARGE   (64L << 20)     /* the large file */

/* ubench.c: the options */
extern const char *self;        /* argv[0]: a path, or a name in PATH */
extern const char *dir;
extern const char *truepath;
extern char chunk[CHUNK];       /* something to write, or room to read */

static inline double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* for qsort: doubles */
int compare(const void *a, const void *b);

/* helper.c: a second process.
   "pong" echoes bytes, "sink" reads to EOF then acks, "ppid" reads how many
   calls to make, and says how long they took. *to is written to reach it, *from
   is read to hear it. Its pid, or -1 and errno. */
pid_t start_helper(const char *kind, int *to, int *from);
/* what it does; the status to end with */
int helper(const char *kind, int in, int out);
/* wait for a child: 0, or -1 when it did not exit with 0 */
int reap(pid_t pid);
void call_getppid(long n);

/* file.c: a new file fname in dir, open; unlink it */
extern char fname[512];
int make_file(int flags);

/* The tests: do n iterations, put the time taken in *ns. 0, or -1 and errno. */
int t_getppid(long n, double *ns);
int t_getppid2(long n, double *ns);
int t_pingpong(long n, double *ns);
int t_pipebw(long n, double *ns);
int t_fork(long n, double *ns);
int t_fork_1m(long n, double *ns);
int t_signal(long n, double *ns);
int t_signal_max(long n, double *ns);
int t_spawn_true(long n, double *ns);
int t_spawn_self(long n, double *ns);
int t_openclose(long n, double *ns);
int t_pread1(long n, double *ns);
int t_write4k(long n, double *ns);
int t_read4k(long n, double *ns);
int t_readlarge(long n, double *ns);
int t_writelarge(long n, double *ns);
int t_createfsync(long n, double *ns);
int t_condvar(long n, double *ns);
int t_thread(long n, double *ns);
int t_mutex(long n, double *ns);
int t_sieve(long n, double *ns);
int t_matmul(long n, double *ns);

#endif
