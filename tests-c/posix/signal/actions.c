/* sigaction's flags, sigaltstack, the order of signals, and what siginfo_t says of each source. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, depth, deepest;
static int order[64];
static siginfo_t last;
static char alternate[65536];
static sigjmp_buf out;

/* What a call failed with; 0 if it did not. */
static int error(int result)
{
	return result == -1 ? errno : 0;
}

static void note(int sig)
{
	order[count++] = sig;
}

static void note_info(int sig, siginfo_t *info, void *context)
{
	last = *info;
	order[count++] = sig;
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(sig, &sa, NULL))
		printf("sigaction: %d\n", errno);
}

static void handle_info(int sig)
{
	struct sigaction sa = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(how, &set, NULL);
}

static void nest(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (count++ < 3)
		raise(sig);
	depth--;
}

static void flags(void)
{
	struct sigaction old;

	handle(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	printf("plain: %d, %d deep\n", (int)count, (int)deepest);
	count = deepest = 0;
	handle(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	printf("SA_NODEFER: %d, %d deep\n", (int)count, (int)deepest);
	count = 0;
	handle(SIGUSR1, note, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	printf("SA_RESETHAND: %d, default %d, flags kept %d\n", (int)count,
	       old.sa_handler == SIG_DFL, (old.sa_flags & SA_RESETHAND) != 0);
	printf("none: %d %d %d\n", sigaction(SIGSTOP, &old, NULL), sigaction(0, NULL, &old),
	       sigaction(65, NULL, &old));
}

/* One byte comes after the signal: what read says depends on SA_RESTART. */
static void restart(const char *what, int flags)
{
	struct itimerval t = { .it_value = { 0, 30000 } };
	int p[2], r;
	char c;
	pid_t pid;

	pipe(p);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		pause(); /* until the parent has seen the alarm */
		_exit(0);
	}
	count = 0;
	handle(SIGALRM, note, flags);
	handle(SIGUSR2, SIG_IGN, 0);
	setitimer(ITIMER_REAL, &t, NULL);
	if (flags & SA_RESTART) {
		/* restarted until the last writer is gone */
		close(p[1]);
		struct timespec later = { 0, 200000000 };
		if (fork() == 0) {
			nanosleep(&later, NULL);
			kill(pid, SIGKILL);
			_exit(0);
		}
		r = read(p[0], &c, 1);
		printf("%s: read %d after %d signals\n", what, r, (int)count);
	} else {
		r = read(p[0], &c, 1);
		printf("%s: read %d, EINTR %d after %d signals\n", what, r, errno == EINTR,
		       (int)count);
		close(p[1]);
		kill(pid, SIGKILL);
	}
	close(p[0]);
	while (wait(NULL) > 0)
		;
}

static void stack_in_handler(int sig)
{
	stack_t now, none = { .ss_flags = SS_DISABLE };
	char here;

	sigaltstack(NULL, &now);
	printf("in the handler: there %d, flags %s, change EPERM %d\n",
	       (uintptr_t)&here - (uintptr_t)alternate < sizeof(alternate),
	       now.ss_flags == SS_ONSTACK ? "SS_ONSTACK" : "other",
	       error(sigaltstack(&none, NULL)) == EPERM);
	if (sig == SIGUSR1)
		raise(SIGUSR2); /* stays on it */
}

static void jump(int sig)
{
	siglongjmp(out, 1);
}

static void alternate_stack(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) }, now;
	stack_t small = { .ss_sp = alternate, .ss_size = 1024 };
	stack_t bad = { .ss_sp = alternate, .ss_size = sizeof(alternate), .ss_flags = 0x40 };
	stack_t off = { .ss_flags = SS_DISABLE };

	sigaltstack(NULL, &now);
	printf("none at first: %d\n", now.ss_flags == SS_DISABLE);
	printf("too small: ENOMEM %d\n", error(sigaltstack(&small, NULL)) == ENOMEM);
	printf("bad flags: EINVAL %d\n", error(sigaltstack(&bad, NULL)) == EINVAL);
	printf("set: %d\n", sigaltstack(&stack, NULL));
	sigaltstack(NULL, &now);
	printf("got: %d %d %d\n", now.ss_sp == alternate, now.ss_size == sizeof(alternate),
	       now.ss_flags);
	handle(SIGUSR1, stack_in_handler, SA_ONSTACK);
	handle(SIGUSR2, stack_in_handler, SA_ONSTACK);
	raise(SIGUSR1);
	handle(SIGUSR1, jump, SA_ONSTACK);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(out, 1) == 0)
			raise(SIGUSR1);
	sigaltstack(NULL, &now);
	printf("after a jump: %d\n", now.ss_flags);
	printf("off: %d\n", sigaltstack(&off, &now));
	printf("was on: %d\n", now.ss_size == sizeof(alternate));
}

