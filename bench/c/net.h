/* What all the C programs of the benchmark share: loopback sockets, a clock, and one way to give up. */
#ifndef NET_H
#define NET_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Bulk goes in chunks of this size whose first byte says whether more follow, so the end does not hang on half-close. */
enum { CHUNK = 256 * 1024, MORE = 1, LAST = 2 };

/* What the sink answers to the last chunk. */
struct verdict {
    uint64_t bytes;
    uint64_t longest_gap_ns;
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline struct sockaddr_in loopback(int port, int host) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)host - 1);
    return a;
}

static inline void at_once(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Listens on a free port of 127.0.0.1 and prints its number, for whoever started the program. */
static inline int listen_and_print(void) {
    struct sockaddr_in a = loopback(0, 1);
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) || listen(fd, 4096)) die("listen");
    if (getsockname(fd, (struct sockaddr *)&a, &size)) die("getsockname");
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

/* Starts a call to 127.0.0.1 from 127.0.0.<host>; with flags SOCK_NONBLOCK it may still be under way. */
static inline int dial(int port, int host, int flags) {
    struct sockaddr_in to = loopback(port, 1), from = loopback(0, host);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) die("socket");
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (host > 1 && bind(fd, (struct sockaddr *)&from, sizeof from)) die("bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    at_once(fd);
    return fd;
}

static inline void watch(int epoll, int how, int fd, uint32_t events, void *data) {
    struct epoll_event e = {.events = events, .data.ptr = data};
    if (epoll_ctl(epoll, how, fd, &e)) die("epoll_ctl");
}

static inline double seconds_since(uint64_t start) { return (double)(now_ns() - start) / 1e9; }

#endif
