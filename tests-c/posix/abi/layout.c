/*
 * TabOS only: libc and the kernel agree on structures and numbers.
 *
 * The kernel's abi.h comes first and its figures are kept as enumerators; then
 * libc's headers, whose figures must be the same. It is decided at compile time.
 */
#define _GNU_SOURCE
#pragma clang diagnostic ignored "-Wmacro-redefined"
#include "../../../kernel-c/abi.h"
#include <stddef.h>

#define SIZE(name) abi_size_##name = sizeof(struct abi_##name)
#define AT(name, member) abi_##name##_at_##member = offsetof(struct abi_##name, member)
#define OF(name, part, member) abi_##name##_of_##part##_##member = offsetof(struct abi_##name, part.member)
#define NUMBERS \
	X(EAGAIN) X(ENOSYS) X(ENOTEMPTY) X(ELOOP) X(EOVERFLOW) X(ETIMEDOUT) X(EOWNERDEAD) \
	X(O_CREAT) X(O_EXCL) X(O_NOCTTY) X(O_TRUNC) X(O_APPEND) X(O_NONBLOCK) X(O_DSYNC) X(O_SYNC) \
	X(O_DIRECTORY) X(O_NOFOLLOW) X(O_CLOEXEC) X(O_PATH) X(O_NOATIME) X(O_DIRECT) \
	X(AT_FDCWD) X(AT_SYMLINK_NOFOLLOW) X(AT_REMOVEDIR) X(AT_EACCESS) X(AT_SYMLINK_FOLLOW) X(AT_EMPTY_PATH) \
	X(F_DUPFD) X(F_GETLK) X(F_SETLK) X(F_SETLKW) X(F_OFD_SETLK) X(F_DUPFD_CLOEXEC) X(F_SETOWN) X(F_SETPIPE_SZ) \
	X(F_RDLCK) X(F_WRLCK) X(F_UNLCK) X(LOCK_SH) X(LOCK_EX) X(LOCK_NB) X(LOCK_UN) \
	X(S_IFMT) X(S_IFSOCK) X(S_IFLNK) X(S_IFDIR) X(S_IFCHR) X(S_IFIFO) X(UTIME_NOW) X(UTIME_OMIT) \
	X(POLLIN) X(POLLOUT) X(POLLERR) X(POLLHUP) X(POLLNVAL) X(POLLRDNORM) X(POLLWRBAND) \
	X(MS_RDONLY) X(MS_REMOUNT) X(MS_BIND) X(RENAME_NOREPLACE) X(RENAME_EXCHANGE) \
	X(PROT_READ) X(PROT_EXEC) X(MAP_SHARED) X(MAP_PRIVATE) X(MAP_FIXED) X(MAP_ANONYMOUS) X(MADV_DONTNEED) \
	X(SIGHUP) X(SIGUSR1) X(SIGCHLD) X(SIGCONT) X(SIGSTOP) X(SIGTTOU) X(SIGWINCH) X(SIGSYS) \
	X(SIG_BLOCK) X(SIG_SETMASK) X(SA_NOCLDSTOP) X(SA_NOCLDWAIT) X(SA_SIGINFO) X(SA_ONSTACK) X(SA_RESTART) X(SA_NODEFER) \
	X(SI_USER) X(SI_QUEUE) X(SI_TIMER) X(SI_TKILL) X(CLD_EXITED) X(CLD_STOPPED) X(CLD_CONTINUED) \
	X(SS_ONSTACK) X(SS_DISABLE) X(WNOHANG) X(WUNTRACED) X(WEXITED) X(WCONTINUED) X(WNOWAIT) \
	X(RLIMIT_CPU) X(RLIMIT_STACK) X(RLIMIT_NOFILE) X(RLIMIT_AS) X(RLIMIT_NLIMITS) X(RUSAGE_CHILDREN) X(RUSAGE_THREAD) \
	X(ITIMER_REAL) X(ITIMER_PROF) X(CLOCK_REALTIME) X(CLOCK_MONOTONIC) X(CLOCK_THREAD_CPUTIME_ID) X(CLOCK_BOOTTIME) X(TIMER_ABSTIME) \
	X(NCCS) X(VINTR) X(VQUIT) X(VERASE) X(VEOF) X(VTIME) X(VMIN) X(VSTART) X(VSUSP) X(VEOL) X(VLNEXT) X(VEOL2) \
	X(IGNBRK) X(BRKINT) X(PARMRK) X(ISTRIP) X(INLCR) X(ICRNL) X(IXON) X(IXOFF) X(IMAXBEL) X(IUTF8) \
	X(OPOST) X(ONLCR) X(OCRNL) X(TAB3) X(B38400) X(CS8) X(CREAD) X(HUPCL) X(CLOCAL) \
	X(ISIG) X(ICANON) X(ECHO) X(ECHOE) X(ECHOK) X(ECHONL) X(NOFLSH) X(TOSTOP) X(ECHOCTL) X(ECHOKE) X(IEXTEN) \
	X(TCGETS) X(TCSETSF) X(TCFLSH) X(TIOCSCTTY) X(TIOCGPGRP) X(TIOCSPGRP) X(TIOCGWINSZ) X(TIOCSWINSZ) X(FIONREAD) \
	X(TIOCNOTTY) X(TIOCGSID) X(TIOCGPTN) X(TIOCSPTLCK) X(FIONBIO) \
	X(EMSGSIZE) X(ENOMSG) X(EIDRM) X(SI_MESGQ) X(SIGEV_SIGNAL) X(SIGEV_NONE) X(SIGEV_THREAD_ID) \
	X(EPOLLIN) X(EPOLLHUP) X(EPOLLRDHUP) X(EPOLLEXCLUSIVE) X(EPOLLONESHOT) X(EPOLLET) X(EPOLL_CTL_ADD) X(EPOLL_CTL_MOD) \
	X(SCHED_OTHER) X(SCHED_FIFO) X(SCHED_RR) X(SCHED_BATCH) X(SCHED_IDLE) \
	X(IPC_CREAT) X(IPC_EXCL) X(IPC_NOWAIT) X(IPC_RMID) X(IPC_SET) X(IPC_STAT) X(MSG_NOERROR) X(MSG_EXCEPT) \
	X(SEM_UNDO) X(GETPID) X(GETVAL) X(GETALL) X(GETNCNT) X(GETZCNT) X(SETVAL) X(SETALL)

