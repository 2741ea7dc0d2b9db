"""Whatever carries a conversation, and whoever talks: what is done to it by hand is what both sides meet.

Every kind of link between real sockets, recorded in a journal's folder, with the register as the one that steers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from running import PATIENCE, Certificates
from steered import talking
from tincans import transports
from tincans.address import Address
from tincans.certificates import local_authority
from tincans.channel import Channel, Listener, Side
from tincans.conversation import Closed, Controls, Conversation, Ended, Entry, How, Noted, Said
from tincans.errors import CannotSteer, ChannelBroken, EndOfStream, NoSuchConversation
from tincans.journal import Journal, open_journal
from tincans.limits import DATAGRAM_BYTES, SAY_BYTES, Limits
from tincans.register import Register, Talk
from tincans.relays import relay
from tincans.tasks import spawn

CLIENT, SERVER = Side.CLIENT, Side.SERVER
ANY = "127.0.0.1:0"

#: Where the relay listens and where the server does; `{served}` are a certificate's options.
KINDS = {
    "tcp": (ANY, ANY),
    "unix": ("unix:{folder}/relay.sock", "unix:{folder}/server.sock"),
    "tls": (f"tls://{ANY}{{served}}", f"tls://{ANY}{{served}}"),
    "ws": (f"ws://{ANY}/", f"ws://{ANY}/"),
    "intercept": (ANY, f"tls://{ANY}{{served}}"),
    "ftp": (ANY, ANY),
    "udp": (f"udp://{ANY}", f"udp://{ANY}"),
}
STREAMS = ["tcp", "unix", "tls", "intercept", "ftp"]

#: Which of them carry bulk, and from which side: each way of carrying it is tried once.
BULK = [("tcp", CLIENT), ("tcp", SERVER), ("unix", CLIENT), ("tls", CLIENT), ("intercept", SERVER), ("ws", CLIENT)]

BLOCK = random.Random(4).randbytes(1 << 16).replace(b"\xff", b"\xfe")


class Line(NamedTuple):
    """A conversation through a relay: both parties, in the test's hands, and what the relay's program knows of it."""

    client: Channel
    server: Channel
    talk: Talk
    journal: Journal

    def party(self, side: Side) -> Channel:
        return self.client if side is CLIENT else self.server

    @property
    def hand(self) -> Controls:
        assert self.talk.controls is not None
        return self.talk.controls

    @property
    def told(self) -> Conversation:
        return self.talk.conversation

    async def over(self) -> list[Entry]:
        """All that the journal has of it, once it is over."""
        entries: list[Entry] = []
        async with asyncio.timeout(PATIENCE):
            while not (entries and isinstance(entries[-1], Closed)):
                await asyncio.sleep(0.005)
                with contextlib.suppress(NoSuchConversation):  # its thread writes every FLUSH_SECONDS
                    entries = [entry async for entry in self.journal.read(self.talk.number)]
        return entries


def recorded(entries: list[Entry], side: Side) -> bytes:
    return b"".join(entry.data for entry in entries if isinstance(entry, Said) and entry.side is side)


def notes(entries: list[Entry]) -> list[str]:
    return [entry.text for entry in entries if isinstance(entry, Noted) and "by hand" in entry.text]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TINCANS_CA", str(tmp_path / "ca"))
    monkeypatch.setattr("tincans.relays.pipe.REST_MOST", 60.0)  # all is recorded, however busy the machine is
    return local_authority().cert_path


class Lines:
    """Opens lines of every kind."""

    def __init__(self, folder: Path, certificates: Certificates, authority: Path) -> None:
        self._folder, self._certificates, self._authority = folder, certificates, authority

    @asynccontextmanager
    async def open(self, kind: str) -> AsyncIterator[Line]:
        """One line on which each has said a first word. Its ends are aborted in the end."""
        near, far = (text.format(folder=self._folder, served=self._certificates.served) for text in KINDS[kind])
        async with AsyncExitStack() as stack:
            journal = open_journal(self._folder / "journal")
            stack.push_async_callback(journal.aclose)
            register = Register()
            listener = await stack.enter_async_context(await transports.listen(Address.parse(far)))
            there = listener.address.without_wraps() if kind == "intercept" else listener.address
            there = there._replace(options=self._trusting(kind))
            between = await relay(
                near, there, recorders=[journal, register], limits=Limits(drain=0), intercept=kind == "intercept",
                protocol="ftp" if kind == "ftp" else "",
            )  # fmt: skip
            await stack.enter_async_context(between)
            client, server = await meet(self._calling(kind, between.address), listener)
            for channel in (client, server):
                stack.push_async_callback(channel.aclose)
                stack.callback(channel.abort)
            yield Line(client, server, await talking(register), journal)

    def _trusting(self, kind: str) -> tuple[tuple[str, str], ...]:
        return (("ca", str(self._certificates.ca)),) if kind in ("tls", "intercept") else ()

    def _calling(self, kind: str, address: Address) -> Address:
        if kind not in ("tls", "intercept"):
            return address
        ca = self._certificates.ca if kind == "tls" else self._authority
        return address._replace(wraps=("tls",), options=(("ca", str(ca)), ("sni", "localhost")))


async def meet(address: Address, listener: Listener) -> tuple[Channel, Channel]:
    """Call, and be called; each hears the other."""

    async def call() -> Channel:
        client = await transports.dial(address)
        await client.send(b"hello\r\n")
        assert await client.receive() == b"220 welcome\r\n"
        return client

    async def answer() -> Channel:
        server = await listener.greet(await listener.accept())
        assert await server.receive() == b"hello\r\n"
        await server.send(b"220 welcome\r\n")
        return server

    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(call(), answer())


@pytest.fixture
def lines(tmp_path: Path, certificates: Certificates, authority: Path) -> Lines:
    return Lines(tmp_path, certificates, authority)


class Flood:
    """One side says more and more, and the other hears it, until it is `enough`."""

    def __init__(self, line: Line, side: Side) -> None:
        self.said, self.heard, self._going_on = 0, bytearray(), True
        self._says, self._hears = line.party(side), line.party(side.other)
        self._saying, self._hearing = spawn(self._say()), spawn(self._hear())

    async def _say(self) -> None:
        while self._going_on:
            await self._says.send(BLOCK)
            self.said += len(BLOCK)
        await self._says.send(b"END")

    async def _hear(self) -> None:
        while not self.heard.endswith(b"END"):
            self.heard += await self._hears.receive()

    async def under_way(self) -> None:
        """Wait until it is carried as bulk is."""
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < 1 << 20:
                await asyncio.sleep(0)

    async def waits(self) -> None:
        """Wait until the sender has to."""
        before = -1
        async with asyncio.timeout(PATIENCE):
            while self.said != before:
                before = self.said
                await asyncio.sleep(0.02)

    async def enough(self) -> bytes:
        """All that was heard."""
        self._going_on = False
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(self._saying, self._hearing)
        return bytes(self.heard)

    def all_said(self) -> str:
        return sha(BLOCK * (self.said // len(BLOCK)) + b"END")

    async def breaks(self) -> None:
        """Both meet the end of the channel."""
        for doing in (self._saying, self._hearing):
            with pytest.raises(ChannelBroken):
                await doing


def sha(data: bytes) -> str:
    """What is compared: pytest takes minutes to tell two long texts apart."""
    return hashlib.sha256(data).hexdigest()


# ── pausing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "side"), BULK)
async def test_a_pause_slows_the_sender_down_and_loses_nothing(lines: Lines, kind: str, side: Side) -> None:
    async with lines.open(kind) as line:
        flood = Flood(line, side)
        await flood.under_way()
        line.hand.pause(side)
        carried = line.told.client_bytes + line.told.server_bytes
        await flood.waits()
        assert line.told.client_bytes + line.told.server_bytes - carried <= 2 * SAY_BYTES, "what was under way"
        await line.party(side.other).send(b"meanwhile")
        assert await line.party(side).receive() == b"meanwhile"
        line.hand.resume(side)
        assert sha(await flood.enough()) == flood.all_said()
        entries = await over(line)
    assert sha(recorded(entries, side).split(b"\r\n", 1)[1]) == flood.all_said()
    assert notes(entries) == [
        f"by hand: what the {side.value} says is held back from here on",
        f"by hand: what the {side.value} says is passed on again",
    ]


async def over(line: Line) -> list[Entry]:
    """End it politely."""
    await asyncio.gather(line.client.aclose(), line.server.aclose())
    return await line.over()


async def test_datagrams_are_held_back(lines: Lines) -> None:
    async with lines.open("udp") as line:
        line.hand.pause(CLIENT)
        for word in (b"one", b"", b"three"):
            await line.client.send(word)
        await line.server.send(b"meanwhile")
        assert await line.client.receive() == b"meanwhile"
        assert line.told.client_pieces == 1
        line.hand.resume(CLIENT)
        assert [await line.server.receive() for _ in range(3)] == [b"one", b"", b"three"]


@pytest.mark.parametrize("noticed", ["on resume", "on write"])
async def test_a_side_that_leaves_while_it_is_paused(lines: Lines, noticed: str) -> None:
    async with lines.open("tcp") as line:
        line.hand.pause(CLIENT)
        line.client.abort()
        await asyncio.sleep(0.02)
        assert line.told.how is None, "nobody watches it"
        if noticed == "on resume":
            line.hand.resume(CLIENT)
        else:
            await line.server.send(b"are you there?")
        await line.over()
        assert line.told.by is CLIENT
        with pytest.raises(ChannelBroken):
            await line.server.receive()


async def test_the_other_side_may_leave_meanwhile(lines: Lines) -> None:
    async with lines.open("tcp") as line:
        line.hand.pause(CLIENT)
        await line.client.send(b"held back")
        await line.server.aclose()
        with pytest.raises(EndOfStream):
            await line.client.receive()
        line.hand.resume(CLIENT)
        async with asyncio.timeout(PATIENCE):
            while line.told.client_bytes < 16:
                await asyncio.sleep(0.001)
        await line.client.aclose()
        await line.over()
        assert (line.told.how, line.told.by) == (How.RESET, SERVER)


# ── saying ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_said_by_hand_is_heard_and_recorded_as_that(lines: Lines, kind: str, side: Side) -> None:
    async with lines.open(kind) as line:
        await line.hand.say(side, b"230 by hand\r\n")
        assert await line.party(side.other).receive() == b"230 by hand\r\n"
        for says in Side:
            await line.party(says).send(b"250 still here\r\n")
            assert await line.party(says.other).receive() == b"250 still here\r\n"
        line.hand.reset()
        entries = await line.over()
    at = next(place for place, entry in enumerate(entries) if isinstance(entry, Noted) and "by hand" in entry.text)
    note, said = entries[at : at + 2]
    assert isinstance(note, Noted)
    assert note.text == f"what follows was said by hand, as the {side.value}: 13 B"
    assert isinstance(said, Said)
    assert (said.side, said.data) == (side, b"230 by hand\r\n")


@pytest.mark.parametrize(("kind", "side"), BULK)
async def test_what_is_said_amid_bulk_is_not_torn(lines: Lines, kind: str, side: Side) -> None:
    words = b"\xff" * SAY_BYTES
    async with lines.open(kind) as line:
        flood = Flood(line, side)
        await flood.under_way()
        async with asyncio.timeout(PATIENCE):
            for _ in range(3):
                await line.hand.say(side, words)
        heard = await flood.enough()
        assert heard.count(words) == 3
        assert sha(heard.replace(words, b"")) == flood.all_said()
        entries = await over(line)
        assert sha(recorded(entries, side).split(b"\r\n", 1)[1]) == sha(heard)


async def test_a_datagram_by_hand_is_no_longer_than_one_can_be(lines: Lines) -> None:
    async with lines.open("udp") as line:
        with pytest.raises(CannotSteer, match=f"0 to {DATAGRAM_BYTES} bytes can be said at once here"):
            await line.hand.say(CLIENT, bytes(DATAGRAM_BYTES + 1))
        for size in (0, DATAGRAM_BYTES):
            await line.hand.say(CLIENT, bytes(size))
            assert await line.server.receive() == bytes(size)


# ── ending ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", STREAMS)
async def test_an_end_by_hand_is_one_and_the_other_goes_on(lines: Lines, kind: str, side: Side) -> None:
    async with lines.open(kind) as line:
        ended, other = line.party(side), line.party(side.other)
        await line.hand.end(side)
        with pytest.raises(EndOfStream):
            await other.receive()
        await ended.send(b"nobody reads this")
        await other.send(b"550 the last word\r\n" * 1000)
        await other.aclose()
        heard = b"".join([piece async for piece in ended])
        assert heard == b"550 the last word\r\n" * 1000
        await ended.aclose()
        entries = await line.over()
    assert (line.told.how, line.told.by) == (How.FINISHED, side)
    assert [entry.side for entry in entries if isinstance(entry, Ended)] == [side, side.other]
    assert notes(entries) == [f"by hand: the {side.other.value} is told that the {side.value} has ended"]
    assert recorded(entries, side).count(b"\r\n") == 1


async def test_where_the_other_cannot_be_told_of_an_end_both_are_closed_in_the_end(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tincans.pump._Pump._look", lambda pump: spawn(pump._close()))
    async with lines.open("ws") as line:
        await line.hand.end(CLIENT)
        with pytest.raises(EndOfStream):
            await line.server.receive()
        await line.server.aclose()
        await line.over()
    assert line.told.how is How.FINISHED


# ── resetting ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_reset_by_hand_is_seen_by_both(lines: Lines, kind: str, paused: bool) -> None:
    async with lines.open(kind) as line:
        hand = line.hand
        if paused:
            hand.pause(SERVER)
        hand.reset()
        entries = await line.over()
        if kind != "udp":
            for channel in (line.client, line.server):
                with pytest.raises((ChannelBroken, EndOfStream)) as caught:
                    await channel.receive()
                assert "reset" in str(caught.value) or kind not in ("tcp", "ftp"), "others have no word for it"
        with pytest.raises(CannotSteer, match="the conversation is over"):
            hand.reset()
    assert (line.told.how, line.told.by, line.told.detail) == (How.RESET, None, "by hand")
    assert notes(entries)[-1] == "by hand: both channels are reset"


async def test_a_reset_amid_bulk_ends_it(lines: Lines) -> None:
    async with lines.open("tcp") as line:
        flood = Flood(line, CLIENT)
        await flood.under_way()
        line.hand.reset()
        await flood.breaks()
        await line.over()
