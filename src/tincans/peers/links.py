"""One connection between two peers: what each tells the other, as fast as the other takes it.

    call or accept ─► TLS ─► is it trusted? ─► Hello both ways ─► reading ‖ writing ─► Bye, or lost

**Nothing is queued.** What a link has to tell is found anew whenever the last message was accepted: the introductions
from where it is in the roster, the newest presence of each peer, the posts from where it is in the store but for those
that the other has. So a slow peer costs a place in a file, and one that takes nothing for PEER_STALL_SECONDS is let go:
when it calls again its Hello says what it has.

**What the other has** is its Hello's vector, advanced by whatever either tells the other. As both tell in causal order,
having a post means having all before it of its author, but those that were forgotten. Before the posts of somebody who
has forgotten what the other lacks come `Forgotten`, so that the other does not wait for it.

Silence of PEER_PING_SECONDS is asked about, and after PEER_PONG_SECONDS more the link is lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from tincans.channel import Buffered, Channel, Side
from tincans.errors import (
    ChannelClosed,
    ChannelError,
    Parted,
    PeerRefused,
    PostsError,
    RemoteProtocolError,
    WrongMesh,
)
from tincans.limits import (
    LINGER_SECONDS,
    PEER_BATCH_BYTES,
    PEER_BATCH_POSTS,
    PEER_GONE_SECONDS,
    PEER_HELLO_SECONDS,
    PEER_HERE_SECONDS,
    PEER_PING_SECONDS,
    PEER_PONG_SECONDS,
    PEER_RETRY_FIRST,
    PEER_RETRY_MOST,
    PEER_SENTENCE_BYTES,
    PEER_STALL_SECONDS,
)
from tincans.peers.causal import NOTHING, Vector
from tincans.peers.roster import Roster
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store
from tincans.peers.tls import Peer
from tincans.peers.wire import (
    NONCE_BYTES,
    Again,
    Bye,
    Forgotten,
    Hello,
    Here,
    Introduced,
    Ping,
    Pong,
    Said,
    Words,
    frame,
    receive,
)
from tincans.tasks import spawn
from tincans.text import escape

#: Introductions that are told at once.
_FEW = PEER_BATCH_POSTS


class Pace(NamedTuple):
    """How patient a mesh is, in seconds; each is explained in `limits.py`."""

    hello: float = PEER_HELLO_SECONDS
    ping: float = PEER_PING_SECONDS
    pong: float = PEER_PONG_SECONDS
    stall: float = PEER_STALL_SECONDS
    here: float = PEER_HERE_SECONDS
    gone: float = PEER_GONE_SECONDS
    retry_first: float = PEER_RETRY_FIRST
    retry_most: float = PEER_RETRY_MOST


SPARE = "there is another link"


class Spare(Parted):
    """Of two links between the same two one ends, and nobody needs to know."""

    def __init__(self, address: object) -> None:
        super().__init__(address, SPARE)


class Desk(Protocol):
    """What a link asks of its mesh. None of it waits."""

    store: Store
    roster: Roster
    pace: Pace

    @property
    def key(self) -> bytes:
        """Our own."""

    def hello(self, nonce: bytes) -> Hello:
        """What we say first."""

    def meet(self, link: Link) -> None:
        """Both have said hello. Raises `Parted` where there shall be no link."""

    def presences(self) -> dict[bytes, Sealed]:
        """Who is here, as they said so themselves, by key."""

    def hear_forgotten(self, link: Link, posts: Vector) -> None:
        """The other has forgotten posts that we lack, of each author up to there."""

    def hear_posts(self, link: Link, posts: list[Sealed]) -> None:
        """These three raise `RemoteProtocolError`, and `PostsError` where nothing can be kept."""

    def hear_introductions(self, link: Link, introductions: list[Sealed]) -> None: ...

    def hear_presences(self, link: Link, presences: list[Sealed]) -> None: ...


class Link:
    """One connection, which it owns."""

    def __init__(self, channel: Channel, peer: Peer, desk: Desk) -> None:
        self.peer = peer
        #: The run of the other's program, once it has said hello.
        self.run = b""
        #: Of two links between the same two, the one with the lower rank stays. Both ends see the same.
        self.rank = (b"", b"")
        #: Set when it has ended.
        self.over = asyncio.Event()
        #: What the other has; and what it has forgotten that we lack.
        self.have: Vector = {}
        self.forgotten: Mapping[bytes, int] = NOTHING
        #: Whether what it has forgotten was missed, and told.
        self.has_gaps = False
        self._channel, self._desk, self._pace = Buffered(channel), desk, desk.pace
        self._introduced = 0  # of the roster's introductions
        self._here: dict[bytes, Sealed] = {}  # presences that are to be told
        self._place = 0  # in the store
        self._told_forgotten: Mapping[bytes, int] = NOTHING  # what the store had forgotten when the other was told
        self._ponging = self._again = False
        self._bye = ""  # why we end it, once all was told; or, where that is cut short, at once
        self._cut = False
        self._lingering: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._time = asyncio.get_running_loop().time
        self._heard = self._time()
        self._asked = 0.0  # when we sent a Ping, after which nothing was heard; 0 where we did not

    @property
    def local_host(self) -> str:
        """This end's host, by which whoever is there can call us."""
        return self._channel.local.host

    # ── what the mesh does with it ────────────────────────────────────────────────────────────────────────

    async def talk(self, met: Callable[[bytes], None] | None = None) -> None:
        """Say hello, and go on until it ends. Always raises why, and the channel is closed then.

        `met` is told the other's key once there is a link.

        `Parted` where one of the two ended it, `PeerRefused` where it never began; `RemoteProtocolError`, `PostsError`
        and what `Channel.receive` raises. Cancelling closes it at once.
        """
        try:
            await self._greet()
            if met is not None:
                met(self.peer.key)
            await self._both()
        finally:
            self._channel.abort()
            self.over.set()
            if self._lingering is not None:
                self._lingering.cancel()

    def wake(self) -> None:
        """There may be something to tell: a post, or an introduction."""
        self._woken.set()

    def tell_presence(self, key: bytes, sealed: Sealed) -> None:
        """Who is here has changed."""
        if key != self.peer.key:
            self._here[key] = sealed
            self._woken.set()

    def ask_again(self) -> None:
        """Have the other send anew all that is not in the store."""
        self._again = True
        self._woken.set()

    def doubt(self) -> None:
        """Ask whether the other is there, although it was not silent for long."""
        self._heard = min(self._heard, self._time() - self._pace.ping)
        self._woken.set()

    async def wait_over(self, *, doubted: bool = False) -> None:
        """Wait until it has ended; one that is doubted is asked whether it is alive."""
        if doubted:
            self.doubt()
        await self.over.wait()

    def end(self, reason: str) -> None:
        """Tell what there is to tell, and why it ends, and then end; in LINGER_SECONDS at most."""
        if not self._bye:
            self._bye = cut(reason)
            self._woken.set()
            self._lingering = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._channel.abort)

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────

    async def _greet(self) -> None:
        """Both say hello."""
        nonce = os.urandom(NONCE_BYTES)
        try:
            async with asyncio.timeout(self._pace.hello):
                await self._channel.send(frame(self._desk.hello(nonce)))
                self._meet(await receive(self._channel), nonce)
        except TimeoutError as error:
            raise self._refused(f"it said no hello within {self._pace.hello:g} s") from error
        except (RemoteProtocolError, WrongMesh, Parted) as error:
            await farewell(self._channel, error.reason)
            raise

    def _meet(self, hello: Words, nonce: bytes) -> None:
        """What the other said first. Raises `PeerError` and `RemoteProtocolError` where there shall be no link."""
        if isinstance(hello, Bye):
            if hello.text == SPARE:
                raise Spare(self.peer.address)
            raise self._refused(f"it says: {escape(hello.text)}")
        if not isinstance(hello, Hello):
            raise RemoteProtocolError("it did not say hello first")
        self.run, self.have = hello.run, dict(hello.have)
        called = self.peer.side is Side.CLIENT
        self.rank = (self.peer.key, hello.nonce) if called else (self._desk.key, nonce)
        if hello.mesh != self._desk.store.mesh:
            raise WrongMesh(self.peer.address, self._desk.store.mesh, escape(hello.mesh))
        self._desk.meet(self)
        self._here = {key: sealed for key, sealed in self._desk.presences().items() if key != self.peer.key}
        self._place = self._desk.store.first_lacking(self.have)

    async def _both(self) -> None:
        """Hear and tell, until either ends."""
        writing = spawn(self._write())
        try:
            while True:
                self._act(await receive(self._channel))
        except ChannelClosed as error:  # it was we
            raise self._parted(self._bye or "the link was closed") from error
        except (RemoteProtocolError, PostsError) as error:
            self._cut, self._bye = True, cut(error.reason)
            self._woken.set()
            await asyncio.wait([writing], timeout=LINGER_SECONDS)
            raise
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    def _act(self, message: Words) -> None:
        self._heard, self._asked = self._time(), 0.0
        match message:
            case Said():
                self._desk.hear_posts(self, message.posts)
            case Here():
                self._desk.hear_presences(self, message.presences)
            case Introduced():
                self._desk.hear_introductions(self, message.introductions)
            case Forgotten():
                self._desk.hear_forgotten(self, message.posts)
            case Again():
                self.have, self._told_forgotten = dict(message.have), NOTHING
                self._place = self._desk.store.first_lacking(self.have)
                self._woken.set()
            case Ping():
                self._ponging = True
                self._woken.set()
            case Pong():
                pass
            case Bye():
                raise self._parted(message.text)
            case Hello():
                raise RemoteProtocolError("it said hello twice")

    def _parted(self, reason: str) -> Parted:
        address = self.peer.address
        return Spare(address) if reason == SPARE else Parted(address, escape(reason))

    def _refused(self, reason: str) -> PeerRefused:
        return PeerRefused(self.peer.address, reason, caller=self.peer.side is Side.CLIENT)

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────

    async def _write(self) -> None:
        """Tell what there is to tell. When it returns the channel is closed, which ends hearing as well."""
        try:
            while not self._cut:
                if (message := self._next()) is not None:
                    await self._send(message)
                elif self._bye:
                    break
                else:
                    await self._rest()
            await self._send(Bye(self._bye))
            await self._channel.aclose()
        except TimeoutError:
            self._bye = f"it took nothing for {self._pace.stall:g} s"
        except ChannelError:
            pass  # whoever hears finds out, too
        finally:
            self._channel.abort()

    async def _send(self, message: Words) -> None:
        async with asyncio.timeout(self._pace.stall):
            await self._channel.send(frame(message))

    async def _rest(self) -> None:
        """Wait until there may be something to tell, or the other was silent for long."""
        since, patience = (self._asked, self._pace.pong) if self._asked else (self._heard, self._pace.ping)
        try:
            async with asyncio.timeout_at(since + patience):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    def _next(self) -> Words | None:
        """What is to be said now; None where there is nothing."""
        if self._ponging:
            self._ponging = False
            return Pong()
        if self._again:
            self._again = False
            return Again(dict(self._desk.store.have))
        if introductions := self._desk.roster.introductions[self._introduced : self._introduced + _FEW]:
            self._introduced += len(introductions)
            return Introduced(introductions)
        if self._here:
            return Here(self._some_presences())
        return self._forgotten() or self._posts() or self._ping()

    def _some_presences(self) -> list[Sealed]:
        some: list[Sealed] = []
        size = 0
        while self._here and size < PEER_BATCH_BYTES and len(some) < PEER_BATCH_POSTS:
            key = next(iter(self._here))
            some.append(sealed := self._here.pop(key))
            size += len(sealed.body)
        return some

    def _forgotten(self) -> Words | None:
        """What is not in the store any more, and the other lacks, where that has changed."""
        forgotten = self._desk.store.forgotten
        if forgotten is self._told_forgotten:
            return None
        self._told_forgotten = forgotten
        lacks = {author: seq for author, seq in forgotten.items() if self.have.get(author, 0) < seq}
        return Forgotten(lacks) if lacks else None

    def _posts(self) -> Words | None:
        store = self._desk.store
        while self._place < store.end:
            posts, self._place = store.lacking(self.have, self._place)
            if posts:
                return Said(posts)
        return None

    def _ping(self) -> Words | None:
        now = self._time()
        if self._asked:
            if now >= self._asked + self._pace.pong:
                self._cut, self._bye = True, self._bye or f"it did not answer for {self._pace.pong:g} s"
        elif now >= self._heard + self._pace.ping:
            self._asked = now
            return Ping()
        return None


async def farewell(channel: Channel, reason: str) -> None:
    """Say why there shall be no link, as far as that is accepted soon. The channel is the caller's to close."""
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            await channel.send(frame(Bye(cut(reason))))
            await channel.aclose()
    except (ChannelError, TimeoutError):
        pass


def cut(reason: str) -> str:
    """As much of a sentence as a Bye holds."""
    return reason[:PEER_SENTENCE_BYTES]
