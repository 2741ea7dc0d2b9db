"""Servers that say what a test wants, whatever the protocol has against it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.clients.url import Url
from tincans.errors import EndOfStream
from tincans.server import serve

ANY = "tcp://127.0.0.1:0"

#: At the end of an answer: the connection is closed, or reset, behind it.
CLOSE, RESET = b"<close>", b"<reset>"


class Script:
    """A server of HTTP that gives one answer after the other, and remembers what it was asked."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = list(answers)
        #: The heads of the requests, and the connection on which each came.
        self.asked: list[bytes] = []
        self.connections: list[int] = []
        self._count = 0
        self.url = Url("http", "127.0.0.1", 0, "/")

    async def __call__(self, bare: Channel) -> None:
        channel, self._count = Buffered(bare), self._count + 1
        number = self._count
        while True:
            try:
                self.asked.append(await channel.receive_until(b"\r\n\r\n"))
            except EndOfStream:
                return
            self.connections.append(number)
            answer = self._answers.pop(0)
            await channel.send(answer.removesuffix(CLOSE).removesuffix(RESET))
            if answer.endswith(RESET):
                channel.abort()
            if answer.endswith((CLOSE, RESET)):
                return


@asynccontextmanager
async def answering(*answers: bytes, address: str = ANY) -> AsyncIterator[Script]:
    """A server that gives these answers, and then none; `url` is its own, with this port."""
    script = Script(answers)
    async with await serve(address, script) as server:
        script.url = Url(
            "https" if "tls" in server.address.wraps else "http", "127.0.0.1", server.address.port, "/file"
        )
        yield script


def ok(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """An answer with a body of known length."""
    head = "".join(f"{field}\r\n" for field in (*fields, f"Content-Length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Ftp:
    """A server of FTP that answers by a table: a verb, and what is said. What is not in it is 502.

    After EPSV it listens, and what it answers to a transfer with 1xx is one: `data` goes, or what comes is kept in
    `stored`; then it says what the table has for "226".
    """

    def __init__(self, table: Mapping[str, str] | None = None, data: bytes = b"") -> None:
        self._table = {
            "": "220 ftp", "USER": "331 password", "PASS": "230 in", "TYPE": "200 ok", "PWD": '257 "/"',
            "QUIT": "221 bye", "FEAT": "211-\r\n MLST\r\n SIZE\r\n MDTM\r\n REST STREAM\r\n211 end",
            "RETR": "150 here", "STOR": "150 go", "APPE": "150 go", "MLSD": "150 here", "LIST": "150 here",
            "REST": "350 go on", "226": "226 done", **(table or {}),
        }  # fmt: skip
        self._data = data
        #: What clients said, and stored.
        self.said: list[str] = []
        self.stored = bytearray()

    async def __call__(self, bare: Channel) -> None:
        async with AsyncExitStack() as stack:
            await self._serve(Buffered(bare), stack)

    async def _serve(self, channel: Buffered, stack: AsyncExitStack) -> None:
        listener = None
        await channel.send_line(self._table[""], b"\r\n")
        async for line in channel.lines():
            self.said.append(line.decode())
            verb = self.said[-1].partition(" ")[0]
            if verb == "EPSV" and verb not in self._table:
                listener = await stack.enter_async_context(await transports.listen(Address.parse(ANY)))
                await channel.send_line(f"229 here (|||{listener.address.port}|)", b"\r\n")
                continue
            answer = self._table.get(verb, "502 unknown")
            await channel.send_line(answer, b"\r\n")
            if listener is not None and verb in _TRANSFERS and answer.startswith("1"):
                await self._transfer(await listener.accept(), verb)
                await channel.send_line(self._table["226"], b"\r\n")

    async def _transfer(self, data: Channel, verb: str) -> None:
        async with data:
            if verb in ("STOR", "APPE"):
                async for piece in data:
                    self.stored += piece
            else:
                await data.send(self._data)


_TRANSFERS = ("RETR", "STOR", "APPE", "MLSD", "LIST")


@asynccontextmanager
async def ftp(script: Ftp) -> AsyncIterator[Url]:
    """It serves while the block runs; gives the URL of a file there."""
    async with await serve(ANY, script) as server:
        yield Url("ftp", "127.0.0.1", server.address.port, "/file")


class Lines:
    """A server of lines that answers by a table: the beginning of what is said, and the answer; longest first.

    What the table has not is answered by its "". After "DATA" all is heard up to the lone dot, and answered by its ".".
    """

    def __init__(self, greeting: str, table: Mapping[str, str]) -> None:
        self._greeting = greeting
        self._table = dict(sorted(table.items(), key=lambda row: -len(row[0])))
        #: What clients said, and the texts behind DATA.
        self.said: list[str] = []
        self.texts: list[bytes] = []

    async def __call__(self, bare: Channel) -> None:
        channel = Buffered(bare)
        await channel.send_line(self._greeting, b"\r\n")
        async for line in channel.lines():
            self.said.append(line.decode())
            answer = next(answer for words, answer in self._table.items() if self.said[-1].startswith(words))
            if not answer:
                return
            await channel.send_line(answer.replace("\n", "\r\n"), b"\r\n")
            if self.said[-1] == "DATA" and answer.startswith("354"):
                self.texts.append(await channel.receive_until(b"\r\n.\r\n"))
                await channel.send_line(self._table["."].replace("\n", "\r\n"), b"\r\n")


@asynccontextmanager
async def lines(script: Lines, scheme: str) -> AsyncIterator[Url]:
    """A server of `script`, as a URL of that scheme."""
    async with await serve(ANY, script) as server:
        yield Url(scheme, "127.0.0.1", server.address.port)
