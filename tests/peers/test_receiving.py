"""A receiver whose connection is cut calls again by itself: at any byte, with the code used once, not for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain, cycle
from pathlib import Path
from typing import NamedTuple

import pytest

from passing import ANY, CODE, How, Steps, invitation, line, person
from tincans.address import Address
from tincans.errors import (
    ChannelBroken,
    CodeVoid,
    EndOfStream,
    OfferDeclined,
    PassingFailed,
    PassingLost,
    PeerRefused,
    WrongPeer,
)
from tincans.limits import CODE_GUESSES, PATIENCE_SECONDS
from tincans.peers import arrivals, invitations, receiving, sending
from tincans.peers.frames import Frames
from tincans.peers.loads import Load, Stream
from tincans.peers.pairing import TICKET_BYTES, Hello
from tincans.peers.parties import Offered, Us
from tincans.peers.passing import Offering
from tincans.peers.sending import Sending
from tincans.peers.transfers import receive
from tincans.progress import Deed, Progress, Result, Step
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

#: Some pieces, and some more than one.
LARGE, SMALL = 4 * 1024 * 1024, 300_000
SAID = "the connection was lost; calling again …"
SOON = 0.05


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PASS_RETRY_FIRST", 0.001)
    monkeypatch.setattr(receiving, "PASS_RETRY_MOST", 0.01)


@pytest.fixture
def no_thanks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has all of it calls once more at most, to say so."""
    monkeypatch.setattr(receiving, "PASS_THANKS_SECONDS", SOON)


class Place(NamedTuple):
    """Ann offers files; Bob has a folder for them."""

    ann: Us
    bob: Us
    files: Path
    here: Path

    def file(self, name: str, size: int) -> bytes:
        data = random.Random(name).randbytes(size)
        (self.files / name).write_bytes(data)
        return data


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("files", "here"):
        (tmp_path / name).mkdir()
    return Place(person(tmp_path, "ann"), person(tmp_path, "bob"), tmp_path / "files", tmp_path / "here")


class Offer(NamedTuple):
    """What Ann waits with, where, what she is told, and the steps that she sees."""

    sending: Sending
    address: Address
    told: list[str]
    steps: Steps


@asynccontextmanager
async def offer(place: Place, *, load: Load | None = None, count: int | None = 1) -> AsyncIterator[Offer]:
    told: list[str] = []
    steps = Steps()
    ready = load or Load.of(sorted(place.files.iterdir()))
    async with Sending(place.ann, ready, invitation(), count=count, news=told.append, progress=steps) as waiting:
        yield Offer(waiting, await waiting.listen(ANY), told, steps)


async def received(
    place: Place, address: Address, *, told: list[str] | None = None, steps: Progress | None = None
) -> Result:
    news = (told if told is not None else []).append
    return await receive(place.bob, CODE, [address], place.here, progress=steps, news=news)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ── at every byte ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", [How.RESET, How.ENDED])
