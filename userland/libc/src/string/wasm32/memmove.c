/* memmove: memory.copy allows overlap; small moves choose the direction. */
#include <stdint.h>
#include <string.h>

#define BULK 256

typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word;

void *memmove(void *dest, const void *src, size_t n)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	if (n >= BULK) {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\t"
			"memory.copy 0, 0" : : "r"(d), "r"(s), "r"(n) : "memory");
		return dest;
	}
	if ((uintptr_t)d - (uintptr_t)s >= n) {
		for (; n >= 8; n -= 8, d += 8, s += 8)
			*(word *)d = *(const word *)s;
		for (; n; n--)
			*d++ = *s++;
		return dest;
	}
	while (n >= 8) {
		n -= 8;
		*(word *)(d + n) = *(const word *)(s + n);
	}
	while (n) {
		n--;
		d[n] = s[n];
	}
	return dest;
}
