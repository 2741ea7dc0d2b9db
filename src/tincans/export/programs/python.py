"""A client in Python, of its standard library alone."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.export.programs.literals import PYTHON
from tincans.export.programs.talk import SILENCE_SECONDS, End, Hear, Say, Secure, Talk

_TALK = f'''
server.settimeout({SILENCE_SECONDS})


def say(data):
    server.sendall(data)


def hear(count):
    """Print what the server says: so many bytes, or until it is silent or has ended."""
    try:
        while count > 0 and (data := server.recv(65536)):
            sys.stdout.buffer.write(data)
            count -= len(data)
    except (TimeoutError, ConnectionError):
        pass
    sys.stdout.flush()

'''

_SECURE = '''
def secure(name):
    """From here on TLS, with a server whose certificate is for this name."""
    return ssl.create_default_context().wrap_socket(server, server_hostname=name)

'''


def source(talk: Talk) -> Iterator[str]:
    """The lines of the program."""
    yield "#!/usr/bin/env python3"
    yield from (f"# {remark}" for remark in talk.remarks)
    yield ""
    yield "import socket"
    yield from ["import ssl"] if talk.has_tls else []
    yield "import sys"
    yield ""
    yield from _call(talk)
    yield from _TALK[1:-1].split("\n")
    yield from _SECURE[:-1].split("\n") if talk.has_tls else []
    yield ""
    for step in talk.steps:
        match step:
            case Say(data=data):
                yield from _said(list(PYTHON.rows(data)))
            case Hear(size=size):
                yield f"hear({size})"
            case Secure(name=name):
                yield f"server = secure({PYTHON.text(name.encode())[1:]})"
            case End():
                yield "server.shutdown(socket.SHUT_WR)  # we have said all; the server may have more to say"
    yield 'hear(float("inf"))'
    yield "server.close()"


def _call(talk: Talk) -> Iterator[str]:
    place = talk.place
    if place.scheme == "unix":
        path = place.path.encode("utf-8", "surrogateescape")
        if path.startswith(b"@"):  # the abstract namespace
            path = b"\0" + path[1:]
        yield "server = socket.socket(socket.AF_UNIX)"
        yield f"server.connect({PYTHON.text(path)})"
    else:
        yield f"server = socket.create_connection(({PYTHON.text(place.host.encode())[1:]}, {place.port}))"


def _said(rows: list[str]) -> Iterator[str]:
    if len(rows) == 1:
        yield f"say({rows[0]})"
        return
    yield "say("
    yield from (f"    {row}" for row in rows)
    yield ")"
