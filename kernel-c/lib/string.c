/*
 * Memory and string functions. Natively the C library has them but kstrlcpy.
 *
 * The builtins in memcpy, memmove and memset become the memory.copy and
 * memory.fill instructions (the kernel is compiled with bulk memory), as does
 * nearly every call of these functions elsewhere. no_builtin keeps the
 * optimiser from seeing, say, strlen's loop as a call of strlen.
 */
#include "../types.h"

#ifdef __wasm__
#define NO_BUILTIN __attribute__((no_builtin))

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return __builtin_memcpy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
	return __builtin_memmove(to, from, n);
}

void *memset(void *p, int c, size_t n)
{
	return __builtin_memset(p, c, n);
}

NO_BUILTIN int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n >= 8; x += 8, y += 8, n -= 8) {
		uint64_t p, q;

		__builtin_memcpy(&p, x, 8); /* one load each */
		__builtin_memcpy(&q, y, 8);
		if (p != q)
			break;
	}
	for (; n > 0; x++, y++, n--)
		if (*x != *y)
			return *x - *y;
	return 0;
}

NO_BUILTIN void *memchr(const void *p, int c, size_t n)
{
	for (const uint8_t *s = p; n > 0; s++, n--)
		if (*s == (uint8_t)c)
			return (void *)s;
	return NULL;
}

NO_BUILTIN size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return (size_t)(end - s);
}

NO_BUILTIN size_t strnlen(const char *s, size_t n)
{
	size_t length = 0;

	while (length < n && s[length])
		length++;
	return length;
}

NO_BUILTIN int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (uint8_t)*a - (uint8_t)*b;
}

NO_BUILTIN int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0 && *a && *a == *b; a++, b++, n--)
		;
	return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

NO_BUILTIN char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

NO_BUILTIN char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)last;
	}
}
#endif

size_t kstrlcpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);

	if (size) {
		size_t n = min(length, size - 1);

		memcpy(to, from, n);
		to[n] = 0;
	}
	return length;
}
