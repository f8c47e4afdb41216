/* Threads: made, locked out, and handed the turn. */
#ifndef UBENCH_NO_THREADS
#include "ubench.h"

#include <pthread.h>

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

int t_condvar(long n, double *ns)
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

static void *nothing(void *arg)
{
    return arg;
}

int t_thread(long n, double *ns)
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

int t_mutex(long n, double *ns)
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
