"""Files from one peer to another: `send` and `receive`, with a spoken code or between peers that know each other.

    with a code     send waits, receive CODE calls: they pair (`pairing.py`), and know each other from then on
    without one     receive waits, and takes from known peers alone; send --peer NAME calls

Either way the two are inside mutual TLS (`tls.py`), one `Hello` says who wants what, and then the one gives and the
other takes (`passing.py`). Several may receive at once by one code; what is read for each is read for them alone.

A code's number is no secret, and the guesses are counted (`invitations.py`). Who gives a wrong code, who breaks off and
who is not known is told to `news`, in a sentence; nobody else's transfer ends by that.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import (
    AddressInUse,
    ChannelError,
    CodeVoid,
    ConnectError,
    IdentityChanged,
    OfferDeclined,
    PassingFailed,
    TincansError,
    TreeIncomplete,
    UnknownPeer,
    WrongCode,
)
from tincans.files import Files
from tincans.limits import PAIRING_SECONDS, PASS_RECEIVERS, Limits
from tincans.peers.codes import Code
from tincans.peers.frames import Frames
from tincans.peers.giving import Giver
from tincans.peers.identity import Fingerprint
from tincans.peers.invitations import Invitation
from tincans.peers.known import Known
from tincans.peers.loads import Load
from tincans.peers.pairing import Ends, Hello, admit, introduce
from tincans.peers.passing import Entry
from tincans.peers.taking import Taker, decline, offered
from tincans.peers.tls import FILE, Peer, PeerTls
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


# ── to whoever has the code ───────────────────────────────────────────────────────────────────────────────


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
        self._giving = 0  # to how many it is being given now
        self._broken = False  # somebody has received a part of it

    async def listen(self, address: Address) -> Address:
        """Begin to wait there, or at any port where others wait there already. Raises `ListenError`.

        An invitation that is gone on with has its own port again, where that is free.
        """
        self._server = await _served(address, (self.invitation.port, address.port or 0, 0), self._attend)
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
                    await self._admit(frames, peer)
                    closing.pop_all()
        except TimeoutError:
            self._news(f"{where} called, and did not say the code within {PAIRING_SECONDS:g} s")
        except (WrongCode, CodeVoid) as error:
            self._news(f"{where} gave a wrong code{error.more if isinstance(error, WrongCode) else ''}")
        except IdentityChanged as error:
            self._news(str(error))
        else:
            async with frames.channel:
                await self._give(frames, peer)
        if self.invitation.is_void and not self._giving:
            self._end(CodeVoid(self.invitation.code.number))

    async def _admit(self, frames: Frames, peer: Peer) -> None:
        hello = await frames.receive(Hello)
        code = self.invitation.code
        if (hello.purpose, hello.number) != (RECEIVE, code.number) or not hello.element:
            await frames.refuse(f"here is offer {code.number}, for those who have its code")
            raise ConnectError(peer.address.bare(), "it wanted something else", caller=True)
        try:
            self._us.known.recognize(peer)
        except IdentityChanged:
            await frames.refuse(f"somebody else is known here as {peer.name}")
            raise
        ends = Ends(caller=peer.key, called=self._us.tls.identity.key)
        await admit(frames, hello, self.invitation, ends=ends)
        self._us.known.pin(peer)

    async def _give(self, frames: Frames, peer: Peer) -> None:
        label = str if self._count == 1 else lambda name: f"{peer.name}: {name}"
        self._giving += 1
        try:
            await Giver(frames, self._load, self._telling, peer.name, label=label).run()
        except OfferDeclined as error:
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
        else:
            self.received.append(peer)
            if len(self.received) == self._count:
                self._end()
        finally:
            self._giving -= 1

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


async def receive(
    us: Us, code: Code, addresses: Sequence[Address], folder: Path | Channel, *, agree: Agree = yes,
    overwrite: bool = False, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Call the first of `addresses` that answers, pair by the code, and take what is offered.

    Raises `ConnectError` (of which `IdentityChanged` says that a known peer has another key), `WrongCode`, `CodeVoid`,
    `OfferDeclined` where `agree` says no, `PassingFailed`, `CannotWrite`, `TreeIncomplete` where some could not be
    given, `ChannelError`. Then, and when it is cancelled, what came is kept for another time, and nothing is open.
    """
    channel, peer = await _call_one(us, addresses)
    async with channel:
        frames = Frames(channel)
        us.known.recognize(_met(peer))
        ends = Ends(caller=us.tls.identity.key, called=peer.key)
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                await introduce(frames, code, purpose=RECEIVE, ends=ends)
        except TimeoutError as error:
            raise PassingFailed(peer.name, f"did not answer within {PAIRING_SECONDS:g} s") from error
        us.known.pin(_met(peer))
        return await _take(frames, peer, folder, agree, overwrite, progress)


