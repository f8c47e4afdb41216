/*
 * System calls on epoll sets and on descriptors that tell of events: arguments and
 * copies. What they do is in vfs/{epoll,inotify}.c and dev/{eventfd,timerfd,signalfd}.c.
 */
#include "../dev/event.h"
#include "../host.h"
#include "../kernel.h"
#include "../task/timer.h"
#include "../vfs/epoll.h"
#include "../vfs/inotify.h"
#include "../vfs/namei.h"

#define FLAGS (uint32_t)(O_CLOEXEC | O_NONBLOCK) /* EFD_*, TFD_*, SFD_* are the same bits */
#define EFD_SEMAPHORE 1u
#define TFD_TIMER_ABSTIME 1
#define TFD_TIMER_CANCEL_ON_SET 2 /* the clock is never set, so nothing is ever cancelled */

#define IN_ALL_FLAGS                                                                            \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
	 IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

static int install(struct file *f, uint32_t flags, int err)
{
	return f ? fd_install(current_process->files, f, 0, flags & O_CLOEXEC) : err;
}

/* ---- epoll ---- */

int32_t sys_epoll_create1(uint32_t flags)
{
	struct file *f;
	int err;

	if (flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	f = epoll_new(&err);
	return install(f, flags, err);
}

int32_t sys_epoll_ctl(int32_t epfd, int32_t operation, int32_t fd, uint32_t event)
{
	struct abi_epoll_event e = { 0 };
	struct file *set, *f;
	int err;

	if (operation != EPOLL_CTL_DEL && (err = copy_in(&e, event, sizeof(e))) < 0)
		return err;
	set = fd_get(epfd);
	f = fd_get(fd);
	err = -EBADF;
	if (set && f && !(set->flags & O_PATH) && !(f->flags & O_PATH))
		err = epoll_change(set, operation, f, fd, &e);
	if (set)
		file_put(set);
	if (f)
		file_put(f);
	return err;
}

/* Are n bytes from address on in the program's memory? Events can't be put back. */
static int check_range(uaddr address, uint64_t n)
{
	char byte;

	if (address + n > UINT32_MAX)
		return -EFAULT;
	return copy_in(&byte, address + (uint32_t)n - 1, 1);
}

int32_t sys_epoll_pwait(int32_t epfd, uint32_t events, int32_t max, int32_t timeout, uint32_t mask,
			uint32_t size)
{
	struct abi_epoll_event e[EPOLL_AT_ONCE];
	nsec deadline = timeout < 0 ? FOREVER : timeout == 0 ? 0 :
				      host_clock() + timeout * 1000000ll;
	struct file *set;
	sigset set_mask;
	int n, err;

	if (max <= 0 || (mask && size != 8))
		return -EINVAL;
	if ((err = check_range(events, (uint64_t)min(max, EPOLL_AT_ONCE) * sizeof(e[0]))) < 0 ||
	    (mask && (err = copy_in(&set_mask, mask, 8)) < 0))
		return err;
	set = fd_get(epfd);
	if (!set)
		return -EBADF;
	if (mask)
		signal_mask_temporarily(set_mask);
	n = epoll_wait_events(set, e, max, deadline);
	file_put(set);
	if (n > 0 && (err = copy_out(events, e, (size_t)n * sizeof(e[0]))) < 0)
		return err;
	return n;
}

/* ---- eventfd, timerfd, signalfd ---- */

int32_t sys_eventfd2(uint32_t count, uint32_t flags)
{
	struct file *f;
	int err;

	if (flags & ~(FLAGS | EFD_SEMAPHORE))
		return -EINVAL;
	f = eventfd_new(count, flags & EFD_SEMAPHORE, flags & O_NONBLOCK, &err);
	return install(f, flags, err);
}

int32_t sys_timerfd_create(int32_t clock, uint32_t flags)
{
	struct file *f;
	int err;

	if (flags & ~FLAGS)
		return -EINVAL;
	f = timerfd_new(clock, flags & O_NONBLOCK, &err);
	return install(f, flags, err);
}

int32_t sys_timerfd_settime(int32_t fd, int32_t flags, uint32_t new_value, uint32_t old_value)
{
	nsec value, interval, left, old_interval;
	struct file *f;
	int err;

	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if ((err = itimerspec_in(new_value, &value, &interval)) < 0)
		return err;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	err = timerfd_set(f, flags & TFD_TIMER_ABSTIME, value, interval, &left, &old_interval);
	file_put(f);
	return err == 0 && old_value ? itimerspec_out(old_value, left, old_interval) : err;
}

int32_t sys_timerfd_gettime(int32_t fd, uint32_t value)
{
	nsec left, interval;
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = timerfd_get(f, &left, &interval);
	file_put(f);
	return err == 0 ? itimerspec_out(value, left, interval) : err;
}

int32_t sys_signalfd4(int32_t fd, uint32_t mask, uint32_t size, uint32_t flags)
{
	struct file *f;
	sigset set;
	int err;

	if (flags & ~FLAGS || size != 8)
		return -EINVAL;
	if ((err = copy_in(&set, mask, 8)) < 0)
		return err;
	if (fd == -1) {
		f = signalfd_new(set, flags & O_NONBLOCK, &err);
		return install(f, flags, err);
	}
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	err = signalfd_set_mask(f, set);
	file_put(f);
	return err < 0 ? err : fd;
}

/* ---- inotify ---- */

int32_t sys_inotify_init1(uint32_t flags)
{
	struct file *f;
	int err;

	if (flags & ~FLAGS)
		return -EINVAL;
	f = inotify_new(flags & O_NONBLOCK, &err);
	return install(f, flags, err);
}

int32_t sys_inotify_add_watch(int32_t fd, uint32_t path, uint32_t mask)
{
	char name[PATH_MAX];
	struct path at;
	struct file *f;
	int err;

	if ((mask & ~IN_ALL_FLAGS) || !mask)
		return -EINVAL;
	if (!(f = fd_get(fd)))
		return -EBADF;
	err = copy_in_string(name, path, sizeof(name));
	if (err >= 0)
		err = path_lookup(current_process, AT_FDCWD, name,
				  (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) |
				  (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0), &at);
	if (err >= 0) {
		err = inode_permission(at.dentry->inode, R_OK, false);
		if (err == 0)
			err = inotify_add(f, at.dentry->inode, mask);
		path_put(&at);
	}
	file_put(f);
	return err;
}

int32_t sys_inotify_rm_watch(int32_t fd, int32_t wd)
{
	struct file *f = fd_get(fd);
	int err;

	if (!f)
		return -EBADF;
	err = inotify_remove(f, wd);
	file_put(f);
	return err;
}
