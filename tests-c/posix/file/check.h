/* For the tests of file calls: each line of output says what a call gave. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Print the call and its result, or by which name it failed. */
#define SAY(call)                                                       \
	do {                                                            \
		errno = 0;                                              \
		long long r_ = (long long)(call);                       \
		if (r_ == -1)                                           \
			printf("%s: %s\n", #call, strerrorname_(errno)); \
		else                                                    \
			printf("%s: %lld\n", #call, r_);                \
	} while (0)
/* The same where only failing or not counts (descriptors, which need not have the same numbers). */
#define TRY(call)                                                       \
	do {                                                            \
		errno = 0;                                              \
		int r_ = (int)(call);                                   \
		printf("%s: %s\n", #call, r_ < 0 ? strerrorname_(errno) : "ok"); \
	} while (0)

static inline const char *strerrorname_(int e)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
#define E(n) { n, #n }
		E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(EBADF),
		E(EAGAIN), E(ENOMEM), E(EACCES), E(EFAULT), E(EBUSY), E(EEXIST), E(EXDEV),
		E(ENODEV), E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY),
		E(ETXTBSY), E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK), E(EPIPE),
		E(EDEADLK), E(ENAMETOOLONG), E(ENOSYS), E(ENOTEMPTY), E(ELOOP), E(EOVERFLOW),
		E(EOPNOTSUPP), E(ECANCELED), E(EINPROGRESS),
#undef E
	};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == e)
			return names[i].name;
	return strerror(e);
}

#endif
