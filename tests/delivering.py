"""Delivering mails to the server, for its tests: a client that says what a test wants it to, and reads the replies."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator

from posting import files, mail
from tincans.apps.mail.smtp import SmtpServer
from tincans.apps.mail.smtp_dialogue import House
from tincans.apps.mail.store import Mail, Mails
from tincans.channel import Buffered
from tincans.errors import ChannelBroken, ChannelClosed, EndOfStream
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair
from tincans.users import Users, Verifier

USERS = Users({name: str(Verifier.of(f"{name}'s", rounds=1)) for name in ("ada", "bob")})
HELLO = mail("hello", "there", ".", "..two dots", ".one", "ümläut")


@contextlib.asynccontextmanager
async def calling(house: House) -> AsyncIterator[Buffered]:
    """A client's channel to a server that has greeted it."""
    client, server = memory_pair()
    app = SmtpServer(lambda: house._replace(mails=Mails.open(house.mails.folder.path)))
    await app.start()
    answering = spawn(app(server))
    try:
        async with Buffered(client) as channel:
            assert await hear(channel) == "220 localhost ESMTP and LMTP, tincans takes every mail"
            yield channel
        with contextlib.suppress(EndOfStream, ChannelClosed, ChannelBroken):  # as a server takes them
            await answering
    finally:
        app.close()


async def hear(channel: Buffered) -> str:
    """The next reply, its lines joined by "|"."""
    lines = []
    while True:
        line = (await channel.receive_until(b"\r\n")).decode()
        lines.append(line)
        if line[3] == " ":
            return "|".join(lines)


async def say(channel: Buffered, words: str) -> str:
    """Say one command; its reply."""
    await channel.send(f"{words}\r\n".encode())
    return await hear(channel)


async def codes(channel: Buffered, *words: str) -> list[str]:
    """The codes of the replies to these commands, said one after the other."""
    return [(await say(channel, each))[:3] for each in words]


async def rest(channel: Buffered) -> str:
    """All that is said until the server closes the channel."""
    return b"".join([data async for data in channel]).decode()


def dotted(data: bytes) -> bytes:
    """A mail's text as it is sent by DATA."""
    return (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


async def deliver(channel: Buffered, data: bytes = HELLO, *to: str) -> str:
    """Send one mail; the last reply."""
    await codes(channel, "MAIL FROM:<a@b.example>", *(f"RCPT TO:<{each}>" for each in to or ("bob@example.org",)))
    assert await say(channel, "DATA") == "354 the text, and a dot in a line of its own"
    await channel.send(dotted(data))
    return await hear(channel)


def kept(mails: Mails) -> list[tuple[Mail, bytes]]:
    """All mails with their texts, the oldest first; and nothing else is in the folder."""
    found = [(each, mails.path(each.number).read_bytes()) for each in reversed(mails.list(limit=10**6))]
    assert len(files(mails.folder.path)) == len(found)
    return found


def texts(mails: Mails) -> list[bytes]:
    return [data for _, data in kept(mails)]


def plain(name: str, password: str) -> str:
    return "AUTH PLAIN " + b64encode(f"\0{name}\0{password}".encode()).decode()
