/*
 * ppoll and pselect6.
 */
#include "../vfs/poll.h"

#include "../host.h"
#include "../lib/alloc.h"
#include "../task/task.h"
#include <sys.h>

#define FEW 16 /* descriptors that need no memory */

/* The deadline for a timeout in user memory; 0 means: look only. */
static int deadline_of(uaddr timeout, nsec *deadline)
{
	struct abi_timespec t;
	int err;

	*deadline = FOREVER;
	if (!timeout)
		return 0;
	err = copy_in(&t, timeout, sizeof(t));
	if (err < 0)
		return err;
	if (t.sec < 0 || t.nsec < 0 || t.nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (t.sec == 0 && t.nsec == 0)
		*deadline = 0;
	else if (t.sec < 1ll << 32) /* more than a century is for ever */
		*deadline = host_clock() + t.sec * NSEC_PER_SEC + t.nsec;
	return 0;
}

static int mask_signals(uaddr mask)
{
	sigset set;
	int err;

	if (!mask)
		return 0;
	err = copy_in(&set, mask, sizeof(set));
	if (err == 0)
		signal_mask_temporarily(set);
	return err;
}

static void item_open(struct poll_item *it, int fd, unsigned events)
{
	*it = (struct poll_item){ .events = events };
	if (fd < 0)
		return;
	it->file = fd_get(fd);
	if (!it->file || it->file->flags & O_PATH)
		it->revents = POLLNVAL;
}

static void items_close(struct poll_item *items, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (items[i].file)
			file_put(items[i].file);
}

static int poll_user(struct abi_pollfd *fds, struct poll_item *items, uaddr user,
		     uint32_t count, nsec deadline)
{
	int ready;

	for (uint32_t i = 0; i < count; i++) {
		item_open(&items[i], fds[i].fd, (uint16_t)fds[i].events);
		if (items[i].revents & POLLNVAL && items[i].file) {
			file_put(items[i].file);
			items[i].file = NULL;
		}
	}
	ready = poll_files(items, count, deadline);
	items_close(items, count);
	if (ready < 0)
		return ready;
	for (uint32_t i = 0; i < count; i++)
		fds[i].revents = (int16_t)items[i].revents;
	if (copy_out(user, fds, count * sizeof(fds[0])) < 0)
		return -EFAULT;
	return ready;
}

int32_t sys_ppoll(uint32_t user, uint32_t count, uint32_t timeout, uint32_t mask)
{
	struct abi_pollfd few[FEW], *fds = few;
	struct poll_item few_items[FEW], *items = few_items;
	nsec deadline;
	int result;

	if (count > OPEN_MAX && count > current_process->limits[RLIMIT_NOFILE].cur)
		return -EINVAL;
	if (count > OPEN_MAX * 64u) /* an unlimited process still must fit in memory */
		return -EINVAL;
	if ((result = deadline_of(timeout, &deadline)) < 0)
		return result;
	if (count > FEW) {
		fds = kmalloc(count * sizeof(*fds));
		items = kmalloc(count * sizeof(*items));
		result = -ENOMEM;
		if (!fds || !items)
			goto out;
	}
	result = count ? copy_in(fds, user, count * sizeof(*fds)) : 0;
	if (result == 0)
		result = mask_signals(mask);
	if (result == 0)
		result = count ? poll_user(fds, items, user, count, deadline) :
				 poll_files(items, 0, deadline);
out:
	if (fds != few)
		kfree(fds);
	if (items != few_items)
		kfree(items);
	return result;
}

/* ---- select ---- */

#define SET_WORDS (OPEN_MAX / 32)
enum { SET_READ, SET_WRITE, SET_EXCEPT, SETS };
static const unsigned asked[SETS] = {
	POLLIN | POLLRDNORM | POLLRDBAND,
	POLLOUT | POLLWRNORM | POLLWRBAND,
	POLLPRI,
};
/* What makes a descriptor ready for a set: its end or an error can be read (and found by writing). */
static const unsigned answers[SETS] = {
	POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
	POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
	POLLPRI,
};

struct sets {
	uint32_t word[SETS][SET_WORDS];
};

static bool in_set(const uint32_t *set, unsigned fd)
{
	return set[fd / 32] >> fd % 32 & 1;
}

static unsigned wanted(const struct sets *s, unsigned fd)
{
	unsigned events = 0;

	for (int i = 0; i < SETS; i++)
		if (in_set(s->word[i], fd))
			events |= asked[i];
	return events;
}

/* Keep in the sets only what is ready: how many bits that are. */
static int sets_answer(struct sets *s, unsigned fd, unsigned revents)
{
	int bits = 0;

	for (int i = 0; i < SETS; i++) {
		if (!in_set(s->word[i], fd))
			continue;
		if (revents & answers[i])
			bits++;
		else
			s->word[i][fd / 32] &= ~(1u << fd % 32);
	}
	return bits;
}

static int select_sets(struct sets *s, unsigned count, nsec deadline)
{
	struct poll_item few[FEW], *items = few;
	unsigned n = 0, at = 0;
	int result = 0, ready = 0;

	for (unsigned fd = 0; fd < count; fd++)
		n += wanted(s, fd) != 0;
	if (n > FEW && !(items = kmalloc(n * sizeof(*items))))
		return -ENOMEM;
	for (unsigned fd = 0; fd < count && result == 0; fd++) {
		unsigned events = wanted(s, fd);

		if (!events)
			continue;
		item_open(&items[at], (int)fd, events);
		if (items[at++].revents & POLLNVAL)
			result = -EBADF;
	}
	if (result == 0)
		result = poll_files(items, n, deadline);
	items_close(items, at);
	if (result >= 0) {
		at = 0;
		for (unsigned fd = 0; fd < count; fd++)
			if (wanted(s, fd))
				ready += sets_answer(s, fd, items[at++].revents);
		result = ready;
	}
	if (items != few)
		kfree(items);
	return result;
}

int32_t sys_pselect6(int32_t count, uint32_t readfds, uint32_t writefds, uint32_t exceptfds,
		     uint32_t timeout, uint32_t mask)
{
	const uaddr user[SETS] = { readfds, writefds, exceptfds };
	struct sets s = { 0 };
	size_t bytes;
	nsec deadline;
	int result;

	if (count < 0)
		return -EINVAL;
	count = min(count, OPEN_MAX); /* no descriptor can be higher */
	bytes = (size_t)(count + 31) / 32 * 4;
	for (int i = 0; i < SETS; i++)
		if (user[i] && bytes && copy_in(s.word[i], user[i], bytes) < 0)
			return -EFAULT;
	if ((result = deadline_of(timeout, &deadline)) < 0 || (result = mask_signals(mask)) < 0)
		return result;
	result = select_sets(&s, (unsigned)count, deadline);
	if (result < 0)
		return result;
	for (int i = 0; i < SETS; i++)
		if (user[i] && bytes && copy_out(user[i], s.word[i], bytes) < 0)
			return -EFAULT;
	return result;
}
