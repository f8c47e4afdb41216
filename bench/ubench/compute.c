/* Programs that only compute; they check what they have computed. */
#include "ubench.h"

#define SIEVE_N 10000000
#define SIEVE_PRIMES 664579L    /* primes below SIEVE_N */
#define MAT_N   128
#define MAT_REP 8

int t_sieve(long n, double *ns)
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
int t_matmul(long n, double *ns)
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
