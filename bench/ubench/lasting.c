/* Files that last: what a filesystem with a store behind it does. */
#include "ubench.h"

#include <sys/stat.h>

#define LCALL   (1L << 20)      /* bytes in a call for the large file */
#define SMALL   1000            /* small files, each made and synced */

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
int t_read4k(long n, double *ns)
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

int t_readlarge(long n, double *ns)
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
int t_writelarge(long n, double *ns)
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
int t_createfsync(long n, double *ns)
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
