/*
 * A random generator: ChaCha20 (RFC 8439) keyed by the host, with fast key
 * erasure. Each call takes one block: half becomes the next key, so what was
 * given out can't be computed from what is in memory later; the other half is
 * the result, or the key for a longer result, which is made without the lock.
 */
#include "random.h"

#include "../host.h"
#include "lock.h"

#define BLOCK 64

static struct lock key_lock = LOCK_INIT(RANK_LOG);
static uint32_t key[8];
static bool seeded;

static inline uint32_t rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static inline void quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

static void chacha_block(const uint32_t k[8], uint64_t counter, uint32_t out[16])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
			       k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7],
			       (uint32_t)counter, (uint32_t)(counter >> 32), 0, 0 };

	memcpy(out, start, sizeof(start));
	for (int round = 0; round < 10; round++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += start[i];
}

void random_bytes(void *p, size_t n)
{
	uint32_t block[16], mine[8];
	uint64_t counter = 0;
	char *to = p;

	lock(&key_lock);
	if (!seeded && host_entropy(key, sizeof(key)) < 0)
		panic("random_bytes: the host has no entropy");
	seeded = true;
	chacha_block(key, 0, block);
	memcpy(key, block, sizeof(key));
	unlock(&key_lock);
	memcpy(mine, block + 8, sizeof(mine));
	if (n <= sizeof(mine)) {
		memcpy(p, mine, n);
		return;
	}
	for (; n >= BLOCK; to += BLOCK, n -= BLOCK) {
		chacha_block(mine, counter++, block);
		memcpy(to, block, BLOCK);
	}
	chacha_block(mine, counter, block);
	memcpy(to, block, n);
}
