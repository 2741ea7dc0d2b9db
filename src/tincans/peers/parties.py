"""Two who pass files: who we are, what is said first, and what a person is asked and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import AddressInUse, OfferDeclined, TreeIncomplete
from tincans.files import Files
from tincans.limits import PASS_RECEIVERS, Limits
from tincans.peers.frames import Frames
from tincans.peers.known import Known
from tincans.peers.passing import Entry
from tincans.peers.taking import Taker, decline, explained, offered
from tincans.peers.tls import Peer, PeerTls
from tincans.progress import Progress, Result, Telling
from tincans.server import App, Server, serve

#: Purposes of a `Hello`: to be given what the code is for; to give what one has.
RECEIVE, SEND = "receive", "send"

_LIMITS = Limits(clients=PASS_RECEIVERS, drain=0.0)

#: Is told in a sentence what a person at this end should know. Some words of it are a peer's.
News = Callable[[str], object]


class Us(NamedTuple):
    """Who we are, and whom we know."""

    tls: PeerTls
    known: Known


class Offered(NamedTuple):
    """What a peer offers, for a person to decide."""

    peer: Peer
    entries: Sequence[Entry]

    @property
    def files(self) -> int:
        return sum(not entry.is_folder for entry in self.entries)

    @property
    def size(self) -> int | None:
        """Bytes of all of it; None where that is not known."""
        sizes = [entry.size for entry in self.entries]
        return None if None in sizes else sum(size for size in sizes if size is not None)


#: Whether somebody wants what is offered.
Agree = Callable[[Offered], Awaitable[bool]]


async def yes(offered: Offered) -> bool:
    """Wants whatever it is."""
    return True


class Taking(NamedTuple):
    """Where what is offered goes, and how."""

    #: A folder, or a channel for one file.
    target: Path | Channel
    agree: Agree = yes
    overwrite: bool = False
    progress: Progress | None = None


class Errand:
    """Taking what one peer offers, if it is wanted: by one call or, where one is lost, by several."""

    def __init__(self, peer: Peer, how: Taking) -> None:
        self._peer, self._how = peer, how
        self._telling = Telling(how.progress)
        self._taker = Taker(peer.name, self._telling)
        self._agreed: Sequence[Entry] | None = None

    @property
    def is_over(self) -> bool:
        """Whether all that could be given is there, and only the giver may not know it."""
        return self._taker.is_over

    @property
    def can_go_on(self) -> bool:
        """Whether another call could go on with it: what comes from a pipe comes once."""
        return all(entry.size is not None for entry in self._agreed or ())

    @property
    def came(self) -> int:
        """Bytes that came by now."""
        return self._telling.result.bytes

    async def run(self, frames: Frames) -> None:
        """Take it, over frames that stay open. Who was asked once is asked again only where something else is offered.

        Raises as `Taker.run` does, and `OfferDeclined` and `UsageError`.
        """
        with explained(frames, self._peer.name):
            entries = await offered(frames)
        if entries != self._agreed and not await self._how.agree(Offered(self._peer, entries)):
            await decline(frames)
            raise OfferDeclined("you")
        self._agreed = entries
        if isinstance(self._how.target, Channel):
            await self._taker.pour(frames, entries, self._how.target)
            return
        files = Files(self._how.target, write=True)
        try:
            await self._taker.run(frames, entries, files, overwrite=self._how.overwrite)
        finally:
            files.close()

    def result(self) -> Result:
        """What came of it. Raises `TreeIncomplete` where some could not be given."""
        result = self._telling.result
        if result.failed:
            raise TreeIncomplete(self._peer.name, result.failed, result.failed + result.files + result.same)
        return result


async def served(address: Address, ports: Sequence[int], app: App) -> Server:
    """A server at the first of these ports that is free; 0 always is, and means nothing before the last."""
    for port in ports[:-1]:
        try:
            if port:
                return await serve(address._replace(port=port), app, limits=_LIMITS)
        except AddressInUse:
            continue
    return await serve(address._replace(port=ports[-1]), app, limits=_LIMITS)
