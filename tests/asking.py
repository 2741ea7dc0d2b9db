"""A client of HTTP/1.1 for tests, whose reading and writing is h11's: what it understands, others do."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

import h11

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import EndOfStream
from tincans.server import App, Server, serve
from tincans.transports import dial

#: Values that are no text are bytes.
Fields = Iterable[tuple[str, str | bytes]]


class Answer(NamedTuple):
    """A response; its fields' names are in lower case."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    #: The sizes of the pieces in which the body came.
    pieces: list[int]

    def field(self, name: str) -> str:
        """The value of the only field of this name; empty where there is none."""
        values = [value for known, value in self.fields if known == name]
        assert len(values) < 2, f"{name} is there {len(values)} times"
        return values[0] if values else ""

    @property
    def text(self) -> str:
        return self.body.decode()


class Asker:
    """Asks one server, over one connection as long as that is kept."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.host = f"{server.address.host}:{server.address.port}" if server.address.host else "localhost"
        self._channel: Channel | None = None
        self._h11 = h11.Connection(h11.CLIENT)

    @property
    def address(self) -> Address:
        return self.server.address

    async def __call__(
        self, method: str, target: str, fields: Fields = (), body: bytes | Sequence[bytes] = b""
    ) -> Answer:
        """One request; a body that is a list goes in chunks."""
        await self._open()
        said = [(name, value if isinstance(value, bytes) else value.encode()) for name, value in fields]
        said.insert(0, ("Host", self.host.encode()))
        pieces = [body] if isinstance(body, bytes) else body
        if not isinstance(body, bytes):
            said.append(("Transfer-Encoding", b"chunked"))
        elif body:
            said.append(("Content-Length", b"%d" % len(body)))
        await self._say(
            h11.Request(method=method, target=target, headers=[(name.encode(), value) for name, value in said])
        )
        for piece in pieces:
            await self._say(h11.Data(data=piece))
        await self._say(h11.EndOfMessage())
        return await self._answer()

    async def get(self, target: str, fields: Fields = ()) -> Answer:
        return await self("GET", target, fields)

    async def aclose(self) -> None:
        if self._channel is not None:
            await self._channel.aclose()

    async def _open(self) -> None:
        if self._channel is not None and self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return
        await self.aclose()
        self._channel = await dial(self.address)
        self._h11 = h11.Connection(h11.CLIENT)

    async def _say(self, event: h11.Event) -> None:
        assert self._channel is not None
        data = self._h11.send(event)
        if data:
            await self._channel.send(data)

    async def _answer(self) -> Answer:
        status, fields, pieces = 0, [], list[bytes]()
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                status = event.status_code
                fields = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, fields, b"".join(pieces), [len(piece) for piece in pieces])

    async def _event(self) -> object:
        assert self._channel is not None
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            try:
                self._h11.receive_data(await self._channel.receive())
            except EndOfStream:
                self._h11.receive_data(b"")
        return event


@contextlib.asynccontextmanager
async def asking(app: App, address: str = "tcp://127.0.0.1:0") -> AsyncIterator[Asker]:
    """A server of this app while the block runs, and one who asks it."""
    async with await serve(address, app) as server:
        asker = Asker(server)
        try:
            yield asker
        finally:
            await asker.aclose()


async def raw(asker: Asker, request: bytes) -> bytes:
    """Say this on a connection of its own, and give all that is answered until the server ends."""
    async with await dial(asker.address) as channel:
        await channel.send(request)
        return b"".join([data async for data in channel])
