/* A client in C: `cc -o client client.c && ./client HOST PORT`. What the two sides say is in README.md. */

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int call(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    int server = -1;
    for (struct addrinfo *at = found; at != NULL && server < 0; at = at->ai_next) {
        server = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (server >= 0 && connect(server, at->ai_addr, at->ai_addrlen) < 0) {
            close(server);
            server = -1;
        }
    }
    freeaddrinfo(found);
    return server;
}

int main(int argc, char **argv)
{
    static char tins[100001], answer[100100];
    for (int i = 0; i < 12500; i++) memcpy(tins + 8 * i, "tin can ", 8);
    const char *requests[] = {"Hello from C", "Grüße, 世界 🥫", "", "12345", "999999999", tins, "Still there?"};

    int server = argc == 3 ? call(argv[1], argv[2]) : -1;
    if (server < 0) return 1;
    FILE *from = fdopen(server, "r"), *to = fdopen(dup(server), "w");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        printf("> %s\n", requests[i]);
        fprintf(to, "%s\n", requests[i]);
        fflush(to);
        if (fgets(answer, sizeof answer, from)) printf("< %s", answer);
    }
    shutdown(server, SHUT_WR); /* we are done; the server has one more thing to say */
    while (fgets(answer, sizeof answer, from)) printf("< %s", answer);
    fclose(to);
    fclose(from);
    return 0;
}
