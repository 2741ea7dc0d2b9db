/* load: the one load generator for every plain socket in the benchmark. One thread; prints one JSON object.
 *
 *   load bulk PORT SECONDS                         one connection, chunks of 256 KiB to the sink, after a short warm-up
 *   load pingpong PORT SIZE CONNECTIONS SECONDS    a message of SIZE bytes to and fro on each connection, after a warm-up
 *   load accepts PORT AT_ONCE SECONDS              call, end what we say, wait for the other side's end, close, again
 *   load idle PORT COUNT                           open COUNT, one message to and fro on each, hold until stdin ends */
#include "net.h"

static const double WARM_UP = 0.3;

/* ── bulk ── */

static void send_chunk(int fd, char *chunk, char flag) {
    chunk[0] = flag;
    for (size_t sent = 0; sent < CHUNK;) {
        ssize_t n = send(fd, chunk + sent, CHUNK - sent, MSG_NOSIGNAL);
        if (n < 0) die("send");
        sent += (size_t)n;
    }
}

static struct verdict pour(int fd, double seconds) {
    static char chunk[CHUNK];
    struct verdict verdict;
    uint64_t start = now_ns();
    memset(chunk, 'x', sizeof chunk);
    while (seconds_since(start) < seconds) send_chunk(fd, chunk, MORE);
    send_chunk(fd, chunk, LAST);
    if (recv(fd, &verdict, sizeof verdict, MSG_WAITALL) != sizeof verdict) die("the sink's answer");
    return verdict;
}

