"""A mesh: peers that all hear what one of them says, though some cannot reach each other.

    we ═══ ann ═══ bob        what we say goes to ann, who passes it on to bob and cyd; bob and cyd are linked as well,
      ╲            ║          and each of them passes on what the other has not: each post is kept once, whichever
       ╲══ dan     cyd        way it came

Nobody is the server. Everybody keeps the newest posts of all (`store.py`), so everybody can bring everybody up to date,
and whoever was away catches up from whomever it meets first. Everybody passes on who is here, who was introduced by
whom, and where they can be called; so everybody calls everybody whom it trusts, up to PEER_LINKS, and two that cannot
reach each other hear each other through the others.

**One link a pair.** Two that call each other at the same moment have two links. Of those both keep the one with the
lower `rank`, which both compute alike, and end the other. A peer that was started anew has another `run`, and its new
link stays, whatever the old one was; where an old one of the same run stays it is asked at once whether it is alive.

**Who is trusted** is decided right after the handshake, before a byte is received (`known.py`, `roster.py`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.clock import SYSTEM, Clock
from tincans.errors import (
    IdentityChanged,
    Parted,
    PeerError,
    PostsError,
    ThisPeer,
    TincansError,
    UnknownPeer,
    WrongPeer,
    reason_of,
)
from tincans.limits import (
    LINGER_SECONDS,
    PEER_CALLS,
    PEER_LINKS,
    PEER_SEQ_MOST,
    PEER_STRANGERS,
)
from tincans.peers.calls import Call
from tincans.peers.causal import Vector
from tincans.peers.finding import Found
from tincans.peers.identity import Fingerprint, Identity
from tincans.peers.intake import Intake
from tincans.peers.known import Ask, Known
from tincans.peers.links import SPARE, Link, Pace, Spare, farewell
from tincans.peers.news import Hearer, News, Nobody
from tincans.peers.posts import SEAL, Post, PostFile, PostKind
from tincans.peers.presences import Member, Presences
from tincans.peers.presenting import Presenter
from tincans.peers.roster import Roster
from tincans.peers.sealing import Sealed
from tincans.peers.seeking import Seeker
from tincans.peers.store import Store
from tincans.peers.tls import MESH, Peer, PeerTls
from tincans.peers.wire import RUN_BYTES, Hello, Person
from tincans.server import Server, serve
from tincans.tasks import spawn

log = logging.getLogger(__name__)

_ID_BYTES = 16

#: What answers callers that speak another protocol of PROTOCOLS; the channel is closed when it returns.
Answer = Callable[[Channel, Peer], Awaitable[None]]


class Mesh:
    """One peer's part of a mesh. Made in a running loop; the store stays the caller's to close."""

    def __init__(
        self, identity: Identity, known: Known, store: Store, *, name: str = "", hearer: Hearer | None = None,
        ask: Ask | None = None, pace: Pace | None = None, clock: Clock = SYSTEM,
        jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """`name` is what this peer calls itself. `ask` decides about callers whom nobody knows; without it none is let
        in. Raises `UsageError` for the name, `KnownPeersBroken` and `PostsError`.
        """
        self.identity, self.known, self.store = identity, known, store
        store.expect(identity.key)
        self.tls = PeerTls(identity, name)
        self.pace = pace or Pace()
        self.roster = Roster(identity, known, store)
        #: By key: those with whom there is a link now.
        self.links: dict[bytes, Link] = {}
        self._hearer: Hearer = hearer or Nobody()
        self._ask, self._clock = ask, clock
        self._strangers: Counter[bytes] = Counter()  # keys about which somebody is being asked
        self._run = os.urandom(RUN_BYTES)
        self._intake = Intake(store, self._hearer)
        self._presences = Presences(identity.key, store.mesh, self.pace.gone, self._member_changed)
        own = identity.fingerprint
        self._seeker = Seeker(self, own, known, self.roster, self._presences, self._hearer, jitter)
        self._presenter = Presenter(identity, store.mesh, self.tls.name, clock)
        self._answers: dict[str, Answer] = {}
        self._calling = asyncio.Semaphore(PEER_CALLS)
        self._servers: list[Server] = []
        self._closed = False
        self._ticking = spawn(self._tick())
        self._seeker.seek()

    @property
    def key(self) -> bytes:
        """Our own."""
        return self.identity.key

    @property
    def members(self) -> dict[bytes, Member]:
        """The others that are here now, linked or not, by key."""
        return self._presences.members

    @property
    def addresses(self) -> list[str]:
        """Where we can be called, as we tell others: PEER_ADDRESSES at most."""
        return self._presenter.addresses(self._hosts())

    # ── what is asked of it ───────────────────────────────────────────────────────────────────────────────

    def post(
        self, *, room: str, text: str, nick: str, kind: PostKind = "say", file: PostFile | None = None, at: int = 0,
        msgid: str = "",
    ) -> Post:  # fmt: skip
        """Say something to all: it is kept, and on its way. `msgid` is what it is called already, if it is.

        Raises `OSError` as the disk does, and `ValueError` where something is longer than it may be.
        """
        seq, after = self.store.frontier.next(self.key)
        post = Post(
            mesh=self.store.mesh, author=self.key, seq=seq, after=after, at=at or self._clock.now(),
            id=msgid or secrets.token_hex(_ID_BYTES), room=room, kind=kind, nick=nick, text=text, file=file,
        )  # fmt: skip
        self.store.append(SEAL.seal(self.identity, post), post)
        self._posts_came()
        return post

    def present(self, people: Sequence[Person]) -> None:
        """Tell all who is on this peer: at most PEER_PEOPLE, in PEER_ROOMS rooms, and as many as fit."""
        if self._presenter.change(people):
            self._publish()

    def call(self, address: Address) -> Call:
        """Keep calling that address, where a person named it; whoever answers first is pinned (`known.py`)."""
        return self._seeker.call(address, explicit=True)

    def found(self, found: Found) -> None:
        """Somebody is on the local network: call them, where they are of this mesh and we trust them, or `ask` does."""
        if found.kind == "peer" and found.mesh == self.store.mesh:
            self._seeker.found(found)

    async def listen(self, address: Address) -> Server:
        """Take callers there, and tell all that we can be called there, until the mesh is closed. Raises
        `ListenError`.
        """
        server = await serve(address, self.accept)
        self._servers.append(server)
        self.served_at(server.address)
        return server

    def served_at(self, address: Address) -> None:
        """We can be called there: somebody hands the channels to `accept`. A host `*` is whatever others see."""
        self._presenter.served.append(address.without_wraps())
        self._publish()

    def answer(self, protocol: str, answer: Answer) -> None:
        """Have callers that speak `tls.CODE` or `tls.FILE` answered; whether they are trusted is for that to find
        out.
        """
        self._answers[protocol] = answer

    async def accept(self, channel: Channel, *, looked_ahead: bool = False) -> None:
        """Take a caller, until the link ends; the channel is ours, and closed then. Never raises what the other did.

        `looked_ahead` as in `PeerTls.accept`.
        """
        try:
            async with asyncio.timeout(self.pace.hello):
                channel, peer = await self.tls.accept(channel, looked_ahead=looked_ahead)
        except (TincansError, TimeoutError) as error:
            channel.abort()
            self._hearer.told(News(f"a caller from {channel.remote} was turned away: {error or 'too slow'}"))
            return
        try:
            await self._attend(channel, peer)
            await channel.aclose()
        except TincansError as error:
            self._told_of_link(peer, error)
        finally:
            channel.abort()

    async def aclose(self) -> None:
        """Say farewell to all, and end every link, call and listener. Idempotent. Cancelling leaves out the
        farewell.
        """
        self._closed = True
        self._ticking.cancel()
        self._seeker.retire()
        try:
            links = list(self.links.values())
            self._publish(gone=True)
            for link in links:
                link.end("it leaves")
            if links:
                await asyncio.wait([spawn(link.over.wait()) for link in links], timeout=LINGER_SECONDS)
        finally:
            for server in self._servers:
                server.abort()
            await self._seeker.aclose()
            for server in self._servers:
                await server.aclose()
            self.roster.close()

    async def __aenter__(self) -> Mesh:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ── linking ───────────────────────────────────────────────────────────────────────────────────────────

    async def call_once(self, call: Call, address: Address) -> None:
        async with self._calling:
            channel, peer = await self.tls.call(address)
        try:
            if peer.key == self.key:
                raise ThisPeer(address)
            if call.expected not in (None, peer.fingerprint):
                if peer.key not in self.roster:
                    self.known.recognize(peer)  # the address may be known for somebody else's
                raise WrongPeer(address, call.expected, peer.fingerprint)
            with self._seeker.near(peer.key):
                await self._admit(peer, explicit=call.explicit)
                if (link := self.links.get(peer.key)) is not None:
                    channel.abort()
                    call.met(peer.key)
                    await link.wait_over(doubted=True)
                    raise Spare(address)
                await self._link(channel, peer, call)
        except (UnknownPeer, IdentityChanged) as error:
            await farewell(channel, error.reason)
            raise
        finally:
            channel.abort()

    async def _attend(self, channel: Channel, peer: Peer) -> None:
        """A caller after the handshake. Raises why it was not let in, having told it, or why it is gone."""
        if peer.protocol != MESH:
            answer = self._answers.get(peer.protocol)
            if answer is not None:
                await answer(channel, peer)
            return
        try:
            with self._seeker.near(peer.key):
                await self._admit(peer)
                await self._link(channel, peer)
        except (UnknownPeer, IdentityChanged) as error:
            await farewell(channel, error.reason)
            raise

    async def _admit(self, peer: Peer, *, explicit: bool = False) -> None:
        """Let a peer in, or raise `UnknownPeer` or `IdentityChanged`. `explicit`: somebody named its address."""
        if peer.key in self.roster and not explicit:
            self.known.seen(peer)
            return
        if self.known.recognize(peer) is None and not explicit and not await self._asked(peer):
            called = peer.side is Side.CLIENT
            raise UnknownPeer(peer.address, peer.name, peer.fingerprint, caller=called)
        known = self.known.recognize(peer)  # who called more than once is trusted once
        if known is None:
            known = self.known.pin(peer)
            self._hearer.told(
                News(f"{known.name} is trusted from now on, with the fingerprint {known.fingerprint}", loud=True)
            )
        self.known.seen(peer)
        self._introduce(peer, known.name)

    async def _asked(self, peer: Peer) -> bool:
        """Whether somebody unknown is let in. Only so many are asked about at once: anybody may call, with any key."""
        strangers = self._strangers
        if self._ask is None or (peer.key not in strangers and len(strangers) >= PEER_STRANGERS):
            return False
        strangers[peer.key] += 1
        try:
            return await self._ask(peer)
        finally:
            strangers[peer.key] -= 1
            if not strangers[peer.key]:
                del strangers[peer.key]

    def _introduce(self, peer: Peer, name: str) -> None:
        try:
            news = self.roster.introduce(peer.key, name, self._clock.now())
        except OSError as error:
            raise self._cannot_keep(error) from error
        if news:
            self._wake()
            self._seeker.seek()

    async def _link(self, channel: Channel, peer: Peer, call: Call | None = None) -> None:
        link = Link(channel, peer, self)
        try:
            await link.talk(call.met if call is not None else None)
        finally:
            if self.links.get(peer.key) is link:
                del self.links[peer.key]

    def hello(self, nonce: bytes) -> Hello:
        return Hello(self.store.mesh, self._run, nonce, dict(self.store.have))

    def meet(self, link: Link) -> None:
        key = link.peer.key
        old = self.links.get(key)
        if self._closed:
            raise Parted(link.peer.address, "it leaves")
        if old is None and len(self.links) >= PEER_LINKS:
            raise Parted(link.peer.address, f"there are {PEER_LINKS} links already")
        if old is not None:
            if old.run == link.run and old.rank < link.rank:
                old.doubt()
                raise Spare(link.peer.address)
            old.end(SPARE)
        self.links[key] = link
        self._hearer.told(News(f"linked with {link.peer.name} ({link.peer.address})"))
        self._publish()

    def presences(self) -> dict[bytes, Sealed]:
        own = self._presenter.said
        return self._presences.sealed | ({self.key: own} if own is not None else {})

    def linked_with(self, key: bytes | None, fingerprint: Fingerprint | None) -> Link | None:
        if key is None and fingerprint is not None:
            key = next((each for each in self.links if Fingerprint.of(each) == fingerprint), None)
        return self.links.get(key or b"")

    def told_of_call(self, call: Call, error: TincansError) -> None:
        loud = isinstance(error, IdentityChanged) or (call.error is not None and call.explicit)
        by_itself = call.expected is not None and not isinstance(error, Parted)
        if self._closed or isinstance(error, Spare) or (by_itself and not loud):
            log.info("%s", error)  # nobody asked for that call
        else:
            self._hearer.told(News(str(error), loud, error))

    def _told_of_link(self, peer: Peer, error: TincansError) -> None:
        if self._closed or isinstance(error, Spare):
            return
        loud = isinstance(error, UnknownPeer | IdentityChanged)
        if not loud and peer.key in self.links:  # another one stays
            return
        text = str(error) if isinstance(error, PeerError) else f"{peer.name} ({peer.address}): {error}"
        self._hearer.told(News(text, loud, error))

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────

    def hear_posts(self, link: Link, posts: list[Sealed]) -> None:
        end = self.store.end
        try:
            for sealed in posts:
                self._intake.take(sealed, link.have, link.forgotten)
        except OSError as error:
            raise self._cannot_keep(error) from error
        finally:
            if self._intake.stepped() and not link.has_gaps:
                link.has_gaps = True
                self._hearer.told(News(f"some of what was said is missing here: {link.peer.name} has forgotten it"))
            if self.store.end > end:
                self._posts_came()

    def hear_forgotten(self, link: Link, posts: Vector) -> None:
        """Who has lost its own posts must not give their numbers again."""
        link.forgotten = posts
        if (own := posts.get(self.key, 0)) <= PEER_SEQ_MOST:
            self.store.frontier.step_over(self.key, own)

    def hear_introductions(self, link: Link, introductions: list[Sealed]) -> None:
        before = len(self.roster.names)
        try:
            for sealed in introductions:
                self.roster.take(sealed)
        except OSError as error:
            raise self._cannot_keep(error) from error
        if len(self.roster.names) > before:
            self._wake()
            self._seeker.seek()

    def hear_presences(self, link: Link, presences: list[Sealed]) -> None:
        news = [(key, sealed) for sealed in presences if (key := self._presences.take(sealed)) is not None]
        for other in self.links.values():
            for key, sealed in news if other is not link else ():
                other.tell_presence(key, sealed)
        if news:
            self._seeker.seek()

    def _member_changed(self, before: Member | None, after: Member | None) -> None:
        self._hearer.member_changed(before, after)

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────

    def _posts_came(self) -> None:
        self._wake()
        self._hearer.posts_came()

    def _wake(self) -> None:
        for link in self.links.values():
            link.wake()

    def _publish(self, *, gone: bool = False) -> None:
        """Tell all who is here, and where we can be called."""
        sealed = self._presenter.present(self._hosts(), gone=gone)
        for link in self.links.values():
            link.tell_presence(self.key, sealed)

    def _hosts(self) -> set[str]:
        """By which hosts others see us."""
        return {link.local_host for link in self.links.values()}

    async def _tick(self) -> None:
        """Say every now and then that we are here, and let those go who do not."""
        while True:
            await asyncio.sleep(self.pace.here)
            self._presences.expire()
            self._publish()
            if self._intake.missed():
                for link in self.links.values():
                    link.ask_again()

    def _cannot_keep(self, error: OSError) -> PostsError:
        return PostsError(self.store.path, reason_of(error))
