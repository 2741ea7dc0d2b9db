/* echo_epoll: says back what it hears. One thread, level-triggered epoll.
 *
 * It is the C peer of the echo servers and the target behind every relay. An answer that does not fit into the socket's
 * buffer is waited for, which stops the others: only small messages are measured with it. */
#include "net.h"
#include <poll.h>

static void answer(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (n < 0) {
            return;
        } else {
            data += n, size -= (size_t)n;
        }
    }
}

static void hear(int fd) {
    static char buffer[65536];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n > 0) answer(fd, buffer, (size_t)n);
    else if (n == 0 || errno != EAGAIN) close(fd);
}

static void greet_all(int epoll, int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        at_once(fd);
        watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, (void *)(intptr_t)fd);
    }
}

int main(void) {
    struct epoll_event events[256];
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_and_print();
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, (void *)(intptr_t)listener);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = (int)(intptr_t)events[i].data.ptr;
            if (fd == listener) greet_all(epoll, listener);
            else hear(fd);
        }
    }
}
