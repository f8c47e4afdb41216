/* Asynchronous reading and writing. */
#define _GNU_SOURCE
#include "check.h"

#include <aio.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int finish(struct aiocb *a)
{
	const struct aiocb *list[] = { a };

	while (aio_error(a) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	return aio_error(a);
}

static volatile sig_atomic_t signals, value;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	signals++;
	value = info->si_value.sival_int;
}

int main(void)
{
	int fd = open("aio", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];
	char text[32] = "asynchronous", back[32] = "";
	struct aiocb a = { .aio_fildes = fd, .aio_buf = text, .aio_nbytes = 12, .aio_offset = 100 };
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	SAY(aio_write(&a));
	SAY(finish(&a));
	SAY(aio_return(&a));
	a.aio_buf = back;
	a.aio_nbytes = sizeof back;
	SAY(aio_read(&a));
	SAY(finish(&a));
	SAY(aio_return(&a));
	printf("  %s\n", back);
	SAY(aio_fsync(O_SYNC, &a));
	SAY(finish(&a));
	SAY(aio_return(&a));
	a.aio_fildes = 1000;
	SAY(aio_read(&a) == 0 ? finish(&a) == EBADF : errno == EBADF);

	/* Several at once, and their end by a signal. */
	struct aiocb many[8], *list[8];
	char parts[8][4];
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 8; i++) {
		memset(parts[i], 'a' + i, 4);
		many[i] = (struct aiocb){
			.aio_fildes = fd, .aio_buf = parts[i], .aio_nbytes = 4,
			.aio_offset = 4 * i, .aio_lio_opcode = LIO_WRITE,
		};
		list[i] = &many[i];
	}
	SAY(lio_listio(LIO_WAIT, list, 8, NULL));
	pread(fd, back, 32, 0);
	printf("  %.32s\n", back);
	for (int i = 0; i < 8; i++) {
		aio_return(&many[i]);
		memset(parts[i], 0, 4);
		many[i].aio_lio_opcode = LIO_READ;
	}
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				  .sigev_value.sival_int = 42 };
	SAY(lio_listio(LIO_NOWAIT, list, 8, &event));
	while (!signals)
		usleep(1000);
	printf("  %d signal, value %d: %.4s %.4s\n", signals, value, parts[0], parts[7]);

	/* One that can be cancelled: nothing comes through a pipe. */
	pipe(pipes);
	struct aiocb p = { .aio_fildes = pipes[0], .aio_buf = back, .aio_nbytes = 1 };
	SAY(aio_read(&p));
	SAY(aio_error(&p) == EINPROGRESS);
	struct timespec soon = { 0, 10000000 };
	const struct aiocb *waited[] = { &p };
	SAY(aio_suspend(waited, 1, &soon));
	write(pipes[1], "x", 1);
	SAY(finish(&p));
	SAY(aio_return(&p));
	SAY(aio_cancel(fd, NULL) == AIO_ALLDONE);
	unlink("aio");
	return 0;
}
