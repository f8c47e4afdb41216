/* Looks words up in a hash table with open addressing: two short loops a word. */
#include <string.h>
#define SLOTS 4096
#define WORDS 2000

static unsigned table[SLOTS];

static unsigned hash_of(const char *s)
{
	unsigned h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h | 1;
}

unsigned run(void)
{
	char word[12] = "key-aaaaaa";
	unsigned probes = 0;

	memset(table, 0, sizeof(table));
	for (int i = 0; i < WORDS * 2; i++) {
		unsigned n = i % WORDS;

		for (int k = 4; k < 10; k++, n /= 8)
			word[k] = 'a' + n % 8;
		unsigned h = hash_of(word), slot = h % SLOTS;

		for (; table[slot] && table[slot] != h; probes++)
			slot = (slot + 1) % SLOTS;
		table[slot] = h;
	}
	return probes;
}
