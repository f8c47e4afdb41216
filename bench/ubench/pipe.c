/* Pipes between two processes: how soon, and how much. */
#include "ubench.h"

int t_pingpong(long n, double *ns)
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

int t_pipebw(long n, double *ns)
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
