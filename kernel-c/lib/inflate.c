/*
 * Inflate (RFC 1951) in zlib's wrapping (RFC 1950), from one buffer to another.
 *
 * A code is decoded by a table over its first bits; longer codes lead to a second
 * table of those that begin alike. Bits come from a 64-bit window; beyond the
 * input it is filled with zeros, and whoever used them is told at the end.
 */
#include "alloc.h"
#include "decompress.h"

#define CODE_MAX 15u   /* bits of a code */
#define LITERALS 288u  /* literals, end, lengths */
#define DISTANCES 32u
#define LITERAL_ROOT 10u
#define DISTANCE_ROOT 8u
/* A second table has at least two codes, so there are no more than half of the symbols. */
#define LITERAL_ENTRIES ((1u << LITERAL_ROOT) + LITERALS / 2 * (1u << (CODE_MAX - LITERAL_ROOT)))
#define DISTANCE_ENTRIES ((1u << DISTANCE_ROOT) + DISTANCES / 2 * (1u << (CODE_MAX - DISTANCE_ROOT)))

/* What a code stands for. */
enum { LITERAL, COPY, END, LINK, INVALID };
struct entry {
	uint8_t bits;   /* of the code, or of the root for LINK */
	uint8_t kind : 4, extra : 4; /* COPY: bits that follow and are added */
	uint16_t value; /* a literal, the least length or distance, where the second table begins */
};

struct inflate {
	const uint8_t *in, *end;
	uint64_t window;
	unsigned bits;     /* in the window */
	unsigned borrowed; /* bytes of zero that were put there after the end */
	uint8_t *start, *out, *limit;
	struct entry literals[LITERAL_ENTRIES], distances[DISTANCE_ENTRIES];
	uint8_t lengths[LITERALS + DISTANCES];
};

