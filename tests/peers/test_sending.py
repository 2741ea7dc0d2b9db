"""Who waits for a code does not wait for those who stand still, and not for more at once than there is room for."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from passing import ANY, CODE, acquainted, invitation, person
from running import PATIENCE
from tincans.address import Address
from tincans.channel import Channel
from tincans.client import connect
from tincans.errors import ChannelBroken, ConnectError, PassingFailed
from tincans.limits import CODE_GUESSES, PASS_ANSWER_SECONDS, PASS_RECEIVERS, PATIENCE_SECONDS, Limits
from tincans.peers import arrivals, awaiting, giving, parties, receiving, sending
from tincans.peers.frames import Frames
from tincans.peers.loads import Load
from tincans.peers.pairing import Ends, Hello, admit, introduce
from tincans.peers.parties import Taking, Us
from tincans.peers.passing import Begins, Entry, Offering, Want
from tincans.peers.sending import Sending
from tincans.peers.tls import Peer
from tincans.peers.transfers import Waiting, receive
from tincans.server import serve
from tincans.tasks import spawn

#: Instead of the seconds that people have.
SOON = 0.05


@pytest.fixture
def ann(tmp_path: Path) -> Us:
    (tmp_path / "a").write_bytes(b"x" * 30_000_000)
    return person(tmp_path, "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Us:
    return person(tmp_path, "bob")


async def soon(told: list[str], text: str, times: int = 1) -> None:
    """Wait until that was told so often."""
    async with asyncio.timeout(PATIENCE):
        while sum(text in line for line in told) < times:
            await asyncio.sleep(0.005)


async def gone(channel: Channel) -> None:
    """Wait until the other side has left, having said nothing."""
    with contextlib.suppress(ChannelBroken):
        assert [data async for data in channel] == []


async def met(us: Us, address: Address) -> Channel:
    """The channel of somebody who has made the handshake, for which a busy machine may need longer than is waited."""
    while True:
        with contextlib.suppress(ConnectError):
            return (await us.tls.call(address, protocol="tincans-file/1"))[0]


async def paired(us: Us, address: Address) -> Frames:
    """The frames of somebody who has paired, and is to be given something."""
    channel, peer = await us.tls.call(address, protocol="tincans-file/1")
    frames = Frames(channel)
    await introduce(frames, CODE, purpose="receive", ends=Ends(us.tls.identity.key, peer.key))
    return frames


async def test_who_calls_and_says_nothing_is_let_go(
    ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before TLS and in it; neither is a guess."""
    monkeypatch.setattr(sending, "PAIRING_SECONDS", SOON)
    told: list[str] = []
    async with Sending(ann, Load.of([tmp_path / "a"]), invitation(), news=told.append) as waiting:
        address = await waiting.listen(ANY)
        async with await connect(address) as plain:
            await gone(plain)
        said = f" called, and did not say the code within {SOON:g} s"
        await soon(told, said)
        async with await met(bob, address) as channel:
            await gone(channel)
        await soon(told, said, 2)
        assert waiting.invitation.left == CODE_GUESSES


