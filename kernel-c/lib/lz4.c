/*
 * LZ4's block format: runs of literals, each followed by a match further back.
 */
#include "decompress.h"

#define MATCH_MIN 4u

/* A length whose first 4 bits are `length`: 15 means that bytes follow, up to one below 255. */
static bool length_more(const uint8_t **in, const uint8_t *end, size_t *length)
{
	uint8_t more;

	if (*length < 15)
		return true;
	do {
		if (*in == end)
			return false;
		more = *(*in)++;
		*length += more; /* at most 255 for a byte of input: no overflow */
	} while (more == 255);
	return true;
}

/* A match may overlap what it makes: then it repeats. */
static void match_copy(uint8_t *to, size_t distance, size_t length)
{
	const uint8_t *from = to - distance;

	if (distance >= length) {
		memcpy(to, from, length);
		return;
	}
	while (length--)
		*to++ = *from++;
}

int64_t lz4_block(void *to, size_t room, const void *from, size_t n)
{
	const uint8_t *in = from, *end = in + n;
	uint8_t *out = to, *limit = out + room;

	while (in < end) {
		uint8_t token = *in++;
		size_t literals = token >> 4, length = token & 15, distance;

		if (!length_more(&in, end, &literals) || literals > (size_t)(end - in) ||
		    literals > (size_t)(limit - out))
			return -EIO;
		memcpy(out, in, literals);
		in += literals;
		out += literals;
		if (in == end) /* the last run has no match */
			return out - (uint8_t *)to;
		if (end - in < 2)
			return -EIO;
		distance = in[0] | (size_t)in[1] << 8;
		in += 2;
		if (!length_more(&in, end, &length))
			return -EIO;
		length += MATCH_MIN;
		if (distance == 0 || distance > (size_t)(out - (uint8_t *)to) ||
		    length > (size_t)(limit - out))
			return -EIO;
		match_copy(out, distance, length);
		out += length;
	}
	return -EIO; /* it ended with a match, or was empty */
}