static const uint16_t length_base[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
	35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
static const uint8_t length_extra[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
	3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const uint16_t distance_base[] = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
	257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };

/* ---- bits ---- */

/* At least 56 bits are in the window afterwards. */
static inline void refill(struct inflate *s)
{
	if (likely(s->end - s->in >= 8)) {
		uint64_t next;

		memcpy(&next, s->in, 8); /* wasm and what we test on are little-endian */
		s->window |= next << s->bits;
		s->in += (63 - s->bits) >> 3;
		s->bits |= 56;
		return;
	}
	while (s->bits <= 56) {
		if (s->in < s->end)
			s->window |= (uint64_t)*s->in++ << s->bits;
		else
			s->borrowed++;
		s->bits += 8;
	}
}

/* The next n bits, of those that are in the window. */
static inline uint32_t take(struct inflate *s, unsigned n)
{
	uint32_t value = (uint32_t)(s->window & ((1ull << n) - 1));

	s->window >>= n;
	s->bits -= n;
	return value;
}

/* Were more bits used than there are? */
static bool overrun(const struct inflate *s)
{
	return s->borrowed > s->bits / 8;
}

/* ---- tables ---- */

static struct entry entry_of(unsigned symbol, bool distance, unsigned bits)
{
	struct entry e = { .bits = (uint8_t)bits, .kind = INVALID };

	if (distance) {
		if (symbol >= countof(distance_base))
			return e;
		e.kind = COPY;
		e.extra = (symbol < 2 ? 0 : symbol / 2 - 1) & 15;
		e.value = distance_base[symbol];
	} else if (symbol < 256) {
		e.kind = LITERAL;
		e.value = (uint16_t)symbol;
	} else if (symbol == 256) {
		e.kind = END;
	} else if (symbol - 257 < countof(length_base)) {
		e.kind = COPY;
		e.extra = length_extra[symbol - 257] & 15;
		e.value = length_base[symbol - 257];
	}
	return e;
}

static uint32_t reversed(uint32_t code, unsigned bits)
{
	uint32_t r = 0;

	while (bits--) {
		r = r << 1 | (code & 1);
		code >>= 1;
	}
	return r;
}

/* Put e at all places that begin with `code` (reversed, `bits` long) in a table of 2^size. */
static void spread(struct entry *table, unsigned size, uint32_t code, unsigned bits, struct entry e)
{
	for (uint32_t i = code; i < 1u << size; i += 1u << bits)
		table[i] = e;
}

/*
 * The table for a canonical code given by its lengths: false when more codes are
 * given than there is room for, or fewer (but for one or no distance alone).
 */
static bool table_make(struct entry *table, unsigned entries, unsigned root, const uint8_t *lengths,
		       unsigned n, bool distance)
{
	unsigned count[CODE_MAX + 1] = { 0 }, next = 1u << root, used = 0;
	uint32_t first[CODE_MAX + 1], code = 0;
	int left = 1;

	for (unsigned i = 0; i < n; i++)
		count[lengths[i]]++;
	count[0] = 0;
	for (unsigned bits = 1; bits <= CODE_MAX; bits++) {
		left = left * 2 - (int)count[bits];
		if (left < 0)
			return false;
		code = (code + count[bits - 1]) << 1;
		first[bits] = code;
		used += count[bits];
	}
	if (left > 0 && !(distance && (used == 0 || (used == 1 && count[1] == 1))))
		return false;
	for (unsigned i = 0; i < 1u << root; i++)
		table[i] = (struct entry){ .bits = 1, .kind = INVALID };
	for (unsigned symbol = 0; symbol < n; symbol++) {
		unsigned bits = lengths[symbol];
		struct entry e = entry_of(symbol, distance, bits), *link;
		uint32_t r;

		if (bits == 0)
			continue;
		r = reversed(first[bits]++, bits);
		if (bits <= root) {
			spread(table, root, r, bits, e);
			continue;
		}
		link = &table[r & ((1u << root) - 1)];
		if (link->kind != LINK) {
			if (next + (1u << (CODE_MAX - root)) > entries)
				return false;
			*link = (struct entry){ (uint8_t)root, LINK, 0, (uint16_t)next };
			next += 1u << (CODE_MAX - root);
		}
		e.bits = (uint8_t)(bits - root);
		spread(table + link->value, CODE_MAX - root, r >> root, bits - root, e);
	}
	return true;
}

static inline struct entry decode(struct inflate *s, const struct entry *table, unsigned root)
{
	struct entry e = table[s->window & ((1u << root) - 1)];

	if (unlikely(e.kind == LINK)) {
		take(s, root);
		e = table[e.value + (s->window & ((1u << (CODE_MAX - root)) - 1))];
	}
	take(s, e.bits);
	return e;
}

/* ---- blocks ---- */

static bool block_stored(struct inflate *s)
{
	uint32_t length;

	take(s, s->bits % 8);
	refill(s);
	length = take(s, 16);
	if ((length ^ take(s, 16)) != 0xffff || overrun(s))
		return false;
	/* Whole bytes in the window go back. */
	s->in -= s->bits / 8 - s->borrowed;
	s->window = s->bits = s->borrowed = 0;
	if (length > (size_t)(s->end - s->in) || length > (size_t)(s->limit - s->out))
		return false;
	memcpy(s->out, s->in, length);
	s->in += length;
	s->out += length;
	return true;
}

static bool tables_fixed(struct inflate *s)
{
	memset(s->lengths, 8, 144);
	memset(s->lengths + 144, 9, 112);
	memset(s->lengths + 256, 7, 24);
	memset(s->lengths + 280, 8, 8);
	memset(s->lengths + LITERALS, 5, DISTANCES);
	return table_make(s->literals, LITERAL_ENTRIES, LITERAL_ROOT, s->lengths, LITERALS, false) &&
	       table_make(s->distances, DISTANCE_ENTRIES, DISTANCE_ROOT, s->lengths + LITERALS, DISTANCES, true);
}

/* The lengths of a dynamic block's codes, which are themselves coded. */
static bool lengths_read(struct inflate *s, unsigned n)
{
	unsigned i = 0;

	while (i < n) {
		unsigned symbol, repeat;
		struct entry e;
		uint8_t value = 0;

		refill(s);
		e = decode(s, s->literals, LITERAL_ROOT);
		if (e.kind != LITERAL || overrun(s))
			return false;
		symbol = e.value;
		if (symbol < 16) {
			s->lengths[i++] = (uint8_t)symbol;
			continue;
		}
		if (symbol == 16) {
			if (i == 0)
				return false;
			value = s->lengths[i - 1];
			repeat = 3 + take(s, 2);
		} else if (symbol == 17) {
			repeat = 3 + take(s, 3);
		} else {
			repeat = 11 + take(s, 7);
		}
		if (repeat > n - i)
			return false;
		memset(s->lengths + i, value, repeat);
		i += repeat;
	}
	return true;
}

static bool tables_read(struct inflate *s)
{
	static const uint8_t order[] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	unsigned literals, distances, codes;

	refill(s);
	literals = 257 + take(s, 5);
	distances = 1 + take(s, 5);
	codes = 4 + take(s, 4);
	if (literals > 286 || distances > 30)
		return false;
	memset(s->lengths, 0, countof(order));
	for (unsigned i = 0; i < codes; i++) {
		refill(s);
		s->lengths[order[i]] = (uint8_t)take(s, 3);
	}
	if (!table_make(s->literals, LITERAL_ENTRIES, LITERAL_ROOT, s->lengths, countof(order), false) ||
	    !lengths_read(s, literals + distances) || s->lengths[256] == 0)
		return false;
	return table_make(s->literals, LITERAL_ENTRIES, LITERAL_ROOT, s->lengths, literals, false) &&
	       table_make(s->distances, DISTANCE_ENTRIES, DISTANCE_ROOT, s->lengths + literals, distances, true);
}

/* A match may overlap what it makes: then it repeats. */
static bool copy(struct inflate *s, size_t distance, size_t length)
{
	const uint8_t *from = s->out - distance;

	if (distance > (size_t)(s->out - s->start) || length > (size_t)(s->limit - s->out))
		return false;
	if (distance >= length) {
		memcpy(s->out, from, length);
		s->out += length;
	} else {
		while (length--)
			*s->out++ = *from++;
	}
	return true;
}

static bool block_coded(struct inflate *s)
{
	for (;;) {
		struct entry e, d;
		uint32_t length;

		/* A literal or length with its bits, and a distance with its: 20 + 28. */
		refill(s);
		e = decode(s, s->literals, LITERAL_ROOT);
		if (likely(e.kind == LITERAL)) {
			if (s->out == s->limit || overrun(s))
				return false;
			*s->out++ = (uint8_t)e.value;
			continue;
		}
		if (e.kind == END)
			return !overrun(s);
		if (e.kind != COPY)
			return false;
		length = e.value + take(s, e.extra);
		d = decode(s, s->distances, DISTANCE_ROOT);
		if (d.kind != COPY || !copy(s, d.value + take(s, d.extra), length) || overrun(s))
			return false;
	}
}

static bool blocks(struct inflate *s)
{
	bool last;

	do {
		bool sound = false;

		refill(s);
		last = take(s, 1);
		switch (take(s, 2)) {
		case 0:
			sound = block_stored(s);
			break;
		case 1:
			sound = tables_fixed(s) && block_coded(s);
			break;
		case 2:
			sound = tables_read(s) && block_coded(s);
			break;
		}
		if (!sound)
			return false;
	} while (!last);
	return true;
}

static uint32_t adler32(const uint8_t *p, size_t n)
{
	uint32_t a = 1, b = 0;

	while (n) {
		size_t run = min(n, (size_t)5552); /* as many as can't overflow */

		n -= run;
		while (run--) {
			a += *p++;
			b += a;
		}
		a %= 65521;
		b %= 65521;
	}
	return b << 16 | a;
}

static bool zlib(struct inflate *s)
{
	uint32_t sum = 0;

	if (s->end - s->in < 6 || (s->in[0] & 15) != 8 || (s->in[0] << 8 | s->in[1]) % 31 ||
	    (s->in[1] & 0x20))
		return false;
	s->in += 2;
	if (!blocks(s))
		return false;
	take(s, s->bits % 8);
	for (int i = 0; i < 4; i++) {
		refill(s);
		sum = sum << 8 | take(s, 8);
	}
	return !overrun(s) && sum == adler32(s->start, (size_t)(s->out - s->start));
}

int64_t inflate_zlib(void *to, size_t room, const void *from, size_t n)
{
	struct inflate *s = kmalloc(sizeof *s);
	int64_t done = -EIO;

	if (!s)
		return -ENOMEM;
	s->in = from;
	s->end = s->in + n;
	s->window = s->bits = s->borrowed = 0;
	s->start = s->out = to;
	s->limit = s->out + room;
	if (zlib(s))
		done = s->out - s->start;
	kfree(s);
	return done;
}
