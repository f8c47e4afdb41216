/* The binary interface: poll, select and epoll. */
#ifndef ABI_EVENT_H
#define ABI_EVENT_H

#include <stdint.h>

struct abi_pollfd {
	int32_t fd;
	int16_t events, revents;
};
#define POLLIN 1
#define POLLPRI 2
#define POLLOUT 4
#define POLLERR 8
#define POLLHUP 16
#define POLLNVAL 32
#define POLLRDNORM 64
#define POLLRDBAND 128
#define POLLWRNORM 256
#define POLLWRBAND 512
#define FD_SETSIZE 1024

#define EPOLLIN 1u /* these are poll's */
#define EPOLLPRI 2u
#define EPOLLOUT 4u
#define EPOLLERR 8u
#define EPOLLHUP 16u
#define EPOLLRDHUP 0x2000u
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
struct abi_epoll_event {
	uint32_t events, pad;
	uint64_t data;
};

#endif