async def test_who_is_called_and_says_nothing_is_let_go(
    ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PAIRING_SECONDS", SOON)
    hung = asyncio.Event()

    async def silent(channel: Channel) -> None:
        secure, _ = await ann.tls.accept(channel)
        async with secure:
            await hung.wait()

    async with await serve(ANY, silent) as server:
        with pytest.raises(PassingFailed, match=f"ann: did not answer within {SOON:g} s"):
            await receive(bob, CODE, [server.address], tmp_path)
        hung.set()


async def test_who_takes_nothing_is_left(ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    async with Sending(ann, Load.of([tmp_path / "a"]), invitation(), news=told.append) as waiting:
        frames = await paired(bob, await waiting.listen(ANY))
        await frames.receive(Offering)
        monkeypatch.setattr(giving, "PATIENCE_SECONDS", SOON)
        await frames.send(Want(0))
        await soon(told, "bob: took nothing for too long; waiting for them to come back")
        frames.abort()


async def test_who_asks_for_nothing_is_left(ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "PASS_ANSWER_SECONDS", SOON)
    told: list[str] = []
    async with Sending(ann, Load.of([tmp_path / "a"]), invitation(), news=told.append) as waiting:
        frames = await paired(bob, await waiting.listen(ANY))
        await soon(told, "bob: took nothing for too long; waiting for them to come back")
        frames.abort()


@pytest.mark.parametrize("begins", [False, True])
async def test_who_gives_nothing_is_left(
    ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: bool
) -> None:
    """Before the content, and in it."""
    monkeypatch.setattr(arrivals, "PASS_ANSWER_SECONDS", PASS_ANSWER_SECONDS if begins else SOON)
    monkeypatch.setattr(arrivals, "PATIENCE_SECONDS", SOON if begins else PATIENCE_SECONDS)
    monkeypatch.setattr(receiving, "PASS_LOST_SECONDS", 0)
    hung = asyncio.Event()

    async def still(channel: Channel) -> None:
        secure, peer = await ann.tls.accept(channel)
        async with secure:
            frames = Frames(secure)
            ends = Ends(peer.key, ann.tls.identity.key)
            await admit(frames, await frames.receive(Hello), invitation(), ends=ends)
            await frames.send(Offering([Entry(b"x", 5)]))
            await frames.receive(Want)
            if begins:
                await frames.send(Begins(0, 5))
                await frames.send_piece(b"hel")
            await hung.wait()

    (tmp_path / "here").mkdir()
    async with await serve(ANY, still) as server:
        with pytest.raises(PassingFailed, match="ann: did not come back within 10 min: sent nothing for too long"):
            await receive(bob, CODE, [server.address], tmp_path / "here")
        hung.set()
    assert [path.read_bytes() for path in (tmp_path / "here").iterdir()] == ([b"hel"] if begins else [])


async def test_as_many_as_there_is_room_for_are_served_at_once(
    ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Limits(clients=PASS_RECEIVERS, drain=0.0) == parties._LIMITS
    monkeypatch.setattr(parties, "_LIMITS", Limits(clients=2, drain=0.0))
    async with Sending(ann, Load.of([tmp_path / "a"]), invitation(), count=None) as waiting:
        address = await waiting.listen(ANY)
        first, second = await paired(bob, address), await paired(bob, address)
        third = spawn(paired(bob, address))
        await first.receive(Offering)
        await second.receive(Offering)
        assert not third.done()
        await first.aclose()
        await (await third).aclose()
        await second.aclose()


async def test_where_known_peers_are_waited_for_nobody_is_waited_for_long(
    ann: Us, bob: Us, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the handshake; and behind it, which has its time then."""
    acquainted(ann, bob)
    told: list[str] = []
    accept = bob.tls.accept

    async def accepted(channel: Channel) -> tuple[Channel, Peer]:
        shaken = await accept(channel)
        monkeypatch.setattr(awaiting, "PAIRING_SECONDS", SOON)
        return shaken

    async with Waiting(bob, Taking(tmp_path), news=told.append) as waiting:
        address = await waiting.listen(ANY)
        with monkeypatch.context() as hurried:
            hurried.setattr(awaiting, "PAIRING_SECONDS", SOON)
            async with await connect(address) as plain:
                await gone(plain)
        monkeypatch.setattr(bob.tls, "accept", accepted)
        async with await met(ann, address):
            await soon(told, "nothing was taken from ann: it said nothing for too long")


async def test_a_port_that_is_taken_is_left_for_another(ann: Us, bob: Us, tmp_path: Path) -> None:
    load = Load.of([tmp_path / "a"])
    async with Sending(ann, load, invitation()) as one, Sending(bob, load, invitation()) as other:
        first = await one.listen(ANY)
        second = await other.listen(first)
        assert first.port != second.port
    with pytest.raises(ConnectError):
        await connect(first)
