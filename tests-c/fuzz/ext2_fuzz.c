/*
 * Hostile ext2 images: libFuzzer changes bytes of a good image, which is then
 * mounted, walked, read and written. Whatever comes of it is fine but a report
 * of a sanitizer, a panic, a hang, or a filesystem that can't be unmounted.
 *
 * An input is a list of changes: which of the image's written blocks (a byte),
 * where in it (two bytes), how many bytes (one), the bytes. The arguments of
 * libFuzzer are in TABOS_FUZZ, separated by spaces: a corpus, -max_total_time=….
 */
#include "fuzz.h"

#include "../../kernel-c/lib/alloc.h"
#include "../store.h"

#define AT "/tmp/t/m"
#define DEPTH 5

static uint32_t written[256]; /* blocks of the good image */
static uint32_t nwritten;
static char *buffer; /* 64 KiB */

/* ---- what is done with an image ---- */

static void use_file(const char *path)
{
	int err;
	struct file *f = vfs_open(current_process, AT_FDCWD, path, O_RDWR, 0, &err);

	if (!f)
		return;
	if (S_ISREG(f->inode->mode)) {
		file_read_kernel(f, buffer, 65536, 0);
		file_read_kernel(f, buffer, 65536, max(f->inode->size - 5000, (int64_t)0));
		if (f->ops->lseek)
			f->ops->lseek(f, 0, 4);
		file_write_kernel(f, buffer, 5000, 3000);
		file_write_kernel(f, buffer, 5000, 4300000);
		if (f->ops->fsync) /* a link may lead to another filesystem */
			f->ops->fsync(f, true);
		vfs_truncate(f->inode, 10000);
	}
	file_put(f);
}

static void change_name(const char *path, int count)
{
	if (count % 3 == 0 && vfs_unlink(current_process, AT_FDCWD, path, false) < 0)
		vfs_unlink(current_process, AT_FDCWD, path, true);
	if (count % 3 == 1)
		vfs_rename(current_process, AT_FDCWD, path, AT_FDCWD, AT "/moved", 0);
}

static void use_all(void)
{
	uint32_t before = 0;
	char name[32];

	fuzz_walk(AT, DEPTH, &(struct fuzz_visitor){ use_file, change_name });
	for (uint32_t i = 0; i < 20; i++) {
		ksnprintf(name, sizeof name, AT "/new-%u", before++);
		vfs_mknod(current_process, AT_FDCWD, name, S_IFREG | 0644, 0);
		vfs_mkdir(current_process, AT_FDCWD, AT "/new-dir", 0755);
	}
	mount_sync_all();
}

/* ---- one input ---- */

static void change(const uint8_t *data, size_t size)
{
	static char block[4096];

	while (size >= 5) {
		uint32_t number = written[data[0] % nwritten];
		uint32_t at = (data[1] | (uint32_t)data[2] << 8) % 4096;
		size_t n = min(min((size_t)data[3] + 1, size - 4), (size_t)4096 - at);

		memcpy(block, test_store_get("fuzz", number), 4096);
		memcpy(block + at, data + 4, n);
		test_store_put("fuzz", number, block);
		data += 4 + n;
		size -= 4 + n;
	}
}

static int one(const uint8_t *data, size_t size)
{
	int err;

	test_user_reset();
	test_store_copy("base", "fuzz");
	change(data, size);
	err = vfs_mount(current_process, "fuzz", AT, "ext2", 0, "");
	if (err == 0) {
		use_all();
		test_user_reset();
		if ((err = sys_umount2(U(AT), 0)) == -EBUSY)
			panic("ext2 fuzz: can't be unmounted: %d", err);
	}
	return 0;
}

/* A good image with one of everything. */
static int make_base(void)
{
	struct file *f;
	int err = vfs_mount(current_process, "base", AT, "ext2", 0, "size=4m,format");

	if (err < 0)
		return err;
	vfs_mkdir(current_process, AT_FDCWD, AT "/dir", 0755);
	vfs_mkdir(current_process, AT_FDCWD, AT "/dir/sub", 0755);
	vfs_mkdir(current_process, AT_FDCWD, AT "/dir/sub/deep", 0755);
	vfs_symlink(current_process, "dir/sub", AT_FDCWD, AT "/fast");
	memset(buffer, 'x', 200);
	buffer[200] = 0;
	vfs_symlink(current_process, buffer, AT_FDCWD, AT "/slow");
	vfs_mknod(current_process, AT_FDCWD, AT "/fifo", S_IFIFO | 0644, 0);
	vfs_mknod(current_process, AT_FDCWD, AT "/null", S_IFCHR | 0644, makedev(1, 3));
	f = vfs_open(current_process, AT_FDCWD, AT "/dir/file", O_RDWR | O_CREAT, 0644, &err);
	file_write_kernel(f, buffer, 65536, 0);
	file_write_kernel(f, buffer, 10, 4300000);    /* double indirect */
	file_write_kernel(f, buffer, 10, 4400000000); /* triple */
	file_put(f);
	vfs_link(current_process, AT_FDCWD, AT "/dir/file", AT_FDCWD, AT "/hard", 0);
	test_user_reset();
	return sys_umount2(U(AT), 0);
}

TEST("fuzz: ext2")
{
	vfs_begin();
	make_dir(AT, 0755);
	buffer = kzalloc(65536 + PATH_MAX);
	EXPECT_EQ(make_base(), 0);
	for (uint32_t i = 0; i < test_store_blocks("base") && nwritten < countof(written); i++)
		if (test_store_get("base", i))
			written[nwritten++] = i;
	EXPECT_EQ(fuzz_drive("ext2-fuzz", one), 0);
}
