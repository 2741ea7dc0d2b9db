/* A member of a room, in C: `cc -pthread -o chat chat.c -ljansson && ./chat HOST PORT ROOM NICK` (see README.md). */

#include <jansson.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *hub; /* what is said to it */
static const char *room;
static atomic_int said, kept;

static int call(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int called = -1;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        called = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (connect(called, at->ai_addr, at->ai_addrlen) == 0) break;
        close(called);
        called = -1;
    }
    freeaddrinfo(found);
    return called;
}

static void say(json_t *command)
{
    char *line = json_dumps(command, 0);
    if (line != NULL) fprintf(hub, "%s\n", line); /* one line, whoever else is speaking */
    else fputs("chat: that is not UTF-8\n", stderr);
    fflush(hub);
    free(line);
    json_decref(command);
}

static void *speak(void *none)
{
    char *line = NULL, label[16];
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
        if (line[length - 1] == '\n') length--;
        snprintf(label, sizeof label, "%d", ++said);
        say(json_pack("{ss ss ss% ss}", "do", "say", "room", room, "text", line, (size_t)length, "label", label));
    }
    free(line);
    shutdown(fileno(hub), SHUT_WR); /* it tells what is still on its way, and then ends, too */
    return none;
}

static void hear(json_t *told)
{
    const char *on = "", *from = "", *text = "";
    json_int_t number = 0;
    json_unpack(told, "{ss s?I s?s s?s}", "on", &on, "number", &number, "from", &from, "text", &text);
    if (strcmp(on, "message") == 0) {
        printf("%" JSON_INTEGER_FORMAT " %s ", number, from);
        json_dumpf(json_object_get(told, "text"), stdout, JSON_ENCODE_ANY);
        puts("");
        fflush(stdout);
        kept += json_object_get(told, "label") != NULL; /* it is ours, and kept */
    } else if (strcmp(on, "error") == 0 || strcmp(on, "bye") == 0) {
        fprintf(stderr, "%s\n", text);
    } else if (strcmp(on, "ping") == 0) {
        say(json_pack("{ss}", "do", "pong"));
    }
}

int main(int argc, char **argv)
{
    int called = argc == 5 ? call(argv[1], argv[2]) : -1;
    if (called < 0) {
        fputs("chat: no hub is there\n", stderr);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* that the hub is lost is heard */
    hub = fdopen(called, "w");
    room = argv[3];
    say(json_pack("{ss ss ss}", "do", "hello", "nick", argv[4], "client", "chat.c"));
    say(json_pack("{ss ss}", "do", "join", "room", room));
    pthread_t speaker;
    pthread_create(&speaker, NULL, speak, NULL);
    pthread_detach(speaker);
    FILE *lines = fdopen(dup(called), "r");
    for (json_t *told; (told = json_loadf(lines, JSON_DISABLE_EOF_CHECK, NULL)) != NULL; json_decref(told)) hear(told);
    if (!feof(lines)) fputs("chat: the hub was lost\n", stderr);
    return !feof(lines) || kept != said;
}
