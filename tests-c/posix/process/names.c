/* Names of threads: prctl, pthread_setname_np, /proc; who inherits them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t named, seen;

static void show_file(const char *what, const char *path)
{
	char text[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	printf("%s: %.*s", what, n < 0 ? 0 : (int)n, text);
	if (n < 0)
		printf("%s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void show_task(const char *what, pid_t tid)
{
	char path[64], text[256], *name, *end;
	FILE *stat;

	snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)tid);
	show_file(what, path);
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	stat = fopen(path, "r");
	if (!stat || !fgets(text, sizeof text, stat) || !(name = strchr(text, '(')) || !(end = strrchr(text, ')')))
		printf("%s: no stat\n", what);
	else
		printf("%s, in stat: %.*s\n", what, (int)(end + 1 - name), name);
	if (stat)
		fclose(stat);
}

static void show_own(const char *what)
{
	char name[16];

	printf("%s: %d", what, prctl(PR_GET_NAME, name));
	printf(" %s\n", name);
}

static void *thread(void *arg)
{
	show_own("a thread, as its maker");
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	printf("renamed: %d\n", pthread_setname_np(pthread_self(), "a thread"));
	sem_post(&named);
	sem_wait(&seen);
	show_own("renamed by another");
	if (fork() == 0) {
		show_own("a child of the thread");
		show_file("its comm", "/proc/self/comm");
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	return NULL;
}

int main(void)
{
	char name[16];
	pthread_t id;
	pid_t tid;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sem_init(&named, 0, 0);
	sem_init(&seen, 0, 0);
	printf("set: %d\n", prctl(PR_SET_NAME, "the first"));
	show_own("set");
	show_file("comm", "/proc/self/comm");
	printf("too long for prctl: %d\n", prctl(PR_SET_NAME, "0123456789abcdefghij"));
	show_own("cut");
	printf("too long: %d\n", pthread_setname_np(pthread_self(), "0123456789abcdef") == ERANGE);
	printf("a bad address: %d", prctl(PR_SET_NAME, -1L));
	printf(" %d\n", errno == EFAULT);
	printf("no such option: %d", prctl(-1, 0, 0, 0, 0));
	printf(" %d\n", errno == EINVAL);

	pthread_create(&id, NULL, thread, &tid);
	sem_wait(&named);
	show_task("the thread", tid);
	show_task("the process", getpid());
	printf("by another: %d\n", pthread_setname_np(id, "by another"));
	printf("read: %d", pthread_getname_np(id, name, sizeof name));
	printf(" %s\n", name);
	printf("too little room: %d\n", pthread_getname_np(id, name, 4) == ERANGE);
	sem_post(&seen);
	pthread_join(id, NULL);

	fd = open("/proc/self/comm", O_WRONLY);
	printf("written: %zd\n", write(fd, "line\nmore", 9));
	close(fd);
	show_file("after it", "/proc/self/comm");
	fd = open("/proc/1/comm", O_WRONLY);
	printf("of another process: %zd %d\n", write(fd, "mine", 4), fd < 0 || errno == EINVAL);
	return 0;
}
