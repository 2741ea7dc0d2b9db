/* splice_relay TARGET_PORT: the reference, a relay as fast as one thread of C with splice(2) is.
 *
 * Each pair of sockets has a pipe of 1 MiB a direction. Both sockets are watched edge-triggered, once; whatever happens
 * to either, both directions are pumped until the kernel has no more. */
#include "net.h"

enum { PIPE = 1024 * 1024 };

struct flow {
    int from, to, in, out; /* the sockets, and the pipe's two ends: splice(from -> in), splice(out -> to) */
    size_t held;
    int ended, done;
};

struct pair {
    struct flow up, down;
    int dead;
    struct pair *next_dead;
};

static int target;
static struct pair *dead; /* freed only after the turn, because more events of it may follow in the same turn */

static ssize_t move(int from, int to, size_t size) {
    return splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/* Returns -1 when the pair is broken. */
static int pump(struct flow *flow) {
    while (!flow->done) {
        if (!flow->held && !flow->ended) {
            ssize_t n = move(flow->from, flow->in, PIPE);
            if (n < 0) return errno == EAGAIN ? 0 : -1;
            if (n == 0) flow->ended = 1;
            flow->held = (size_t)n;
        }
        while (flow->held) {
            ssize_t n = move(flow->out, flow->to, flow->held);
            if (n < 0) return errno == EAGAIN ? 0 : -1;
            flow->held -= (size_t)n;
        }
        if (flow->ended) {
            shutdown(flow->to, SHUT_WR);
            flow->done = 1;
        }
    }
    return 0;
}

static void bury(struct pair *pair) {
    int fds[] = {pair->up.from, pair->up.to, pair->up.in, pair->up.out, pair->down.in, pair->down.out};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) close(fds[i]);
    pair->dead = 1;
    pair->next_dead = dead;
    dead = pair;
}

static void serve(struct pair *pair) {
    if (pair->dead) return;
    int broken = pump(&pair->up) || pump(&pair->down);
    if (broken || (pair->up.done && pair->down.done)) bury(pair);
}

static void free_dead(void) {
    for (struct pair *pair; (pair = dead);) {
        dead = pair->next_dead;
        free(pair);
    }
}

static void lay(struct flow *flow, int from, int to) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC)) die("pipe2");
    fcntl(ends[1], F_SETPIPE_SZ, PIPE);
    flow->from = from, flow->to = to, flow->out = ends[0], flow->in = ends[1];
}

static void greet(int epoll, int fd) {
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair) die("calloc");
    int far = dial(target, 1, SOCK_NONBLOCK);
    at_once(fd);
    lay(&pair->up, fd, far);
    lay(&pair->down, far, fd);
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, pair);
    watch(epoll, EPOLL_CTL_ADD, far, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, pair);
}

static void greet_all(int epoll, int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) greet(epoll, fd);
}

int main(int count, char **arguments) {
    struct epoll_event events[256];
    if (count != 2) return 2;
    target = atoi(arguments[1]);
    signal(SIGPIPE, SIG_IGN);
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_and_print();
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int ready = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr);
            else greet_all(epoll, listener);
        }
        free_dead();
    }
}
