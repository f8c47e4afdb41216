/*
 * What every kernel file needs: integers, errors, small macros, panic.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

typedef uint32_t uaddr; /* an address in the current program's memory; 0 is null */
typedef int64_t nsec;   /* nanoseconds on the monotonic clock, or a length of time */

#define NSEC_PER_SEC 1000000000ll
#define FOREVER INT64_MAX /* a deadline that never comes */

#define countof(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define min(a, b) ({ __typeof__(a) min_a = (a); __typeof__(b) min_b = (b); min_a < min_b ? min_a : min_b; })
#define max(a, b) ({ __typeof__(a) max_a = (a); __typeof__(b) max_b = (b); max_a > max_b ? max_a : max_b; })
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define round_up(n, to) (((n) + (to) - 1) & ~((__typeof__(n))(to) - 1))

/* lib/printf.c: %s %c %d %u %x %p %ld %lu %lx %lld %llu %llx %%, width, 0, -, .precision */
int kvsnprintf(char *buf, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));
int ksnprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void klog(int level, const char *format, ...) /* one line, level as syslog: 3 error, 6 info */
	__attribute__((format(printf, 2, 3)));
_Noreturn void panic(const char *format, ...) /* a broken invariant: the kernel stops */
	__attribute__((format(printf, 1, 2)));

/* Debug builds check; release builds compile it away. */
#ifdef KERNEL_DEBUG
#define assert(cond) \
	do { if (unlikely(!(cond))) panic("%s: assertion failed: %s", __func__, #cond); } while (0)
#else
#define assert(cond) ((void)sizeof(cond))
#endif

/* lib/string.c; natively the C library's. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *p, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
/* Copies at most size-1 bytes and terminates; the length of from. */
size_t kstrlcpy(char *to, const char *from, size_t size);

#endif
