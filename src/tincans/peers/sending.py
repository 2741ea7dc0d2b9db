"""Waiting for those who have a code: each who says it is given the load, several at once (`passing.py`).

    called ──TLS──► Hello ──► paired (`pairing.py`) ──► known from then on ──► given ──► over, when as many have it
                     │ │           │                                           ▲ │        as are to
                     │ │           └ a wrong code: counted, and void at last   │ └ lost: waited for
                     │ └ with a ticket that was paired before ─────────────────┘
                     └ anything else: refused

Who gives a wrong code, who breaks off and who poses as somebody else is told in a sentence; nobody else's transfer ends
by that. Who is lost is expected back: with their ticket they go on without the code. As a receiver knows of a cut
before the sender may, whoever calls again ends their own earlier call, and is counted once, when all of it is there.

An offer that was begun and did not come to its end is kept (`invitations.py`): the same, by another process, has its
code and its port again, and knows who was lost. It waits until somebody stops it; where the code has become void, as
nobody new can come, for PASS_LOST_SECONDS after who was lost last.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import (
    ChannelError,
    CodeVoid,
    ConnectError,
    IdentityChanged,
    KnownPeersBroken,
    OfferDeclined,
    PassingFailed,
    RemoteProtocolError,
    TincansError,
    WrongCode,
)
from tincans.limits import PAIRING_SECONDS, PASS_LOST_SECONDS
from tincans.peers.frames import Frames
from tincans.peers.giving import Giver
from tincans.peers.invitations import Invitation
from tincans.peers.loads import Load
from tincans.peers.pairing import TICKET_BYTES, Ends, Hello, admit
from tincans.peers.parties import RECEIVE, News, Us, served
from tincans.peers.tls import Peer
from tincans.progress import Progress, Result, Telling
from tincans.server import Server


class Receiver:
    """Somebody who has said the code, over all their calls."""

    def __init__(self, peer: Peer, ticket: bytes, giver: Giver) -> None:
        self.peer, self.ticket = peer, ticket
        self._giver = giver
        self._frames: Frames | None = None  # those of the last call
        self._turn = asyncio.Lock()
        self._awaited: asyncio.TimerHandle | None = None

    @property
    def is_lost(self) -> bool:
        """Whether their connection was lost, and they are expected back."""
        return self._awaited is not None

    async def give(self, frames: Frames) -> bool:
        """Give them what they have not got; False where they called once more meanwhile. Raises as `Giver.run` does."""
        self.aclose()
        if self._frames is not None:
            self._frames.abort()  # they have given that one up
        self._frames = frames
        async with self._turn:
            try:
                if self._frames is frames:
                    await self._giver.run(frames)
            except (PassingFailed, ChannelError):
                if self._frames is frames:
                    raise
            return self._frames is frames

    def lose(self, given_up: Callable[[], None]) -> None:
        """Expect them back for PASS_LOST_SECONDS, and call `given_up` then."""
        self._awaited = asyncio.get_running_loop().call_later(PASS_LOST_SECONDS, self._give_up, given_up)

    def _give_up(self, given_up: Callable[[], None]) -> None:
        self._awaited = None
        given_up()

    def aclose(self) -> None:
        """Expect them no more. Idempotent."""
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None


class Sending:
    """A load that waits for those who have its code. Leaving its `async with` stops that, and all that goes on."""

    def __init__(
        self, us: Us, load: Load, invitation: Invitation, *, count: int | None = 1, progress: Progress | None = None,
        news: News = lambda text: None,
    ) -> None:  # fmt: skip
        """`count` is how many are to have received it before it is over; None for as many as come."""
        self.invitation = invitation
        #: Who have received all of it.
        self.received: list[Peer] = []
        self._us, self._load, self._count, self._news = us, load, count, news
        self._telling = Telling(progress)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._server: Server | None = None
        self._receivers: dict[tuple[bytes, bytes], Receiver] = {}  # who may call again, by ticket and key
        self._giving = 0  # to how many it is being given now
        self._broken = False  # somebody has received a part of it

    async def listen(self, address: Address) -> Address:
        """Begin to wait there, or at any port where others wait there already. Raises `ListenError`.

        An invitation that is gone on with has its own port again, where that is free.
        """
        self._server = await served(address, (self.invitation.port, address.port or 0, 0), self._attend)
        self.invitation.port = self._server.address.port or 0
        self.invitation.keep()
        return self._server.address

    async def wait(self) -> Result:
        """Wait until as many have received it as are to; gives what came of it.

        Raises `CodeVoid` when too many have guessed, and with a count of one `OfferDeclined`. Cancelling leaves it as
        it is.
        """
        await asyncio.shield(self._over)
        return self._telling.result

    async def aclose(self) -> None:
        """Idempotent. An offer that was begun and is not over can be gone on with."""
        self._broken |= self._giving > 0
        if self._server is not None:
            await self._server.aclose()
        for receiver in self._receivers.values():
            receiver.aclose()
        is_over = self._over.done() and not self._over.cancelled()
        if is_over or not self._broken:
            self.invitation.forget()
        self.invitation.close()
        if is_over:
            self._over.exception()  # whoever did not wait need not hear of it
        self._over.cancel()

    async def __aenter__(self) -> Sending:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _attend(self, channel: Channel) -> None:
        """One caller."""
        where = channel.remote.bare()
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                secure, peer = await self._us.tls.accept(channel)
                async with AsyncExitStack() as closing:
                    frames = Frames(await closing.enter_async_context(secure))
                    ticket = await self._admit(frames, peer)
                    closing.pop_all()
        except TimeoutError:
            self._news(f"{where} called, and did not say the code within {PAIRING_SECONDS:g} s")
        except (WrongCode, CodeVoid) as error:
            self._news(f"{where} gave a wrong code{error.more if isinstance(error, WrongCode) else ''}")
        except (IdentityChanged, KnownPeersBroken) as error:
            self._news(str(error))
        else:
            async with frames.channel:
                await self._give(frames, self._receiver(peer, ticket))
        self._look_whether_over()

    async def _admit(self, frames: Frames, peer: Peer) -> bytes:
        """Let in who says the code, or has said it and has their ticket from then, which is given back."""
        hello = await frames.receive(Hello)
        code, comes_again = self.invitation.code, self.invitation.knows(hello.ticket, peer.key)
        if (hello.purpose, hello.number) != (RECEIVE, code.number) or not (hello.element or comes_again):
            await frames.refuse(f"here is offer {code.number}, for those who have its code")
            raise ConnectError(peer.address.bare(), "it wanted something else", caller=True)
        if len(hello.ticket) not in (0, TICKET_BYTES):
            raise RemoteProtocolError("the other side has a ticket that is none")
        try:
            self._us.known.recognize(peer)
        except IdentityChanged:
            await frames.refuse(f"somebody else is known here as {peer.name}")
            raise
        if hello.element:
            ends = Ends(caller=peer.key, called=self._us.tls.identity.key)
            await admit(frames, hello, self.invitation, ends=ends)
            self._us.known.pin(peer)
            if hello.ticket:
                self.invitation.admit(hello.ticket, peer.key)
        return hello.ticket

    def _receiver(self, peer: Peer, ticket: bytes) -> Receiver:
        """The one whom an earlier call was of, or a new one."""
        receiver = self._receivers.get((ticket, peer.key))
        if receiver is None:
            label = str if self._count == 1 else lambda name: f"{peer.name}: {name}"
            receiver = Receiver(peer, ticket, Giver(self._load, self._telling, peer.name, label=label))
            if self.invitation.knows(ticket, peer.key):
                self._receivers[ticket, peer.key] = receiver
                self._forget()
        return receiver

    def _forget(self) -> None:
        """Those whose tickets had to make room for others'."""
        for ticket, key in list(self._receivers):
            if not self.invitation.knows(ticket, key):
                self._receivers.pop((ticket, key)).aclose()

    async def _give(self, frames: Frames, receiver: Receiver) -> None:
        if receiver.is_lost:
            self._news(f"{receiver.peer.name} is here again")
        self._giving += 1
        try:
            is_whole = await receiver.give(frames)
        except OfferDeclined as error:
            self._dismiss(receiver)
            if self._count == 1:
                self._end(error)
            else:
                self._news(str(error))
        except (PassingFailed, ChannelError) as error:
            self._broken = True
            if self._load.is_stream:
                self._end(error)
            else:
                self._news(f"{error}; waiting for them to come back")
                if self.invitation.knows(receiver.ticket, receiver.peer.key):
                    receiver.lose(self._look_whether_over)
        else:
            if is_whole:
                self._dismiss(receiver)
                self.received.append(receiver.peer)
        finally:
            self._giving -= 1

    def _dismiss(self, receiver: Receiver) -> None:
        self._receivers.pop((receiver.ticket, receiver.peer.key), None)
        self.invitation.dismiss(receiver.ticket, receiver.peer.key)

    def _look_whether_over(self) -> None:
        """As many have it as are to; or nobody else can come, and those who could again did not."""
        if len(self.received) == self._count:
            self._end()
        elif self.invitation.is_void and not (self._giving or any(each.is_lost for each in self._receivers.values())):
            self._end(CodeVoid(self.invitation.code.number))

    def _end(self, error: TincansError | None = None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)


def kept_file(folder: Path, paths: Sequence[Path]) -> Path:
    """Where the invitation to these files is kept while it is open."""
    named = "\0".join(str(path.resolve()) for path in paths)
    return folder / "sending" / f"{hashlib.sha256(os.fsencode(named)).hexdigest()[:32]}.json"
