"""What is asked for before the first file is there: so many, and not one more; and what a giver does not believe."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tincans.errors import PassingFailed, RemoteProtocolError
from tincans.files import Files
from tincans.limits import PASS_AHEAD, PASS_AHEAD_BYTES
from tincans.peers.frames import Frames
from tincans.peers.giving import Giver
from tincans.peers.loads import Load
from tincans.peers.passing import HASH, Begins, Ended, Entry, Got, Offering, Want
from tincans.peers.taking import Taker
from tincans.progress import Telling
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (1, PASS_AHEAD),
        (PASS_AHEAD_BYTES, 2),
        (PASS_AHEAD_BYTES // 4, 4),
        (PASS_AHEAD_BYTES // 4 - 1, 5),
        (None, PASS_AHEAD),
    ],
)
async def test_so_many_are_asked_for_ahead_and_not_one_more(tmp_path: Path, size: int | None, count: int) -> None:
    """The next is asked for when the first is there, and each is said to be when it is."""
    ours, theirs = memory_pair()
    entries = [Entry(b"%d" % number, size) for number in range(PASS_AHEAD + 2)]
    files, frames = Files(tmp_path, write=True), Frames(theirs)
    taking = spawn(Taker("ann", Telling()).run(Frames(ours), entries, files))
    for number in range(count):
        assert (await frames.receive(Want)).index == number
    more = spawn(frames.receive(Want, Got))
    await asyncio.sleep(0.01)
    assert not more.done()
    await frames.send(Begins(0, 0))
    await frames.send_end(Ended(HASH().digest()))
    assert await more == Got(0)
    assert (await frames.receive(Want)).index == count
    await frames.aclose()
    with pytest.raises(PassingFailed):
        await taking
    files.close()
    await ours.aclose()
    assert (tmp_path / "0").read_bytes() == b""


@pytest.mark.parametrize("also", [[], [Entry(b"empty", is_folder=True)], [Entry(b"more")]])
async def test_it_is_over_when_all_is_there_though_nobody_hears_so(tmp_path: Path, also: list[Entry]) -> None:
    ours, theirs = memory_pair()
    taker, files, frames = Taker("ann", Telling()), Files(tmp_path, write=True), Frames(theirs)
    taking = spawn(taker.run(Frames(ours), [Entry(b"a"), *also], files))
    await frames.receive(Want)
    await frames.send(Begins(0, 0))
    await frames.send_end(Ended(HASH().digest()))
    await frames.aclose()
    with pytest.raises(PassingFailed):
        await taking
    assert (tmp_path / "a").exists()
    assert taker.is_over is (not also or (tmp_path / "empty").exists())
    files.close()
    await ours.aclose()


@pytest.mark.parametrize("index", [-1, 0, 1])
async def test_nobody_has_got_what_was_not_given(tmp_path: Path, index: int) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    ours, theirs = memory_pair()
    giving = spawn(Giver(Load.of([tmp_path / "a"]), Telling(), "bob").run(Frames(ours)))
    frames = Frames(theirs)
    await frames.receive(Offering)
    await frames.send(Got(index))
    with pytest.raises(RemoteProtocolError, match="has got a file that it was not given"):
        await giving
    await frames.aclose()
    await ours.aclose()


async def test_who_is_stopped_ends_though_the_taker_takes_nothing(tmp_path: Path) -> None:
    """A goodbye has no room there, and is not waited for."""
    (tmp_path / "a").write_bytes(bytes(8 * 1024 * 1024))
    ours, theirs = memory_pair()
    giving = spawn(Giver(Load.of([tmp_path / "a"]), Telling(), "bob").run(Frames(ours)))
    frames = Frames(theirs)
    await frames.receive(Offering)
    await frames.send(Want(0))
    await frames.receive(Begins)
    giving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving
    await frames.aclose()
    await ours.aclose()
