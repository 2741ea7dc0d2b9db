"""One direction: when it copies, when it splices, and what its taps hear meanwhile."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hearing import Heard, Hearing
from running import PATIENCE
from tincans.channel import Side
from tincans.conversation import Kind, Opening
from tincans.errors import CannotSteer
from tincans.limits import BULK_AFTER, BULK_BYTES, REST_SECONDS, ROOM_BYTES, SAY_BYTES
from tincans.relays.pipe import Pipe
from tincans.relays.plumbing import Plumbing
from tincans.tasks import spawn

OPENING = Opening(kind=Kind.RELAY, client="unix:", server="unix:")


class Bench:
    """A pipe between two socket pairs whose outer ends the test holds; it is the pipe's link, too."""

    def __init__(self, *taps: Heard) -> None:
        self.plumbing = Plumbing()
        self.mouth, source = socket.socketpair()
        target, self.ear = socket.socketpair()
        self.sockets = (self.mouth, source, target, self.ear)
        for sock in self.sockets:
            sock.setblocking(False)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        self.told: list[object] = []
        self.pipe = Pipe(Side.CLIENT, source, target, taps, self.plumbing, self)

    def ended(self, side: Side) -> None:
        self.told.append(("ended", side))

    def lost(self, side: Side, error: OSError) -> None:
        self.told.append(("lost", side, type(error)))
        self.pipe.stop()

    def splices(self) -> bool:
        return self.pipe._kernel is not None

    async def carry(self, data: bytes) -> bytes:
        """Say it all, and give back all that came out."""
        self.mouth.sendall(data)
        heard = bytearray()
        async with asyncio.timeout(PATIENCE):
            while len(heard) < len(data):
                await asyncio.sleep(0)
                try:
                    heard += self.ear.recv(1 << 20)
                except BlockingIOError:
                    pass
        return bytes(heard)


@contextmanager
def bench(*taps: Heard) -> Iterator[Bench]:
    b = Bench(*taps)
    try:
        with b.plumbing:
            b.pipe.start()
            try:
                yield b
            finally:
                b.pipe.stop()
    finally:
        for sock in b.sockets:
            sock.close()


class Copying(Heard):
    """A tap that takes bulk as a kernel pipe, as a journal does."""

    room = True
    behind = 0  # how often it says that it is

    def is_behind(self) -> bool:
        self.behind -= 1
        return self.behind >= 0

    def said_pipe(self, side: Side, reader: int, count: int, done: Callable[[], None]) -> bool:
        if not self.room:
            return False
        left = count
        while left:
            piece = os.read(reader, left)
            self.words[side] += piece
            left -= len(piece)
        done()
        return True


async def test_it_splices_from_the_limit_on_and_not_one_before() -> None:
    with bench() as b:
        for _ in range(BULK_AFTER - 1):
            await b.carry(bytes(BULK_BYTES))
        assert not b.splices()
        await b.carry(bytes(BULK_BYTES - 1))  # one byte less begins the row again
        for _ in range(BULK_AFTER - 1):
            await b.carry(bytes(BULK_BYTES))
        assert not b.splices()
        await b.carry(bytes(BULK_BYTES))
        assert b.splices()


async def test_it_gives_the_pipe_back_when_nothing_flows() -> None:
    with bench() as b:
        for _ in range(BULK_AFTER):
            await b.carry(bytes(BULK_BYTES))
        await b.carry(b"small")
        b.plumbing.sweep()
        assert b.splices(), "something was carried since"
        b.plumbing.sweep()
        assert not b.splices()
        assert await b.carry(b"after") == b"after"


@pytest.mark.parametrize("rounds", [0, BULK_AFTER - 1, BULK_AFTER])
@pytest.mark.parametrize("recorded", [False, True])
async def test_a_reset_right_behind_the_last_words_is_told_behind_them(rounds: int, recorded: bool) -> None:
    """In one event; with one round less than bulk, the pipe begins to splice in the middle of it."""
    journal = Copying(OPENING, 1)
    with bench(*[journal] * recorded) as b:
        for _ in range(rounds):
            await b.carry(bytes(BULK_BYTES))
        b.sockets[1].send(b"what the mouth has not read makes its close a reset")
        words = os.urandom(ROOM_BYTES + BULK_BYTES)
        b.mouth.sendall(words)
        b.mouth.close()
        async with asyncio.timeout(PATIENCE):
            while not b.told:
                await asyncio.sleep(0)
        assert b.told == [("lost", Side.CLIENT, ConnectionResetError)]
        assert b.ear.recv(1 << 20) == words
        assert journal.words[Side.CLIENT] == (bytes(BULK_BYTES) * rounds + words) * recorded


