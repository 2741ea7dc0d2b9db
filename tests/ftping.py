"""An FTP server of ours and a client that says exactly what a test says, word by word."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from running import Certificates
from tincans.address import Address
from tincans.apps.ftp import Ftp
from tincans.apps.settings import Settings
from tincans.channel import Buffered, Channel
from tincans.conversation import Recorder
from tincans.limits import RECEIVE_BYTES
from tincans.server import Server, serve
from tincans.transports import Wrap, dial
from tincans.transports.stream import SocketChannel
from tincans.transports.tls import client_wrap
from tincans.users import Users, Verifier

ANY = "tcp://127.0.0.1:0"

#: `ada` has the password `lovelace`; checking it costs nothing.
ADA = Users({"ada": str(Verifier.of("lovelace", rounds=1))})


class Caller:
    """A client that has called. What it says is bytes, or text that is sent with its CR LF."""

    def __init__(self, channel: Channel) -> None:
        self.channel = Buffered(channel)

    async def hear(self) -> str:
        """The next reply, its lines with LF between."""
        lines = [(await self.channel.receive_until(b"\r\n")).decode("utf-8", "surrogateescape")]
        while not re.match(lines[0][:3] + " ", lines[-1]):
            lines.append((await self.channel.receive_until(b"\r\n")).decode("utf-8", "surrogateescape"))
        return "\n".join(lines)

    async def say(self, *said: str | bytes) -> str:
        """Say commands, one after the other, and give the reply to the last."""
        reply = ""
        for each in said:
            line = each if isinstance(each, bytes) else each.encode("utf-8", "surrogateescape") + b"\r\n"
            await self.channel.send(line)
            reply = await self.hear()
        return reply

    async def codes(self, *said: str | bytes) -> list[int]:
        """Say commands and give the code of each reply."""
        return [int((await self.say(each))[:3]) for each in said]

    async def log_in(self, name: str = "anonymous", password: str = "me@") -> Caller:
        """The greeting is heard, and this is logged in, with TYPE I."""
        await self.hear()
        assert await self.codes(f"USER {name}", f"PASS {password}", "TYPE I") == [331, 230, 200]
        return self

    async def call(self, ask: str = "EPSV") -> Channel:
        """A data connection, by EPSV or PASV."""
        reply = await self.say(ask)
        if match := re.search(r"\(\|\|\|(\d+)\|\)", reply):
            return await dial(Address("tcp", self.channel.remote.host or "127.0.0.1", int(match[1])))
        *host, high, low = re.findall(r"\d+", reply.partition("(")[2])
        return await dial(Address("tcp", ".".join(host), int(high) * 256 + int(low)))

    async def fetch(self, command: str, ask: str = "EPSV") -> bytes:
        """What a command gives over a data connection, which must come to its end."""
        async with await self.call(ask) as data:
            assert (await self.say(command))[:3] == "150"
            found = await everything(data)
        assert (await self.hear())[:3] == "226"
        return found

    async def store(self, command: str, content: bytes, ask: str = "EPSV") -> str:
        """Send that over a data connection, and give the last reply."""
        async with await self.call(ask) as data:
            assert (await self.say(command))[:3] == "150"
            await data.send(content)
        return await self.hear()


async def everything(channel: Channel) -> bytes:
    return b"".join([data async for data in channel])


async def is_reset(channel: Channel) -> bool:
    """Whether the server reset a data connection of which nothing was received yet, whatever it had said on it."""
    assert isinstance(channel, SocketChannel)
    sock = channel.detach()
    sock.setblocking(True)

    def drain() -> bool:
        with sock:
            try:
                while sock.recv(RECEIVE_BYTES):
                    pass
            except ConnectionResetError:
                return True
            return False

    return await asyncio.to_thread(drain)


@contextlib.asynccontextmanager
async def served(
    folder: Path, *, address: str = ANY, recorders: Sequence[Recorder] = (), **settings: Any
) -> AsyncIterator[Server]:
    """A server for the files of a folder; with `write` unless it is told otherwise."""
    app = Ftp(str(folder), Settings(**{"write": True, **settings}))
    async with await serve(address, app, recorders=recorders, name="ftp") as server:
        yield server


@contextlib.asynccontextmanager
async def calling(server: Server) -> AsyncIterator[Caller]:
    """A client that has called, and heard nothing yet."""
    async with await dial(server.address) as channel:
        yield Caller(channel)


@contextlib.asynccontextmanager
async def visiting(folder: Path, **settings: Any) -> AsyncIterator[Caller]:
    """A client that has logged in as a guest, or as `ada` where she is known, at a server of its own."""
    async with served(folder, **settings) as server, calling(server) as caller:
        who = ("ada", "lovelace") if settings.get("users") else ("anonymous", "me@")
        yield await caller.log_in(*who)


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────


def offering(certificates: Certificates, tls: str = "offered") -> dict[str, Any]:
    """The settings of a server that offers TLS."""
    return {"tls": tls, "cert": str(certificates.leaf), "key": str(certificates.leaf)}


def wrap_of(certificates: Certificates) -> Wrap:
    """The client's handshake."""
    return client_wrap(Address("tcp", "localhost", options=(("ca", str(certificates.ca)),)))


async def secured(caller: Caller, certificates: Certificates, mechanism: str = "TLS") -> Caller:
    """The same client, inside TLS; it has to be closed, as the channel that it had is not."""
    assert await caller.codes(f"AUTH {mechanism}") == [234]
    caller.channel = Caller(await wrap_of(certificates)(caller.channel.channel)).channel
    return caller
