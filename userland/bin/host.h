/*
 * Talking with the host over /dev/host: a message is a letter and data of at
 * most HOST_DATA bytes; the answer is read after it. The letters are in
 * drivers-ts/host-channel.ts.
 */
#ifndef HOST_CHANNEL_H
#define HOST_CHANNEL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOST_DATA 65535

static inline int host_open(const char *program)
{
	int fd = open("/dev/host", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "%s: /dev/host: %s\n", program, strerror(errno));
	return fd;
}

/* Send a message: 0, or -1 and errno. ENODEV: this host exchanges no files. */
static inline int host_say(int fd, char letter, const void *data, size_t n)
{
	char message[1 + HOST_DATA];

	message[0] = letter;
	if (n)
		memcpy(message + 1, data, n);
	return write(fd, message, 1 + n) < 0 ? -1 : 0;
}

static inline void host_complain(const char *program, const char *what)
{
	if (errno == ENODEV)
		fprintf(stderr,
			"%s: files are exchanged on the page only; here, start tabos with --mount HOSTDIR:DIR\n",
			program);
	else if (errno == ECANCELED)
		fprintf(stderr, "%s: no files were chosen\n", program);
	else
		fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
}

#endif
