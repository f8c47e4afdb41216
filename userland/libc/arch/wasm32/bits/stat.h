/* struct abi_stat of the kernel. */
struct stat {
	dev_t st_dev;
	ino_t st_ino;
	mode_t st_mode;
	nlink_t st_nlink;
	uid_t st_uid;
	gid_t st_gid;
	dev_t st_rdev;
	off_t st_size;
	blksize_t st_blksize;
	int __pad;
	blkcnt_t st_blocks;
	struct timespec st_atim, st_mtim, st_ctim;
	unsigned long long __spare[2];
};
