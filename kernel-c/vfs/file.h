/*
 * Open files, inodes and what a filesystem or device must provide.
 *
 * An inode is a file on some filesystem; a dentry is a name in a directory
 * (dentry.h); a file is an open file description, shared by dup and fork.
 *
 * Letters: I immutable, a atomic, i under inode->lock, f under file->lock.
 */
#ifndef FILE_H
#define FILE_H

#include "../lib/list.h"
#include "../lib/lock.h"
#include "../task/wait.h"
#include "../types.h"
#include "../uaccess.h"

struct file;
struct inode;
struct dentry;
struct mount;
struct superblock;
struct cred;
struct process;
struct fdtable;

/* A place in the tree of names. As a value it owns both references. */
struct path {
	struct mount *mount;
	struct dentry *dentry;
};

/* Where getdents collects entries: returns false when the buffer is full. */
struct dir_sink {
	bool (*entry)(struct dir_sink *s, const char *name, size_t length,
		      uint64_t ino, uint8_t type, int64_t next_offset);
};

/* Every member may be NULL; the comment says what then happens. All may sleep. */
struct file_ops {
	/* inode opened as f (f->inode, f->flags set). NULL: nothing to do. */
	int (*open)(struct inode *inode, struct file *f);
	/* A descriptor of f was closed. Must not sleep; current may be NULL. */
	void (*flush)(struct file *f);
	/* The last reference to f is gone. Must not sleep. */
	void (*release)(struct file *f);
	/* Move bytes at *pos and advance it; the count. NULL: EINVAL. A write to a
	 * regular file with *pos < 0 appends, and leaves the new end in *pos. */
	int64_t (*read)(struct file *f, struct uio *u, int64_t *pos);
	int64_t (*write)(struct file *f, struct uio *u, int64_t *pos);
	/* POLL* events that hold; registers with poll_on. NULL: always readable and writable. */
	unsigned (*poll)(struct file *f, struct poll_table *pt);
	/* NULL: ENOTTY. */
	int (*ioctl)(struct file *f, uint32_t request, uaddr argument);
	/* NULL: the generic one for regular files and directories; ESPIPE when the file is a stream. */
	int64_t (*lseek)(struct file *f, int64_t offset, int whence);
	/* From f->pos on; f->pos is moved by the entries taken. NULL: ENOTDIR. */
	int (*readdir)(struct file *f, struct dir_sink *sink);
	/* Make data (and metadata) durable. NULL: 0, there is nothing to do. */
	int (*fsync)(struct file *f, bool data_only);
	bool stream; /* no offset: pipes, ttys. pread and lseek give ESPIPE */
};

/* What a new inode is to be. Its times are now. */
struct creation {
	uint32_t mode;      /* with its type */
	uint32_t uid, gid;  /* where a filesystem can't choose, they are not what it gets */
	uint64_t rdev;      /* devices */
	const char *target; /* symbolic links */
};

/* Attributes to be set: those that `what` names, and ctime. */
#define ATTR_MODE 1u
#define ATTR_OWNER 2u
#define ATTR_ATIME 4u
#define ATTR_MTIME 8u
struct attributes {
	uint32_t what;
	uint32_t mode; /* permission bits */
	uint32_t uid, gid;
	struct abi_timespec atime, mtime, ctime;
};

/* fallocate's modes, as Linux numbers them. */
#define FALLOC_KEEP_SIZE 1u
#define FALLOC_PUNCH_HOLE 2u

/* Directory and attribute operations; directories are locked by the caller. */
struct inode_ops {
	/* The inode of `name` in dir with a reference, or NULL and *err 0 when there is none. */
	struct inode *(*lookup)(struct inode *dir, const char *name, size_t length, int *err);
	/* Make what c says, a file of any type: the inode with a reference, or NULL and *err. */
	struct inode *(*create)(struct inode *dir, const char *name, size_t length,
				const struct creation *c, int *err);
	int (*link)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	int (*unlink)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	int (*rmdir)(struct inode *dir, const char *name, size_t length, struct inode *inode);
	/* target is what `to_name` was, or NULL; flags may be RENAME_EXCHANGE. */
	int (*rename)(struct inode *from, const char *name, size_t length, struct inode *inode,
		      struct inode *to, const char *to_name, size_t to_length,
		      struct inode *target, uint32_t flags);
	/* The target, NUL-terminated, into buf; its length. */
	int (*readlink)(struct inode *inode, char *buf, size_t size);
	/* Links that name an object, not a path (/proc/PID/fd/N): where it leads,
	 * with references. NULL: follow what readlink says. */
	int (*follow)(struct inode *inode, struct path *to);
	/* A new length. This and fallocate call inode_modified. */
	int (*truncate)(struct inode *inode, int64_t length);
	/* Store attributes, and set the inode's (inode_set). NULL: that is all there is to do. */
	int (*setattr)(struct inode *inode, const struct attributes *a);
	/* Fill what the inode does not hold itself (st is filled generically before). 0 or an error. */
	int (*getattr)(struct inode *inode, struct abi_stat *st);
	/* mode: 0, FALLOC_KEEP_SIZE, or that with FALLOC_PUNCH_HOLE. */
	int (*fallocate)(struct inode *inode, uint32_t mode, int64_t offset, int64_t length);
	/*
	 * Where the filesystem has the file's page in kernel memory, to read and write
	 * with the inode locked; NULL: a hole or, with `make`, no space. NULL: by read and write.
	 */
	char *(*page)(struct inode *inode, uint64_t index, bool make);
};

