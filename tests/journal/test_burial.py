"""Writers that are killed, and what is found of them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import scribe
from tincans.channel import Side
from tincans.conversation import Closed, Conversation, Entry, How, Kind, Opened, Opening, Said, conversations
from tincans.journal import Filter, Journal, open_journal
from tincans.journal.folder import Folder
from tincans.journal.index import Extent, Flushed, Index
from tincans.journal.segments import encode
from tincans.limits import FLUSH_SECONDS

TRIES = 50
AT_ONCE = 5
LOST_AT_MOST = 0.1


class Life(NamedTuple):
    """A writing process, and what it keeps in a file that outlives it."""

    process: int
    folder: Path
    shared: Path

    def told(self) -> tuple[int, int, int]:
        begun, said, last = scribe.SHARED.unpack(self.shared.read_bytes())
        return begun, said, last

    def kill(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        while Path(f"/proc/{self.process}").exists():  # it ignores SIGCHLD, so the kernel forgets it by itself
            time.sleep(0.001)


class Scribes:
    """Starts writing processes."""

    def __init__(self, process: subprocess.Popen[str], where: Path) -> None:
        self._process, self._where, self._count = process, where, 0

    def start(self, folder: Path | None = None) -> Life:
        self._count += 1
        folder = folder or self._where / f"journal{self._count}"
        shared = self._where / f"shared{self._count}"
        shared.write_bytes(bytes(scribe.SHARED.size))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder} {shared}\n")
        self._process.stdin.flush()
        life = Life(int(self._process.stdout.readline()), folder, shared)
        while life.told()[1] == 0:
            time.sleep(0.001)
        return life


@pytest.fixture
def scribes(tmp_path: Path) -> Iterator[Scribes]:
    with subprocess.Popen(
        [sys.executable, scribe.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Scribes(process, tmp_path)


def opening() -> Opening:
    return Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")


async def read_all(journal: Journal) -> tuple[list[Entry], list[Conversation]]:
    listed = await journal.conversations()
    return [entry for each in listed for entry in [e async for e in journal.read(each.number)]], listed


def test_killed_it_has_lost_at_most_the_last_100_ms(scribes: Scribes) -> None:
    rng = random.Random(7)
    losses: list[float] = []
    for _ in range(TRIES // AT_ONCE):
        lives = [scribes.start() for _ in range(AT_ONCE)]
        for life in lives:
            time.sleep(rng.uniform(0, FLUSH_SECONDS / AT_ONCE * 2))
            life.kill()
        losses += [asyncio.run(_loss(life)) for life in lives]
    assert len(losses) == TRIES
    # A machine that runs all the tests at once may stop everybody who writes for longer than that, once or twice.
    assert sorted(losses)[-2 * AT_ONCE - 1] <= LOST_AT_MOST, sorted(losses)[-3 * AT_ONCE :]


async def _loss(life: Life) -> float:
    """Check that all that is recorded did happen; gives how many seconds of it are missing at the end."""
    begun, said, last = life.told()
    journal = open_journal(life.folder)
    entries, listed = await read_all(journal)
    await journal.aclose()
    assert list(conversations(entries).values()) == listed
    assert [c.number for c in listed] == list(range(1, len(listed) + 1))
    assert len(listed) <= begun
    if not listed:
        assert said * 0.0005 <= LOST_AT_MOST
        return 0.0
    assert {c.how for c in listed[1:]} <= {How.FINISHED, How.LOST}
    assert listed[0].how is How.LOST
    assert isinstance(entries[0], Opened)
    words = [scribe.WORD.unpack(e.data) for e in entries if isinstance(e, Said) and e.conversation == 1]
    assert [place for place, _ in words] == list(range(len(words)))
    assert len(words) <= said + 1
    newest = words[-1][1] if words else listed[0].opened
    return (last - newest) / 1e9


async def test_two_write_at_once_and_one_is_killed(scribes: Scribes, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    one, two = scribes.start(folder), scribes.start(folder)
    journal = open_journal(folder)
    followed = journal.follow()
    seen: set[int] = set()
    while len(seen) < 6:  # both are heard, in a third process, while they write
        seen.add((await anext(followed)).conversation)
    await followed.aclose()
    while len(await journal.conversations(Filter(open=True))) < 2:  # the six may all have been one's
        await asyncio.sleep(0.005)
    one.kill()
    lost = await journal.conversations(Filter(how=(How.LOST,)))
    going_on = await journal.conversations(Filter(open=True))
    assert len(lost) >= 1
    assert len(going_on) >= 1
    two.kill()
    entries, listed = await read_all(journal)
    assert list(conversations(entries).values()) == listed
    numbers = [c.number for c in listed]
    assert numbers == sorted(set(numbers))
    assert not [c for c in listed if c.closed is None]
    assert len([c for c in listed if c.how is How.LOST]) >= 2
    await journal.aclose()


async def test_a_follower_is_told_that_it_is_lost(scribes: Scribes) -> None:
    life = scribes.start()
    journal = open_journal(life.folder)
    while not await journal.conversations():
        time.sleep(0.001)
    entries = journal.follow(1)
    assert isinstance(await anext(entries), Opened)
    life.kill()
    async for entry in entries:
        last = entry
    assert isinstance(last, Closed)
    assert last.how is How.LOST
    await journal.aclose()


async def test_the_living_are_left_alone(tmp_path: Path) -> None:
    journal, other = open_journal(tmp_path / "j"), open_journal(tmp_path / "j")
    tap = journal.begin(opening())
    await journal.flush()
    assert [c.how for c in await other.conversations()] == [None]
    tap.closed(How.FINISHED)
    await journal.flush()
    assert [c.how for c in await other.conversations()] == [How.FINISHED]
    await journal.aclose()
    await other.aclose()


# ── by hand: a segment with records that the index does not know ──────────────────────────────────────────


async def _leave_behind(path: Path, tail: bytes) -> tuple[list[Entry], list[Conversation]]:
    """What is found when a dead writer's segment ends in `tail`; conversation 1 is indexed and open."""
    folder = Folder(path)
    index = Index(folder)
    writer = index.register()
    journal = open_journal(path)
    first = journal.begin(opening())
    first.said(Side.CLIENT, b"indexed")
    await journal.flush()
    await journal.aclose()
    identity, size = index.claim(writer, 1024 * 1024)
    with folder.segment(identity).open("r+b") as file:
        file.seek(size)
        file.write(tail)
    index.close()
    folder.close()  # with the lock: it is dead now
    journal = open_journal(path)
    found = await read_all(journal)
    await journal.aclose()
    return found


