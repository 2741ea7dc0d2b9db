/* sink: swallows bulk, and answers the last chunk of each run with how much came and the longest wait between receives.
 *
 * It copies what it receives, as a real program does. The target behind every relay that carries bulk. */
#include "net.h"

struct run {
    int fd;
    uint64_t position, longest, heard;
    int last; /* the chunk being received is the last one */
};

static void finish(struct run *run) {
    struct verdict verdict = {run->position, run->longest};
    if (send(run->fd, &verdict, sizeof verdict, MSG_NOSIGNAL) != sizeof verdict) perror("send");
    run->position = run->longest = run->heard = 0;
    run->last = 0;
}

/* Looks at the first byte of every chunk that begins within these bytes. */
static void read_flags(struct run *run, const char *data, size_t size) {
    uint64_t next = (run->position + CHUNK - 1) / CHUNK * CHUNK;
    for (; next < run->position + size; next += CHUNK) run->last = data[next - run->position] == LAST;
}

static void swallow(struct run *run) {
    static char buffer[CHUNK];
    ssize_t n = recv(run->fd, buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close(run->fd);
        free(run);
    } else if (n > 0) {
        uint64_t now = now_ns();
        if (run->heard && now - run->heard > run->longest) run->longest = now - run->heard;
        run->heard = now;
        read_flags(run, buffer, (size_t)n);
        run->position += (uint64_t)n;
        if (run->last && run->position % CHUNK == 0) finish(run);
    }
}

static void greet(int epoll, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct run *run = calloc(1, sizeof *run);
    if (!run) die("calloc");
    run->fd = fd;
    at_once(fd);
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, run);
}

int main(void) {
    struct epoll_event events[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_and_print();
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) swallow(events[i].data.ptr);
            else greet(epoll, listener);
        }
    }
}