struct inode {
	int refs;                    /* [a] */
	uint32_t mode;               /* [i] type and permission bits; the type is [I] */
	uint32_t uid, gid, nlink;    /* [i] */
	uint64_t ino;                /* [I] */
	uint64_t rdev;               /* [I] devices */
	int64_t size;                /* [i; read anywhere] */
	int64_t blocks;              /* [i] of 512 bytes */
	struct abi_timespec atime, mtime, ctime; /* [i] */
	struct superblock *sb;       /* [I] */
	const struct inode_ops *ops; /* [I] */
	const struct file_ops *fops; /* [I] */
	struct mutex lock;           /* RANK_INODE */
	struct list of_sb;           /* the filesystem's own list, if it keeps one */
	void *pipe;                  /* [i] the pipe behind a FIFO */
	struct list locks;           /* record locks, under vfs/lock.c's lock */
	uint32_t version;            /* [a] bumped at each change of data: the module cache's key */
	struct sharing *sharing;     /* [a] once it was mapped shared: sharing.h */
	void *private;               /* the filesystem's */
};

struct file {
	int refs;                   /* [a] */
	uint32_t flags;             /* [a] O_* access mode and status flags */
	const struct file_ops *ops; /* [I] */
	struct inode *inode;        /* [I] with a reference; never NULL */
	struct dentry *dentry;      /* [I] with a reference; NULL for pipes and such */
	struct mount *mount;        /* [I] */
	int64_t pos;                /* [f] */
	struct mutex lock;          /* RANK_FILE: serialises moves of pos */
	struct list watches;        /* epoll.c's; set up once it is watched */
	bool watched;               /* [a] was ever in an epoll set */
	void *private;
};

/* ---- file.c ---- */
/* A file over inode (its reference is taken) with one reference; ops->open is not called. */
struct file *file_new(struct inode *inode, const struct file_ops *ops, uint32_t flags, int *err);
static inline struct file *file_get(struct file *f)
{
	__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}
/* A reference to a file that may be on its way out: false when it is gone. */
bool file_get_live(struct file *f);
void file_put(struct file *f); /* may call release; never sleeps */
/* Kernel-internal reading, for exec: count, 0 at the end. */
int64_t file_read_kernel(struct file *f, void *buf, size_t n, int64_t pos);
int64_t file_write_kernel(struct file *f, const void *buf, size_t n, int64_t pos);

/* May f be read / written, by how it was opened? */
static inline bool file_readable(const struct file *f)
{
	return (f->flags & (O_ACCMODE | O_PATH)) != O_WRONLY && !(f->flags & O_PATH);
}
static inline bool file_writable(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY && !(f->flags & O_PATH);
}
/* The generic lseek for something `size` bytes long. */
int64_t file_seek(struct file *f, int64_t offset, int whence, int64_t size);

/* ---- inode.c ---- */
/* An inode of sb with one reference, times set to now; sb's ops fill the rest. NULL: no memory. */
struct inode *inode_new(struct superblock *sb, uint32_t mode, uint64_t ino);
/* Lock several inodes (NULL and repeats are fine), by address. Sorts v. */
void inodes_lock(struct inode **v, int n);
void inodes_unlock(struct inode **v, int n);
/* A write of *n bytes at pos to a regular file: -EFBIG (and SIGXFSZ), or *n cut to RLIMIT_FSIZE. */
int inode_write_limit(int64_t pos, size_t *n);
/* Data was changed: mtime, ctime, version, and the set-id bits of a file that others may write. */
void inode_modified(struct inode *inode);
/* The set-group-ID bit of a file that its group may not run stands for something else. */
static inline uint32_t mode_without_set_id(uint32_t mode)
{
	return mode & ~(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0u));
}
/* Data was read: atime, but only when that tells anything new since the last change. */
void inode_accessed(struct inode *inode);
/* Would it? */
bool inode_access_tells(const struct inode *inode);
/* The inode's attributes are a's from now on. Inode locked. */
void inode_set(struct inode *inode, const struct attributes *a);
/* The same by the filesystem, ctime now. 0 or an error. Inode locked. */
int inode_change(struct inode *inode, struct attributes *a);
/* The same for credentials other than current's. */
int inode_permission_for(const struct cred *c, struct inode *inode, int want, bool real);
/* What stat tells: 0, or the filesystem's error. */
int inode_stat(struct inode *inode, struct abi_stat *st);
/* An inode nobody can find by name (pipes, host streams); one reference. */
struct inode *inode_anonymous(uint32_t mode, const struct file_ops *fops);
void inode_put(struct inode *inode);
static inline struct inode *inode_get(struct inode *inode)
{
	__atomic_add_fetch(&inode->refs, 1, __ATOMIC_RELAXED);
	return inode;
}
/* May the current process (or, with real, its real ids) do R_OK|W_OK|X_OK? 0 or -EACCES. */
int inode_permission(struct inode *inode, int want, bool real);
struct abi_timespec time_now(void); /* CLOCK_REALTIME, for inode times */

