"""Files offered to a room: a post names them, and who wants one fetches it, peer to peer, from anybody who has it.

An `Offer` is what the post says: an id, the name, the size and the SHA-256. It says nothing of where the file is.
Whoever has it answers for it: the one who offered it, and everybody who has fetched it since, so that one who has gone
is not missed and one who stays is not alone with the work. It does not matter whom the bytes come from, as their
SHA-256 is known beforehand; what came from one who broke off is gone on with from the next (`passing.py`).

    offers = Offers(trusted)                        # who may fetch: those who belong to the mesh
    mesh.answer(FILE, offers.answer)
    offer = await offers.offer(path)                # to be posted, as JSON
    path = await offers.fetch(offer, calls, folder) # a call is `lambda: tls.call(address, protocol=FILE)`
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from tincans.channel import Channel
from tincans.errors import ChannelError, ConnectError, PassingFailed, RemoteProtocolError, TincansError
from tincans.files import Files
from tincans.limits import PAIRING_SECONDS, PASS_OFFERS
from tincans.peers.frames import Frames, Message
from tincans.peers.giving import Giver, hashed
from tincans.peers.loads import Load
from tincans.peers.passing import DIGEST_BYTES, Entry, checked_path
from tincans.peers.taking import Taker, offered
from tincans.peers.tls import Peer
from tincans.progress import Progress, Telling

#: Calls somebody who may have a file; whose channel it is was found out by the handshake.
Call = Callable[[], Awaitable[tuple[Channel, Peer]]]

_ID_BYTES = 16


class Fetch(Message, frozen=True):
    """Who calls wants the file of that offer."""

    id: str


class Offer(msgspec.Struct, frozen=True):
    """What is said of a file in a room. All of it comes from the one who offers, and is checked before it is used."""

    id: str
    name: str
    size: int
    sha256: str

    @property
    def entry(self) -> Entry:
        """The file, to be put in one folder. Raises `RemoteProtocolError` where its name would leave that."""
        name, digest = os.fsencode(self.name), _digest(self.sha256)
        if b"/" in name or self.size < 0 or len(digest) != DIGEST_BYTES:
            raise RemoteProtocolError("the offer is not one of a file")
        return Entry(checked_path(name), self.size)


class Offers:
    """The files that we have, and answer for; and how others' are fetched."""

    def __init__(self, trusted: Callable[[Peer], bool]) -> None:
        """`trusted` says who may fetch."""
        self._trusted = trusted
        self._held: dict[str, Path] = {}

    async def offer(self, path: Path) -> Offer:
        """Answer for that file from now on; it is read once, for its SHA-256. Raises `CannotRead` and `UsageError`."""
        load = Load.of([path])
        entry = load.entries[0]
        if entry.is_folder:
            raise PassingFailed(str(path), "it is a folder: offer its files, or an archive")
        fd = load.open(0)
        try:
            size = os.fstat(fd).st_size
            digest = await hashed(fd, size)
        finally:
            os.close(fd)
        offer = Offer(secrets.token_hex(_ID_BYTES), entry.name, size, digest.hexdigest())
        self._hold(offer.id, path)
        return offer

    def has(self, id: str) -> bool:  # noqa: A002
        """Whether we answer for the file of that offer."""
        return id in self._held

    def withdraw(self, id: str) -> None:  # noqa: A002
        """Answer for it no more. What goes on is not cut off."""
        self._held.pop(id, None)

    def _hold(self, id: str, path: Path) -> None:  # noqa: A002
        """The oldest is let go where there are too many."""
        self._held[id] = path.resolve()
        if len(self._held) > PASS_OFFERS:
            del self._held[next(iter(self._held))]

    async def answer(self, channel: Channel, peer: Peer) -> None:
        """Give what a caller wants, if they may have it. Never raises what they did; whoever called closes."""
        frames = Frames(channel)
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                wanted = await frames.receive(Fetch)
            path = self._held.get(wanted.id)
            if path is None or not self._trusted(peer):
                await frames.refuse("there is no such file here, or not for you")
                return
            await Giver(Load.of([path]), Telling(), peer.name).run(frames)
        except (TincansError, TimeoutError):
            pass

    async def fetch(self, offer: Offer, calls: Sequence[Call], folder: Path, progress: Progress | None = None) -> Path:
        """Fetch it into `folder` from the first of `calls` that has it, or from one after the other; gives where.

        A file of that name with another content is not written over. Raises `PassingFailed` where none of them has it,
        `CannotWrite`, `UsageError` where there is no such folder, and `RemoteProtocolError` for an offer that is none.
        Then, and when it is cancelled, what came is kept for another time.
        """
        entry, files = offer.entry, Files(folder, write=True)
        why: TincansError = PassingFailed(offer.name, "nobody is there who has it")
        try:
            for call in calls:
                try:
                    place = await self._fetch(offer, entry, call, files, progress)
                except (PassingFailed, ConnectError, ChannelError) as error:
                    why = error
                    continue
                path = folder / place
                self._hold(offer.id, path)
                return path
        finally:
            files.close()
        raise PassingFailed(offer.name, str(why)) from why

    async def _fetch(self, offer: Offer, entry: Entry, call: Call, files: Files, progress: Progress | None) -> str:
        channel, peer = await call()
        async with channel:
            frames = Frames(channel)
            await frames.send(Fetch(offer.id))
            if [(each.size, each.is_folder) for each in await offered(frames)] != [(entry.size, False)]:
                raise PassingFailed(peer.name, "has another file there by now")
            taker = Taker(peer.name, Telling(progress), expected=_digest(offer.sha256))
            await taker.run(frames, [entry], files)
            if taker.failed:
                raise PassingFailed(peer.name, taker.failed)
            return taker.places[0]


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
