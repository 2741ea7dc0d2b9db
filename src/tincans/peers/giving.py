"""The end that gives: it says what there is, and gives what is wanted of it (`passing.py`)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from tincans.channel import linger
from tincans.errors import (
    ChannelBroken,
    ChannelError,
    EndOfStream,
    OfferDeclined,
    PassingFailed,
    PassingLost,
    RemoteProtocolError,
    TincansError,
    reason_of,
)
from tincans.limits import PASS_ANSWER_SECONDS, PASS_FILES_A_MESSAGE, PASS_GOODBYE_SECONDS, PATIENCE_SECONDS
from tincans.peers.frames import Frames
from tincans.peers.loads import Load, Stream
from tincans.peers.passing import HASH, Begins, Check, Checked, Ended, Got, Offering, Stopped, Thanks, Want, pieces
from tincans.progress import Deed, Telling
from tincans.tasks import spawn


class _Look(NamedTuple):
    """What of a file's status says that it is another now."""

    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def at(cls, fd: int) -> _Look:
        status = os.fstat(fd)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Giver:
    """Gives a load to one taker, by one call or, where one is lost, by several. Files are told under `label` of their
    name; one is told as DONE when the taker says that it is there.
    """

    def __init__(self, load: Load, telling: Telling, taker: str, *, label: Callable[[str], str] = str) -> None:
        """`taker` is who it is given to, for the errors."""
        self._load, self._telling, self._taker, self._label = load, telling, taker, label
        self._sent: dict[int, int] = {}  # the sizes of those that were given, and of which nothing was heard since
        self._is_found = False  # what there is has been told
        self._is_streamed = False  # what comes once has begun
        self._is_parting = False

    async def run(self, frames: Frames) -> None:
        """Until the taker has all that it wants, over frames that stay open. One call at a time.

        Raises `OfferDeclined` where it wants nothing, `PassingFailed` where it cannot go on or stands still, of which
        `PassingLost` says that it may call again, and `RemoteProtocolError`. When cancelled it ends the piece that is
        on its way and says goodbye, if that takes no longer than PASS_GOODBYE_SECONDS: close the channel then.
        """
        self._frames = frames
        try:
            await self._offer()
            while not isinstance(asked := await self._asked(), Thanks):
                if isinstance(asked, Got):
                    self._got(asked.index)
                elif isinstance(asked, Stopped):
                    raise PassingFailed(self._taker, asked.reason) if asked.reason else OfferDeclined(self._taker)
                else:
                    await self._whole(self._answer(asked))
        except (EndOfStream, ChannelBroken) as error:
            raise PassingLost(self._taker, "went away before all was there") from error
        except TimeoutError as error:
            raise PassingLost(self._taker, "took nothing for too long") from error
        for index in tuple(self._sent):
            self._got(index)

    async def _asked(self) -> Want | Check | Got | Thanks | Stopped:
        try:
            async with asyncio.timeout(PASS_ANSWER_SECONDS):
                return await self._frames.receive(Want, Check, Got, Thanks, Stopped)
        except asyncio.CancelledError:
            with suppress(ChannelError, TimeoutError):
                async with asyncio.timeout(PASS_GOODBYE_SECONDS):
                    await linger(self._frames.channel)
            raise

    async def _whole(self, answer: Coroutine[Any, Any, None]) -> None:
        """Answer, and when cancelled meanwhile come to where a goodbye can be said: half a piece is none."""
        answering = spawn(answer)
        try:
            await asyncio.shield(answering)
        except asyncio.CancelledError:
            self._is_parting = True
            with suppress(TincansError, TimeoutError, OSError):
                async with asyncio.timeout(PASS_GOODBYE_SECONDS):
                    await answering
                    await linger(self._frames.channel)
            raise
        finally:
            answering.cancel()

    def _got(self, index: int) -> None:
        size = self._sent.pop(index, None)
        if size is None:
            raise RemoteProtocolError("the other side has got a file that it was not given")
        self._telling.tell(Deed.DONE, self._name(index), size, size)

    async def _offer(self) -> None:
        entries = self._load.entries
        self._find()
        for at in range(0, len(entries) or 1, PASS_FILES_A_MESSAGE):
            some = list(entries[at : at + PASS_FILES_A_MESSAGE])
            more = at + len(some) < len(entries)
            await self._send_within(Offering(some, more))

    def _find(self) -> None:
        """Tell once what there is, where it is more than a file."""
        files = [index for index, entry in enumerate(self._load.entries) if not entry.is_folder]
        for index in files if len(files) > 1 and not self._is_found else ():
            self._telling.tell(Deed.FOUND, self._name(index), size=self._load.entries[index].size)
        self._is_found = True

    async def _send_within(self, message: Offering | Begins | Checked) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._frames.send(message)

    async def _answer(self, asked: Want | Check) -> None:
        if not 0 <= asked.index < len(self._load.entries) or self._load.entries[asked.index].is_folder:
            raise RemoteProtocolError("the other side wants a file that was not offered")
        if isinstance(self._load, Stream):
            await self._give_stream(self._load)
            return
        try:
            fd = self._load.open(asked.index)
        except OSError as error:
            await self._cannot(asked, reason_of(error))
            return
        try:
            if isinstance(asked, Check):
                await self._check(asked, fd)
            else:
                await self._give(asked, fd)
        finally:
            os.close(fd)

    async def _cannot(self, asked: Want | Check, reason: str) -> None:
        """The file is not there any more, or not to be read."""
        if isinstance(asked, Check):
            await self._send_within(Checked(False))
            return
        await self._send_within(Begins(0, 0))
        await self._frames.send_end(Ended(reason=reason))
        self._telling.tell(Deed.FAILED, self._name(asked.index), reason=reason)

    async def _check(self, asked: Check, fd: int) -> None:
        size = os.fstat(fd).st_size
        same = (await hashed(fd, size)).digest() == asked.digest
        await self._send_within(Checked(same))
        if same:
            self._telling.tell(Deed.SAME, self._name(asked.index))

    async def _give(self, want: Want, fd: int) -> None:
        name, look, status = self._name(want.index), _Look.at(fd), os.fstat(fd)
        digest, offset = HASH(), 0
        if 0 < want.offset <= look.size:
            begun = await hashed(fd, want.offset)
            if begun.digest() == want.digest:
                digest, offset = begun, want.offset
        runs = bool(status.st_mode & stat.S_IXUSR)
        await self._send_within(Begins(offset, look.size, look.modified, runs))
        self._telling.tell(Deed.BEGUN, name, offset, look.size)
        reason = ""
        try:
            for piece in pieces(fd, offset, look.size):
                digest.update(piece)
                await self._send_piece(piece, name, look.size)
                if self._is_parting:
                    return
        except TimeoutError:  # the taker's, not the file's
            raise
        except OSError as error:
            reason = reason_of(error)
        await self._end(want.index, Ended(digest.digest(), reason, changed=_Look.at(fd) != look), look.size)

    async def _give_stream(self, stream: Stream) -> None:
        if self._is_streamed:
            raise RemoteProtocolError("the other side wants a second time what comes once")
        name, digest, size = self._name(0), HASH(), 0
        self._is_streamed = True
        await self._send_within(Begins(0, None))
        self._telling.tell(Deed.BEGUN, name)
        async for piece in stream.channel:
            digest.update(piece)
            size += len(piece)
            await self._send_piece(piece, name, None)
            if self._is_parting:
                return
        await self._end(0, Ended(digest.digest()), size)

    async def _send_piece(self, piece: bytes, name: str, size: int | None) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._frames.send_piece(piece)
        self._telling.tell(Deed.MOVED, name, len(piece), size)

    async def _end(self, index: int, ended: Ended, size: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._frames.send_end(ended)
        name = self._name(index)
        if ended.changed:
            self._telling.tell(Deed.SKIPPED, name, reason="it changed meanwhile, and is given anew if it is wanted")
        elif ended.reason:
            self._telling.tell(Deed.FAILED, name, reason=ended.reason)
        else:
            self._sent[index] = size

    def _name(self, index: int) -> str:
        return self._label(self._load.entries[index].name)


async def hashed(fd: int, count: int) -> hashlib._Hash:
    """The hash of a file's first `count` bytes, made in slices of about a millisecond. Raises `OSError`."""
    digest = HASH()
    for number, piece in enumerate(pieces(fd, 0, count)):
        digest.update(piece)
        if number % 4 == 3:
            await asyncio.sleep(0)
    return digest