#define X(name) abi_n_##name = (int)name,
enum { NUMBERS abi_numbers_end };
#undef X
enum {
	SIZE(timespec), AT(timespec, nsec), SIZE(timeval), AT(timeval, usec),
	SIZE(stat), AT(stat, ino), AT(stat, mode), AT(stat, nlink), AT(stat, uid), AT(stat, gid), AT(stat, rdev),
	AT(stat, size), AT(stat, blksize), AT(stat, blocks), AT(stat, atime), AT(stat, mtime), AT(stat, ctime),
	SIZE(statfs), AT(statfs, bsize), AT(statfs, blocks), AT(statfs, ffree), AT(statfs, namelen), AT(statfs, frsize), AT(statfs, flags),
	AT(dirent, off), AT(dirent, reclen), AT(dirent, type), AT(dirent, name),
	SIZE(flock), AT(flock, whence), AT(flock, start), AT(flock, length), AT(flock, pid),
	SIZE(iovec), SIZE(pollfd), AT(pollfd, events), AT(pollfd, revents),
	SIZE(siginfo), AT(siginfo, error), AT(siginfo, code), OF(siginfo, kill, pid), OF(siginfo, kill, uid), OF(siginfo, kill, value),
	OF(siginfo, child, status), OF(siginfo, child, utime), OF(siginfo, fault, address), OF(siginfo, poll, band), OF(siginfo, poll, fd),
	SIZE(sigstack), AT(sigstack, flags), AT(sigstack, size), SIZE(rlimit),
	SIZE(rusage), AT(rusage, stime), AT(rusage, maxrss), AT(rusage, nivcsw), SIZE(itimerval), AT(itimerval, value),
	SIZE(utsname), AT(utsname, machine), SIZE(sysinfo), AT(sysinfo, totalram), AT(sysinfo, procs), AT(sysinfo, mem_unit),
	SIZE(termios), AT(termios, lflag), AT(termios, line), AT(termios, cc), AT(termios, ispeed), SIZE(winsize), AT(winsize, columns),
	SIZE(itimerspec), AT(itimerspec, value), SIZE(epoll_event), AT(epoll_event, data), SIZE(signalfd_siginfo),
	AT(signalfd_siginfo, overrun), AT(signalfd_siginfo, status), AT(signalfd_siginfo, pointer), AT(signalfd_siginfo, address),
	OF(siginfo, timer, timer), OF(siginfo, timer, overrun), OF(siginfo, timer, value),
	AT(sigevent, signo), AT(sigevent, notify), AT(sigevent, tid), SIZE(mq_attr), AT(mq_attr, curmsgs),
	SIZE(ipc_perm), AT(ipc_perm, mode), SIZE(msqid), AT(msqid, stime), AT(msqid, qnum), AT(msqid, lrpid),
	SIZE(semid), AT(semid, otime), AT(semid, nsems), SIZE(sembuf), AT(sembuf, operation), AT(sembuf, flags)
};