static void show_order(const char *what)
{
	printf("%s:", what);
	for (int i = 0; i < count; i++)
		printf(" %s%d", order[i] >= SIGRTMIN ? "rt" : "",
		       order[i] >= SIGRTMIN ? order[i] - SIGRTMIN : order[i]);
	printf("\n");
	count = 0;
}

static int values[64];

static void note_value(int sig, siginfo_t *info, void *context)
{
	values[count] = info->si_value.sival_int;
	order[count++] = sig;
}

/* Real-time signals come lowest first and in order of sending, each as often as it was sent. */
static void queues(void)
{
	struct sigaction sa = { .sa_sigaction = note_value, .sa_flags = SA_SIGINFO };
	sigset_t all, old;
	union sigval v;

	sigfillset(&all);
	sa.sa_mask = all;
	for (int sig = SIGRTMIN; sig < SIGRTMIN + 3; sig++)
		sigaction(sig, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigprocmask(SIG_BLOCK, &all, &old);
	count = 0;
	for (int i = 0; i < 3; i++)
		for (int sig = SIGRTMIN + 2; sig >= SIGRTMIN; sig--) {
			v.sival_int = i * 10 + sig - SIGRTMIN;
			sigqueue(getpid(), sig, v);
		}
	for (int i = 0; i < 3; i++) {
		v.sival_int = 100 + i;
		sigqueue(getpid(), SIGUSR1, v); /* queued once: the first */
	}
	kill(getpid(), SIGHUP);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("values:");
	for (int i = 0; i < count; i++)
		printf(" %d", order[i] == SIGHUP ? -1 : values[i]);
	printf("\n");
	show_order("order");
	printf("sigqueue: ESRCH %d", error(sigqueue(999999, SIGUSR1, v)) == ESRCH);
	printf(" EINVAL %d", error(sigqueue(getpid(), 65, v)) == EINVAL);
	printf(" to itself, 0: %d\n", sigqueue(getpid(), 0, v));
}

static const char *code(int c)
{
	return c == SI_USER ? "SI_USER" : c == SI_QUEUE ? "SI_QUEUE" : c == SI_TIMER ? "SI_TIMER" :
	       c == SI_MESGQ ? "SI_MESGQ" : c == SI_TKILL ? "SI_TKILL" : c == SI_KERNEL ?
	       "SI_KERNEL" : c == SI_ASYNCIO ? "SI_ASYNCIO" : "other";
}

static void wait_for_one(void)
{
	sigset_t none;

	sigemptyset(&none);
	while (!count)
		sigsuspend(&none);
	count = 0;
}

static void sources(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 77 };
	struct itimerspec soon = { .it_value = { 0, 1000000 } };
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	struct itimerval alarm = { .it_value = { 0, 1000 } };
	char name[40];
	timer_t timer;
	mqd_t queue;
	int fds[2];

	handle_info(SIGUSR1);
	handle_info(SIGALRM);
	handle_info(SIGPIPE);
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGALRM);
	kill(getpid(), SIGUSR1);
	wait_for_one();
	printf("kill: %s %d %d\n", code(last.si_code), last.si_pid == getpid(),
	       last.si_uid == getuid());
	raise(SIGUSR1);
	wait_for_one();
	printf("raise: %s %d\n", code(last.si_code), last.si_pid == getpid());
	pthread_kill(pthread_self(), SIGUSR1);
	wait_for_one();
	printf("pthread_kill: %s %d\n", code(last.si_code), last.si_pid == getpid());
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 55 });
	wait_for_one();
	printf("sigqueue: %s %d %d %d\n", code(last.si_code), last.si_pid == getpid(),
	       last.si_uid == getuid(), last.si_value.sival_int);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &soon, NULL);
	wait_for_one();
	printf("timer: %s %d\n", code(last.si_code), last.si_value.sival_int);
	timer_delete(timer);
	setitimer(ITIMER_REAL, &alarm, NULL);
	wait_for_one();
	printf("setitimer: %s\n", code(last.si_code));
	sprintf(name, "/signal-test-%d", (int)getpid());
	queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
	event.sigev_value.sival_int = 88;
	mq_notify(queue, &event);
	mq_send(queue, "hello", 5, 0);
	wait_for_one();
	printf("message: %s %d %d\n", code(last.si_code), last.si_value.sival_int,
	       last.si_pid == getpid());
	mq_close(queue);
	mq_unlink(name);
	pipe(fds);
	close(fds[0]);
	write(fds[1], "", 1);
	printf("SIGPIPE: %d %s\n", last.si_signo == SIGPIPE, code(last.si_code));
	close(fds[1]);
	count = 0;
}

