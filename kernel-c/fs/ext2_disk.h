/*
 * ext2 on the disk, revision 1: all numbers are little endian, as is wasm.
 *
 * The volume is cut into groups of blocks; each has a bitmap of its blocks, one
 * of its inodes, and a piece of the inode table. The superblock lies at byte
 * 1024, the group descriptors in the block after it, copies of both in groups
 * 0, 1 and the powers of 3, 5 and 7.
 */
#ifndef EXT2_DISK_H
#define EXT2_DISK_H

#include "../types.h"

#define EXT2_MAGIC 0xef53u
#define EXT2_ROOT_INO 2u
#define EXT2_GOOD_FIRST_INO 11u
#define EXT2_SUPER_OFFSET 1024u
#define EXT2_LINK_MAX 32000u
#define EXT2_NAME_MAX 255u

#define EXT2_STATE_VALID 1u
#define EXT2_STATE_ERROR 2u

#define EXT2_COMPAT_EXT_ATTR 0x8u
#define EXT2_INCOMPAT_FILETYPE 0x2u
#define EXT2_RO_COMPAT_SPARSE_SUPER 0x1u
#define EXT2_RO_COMPAT_LARGE_FILE 0x2u
#define EXT2_RO_COMPAT_BTREE_DIR 0x4u
#define EXT2_RO_COMPAT_DIR_NLINK 0x20u
#define EXT2_RO_COMPAT_EXTRA_ISIZE 0x40u

#define EXT2_INDEX_FL 0x1000u /* a directory with ext3's hash tree, which we don't keep up */
#define EXT2_IMMUTABLE_FL 0x10u
#define EXT2_APPEND_FL 0x20u

struct ext2_super {
	uint32_t inodes_count, blocks_count, r_blocks_count, free_blocks_count, free_inodes_count;
	uint32_t first_data_block, log_block_size, log_frag_size;
	uint32_t blocks_per_group, frags_per_group, inodes_per_group;
	uint32_t mtime, wtime;
	uint16_t mnt_count, max_mnt_count, magic, state, errors, minor_rev_level;
	uint32_t lastcheck, checkinterval, creator_os, rev_level;
	uint16_t def_resuid, def_resgid;
	uint32_t first_ino;
	uint16_t inode_size, block_group_nr;
	uint32_t feature_compat, feature_incompat, feature_ro_compat;
	uint8_t uuid[16];
	char volume_name[16];
	char last_mounted[64];
	uint32_t algorithm_usage_bitmap;
	uint8_t prealloc_blocks, prealloc_dir_blocks;
	uint16_t reserved_gdt_blocks;
	uint8_t journal_uuid[16];
	uint32_t journal_inum, journal_dev, last_orphan;
	uint32_t hash_seed[4];
	uint8_t def_hash_version, jnl_backup_type;
	uint16_t desc_size;
	uint32_t default_mount_opts, first_meta_bg, mkfs_time, jnl_blocks[17];
	uint32_t blocks_count_hi, r_blocks_count_hi, free_blocks_count_hi;
	uint16_t min_extra_isize, want_extra_isize;
	uint32_t flags;
	uint8_t rest[668];
};
_Static_assert(sizeof(struct ext2_super) == 1024 && offsetof(struct ext2_super, last_orphan) == 0xe8 &&
	       offsetof(struct ext2_super, mkfs_time) == 0x108, "the superblock's layout");

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, used_dirs, flags;
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct ext2_group) == 32, "a group descriptor's size");

#define EXT2_DIRECT 12u
#define EXT2_POINTERS 15u /* 12 direct, one each single, double and triple indirect */

struct ext2_raw_inode {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, links;
	uint32_t blocks, flags, version;
	uint32_t block[EXT2_POINTERS];
	uint32_t generation, file_acl, size_high, faddr;
	uint16_t blocks_high, file_acl_high, uid_high, gid_high, checksum_lo, reserved;
	/* only where the inode size is more than 128, and extra_isize says so */
	uint16_t extra_isize, checksum_hi;
	uint32_t ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra, version_hi, projid;
};
_Static_assert(sizeof(struct ext2_raw_inode) == 160, "an inode's size with all we know");
#define EXT2_OLD_INODE 128u
#define EXT2_EXTRA 32u /* of what we know */

struct ext2_dirent {
	uint32_t inode; /* 0: unused */
	uint16_t rec_len;
	uint8_t name_len, file_type;
	char name[];
};
#define EXT2_DIRENT_SIZE(length) (((uint32_t)(length) + 8u + 3u) & ~3u)

/* dirent.file_type */
enum { EXT2_FT_UNKNOWN, EXT2_FT_REG, EXT2_FT_DIR, EXT2_FT_CHR, EXT2_FT_BLK, EXT2_FT_FIFO,
       EXT2_FT_SOCK, EXT2_FT_LNK };

#endif
