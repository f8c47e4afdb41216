/* Limits that bind: NOFILE, NPROC (processes and threads), AS, FSIZE, CORE. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 54321 /* a user who runs nothing else */

static void limit(int resource, rlim_t soft)
{
	struct rlimit l = { soft, soft };

	if (setrlimit(resource, &l) < 0)
		perror("setrlimit");
}

static void in_child(void (*f)(void), const char *name)
{
	int status;

	if (fork() == 0) {
		f();
		_exit(0);
	}
	wait(&status);
	if (WIFSIGNALED(status))
		printf("%s: signal %d core %d\n", name, WTERMSIG(status), WCOREDUMP(status) != 0);
	else
		printf("%s: %d\n", name, WEXITSTATUS(status));
}

static void files(void)
{
	int fd, last = -1;

	limit(RLIMIT_NOFILE, 20);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	printf("last %d, then EMFILE %d\n", last, errno == EMFILE);
	printf("dup2 %d", dup2(0, 20));
	printf(" %d\n", errno == EBADF);
	printf("F_DUPFD %d", fcntl(0, F_DUPFD, 20));
	printf(" %d\n", errno == EINVAL);
	printf("pipe %d", pipe((int[2]){ 0, 0 }));
	printf(" %d\n", errno == EMFILE);
	close(last);
	printf("dup %d\n", dup(0) == last);
}

static void *idle(void *arg)
{
	pause();
	return arg;
}

static void processes(void)
{
	pthread_t thread;
	pid_t pid;

	limit(RLIMIT_NPROC, 2);
	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		perror("setuid");
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	printf("first %d", pid > 0);
	printf(", second %d", fork());
	printf(" %d", errno == EAGAIN);
	printf(", thread %d\n", pthread_create(&thread, NULL, idle, NULL) == EAGAIN);
	kill(pid, SIGKILL);
	wait(NULL);
	printf("thread %d", pthread_create(&thread, NULL, idle, NULL));
	printf(", process beside it %d", fork());
	printf(" %d\n", errno == EAGAIN);
}

static void root_is_exempt(void)
{
	pid_t pid;

	limit(RLIMIT_NPROC, 1);
	pid = fork();
	if (pid == 0)
		_exit(0);
	printf("root %d\n", pid > 0);
	wait(NULL);
}

static void memory(void)
{
	void *volatile q; /* else the compiler does without malloc */
	void *p;

	limit(RLIMIT_AS, 64 << 20);
	p = mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("mmap %d %d", p == MAP_FAILED, errno == ENOMEM);
	q = malloc(100 << 20);
	printf(" malloc %d", q == NULL);
	printf(" sbrk %d", sbrk(100 << 20) == (void *)-1);
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf(" less %d\n", p != MAP_FAILED);
}

static int scratch(void)
{
	char name[] = "/tmp/limitsXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

static void file_size(void)
{
	char buffer[1000] = "";
	int fd = scratch();

	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, 1500);
	printf("write %zd", write(fd, buffer, 1000));
	printf(" %zd", write(fd, buffer, 1000));
	printf(" %zd", write(fd, buffer, 1000));
	printf(" %d", errno == EFBIG);
	errno = 0;
	printf(" truncate %d", ftruncate(fd, 1501));
	printf(" %d", errno == EFBIG);
	printf(" within %zd\n", pwrite(fd, buffer, 10, 0));
}

static void file_size_kills(void)
{
	int fd = scratch();

	limit(RLIMIT_FSIZE, 0);
	write(fd, "x", 1);
}

static void no_core(void)
{
	limit(RLIMIT_CORE, 0);
	abort();
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	in_child(files, "files");
	in_child(processes, "processes");
	in_child(root_is_exempt, "root");
	in_child(memory, "memory");
	in_child(file_size, "file size");
	limit(RLIMIT_CORE, 0);
	in_child(file_size_kills, "file size kills");
	in_child(no_core, "core");
	return 0;
}