static const char *child_code(int c)
{
	return c == CLD_EXITED ? "CLD_EXITED" : c == CLD_KILLED ? "CLD_KILLED" : c == CLD_DUMPED ?
	       "CLD_DUMPED" : c == CLD_STOPPED ? "CLD_STOPPED" : c == CLD_CONTINUED ?
	       "CLD_CONTINUED" : "other";
}

static void await_child(const char *what, pid_t pid)
{
	sigset_t none;

	sigemptyset(&none);
	while (!count)
		sigsuspend(&none);
	count = 0;
	printf("%s: %s pid %d uid %d status %d\n", what, child_code(last.si_code),
	       last.si_pid == pid, last.si_uid == getuid(), last.si_status);
}

static pid_t waiting_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void children(void)
{
	struct sigaction sa = { .sa_sigaction = note_info, .sa_flags = SA_SIGINFO };
	pid_t pid;

	block(SIG_BLOCK, SIGCHLD);
	sigaction(SIGCHLD, &sa, NULL);
	count = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(9);
	await_child("exit", pid);
	waitpid(pid, NULL, 0);
	pid = waiting_child();
	kill(pid, SIGSTOP);
	await_child("stop", pid);
	kill(pid, SIGCONT);
	await_child("continue", pid);
	kill(pid, SIGTERM);
	await_child("kill", pid);
	waitpid(pid, NULL, 0);

	sa.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &sa, NULL);
	pid = waiting_child();
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, NULL, WCONTINUED);
	kill(pid, SIGKILL);
	await_child("SA_NOCLDSTOP", pid);
	waitpid(pid, NULL, 0);

	sa.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
	sigaction(SIGCHLD, &sa, NULL);
	pid = fork();
	if (pid == 0)
		_exit(3);
	await_child("SA_NOCLDWAIT", pid);
	printf("no zombie: ECHILD %d\n", error(waitpid(pid, NULL, 0)) == ECHILD);

	signal(SIGCHLD, SIG_IGN);
	pid = fork();
	if (pid == 0)
		_exit(3);
	printf("ignored: ECHILD %d\n", error(wait(NULL)) == ECHILD);
	signal(SIGCHLD, SIG_DFL);
	block(SIG_UNBLOCK, SIGCHLD);
}

static volatile int notified;
static pthread_t main_thread;

static void notify(union sigval value)
{
	notified = value.sival_int + (pthread_equal(pthread_self(), main_thread) ? 1000 : 0);
}

static void threads(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify,
				  .sigev_value.sival_int = 5 };
	struct itimerspec soon = { .it_value = { 0, 1000000 } };
	timer_t timer;

	main_thread = pthread_self();
	timer_create(CLOCK_REALTIME, &event, &timer);
	timer_settime(timer, 0, &soon, NULL);
	while (!notified)
		usleep(1000);
	printf("SIGEV_THREAD: %d\n", notified);
	timer_delete(timer);
}

/* What is ignored when it comes is gone; what is blocked waits, and is gone when it is ignored. */
static void ignoring(void)
{
	sigset_t pending;

	count = 0;
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	block(SIG_BLOCK, SIGUSR1);
	handle(SIGUSR1, note, 0);
	raise(SIGUSR1);
	sigpending(&pending);
	printf("pending: %d", sigismember(&pending, SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	printf(" %d", sigismember(&pending, SIGUSR1));
	handle(SIGUSR1, note, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	printf(", handled %d\n", (int)count);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	flags();
	restart("without SA_RESTART", 0);
	restart("SA_RESTART", SA_RESTART);
	alternate_stack();
	queues();
	sources();
	children();
	threads();
	ignoring();
	return 0;
}
