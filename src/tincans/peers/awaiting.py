"""Waiting for files: from peers that are known (`known.py`), and from nobody else. Their keys are enough."""

from __future__ import annotations

import asyncio

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import IdentityChanged, PassingFailed, TincansError, UnknownPeer
from tincans.limits import PAIRING_SECONDS
from tincans.peers.frames import Frames
from tincans.peers.pairing import Hello
from tincans.peers.parties import SEND, Errand, News, Offered, Taking, Us, served
from tincans.peers.tls import Peer
from tincans.progress import Result
from tincans.server import Server


class Waiting:
    """Takes what known peers give. Leaving its `async with` stops that, and what goes on; what came of it stays."""

    def __init__(self, us: Us, how: Taking, *, count: int | None = 1, news: News = lambda text: None) -> None:
        """`count` is how many times something is to be taken before it is over; None for as many as come."""
        self._us, self._how, self._news, self._left = us, how, news, count
        self._asking = asyncio.Lock()
        self._over = asyncio.Event()
        self._server: Server | None = None
        #: What came of each.
        self.results: list[Result] = []

    async def listen(self, address: Address) -> Address:
        """Begin to wait there, or at any port where others wait there already. Raises `ListenError`."""
        self._server = await served(address, (address.port or 0, 0), self._attend)
        return self._server.address

    async def wait(self) -> None:
        """Wait until as much was taken as is to be. Cancelling leaves it as it is."""
        await self._over.wait()

    async def aclose(self) -> None:
        """Idempotent."""
        if self._server is not None:
            await self._server.aclose()

    async def __aenter__(self) -> Waiting:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _attend(self, channel: Channel) -> None:
        """One caller. What goes wrong is told to us in full, and to them what is theirs to know."""
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                secure, peer = await self._us.tls.accept(channel)
        except TimeoutError:
            return
        async with secure:
            frames = Frames(secure)
            try:
                await self._take(frames, await self._known(frames, peer))
            except (TincansError, TimeoutError) as error:
                self._news(f"nothing was taken from {peer.name}: {str(error) or 'it said nothing for too long'}")
                await frames.refuse(_why_not(error, peer))

    async def _known(self, frames: Frames, peer: Peer) -> Peer:
        """The peer, by the name that it has here, if it is known and wants to give something."""
        async with asyncio.timeout(PAIRING_SECONDS):
            hello = await frames.receive(Hello)
        known = self._us.known.recognize(peer)
        if known is None:
            raise UnknownPeer(peer.address, peer.name, peer.fingerprint)
        if hello.purpose != SEND:
            raise PassingFailed(peer.name, "it wants to be given something, and here is nothing")
        return peer._replace(name=known.name)

    async def _take(self, frames: Frames, peer: Peer) -> None:
        errand = Errand(peer, self._how._replace(agree=self._one_by_one))
        await errand.run(frames)
        self.results.append(errand.result())
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._over.set()

    async def _one_by_one(self, offered: Offered) -> bool:
        """A person is asked one thing at a time."""
        async with self._asking:
            return await self._how.agree(offered)


def _why_not(error: Exception, peer: Peer) -> str:
    """What a caller is told: nothing of what we know of others."""
    if isinstance(error, UnknownPeer):
        return "you are not known here: pair by a code first"
    if isinstance(error, IdentityChanged):
        return f"somebody else is known here as {peer.name}"
    return str(error) or "you said nothing for too long"