async def test_without_a_pipe_it_goes_on_copying(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench() as b:
        monkeypatch.setattr(b.plumbing, "take", lambda: None)
        block = os.urandom(BULK_BYTES)
        for _ in range(BULK_AFTER + 2):
            assert await b.carry(block) == block
        assert not b.splices()


@pytest.mark.parametrize("room", [True, False])
async def test_a_journal_gets_bulk_as_a_pipe(room: bool) -> None:
    journal = Copying(OPENING, 1)
    journal.room = room
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER + 3):
            assert await b.carry(block) == block
        assert b.splices()
    assert journal.words[Side.CLIENT] == block * (BULK_AFTER + 3 if room else BULK_AFTER)
    assert journal.counted[Side.CLIENT] == (0 if room else 3 * BULK_BYTES)


async def test_a_journal_that_is_behind_is_given_a_moment() -> None:
    journal = Copying(OPENING, 1)
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER):
            await b.carry(block)
        journal.behind = 3
        assert await b.carry(block) == block
    assert journal.behind < 0
    assert journal.words[Side.CLIENT] == block * (BULK_AFTER + 1)


async def test_a_journal_that_stays_behind_does_not_stall_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.relays.pipe.REST_MOST", 0.01)
    journal = Copying(OPENING, 1)
    block = os.urandom(BULK_BYTES)
    with bench(journal) as b:
        for _ in range(BULK_AFTER):
            await b.carry(block)
        journal.behind = 10_000
        for _ in range(20):
            assert await b.carry(block) == block
        rests = 10_000 - journal.behind - 20
        assert rests == 0.01 / REST_SECONDS, "only the first chunk waited"
        assert journal.counted[Side.CLIENT] == 20 * BULK_BYTES
        journal.behind = 0
        await b.carry(block)
        assert journal.counted[Side.CLIENT] == 20 * BULK_BYTES, "it has caught up"


async def test_a_curious_tap_is_given_the_bytes_even_of_bulk() -> None:
    heard = Hearing().begin(OPENING)
    block = os.urandom(BULK_BYTES)
    with bench(heard) as b:
        for _ in range(BULK_AFTER + 3):
            await b.carry(block)
        assert heard.words[Side.CLIENT] == block * (BULK_AFTER + 3)
        heard.curious = False
        await b.carry(block)
        assert heard.counted[Side.CLIENT] == BULK_BYTES


