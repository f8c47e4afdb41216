/*
 * memcpy: words inline, memory.copy from where its cost per call is small.
 *
 * clang is told not to make memory.copy of every memcpy (tabos-cc), because
 * engines leave compiled code for it.
 */
#include <stdint.h>
#include <string.h>

#define BULK 256

typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word;

void *memcpy(void *restrict dest, const void *restrict src, size_t n)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	if (n >= BULK) {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\t"
			"memory.copy 0, 0" : : "r"(d), "r"(s), "r"(n) : "memory");
		return dest;
	}
	for (; n >= 16; n -= 16, d += 16, s += 16) {
		((word *)d)[0] = ((const word *)s)[0];
		((word *)d)[1] = ((const word *)s)[1];
	}
	if (n & 8) {
		*(word *)d = *(const word *)s;
		d += 8;
		s += 8;
	}
	for (n &= 7; n; n--)
		*d++ = *s++;
	return dest;
}
