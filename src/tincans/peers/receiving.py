"""Receiving by a code: pairing once, taking, and calling again by oneself whenever the connection was lost.

    call ─► pair by the code ─► take ──all is there──► thank ──goodbye──► over
                                 ▲ │                     │
                                 │ └─────── lost ────────┘
                                 │           ▼
         Hello with the ticket ──┴── call ◄── pause ──► PASS_LOST_SECONDS in which nothing came: given up

The code is used once. Whoever is called again has to have the key that was paired with, and knows the caller by theirs
and a ticket (`invitations.py`); so nobody can come in between by cutting a connection, and no guess is lost by it. What
came is gone on with at the byte where it was, as after any cut (`passing.py`).

A sender who stops says goodbye, and is not called again; one who was killed or whose machine sleeps cannot, and may be
there again. Who has all of it and could not say so calls again as well, for PASS_THANKS_SECONDS, but has succeeded.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.errors import (
    ChannelError,
    ConnectError,
    ConnectionRefused,
    IdentityChanged,
    PassingFailed,
    PassingLost,
    PeerRefused,
    TincansError,
    WrongPeer,
)
from tincans.limits import (
    PAIRING_SECONDS,
    PASS_LOST_SECONDS,
    PASS_RETRY_FIRST,
    PASS_RETRY_MOST,
    PASS_THANKS_SECONDS,
)
from tincans.peers.codes import Code
from tincans.peers.frames import Frames
from tincans.peers.identity import Fingerprint
from tincans.peers.pairing import TICKET_BYTES, Ends, Hello, introduce
from tincans.peers.parties import RECEIVE, Errand, News, Taking, Us
from tincans.peers.taking import explained
from tincans.peers.tls import FILE, Peer
from tincans.progress import Result

_MINUTES = PASS_LOST_SECONDS / 60

#: Calling again would be answered in the same way.
_FINAL = (WrongPeer, PeerRefused, IdentityChanged)


class Receiving:
    """One receiver of one offer, over all its calls."""

    def __init__(self, us: Us, code: Code, addresses: Sequence[Address], how: Taking, news: News) -> None:
        self._us, self._code, self._addresses, self._how, self._news = us, code, list(addresses), how, news
        self._ticket = secrets.token_bytes(TICKET_BYTES)
        self._pause = PASS_RETRY_FIRST
        self._given_up = 0.0  # when it will be, by the loop's clock, unless something comes
        self._came: tuple[int, bool] | None = None  # how much had, and whether all, when it was lost last

    async def run(self) -> Result:
        """Raises as `transfers.receive` does."""
        frames, peer = await self._paired()
        errand = Errand(peer, self._how)
        try:
            while (lost := await self._take(errand, frames, peer)) is not None:
                frames = await self._call_again(peer, errand, lost)
        except TincansError:
            if not errand.is_over:  # else it has succeeded, though nobody hears so
                raise
        return errand.result()

    async def _take(self, errand: Errand, frames: Frames, peer: Peer) -> PassingLost | None:
        """Take, thank, and close; how the connection was lost, if it was before the giver is known to have heard."""
        try:
            async with frames.channel:
                await errand.run(frames)
                await _said_goodbye(frames, peer)
        except PassingLost as lost:
            return lost
        return None

    async def _paired(self) -> tuple[Frames, Peer]:
        """Call, and say the code; both know each other from then on."""
        channel, peer = await call_one(self._us, self._addresses)
        frames = Frames(channel)
        try:
            self._us.known.recognize(_met(peer))
            ends = Ends(caller=self._us.tls.identity.key, called=peer.key)
            async with asyncio.timeout(PAIRING_SECONDS):
                await introduce(frames, self._code, purpose=RECEIVE, ends=ends, ticket=self._ticket)
            self._us.known.pin(_met(peer))
        except TimeoutError as error:
            await frames.aclose()
            raise PassingFailed(peer.name, f"did not answer within {PAIRING_SECONDS:g} s") from error
        except BaseException:
            await frames.aclose()
            raise
        self._addresses.sort(key=lambda address: address != peer.address)  # where they were found is tried first
        return frames, peer

    async def _call_again(self, peer: Peer, errand: Errand, lost: TincansError) -> Frames:
        """The frames of another call, as soon as there is one.

        Raises `PassingFailed` when it is given up, and what calling again would be answered with in the same way; for
        who has all of it that is also that nobody listens there any more.
        """
        if not errand.can_go_on:
            raise lost
        self._begin_anew(errand)
        final = (*_FINAL, ConnectionRefused) if errand.is_over else _FINAL
        while asyncio.get_running_loop().time() < self._given_up:
            await asyncio.sleep(self._pause * (1 - random.random() / 2))
            self._pause = min(2 * self._pause, PASS_RETRY_MOST)
            try:
                return await self._called(peer)
            except final:
                raise
            except (ConnectError, ChannelError) as error:
                lost = error
        why = lost.reason if isinstance(lost, PassingLost) else lost
        raise PassingFailed(peer.name, f"did not come back within {_MINUTES:g} min: {why}") from lost

    def _begin_anew(self, errand: Errand) -> None:
        """Allow the whole time, if something came since it was lost last, and say so."""
        came = errand.came, errand.is_over
        if came == self._came:
            return
        self._came, self._pause = came, PASS_RETRY_FIRST
        most = PASS_THANKS_SECONDS if errand.is_over else PASS_LOST_SECONDS
        self._given_up = asyncio.get_running_loop().time() + most
        self._news("the connection was lost; calling again …")

    async def _called(self, peer: Peer) -> Frames:
        """Call whoever was paired with, and show the ticket."""
        channel, _ = await call_one(self._us, self._addresses, peer.fingerprint)
        frames = Frames(channel)
        try:
            await frames.send(Hello(RECEIVE, self._code.number, ticket=self._ticket))
        except BaseException:
            await frames.aclose()
            raise
        return frames


async def _said_goodbye(frames: Frames, peer: Peer) -> None:
    """Wait until the giver has heard that all is there. Raises `PassingLost` where that is not known."""
    with explained(frames, peer.name):
        async with asyncio.timeout(PASS_THANKS_SECONDS):
            await frames.ended()


def _met(peer: Peer) -> Peer:
    """A peer whose address is not to be remembered: it is that of one offer."""
    return peer._replace(side=Side.CLIENT)


async def call_one(us: Us, addresses: Sequence[Address], expected: Fingerprint | None = None) -> tuple[Channel, Peer]:
    """Call the first of `addresses` that answers. Raises as `PeerTls.call` does, for the last of them."""
    for address in addresses[:-1]:
        try:
            return await us.tls.call(address, protocol=FILE, expected=expected)
        except ConnectError:
            continue
    return await us.tls.call(addresses[-1], protocol=FILE, expected=expected)
