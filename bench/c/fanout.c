/* fanout: one sender and many receivers in one room. One thread; prints one JSON object.
 *
 *   fanout irc|nats talk PORT RECEIVERS BURST SECONDS   BURST messages in one write, the next when all have all of them
 *   fanout irc|nats idle PORT COUNT ROOMS               COUNT members in so many rooms, held until stdin ends
 *
 * A message has one '^' in it and nothing else has, so messages are counted without reading lines. */
#include "net.h"

enum { BUFFER = 1 << 20, PAYLOAD = 64, MOST = 64 };

static const double WARM_UP = 0.3;
static char buffer[BUFFER + 1];

static void say(int fd, const char *words, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, words + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0) die("send");
        sent += (size_t)n;
    }
}

/* What comes until `mark` is in it; a PING is answered (some servers let nobody in before). */
static void wait_for(int fd, const char *mark) {
    size_t size = 0;
    buffer[0] = 0;
    while (!strstr(buffer, mark)) {
        if (size > BUFFER / 2) {
            memmove(buffer, buffer + size - 1024, 1024);
            size = 1024;
        }
        ssize_t n = recv(fd, buffer + size, BUFFER - size, 0);
        if (n <= 0) die(mark);
        size += (size_t)n;
        buffer[size] = 0;
        char *ping = strstr(buffer, "PING :");
        if (ping && strchr(ping, '\n')) {
            ping[1] = 'O';
            say(fd, ping, (size_t)(strchr(ping, '\n') - ping) + 1);
        }
    }
}

static int enter(int port, int irc, int number, int room) {
    int fd = dial(port, 1, 0);
    struct timeval patience = {.tv_sec = 15};
    char words[256];
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (irc) {
        snprintf(words, sizeof words, "NICK m%d\r\nUSER m%d 0 * :m\r\nJOIN #r%d\r\n", number, number, room);
        say(fd, words, strlen(words));
        wait_for(fd, " 366 ");
    } else {
        snprintf(words, sizeof words, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nSUB r%d 1\r\nPING\r\n", room);
        say(fd, words, strlen(words));
        wait_for(fd, "PONG\r\n");
    }
    return fd;
}

/* Messages in what one receiver has now. */
static uint64_t take(int fd) {
    uint64_t count = 0;
    ssize_t n = recv(fd, buffer, BUFFER, MSG_DONTWAIT);
    if (n == 0) die("a receiver was let go");
    if (n < 0 && errno != EAGAIN) die("recv");
    for (char *at = buffer, *end = buffer + (n > 0 ? n : 0); (at = memchr(at, '^', (size_t)(end - at))); at++) count++;
    return count;
}

/* Bursts for so many seconds; how many messages were delivered. */
static uint64_t talk_for(int sender, int poll, int receivers, const char *words, size_t size, int burst, double seconds) {
    static struct epoll_event events[1024];
    uint64_t delivered = 0, start = now_ns();
    while (seconds_since(start) < seconds) {
        uint64_t missing = (uint64_t)receivers * (uint64_t)burst;
        say(sender, words, size);
        delivered += missing;
        while (missing) {
            int ready = epoll_wait(poll, events, 1024, 15000);
            if (ready <= 0) die("messages were lost");
            for (int i = 0; i < ready; i++) {
                uint64_t count = take(events[i].data.fd);
                if (events[i].data.fd != sender) missing -= count;
            }
        }
    }
    return delivered;
}

static void talk(int port, int irc, int receivers, int burst, double seconds) {
    static char words[MOST * 256];
    char payload[PAYLOAD + 1];
    size_t size = 0;
    int poll = epoll_create1(0), sender = enter(port, irc, 0, 0);
    memset(payload, 'x', PAYLOAD);
    payload[0] = '^';
    payload[PAYLOAD] = 0;
    for (int i = 0; i < burst; i++)
        size += (size_t)snprintf(words + size, sizeof words - size,
                                 irc ? "PRIVMSG #r0 :%s\r\n" : "PUB r0 64\r\n%s\r\n", payload);
    for (int i = 0; i <= receivers; i++) {
        int fd = i ? enter(port, irc, i, 0) : sender;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
        if (irc && i % 50 == 0 && i) take(sender);
    }
    talk_for(sender, poll, receivers, words, size, burst, WARM_UP);
    uint64_t start = now_ns(), delivered = talk_for(sender, poll, receivers, words, size, burst, seconds);
    printf("{\"messages\": %lu, \"seconds\": %.6f}\n", delivered, seconds_since(start));
}

static void idle(int port, int irc, int count, int rooms) {
    for (int i = 0; i < count; i++) enter(port, irc, i + (int)(now_ns() % 1000) * 100000, i % rooms);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) {}
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    int irc = !strcmp(argv[1], "irc"), port = atoi(argv[3]);
    if (!strcmp(argv[2], "talk") && argc == 7 && atoi(argv[5]) <= MOST) talk(port, irc, atoi(argv[4]), atoi(argv[5]), atof(argv[6]));
    else if (!strcmp(argv[2], "idle")) idle(port, irc, atoi(argv[4]), atoi(argv[5]));
    else return 2;
    return 0;
}
