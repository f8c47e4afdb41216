/* memset: words inline, memory.fill from where its cost per call is small. */
#include <stdint.h>
#include <string.h>

#define BULK 256

typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word;

void *memset(void *dest, int c, size_t n)
{
	unsigned char *d = dest;
	uint64_t w = (c & 0xff) * 0x0101010101010101ull;

	if (n >= BULK) {
		__asm__ volatile ("local.get %0\n\tlocal.get %1\n\tlocal.get %2\n\t"
			"memory.fill 0" : : "r"(d), "r"(c), "r"(n) : "memory");
		return dest;
	}
	for (; n >= 8; n -= 8, d += 8)
		*(word *)d = w;
	for (; n; n--)
		*d++ = c;
	return dest;
}
