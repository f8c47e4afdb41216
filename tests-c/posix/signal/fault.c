/* Handlers for faults run before the process dies. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char alternate[65536];
static volatile int zero, sink;
static int depth;

static void expect(const char *what, void (*f)(void))
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		f();
		_exit(99);
	}
	waitpid(pid, &status, 0);
	printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal",
	       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void divide(void)
{
	sink = 100 / zero; /* 1 / zero would be computed without a division */
}

/* Beyond the end of a 32-bit memory, and of nothing here. */
static void beyond(void)
{
	sink = *(volatile int *)(uintptr_t)0xfffffff0u;
}

static void recurse(void)
{
	volatile char frame[4096];

	frame[depth & 4095] = ++depth;
	recurse();
	sink = frame[depth & 4095];
}

static void leave(int sig)
{
	_exit(sig + 100);
}

static void tell(int sig, siginfo_t *info, void *context)
{
	printf("signal %d of %d, code %s, context %d\n", sig, info->si_signo,
	       sig == SIGFPE && info->si_code == FPE_INTDIV ? "FPE_INTDIV" :
	       sig == SIGSEGV && info->si_code == SEGV_MAPERR ? "SEGV_MAPERR" :
	       sig == SIGILL && info->si_code == ILL_ILLOPN ? "ILL_ILLOPN" : "other",
	       context != NULL);
	exit(3);
}

static void where(int sig)
{
	char here;

	_exit((uintptr_t)&here - (uintptr_t)alternate < sizeof(alternate) ? 5 : 6);
}

static void nothing(int sig)
{
	write(1, "handled\n", 8);
}

static void divides(int sig)
{
	divide();
}

static void forks(int sig)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(8);
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 99);
}

static void execs(int sig)
{
	execl("/bin/sh", "sh", "-c", "exit 15", (char *)NULL);
	_exit(127);
}

static void ends_thread(int sig)
{
	pthread_exit((void *)17L);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

static void handle_info(int sig)
{
	struct sigaction sa = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static void by_default(void) { divide(); }
static void plain(void) { handle(SIGFPE, leave, 0); divide(); }
static void info_division(void) { handle_info(SIGFPE); divide(); }
static void info_beyond(void) { handle_info(SIGSEGV); beyond(); }
static void info_trap(void) { handle_info(SIGILL); __builtin_trap(); }
static void other(void) { handle(SIGSEGV, leave, 0); divide(); }
static void once(void) { handle(SIGFPE, nothing, SA_RESETHAND); divide(); }
static void aborts(void) { handle(SIGABRT, nothing, 0); abort(); }
static void abort_leaves(void) { handle(SIGABRT, leave, 0); abort(); }
static void in_handler(void) { handle(SIGFPE, divides, 0); divide(); }
static void forking(void) { handle(SIGFPE, forks, 0); divide(); }
static void execing(void) { handle(SIGFPE, execs, 0); divide(); }

static void in_other_handler(void)
{
	handle(SIGFPE, leave, 0);
	handle(SIGUSR1, divides, 0);
	raise(SIGUSR1);
}

static void blocked(void)
{
	sigset_t set;

	handle(SIGFPE, leave, 0);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	divide();
}

static void ignored(void)
{
	signal(SIGFPE, SIG_IGN);
	divide();
}

static void on_stack(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	sigaltstack(&stack, NULL);
	handle(SIGFPE, where, SA_ONSTACK);
	divide();
}

static void overflow(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	sigaltstack(&stack, NULL);
	handle(SIGSEGV, where, SA_ONSTACK);
	recurse();
}

static void overflow_without_room(void)
{
	handle(SIGSEGV, leave, 0);
	recurse();
}

static void overflow_forks(void)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	sigaltstack(&stack, NULL);
	handle(SIGFPE, forks, SA_ONSTACK);
	divide();
}

static void *divides_in_thread(void *arg)
{
	divide();
	return NULL;
}

static void threads(void)
{
	pthread_t t;
	void *result;

	handle(SIGFPE, ends_thread, 0);
	pthread_create(&t, NULL, divides_in_thread, NULL);
	pthread_join(t, &result);
	_exit((int)(intptr_t)result);
}

static void thread_leaves(void)
{
	pthread_t t;

	handle(SIGFPE, leave, 0);
	pthread_create(&t, NULL, divides_in_thread, NULL);
	pthread_join(t, NULL);
}

/* What a handler sees: the memory as it was, the first stack's too. */
static int *shown;

static void shows(int sig)
{
	_exit(*shown);
}

static void memory(void)
{
	volatile int local = 0;

	shown = (int *)&local;
	handle(SIGFPE, shows, 0);
	local = 21;
	divide();
}

int main(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	expect("by default", by_default);
	expect("handler", plain);
	expect("siginfo of a division", info_division);
	expect("siginfo of an access", info_beyond);
	expect("siginfo of a trap", info_trap);
	expect("handler of another signal", other);
	expect("handler that returns, once", once);
	expect("abort, handler returns", aborts);
	expect("abort, handler leaves", abort_leaves);
	expect("fault in its handler", in_handler);
	expect("fault in another handler", in_other_handler);
	expect("fork in the handler", forking);
	expect("exec in the handler", execing);
	expect("blocked", blocked);
	expect("ignored", ignored);
	expect("alternate stack", on_stack);
	expect("stack overflow", overflow);
	expect("stack overflow without another stack", overflow_without_room);
	expect("fork on the alternate stack", overflow_forks);
	expect("a thread's handler ends the thread", threads);
	expect("a thread's handler ends the process", thread_leaves);
	expect("memory", memory);
	return 0;
}
