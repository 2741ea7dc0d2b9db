/* A member of a room, in C: `cc -pthread -o chat chat.c && ./chat HOST PORT ROOM NICK`. What it does is in README.md.
 *
 * C has no JSON of its own. This needs little: it writes texts, and finds a few fields, which in what a hub says stand
 * between quotation marks, without blanks, and before anything that a person said. */

#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static FILE *from, *to; /* the hub */
static const char *room;
static int said, kept;

static int call(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    int hub = -1;
    for (struct addrinfo *at = found; at != NULL && hub < 0; at = at->ai_next) {
        hub = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (hub >= 0 && connect(hub, at->ai_addr, at->ai_addrlen) < 0) {
            close(hub);
            hub = -1;
        }
    }
    freeaddrinfo(found);
    return hub;
}

static void put_text(const char *text, size_t length)
{
    putc('"', to);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = text[i];
        if (byte == '"' || byte == '\\' || byte < ' ') fprintf(to, "\\u%04x", byte);
        else putc(byte, to);
    }
    putc('"', to);
}

/* Say `"do":"ACTION", "NAME":"VALUE", …` as one line, whoever else is speaking; NULL ends the names and values. */
static void say(const char *action, ...)
{
    va_list fields;
    va_start(fields, action);
    flockfile(to);
    fprintf(to, "{\"do\":\"%s\"", action);
    for (const char *name; (name = va_arg(fields, const char *)) != NULL;) {
        const char *value = va_arg(fields, const char *);
        fprintf(to, ",\"%s\":", name);
        put_text(value, strlen(value));
    }
    fputs("}\n", to);
    fflush(to);
    funlockfile(to);
    va_end(fields);
}

static void *speak(void *none)
{
    char *line = NULL, label[16];
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, stdin)) >= 0;) {
        if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
        snprintf(label, sizeof label, "%d", ++said);
        say("say", "room", room, "text", line, "label", label, NULL);
    }
    free(line);
    shutdown(fileno(to), SHUT_WR); /* the hub tells what is still on its way, and then ends, too */
    return none;
}

/* The value behind `"name":`, a text with its quotation marks or a number; `length` is 0 where there is none. */
static const char *find(const char *line, const char *name, int *length)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *start = strstr(line, wanted);
    *length = 0;
    if (start == NULL) return "";
    const char *end = start += strlen(wanted);
    if (*start == '"') {
        for (end++; *end != '"' && *end != '\0'; end++) end += *end == '\\';
        end++;
    } else {
        end += strcspn(start, ",}");
    }
    *length = end - start;
    return start;
}

static void hear(const char *line)
{
    int kind, number, nick, text, label;
    const char *on = find(line, "on", &kind), *words = find(line, "text", &text);
    if (strncmp(on, "\"message\"", kind) == 0) {
        const char *place = find(line, "number", &number), *who = find(line, "from", &nick);
        printf("%.*s %.*s %.*s\n", number, place, nick - 2, who + 1, text, words);
        fflush(stdout);
        find(words + text, "label", &label);
        kept += label > 0; /* it is ours, and kept */
    } else if (strncmp(on, "\"error\"", kind) == 0 || strncmp(on, "\"bye\"", kind) == 0) {
        fprintf(stderr, "%.*s\n", text, words);
    } else if (strncmp(on, "\"ping\"", kind) == 0) {
        say("pong", NULL);
    }
}

int main(int argc, char **argv)
{
    int hub = argc == 5 ? call(argv[1], argv[2]) : -1;
    if (hub < 0) return 1;
    from = fdopen(hub, "r");
    to = fdopen(dup(hub), "w");
    room = argv[3];
    say("hello", "nick", argv[4], "client", "chat.c", NULL);
    say("join", "room", room, NULL);
    pthread_t speaker;
    pthread_create(&speaker, NULL, speak, NULL);
    char *line = NULL;
    for (size_t size = 0; getline(&line, &size, from) >= 0;) hear(line);
    free(line);
    return kept != said;
}
