"""Calling a peer until there is a link, and again whenever it was lost.

    call ──► linked ──lost──► pause ──► call …       pauses double up to PEER_RETRY_MOST; a link that was there resets
    them
      └─no──► pause ──► call …
      └─never: another identity, another mesh, ourselves

Where there is a link with that peer already, because it called us, nobody is called. A pause is shortened by up to a
half, by chance, so that a hundred peers whose network comes back do not all call at one moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from tincans.address import Address
from tincans.errors import (
    ChannelError,
    ConnectError,
    IdentityChanged,
    KnownPeersBroken,
    PostsError,
    ThisPeer,
    TincansError,
    UnknownPeer,
    WrongMesh,
)
from tincans.peers.identity import Fingerprint
from tincans.peers.links import Link, Pace
from tincans.tasks import spawn

#: Calling whoever is at an address again would be answered in the same way, until a person changes something.
FINAL = (IdentityChanged, UnknownPeer, WrongMesh, ThisPeer)


class Caller(Protocol):
    """What a call asks of its mesh."""

    pace: Pace

    def linked_with(self, key: bytes | None, fingerprint: Fingerprint | None) -> Link | None:
        """The link with the peer of that key or fingerprint, if there is one."""

    async def call_once(self, call: Call, address: Address) -> None:
        """Call, link, and stay linked. Always raises why not, or why no longer; `call.met` is told who it is."""

    def told_of_call(self, call: Call, error: TincansError) -> None:
        """A call failed, or a link was lost."""


class Call:
    """One peer that shall be linked. It goes on until `stop`, or until calling has no use."""

    def __init__(
        self, caller: Caller, where: Callable[[], Sequence[Address]], *, expected: Fingerprint | None = None,
        explicit: bool = False, jitter: Callable[[], float] = random.random, delay: float = 0.0,
    ) -> None:  # fmt: skip
        """`where` gives the addresses to try, in turn; when there are none any more it ends.

        `expected` is who has to answer; `explicit` says that somebody in front of the screen named the address.
        """
        self.expected, self.explicit = expected, explicit
        #: Who it is, once there was a link.
        self.key: bytes | None = None
        #: Why it ended, where calling has no use.
        self.error: TincansError | None = None
        self._caller, self._where, self._jitter, self._delay = caller, where, jitter, delay
        self._pause = caller.pace.retry_first
        self._told = ""  # the last reason that there was no link
        self._linked = asyncio.Event()
        self._task = spawn(self._run())

    @property
    def over(self) -> bool:
        return self._task.done()

    async def linked(self) -> bytes:
        """Wait until there is a link: the peer's key. Raises why there never will be. Cancelling changes nothing."""
        waiting = spawn(self._linked.wait())
        try:
            await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.error is not None:
            raise self.error
        if self.key is None or not self._linked.is_set():
            raise asyncio.CancelledError
        return self.key

    async def stop(self) -> None:
        """Call no more; a link that it made is closed. Idempotent."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def met(self, key: bytes) -> None:
        """There is a link with this peer."""
        self.key, self._told = key, ""
        self._pause = self._caller.pace.retry_first
        self._linked.set()

    async def _run(self) -> None:
        turn = 0
        await asyncio.sleep(self._delay)
        while addresses := self._where():
            try:
                if (link := self._caller.linked_with(self.key, self.expected)) is not None:
                    self.met(link.peer.key)
                    await link.over.wait()
                else:
                    await self._caller.call_once(self, addresses[turn % len(addresses)])
            except (ConnectError, ChannelError, PostsError, KnownPeersBroken) as error:
                if self.expected is None and isinstance(error, FINAL):
                    self.error = error
                if str(error) != self._told:
                    self._told = str(error)
                    self._caller.told_of_call(self, error)
                if self.error is not None:
                    return
            turn += 1
            await asyncio.sleep(self._pause * (1 - self._jitter() / 2))
            self._pause = min(2 * self._pause, self._caller.pace.retry_most)
