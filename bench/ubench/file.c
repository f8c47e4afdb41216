/* Files in a cache: opening, reading, writing. */
#include "ubench.h"

char fname[512];

int make_file(int flags)
{
    snprintf(fname, sizeof fname, "%s/ubench.%ld", dir, (long)getpid());
    return open(fname, flags | O_CREAT | O_TRUNC, 0600);
}

int t_openclose(long n, double *ns)
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

int t_pread1(long n, double *ns)
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
int t_write4k(long n, double *ns)
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