async def test_it_goes_on_at_the_byte_where_it_was(place: Place, how: How) -> None:
    """Three cuts: no byte is lost, and none comes twice but those that were on the way."""
    data = place.file("large", LARGE)
    told: list[str] = []
    steps = Steps()
    cuts = (LARGE // 3, LARGE // 3, LARGE // 4)
    async with offer(place) as ann, line(ann.address, cuts, how) as (cut, address):
        result = await received(place, address, told=told, steps=steps)
        assert await ann.sending.wait() == Result(files=1, bytes=ann.sending._telling.result.bytes)
        assert len(ann.sending.received) == 1
    assert tree(place.here) == {"large": data}
    assert result == Result(files=1, bytes=LARGE), "each byte once"
    assert len(cut.came) == 4
    first, *again = steps.begun
    assert first == 0
    assert all(earlier < later for earlier, later in zip([0, *again], again, strict=False)), "always further"
    assert told == [SAID] * 3
    assert ann.told == [
        text
        for _ in range(3)
        for text in ("bob: went away before all was there; waiting for them to come back", "bob is here again")
    ]
    assert steps.of(Deed.DONE) == ann.steps.of(Deed.DONE) == ["large"]


#: Bytes before the end of all that a giver says: in its goodbye, in the checksum, in the last chunk and its header.
TAIL = [1, 24, 25, 60, 100, 120, 130, 150, 9_000, 40_000, 270_000]


@pytest.mark.usefixtures("no_thanks")
@pytest.mark.parametrize("how", [How.RESET, How.ENDED])
@pytest.mark.parametrize("before", TAIL)
async def test_it_is_whole_wherever_the_end_is_cut(place: Place, before: int, how: How) -> None:
    data = place.file("small", SMALL)
    async with offer(place) as ann, line(ann.address) as (whole, address):
        await received(place, address)
        await ann.sending.wait()
    (place.here / "small").unlink()
    steps = Steps()
    async with offer(place) as ann, line(ann.address, [whole.came[0] - before], how) as (cut, address):
        result = await received(place, address, steps=steps)
        await ann.sending.wait()
        assert len(ann.sending.received) == 1
    assert cut.cut.is_set()
    assert tree(place.here) == {"small": data}
    assert result == Result(files=1, bytes=SMALL)
    assert steps.of(Deed.DONE) == ann.steps.of(Deed.DONE) == ["small"]


@pytest.mark.parametrize("cut_at", [20_000, 60_000, 100_000, 140_000])
async def test_of_many_files_each_comes_once(place: Place, cut_at: int) -> None:
    """Asked for ahead: those that were there are not asked for again, and those that were not are."""
    for number in range(150):
        place.file(f"f{number:03}", 1000)
    steps = Steps()
    async with offer(place) as ann, line(ann.address, [cut_at, 20_000], How.ENDED) as (cut, address):
        result = await received(place, address, steps=steps)
        await ann.sending.wait()
    assert len(cut.came) == 3
    assert tree(place.here) == tree(place.files)
    assert (result.files, result.same) == (150, 0)
    assert sorted(steps.of(Deed.DONE)) == sorted(ann.steps.of(Deed.DONE)) == sorted(tree(place.files))
    assert len(steps.of(Deed.FOUND)) == len(ann.steps.of(Deed.FOUND)) == 150


async def test_what_is_poured_goes_on_behind_what_is_out(place: Place) -> None:
    data = place.file("large", LARGE)
    sink, outer = memory_pair()

    async def drained() -> bytes:
        return b"".join([piece async for piece in outer])

    draining = spawn(drained())
    async with offer(place) as ann, line(ann.address, [LARGE // 3, LARGE // 3]) as (_, address):
        assert await receive(place.bob, CODE, [address], sink) == Result(files=1, bytes=LARGE)
        await ann.sending.wait()
    await sink.send_eof()
    assert await draining == data
    await sink.aclose()
    await outer.aclose()


async def test_what_was_poured_of_another_file_is_not_gone_on_with(place: Place) -> None:
    place.file("large", LARGE)
    sink, outer = memory_pair()

    async def drain() -> None:
        async for _ in outer:
            pass

    draining = spawn(drain())
    async with offer(place) as ann, line(ann.address, [LARGE // 3]) as (cut, address):
        other = random.Random(2).randbytes(LARGE)
        cut.then = lambda: (place.files / "large").write_bytes(other)
        with pytest.raises(PassingFailed, match="large: it has changed since its beginning was sent"):
            await receive(place.bob, CODE, [address], sink)
    await sink.send_eof()
    await draining
    await sink.aclose()
    await outer.aclose()


async def test_what_comes_once_is_not_called_for_again(place: Place) -> None:
    inner, source = memory_pair()

    async def feed() -> None:
        await source.send(bytes(LARGE))

    feeding = spawn(feed())
    told: list[str] = []
    async with offer(place, load=Stream("pipe", inner)) as ann, line(ann.address, [LARGE // 3]) as (cut, address):
        with pytest.raises(PassingLost, match="ann: went away before all was there"):
            await received(place, address, told=told)
        with pytest.raises(PassingLost, match="bob: went away before all was there"):
            await ann.sending.wait()
    assert (len(cut.came), told) == (1, [])
    feeding.cancel()
    await inner.aclose()
    await source.aclose()


# ── one to many ───────────────────────────────────────────────────────────────────────────────────────────


async def test_one_of_three_is_cut_and_each_is_counted_once(place: Place, tmp_path: Path) -> None:
    data = place.file("large", LARGE)
    people = [place.bob, person(tmp_path, "cyd"), person(tmp_path, "dan")]
    async with offer(place, count=3) as ann, line(ann.address, [LARGE // 2, LARGE // 4]) as (_, bad):
        for number in range(3):
            (tmp_path / f"here{number}").mkdir()
        results = await asyncio.gather(
            *(
                receive(us, CODE, [bad if us is place.bob else ann.address], tmp_path / f"here{number}")
                for number, us in enumerate(people)
            )
        )
        assert (await ann.sending.wait()).files == 3
        assert sorted(peer.name for peer in ann.sending.received) == ["bob", "cyd", "dan"]
    assert results == [Result(files=1, bytes=LARGE)] * 3
    assert [tree(tmp_path / f"here{number}") for number in range(3)] == [{"large": data}] * 3
    assert sorted(ann.steps.of(Deed.DONE)) == ["bob: large", "cyd: large", "dan: large"]


async def test_somebody_who_receives_twice_is_counted_twice(place: Place, tmp_path: Path) -> None:
    """Their two errands are not one, though the key is."""
    place.file("small", SMALL)
    (tmp_path / "there").mkdir()
    async with offer(place, count=2) as ann:
        await received(place, ann.address)
        assert len(ann.sending.received) == 1
        await receive(place.bob, CODE, [ann.address], tmp_path / "there")
        await ann.sending.wait()
    assert tree(place.here) == tree(tmp_path / "there") == tree(place.files)


# ── who may come again ────────────────────────────────────────────────────────────────────────────────────


async def test_the_code_is_used_once(place: Place) -> None:
    """It may even have become void meanwhile: whoever has said it needs it no more."""
    data = place.file("large", LARGE)
    async with offer(place) as ann, line(ann.address, [LARGE // 3]) as (cut, address):

        def guess() -> None:
            while not ann.sending.invitation.is_void:
                ann.sending.invitation.guess(lambda: False)

        cut.then = guess
        await received(place, address)
        await ann.sending.wait()
    assert tree(place.here) == {"large": data}


async def test_an_offer_that_is_void_waits_so_long_for_who_was_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.file("large", LARGE)
    monkeypatch.setattr(sending, "PASS_LOST_SECONDS", SOON)
    async with offer(place) as ann, line(ann.address, [LARGE // 3]) as (cut, address):
        calls = spawn(received(place, address))

        def never_again() -> None:
            ann.sending.invitation.left = 0
            calls.cancel()

        cut.then = never_again
        with pytest.raises(CodeVoid):
            await ann.sending.wait()
        assert ann.told == ["bob: went away before all was there; waiting for them to come back"]


async def test_who_had_to_make_room_is_not_expected_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.file("large", LARGE)
    monkeypatch.setattr(invitations, "PASS_TICKETS", 1)
    async with offer(place, count=None) as ann, line(ann.address, [LARGE // 3] * 2, How.SILENT) as (cut, address):
        calls = [spawn(received(place, address))]
        await cut.cut.wait()
        ((first, receiver),) = ann.sending._receivers.items()
        cut.cut.clear()
        calls.append(spawn(received(place, address)))
        await cut.cut.wait()
        assert len(ann.sending._receivers) == 1
        assert first not in ann.sending._receivers
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert not receiver.is_lost


async def calling(us: Us, address: Address, hello: Hello) -> Frames:
    """Call, and say that."""
    channel, _ = await us.tls.call(address, protocol="tincans-file/1")
    frames = Frames(channel)
    await frames.send(hello)
    return frames


async def test_a_ticket_is_good_with_its_own_key_alone(place: Place, tmp_path: Path) -> None:
    place.file("large", LARGE)
    eve = person(tmp_path, "eve")
    async with offer(place) as ann, line(ann.address, [LARGE // 3], How.SILENT) as (cut, address):
        calls = spawn(received(place, address))
        await cut.cut.wait()
        ((ticket, _),) = ann.sending.invitation._tickets
        for us, shown in ((eve, ticket), (place.bob, b"x" * TICKET_BYTES), (place.bob, b"")):
            frames = await calling(us, ann.address, Hello("receive", CODE.number, ticket=shown))
            with pytest.raises(PeerRefused, match="here is offer 7, for those who have its code"):
                await frames.receive(Offering)
            await frames.aclose()
        frames = await calling(place.bob, ann.address, Hello("receive", CODE.number, ticket=ticket))
        assert (await frames.receive(Offering)).entries
        await frames.aclose()
        calls.cancel()
        await asyncio.wait([calls])


@pytest.mark.parametrize("size", [TICKET_BYTES - 1, TICKET_BYTES + 1])
async def test_a_ticket_that_is_none_is_refused_before_anything_is_guessed(place: Place, size: int) -> None:
    place.file("small", SMALL)
    async with offer(place) as ann:
        frames = await calling(place.bob, ann.address, Hello("receive", CODE.number, b"S" * 33, b"x" * size))
        with pytest.raises((ChannelBroken, EndOfStream)):
            await frames.receive(Offering)
        await frames.aclose()
        assert ann.sending.invitation.left == CODE_GUESSES


async def test_somebody_else_who_answers_there_is_not_believed(place: Place, tmp_path: Path) -> None:
    """Who cuts the line and has the code, too, does not come in between."""
    place.file("large", LARGE)
    eve = place._replace(ann=person(tmp_path, "eve"))
    async with offer(place) as ann, offer(eve) as other, line(ann.address, [LARGE // 3]) as (cut, address):
        cut.then = lambda: setattr(cut, "target", other.address)
        with pytest.raises(WrongPeer):
            await received(place, address)
        assert other.told == []


async def test_who_offers_something_else_after_a_cut_has_to_ask_again(place: Place, tmp_path: Path) -> None:
    place.file("large", LARGE)
    (tmp_path / "others").mkdir()
    others = place._replace(files=tmp_path / "others")
    others.file("virus", SMALL)
    asked: list[str] = []

    async def agree(offered: Offered) -> bool:
        asked.append(offered.entries[0].name)
        return asked[-1] == "large"

    async with offer(place) as ann, offer(others) as other, line(ann.address, [LARGE // 3, 0]) as (cut, address):

        def turn() -> None:
            cut.target = other.address
            other.sending.invitation._tickets.update(ann.sending.invitation._tickets)

        cut.then = turn
        with pytest.raises(OfferDeclined, match="you did not want it"):
            await receive(place.bob, CODE, [address], place.here, agree=agree)
    assert asked == ["large", "virus"]


async def test_a_person_is_asked_once(place: Place) -> None:
    place.file("large", LARGE)
    asked: list[Offered] = []

    async def agree(offered: Offered) -> bool:
        asked.append(offered)
        return True

    async with offer(place) as ann, line(ann.address, [LARGE // 3, LARGE // 3]) as (_, address):
        await receive(place.bob, CODE, [address], place.here, agree=agree)
        await ann.sending.wait()
    assert len(asked) == 1


# ── a line on which nothing is heard, and the end of patience ─────────────────────────────────────────────


async def test_who_calls_again_ends_their_own_earlier_call(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender has not noticed yet that the line is dead, and would not for a minute."""
    data = place.file("large", LARGE)
    async with offer(place) as ann, line(ann.address, [LARGE // 3], How.SILENT) as (cut, address):
        cut.then = lambda: monkeypatch.setattr(arrivals, "PATIENCE_SECONDS", SOON)
        steps = Steps()

        def patient(step: Step) -> None:
            steps(step)
            if len(steps.begun) == 2:
                monkeypatch.setattr(arrivals, "PATIENCE_SECONDS", PATIENCE_SECONDS)

        assert await received(place, address, steps=patient) == Result(files=1, bytes=LARGE)
        await ann.sending.wait()
        assert ann.told == []
        assert len(ann.sending.received) == 1
    assert tree(place.here) == {"large": data}


async def test_it_gives_up_when_nobody_is_there_any_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.file("large", LARGE)
    monkeypatch.setattr(receiving, "PASS_LOST_SECONDS", SOON)
    told: list[str] = []
    async with offer(place) as ann, line(ann.address, [LARGE // 3]) as (cut, address):
        cut.then = lambda: setattr(cut, "target", Address.parse("tcp://127.0.0.1:1"))
        with pytest.raises(PassingFailed, match="ann: did not come back within 10 min: cannot connect to "):
            await received(place, address, told=told)
    assert told == [SAID]
    assert 0 < (place.here / ".large.tincans-part").stat().st_size < LARGE


async def test_it_gives_up_where_it_is_cut_before_anything_comes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of TLS, and behind it."""
    place.file("large", LARGE)
    monkeypatch.setattr(receiving, "PASS_LOST_SECONDS", SOON)
    told: list[str] = []
    cuts = chain([LARGE // 3], cycle([500, 1500, 2500]))
    async with offer(place) as ann, line(ann.address, cuts) as (cut, address):
        with pytest.raises(PassingFailed, match="ann: did not come back within 10 min: "):
            await received(place, address, told=told)
    assert len(cut.came) > 1
    assert told == [SAID]


@pytest.mark.usefixtures("no_thanks")
async def test_who_has_all_of_it_succeeds_though_nobody_is_there_any_more(place: Place) -> None:
    data = place.file("small", SMALL)
    async with offer(place) as ann, line(ann.address) as (whole, address):
        await received(place, address)
    (place.here / "small").unlink()
    async with offer(place) as ann, line(ann.address, [whole.came[0] - 24], How.ENDED) as (cut, address):
        cut.then = lambda: setattr(cut, "target", Address.parse("tcp://127.0.0.1:1"))
        assert await received(place, address) == Result(files=1, bytes=SMALL)
    assert tree(place.here) == {"small": data}