#undef P_ALL
#undef P_PID
#undef P_PGID
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define X(name) _Static_assert((int)name == (int)abi_n_##name, #name);
NUMBERS
#undef X

#define SAME_SIZE(abi, type) _Static_assert(sizeof(type) == abi_size_##abi, "size of " #type);
#define SAME(abi, of, type, member) \
	_Static_assert(offsetof(type, member) == abi_##abi##_at_##of, #type "." #member);
#define SAME_OF(abi, part, of, type, member) \
	_Static_assert(offsetof(type, member) == abi_##abi##_of_##part##_##of, #type "." #member);

SAME_SIZE(itimerspec, struct itimerspec)
SAME(itimerspec, value, struct itimerspec, it_value)
SAME_SIZE(epoll_event, struct epoll_event)
SAME(epoll_event, data, struct epoll_event, data)
SAME_SIZE(signalfd_siginfo, struct signalfd_siginfo)
SAME(signalfd_siginfo, overrun, struct signalfd_siginfo, ssi_overrun)
SAME(signalfd_siginfo, status, struct signalfd_siginfo, ssi_status)
SAME(signalfd_siginfo, pointer, struct signalfd_siginfo, ssi_ptr)
SAME(signalfd_siginfo, address, struct signalfd_siginfo, ssi_addr)
SAME_OF(siginfo, timer, timer, siginfo_t, si_timerid)
SAME_OF(siginfo, timer, overrun, siginfo_t, si_overrun)
SAME_OF(siginfo, timer, value, siginfo_t, si_value)
SAME(sigevent, signo, struct sigevent, sigev_signo)
SAME(sigevent, notify, struct sigevent, sigev_notify)
SAME(sigevent, tid, struct sigevent, sigev_notify_thread_id)
SAME_SIZE(mq_attr, struct mq_attr)
SAME(mq_attr, curmsgs, struct mq_attr, mq_curmsgs)
SAME_SIZE(ipc_perm, struct ipc_perm)
SAME(ipc_perm, mode, struct ipc_perm, mode)
SAME_SIZE(msqid, struct msqid_ds)
SAME(msqid, stime, struct msqid_ds, msg_stime)
SAME(msqid, qnum, struct msqid_ds, msg_qnum)
SAME(msqid, lrpid, struct msqid_ds, msg_lrpid)
SAME_SIZE(semid, struct semid_ds)
SAME(semid, otime, struct semid_ds, sem_otime)
SAME(semid, nsems, struct semid_ds, sem_nsems)
SAME_SIZE(sembuf, struct sembuf)
SAME(sembuf, operation, struct sembuf, sem_op)
SAME(sembuf, flags, struct sembuf, sem_flg)
SAME_SIZE(timespec, struct timespec)
SAME(timespec, nsec, struct timespec, tv_nsec)
SAME_SIZE(timeval, struct timeval)
SAME(timeval, usec, struct timeval, tv_usec)
SAME_SIZE(stat, struct stat)
SAME(stat, ino, struct stat, st_ino)
SAME(stat, mode, struct stat, st_mode)
SAME(stat, nlink, struct stat, st_nlink)
SAME(stat, uid, struct stat, st_uid)
SAME(stat, gid, struct stat, st_gid)
SAME(stat, rdev, struct stat, st_rdev)
SAME(stat, size, struct stat, st_size)
SAME(stat, blksize, struct stat, st_blksize)
SAME(stat, blocks, struct stat, st_blocks)
SAME(stat, atime, struct stat, st_atim)
SAME(stat, mtime, struct stat, st_mtim)
SAME(stat, ctime, struct stat, st_ctim)
SAME_SIZE(statfs, struct statfs)
SAME(statfs, bsize, struct statfs, f_bsize)
SAME(statfs, blocks, struct statfs, f_blocks)
SAME(statfs, ffree, struct statfs, f_ffree)
SAME(statfs, namelen, struct statfs, f_namelen)
SAME(statfs, frsize, struct statfs, f_frsize)
SAME(statfs, flags, struct statfs, f_flags)
SAME(dirent, off, struct dirent, d_off)
SAME(dirent, reclen, struct dirent, d_reclen)
SAME(dirent, type, struct dirent, d_type)
SAME(dirent, name, struct dirent, d_name)
SAME_SIZE(flock, struct flock)
SAME(flock, whence, struct flock, l_whence)
SAME(flock, start, struct flock, l_start)
SAME(flock, length, struct flock, l_len)
SAME(flock, pid, struct flock, l_pid)
SAME_SIZE(iovec, struct iovec)
SAME_SIZE(pollfd, struct pollfd)
SAME(pollfd, events, struct pollfd, events)
SAME(pollfd, revents, struct pollfd, revents)
SAME_SIZE(siginfo, siginfo_t)
SAME(siginfo, error, siginfo_t, si_errno)
SAME(siginfo, code, siginfo_t, si_code)
SAME_OF(siginfo, kill, pid, siginfo_t, si_pid)
SAME_OF(siginfo, kill, uid, siginfo_t, si_uid)
SAME_OF(siginfo, kill, value, siginfo_t, si_value)
SAME_OF(siginfo, child, status, siginfo_t, si_status)
SAME_OF(siginfo, child, utime, siginfo_t, si_utime)
SAME_OF(siginfo, fault, address, siginfo_t, si_addr)
SAME_OF(siginfo, poll, band, siginfo_t, si_band)
SAME_OF(siginfo, poll, fd, siginfo_t, si_fd)
SAME_SIZE(sigstack, stack_t)
SAME(sigstack, flags, stack_t, ss_flags)
SAME(sigstack, size, stack_t, ss_size)
SAME_SIZE(rlimit, struct rlimit)
SAME_SIZE(rusage, struct rusage)
SAME(rusage, stime, struct rusage, ru_stime)
SAME(rusage, maxrss, struct rusage, ru_maxrss)
SAME(rusage, nivcsw, struct rusage, ru_nivcsw)
SAME_SIZE(itimerval, struct itimerval)
SAME(itimerval, value, struct itimerval, it_value)
SAME_SIZE(utsname, struct utsname)
SAME(utsname, machine, struct utsname, machine)
SAME_SIZE(sysinfo, struct sysinfo)
SAME(sysinfo, totalram, struct sysinfo, totalram)
SAME(sysinfo, procs, struct sysinfo, procs)
SAME(sysinfo, mem_unit, struct sysinfo, mem_unit)
SAME_SIZE(termios, struct termios)
SAME(termios, lflag, struct termios, c_lflag)
SAME(termios, line, struct termios, c_line)
SAME(termios, cc, struct termios, c_cc)
SAME(termios, ispeed, struct termios, __c_ispeed)
SAME_SIZE(winsize, struct winsize)
SAME(winsize, columns, struct winsize, ws_col)

int main(void)
{
	puts("agreed");
	return 0;
}
