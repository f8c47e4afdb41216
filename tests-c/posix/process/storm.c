/*
 * A storm of signals over processes and threads that are busy, in calls and in
 * loops without calls, leaves no deadlock, no lost wake-up and no object behind.
 *
 *   storm [SIGNALS [PROCESSES [SEED]]]
 *
 * SIGKILL, SIGSTOP, SIGCONT, SIGINT, SIGCHLD, SIGUSR1 and real-time signals go to
 * random processes at random moments. Who was killed is replaced. After every
 * few signals one of them is continued and asked (by a signal too) how far it is:
 * it must answer, and at the end all must have gone on. A pair that talks over
 * pipes the whole time must not stumble. Real-time signals must arrive in order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel_objects.h"

#define PROCESSES_MAX 60
#define ANSWER_MS 60000 /* who has not answered by then never will */
#define ASK_EVERY 16
#define SLACK_KIB 4096

#define ASK SIGUSR2
#define ORDERED (SIGRTMIN + 1)

extern char **environ;
static const char *self;

/* ---- the victims ---- */

static volatile sig_atomic_t rounds, handled; /* of this process */
static volatile int last_value;
static int answer_fd;

struct answer {
	int index, rounds, handled, wrong;
};
static struct answer mine;

static void on_ask(int sig)
{
	int saved = errno;
	struct answer a = mine;

	(void)sig;
	a.rounds = rounds;
	a.handled = handled;
	while (write(answer_fd, &a, sizeof a) < 0 && errno == EINTR)
		;
	errno = saved;
}

static void on_signal(int sig)
{
	(void)sig;
	handled = handled + 1;
}

/* Only the first thread takes these, so that they come one after the other. */
static void on_ordered(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	handled = handled + 1;
	if (info->si_code != SI_QUEUE || info->si_value.sival_int <= last_value)
		mine.wrong++;
	last_value = info->si_value.sival_int;
}

static void moment(long ns)
{
	struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

static void compute(void)
{
	unsigned long long i, x;

	for (;;) {
		for (i = rounds; i < (unsigned long long)rounds + 50000; i++)
			for (x = i + 1; x != 1;)
				x = x & 1 ? 3 * x + 1 : x / 2;
		rounds = rounds + 1;
	}
}

static void forks(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			moment(1000000);
		else
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
		rounds = rounds + 1;
	}
}

static void spawns(void)
{
	char *args[] = { (char *)self, "exit", NULL };

	for (;;) {
		pid_t pid;

		if (posix_spawn(&pid, self, NULL, NULL, args, environ) != 0)
			moment(1000000);
		else
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
		rounds = rounds + 1;
	}
}

/* Two processes and two pipes; when one is killed the other reads the end, or dies of SIGPIPE. */
static void pipes(void)
{
	int there[2], back[2];
	unsigned n = 0, heard;
	ssize_t got;

	signal(SIGPIPE, SIG_DFL);
	if (pipe(there) || pipe(back))
		_exit(1);
	while ((got = fork()) < 0)
		moment(1000000);
	if (got == 0) {
		close(there[1]);
		close(back[0]);
		for (;;) {
			got = read(there[0], &n, sizeof n);
			if (got == 0)
				_exit(0);
			if (got == sizeof n)
				while (write(back[1], &n, sizeof n) < 0 && errno == EINTR)
					;
		}
	}
	close(there[0]);
	close(back[1]);
	for (;;) {
		while (write(there[1], &n, sizeof n) < 0 && errno == EINTR)
			;
		while ((got = read(back[0], &heard, sizeof heard)) < 0 && errno == EINTR)
			;
		if (got != sizeof heard || heard != n)
			mine.wrong++;
		n++;
		rounds = rounds + 1;
	}
}

static void files(void)
{
	static char data[6000], name[40], other[40];
	struct stat st;

	snprintf(name, sizeof name, "storm-file.%d", (int)getpid());
	snprintf(other, sizeof other, "storm-file.%d.new", (int)getpid());
	for (;;) {
		int fd = open(name, O_CREAT | O_RDWR | O_APPEND, 0600);

		if (fd < 0 || write(fd, data, sizeof data) != sizeof data || close(fd) < 0 ||
		    rename(name, other) < 0 || stat(other, &st) < 0 || st.st_size % sizeof data || unlink(other) < 0)
			mine.wrong++;
		rounds = rounds + 1;
	}
}

static void sleeps(void)
{
	int fd[2];
	sigset_t none;

	if (pipe(fd))
		_exit(1);
	sigemptyset(&none);
	for (;;) {
		struct pollfd p = { fd[0], POLLIN, 0 };
		struct timespec t = { 0, 3000000 };

		moment(2000000);
		poll(&p, 1, 3);
		ppoll(&p, 1, &t, &none);
		rounds = rounds + 1;
	}
}

