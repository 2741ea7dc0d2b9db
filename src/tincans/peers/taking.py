"""The end that takes: it asks for what is offered, some files ahead, and has each find its place (`arrivals.py`).

        ┌─── asked for, in this order ───┐
    ──► a ──────► b ──────► c ──────► d ─┘ ◄── e, f, g … come behind, as far ahead as PASS_AHEAD
        │ its answer comes first
        ├─► over: the next one is asked for
        └─► there is more to ask: it goes to the end of the row

What comes lies in a hidden part, which gets its name when all of it is there and was checked (`files/uploads.py`); what
came of one that broke off stays, for a second attempt, or for another call of the same one: what was over then is not
asked for again. The folder is a jail: no name, and no link in it, leads out. A folder that is there is used.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from tincans.channel import Channel
from tincans.errors import (
    CannotWrite,
    ChannelBroken,
    ChannelError,
    EndOfStream,
    PassingFailed,
    PassingLost,
    UsageError,
    reason_of,
)
from tincans.files import Files
from tincans.limits import PASS_AHEAD, PASS_AHEAD_BYTES, PASS_ANSWER_SECONDS, PATIENCE_SECONDS
from tincans.peers.arrivals import Arrival, How, content
from tincans.peers.frames import Frames
from tincans.peers.landing import Folders
from tincans.peers.passing import HASH, Begins, Ended, Entry, Got, Offering, Stopped, Thanks, Want, add_checked
from tincans.progress import Deed, Telling


async def offered(frames: Frames) -> list[Entry]:
    """What the giver offers, once all names are known to be harmless. Raises `RemoteProtocolError`, `ChannelError`."""
    found: dict[bytes, Entry] = {}
    while True:
        async with asyncio.timeout(PATIENCE_SECONDS):
            some = await frames.receive(Offering)
        add_checked(found, some.entries)
        if not some.more:
            return list(found.values())


async def decline(frames: Frames, reason: str = "") -> None:
    """Say that nothing is wanted, or no more, if there is somebody to hear it."""
    with suppress(ChannelError):
        await frames.send(Stopped(reason))


@contextmanager
def explained(frames: Frames, giver: str) -> Iterator[None]:
    """What ends a taking in the middle, said of the giver: of their own will, or lost, which `PassingLost` says."""
    try:
        yield
    except (EndOfStream, ChannelBroken) as error:
        if isinstance(error, EndOfStream) and not frames.is_cut:
            raise PassingFailed(giver, "stopped before all was there") from error
        raise PassingLost(giver, "went away before all was there") from error
    except TimeoutError as error:
        raise PassingLost(giver, "sent nothing for too long") from error


class Taker:
    """Takes what one giver offers: by one call or, where one is lost, by several, each over frames that stay open."""

    def __init__(self, giver: str, telling: Telling, *, expected: bytes = b"") -> None:
        """`giver` is who it comes from, for the errors; `expected` is the digest of the one file, where it is known."""
        self._giver, self._telling, self._expected = giver, telling, expected
        #: Where each file is now, by its place in the offering: a path in the folder.
        self.places: dict[int, str] = {}
        #: Why the last that could not be given was not.
        self.failed = ""
        #: Whether all that could be given is there, and only the giver may not know it.
        self.is_over = False
        self._entries: Sequence[Entry] = ()
        self._over: set[int] = set()
        self._poured, self._digest = 0, HASH()

    async def run(self, frames: Frames, entries: Sequence[Entry], files: Files, *, overwrite: bool = False) -> None:
        """Take all of them. What cannot be given is told as FAILED, and the others are taken.

        Raises `PassingFailed` where the giver stops or stands still, of which `PassingLost` says that it may be called
        again, `CannotWrite` where the disk refuses (the giver is told, too), `RemoteProtocolError`. Then, and when it
        is cancelled, what came is kept for another time.
        """
        with explained(frames, self._giver):
            self._find(entries)
            asked: deque[Arrival] = deque()
            try:
                await self._take(frames, asked, How(files, self._telling, overwrite, self._expected))
            finally:
                for arrival in asked:
                    arrival.keep()
            self.is_over = True
            await frames.send(Thanks())

    def _find(self, entries: Sequence[Entry]) -> None:
        """Tell what there is, unless it is what was offered before."""
        if entries == self._entries:
            return
        self._entries, self.is_over = entries, False
        self._over.clear()
        wanted = [entry for entry in entries if not entry.is_folder]
        for entry in wanted if len(entries) > 1 else ():
            self._telling.tell(Deed.FOUND, entry.name, size=entry.size)

    async def _take(self, frames: Frames, asked: deque[Arrival], how: How) -> None:
        """Have all arrive. `asked` are those whose answers are to come, in that order; what is left of it is kept."""
        folders = Folders(how.files)
        coming = ((index, entry) for index, entry in enumerate(self._entries) if index not in self._over)
        while True:
            while _is_room(asked) and (following := next(coming, None)):
                index, entry = following
                async with _writing(entry, frames):
                    folders.make(f"/{entry.name}" if entry.is_folder else f"/{entry.name}".rpartition("/")[0])
                    if entry.is_folder:
                        self._is_there(index)
                    else:
                        await self._ask(frames, Arrival(index, entry, how), asked)
            if not asked:
                return
            async with _writing(asked[0].entry, frames):
                if await asked[0].hear(frames):
                    self._arrived(arrival := asked.popleft())
                    if arrival.is_new:
                        await frames.send(Got(arrival.index))
                else:
                    await self._ask(frames, asked.popleft(), asked)

    async def _ask(self, frames: Frames, arrival: Arrival, asked: deque[Arrival]) -> None:
        asked.append(arrival)
        question = await arrival.question()
        if question is None:
            asked.pop()
            self._arrived(arrival)
        else:
            await frames.send(question)

    def _is_there(self, index: int) -> None:
        """What comes then is thanks alone, and who is lost before it has all the same."""
        self._over.add(index)
        self.is_over = len(self._over) == len(self._entries)

    def _arrived(self, arrival: Arrival) -> None:
        self._is_there(arrival.index)
        self.places[arrival.index] = arrival.place.removeprefix("/")
        self.failed = arrival.failed or self.failed

    async def pour(self, frames: Frames, entries: Sequence[Entry], sink: Channel) -> None:
        """Take the one file there is into a channel, which stays open. Raises as `run` does, and `UsageError`."""
        if len(entries) != 1 or entries[0].is_folder:
            await decline(frames)
            raise UsageError("what is offered is not one file: name a folder for it")
        with explained(frames, self._giver):
            if not self.is_over:
                await self._pour(frames, entries[0], sink)
                self.is_over = True
                await frames.send(Got(0))
            await frames.send(Thanks())

    async def _pour(self, frames: Frames, entry: Entry, sink: Channel) -> None:
        """What was poured is out: another call goes on behind it, or not at all."""
        await frames.send(Want(0, self._poured, self._digest.digest()))
        async with asyncio.timeout(PASS_ANSWER_SECONDS):
            begins = await frames.receive(Begins)
        if begins.offset != self._poured:
            raise PassingFailed(entry.name, "it has changed since its beginning was sent")
        self._telling.tell(Deed.BEGUN, entry.name, self._poured, begins.size)
        async for data in content(frames):
            await _poured(data, sink, frames)
            self._digest.update(data)
            self._poured += len(data)
            self._telling.tell(Deed.MOVED, entry.name, len(data), begins.size)
        ended = await frames.receive(Ended)
        if ended.changed or ended.reason or ended.digest != self._digest.digest():
            raise PassingFailed(entry.name, ended.reason or "it changed while it was sent")
        self._telling.tell(Deed.DONE, entry.name)


async def _poured(data: bytes, sink: Channel, frames: Frames) -> None:
    try:
        await sink.send(data)
    except ChannelBroken as error:
        refused = CannotWrite(str(sink.remote).removesuffix(":"), error.reason)
        await decline(frames, str(refused))
        raise refused from error


def _is_room(asked: Sequence[Arrival]) -> bool:
    """Whether one more is to be asked for. Two always are, so that no large file waits for a question to arrive."""
    ahead = sum(arrival.entry.size or 0 for arrival in asked)
    return len(asked) < 2 or (len(asked) < PASS_AHEAD and ahead < PASS_AHEAD_BYTES)


@asynccontextmanager
async def _writing(entry: Entry, frames: Frames) -> AsyncIterator[None]:
    """What the disk refuses of that file ends the taking, and the giver is told."""
    try:
        yield
    except TimeoutError:  # the giver's, not the disk's
        raise
    except OSError as error:
        refused = CannotWrite(entry.name, reason_of(error))
        await decline(frames, str(refused))
        raise refused from error
