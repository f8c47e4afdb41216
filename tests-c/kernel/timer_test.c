/*
 * Timers: POSIX timers, interval timers, and the clocks they run on.
 */
#include "../test.h"

#include "../../kernel-c/kernel.h"
#include "../../kernel-c/task/timer.h"

#define MS 1000000ll

static uaddr spec_user;

static uaddr spec(nsec value, nsec interval)
{
	struct abi_itimerspec s = { nsec_to_timespec(interval), nsec_to_timespec(value) };

	if (!spec_user)
		spec_user = test_user(sizeof(s));
	*(struct abi_itimerspec *)test_user_at(spec_user) = s;
	return spec_user;
}

static uaddr event(int notify, int signo, uint32_t value)
{
	struct abi_sigevent e = { value, signo, notify, 0 };

	return test_user_copy(&e, sizeof(e));
}

static int create(int clock, uaddr ev)
{
	uaddr id = test_user(4);
	int err;

	spec_user = 0;
	err = sys_timer_create(clock, ev, id);
	return err < 0 ? err : *(int *)test_user_at(id);
}

static int take(sigset set, struct abi_siginfo *info)
{
	int sig;

	lock(&current_process->lock);
	sig = signal_dequeue(current, set, info);
	signal_recalculate(current);
	unlock(&current_process->lock);
	return sig;
}

/* Sleep, and fire what is due where no thread is the supervisor. */
static void pass(nsec t)
{
	nsec end = host_clock() + t;

	while (host_clock() < end) {
		test_supervise();
		test_yield();
	}
	test_supervise();
}

TEST("timer: a one-shot timer sends its signal once, with its value")
{
	struct abi_siginfo info;
	int id;

	current->mask = ~0ull;
	id = create(CLOCK_MONOTONIC, event(SIGEV_SIGNAL, SIGUSR1, 77));
	EXPECT(id >= 0);
	EXPECT_EQ(sys_timer_settime(id, 0, spec(100 * MS, 0), 0), 0);
	EXPECT_EQ(take(sigbit(SIGUSR1), &info), 0);
	EXPECT_SOON((pass(10 * MS), take(sigbit(SIGUSR1), &info)) == SIGUSR1);
	EXPECT_EQ(info.code, SI_TIMER);
	EXPECT_EQ(info.timer.value, 77);
	EXPECT_EQ(info.timer.timer, id);
	EXPECT_EQ(info.timer.overrun, 0);
	pass(10 * MS);
	EXPECT_EQ(take(sigbit(SIGUSR1), &info), 0);
	EXPECT_EQ(sys_timer_delete(id), 0);
	EXPECT_EQ(sys_timer_delete(id), -EINVAL);
}

TEST("timer: what expires while its signal is pending is counted as overrun")
{
	struct abi_siginfo info;
	int id;

	current->mask = ~0ull;
	id = create(CLOCK_REALTIME, event(SIGEV_SIGNAL, SIGRTMIN + 4, 0));
	EXPECT(id >= 0);
	EXPECT_EQ(sys_timer_settime(id, 0, spec(MS, MS), 0), 0);
	pass(20 * MS);
	EXPECT_EQ(take(sigbit(SIGRTMIN + 4), &info), SIGRTMIN + 4);
	EXPECT(info.timer.overrun >= 15);
	EXPECT_EQ(sys_timer_getoverrun(id), info.timer.overrun);
	EXPECT_EQ(take(sigbit(SIGRTMIN + 4), &info), 0); /* one signal, however many expiries */
	pass(3 * MS);
	EXPECT_EQ(take(sigbit(SIGRTMIN + 4), &info), SIGRTMIN + 4); /* and it goes on */
	EXPECT_EQ(sys_timer_delete(id), 0);
}

TEST("timer: deleting takes a pending signal along, but not another's")
{
	struct abi_siginfo info, own = { .code = SI_QUEUE };
	int id;

	current->mask = ~0ull;
	id = create(CLOCK_MONOTONIC, event(SIGEV_SIGNAL, SIGRTMIN + 2, 0));
	EXPECT_EQ(sys_timer_settime(id, 0, spec(1, 0), 0), 0);
	pass(MS);
	signal_send_process(current_process, SIGRTMIN + 2, &own);
	EXPECT_EQ(sys_timer_delete(id), 0);
	EXPECT_EQ(take(~0ull, &info), SIGRTMIN + 2);
	EXPECT_EQ(info.code, SI_QUEUE);
	EXPECT_EQ(take(~0ull, &info), 0);
}

