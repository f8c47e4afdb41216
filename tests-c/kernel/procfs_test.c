/*
 * /proc.
 */
#include "vfs_test.h"

static const char *proc(const char *name)
{
	char path[64];

	ksnprintf(path, sizeof path, "/proc/%s", name);
	return get_file(path);
}

static const char *readlink_of(const char *path)
{
	static char text[PATH_MAX];
	uaddr buffer = test_user(PATH_MAX);
	int n = sys_readlinkat(AT_FDCWD, U(path), buffer, PATH_MAX);

	if (n < 0)
		return "";
	memcpy(text, test_user_at(buffer), (size_t)n);
	text[n] = 0;
	return text;
}

static bool has(const char *text, const char *part)
{
	for (; *text; text++)
		if (strncmp(text, part, strlen(part)) == 0)
			return true;
	return false;
}

/* The nth (from 1) field of /proc/self/stat; the name has no spaces here. */
static long field(int n)
{
	const char *s = proc("self/stat");
	long v = 0, sign = 1;

	while (--n && (s = strchr(s, ' ')))
		s++;
	if (!s)
		return -999;
	if (*s == '-')
		sign = -1, s++;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + *s - '0';
	return v * sign;
}

TEST("procfs: /proc/self is the reader, and stat has Linux's 52 fields")
{
	char pid[16];
	const char *s;
	int spaces = 0;

	vfs_begin();
	kstrlcpy(current_process->name, "prog", sizeof current_process->name);
	ksnprintf(pid, sizeof pid, "%d", current_process->pid);
	EXPECT_STR(readlink_of("/proc/self"), pid);
	EXPECT_EQ(field(1), current_process->pid);
	EXPECT_EQ(field(4), current_process->ppid);
	EXPECT_EQ(field(5), current_process->pgroup->id);
	EXPECT_EQ(field(8), -1);
	EXPECT_EQ(field(18), 20 + current_process->nice);
	EXPECT_EQ(field(20), 1);
	EXPECT_EQ(field(38), 17);
	for (s = proc("self/stat"); *s; s++)
		spaces += *s == ' ';
	EXPECT_EQ(spaces, 51);
	EXPECT(has(proc("self/stat"), " (prog) "));
	EXPECT(has(proc("self/status"), "Name:\tprog\n"));
	EXPECT(has(proc("self/status"), "\nThreads:\t1\n"));
	EXPECT_STR(proc("self/comm"), "prog\n");
}

