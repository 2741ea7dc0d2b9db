"""`tincans chat --peer`: a hub of one's own, joined with others' by a mesh, and no server anywhere.

    terminal ─► this hub, for this machine alone ◄─► mesh ◄══ mutual TLS ══► others' meshes ◄─► their hubs

The mesh has a port of its own, on which nothing but peers is answered, so a hub that nobody has to log in to is not
open to the network. Whom it calls: peers that it knows, addresses that are named, whoever is announced on the network
and trusted, and those who have given a spoken code:

    --invite            7-hovercraft-orbit, to be said to somebody
    --peer CODE         finds who has that code (mDNS, or CODE@HOST:PORT), pairs (`peers/pairing.py`), and knows them
                        from then on

Somebody unknown who calls waits until a person has typed /trust, for TRUST_SECONDS.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from tincans.address import Address
from tincans.apps import find_app
from tincans.apps.chat import Chat
from tincans.apps.chat.peering import Peering, peered
from tincans.apps.settings import Settings
from tincans.channel import Channel
from tincans.cli.chat_home import Say
from tincans.cli.chat_shares import Shares
from tincans.cli.hubs import HERE
from tincans.errors import AddressInUse, ConnectError, NobodyInvited, NoDiscovery, NoSuchPeer, TincansError, UsageError
from tincans.folders import peers_folder
from tincans.limits import CODE_GUESSES, PAIRING_SECONDS, PEER_PORT, TRUST_SECONDS
from tincans.peers.codes import Code
from tincans.peers.frames import Frames
from tincans.peers.invitations import Invitation
from tincans.peers.known import Trust
from tincans.peers.mesh import Mesh
from tincans.peers.news import News
from tincans.peers.pairing import Ends, Hello, admit, introduce
from tincans.peers.tls import CODE, Peer
from tincans.server import serve

#: What a pairing is for, and what the notice of an invitation is called.
_JOIN = "join"
_NOTICE = "chat-{}"
#: Those whom a person is asked about, at most: anybody may call, with any number of keys.
_ASKED = 20
#: Things that went wrong and are remembered, so that none is told twice.
_TOLD = 50
#: Numbers that are tried before a code is said without a notice.
_NUMBERS = 20

_CODE = re.compile(r"(?P<code>\d+[\s.,_–—-]*[A-Za-z][^@:]*)(?:@(?P<where>.+))?")


class Wishes(NamedTuple):
    """Who the peers are to be."""

    #: Addresses and codes.
    peers: tuple[str, ...] = ()
    invite: bool = False
    trust: tuple[str, ...] = ()
    mesh: str = "tincans"
    name: str = ""


class Meshed:
    """A hub with a mesh behind it. Leaving its `async with` ends both."""

    def __init__(self, wishes: Wishes, listen: Address | None, say: Say) -> None:
        """`say` is told in a sentence what a person should know."""
        self._wishes, self._listen, self._say = wishes, listen, say
        self._trust = Trust.parse(wishes.trust)
        self._stack = AsyncExitStack()
        self._asked: dict[bytes, _Asked] = {}
        self._invitation: Invitation | None = None
        self._told = deque[str](maxlen=_TOLD)  # what went wrong lately
        #: Where the hub is, for this machine; and where the mesh is, for others.
        self.address = self.listening = Address.parse(HERE)
        self._peering: Peering | None = None
        self.shares: Shares

    @property
    def mesh(self) -> Mesh:
        assert self._peering is not None, "it was not begun"
        return self._peering.mesh

    async def __aenter__(self) -> Meshed:
        """Begin. Raises `ListenError`, `PeerError`, `NoCodes`, `ConnectError` and `UsageError`; then all is closed."""
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _begin(self) -> None:
        hub = await self._serve()
        wishes = self._wishes
        self._peering = await self._stack.enter_async_context(
            peered(
                hub.hub, name=wishes.name, mesh=wishes.mesh, ask=self._ask,
                told=self._news,
            )
        )  # fmt: skip
        self.listening = await self._take_callers()
        fingerprint = self.mesh.identity.fingerprint
        self._say(f"you are a peer, {self.mesh.tls.name}, with the fingerprint {fingerprint}")
        self._say(f"others call you at {self._called}, or find you on the network")
        self.mesh.answer(CODE, self._pair)
        self.shares = Shares(self.mesh)
        for peer in wishes.peers:
            await self.call(peer)
        if wishes.invite:
            self._say(await self.invite())
        await self._announce(self.listening)  # last: who has just been paired with is known by now

    async def _serve(self) -> Chat:
        """The hub, for this machine alone, with rooms that are the mesh's own."""
        rooms = peers_folder() / "meshes" / self._wishes.mesh / "rooms"
        app = find_app("chat", Settings(rooms=str(rooms)))
        assert isinstance(app, Chat)
        server = await serve(await _free(Address.parse(HERE)), app)
        self.address = (await self._stack.enter_async_context(server)).address
        return app

    async def _take_callers(self) -> Address:
        if self._listen is not None:
            return (await self.mesh.listen(self._listen)).address
        address = Address("tcp", "*", PEER_PORT)
        try:
            return (await self.mesh.listen(address)).address
        except AddressInUse:
            return (await self.mesh.listen(address._replace(port=0))).address

    async def _announce(self, address: Address) -> None:
        from tincans.peers.finding import Announcement, Finding, interfaces

        mesh = self.mesh
        announcement = Announcement(
            "peer", mesh.tls.name, address, mesh=mesh.store.mesh, fingerprint=mesh.identity.fingerprint,
            interfaces=interfaces(),
        )  # fmt: skip
        try:
            await self._stack.enter_async_context(announcement)
            await self._stack.enter_async_context(Finding(mesh.found, interfaces=interfaces()))
        except (NoDiscovery, OSError) as error:
            self._say(f"others are not found on the network: {error}")

    def _news(self, news: News) -> None:
        """Tell what happens; what went wrong again and again, as peers call again, once."""
        error = news.error
        if error is not None:
            reason = error.reason if isinstance(error, ConnectError) else str(error)
            if reason in self._told:
                return
            self._told.append(reason)
        self._say(news.text, loud=news.loud)

    @property
    def _called(self) -> str:
        """Where others call us, as a person says it."""
        address = Address.parse(self.mesh.addresses[0]) if self.mesh.addresses else self.listening
        return f"{'THIS-MACHINE' if address.host == '*' else address.host}:{address.port}"

    async def find(self) -> Address:
        """Where the hub is."""
        return self.address

    find_again = find

    # ── whom we call ──────────────────────────────────────────────────────────────────────────────────────

    async def call(self, text: str) -> None:
        """Call an address, a known peer, or who has given a code. Raises `TincansError` for what is none of these."""
        if not text:
            return
        if match := _CODE.fullmatch(text):
            where = [Address.parse(match["where"])] if match["where"] else []
            self.mesh.call(await self._join(Code.parse(match["code"]), where))
            return
        try:
            address = self.mesh.known.named(text).address
        except NoSuchPeer:
            address = Address.parse(text)
        if address is None:
            raise UsageError(f"{text} has only ever called here: name the address, once")
        self.mesh.call(address)

    async def _join(self, code: Code, addresses: Sequence[Address]) -> Address:
        """Pair with who has given the code; gives where they are."""
        addresses = addresses or await _noticed(code)
        if not addresses:
            raise NobodyInvited(code.number)
        for address in addresses[:-1]:
            try:
                return await self._introduce(code, address)
            except ConnectError:
                continue
        return await self._introduce(code, addresses[-1])

    async def _introduce(self, code: Code, address: Address) -> Address:
        mesh = self.mesh
        channel, peer = await mesh.tls.call(address, protocol=CODE)
        async with channel, asyncio.timeout(PAIRING_SECONDS):
            mesh.known.recognize(peer)
            ends = Ends(caller=mesh.key, called=peer.key)
            await introduce(Frames(channel), code, purpose=_JOIN, ends=ends)
        known = mesh.known.pin(peer)
        self._say(f"the code was right: {known.name} is known from now on, with the fingerprint {known.fingerprint}")
        return address

    # ── who calls us ──────────────────────────────────────────────────────────────────────────────────────

    async def invite(self) -> str:
        """Make a code for somebody else, in the place of an earlier one; gives the sentences that say it."""
        invitation = Invitation(Code.new())
        numbers = [invitation.code.number, *(Code.new().number for _ in range(_NUMBERS))]
        if number := await self._notice(numbers):
            invitation.renumber(number)
        self._invitation = invitation
        return (
            f"say to somebody: tincans chat --peer {invitation.code}\n"
            "    or, where that finds nobody,\n"
            f"    tincans chat --peer {invitation.code}@{self._called}\n"
            f"    it bears {CODE_GUESSES} wrong guesses, and is good while this runs"
        )

    async def _notice(self, numbers: Iterable[int]) -> int:
        """Have the one who looks for a code's number find us; gives the first that is free, 0 where that cannot be."""
        try:
            from tincans.peers.notices import Notice
        except ImportError:  # without zeroconf people tell each other the address
            return 0
        notice = await Notice.put_up(map(_NOTICE.format, numbers), self.listening)
        if notice is None:
            return 0
        self._stack.push_async_callback(notice.aclose)
        return int(notice.name.rpartition("-")[2])

    async def _pair(self, channel: Channel, peer: Peer) -> None:
        """Somebody calls with a code. Never raises what they did."""
        frames, invitation = Frames(channel), self._invitation
        try:
            async with asyncio.timeout(PAIRING_SECONDS):
                hello = await frames.receive(Hello)
                if invitation is None or (hello.purpose, hello.number) != (_JOIN, invitation.code.number):
                    await frames.refuse("nobody was invited here by that code")
                    return
                self.mesh.known.recognize(peer)
                await admit(frames, hello, invitation, ends=Ends(caller=peer.key, called=self.mesh.key))
        except (TincansError, TimeoutError) as error:
            self._say(f"{peer.address} came with a code, and was not let in: {error or 'too slow'}")
            return
        known = self.mesh.known.pin(peer)
        self._say(f"{known.name} had the code, and is known from now on, with the fingerprint {known.fingerprint}")

    async def _ask(self, peer: Peer) -> bool:
        """Whether somebody unknown is let in: a person is asked."""
        if await self._trust(peer):
            return True
        asked = self._asked.get(peer.key)
        if asked is None:
            if len(self._asked) == _ASKED:
                return False
            asked = self._asked[peer.key] = _Asked(peer, asyncio.get_running_loop().create_future())
            self._say(f"{peer.name} wants in, with the fingerprint {peer.fingerprint}")
            self._say(f"    /trust {peer.name} lets them in, if that is what they see in their own window")
        try:
            async with asyncio.timeout(TRUST_SECONDS):
                return await asyncio.shield(asked.answer)
        except TimeoutError:
            return False  # they may still be trusted, and call again

    def trust(self, name: str) -> None:
        """Let somebody in who waits for that, by name or by the beginning of their fingerprint. Raises `UsageError`."""
        for key, asked in list(self._asked.items()):
            if name == asked.peer.name or str(asked.peer.fingerprint).startswith(name):
                del self._asked[key]
                self.mesh.known.pin(asked.peer)
                if not asked.answer.done():
                    asked.answer.set_result(True)
                return
        raise UsageError(f"nobody called {name} waits to be let in")

    @property
    def peers(self) -> Sequence[str]:
        """Those who are here, a line each."""
        mesh = self.mesh
        return [
            f"{member.name}  {member.fingerprint.short}  {'linked' if member.key in mesh.links else 'through others'}"
            + (f"  {', '.join(person.nick for person in member.people)}" if member.people else "")
            for member in mesh.members.values()
        ]


class _Asked(NamedTuple):
    peer: Peer
    answer: asyncio.Future[bool]


async def _noticed(code: Code) -> list[Address]:
    """Where the one who has given the code is, as the network knows."""
    try:
        from tincans.peers.notices import find
    except ImportError:
        return []
    return await find(_NOTICE.format(code.number))


async def _free(address: Address) -> Address:
    """The address, or one beside it where somebody listens there."""
    from tincans import transports

    try:
        await (await transports.listen(address)).aclose()
    except AddressInUse:
        return address._replace(port=0)
    return address
