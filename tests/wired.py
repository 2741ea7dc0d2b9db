"""An HTTP server over memory, and what it answers as h11 reads it: for tests of what goes over the wire."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import h11

from tincans.apps.http import Http
from tincans.apps.http.exchange import Exchange, Handler
from tincans.apps.http.patience import Patience
from tincans.channel import Channel
from tincans.errors import ChannelClosed, EndOfStream
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair


class Answer(NamedTuple):
    """One response: names of fields in lower case, and the body without what frames it."""

    status: int
    fields: dict[str, str]
    body: bytes
    #: The statuses of the responses before it that were not final.
    interim: tuple[int, ...] = ()


@contextlib.asynccontextmanager
async def served(app: Http) -> AsyncIterator[Channel]:
    """The client's end of a connection that `app` serves, as a `Server` would; both ends are closed behind it."""
    client, server = memory_pair()
    serving = spawn(_serve(app, server))
    try:
        yield client
    finally:
        await client.aclose()
        await serving


async def _serve(app: Http, channel: Channel) -> None:
    try:
        await app(channel)
    except (EndOfStream, ChannelClosed):
        pass
    except Exception:
        channel.abort()
    await channel.aclose()


async def heard(client: Channel) -> bytes:
    """All that the server says until it ends."""
    data = b""
    with contextlib.suppress(EndOfStream):
        while True:
            data += await client.receive()
    return data


async def until(client: Channel, end: bytes) -> bytes:
    """What the server says up to `end`, which has to be the last that it says for now."""
    data = b""
    while not data.endswith(end):
        data += await client.receive()
    return data


async def said_to(handler: Handler, *pieces: bytes, ends: bool = True, patience: Patience | None = None) -> bytes:
    """What a server with this handler says to these pieces, until it closes; `ends` ends what the client says."""
    async with served(Http(handler, patience)) as client:
        for piece in pieces:
            await client.send(piece)
        if ends:
            await client.send_eof()
        return await heard(client)


async def answers_to(handler: Handler, *pieces: bytes, ends: bool = True) -> list[Answer]:
    """The same, read."""
    methods = re.findall(rb"([A-Z]+) [!-~]+ HTTP/1\.[01]\r\n", b"".join(pieces))
    return read(await said_to(handler, *pieces, ends=ends), *[method.decode() for method in methods])


def read(data: bytes, *methods: str) -> list[Answer]:
    """The responses to requests with these methods, GET where there are no more; to the last byte."""
    answers: list[Answer] = []
    while data:
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        answer, data = _read_one(data, method)
        answers.append(answer)
    return answers


def _read_one(data: bytes, method: str) -> tuple[Answer, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    interim: list[int] = []
    head: h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(b"")
        elif isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            assert isinstance(event, h11.EndOfMessage), event
            assert head is not None
            fields = {name.decode(): value.decode("latin-1") for name, value in head.headers}
            return Answer(head.status_code, fields, body, tuple(interim)), connection.trailing_data[0]


async def tell(exchange: Exchange) -> None:
    """A handler that tells what it was asked: the method, the path and the body, in three lines."""
    body = b"".join([piece async for piece in exchange.body()])
    request = exchange.request
    text = f"{request.method}\n{request.path}\n".encode("utf-8", "surrogateescape")
    await exchange.respond(200, [("Content-Type", "text/plain")], text + body)


def get(path: str = "/", *fields: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> bytes:
    """A request with these fields beside Host."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1") + body
