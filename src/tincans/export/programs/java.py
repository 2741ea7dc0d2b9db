"""A client in Java 11 or newer, of its standard library alone: `java talk.java` compiles and runs it."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.errors import CannotProgram
from tincans.export.programs.literals import JAVA
from tincans.export.programs.talk import SILENCE_SECONDS, End, Hear, Say, Secure, Talk

_TALK = """
    }

    static void say(String text) throws IOException {
        server.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1)); // a character is a byte
    }

    /** Prints what the server says: so many bytes, or until it is silent or has ended. */
    static void hear(long count) {
        byte[] data = new byte[65536];
        try {
            for (int got; count > 0 && (got = server.getInputStream().read(data)) > 0; count -= got) {
                System.out.write(data, 0, got);
            }
        } catch (IOException silent) {
            // it waits for us, or it is gone
        }
        System.out.flush();
    }
"""

_SECURE = """

    /** From here on TLS, with a server whose certificate is for this name. */
    static void secure(String name) throws IOException {
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        SSLSocket tls = (SSLSocket) factory.createSocket(server, name, server.getPort(), true);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        tls.setSSLParameters(parameters);
        tls.startHandshake();
        server = tls;
    }
"""

_INDENT = " " * 8


def source(talk: Talk) -> Iterator[str]:
    """The lines of the program. Raises `CannotProgram` for a Unix socket."""
    if talk.place.scheme == "unix":
        raise CannotProgram("Java", "the sockets of its standard library that can wait for so long only know TCP")
    yield from (f"// {remark}" for remark in talk.remarks)
    yield ""
    yield "import java.io.IOException;"
    yield "import java.net.Socket;"
    yield "import java.nio.charset.StandardCharsets;"
    if talk.has_tls:
        yield "import javax.net.ssl.SSLParameters;"
        yield "import javax.net.ssl.SSLSocket;"
        yield "import javax.net.ssl.SSLSocketFactory;"
    yield ""
    yield "class Talk {"
    yield "    static Socket server;"
    yield ""
    yield "    public static void main(String[] arguments) throws IOException {"
    yield f"        server = new Socket({JAVA.text(talk.place.host.encode())}, {talk.place.port});"
    yield f"        server.setSoTimeout({SILENCE_SECONDS * 1000});"
    yield from _steps(talk)
    yield f"{_INDENT}hear(Long.MAX_VALUE);"
    yield f"{_INDENT}server.close();"
    yield from (_TALK + (_SECURE[1:] if talk.has_tls else ""))[1:-1].split("\n")
    yield "}"


def _steps(talk: Talk) -> Iterator[str]:
    for step in talk.steps:
        match step:
            case Say(data=data):
                yield from _said(list(JAVA.rows(data)))
            case Hear(size=size):
                yield f"{_INDENT}hear({size}L);"
            case Secure(name=name):
                yield f"{_INDENT}secure({JAVA.text(name.encode())});"
            case End():
                yield f"{_INDENT}server.shutdownOutput(); // we have said all; the server may have more to say"


def _said(rows: list[str]) -> Iterator[str]:
    if len(rows) == 1:
        yield f"{_INDENT}say({rows[0]});"
        return
    yield f"{_INDENT}say("
    yield from (f"{_INDENT}    {'' if place == 0 else '+ '}{row}" for place, row in enumerate(rows))
    yield f"{_INDENT});"