def _met(peer: Peer) -> Peer:
    """A peer whose address is not to be remembered: it is that of one offer."""
    return peer._replace(side=peer.side.other) if peer.side.value == "server" else peer


async def _call_one(us: Us, addresses: Sequence[Address], expected: Fingerprint | None = None) -> tuple[Channel, Peer]:
    for address in addresses[:-1]:
        try:
            return await us.tls.call(address, protocol=FILE, expected=expected)
        except ConnectError:
            continue
    return await us.tls.call(addresses[-1], protocol=FILE, expected=expected)


async def _take(
    frames: Frames, peer: Peer, folder: Path | Channel, agree: Agree, overwrite: bool, progress: Progress | None
) -> Result:
    entries = await offered(frames)
    if not await agree(Offered(peer, entries)):
        await decline(frames)
        raise OfferDeclined("you")
    telling = Telling(progress)
    taker = Taker(frames, peer.name, telling)
    if isinstance(folder, Channel):
        await taker.pour(entries, folder)
        return telling.result
    files = Files(folder, write=True)
    try:
        await taker.run(entries, files, overwrite=overwrite)
    finally:
        files.close()
    result = telling.result
    if result.failed:
        raise TreeIncomplete(peer.name, result.failed, result.failed + result.files + result.same)
    return result


async def _served(address: Address, ports: Sequence[int], app: App) -> Server:
    """A server at the first of these ports that is free; 0 always is, and means nothing before the last."""
    for port in ports[:-1]:
        try:
            if port:
                return await serve(address._replace(port=port), app, limits=_LIMITS)
        except AddressInUse:
            continue
    return await serve(address._replace(port=ports[-1]), app, limits=_LIMITS)


# ── between peers that know each other ────────────────────────────────────────────────────────────────────


async def send_to(
    us: Us, name: str, addresses: Sequence[Address], load: Load, *, progress: Progress | None = None
) -> Result:
    """Call a known peer that waits for files at the first of `addresses` that answers, and give it the load.

    Raises `NoSuchPeer`, `ConnectError` (of which `WrongPeer` says that somebody else is there, and `PeerRefused` that
    we are not known there), `OfferDeclined`, `PassingFailed`, `ChannelError`. Cancelling closes all.
    """
    known = us.known.named(name)
    channel, _ = await _call_one(us, addresses, known.fingerprint)
    async with channel:
        frames, telling = Frames(channel), Telling(progress)
        await frames.send(Hello(SEND))
        await Giver(frames, load, telling, name).run()
        return telling.result


class Waiting:
    """Takes what known peers give, into a folder. Leaving its `async with` stops that."""

    def __init__(
        self, us: Us, folder: Path, *, count: int | None = 1, agree: Agree = yes, overwrite: bool = False,
        progress: Progress | None = None, news: News = lambda text: None,
    ) -> None:  # fmt: skip
        """`count` is how many times something is to be taken before it is over; None for as many as come."""
        self._us, self._folder, self._agree, self._overwrite = us, folder, agree, overwrite
        self._progress, self._news, self._left = progress, news, count
        self._asking = asyncio.Lock()
        self._over = asyncio.Event()
        self._server: Server | None = None
        #: What came of each.
        self.results: list[Result] = []

    async def listen(self, address: Address) -> Address:
        """Begin to wait there, or at any port where others wait there already. Raises `ListenError`."""
        self._server = await _served(address, (address.port or 0, 0), self._attend)
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
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                secure, peer = await self._us.tls.accept(channel)
        except TimeoutError:
            return
        async with secure:
            frames = Frames(secure)
            try:
                await self._take(frames, peer)
            except (TincansError, TimeoutError) as error:
                self._news(f"nothing was taken from {peer.name}: {error}")
                await frames.refuse(str(error))

    async def _take(self, frames: Frames, peer: Peer) -> None:
        async with asyncio.timeout(PAIRING_SECONDS):
            hello = await frames.receive(Hello)
        known = self._us.known.recognize(peer)
        if known is None:
            await frames.refuse("you are not known here: pair by a code first")
            raise UnknownPeer(peer.address, peer.name, peer.fingerprint)
        if hello.purpose != SEND:
            raise PassingFailed(peer.name, "it wants to be given something, and here is nothing")
        peer = peer._replace(name=known.name)
        result = await _take(frames, peer, self._folder, self._one_by_one, self._overwrite, self._progress)
        self.results.append(result)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._over.set()

    async def _one_by_one(self, offered: Offered) -> bool:
        """A person is asked one thing at a time."""
        async with self._asking:
            return await self._agree(offered)


__all__ = [
    "Load", "Offered", "Result", "Sending", "Us", "Waiting", "kept_file", "receive", "send_to", "yes",
]  # fmt: skip
