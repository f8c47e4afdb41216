/* CRC-32 by table. */
#define N 60000

static unsigned table[256];
static unsigned char data[N];

unsigned run(void)
{
	unsigned crc = ~0u;

	if (!table[1]) {
		for (unsigned i = 0; i < 256; i++) {
			unsigned c = i;

			for (int k = 0; k < 8; k++)
				c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
			table[i] = c;
		}
		for (unsigned i = 0; i < N; i++)
			data[i] = i * 31;
	}
	for (unsigned i = 0; i < N; i++)
		crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
	return ~crc;
}