TEST("procfs: fd lists descriptors; its links lead to the file itself")
{
	char path[64];
	int fd, again;

	vfs_begin();
	fd = open_at("f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(write_text(fd, "text"), 4);
	EXPECT_STR(readlink_of("/proc/self/fd/0"), "/tmp/t/f");
	EXPECT_STR(readlink_of("/dev/stdin"), "/proc/self/fd/0");
	EXPECT_STR(get_file("/dev/stdin"), "text");
	EXPECT_STR(get_file("/dev/fd/0"), "text");
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U("f"), 0), 0);
	EXPECT_STR(readlink_of("/proc/self/fd/0"), "/tmp/t/f (deleted)");
	again = open_at("/proc/self/fd/0", O_RDONLY, 0);
	EXPECT_EQ(again, 1);
	EXPECT_EQ(sys_read(again, test_user(8), 8), 4);
	ksnprintf(path, sizeof path, "/proc/%d/fd", current_process->pid);
	EXPECT_STR(list_dir(path), "0 1");
	EXPECT_EQ(open_at("/proc/self/fd/9", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(open_at("/proc/self/fd/00", O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(sys_pipe2(test_user(8), 0), 0);
	EXPECT_EQ(strncmp(readlink_of("/proc/self/fd/2"), "pipe:[", 6), 0);
	EXPECT(open_at("/proc/self/fd/2", O_RDONLY | O_NONBLOCK, 0) >= 0);
	EXPECT_STR(readlink_of("/proc/self/cwd"), "/tmp/t");
	EXPECT_STR(readlink_of("/proc/self/root"), "/");
	EXPECT_STR(readlink_of("/proc/self/exe"), "");
}

TEST("procfs: arguments and environment are NUL-separated")
{
	static char args[] = "prog\0arg\0A=1\0B=2";
	struct process *p = current_process;
	uaddr buffer;
	int fd;

	vfs_begin();
	buffer = test_user(64);
	p->args = args;
	p->args_only = 9;
	p->args_length = sizeof args;
	fd = open_at("/proc/self/cmdline", O_RDONLY, 0);
	EXPECT_EQ(sys_read(fd, buffer, 64), 9);
	EXPECT_EQ(memcmp(test_user_at(buffer), "prog\0arg", 9), 0);
	EXPECT_EQ(sys_read(fd, buffer, 64), 0);
	fd = open_at("/proc/self/environ", O_RDONLY, 0);
	EXPECT_EQ(sys_read(fd, buffer, 64), 8);
	EXPECT_EQ(memcmp(test_user_at(buffer), "A=1\0B=2", 8), 0);
	p->args = NULL;
	p->args_only = p->args_length = 0;
}

TEST("procfs: a process that has gone is gone from /proc, even where it is open")
{
	struct task *me = current, *other;
	struct abi_stat st;
	char path[64];
	int dir, fd;

	vfs_begin();
	other = test_task_new(me);
	ksnprintf(path, sizeof path, "/proc/%d", other->process->pid);
	EXPECT_EQ(stat_of(path, &st), 0);
	dir = open_at(path, O_RDONLY | O_DIRECTORY, 0);
	fd = sys_openat(dir, U("stat"), O_RDONLY, 0);
	EXPECT(fd >= 0);
	EXPECT(has(list_dir("/proc"), path + 6));
	test_task_free(other);
	EXPECT_EQ(stat_of(path, &st), -ENOENT);
	EXPECT_EQ(sys_openat(dir, U("stat"), O_RDONLY, 0), -ENOENT);
	EXPECT_EQ(sys_read(fd, test_user(64), 64), -ESRCH);
	EXPECT_EQ(sys_getdents64(dir, test_user(256), 256), -ENOENT);
}

TEST("procfs: another user's descriptors and directory are not shown")
{
	struct task *me = current, *other;
	char path[64];

	vfs_begin();
	other = test_task_new(me);
	become_user(1000, 1000);
	ksnprintf(path, sizeof path, "/proc/%d/fd", other->process->pid);
	EXPECT_EQ(open_at(path, O_RDONLY, 0), -EACCES);
	ksnprintf(path, sizeof path, "/proc/%d/cwd", other->process->pid);
	EXPECT_EQ(sys_readlinkat(AT_FDCWD, U(path), test_user(64), 64), -EACCES);
	ksnprintf(path, sizeof path, "/proc/%d/environ", other->process->pid);
	EXPECT_EQ(open_at(path, O_RDONLY, 0), -EACCES);
	test_task_free(other);
}

static long meminfo(const char *name)
{
	for (const char *s = proc("meminfo"); *s; s++)
		if (strncmp(s, name, strlen(name)) == 0) {
			long v = 0;

			for (s += strlen(name); *s == ' '; s++)
				;
			for (; *s >= '0' && *s <= '9'; s++)
				v = v * 10 + *s - '0';
			return v;
		}
	return -1;
}

TEST("procfs: meminfo counts the pages of files")
{
	long free, cached;
	int fd;

	vfs_begin();
	free = meminfo("MemFree:");
	cached = meminfo("Cached:");
	fd = open_at("/tmp/t/f", O_RDWR | O_CREAT, 0644);
	EXPECT_EQ(sys_pwrite(fd, test_user(1 << 20), 1 << 20, 0), 1 << 20);
	EXPECT_EQ(meminfo("Cached:") - cached, 1024);
	EXPECT(free - meminfo("MemFree:") >= 1024);
	EXPECT(meminfo("Shmem:") >= 1024);
	EXPECT(meminfo("Slab:") > 0);
	EXPECT_EQ(sys_ftruncate(fd, 0), 0);
	EXPECT_EQ(meminfo("Cached:"), cached);
	sys_close(fd);
}

TEST("procfs: the system's files say what tools look for")
{
	struct abi_stat st;

	vfs_begin();
	EXPECT(has(proc("meminfo"), "MemTotal: "));
	EXPECT(has(proc("meminfo"), "MemAvailable: "));
	EXPECT(has(proc("stat"), "cpu  "));
	EXPECT(has(proc("stat"), "\nbtime "));
	EXPECT(has(proc("mounts"), "tmpfs /tmp tmpfs rw,nosuid 0 0\n"));
	EXPECT(has(proc("mounts"), "rootfs / ramfs rw 0 0\n"));
	EXPECT(has(proc("filesystems"), "nodev\ttmpfs\n"));
	EXPECT(has(proc("version"), "TabOS version "));
	EXPECT(has(proc("slabinfo"), "inode"));
	EXPECT(has(proc("uptime"), "."));
	EXPECT(has(proc("loadavg"), "/"));
	EXPECT(has(proc("cpuinfo"), "processor\t: 0"));
	EXPECT(has(proc("objects"), "pages-slab"));
	EXPECT(has(proc("lock_stat"), "PROCESSES"));
	EXPECT(has(proc("wait_stat"), "queue"));
	EXPECT(has(proc("sys/kernel/ostype"), "TabOS\n"));
	EXPECT(has(proc("sys/kernel/pid_max"), "32768\n"));
	EXPECT_EQ(strlen(proc("sys/kernel/random/uuid")), 37);
	EXPECT_EQ(stat_of("/proc/nothing", &st), -ENOENT);
	EXPECT_EQ(put_file("/proc/x", "y"), -ENOENT);
	EXPECT_EQ(make_dir("/proc/x", 0755), -ENOENT);
	EXPECT_EQ(sys_unlinkat(AT_FDCWD, U("/proc/uptime"), 0), -EPERM);
	EXPECT_EQ(rename_to("/proc/uptime", "/proc/x", 0), -ENOENT);
}