static void bulk(int port, double seconds) {
    struct timeval patience = {.tv_sec = 15};
    int fd = dial(port, 1, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint64_t warm = pour(fd, WARM_UP).bytes, start = now_ns();
    struct verdict verdict = pour(fd, seconds);
    double took = seconds_since(start);
    printf("{\"bytes\": %lu, \"seconds\": %.6f, \"all_bytes\": %lu, \"longest_gap_ms\": %.3f}\n", verdict.bytes, took,
           verdict.bytes + warm, (double)verdict.longest_gap_ns / 1e6);
}

/* ── ping-pong ── */

enum { SAMPLES = 4 * 1024 * 1024, LARGEST = 65536 };

struct pinger {
    int fd;
    size_t missing;
    uint64_t sent_at;
};

static uint32_t latency[SAMPLES];
static char message[LARGEST];

static void ping(struct pinger *pinger, size_t size) {
    pinger->missing = size;
    pinger->sent_at = now_ns();
    if (send(pinger->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
}

/* Returns how many nanoseconds the round trip took when this was its end, else 0. */
static uint64_t pong(struct pinger *pinger) {
    static char buffer[LARGEST];
    ssize_t n = recv(pinger->fd, buffer, pinger->missing, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) die("the echo ended");
    pinger->missing -= (size_t)n;
    return pinger->missing ? 0 : now_ns() - pinger->sent_at;
}

/* Answers still under way are awaited before the goodbye: a reset would make the servers write tracebacks. */
static void part(struct pinger *pingers, int connections) {
    for (int i = 0; i < connections; i++) {
        fcntl(pingers[i].fd, F_SETFL, 0);
        while (!pong(&pingers[i])) {}
        close(pingers[i].fd);
    }
}

static size_t exchange(int epoll, size_t size, double seconds) {
    struct epoll_event events[256];
    size_t count = 0;
    uint64_t start = now_ns();
    while (seconds_since(start) < seconds) {
        int ready = epoll_wait(epoll, events, 256, 10000);
        if (ready == 0) die("no answer for 10 s");
        for (int i = 0; i < ready; i++) {
            struct pinger *pinger = events[i].data.ptr;
            uint64_t took = pong(pinger);
            if (!took) continue;
            if (count < SAMPLES) latency[count] = (uint32_t)took;
            count++;
            ping(pinger, size);
        }
    }
    return count;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile(size_t count, double part) {
    return count ? latency[(size_t)((double)(count - 1) * part)] / 1e3 : 0;
}

static void pingpong(int port, size_t size, int connections, double seconds) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct pinger *pingers = calloc((size_t)connections, sizeof *pingers);
    if (!pingers || size > LARGEST) die("pingpong");
    memset(message, 'x', size);
    for (int i = 0; i < connections; i++) {
        pingers[i].fd = dial(port, 1, 0);
        fcntl(pingers[i].fd, F_SETFL, O_NONBLOCK);
        watch(epoll, EPOLL_CTL_ADD, pingers[i].fd, EPOLLIN, &pingers[i]);
        ping(&pingers[i], size);
    }
    exchange(epoll, size, WARM_UP);
    uint64_t start = now_ns();
    size_t count = exchange(epoll, size, seconds), kept = count < SAMPLES ? count : SAMPLES;
    double took = seconds_since(start);
    part(pingers, connections);
    qsort(latency, kept, sizeof *latency, by_size);
    printf("{\"messages\": %zu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n", count, took,
           percentile(kept, 0.5), percentile(kept, 0.99), percentile(kept, 1));
}

/* ── accepts ── */

struct caller {
    int fd;
};

/* Calls come from 127.0.0.2 … 17 in turn, so that ports in TIME_WAIT are never the limit. */
static void call(int epoll, struct caller *caller, int port) {
    static unsigned turn;
    caller->fd = dial(port, 2 + (int)(turn++ % 16), SOCK_NONBLOCK);
    watch(epoll, EPOLL_CTL_ADD, caller->fd, EPOLLOUT, caller);
}

/* Returns whether the conversation is over. */
static int go_on(int epoll, struct caller *caller, uint32_t events) {
    char byte;
    if (events & EPOLLOUT) {
        if (shutdown(caller->fd, SHUT_WR)) die("connect");
        watch(epoll, EPOLL_CTL_MOD, caller->fd, EPOLLIN, caller);
        return 0;
    }
    ssize_t n = recv(caller->fd, &byte, 1, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n != 0) die("a call that was not ended");
    close(caller->fd);
    return 1;
}

static size_t call_all(int epoll, int port, double seconds) {
    struct epoll_event events[256];
    size_t count = 0;
    uint64_t start = now_ns();
    while (seconds_since(start) < seconds) {
        int ready = epoll_wait(epoll, events, 256, 10000);
        if (ready == 0) die("nobody accepted for 10 s");
        for (int i = 0; i < ready; i++) {
            if (!go_on(epoll, events[i].data.ptr, events[i].events)) continue;
            count++;
            call(epoll, events[i].data.ptr, port);
        }
    }
    return count;
}

static void accepts(int port, int at_once_count, double seconds) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct caller *callers = calloc((size_t)at_once_count, sizeof *callers);
    if (!callers) die("calloc");
    for (int i = 0; i < at_once_count; i++) call(epoll, &callers[i], port);
    call_all(epoll, port, WARM_UP);
    uint64_t start = now_ns();
    size_t count = call_all(epoll, port, seconds);
    printf("{\"accepts\": %zu, \"seconds\": %.6f}\n", count, seconds_since(start));
}

/* ── idle ── */

static void idle(int port, int count) {
    char said[64] = "tincans", heard[64];
    uint64_t start = now_ns();
    for (int i = 0; i < count; i++) {
        int fd = dial(port, 2, 0);
        if (send(fd, said, sizeof said, MSG_NOSIGNAL) != sizeof said) die("send");
        if (recv(fd, heard, sizeof heard, MSG_WAITALL) != sizeof heard) die("recv");
    }
    printf("{\"open\": %d, \"seconds\": %.6f}\n", count, seconds_since(start));
    fflush(stdout);
    while (read(0, heard, sizeof heard) > 0) {}
}

int main(int count, char **arguments) {
    const char *mode = count > 3 ? arguments[1] : "";
    int port = count > 3 ? atoi(arguments[2]) : 0;
    if (!strcmp(mode, "bulk") && count == 4) bulk(port, atof(arguments[3]));
    else if (!strcmp(mode, "pingpong") && count == 6)
        pingpong(port, (size_t)atol(arguments[3]), atoi(arguments[4]), atof(arguments[5]));
    else if (!strcmp(mode, "accepts") && count == 5) accepts(port, atoi(arguments[3]), atof(arguments[4]));
    else if (!strcmp(mode, "idle") && count == 4) idle(port, atoi(arguments[3]));
    else return 2;
    return 0;
}
