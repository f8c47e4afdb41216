/*
 * What the tests of the file system calls share: paths and buffers in user memory.
 */
#ifndef VFS_TEST_H
#define VFS_TEST_H

#include "../test.h"

#include "../../kernel-c/vfs/file.h"
#include "../../kernel-c/vfs/mount.h"
#include "../../kernel-c/vfs/namei.h"

#include <sys.h>

/* First thing in a test: the mounts are there, and the process has a root. An empty /tmp/t is its cwd. */
void vfs_begin(void);
/* A string in user memory. */
uaddr U(const char *text);
int open_at(const char *path, uint32_t flags, uint32_t mode);
int make_dir(const char *path, uint32_t mode);
/* Make a file holding text: 0 or an error. */
int put_file(const char *path, const char *text);
/* Its text, in a static buffer; "" when it can't be had. */
const char *get_file(const char *path);
int stat_of(const char *path, struct abi_stat *st); /* lstat */
int write_text(int fd, const char *text);
/* Become an ordinary user, or root again. */
void become_user(uint32_t uid, uint32_t gid);
/* Names in a directory but the dots, sorted by the directory, separated by spaces. */
const char *list_dir(const char *path);
int rename_to(const char *from, const char *to, uint32_t flags);
void test_user_reset(void); /* user memory is empty again */

#endif
