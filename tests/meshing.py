"""Peers for the tests: an identity in a folder each, and meshes of them that do not wait long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.limits import PEER_POSTS, PEER_POSTS_BYTES
from tincans.peers.causal import NOTHING
from tincans.peers.identity import Identity
from tincans.peers.known import Ask, Known, Trust
from tincans.peers.links import Pace
from tincans.peers.mesh import Mesh
from tincans.peers.news import News
from tincans.peers.posts import SEAL, Post
from tincans.peers.presences import Member
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store
from tincans.peers.tls import PeerTls
from tincans.peers.wire import Bye, Hello, Person, Words, frame, receive

LOOPBACK = Address.parse("tcp://127.0.0.1:0")

#: As quick as a test; whatever is given up after a time is given up after PATIENCE (as in `running.py`).
QUICK = Pace(here=0.1, retry_first=0.01, retry_most=0.05)

PATIENCE = 120.0


async def until(reached: Callable[[], object], what: str = "") -> None:
    """Wait until it is so."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not reached():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never: {what or reached}") from None


class Ears:
    """A hearer that keeps what it hears."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.changes: list[tuple[Member | None, Member | None]] = []

    def posts_came(self) -> None:
        pass

    def member_changed(self, before: Member | None, after: Member | None) -> None:
        self.changes.append((before, after))

    def told(self, news: News) -> None:
        self.news.append(news)

    @property
    def loud(self) -> list[str]:
        return [news.text for news in self.news if news.loud]


class Peered(NamedTuple):
    """A peer of a test: its mesh, what it was told, and where it can be called."""

    mesh: Mesh
    ears: Ears
    address: Address

    @property
    def name(self) -> str:
        return self.mesh.tls.name

    @property
    def posts(self) -> list[Post]:
        """All that it has, in the order in which it was told."""
        store = self.mesh.store
        return [SEAL.read(sealed) for place in range(store.begin, store.end) for sealed in store.read(place)]

    @property
    def texts(self) -> list[str]:
        return [post.text for post in self.posts]

    def say(self, text: str) -> Post:
        return self.mesh.post(room="#tins", nick=self.name, text=text)

    async def link(self, other: Peered) -> None:
        """Call the other one, and wait for the link."""
        async with asyncio.timeout(PATIENCE):
            assert await self.mesh.call(other.address).linked() == other.mesh.key

    def is_linked(self, other: Peered) -> bool:
        return other.mesh.key in self.mesh.links and self.mesh.key in other.mesh.links

    def sees(self, other: Peered) -> bool:
        return other.mesh.key in self.mesh.members


@contextlib.asynccontextmanager
async def peered(
    folder: Path, name: str, *, ask: Ask | None = Trust(new=True), pace: Pace = QUICK, mesh: str = "tincans",  # noqa: B008
    address: Address = LOOPBACK, jitter: Callable[[], float] = lambda: 0.0, most: int = PEER_POSTS,
    most_bytes: int = PEER_POSTS_BYTES,
) -> AsyncIterator[Peered]:  # fmt: skip
    """A peer whose things are in `folder / name`; it comes back with the same ones when it is begun again."""
    ears, home = Ears(), folder / name
    store = Store(home / "mesh", mesh, most=most, most_bytes=most_bytes)
    try:
        async with Mesh(
            Identity.open(home), Known(home / "known_peers"), store, name=name, hearer=ears, ask=ask, pace=pace,
            jitter=jitter,
        ) as joined:  # fmt: skip
            server = await joined.listen(address)
            joined.present([Person(name, ("#tins",))])
            yield Peered(joined, ears, server.address)
    finally:
        store.close()


def check_causal(posts: list[Post], forgotten: Mapping[bytes, int] = NOTHING) -> None:
    """Each once, and whatever one comes after before it, unless it is forgotten."""
    have: dict[bytes, int] = {}
    for post in posts:
        before = have.get(post.author, 0)
        assert post.seq == before + 1 or before < post.seq - 1 <= forgotten.get(post.author, 0), (
            f"{post.text} is not in its author's order"
        )
        assert all(max(have.get(author, 0), forgotten.get(author, 0)) >= seq for author, seq in post.after), (
            f"{post.text} came before its causes"
        )
        have[post.author] = post.seq


class Stranger:
    """A trusted peer that a test speaks for, message by message."""

    def __init__(self, channel: Channel, identity: Identity) -> None:
        self.channel, self.identity = Buffered(channel), identity

    async def say(self, message: Words) -> None:
        await self.channel.send(frame(message))

    async def hear(self, kind: type[Words]) -> Words:
        """The next message of this kind."""
        while not isinstance(message := await receive(self.channel), kind):
            pass
        return message

    async def bye(self) -> str:
        message = await self.hear(Bye)
        assert isinstance(message, Bye)
        return message.text

    def post(
        self, seq: int, text: str = "hello", *, mesh: str = "tincans", after: tuple[tuple[bytes, int], ...] = ()
    ) -> Sealed:
        key = self.identity.key
        said = Post(mesh=mesh, author=key, seq=seq, after=after, at=1, id="a", room="#tins", nick="eve", text=text)
        return SEAL.seal(self.identity, said)


async def stranger(
    stack: contextlib.AsyncExitStack, tmp_path: Path, ann: Peered, *, hello: Hello | None = None, name: str = "eve"
) -> Stranger:
    """One that has called and said hello."""
    identity = Identity.open(tmp_path / name)
    channel, _ = await PeerTls(identity, name).call(ann.address)
    eve = Stranger(await stack.enter_async_context(channel), identity)
    await eve.say(hello or Hello("tincans", b"r" * 16, b"n" * 16, {}))
    await eve.hear(Hello)
    return eve