/* Threads hand a token round; a wake-up lost is the end of it. */
#define PLAYERS 3
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int token;

static void *play(void *arg)
{
	int me = (int)(intptr_t)arg;

	pthread_mutex_lock(&lock);
	for (;;) {
		while (token != me)
			pthread_cond_wait(&moved, &lock);
		token = (me + 1) % PLAYERS;
		rounds = rounds + 1;
		pthread_cond_broadcast(&moved);
	}
	return NULL;
}

static int start_thread(pthread_t *t, void *(*run)(void *), void *arg)
{
	sigset_t ordered, old;
	int err;

	sigemptyset(&ordered);
	sigaddset(&ordered, ORDERED);
	pthread_sigmask(SIG_BLOCK, &ordered, &old);
	while ((err = pthread_create(t, NULL, run, arg)) == EAGAIN)
		moment(1000000);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static void futexes(void)
{
	pthread_t t;

	for (intptr_t i = 1; i < PLAYERS; i++)
		if (start_thread(&t, play, (void *)i) != 0)
			_exit(1);
	play(0);
}

static void *ends(void *arg)
{
	return arg;
}

static void threads(void)
{
	for (;;) {
		pthread_t t;

		if (start_thread(&t, ends, NULL) != 0 || pthread_join(t, NULL) != 0)
			mine.wrong++;
		rounds = rounds + 1;
	}
}

/* One thread computes, the other sends it signals. */
static void *compute_thread(void *arg)
{
	(void)arg;
	compute();
	return NULL;
}

static void thread_signals(void)
{
	pthread_t t;

	if (start_thread(&t, compute_thread, NULL) != 0)
		_exit(1);
	for (;;) {
		pthread_kill(t, SIGUSR1);
		moment(1000000);
	}
}

static void (*const kinds[])(void) = {
	compute, forks, pipes, files, sleeps, futexes, threads, spawns, thread_signals, compute,
};
#define KINDS ((int)(sizeof kinds / sizeof kinds[0]))

static void handle(int sig, int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sigfillset(&sa.sa_mask);
	sa.sa_flags = flags;
	if (sig == ORDERED) {
		sa.sa_sigaction = on_ordered;
		sa.sa_flags |= SA_SIGINFO;
	} else {
		sa.sa_handler = sig == ASK ? on_ask : on_signal;
	}
	sigaction(sig, &sa, NULL);
}

static void victim(int index)
{
	int flags = index & 1 ? SA_RESTART : 0;

	mine.index = index;
	handle(SIGINT, flags);
	handle(SIGUSR1, flags);
	handle(SIGCHLD, flags);
	handle(SIGRTMIN, flags);
	handle(ORDERED, flags);
	handle(ASK, flags);
	on_ask(ASK); /* ready */
	kinds[index % KINDS]();
}

/* ---- the storm ---- */

static int processes = 14, answers;
static unsigned seed = 2024;
static struct {
	pid_t pid;
	int value; /* of the last ordered signal */
	int stopped;
} victims[PROCESSES_MAX];
static struct {
	long sent, killed, stopped, asked, refused;
} count;
static int wrong;
static double slowest;

static unsigned next(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The next answer on the pipe; ends the test when there is none. */
static struct answer answer_of(int index, const char *what)
{
	struct pollfd p = { answers, POLLIN, 0 };
	double began = now();
	struct answer a;

	do {
		if (poll(&p, 1, ANSWER_MS) != 1) {
			printf("%s %d, of kind %d, does not answer: a deadlock, or a wake-up was lost\n", what, index,
			       index % KINDS);
			fflush(stdout);
			for (int i = 0; i < processes; i++)
				kill(-victims[i].pid, SIGKILL);
			exit(1);
		}
		if (read(answers, &a, sizeof a) != sizeof a)
			wrong++;
	} while (a.index != index);
	if (now() - began > slowest)
		slowest = now() - began;
	wrong += a.wrong;
	return a;
}

static void start(int index)
{
	pid_t pid;

	while ((pid = fork()) < 0) {
		count.refused++;
		moment(2000000);
	}
	if (pid == 0) {
		setpgid(0, 0); /* so that what it forks can be ended too */
		victim(index);
		_exit(1);
	}
	setpgid(pid, pid);
	victims[index].pid = pid;
	victims[index].value = victims[index].stopped = 0;
	answer_of(index, "the new process");
}

static void end(int index)
{
	pid_t pid = victims[index].pid;
	int status = 0;

	if (kill(pid, SIGKILL) != 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL) {
		fprintf(stderr, "process %d of kind %d ended with %x\n", index, index % KINDS, status);
		wrong++;
	}
	kill(-pid, SIGKILL);
	count.killed++;
}

static struct answer ask(int index)
{
	pid_t pid = victims[index].pid;

	kill(pid, SIGCONT);
	victims[index].stopped = 0;
	count.asked++;
	if (kill(pid, ASK) != 0)
		wrong++;
	return answer_of(index, "process");
}

static void send_one(int index)
{
	static const int plain[] = { SIGINT, SIGUSR1, SIGCHLD };
	pid_t pid = victims[index].pid;
	unsigned choice = next(100);

	count.sent++;
	if (choice < 4) {
		end(index);
		start(index);
	} else if (choice < 14) {
		kill(pid, SIGSTOP);
		victims[index].stopped = 1;
		count.stopped++;
	} else if (choice < 34) {
		kill(pid, SIGCONT);
		victims[index].stopped = 0;
	} else if (choice < 60) {
		union sigval v = { .sival_int = ++victims[index].value };

		/* the queue of one that is stopped may be full */
		if (sigqueue(pid, ORDERED, v) != 0 && errno != EAGAIN)
			wrong++;
	} else if (choice < 70) {
		union sigval v = { .sival_int = 1 };

		if (sigqueue(pid, SIGRTMIN, v) != 0 && errno != EAGAIN)
			wrong++;
	} else {
		kill(pid, plain[choice % 3]);
	}
}

/* All go on: each has done more some time after it was asked. */
static void all_go_on(void)
{
	for (int i = 0; i < processes; i++) {
		int before = ask(i).rounds;
		double began = now();

		while (ask(i).rounds == before) {
			if (now() - began > ANSWER_MS / 1000) {
				printf("process %d, of kind %d, does not go on\n", i, i % KINDS);
				wrong++;
				break;
			}
			moment(5000000);
		}
	}
}

/* Echoes numbers until the pipe closes. */
static void witness(int in, int out)
{
	unsigned n;

	while (read(in, &n, sizeof n) == sizeof n) {
		n++;
		if (write(out, &n, sizeof n) != sizeof n)
			break;
	}
	_exit(0);
}

static void storm(int signals)
{
	int to[2], from[2], fd[2];
	unsigned said = 0, heard;
	pid_t w;

	if (pipe(to) || pipe(from) || pipe(fd))
		exit(1);
	answers = fd[0];
	answer_fd = fd[1];
	w = fork();
	if (w == 0) {
		close(to[1]);
		close(from[0]);
		witness(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	for (int i = 0; i < processes; i++)
		start(i);
	for (int i = 0; i < signals; i++) {
		struct pollfd p = { from[0], POLLIN, 0 };

		send_one(next(processes));
		if (i % ASK_EVERY == 0)
			ask(next(processes));
		if (i % 8 == 0)
			moment(next(1000000));
		if (write(to[1], &said, sizeof said) != sizeof said || poll(&p, 1, ANSWER_MS) != 1 ||
		    read(from[0], &heard, sizeof heard) != sizeof heard || heard != said + 1) {
			printf("the witness stumbled after %d signals\n", i);
			exit(1);
		}
		said = heard;
	}
	all_go_on();
	for (int i = 0; i < processes; i++)
		end(i);
	close(to[1]);
	close(from[0]);
	close(answers);
	close(answer_fd);
	waitpid(w, NULL, 0);
}

/* A directory of its own for each, as one that had many names keeps room for them. */
static void storm_in_directory(int signals)
{
	char directory[] = "/tmp/storm.XXXXXX";

	if (!mkdtemp(directory) || chdir(directory) != 0)
		exit(2);
	storm(signals);
	if (system("rm -f storm-file.*") != 0 || chdir("/tmp") != 0 || rmdir(directory) != 0)
		exit(2);
}

/* A first small one makes what is kept for the next: workers, caches. */
int main(int argc, char **argv)
{
	int signals = argc > 1 ? atoi(argv[1]) : 800;
	static struct objects before;
	double began;

	if (argc == 2 && strcmp(argv[1], "exit") == 0)
		return 0;
	self = realpath(argv[0], NULL);
	if (!self)
		return 2;
	if (argc > 2)
		processes = atoi(argv[2]);
	if (argc > 3)
		seed = (unsigned)atoi(argv[3]);
	if (processes < 1 || processes > PROCESSES_MAX)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	storm_in_directory(signals / 3);
	objects_read(&before);
	memset(&count, 0, sizeof count);
	began = now();
	slowest = 0;
	storm_in_directory(signals);
	fprintf(stderr,
		"%ld signals to %d processes in %.1f s: %ld killed, %ld stopped, %ld asked (the slowest answer took %.0f ms), "
		"%ld forks refused\n",
		count.sent, processes, now() - began, count.killed, count.stopped, count.asked, slowest * 1000,
		count.refused);
	if (!objects_settle(&before, SLACK_KIB))
		wrong++;
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
