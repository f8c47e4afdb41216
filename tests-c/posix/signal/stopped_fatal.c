/*
 * A fatal signal for a stopped process waits until that is continued; SIGKILL
 * does not.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t stopped_child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	printf("stopped by SIGSTOP: %d\n", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return pid;
}

int main(void)
{
	pid_t pid = stopped_child();
	int status;

	kill(pid, SIGTERM);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	printf("still there: %d\n", waitpid(pid, &status, WNOHANG) == 0);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	printf("then killed by SIGTERM: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	pid = stopped_child();
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("killed by SIGKILL: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return 0;
}
