/* The binary interface: files, directories, descriptors, mounts. */
#ifndef ABI_FILE_H
#define ABI_FILE_H

#include <stdint.h>

#include "time.h"

#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_EACCESS 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_EMPTY_PATH 0x1000

#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DSYNC 010000
#define O_DIRECT 040000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_NOATIME 01000000
#define O_CLOEXEC 02000000
#define O_SYNC 04010000
#define O_PATH 010000000

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define F_DUPFD 0
#define F_GETFD 1
#define F_SETFD 2
#define F_GETFL 3
#define F_SETFL 4
#define F_GETLK 12 /* musl on 32-bit uses the 64-bit forms */
#define F_SETLK 13
#define F_SETLKW 14
#define F_SETOWN 8
#define F_GETOWN 9
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#define FD_CLOEXEC 1

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
struct abi_flock {
	int16_t type, whence;
	uint32_t pad;
	int64_t start, length;
	int32_t pid, pad2;
};

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define R_OK 4
#define W_OK 2
#define X_OK 1

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISUID 04000
#define S_ISGID 02000
#define S_ISVTX 01000
#define S_IXGRP 00010
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define NAME_MAX 255
#define PATH_MAX 4096
#define SYMLOOP_MAX 40
#define LINK_MAX 65000
#define IOV_MAX 1024
#define PIPE_BUF 4096
#define ARG_MAX 131072
#define NGROUPS_MAX 32
#define OPEN_MAX 1024 /* the hard limit of RLIMIT_NOFILE */

struct abi_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev;
	int64_t size;
	int32_t blksize, pad;
	int64_t blocks; /* of 512 bytes */
	struct abi_timespec atime, mtime, ctime;
	uint64_t spare[2];
};

struct abi_statfs { /* statvfs's f_frsize is frsize */
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t fsid[2];
	uint32_t namelen, frsize, flags, spare[5];
};
#define ST_RDONLY 1
#define ST_NOSUID 2

struct abi_dirent { /* linux_dirent64; the name is NUL-terminated */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[5]; /* to reclen; the next entry is 8-byte aligned */
};

struct abi_iovec {
	uint32_t base, length;
};

#define MS_RDONLY 1
#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MS_REMOUNT 32
#define MS_BIND 4096

#endif
