/* A server in C: `cc -pthread -o server server.c && ./server PORT`. What the two sides say is in README.md. */

#define _GNU_SOURCE /* asprintf */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(FILE *to, int port, const char *line)
{
    printf("%d > %s\n", port, line);
    fflush(stdout);
    fprintf(to, "%s\n", line);
    fflush(to);
}

static void answer(FILE *to, int port, const char *line, size_t length)
{
    char *text;
    if (1 <= length && length <= 9 && strspn(line, "0123456789") == length) {
        long long number = atoll(line);
        if (asprintf(&text, "%lld", number * number) < 0) exit(1);
    } else if (asprintf(&text, "%zu %s", length, line) < 0) {
        exit(1);
    }
    say(to, port, text);
    free(text);
}

/* Serves one caller, on the socket that is for this caller alone. */
static void *talk(void *argument)
{
    int caller = (int)(intptr_t)argument;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    getpeername(caller, (struct sockaddr *)&address, &size);
    int port = ntohs(address.sin_port), count = 0;
    FILE *from = fdopen(caller, "r"), *to = fdopen(dup(caller), "w");
    char *line = NULL, goodbye[64];
    size_t room = 0;
    for (ssize_t length; (length = getline(&line, &room, from)) > 0; count++) {
        if (line[length - 1] == '\n') line[--length] = '\0';
        printf("%d < %s\n", port, line);
        answer(to, port, line, (size_t)length);
    }
    snprintf(goodbye, sizeof goodbye, "%d lines, goodbye", count);
    say(to, port, goodbye);
    free(line);
    fclose(from);
    fclose(to);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0) {
        perror("server");
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int caller; (caller = accept(listener, NULL, NULL)) >= 0;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, talk, (void *)(intptr_t)caller) != 0) return 1;
        pthread_detach(thread);
    }
    return 1;
}
