"""Files from one peer to another, inside real TLS: whole, resumed, jailed, to many; and what is said when it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from passing import ANY, CODE, WRONG, Steps, acquainted, invitation, person
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import (
    CannotRead,
    CannotWrite,
    CodeVoid,
    IdentityChanged,
    NoSuchPeer,
    OfferDeclined,
    PassingFailed,
    PeerRefused,
    RemoteProtocolError,
    TincansError,
    TreeIncomplete,
    UsageError,
    WrongCode,
    WrongPeer,
)
from tincans.limits import CODE_GUESSES, PASS_FILES, PASS_PIECE_BYTES
from tincans.peers.frames import Frames
from tincans.peers.giving import Giver
from tincans.peers.invitations import Invitation
from tincans.peers.loads import Load, Stream
from tincans.peers.pairing import Ends, Hello, admit
from tincans.peers.parties import Offered, Taking, Us
from tincans.peers.passing import Begins, Ended, Entry, Offering, Thanks, Want
from tincans.peers.sending import Sending, kept_file
from tincans.peers.transfers import Waiting, receive, send, send_to
from tincans.progress import Deed, Result, Step, Telling
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

#: Larger than what is on the way anywhere.
LARGE = 24 * 1024 * 1024


def noise(size: int, seed: int = 1) -> bytes:
    import random

    return random.Random(seed).randbytes(size)


class Two(NamedTuple):
    """One who sends, and one who receives; and their folders."""

    ann: Us
    bob: Us
    files: Path
    here: Path


@pytest.fixture
def two(tmp_path: Path) -> Two:
    for name in ("files", "here"):
        (tmp_path / name).mkdir()
    return Two(person(tmp_path, "ann"), person(tmp_path, "bob"), tmp_path / "files", tmp_path / "here")


@asynccontextmanager
async def sending(
    two: Two, *paths: Path, load: Load | None = None, count: int | None = 1, told: list[str] | None = None,
    invited: Invitation | None = None, steps: Steps | None = None,
) -> AsyncIterator[tuple[Sending, Address]]:  # fmt: skip
    """Ann waits, with these files."""
    news = (told if told is not None else []).append
    ready = load or Load.of(paths)
    async with Sending(two.ann, ready, invited or invitation(), count=count, news=news, progress=steps) as waiting:
        yield waiting, await waiting.listen(ANY)


async def passed(two: Two, *paths: Path, steps: Steps | None = None, overwrite: bool = False) -> Result:
    """Bob receives these files from Ann."""
    async with sending(two, *paths) as (waiting, address):
        result = await receive(two.bob, CODE, [address], two.here, overwrite=overwrite, progress=steps)
        await waiting.wait()
    return result


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: files with their content, folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# ── whole ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1, PASS_PIECE_BYTES - 1, PASS_PIECE_BYTES, PASS_PIECE_BYTES + 1, 3_000_000])
async def test_a_file_is_there_with_its_time(two: Two, size: int) -> None:
    file = two.files / "a file"
    file.write_bytes(noise(size))
    os.utime(file, ns=(1_700_000_000_123_456_789,) * 2)
    assert await passed(two, file) == Result(files=1, bytes=size)
    assert tree(two.here) == {"a file": noise(size)}
    assert (two.here / "a file").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert not (two.here / "a file").stat().st_mode & 0o111


async def test_a_program_can_be_run_there(two: Two) -> None:
    (two.files / "run").write_bytes(b"#!/bin/sh\n")
    (two.files / "run").chmod(0o700)
    await passed(two, two.files / "run")
    assert (two.here / "run").stat().st_mode & 0o100


async def test_a_folder_comes_with_all_that_is_in_it(two: Two) -> None:
    folder = two.files / "photos"
    (folder / "empty").mkdir(parents=True)
    (folder / "2026" / "deep").mkdir(parents=True)
    (folder / "2026" / "deep" / "a").write_bytes(b"hello")
    (folder / "none").touch()
    (two.files / "other").write_bytes(b"x")
    os.symlink("/etc/passwd", folder / "link")
    os.symlink(folder, folder / "2026" / "up")
    os.mkfifo(folder / "pipe")
    steps = Steps()
    result = await passed(two, folder, two.files / "other", steps=steps)
    assert result == Result(files=3, bytes=6)
    assert tree(two.here) == {
        "photos": None, "photos/empty": None, "photos/2026": None, "photos/2026/deep": None,
        "photos/2026/deep/a": b"hello", "photos/none": b"", "other": b"x",
    }  # fmt: skip
    assert steps.of(Deed.FOUND) == ["photos/2026/deep/a", "photos/none", "other"]


async def test_what_is_left_out_is_told(two: Two) -> None:
    folder = two.files / "f"
    folder.mkdir()
    os.symlink("/etc/passwd", folder / "link")
    os.mkfifo(folder / "pipe")
    steps = Steps()
    Load.of([folder], steps)
    assert steps.all == [
        Step(Deed.SKIPPED, "f/link", reason="a link"),
        Step(Deed.SKIPPED, "f/pipe", reason="neither a file nor a folder"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        b"\x1b[31m red",
        b"two\nlines",
        b"caf\xc3\xa9",
        b"\xff\xfe",
        b"-rf",
        b"a\\b",
        b"...",
        b"~",
        b"x" * 255,
        b".hidden",
    ],
)
async def test_any_name_that_linux_has_stays(two: Two, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(two.files) + b"/" + name))
    path.write_bytes(b"hello")
    await passed(two, path)
    assert os.listdir(os.fsencode(two.here)) == [name]


async def test_what_is_named_twice_is_refused(two: Two) -> None:
    for folder in ("a", "b"):
        (two.files / folder).mkdir()
        (two.files / folder / "x").touch()
    with pytest.raises(UsageError, match="two of the files are called 'x'"):
        Load.of([two.files / "a" / "x", two.files / "b" / "x"])
    with pytest.raises(CannotRead, match="no such file"):
        Load.of([two.files / "none"])
    with pytest.raises(CannotRead, match="neither a file nor a folder"):
        Load.of([Path("/")])


async def test_what_comes_from_a_channel_goes_into_one(two: Two) -> None:
    data = noise(3 * PASS_PIECE_BYTES + 5)
    inner, source = memory_pair()
    sink, outer = memory_pair()

    async def feed() -> None:
        await source.send(data)
        await source.send_eof()

    async def drain() -> bytes:
        return b"".join([piece async for piece in outer])

    feeding, draining = spawn(feed()), spawn(drain())
    async with sending(two, load=Stream("it.tar", inner)) as (waiting, address):
        result = await receive(two.bob, CODE, [address], sink)
        await waiting.wait()
    assert result == Result(files=1, bytes=len(data))
    await sink.send_eof()
    assert await draining == data
    await feeding
    for channel in (inner, source, sink, outer):
        await channel.aclose()


async def test_what_comes_from_a_channel_can_be_a_file(two: Two) -> None:
    inner, source = memory_pair()
    await source.send(b"hello")
    await source.send_eof()
    async with sending(two, load=Stream("it.txt", inner)) as (waiting, address):
        await receive(two.bob, CODE, [address], two.here)
        await waiting.wait()
    assert tree(two.here) == {"it.txt": b"hello"}
    await inner.aclose()
    await source.aclose()


async def test_a_folder_does_not_go_into_a_channel(two: Two) -> None:
    (two.files / "a").touch()
    sink, outer = memory_pair()
    async with sending(two, two.files) as (_, address):
        with pytest.raises(UsageError, match="not one file"):
            await receive(two.bob, CODE, [address], sink)
    await sink.aclose()
    await outer.aclose()


# ── what is there already ─────────────────────────────────────────────────────────────────────────────────


async def test_what_is_the_same_is_not_sent_again(two: Two) -> None:
    file = two.files / "a.txt"
    file.write_bytes(b"hello")
    await passed(two, file)
    assert await passed(two, file) == Result(same=1)
    assert tree(two.here) == {"a.txt": b"hello"}


async def test_what_is_another_is_not_written_over(two: Two) -> None:
    file = two.files / "a.tar"
    file.write_bytes(b"hello")
    (two.here / "a.tar").write_bytes(b"other")
    (two.here / "a (1).tar").mkdir()
    os.mkfifo(two.here / "a (2).tar")
    await passed(two, file)
    assert (two.here / "a.tar").read_bytes() == b"other"
    assert (two.here / "a (3).tar").read_bytes() == b"hello"
    assert await passed(two, file) == Result(same=1), "and found there the next time"
    assert await passed(two, file, overwrite=True) == Result(files=1, bytes=5)
    assert (two.here / "a.tar").read_bytes() == b"hello"


async def test_what_comes_to_be_there_meanwhile_is_not_written_over(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    steps = Steps()

    def meanwhile(step: Step) -> None:
        steps(step)
        (two.here / "large").write_bytes(b"mine")

    async with sending(two, file) as (waiting, address):
        await receive(two.bob, CODE, [address], two.here, progress=meanwhile)
        await waiting.wait()
    assert tree(two.here) == {"large": b"mine", "large (1)": noise(LARGE)}
    assert [step.reason for step in steps.all if step.deed is Deed.DONE] == ["as large (1)"]


async def test_a_name_that_is_as_long_as_can_be_gets_a_number_too(two: Two) -> None:
    file = two.files / ("x" * 251 + ".txt")
    file.write_bytes(b"hello")
    (two.here / file.name).write_bytes(b"other")
    await passed(two, file)
    assert (two.here / ("x" * 247 + " (1).txt")).read_bytes() == b"hello"


async def test_a_file_in_the_way_of_a_folder_stays(two: Two) -> None:
    (two.files / "f").mkdir()
    (two.files / "f" / "a").write_bytes(b"hello")
    (two.here / "f").write_bytes(b"mine")
    async with sending(two, two.files / "f") as (_, address):
        with pytest.raises(CannotWrite, match="cannot write f: not a directory"):
            await receive(two.bob, CODE, [address], two.here)
    assert tree(two.here) == {"f": b"mine"}


# ── a cut ─────────────────────────────────────────────────────────────────────────────────────────────────


class Moved:
    """Hears steps, and says when so many bytes have moved."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.reached = asyncio.Event()

    def __call__(self, step: Step) -> None:
        if step.deed is Deed.MOVED:
            self._left -= step.amount
            if self._left <= 0:
                self.reached.set()