@pytest.mark.parametrize("bulk", [False, True])
async def test_the_end_is_told_once_all_is_through(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        await b.carry(b"last")
        b.mouth.close()
        while not b.told:
            await asyncio.sleep(0)
        assert b.told == [("ended", Side.CLIENT)]
        assert b.pipe.ended


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_listener_that_is_gone_is_told(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        b.ear.close()
        b.mouth.sendall(b"to nobody")
        while not b.told:
            await asyncio.sleep(0)
        assert b.told == [("lost", Side.SERVER, BrokenPipeError)]


@pytest.mark.parametrize("bulk", [False, True])
async def test_what_the_target_does_not_take_waits_its_turn(bulk: bool) -> None:
    with bench() as b:
        for _ in range(BULK_AFTER * bulk):
            await b.carry(bytes(BULK_BYTES))
        sent = bytearray()
        block = os.urandom(1 << 16)
        for _ in range(200):  # both socket buffers, and whatever the pipe holds
            await asyncio.sleep(0)
            try:
                sent += block[: b.mouth.send(block)]
            except BlockingIOError:
                pass
        heard = bytearray()
        while len(heard) < len(sent):
            await asyncio.sleep(0)
            try:
                heard += b.ear.recv(1 << 16)
            except BlockingIOError:
                pass
        assert heard == sent
        assert await b.carry(b"and on") == b"and on"


async def test_one_byte_more_than_the_room_holds_is_a_second_piece() -> None:
    heard = Hearing().begin(OPENING)
    with bench(heard) as b:
        data = os.urandom(ROOM_BYTES + 1)
        assert await b.carry(data) == data
    assert [len(piece) for _, piece in heard.pieces] == [ROOM_BYTES, 1]


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────


def nothing() -> None:
    """Nobody is told."""


async def flood(b: Bench) -> bytes:
    """Say as much as anybody takes, the pipe included; gives what was taken."""
    said, block, refused = bytearray(), os.urandom(1 << 16), 0
    while refused < 20:
        try:
            said += block[: b.mouth.send(block)]
            refused = 0
        except BlockingIOError:
            refused += 1
        await asyncio.sleep(0)
    return bytes(said)


async def hear(b: Bench, count: int) -> bytes:
    heard = bytearray()
    async with asyncio.timeout(PATIENCE):
        while len(heard) < count:
            await asyncio.sleep(0)
            try:
                heard += b.ear.recv(1 << 16)
            except BlockingIOError:
                pass
    return bytes(heard)


async def is_silent(b: Bench) -> bool:
    """Whether nothing comes out, in so many turns that something would have."""
    for _ in range(30):
        await asyncio.sleep(0)
    try:
        return not b.ear.recv(1 << 16)
    except BlockingIOError:
        return True


async def make_bulk(b: Bench) -> None:
    for _ in range(BULK_AFTER):
        await b.carry(bytes(BULK_BYTES))
    assert b.splices()


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_paused_pipe_takes_nothing_in_and_loses_nothing(bulk: bool) -> None:
    with bench() as b:
        if bulk:
            await make_bulk(b)
        b.pipe.pause()
        b.pipe.pause()
        b.mouth.sendall(b"held back")
        assert await is_silent(b)
        assert b.pipe.count == (BULK_AFTER * BULK_BYTES if bulk else 0)
        b.pipe.resume()
        assert await hear(b, 9) == b"held back"
        assert await b.carry(b"and on") == b"and on"


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_paused_pipe_lets_out_what_it_has_and_fills_up_the_sender(bulk: bool) -> None:
    with bench() as b:
        if bulk:
            await make_bulk(b)
        before = b.pipe.count
        said = await flood(b)  # now something is held, or inside the kernel pipe
        b.pipe.pause()
        carried = b.pipe.count - before
        assert await hear(b, carried) == said[:carried]
        assert await is_silent(b)
        more = await flood(b)
        assert b.pipe.count - before == carried
        b.pipe.resume()
        assert await hear(b, len(said) + len(more) - carried) == (said + more)[carried:]


async def test_a_paused_pipe_stays_paused_when_its_kernel_pipe_is_taken_back() -> None:
    with bench() as b:
        await make_bulk(b)
        b.pipe.pause()
        b.mouth.sendall(b"held back")
        b.plumbing.sweep()
        b.plumbing.sweep()
        assert not b.splices()
        assert await is_silent(b)
        b.pipe.resume()
        assert await hear(b, 9) == b"held back"


async def test_a_paused_pipe_stays_paused_after_a_rest() -> None:
    journal = Copying(OPENING, 1)
    with bench(journal) as b:
        await make_bulk(b)
        journal.behind = 1_000_000
        b.mouth.sendall(bytes(BULK_BYTES))
        while journal.behind == 1_000_000:
            await asyncio.sleep(0)
        b.pipe.pause()
        journal.behind = 0
        await asyncio.sleep(3 * REST_SECONDS)
        assert await is_silent(b)
        b.pipe.resume()
        await hear(b, BULK_BYTES)
    assert len(journal.words[Side.CLIENT]) == (BULK_AFTER + 1) * BULK_BYTES


async def test_what_is_said_by_hand_is_told_and_passes_even_where_it_is_paused() -> None:
    heard = Hearing().begin(OPENING)
    with bench(heard) as b:
        await b.carry(b"before ")
        b.pipe.pause()
        b.mouth.sendall(b" after")
        await b.pipe.say(b"by hand", lambda: heard.noted("by hand"))
        assert heard.notes == ["by hand"]
        assert await hear(b, 7) == b"by hand"
        assert await is_silent(b)
        b.pipe.resume()
        assert await hear(b, 6) == b" after"
        assert b.pipe.count == 20
    assert heard.pieces == [(Side.CLIENT, b"before "), (Side.CLIENT, b"by hand"), (Side.CLIENT, b" after")]


@pytest.mark.parametrize("bulk", [False, True])
async def test_what_is_said_by_hand_goes_behind_what_is_under_way(bulk: bool) -> None:
    journal = Copying(OPENING, 1)
    journal.curious = False
    with bench(journal) as b:
        if bulk:
            await make_bulk(b)
        before = b.pipe.count
        said = await flood(b)
        carried = b.pipe.count - before
        words = os.urandom(SAY_BYTES)
        saying = spawn(b.pipe.say(words, nothing))
        await asyncio.sleep(0)
        with pytest.raises(CannotSteer, match="has not been taken yet"):
            await b.pipe.say(b"and this", nothing)
        for _ in range(30):
            await asyncio.sleep(0)
        assert not saying.done(), "nobody has taken it"
        wanted = said[:carried] + words + said[carried:]
        assert await hear(b, len(wanted)) == wanted
        await saying
        await b.pipe.say(b"again", nothing)
        assert await hear(b, 5) == b"again"
    assert journal.words[Side.CLIENT][before:] == wanted + b"again"


async def test_what_is_said_by_hand_in_a_rest_is_not_torn() -> None:
    journal = Copying(OPENING, 1)
    with bench(journal) as b:
        await make_bulk(b)
        journal.behind = 1_000_000
        b.mouth.sendall(b"x" * BULK_BYTES)
        while journal.behind == 1_000_000:
            await asyncio.sleep(0)
        b.sockets[2].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the target takes only a part of it
        saying = spawn(b.pipe.say(b"y" * SAY_BYTES, nothing))
        await asyncio.sleep(0)
        journal.behind = 0
        await asyncio.sleep(3 * REST_SECONDS)
        assert not saying.done()
        assert await hear(b, SAY_BYTES + BULK_BYTES) == b"y" * SAY_BYTES + b"x" * BULK_BYTES
        await saying


async def test_saying_can_be_given_up_and_is_said_all_the_same() -> None:
    with bench() as b:
        said = await flood(b)
        carried = b.pipe.count
        saying = spawn(b.pipe.say(b"by hand", nothing))
        await asyncio.sleep(0)
        saying.cancel()
        wanted = said[:carried] + b"by hand" + said[carried:]
        assert await hear(b, len(wanted)) == wanted
        assert saying.cancelled()
        await b.pipe.say(b"again", nothing)
        assert await hear(b, 5) == b"again"


@pytest.mark.parametrize("bulk", [False, True])
async def test_an_end_by_hand_comes_once_all_is_out(bulk: bool) -> None:
    with bench() as b:
        if bulk:
            await make_bulk(b)
        before = b.pipe.count
        said = await flood(b)
        carried = b.pipe.count - before
        saying, ending = spawn(b.pipe.say(b"by hand", nothing)), spawn(b.pipe.end())
        await asyncio.sleep(0)
        with pytest.raises(CannotSteer, match="is being ended already"):
            await b.pipe.end()
        assert not b.told
        assert await hear(b, carried + 7) == said[:carried] + b"by hand"
        await asyncio.gather(saying, ending)
        assert b.told == [("ended", Side.CLIENT)]
        assert b.pipe.ended
        assert b.pipe.cut
        b.plumbing.sweep()
        assert await is_silent(b), "the source is not read any more"


async def test_nothing_is_said_behind_an_end_by_hand() -> None:
    with bench() as b:
        await flood(b)
        ending = spawn(b.pipe.end())
        await asyncio.sleep(0)
        with pytest.raises(CannotSteer, match="is being ended already"):
            await b.pipe.say(b"too late", nothing)
        await hear(b, b.pipe.count)
        await ending


async def test_what_waits_when_the_pipe_stops_was_not_done() -> None:
    with bench() as b:
        await flood(b)
        saying, ending = spawn(b.pipe.say(b"by hand", nothing)), spawn(b.pipe.end())
        await asyncio.sleep(0)
        b.pipe.stop()
        for doing in (saying, ending):
            with pytest.raises(CannotSteer, match="was over before"):
                await doing
