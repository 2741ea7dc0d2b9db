"""A client in C, of POSIX; for TLS, which the standard has not, of OpenSSL."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.export.programs.literals import C
from tincans.export.programs.talk import SILENCE_SECONDS, End, Hear, Say, Secure, Talk

_HEADERS = (
    "limits.h", "netdb.h", "stdio.h", "stdlib.h", "string.h", "sys/socket.h", "sys/time.h", "sys/un.h", "unistd.h",
)  # fmt: skip

_PLAIN = """
static int server;

static ssize_t give(const char *data, size_t size)
{
    return send(server, data, size, MSG_NOSIGNAL);
}

static ssize_t take(char *data, size_t size)
{
    return recv(server, data, size, 0);
}
"""

_TLS = """
static int server;
static SSL *tls; /* NULL until it begins */

static ssize_t give(const char *data, size_t size)
{
    return tls ? SSL_write(tls, data, (int)size) : send(server, data, size, MSG_NOSIGNAL);
}

static ssize_t take(char *data, size_t size)
{
    return tls ? SSL_read(tls, data, (int)size) : recv(server, data, size, 0);
}

static void die(const char *what)
{
    fprintf(stderr, "%s\\n", what);
    exit(1);
}

/* From here on TLS, with a server whose certificate is for this name. */
static void secure(const char *name)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_default_verify_paths(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *begun = SSL_new(context);
    SSL_set_tlsext_host_name(begun, name);
    X509_VERIFY_PARAM *wanted = SSL_get0_param(begun);
    if (!X509_VERIFY_PARAM_set1_ip_asc(wanted, name)) X509_VERIFY_PARAM_set1_host(wanted, name, 0);
    SSL_set_fd(begun, server);
    if (SSL_connect(begun) != 1) die("no TLS: the certificate is not trusted, or there is none");
    tls = begun;
}
"""

_TALK = """
static void say(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = give(data, size);
        if (sent <= 0) {
            perror("the server does not listen any more");
            exit(1);
        }
        data += sent;
        size -= (size_t)sent;
    }
}
#define SAY(text) say(text, sizeof text - 1)

/* Prints what the server says: so many bytes, or until it is silent or has ended. */
static void hear(long long count)
{
    static char data[65536];
    for (ssize_t got; count > 0 && (got = take(data, sizeof data)) > 0; count -= got) {{
        fwrite(data, 1, (size_t)got, stdout);
    }}
    fflush(stdout);
}

static void wait_at_most(time_t seconds)
{
    struct timeval silence = {.tv_sec = seconds};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
}
"""

_CALL = """
static int call(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    int called = -1;
    for (struct addrinfo *at = found; at != NULL && called < 0; at = at->ai_next) {
        called = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (called >= 0 && connect(called, at->ai_addr, at->ai_addrlen) < 0) {
            close(called);
            called = -1;
        }
    }
    freeaddrinfo(found);
    return called;
}
"""

_CALL_UNIX = """
static int call(const char *path, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, size);
    int called = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return connect(called, (struct sockaddr *)&address, length) == 0 ? called : -1;
}
"""


def source(talk: Talk) -> Iterator[str]:
    """The lines of the program."""
    is_unix = talk.place.scheme == "unix"
    yield f"// cc -o talk talk.c{' -lssl -lcrypto' if talk.has_tls else ''} && ./talk"
    yield from (f"// {remark}" for remark in talk.remarks)
    yield ""
    for header in [*_HEADERS, *(["stddef.h"] if is_unix else []), *(["openssl/ssl.h"] if talk.has_tls else [])]:
        yield f"#include <{header}>"
    blocks = [_TLS if talk.has_tls else _PLAIN, _TALK, _CALL_UNIX if is_unix else _CALL]
    yield from "".join(blocks)[:-1].split("\n")
    yield ""
    yield "int main(void)"
    yield "{"
    yield f"    server = {_call(talk)};"
    yield "    if (server < 0) {"
    yield '        perror("nobody answers");'
    yield "        return 1;"
    yield "    }"
    yield f"    wait_at_most({SILENCE_SECONDS});"
    yield from _steps(talk)
    yield "    hear(LLONG_MAX);"
    yield "    close(server);"
    yield "}"


def _call(talk: Talk) -> str:
    place = talk.place
    if place.scheme != "unix":
        return f'call({C.text(place.host.encode())}, "{place.port}")'
    path = place.path.encode("utf-8", "surrogateescape")
    # A file's name ends in NUL; one in the abstract namespace begins with it, and every byte counts.
    path = b"\0" + path[1:] if path.startswith(b"@") else path + b"\0"
    return f"call({C.text(path)}, {len(path)})"


def _steps(talk: Talk) -> Iterator[str]:
    for step in talk.steps:
        match step:
            case Say(data=data):
                yield from _said(list(C.rows(data)))
            case Hear(size=size):
                yield f"    hear({size});"
            case Secure(name=name):
                yield f"    secure({C.text(name.encode())});"
            case End():
                yield "    shutdown(server, SHUT_WR); /* we have said all; the server may have more to say */"


def _said(rows: list[str]) -> Iterator[str]:
    if len(rows) == 1:
        yield f"    SAY({rows[0]});"
        return
    yield "    SAY("
    yield from (f"        {row}" for row in rows)
    yield "    );"