async def cut(two: Two, *paths: Path, after: int = LARGE // 3) -> None:
    """Bob stops in the middle."""
    moved = Moved(after)
    async with sending(two, *paths) as (_, address):
        receiving = spawn(receive(two.bob, CODE, [address], two.here, progress=moved))
        await moved.reached.wait()
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving


async def test_what_came_of_one_that_was_cut_is_gone_on_with(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    await cut(two, file)
    assert list(tree(two.here)) == [".large.tincans-part"]
    kept = (two.here / ".large.tincans-part").stat().st_size
    assert 0 < kept < LARGE
    steps = Steps()
    assert await passed(two, file, steps=steps) == Result(files=1, bytes=LARGE - kept)
    assert steps.begun == [kept]
    assert tree(two.here) == {"large": noise(LARGE)}


async def test_a_file_that_has_changed_meanwhile_begins_anew(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    await cut(two, file)
    file.write_bytes(noise(LARGE, seed=2))
    steps = Steps()
    await passed(two, file, steps=steps)
    assert steps.begun == [0]
    assert tree(two.here) == {"large": noise(LARGE, seed=2)}


async def test_a_file_that_is_shorter_than_what_came_begins_anew(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    await cut(two, file)
    file.write_bytes(b"short")
    await passed(two, file)
    assert tree(two.here) == {"large": b"short"}


async def test_one_of_a_folder_that_was_cut_is_gone_on_with_and_the_others_are_there(two: Two) -> None:
    (two.files / "f").mkdir()
    (two.files / "f" / "a").write_bytes(b"hello")
    (two.files / "f" / "b").write_bytes(noise(LARGE))
    (two.files / "f" / "c").write_bytes(b"last")
    await cut(two, two.files / "f")
    result = await passed(two, two.files / "f")
    assert (result.files, result.same) == (2, 1)
    assert tree(two.here / "f") == {"a": b"hello", "b": noise(LARGE), "c": b"last"}


async def test_who_sends_tells_that_the_other_went_away_and_waits(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    told: list[str] = []
    async with sending(two, file, told=told) as (waiting, address):
        moved = Moved(LARGE // 3)
        receiving = spawn(receive(two.bob, CODE, [address], two.here, progress=moved))
        await moved.reached.wait()
        receiving.cancel()
        await asyncio.wait([receiving])
        await receive(two.bob, CODE, [address], two.here)
        await waiting.wait()
    assert told == ["bob: went away before all was there; waiting for them to come back"]
    assert tree(two.here) == {"large": noise(LARGE)}


async def test_who_receives_hears_that_the_sender_stopped_and_does_not_call_again(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    moved = Moved(LARGE // 3)
    async with sending(two, file) as (_, address):
        receiving = spawn(receive(two.bob, CODE, [address], two.here, progress=moved))
        await moved.reached.wait()
    with pytest.raises(PassingFailed, match="ann: stopped before all was there"):
        await receiving
    assert 0 < (two.here / ".large.tincans-part").stat().st_size < LARGE


async def test_two_who_receive_the_same_into_one_folder_are_not_in_each_other_s_way(two: Two, tmp_path: Path) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    eve = person(tmp_path, "eve")
    async with sending(two, file, count=2) as (waiting, address):
        await asyncio.gather(*(receive(us, CODE, [address], two.here) for us in (two.bob, eve)))
        await waiting.wait()
    assert tree(two.here) == {"large": noise(LARGE), "large (1)": noise(LARGE)}


class Restless(Load):
    """A load whose file changes whenever it is opened, so many times."""

    def __init__(self, path: Path, times: int) -> None:
        load = Load.of([path])
        super().__init__(load.entries, [path])
        self._path, self.times = path, times

    def open(self, index: int) -> int:
        fd = super().open(index)
        if self.times:
            self.times -= 1
            asyncio.get_running_loop().call_soon(self._change)
        return fd

    def _change(self) -> None:
        with open(self._path, "r+b") as file:
            file.write(noise(8, seed=self.times))


async def test_a_file_that_changes_while_it_is_sent_is_sent_anew(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    steps = Steps()
    async with sending(two, load=Restless(file, 2)) as (waiting, address):
        await receive(two.bob, CODE, [address], two.here, progress=steps)
        await waiting.wait()
    assert tree(two.here) == {"large": file.read_bytes()}
    assert steps.begun == [0, 0, 0]
    assert steps.of(Deed.SKIPPED) == ["large", "large"]


async def test_a_file_that_never_stands_still_is_given_up(two: Two) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    async with sending(two, load=Restless(file, 3)) as (_, address):
        with pytest.raises(PassingFailed, match="large: it does not stand still"):
            await receive(two.bob, CODE, [address], two.here)
    assert "large" not in tree(two.here)


async def test_a_file_that_cannot_be_read_any_more_fails_alone(two: Two) -> None:
    for name in ("a", "b", "c"):
        (two.files / name).write_bytes(name.encode())
    load = Load.of([two.files / name for name in ("a", "b", "c")])
    (two.files / "b").unlink()
    steps = Steps()
    async with sending(two, load=load) as (waiting, address):
        with pytest.raises(TreeIncomplete, match="ann: 1 of 3 files could not be transferred"):
            await receive(two.bob, CODE, [address], two.here, progress=steps)
        await waiting.wait()
    assert tree(two.here) == {"a": b"a", "c": b"c"}
    assert [step.reason for step in steps.all if step.deed is Deed.FAILED] == ["no such file or directory"]


# ── codes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_code_is_told_at_both_ends_and_a_void_one_ends_the_offer(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    told: list[str] = []
    async with sending(two, two.files / "a", told=told) as (waiting, address):
        over = spawn(waiting.wait())
        for left in range(CODE_GUESSES - 1, 0, -1):
            with pytest.raises(WrongCode) as wrong:
                await receive(two.bob, WRONG, [address], two.here)
            assert wrong.value.left == left
        with pytest.raises(CodeVoid):
            await receive(two.bob, WRONG, [address], two.here)
        with pytest.raises(CodeVoid, match="the code of offer 7 is void"):
            await over
    assert [line.partition(" ")[2] for line in told] == [
        "gave a wrong code: 2 more wrong codes make it void",
        "gave a wrong code: 1 more wrong code makes it void",
        "gave a wrong code",
    ]
    assert tree(two.here) == {}
    assert two.bob.known.peers == two.ann.known.peers == []


async def test_who_pairs_is_known_from_then_on_at_both_ends(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    await passed(two, two.files / "a")
    assert [(each.name, each.fingerprint) for each in two.bob.known.peers] == [
        ("ann", two.ann.tls.identity.fingerprint)
    ]
    assert [(each.name, each.fingerprint) for each in two.ann.known.peers] == [
        ("bob", two.bob.tls.identity.fingerprint)
    ]
    assert [each.address for each in two.bob.known.peers] == [None], "the port of one offer is not where ann is"


async def test_a_number_of_another_offer_is_told(two: Two) -> None:
    (two.files / "a").touch()
    async with sending(two, two.files / "a") as (waiting, address):
        with pytest.raises(PeerRefused, match="here is offer 7, for those who have its code"):
            await receive(two.bob, CODE._replace(number=8), [address], two.here)
        assert waiting.invitation.left == CODE_GUESSES


async def test_somebody_with_a_known_name_and_another_key_is_refused_loudly(two: Two, tmp_path: Path) -> None:
    """By who receives, before any code is tried; and by who sends, who counts no guess."""
    (two.files / "a").write_bytes(b"hello")
    acquainted(two.ann, two.bob)
    other = person(tmp_path, "bob", "impostor")
    told: list[str] = []
    async with sending(two, two.files / "a", told=told) as (waiting, address):
        with pytest.raises(PeerRefused, match="somebody else is known here as bob"):
            await receive(other, CODE, [address], two.here)
        assert waiting.invitation.left == CODE_GUESSES
    assert len(told) == 1
    assert "THE IDENTITY OF bob HAS CHANGED" in told[0]
    ann = person(tmp_path, "ann", "another impostor")
    async with sending(two._replace(ann=ann), two.files / "a") as (_, address):
        with pytest.raises(IdentityChanged, match="THE IDENTITY OF ann HAS CHANGED"):
            await receive(two.bob, CODE, [address], two.here)
    assert tree(two.here) == {}


async def test_several_receive_at_once_and_it_is_over_when_all_have(two: Two, tmp_path: Path) -> None:
    (two.files / "large").write_bytes(noise(LARGE))
    people = [person(tmp_path, f"p{number}") for number in range(4)]
    for us in people:
        (tmp_path / us.tls.name / "here").mkdir()
    steps = Steps()
    async with sending(two, two.files / "large", count=4, steps=steps) as (waiting, address):
        await asyncio.gather(*(receive(us, CODE, [address], tmp_path / us.tls.name / "here") for us in people))
        assert await waiting.wait() == Result(files=4, bytes=4 * LARGE)
    for us in people:
        assert tree(tmp_path / us.tls.name / "here") == {"large": noise(LARGE)}
    assert sorted(steps.of(Deed.DONE)) == [f"p{number}: large" for number in range(4)]


async def test_who_says_no_ends_an_offer_to_one(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    asked: list[Offered] = []

    async def no(offered: Offered) -> bool:
        asked.append(offered)
        return False

    async with sending(two, two.files / "a") as (waiting, address):
        with pytest.raises(OfferDeclined, match="you did not want it"):
            await receive(two.bob, CODE, [address], two.here, agree=no)
        with pytest.raises(OfferDeclined, match="bob did not want it"):
            await waiting.wait()
    assert [(each.peer.name, each.files, each.size) for each in asked] == [("ann", 1, 5)]
    assert tree(two.here) == {}


async def test_an_offer_that_broke_off_keeps_its_code_and_its_port(two: Two, tmp_path: Path) -> None:
    file = two.files / "large"
    file.write_bytes(noise(LARGE))
    kept = kept_file(tmp_path, [file])
    moved = Moved(LARGE // 3)
    async with sending(two, file, invited=Invitation(CODE, file=kept)) as (_, first):
        receiving = spawn(receive(two.bob, CODE, [first], two.here, progress=moved))
        await moved.reached.wait()
    await asyncio.wait([receiving])
    assert isinstance(receiving.exception(), PassingFailed)
    again = Invitation.opened(kept)
    assert again is not None
    async with sending(two, file, invited=again) as (waiting, second):
        assert second == first
        await receive(two.bob, CODE, [second], two.here)
        await waiting.wait()
    assert tree(two.here) == {"large": noise(LARGE)}
    assert not kept.exists(), "what is over is forgotten"


async def test_an_offer_that_nobody_took_is_forgotten(two: Two, tmp_path: Path) -> None:
    (two.files / "a").touch()
    kept = kept_file(tmp_path, [two.files / "a"])
    async with sending(two, two.files / "a", invited=Invitation(CODE, file=kept)):
        assert kept.exists()
    assert not kept.exists()


# ── an evil sender ────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def evil(two: Two, give: Callable[[Frames], Awaitable[None]]) -> AsyncIterator[Address]:
    """Ann pairs as she should, and then does `give`."""

    async def answer(channel: Channel) -> None:
        secure, peer = await two.ann.tls.accept(channel)
        frames = Frames(secure)
        try:
            ends = Ends(peer.key, two.ann.tls.identity.key)
            await admit(frames, await frames.receive(Hello), invitation(), ends=ends)
            await give(frames)
        except TincansError:
            pass
        finally:
            await frames.aclose()

    async with await serve(ANY, answer) as server:
        yield server.address


def offering(*paths: bytes, size: int = 5) -> Offering:
    return Offering([Entry(path, size) for path in paths])


async def content(frames: Frames, *, ended: Ended | None = None) -> None:
    """Give `hello` for whatever is wanted."""
    import hashlib

    while isinstance(await frames.receive(Want, Thanks), Want):
        await frames.send(Begins(0, 5))
        await frames.send_piece(b"hello")
        await frames.send_end(ended or Ended(hashlib.sha256(b"hello").digest()))


BAD_NAMES = [
    b"../x", b"a/../../x", b"/etc/x", b"", b".", b"..", b"a//b", b"a/./b", b"a/", b"/", b"a\0b", b"x" * 256,
    b"/".join([b"d"] * 101), b".x.tincans-part", b"a/.x.tincans-part/b", b"a/..",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_a_name_that_leads_out_is_refused(two: Two, tmp_path: Path, name: bytes) -> None:
    async def give(frames: Frames) -> None:
        await frames.send(offering(b"good", name))
        await content(frames)

    before = set(os.listdir(tmp_path))
    async with evil(two, give) as address:
        with pytest.raises(RemoteProtocolError, match="a file of a name that none may have"):
            await receive(two.bob, CODE, [address], two.here)
    assert tree(two.here) == {}
    assert set(os.listdir(tmp_path)) == before


async def test_a_link_that_is_there_leads_nowhere(two: Two, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", two.here / "link")
    os.symlink(tmp_path / "outside" / "new", two.here / "file")

    async def give(frames: Frames) -> None:
        await frames.send(offering(b"link/x"))
        await content(frames)

    async with evil(two, give) as address:
        with pytest.raises(CannotWrite):
            await receive(two.bob, CODE, [address], two.here)

    async def replace(frames: Frames) -> None:
        await frames.send(offering(b"file"))
        await content(frames)

    async with evil(two, replace) as address:
        await receive(two.bob, CODE, [address], two.here)
    assert os.listdir(tmp_path / "outside") == []
    assert (two.here / "file").is_symlink()
    assert (two.here / "file (1)").read_bytes() == b"hello"


async def test_two_of_one_name_are_refused(two: Two) -> None:
    async def give(frames: Frames) -> None:
        await frames.send(offering(b"a", b"a"))

    async with evil(two, give) as address:
        with pytest.raises(RemoteProtocolError, match="two files of one name"):
            await receive(two.bob, CODE, [address], two.here)


async def test_more_files_than_anybody_has_are_refused(two: Two) -> None:
    async def give(frames: Frames) -> None:
        for start in range(0, PASS_FILES + 1, 20_000):
            names = [b"%d" % number for number in range(start, min(start + 20_000, PASS_FILES + 1))]
            await frames.send(Offering([Entry(name, 0) for name in names], more=True))

    async with evil(two, give) as address:
        with pytest.raises(RemoteProtocolError, match=f"more than {PASS_FILES} files"):
            await receive(two.bob, CODE, [address], two.here)


async def test_what_does_not_have_its_digest_is_thrown_away(two: Two) -> None:
    async def give(frames: Frames) -> None:
        await frames.send(offering(b"a"))
        await content(frames, ended=Ended(b"x" * 32))

    async with evil(two, give) as address:
        with pytest.raises(PassingFailed, match="a: what came is not what was offered"):
            await receive(two.bob, CODE, [address], two.here)
    assert tree(two.here) == {}


async def test_one_that_begins_where_nobody_asked_is_refused(two: Two) -> None:
    async def give(frames: Frames) -> None:
        await frames.send(offering(b"a"))
        await frames.receive(Want)
        await frames.send(Begins(3, 5))

    async with evil(two, give) as address:
        with pytest.raises(RemoteProtocolError, match="begins where it was not asked to"):
            await receive(two.bob, CODE, [address], two.here)
    assert tree(two.here) == {}


@pytest.mark.parametrize("index", [-1, 1, 99, 0])
async def test_who_wants_what_was_not_offered_is_refused(two: Two, index: int) -> None:
    """Folders have no content, either."""
    ours, theirs = memory_pair()
    giver = Giver(Load.of([two.files]), Telling(), "bob")
    giving = spawn(giver.run(Frames(ours)))
    frames = Frames(theirs)
    await frames.receive(Offering)
    await frames.send(Want(index))
    with pytest.raises(RemoteProtocolError, match="a file that was not offered"):
        await giving
    await frames.aclose()
    await ours.aclose()


# ── peers that know each other ────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def waiting(
    two: Two, told: Sequence[str] = (), *, count: int | None = 1
) -> AsyncIterator[tuple[Waiting, Address]]:
    """Bob waits for those he knows."""
    news = told.append if isinstance(told, list) else lambda text: None
    async with Waiting(two.bob, Taking(two.here), count=count, news=news) as ready:
        yield ready, await ready.listen(ANY)


async def test_known_peers_need_no_code(two: Two) -> None:
    acquainted(two.ann, two.bob)
    (two.files / "a").write_bytes(b"hello")
    load = Load.of([two.files / "a"])
    async with waiting(two) as (ready, address):
        assert await send_to(two.ann, "bob", [address], load) == Result(files=1, bytes=5)
        await ready.wait()
    assert tree(two.here) == {"a": b"hello"}
    assert ready.results == [Result(files=1, bytes=5)]


async def test_who_is_not_known_is_refused_at_both_ends(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    load = Load.of([two.files / "a"])
    told: list[str] = []
    async with waiting(two, told) as (_, address):
        with pytest.raises(NoSuchPeer):
            await send_to(two.ann, "bob", [address], load)
        with open(two.ann.known.path, "a") as file:
            file.write(f"bob {two.bob.tls.identity.fingerprint} - 2026-11-28T03:00:00Z\n")
        with pytest.raises(PeerRefused, match="you are not known here: pair by a code first"):
            await send_to(two.ann, "bob", [address], load)
    assert len(told) == 1
    assert told[0].startswith("nothing was taken from ann: ")
    assert tree(two.here) == {}


async def test_a_swapped_identity_is_refused_by_who_sends(two: Two, tmp_path: Path) -> None:
    acquainted(two.ann, two.bob)
    (two.files / "a").write_bytes(b"hello")
    other = person(tmp_path, "mallory")
    acquainted(two.ann, other)
    async with waiting(two._replace(bob=other)) as (_, address):
        with pytest.raises(WrongPeer):
            await send_to(two.ann, "bob", [address], Load.of([two.files / "a"]))
    assert tree(two.here) == {}


async def test_a_swapped_identity_is_refused_by_who_receives(two: Two, tmp_path: Path) -> None:
    acquainted(two.ann, two.bob)
    (two.files / "a").write_bytes(b"hello")
    other = person(tmp_path, "ann", "impostor")
    with open(other.known.path, "a") as file:
        file.write(f"bob {two.bob.tls.identity.fingerprint} - 2026-11-28T03:00:00Z\n")
    told: list[str] = []
    async with waiting(two, told) as (_, address):
        with pytest.raises(PeerRefused, match="somebody else is known here as ann"):
            await send_to(other, "bob", [address], Load.of([two.files / "a"]))
    assert "THE IDENTITY OF ann HAS CHANGED" in told[0]
    assert tree(two.here) == {}


async def test_one_who_calls_for_files_where_files_are_taken_is_told(two: Two) -> None:
    acquainted(two.ann, two.bob)
    async with waiting(two) as (_, address):
        with pytest.raises(PeerRefused):
            await receive(two.ann, CODE, [address], two.files)


async def test_it_goes_on_waiting_for_as_many_as_are_to_come(two: Two) -> None:
    acquainted(two.ann, two.bob)
    for name in ("a", "b"):
        (two.files / name).write_bytes(name.encode())
    async with waiting(two, count=2) as (ready, address):
        for name in ("a", "b"):
            await send_to(two.ann, "bob", [address], Load.of([two.files / name]))
        await ready.wait()
    assert tree(two.here) == {"a": b"a", "b": b"b"}


# ── in one call ───────────────────────────────────────────────────────────────────────────────────────────


async def test_send_says_the_code_once_it_waits_and_ends_when_it_was_received(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    said: asyncio.Future[tuple[Invitation, Address]] = asyncio.get_running_loop().create_future()
    sent = spawn(send(two.ann, Load.of([two.files / "a"]), address=ANY, announce=lambda *told: said.set_result(told)))
    invited, address = await said
    await receive(two.bob, invited.code, [Address.parse("tcp://127.0.0.1:1"), address], two.here)
    assert await sent == Result(files=1, bytes=5)
    assert tree(two.here) == {"a": b"hello"}


async def test_a_send_that_is_cancelled_leaves_nothing_open(two: Two) -> None:
    (two.files / "a").write_bytes(b"hello")
    said = asyncio.Event()

    async def announce(invited: Invitation, address: Address) -> None:
        said.set()

    sent = spawn(send(two.ann, Load.of([two.files / "a"]), address=ANY, announce=announce))
    await said.wait()
    sent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sent
