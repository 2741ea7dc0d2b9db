"""A channel that an app shares with a person: each has their turn to answer, and both hear the caller."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from running import PATIENCE, Certificates
from steered import Steered, Steering, talking
from tincans import transports
from tincans.address import Address
from tincans.apps import find_app
from tincans.channel import STREAM, Channel, Side, Traits
from tincans.conversation import Controls, How, Kind
from tincans.errors import CannotSteer, ChannelBroken, ChannelBusy, ChannelClosed, EndOfStream
from tincans.held import HeldChannel
from tincans.limits import DATAGRAM_BYTES, RECEIVE_BYTES, SAY_BYTES, Limits
from tincans.recording import look_ahead, opening, secure
from tincans.register import Register, Talk
from tincans.relays import relay
from tincans.server import serve
from tincans.shared import SharedChannel
from tincans.tasks import spawn
from tincans.testing import check_channel, memory_pair
from tincans.testing.ends import receives
from tincans.transports.tls import client_wrap, server_wrap
from wrapping import over_tcp

CLIENT, SERVER = Side.CLIENT, Side.SERVER
ANY = "127.0.0.1:0"
MESSAGES = Traits(boundaries=True, half_close=False)


def share(channel: Channel, side: Side = SERVER) -> tuple[SharedChannel, Steered]:
    kind = Kind.LISTEN if side is SERVER else Kind.CONNECT
    tap = Steering().begin(opening(kind, channel))
    return SharedChannel(channel, [tap], side), tap


def shared(traits: Traits = STREAM, side: Side = SERVER) -> tuple[Channel, SharedChannel, Steered]:
    """The other party, the channel of the app, and the tap that has its controls."""
    other, ours = memory_pair(traits)
    return other, *share(ours, side)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


# ── the contract ──────────────────────────────────────────────────────────────────────────────────────────


async def in_memory() -> tuple[Channel, Channel]:
    return memory_pair()


async def in_messages() -> tuple[Channel, Channel]:
    return memory_pair(MESSAGES)


async def fidget(channel: SharedChannel) -> None:
    """Pause both sides and let them go on, all the time."""
    assert isinstance(channel.channel, HeldChannel)
    ways = (channel.channel, channel._voice)
    while not channel.channel._closed:
        for way in ways:
            way.pause()
        await asyncio.sleep(0)
        for way in ways:
            way.resume()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("make", [in_memory, in_messages, over_tcp])
@pytest.mark.parametrize("fidgets", [False, True])
async def test_it_is_a_channel(make: Callable[[], Awaitable[tuple[Channel, Channel]]], fidgets: bool) -> None:
    register, fidgeting = Register(), []

    async def make_pair() -> tuple[Channel, Channel]:
        caller, called = await make()
        channel = SharedChannel(called, [register.begin(opening(Kind.LISTEN, called))], SERVER)
        if fidgets:
            fidgeting.append(spawn(fidget(channel)))
        return caller, channel

    await check_channel(make_pair)
    if fidgeting:
        await asyncio.wait(fidgeting)


# ── files, and TLS that begins in the middle ──────────────────────────────────────────────────────────────


async def test_a_person_has_a_turn_between_the_pieces_of_a_file() -> None:
    caller, channel, tap = shared()
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"x" * 3 * RECEIVE_BYTES)
        tap.hand.pause(SERVER)
        sending = spawn(channel.send_file(file.fileno(), 0, 3 * RECEIVE_BYTES))
        await turns()
        assert not tap.pieces
        tap.hand.resume(SERVER)
        assert await receives(caller, RECEIVE_BYTES) == b"x" * RECEIVE_BYTES
        speaking = spawn(tap.hand.say(SERVER, b"by hand"))
        heard = await receives(caller, 2 * RECEIVE_BYTES + 7)
        await sending
        await speaking
    assert heard.replace(b"by hand", b"") == b"x" * 2 * RECEIVE_BYTES
    assert heard.index(b"by hand") % RECEIVE_BYTES == 0
    assert tap.counted == {CLIENT: 0, SERVER: 0}
    channel.abort()
    caller.abort()


async def test_what_is_steered_goes_on_inside_tls(certificates: Certificates) -> None:
    leaf = str(certificates.leaf)
    showing = Address("tcp", "localhost", wraps=("tls",), options=(("cert", leaf), ("key", leaf)))
    trusting = Address("tcp", "localhost", wraps=("tls",), options=(("ca", str(certificates.ca)),))
    caller, channel, tap = shared()
    await caller.send(b"STARTTLS")
    assert await channel.receive() == b"STARTTLS"
    inside, same = await asyncio.gather(secure(caller, client_wrap(trusting)), secure(channel, server_wrap(showing)))
    assert same is channel
    assert [facts["tls.version"] for facts in tap.security] == ["TLSv1.3"]
    await tap.hand.say(SERVER, b"by hand")
    assert await inside.receive() == b"by hand"
    tap.hand.pause(CLIENT)
    await inside.send(b"held back")
    hearing = spawn(channel.receive())
    await turns()
    assert not hearing.done()
    tap.hand.resume(CLIENT)
    assert await hearing == b"held back"
    assert tap.pieces == [(CLIENT, b"STARTTLS"), (SERVER, b"by hand"), (CLIENT, b"held back")]
    await asyncio.gather(inside.aclose(), channel.aclose())


# ── what the app says ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_app_that_is_paused_waits_with_its_next_word() -> None:
    caller, channel, tap = shared()
    tap.hand.pause(SERVER)
    for doing in (channel.send(b"held back"), channel.send_eof()):
        sending = spawn(doing)
        await turns()
        assert not sending.done()
        with pytest.raises(ChannelBusy):
            await channel.send(b"a second one")
        assert not tap.ends
        tap.hand.resume(SERVER)
        await sending
        if not tap.ends:
            tap.hand.pause(SERVER)
    assert b"".join([piece async for piece in caller]) == b"held back"


@pytest.mark.parametrize("closing", [False, True])
async def test_an_app_that_waits_is_told_that_the_channel_was_closed(closing: bool) -> None:
    _, channel, tap = shared()
    tap.hand.pause(SERVER)
    sending = spawn(channel.send(b"never said"))
    await turns()
    if closing:
        await channel.aclose()
    else:
        channel.abort()
    with pytest.raises(ChannelClosed):
        await sending
    assert tap.pieces == []


async def test_an_app_says_nothing_at_once_while_a_person_has_the_word() -> None:
    client, server = await over_tcp()
    app, tap = share(server)
    tap.hand.pause(SERVER)
    assert app.send_now(b"hello") == 0
    tap.hand.resume(SERVER)
    assert app.send_now(b"hello") == 5
    assert await client.receive() == b"hello"
    await client.aclose()
    await app.aclose()


async def test_what_a_shared_channel_looks_at_is_held_like_all_else() -> None:
    client, app, tap = shared()
    await client.send(b"hello")
    channel, first = await look_ahead(app)
    assert (channel, first) == (app, b"hello")
    assert (await look_ahead(app))[1] == b"hello"
    tap.hand.pause(CLIENT)
    hearing = spawn(app.receive())
    await turns()
    assert not hearing.done()
    tap.hand.resume(CLIENT)
    assert await hearing == b"hello"


async def test_an_app_may_give_up_waiting() -> None:
    caller, channel, tap = shared()
    tap.hand.pause(SERVER)
    sending = spawn(channel.send(b"never said"))
    await turns()
    sending.cancel()
    await asyncio.wait([sending])
    tap.hand.resume(SERVER)
    await channel.send(b"said")
    assert await caller.receive() == b"said"


async def test_what_is_said_by_hand_comes_between_two_words_of_the_app() -> None:
    caller, channel, tap = shared()
    word = b"a" * (1 << 18)  # more than the other side takes without receiving
    speaking = spawn(channel.send(word))
    await turns()
    saying = spawn(tap.hand.say(SERVER, b"by hand"))
    await turns()
    with pytest.raises(CannotSteer, match="has not been taken yet"):
        await tap.hand.say(SERVER, b"and this")
    heard = b""
    while not speaking.done():
        heard += await caller.receive()
    next_word = spawn(channel.send(b"next"))
    while len(heard) < len(word) + 11:
        heard += await caller.receive()
    assert heard == word + b"by hand" + b"next"
    await asyncio.gather(saying, next_word)
    assert [piece for _, piece in tap.pieces] == [word, b"by hand", b"next"]
    assert tap.notes == ["what follows was said by hand, as the server: 7 B"]


async def test_the_app_waits_while_something_is_said_by_hand() -> None:
    caller, channel, tap = shared()
    sent = 0
    while True:  # until the other side takes no more
        filling = spawn(channel.send(bytes(1 << 14)))
        await turns()
        if not filling.done():
            break
        sent += 1 << 14
    saying = spawn(tap.hand.say(SERVER, b"by hand"))
    await turns()
    saying.cancel()  # it is said all the same
    count = 0
    while count < sent + (1 << 14) + 7:
        count += len(await caller.receive())
    await channel.send(b"the app")
    assert await caller.receive() == b"the app"
    assert tap.pieces[-2:] == [(SERVER, b"by hand"), (SERVER, b"the app")]


async def test_nothing_is_said_by_hand_when_the_channel_was_closed_meanwhile() -> None:
    _, channel, tap = shared()
    speaking = spawn(channel.send(bytes(1 << 18)))
    await turns()
    saying = spawn(tap.hand.say(SERVER, b"by hand"))
    await turns()
    channel.abort()
    with pytest.raises(CannotSteer, match="closed"):
        await saying
    with pytest.raises(ChannelClosed):
        await speaking
    assert tap.notes == []
    with pytest.raises(CannotSteer, match="the conversation is over"):
        await tap.hand.say(SERVER, b"too late")


async def test_the_app_s_side_is_ended_by_hand() -> None:
    caller, channel, tap = shared()
    await channel.send(b"the last word")
    await tap.hand.end(SERVER)
    assert b"".join([piece async for piece in caller]) == b"the last word"
    with pytest.raises(ChannelClosed):
        await channel.send(b"too late")
    with pytest.raises(CannotSteer, match="the server has ended what it says"):
        tap.hand.pause(SERVER)
    await caller.send(b"the caller goes on")
    assert await channel.receive() == b"the caller goes on"
    assert tap.ends == [SERVER]


async def test_what_cannot_be_ended_is_said() -> None:
    caller, channel, tap = shared(MESSAGES)
    with pytest.raises(CannotSteer, match="cannot end one direction alone"):
        await tap.hand.end(SERVER)
    await tap.hand.say(SERVER, b"")
    assert await caller.receive() == b""
    await channel.send(b"the app goes on")
    assert await caller.receive() == b"the app goes on"


# ── what the app hears ────────────────────────────────────────────────────────────────────────────────────


async def test_the_app_hears_what_is_said_by_hand_and_the_end() -> None:
    caller, channel, tap = shared()
    receiving = spawn(channel.receive())
    await turns()
    tap.hand.pause(CLIENT)
    await caller.send(b"held back")
    await tap.hand.say(CLIENT, b"by hand")
    assert await receiving == b"by hand"
    tap.hand.resume(CLIENT)
    assert await channel.receive() == b"held back"
    await tap.hand.end(CLIENT)
    await caller.send(b"nobody reads this")
    with pytest.raises(EndOfStream):
        await channel.receive()
    assert tap.pieces == [(CLIENT, b"by hand"), (CLIENT, b"held back")]
    assert tap.ends == [CLIENT]


async def test_a_reset_by_hand_is_one() -> None:
    caller, channel, tap = shared()
    receiving = spawn(channel.receive())
    await turns()
    tap.hand.reset()
    with pytest.raises(ChannelClosed):
        await receiving
    assert tap.outcome == (How.RESET, None, "by hand")
    assert tap.notes == ["by hand: both channels are reset"]
    await channel.aclose()
    await caller.aclose()


async def test_a_client_that_shares_its_channel_is_the_client() -> None:
    server, channel, tap = shared(side=CLIENT)
    await tap.hand.say(CLIENT, b"by hand")
    assert await server.receive() == b"by hand"
    saying = spawn(tap.hand.say(SERVER, b"an answer"))
    assert await channel.receive() == b"an answer"
    await saying


@pytest.mark.parametrize(("traits", "most"), [(STREAM, SAY_BYTES), (Traits(True, False, False), DATAGRAM_BYTES)])
async def test_more_than_can_be_said_at_once_is_refused(traits: Traits, most: int) -> None:
    _, _, tap = shared(traits)
    for side in Side:
        with pytest.raises(CannotSteer, match=f"to {most} bytes can be said at once here, and not {most + 1}"):
            await tap.hand.say(side, bytes(most + 1))
    await tap.hand.say(SERVER, bytes(min(most, 1 << 15)))


# ── apps ──────────────────────────────────────────────────────────────────────────────────────────────────


class Answered(NamedTuple):
    """A caller of a listener, and what its program knows of it."""

    client: Channel
    talk: Talk

    @property
    def hand(self) -> Controls:
        assert self.talk.controls is not None
        return self.talk.controls


#: A relay whose target is a process, beside the apps.
PROCESS = "exec:cat behind a relay"


@asynccontextmanager
async def answered(app: str, place: str = ANY) -> AsyncIterator[Answered]:
    register = Register()
    at_once = Limits(drain=0) if place.startswith("udp") else None  # nobody says goodbye by datagram
    if app == PROCESS:
        server = await relay(place, "exec:cat", recorders=[register])
    else:
        server = await serve(place, find_app(app), recorders=[register], limits=at_once)
    async with server, await transports.dial(server.address) as client:
        await client.send(b"hello")
        assert await client.receive() == b"hello"
        yield Answered(client, await talking(register))


APPS = pytest.mark.parametrize("app", ["echo", "exec:cat", "test_shared_app:answer", PROCESS])


@pytest.fixture
def _an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of somebody's own, which runs in a thread."""
    module = "def answer(channel):\n    for data in channel:\n        channel.send(data)\n"
    (tmp_path / "test_shared_app.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)


@APPS
@pytest.mark.usefixtures("_an_app")
async def test_an_app_s_caller_is_paused_and_spoken_for(app: str) -> None:
    async with answered(app) as a, asyncio.timeout(PATIENCE):
        a.hand.pause(CLIENT)
        await a.client.send(b"held back")
        await a.hand.say(CLIENT, b"by hand")
        assert await a.client.receive() == b"by hand"
        a.hand.resume(CLIENT)
        assert await a.client.receive() == b"held back"
        told = a.talk.conversation
        assert (told.client_bytes, told.server_bytes) == (21, 21)


@APPS
@pytest.mark.usefixtures("_an_app")
async def test_an_app_is_paused_and_spoken_for(app: str) -> None:
    async with answered(app) as a, asyncio.timeout(PATIENCE):
        a.hand.pause(SERVER)
        assert a.hand.paused == {SERVER}
        await a.client.send(b"hello again")
        while a.talk.conversation.client_bytes < 16:
            await asyncio.sleep(0.001)
        await a.hand.say(SERVER, b"by hand")
        assert await a.client.receive() == b"by hand"
        a.hand.resume(SERVER)
        assert await a.client.receive() == b"hello again"


@APPS
@pytest.mark.usefixtures("_an_app")
async def test_an_app_s_caller_is_ended(app: str) -> None:
    async with answered(app) as a, asyncio.timeout(PATIENCE):
        await a.hand.end(CLIENT)
        with pytest.raises(EndOfStream):
            await a.client.receive()
    await settled(a)
    assert a.talk.conversation.client_ended


@APPS
@pytest.mark.usefixtures("_an_app")
async def test_an_app_is_ended(app: str) -> None:
    async with answered(app) as a, asyncio.timeout(PATIENCE):
        await a.hand.end(SERVER)
        with pytest.raises(EndOfStream):
            await a.client.receive()
        await a.client.aclose()
        await settled(a)
    assert a.talk.conversation.server_ended


@APPS
@pytest.mark.usefixtures("_an_app")
async def test_an_app_s_conversation_is_reset(app: str) -> None:
    async with answered(app) as a, asyncio.timeout(PATIENCE):
        a.hand.reset()
        with pytest.raises(ChannelBroken):
            await a.client.receive()
        await settled(a)
    told = a.talk.conversation
    assert (told.how, told.by, told.detail) == (How.RESET, None, "by hand")
    assert told.notes == ["by hand: both channels are reset"]


async def settled(a: Answered) -> None:
    while a.talk.conversation.how is None:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("place", [f"udp://{ANY}", f"ws://{ANY}/"])
async def test_where_an_app_cannot_half_close_it_cannot_be_ended(place: str) -> None:
    async with answered("echo", place) as a:
        with pytest.raises(CannotSteer, match="cannot end one direction alone"):
            await a.hand.end(SERVER)
        await a.hand.say(SERVER, b"one message")
        assert await a.client.receive() == b"one message"
        saying = spawn(a.hand.say(CLIENT, b"another"))
        assert await a.client.receive() == b"another"
        await saying