/* ---- fdtable.c ---- */
/* Take the lowest free descriptor >= from without a file yet; fd_fill or fd_unreserve follows. */
int fd_reserve(struct fdtable *t, int from, bool cloexec);
void fd_fill(struct fdtable *t, int fd, struct file *f);
void fd_unreserve(struct fdtable *t, int fd);
int fd_flags(struct fdtable *t, int fd); /* FD_CLOEXEC or 0, or -EBADF */
int fd_set_flags(struct fdtable *t, int fd, int flags);
struct fdtable *fdtable_new(void);
struct fdtable *fdtable_copy(struct fdtable *t); /* for fork */
void fdtable_hold(struct fdtable *t); /* one more reference */
void fdtable_put(struct fdtable *t);             /* closes everything with the last reference */
void fdtable_close_on_exec(struct fdtable *t);
/* The file behind fd of the current process with a reference, or NULL (EBADF). O_PATH files too. */
struct file *fd_get(int fd);
/* Install f (its reference is consumed) at the lowest free fd >= from: the fd or -EMFILE. */
int fd_install(struct fdtable *t, struct file *f, int from, bool cloexec);
/* Put f (consumed) at exactly fd, closing what was there: fd or -EBADF. */
int fd_replace(struct fdtable *t, struct file *f, int fd, bool cloexec);
int fd_close(struct fdtable *t, int fd);
int fd_dup2(struct fdtable *t, int from, int to, bool cloexec); /* from == to only sets cloexec */
/* Call g for every open descriptor (/proc/PID/fd). */
void fdtable_each(struct fdtable *t, void (*g)(int fd, struct file *f, void *arg), void *arg);
/* The file at fd of table t with a reference, or NULL. */
struct file *fdtable_get(struct fdtable *t, int fd);

/* ---- namei.c: paths, for the current process or, at boot, the kernel ---- */
struct fs_context { /* cwd, root and umask of a process */
	struct lock lock; /* RANK_DENTRY */
	struct dentry *cwd, *root;
	struct mount *cwd_mount, *root_mount;
	uint32_t umask;
};
struct fs_context *fs_context_new(void); /* at the root of the root filesystem, umask 022 */
struct fs_context *fs_context_copy(struct fs_context *c);
void fs_context_put(struct fs_context *c);
/*
 * Open by a path in kernel memory, for process p (credentials, cwd, descriptor
 * dirfd of its table). The file or NULL and *err.
 */
#define VFS_EXEC 0x40000000u /* kernel only: for exec, asks X_OK instead of R_OK; EACCES unless it may run */
struct file *vfs_open(struct process *p, int dirfd, const char *path, uint32_t flags, uint32_t mode, int *err);
int vfs_chdir(struct process *p, const char *path);
int vfs_fchdir(struct process *p, int fd);
/* The path of f as seen from p's root, NUL-terminated, into buf: the length or -ERANGE/-ENOENT. */
int file_path(struct process *p, struct file *f, char *buf, size_t size);
int vfs_mount(struct process *p, const char *source, const char *target, const char *type, uint32_t flags, const char *data);
/* For the boot archive: make parents as needed; existing files are replaced. Root's rights. */
int vfs_make(const char *path, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t rdev,
	     const char *target, int64_t mtime); /* target: symlink text, or hard link when mode is 0 */

/* ---- devices: a driver registers ops by device number, devfs shows a name ---- */
#define makedev(major, minor) ((uint64_t)(major) << 8 | (minor))
/* Make /dev/NAME (at boot or later): a character device with these ops. */
int devfs_add(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *ops);
int devfs_remove(const char *name);
/* The ops registered for a character device, or NULL. */
const struct file_ops *devfs_ops(uint64_t rdev);

/* ---- mount.c ---- */
/* The root ramfs, /dev, /proc, /tmp, /dev/shm. Once, before anything else here. */
void vfs_init(void);

/* ---- archive.c: the boot archive, an uncompressed tar fed in pieces ---- */
/* The next bytes; length 0 ends it. 0, or -EINVAL with a line in the log when it is corrupt. */
int archive_feed(const void *data, size_t length);

/* ---- pipe.c ---- */
extern const struct file_ops fifo_ops; /* FIFOs; open() blocks as POSIX says */
#endif