TAIL: list[Entry] = [
    Opened(conversation=2, at=5, kind=Kind.RELAY, client="a", server="b"),
    Said(conversation=2, at=6, side=Side.CLIENT, data=b"not indexed"),
    Opened(conversation=3, at=7, kind=Kind.RELAY, client="a", server="b"),
    Said(conversation=2, at=8, side=Side.SERVER, data=b"neither"),
    Closed(conversation=3, at=9, how=How.FINISHED),
    Said(conversation=77, at=9, side=Side.SERVER, data=b"of a conversation that nobody knows"),
]


async def test_what_was_not_indexed_is_found(tmp_path: Path) -> None:
    entries, listed = await _leave_behind(tmp_path / "j", b"".join(map(encode, TAIL)))
    lost = Closed(conversation=2, at=8, how=How.LOST)
    assert [e for e in entries if e.conversation == 2] == [TAIL[0], TAIL[1], TAIL[3], lost]
    assert [e for e in entries if e.conversation == 3] == [TAIL[2], TAIL[4]]
    assert list(conversations(entries).values()) == listed
    assert [(c.number, c.how) for c in listed] == [(1, How.STOPPED), (2, How.LOST), (3, How.FINISHED)]


@pytest.mark.parametrize("torn", [b"", b"\0" * 500, b"\xff" * 500, encode(TAIL[1])[:-1], encode(TAIL[1])[:10]])
async def test_a_torn_tail_is_left_out(tmp_path: Path, torn: bytes) -> None:
    entries, listed = await _leave_behind(tmp_path / "j", encode(TAIL[0]) + torn)
    assert [type(e) for e in entries if e.conversation == 2] == [Opened, Closed]
    assert [(c.number, c.how) for c in listed] == [(1, How.STOPPED), (2, How.LOST)]


async def test_the_number_goes_on_after_it(tmp_path: Path) -> None:
    await _leave_behind(tmp_path / "j", b"".join(map(encode, TAIL)))
    (tmp_path / "j" / "counter").write_bytes(b"")  # as a crashed machine may leave it
    journal = open_journal(tmp_path / "j")
    assert journal.begin(opening()).number == 4
    await journal.aclose()


async def test_that_it_is_lost_is_a_change_though_the_disk_takes_no_more(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "j")
    index = Index(folder)
    writer = index.register()
    identity, _ = index.claim(writer, 0)
    begun = Conversation(number=1, kind=Kind.LISTEN, client="a", server="b", opened=5, last=5)
    index.commit(Flushed(writer, {identity: 9}, identity, 5, [begun], [], [Extent(1, identity, 0, 9, 0, 0)]))
    mark = index.newest_extent()
    index.close()
    folder.segment(identity).mkdir()  # as root, too, one cannot write that
    folder.close()
    journal = open_journal(tmp_path / "j")
    told, left_out, mark = await journal.changes(mark, 9)
    assert [(c.number, c.how, left_out) for c in told] == [(1, How.LOST, 0)]
    assert (await journal.changes(mark, 9)).conversations == []
    assert [type(entry) async for entry in journal.read(1)] == [Opened]
    await journal.aclose()