TEST("timer: ignoring the signal lets the timer go on")
{
	struct abi_siginfo info;
	int id = create(CLOCK_MONOTONIC, event(SIGEV_SIGNAL, SIGUSR2, 0));

	current_process->sighand.action[SIGUSR2 - 1].handler = SIG_IGN;
	EXPECT_EQ(sys_timer_settime(id, 0, spec(MS, MS), 0), 0);
	pass(5 * MS);
	EXPECT_EQ(take(~0ull, &info), 0);
	current_process->sighand.action[SIGUSR2 - 1].handler = 4096;
	pass(5 * MS);
	EXPECT_EQ(take(~0ull, &info), SIGUSR2);
	EXPECT_EQ(sys_timer_delete(id), 0);
}

TEST("timer: settime tells what was left; absolute times; SIGEV_NONE")
{
	struct abi_itimerspec *old;
	struct abi_siginfo info;
	uaddr out = test_user(sizeof(*old));
	int id = create(CLOCK_MONOTONIC, event(SIGEV_NONE, 0, 0));

	old = test_user_at(out);
	EXPECT_EQ(sys_timer_settime(id, TIMER_ABSTIME, spec(host_clock() + NSEC_PER_SEC, 2 * MS), 0), 0);
	EXPECT_EQ(sys_timer_gettime(id, out), 0);
	EXPECT(old->value.sec == 0 && old->value.nsec > 900 * MS);
	EXPECT_EQ(old->interval.nsec, 2 * MS);
	EXPECT_EQ(sys_timer_settime(id, 0, spec(MS, 0), out), 0);
	EXPECT(old->value.nsec > 900 * MS);
	pass(3 * MS);
	EXPECT_EQ(sys_timer_gettime(id, out), 0);
	EXPECT(old->value.sec == 0 && old->value.nsec == 0);
	EXPECT_EQ(take(~0ull, &info), 0);
	EXPECT_EQ(sys_timer_delete(id), 0);
}

TEST("timer: bad arguments are refused")
{
	int id;

	EXPECT_EQ(create(99, 0), -EINVAL);
	EXPECT_EQ(create(CLOCK_MONOTONIC, event(3, SIGUSR1, 0)), -EINVAL);
	EXPECT_EQ(create(CLOCK_MONOTONIC, event(SIGEV_SIGNAL, 65, 0)), -EINVAL);
	EXPECT_EQ(create(CLOCK_MONOTONIC, event(SIGEV_THREAD_ID, SIGUSR1, 0)), -EINVAL);
	EXPECT_EQ(sys_timer_create(CLOCK_MONOTONIC, 0, 8), -EFAULT);
	EXPECT_EQ(sys_timer_settime(5, 0, spec(1, 0), 0), -EINVAL);
	id = create(CLOCK_MONOTONIC, 0);
	EXPECT_EQ(id, 0);
	((struct abi_itimerspec *)test_user_at(spec(1, 0)))->value.nsec = 1000000000;
	EXPECT_EQ(sys_timer_settime(id, 0, spec_user, 0), -EINVAL);
	EXPECT_EQ(sys_timer_delete(id), 0);
}

TEST("timer: a process has 256 at most, with the lowest free number")
{
	int last = 0;

	for (int i = 0; i < 256; i++)
		EXPECT_EQ(last = create(CLOCK_MONOTONIC, 0), i);
	EXPECT_EQ(create(CLOCK_MONOTONIC, 0), -EAGAIN);
	EXPECT_EQ(sys_timer_delete(100), 0);
	EXPECT_EQ(create(CLOCK_MONOTONIC, 0), 100);
	ptimers_free(current_process);
	EXPECT_EQ(sys_timer_delete(last), -EINVAL);
}

TEST("timer: setitimer repeats, and says what is left")
{
	struct abi_itimerval v = { { 0, 1000 }, { 0, 1000 } }, *got;
	uaddr user = test_user_copy(&v, sizeof(v)), out = test_user(sizeof(v));
	struct abi_siginfo info;

	current->mask = ~0ull;
	got = test_user_at(out);
	EXPECT_EQ(sys_setitimer(ITIMER_REAL, user, 0), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_SOON((pass(3 * MS), take(sigbit(SIGALRM), &info)) == SIGALRM);
	}
	memset(test_user_at(user), 0, sizeof(v));
	EXPECT_EQ(sys_setitimer(ITIMER_REAL, user, out), 0);
	EXPECT_EQ(got->interval.usec, 1000);
	take(~0ull, &info);
	pass(3 * MS);
	EXPECT_EQ(take(sigbit(SIGALRM), &info), 0);
	EXPECT_EQ(sys_getitimer(ITIMER_VIRTUAL, out), 0);
	EXPECT_EQ(got->value.usec, 0);
	EXPECT_EQ(sys_getitimer(3, out), -EINVAL);
	timers_free(current_process);
}
