/*
 * Clocks and sleeping.
 */
#include "../host.h"
#include "../kernel.h"

int timespec_to_nsec(const struct abi_timespec *ts, nsec *t)
{
	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*t = ts->sec >= FOREVER / NSEC_PER_SEC ? FOREVER : ts->sec * NSEC_PER_SEC + ts->nsec;
	return 0;
}

struct abi_timespec nsec_to_timespec(nsec t)
{
	return (struct abi_timespec){ .sec = t / NSEC_PER_SEC, .nsec = (int32_t)(t % NSEC_PER_SEC) };
}

/*
 * The CPU clock of a process or thread, as clock_getcpuclockid and
 * pthread_getcpuclockid name it: the complement of the id, whether it is a
 * thread (4), and which clock (2: all CPU time; the others are the same here).
 */
static int read_cpu_clock(int clock, nsec *t)
{
	int id = ~(clock >> 3), err = -EINVAL;
	struct process *p;
	struct task *task;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (clock & 4) {
		p = current_process;
		lock(&p->lock);
		list_for_each(task, &p->tasks, of_process)
			if (task->tid == id || (id == 0 && task == current)) {
				*t = task_cpu(task);
				err = 0;
			}
		unlock(&p->lock);
		return err;
	}
	p = process_get(id ? id : current_process->pid);
	if (!p)
		return -EINVAL;
	*t = process_cpu(p);
	process_put(p);
	return 0;
}

static int read_clock(int clock, nsec *t)
{
	if (clock < 0)
		return read_cpu_clock(clock, t);
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*t = host_clock() + wall_offset;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*t = host_clock();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*t = process_cpu(current_process);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*t = task_cpu(current);
		return 0;
	default:
		return -EINVAL;
	}
}

int32_t sys_clock_gettime(int32_t clock, uint32_t buffer)
{
	struct abi_timespec ts;
	nsec t;
	int err;

	if ((err = read_clock(clock, &t)) < 0)
		return err;
	ts = nsec_to_timespec(t);
	return copy_out(buffer, &ts, sizeof(ts));
}

int32_t sys_clock_settime(int32_t clock, uint32_t buffer)
{
	struct abi_timespec ts;
	nsec t;
	int err;

	if ((err = copy_in(&ts, buffer, sizeof(ts))) < 0 || (err = timespec_to_nsec(&ts, &t)) < 0)
		return err;
	return clock == CLOCK_REALTIME ? -EPERM : -EINVAL;
}

/* Browsers round performance.now() to 5 microseconds in isolated pages. */
int32_t sys_clock_getres(int32_t clock, uint32_t buffer)
{
	struct abi_timespec ts = { .nsec = 5000 };
	nsec t;
	int err;

	if ((err = read_clock(clock, &t)) < 0)
		return err;
	return buffer ? copy_out(buffer, &ts, sizeof(ts)) : 0;
}

int32_t sys_clock_nanosleep(int32_t clock, int32_t flags, uint32_t request, uint32_t remain)
{
	struct abi_timespec ts;
	nsec t, deadline;
	int err;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return clock == CLOCK_PROCESS_CPUTIME_ID ? -ENOTSUP : -EINVAL;
	if ((err = copy_in(&ts, request, sizeof(ts))) < 0 || (err = timespec_to_nsec(&ts, &t)) < 0)
		return err;
	if (!(flags & TIMER_ABSTIME))
		deadline = nsec_add(host_clock(), t);
	else
		deadline = clock == CLOCK_REALTIME ? t - wall_offset : t;
	wait_as("nanosleep");
	do {
		err = wait_sleep(deadline);
	} while (err == 0);
	if (err == -ETIMEDOUT)
		return 0;
	if (flags & TIMER_ABSTIME)
		return -ERESTARTNOHAND;
	if (remain) {
		ts = nsec_to_timespec(max(deadline - host_clock(), 0ll));
		if ((err = copy_out(remain, &ts, sizeof(ts))) < 0)
			return err;
	}
	return -EINTR;
}
