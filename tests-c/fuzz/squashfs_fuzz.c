/*
 * Hostile squashfs images, and hostile input to the decompressors under them.
 *
 * An image is one that mksquashfs made, with changes: the input's first byte says
 * which, then come changes of three bytes of place (its top bit: counted from the
 * end, where the metadata is), one of length, and the bytes. It is mounted, walked
 * and read. Whatever comes of it is fine but a report of a sanitizer, a panic, a
 * hang, or an image that can't be unmounted. TABOS_FUZZ as in ext2_fuzz.c.
 */
#include "fuzz.h"

#include "../../kernel-c/lib/alloc.h"
#include "../../kernel-c/lib/decompress.h"
#include "../store.h"

#define AT "/tmp/t/squash"
#define ROOM (256u << 10)
#define DEPTH 4

static const uint8_t zstd4k[] = {
#embed <zstd4k.sqfs>
};
static const uint8_t gzip[] = {
#embed <gzip.sqfs>
};
static const uint8_t lz4[] = {
#embed <lz4.sqfs>
};
static const uint8_t stored[] = {
#embed <stored.sqfs>
};
static const uint8_t over[] = {
#embed <over.sqfs>
};
/* Each is also the store base0, base1 … */
static const struct {
	const uint8_t *bytes;
	size_t size;
} images[] = { { stored, sizeof stored }, { zstd4k, sizeof zstd4k }, { gzip, sizeof gzip },
	       { lz4, sizeof lz4 }, { over, sizeof over } };
static char *buffer;

static void use_file(const char *path)
{
	int err;
	struct file *f = vfs_open(current_process, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &err);

	if (!f)
		return;
	if (S_ISREG(f->inode->mode)) {
		file_read_kernel(f, buffer, 65536, 0);
		file_read_kernel(f, buffer, 65536, max(f->inode->size - 5000, (int64_t)0));
	}
	file_put(f);
}

static const char *base_name(unsigned which)
{
	static char name[] = "base0";

	name[4] = (char)('0' + which);
	return name;
}

static void bases_make(void)
{
	static uint8_t block[PAGE_SIZE]; /* mksquashfs pads images to that */

	test_stores_reset();
	for (unsigned i = 0; i < countof(images); i++)
		for (size_t at = 0; at + PAGE_SIZE <= images[i].size; at += PAGE_SIZE) {
			memcpy(block, images[i].bytes + at, PAGE_SIZE);
			test_store_put(base_name(i), (uint32_t)(at / PAGE_SIZE), block);
		}
}

static void image_change(const uint8_t *data, size_t size)
{
	static uint8_t block[PAGE_SIZE];
	unsigned which = data[0] % countof(images);
	size_t length = images[which].size;

	test_store_copy(base_name(which), "fuzz");
	data++, size--;
	while (size >= 5) {
		uint32_t place = data[0] | (uint32_t)data[1] << 8 | (uint32_t)(data[2] & 0x7f) << 16;
		size_t at = place % length, n;

		if (data[2] & 0x80)
			at = length - 1 - at;
		n = min(min((size_t)data[3] % 32 + 1, size - 4), PAGE_SIZE - at % PAGE_SIZE);
		memcpy(block, test_store_get("fuzz", (uint32_t)(at / PAGE_SIZE)), PAGE_SIZE);
		memcpy(block + at % PAGE_SIZE, data + 4, n);
		test_store_put("fuzz", (uint32_t)(at / PAGE_SIZE), block);
		data += 4 + n;
		size -= 4 + n;
	}
}

static int one_image(const uint8_t *data, size_t size)
{
	int err;

	if (size < 1)
		return 0;
	image_change(data, size);
	if (vfs_mount(current_process, "fuzz", AT, "squashfs", 0, "") < 0)
		return 0;
	fuzz_walk(AT, DEPTH, &(struct fuzz_visitor){ .use = use_file });
	test_user_reset();
	if ((err = sys_umount2(U(AT), 0)) < 0)
		panic("squashfs fuzz: can't be unmounted: %d", err);
	return 0;
}

static int one_block(const uint8_t *data, size_t size)
{
	static int64_t (*const expand[])(void *to, size_t room, const void *from, size_t n) = {
		inflate_zlib, lz4_block, zstd_frame
	};
	int64_t n;

	if (size < 2)
		return 0;
	/* Rooms of all sizes, so that the end is met in every state. */
	n = expand[data[0] % 3](buffer, ROOM >> data[1] % 18, data + 2, size - 2);
	if (n > ROOM >> data[1] % 18)
		panic("decompress fuzz: %lld bytes", (long long)n);
	return 0;
}

TEST("fuzz: squashfs")
{
	vfs_begin();
	make_dir(AT, 0755);
	bases_make();
	buffer = kzalloc(ROOM);
	EXPECT_EQ(fuzz_drive("squashfs-fuzz", one_image), 0);
}

TEST("fuzz: decompress")
{
	buffer = kzalloc(ROOM);
	EXPECT_EQ(fuzz_drive("decompress-fuzz", one_block), 0);
}
