"""Joins a hub and a mesh: what is said on the hub becomes posts, and what others post is said on the hub.

    local members ─► hub ─► watcher ─► mesh.post ─► the others' hubs
    local members ◄─ hub ◄─ bring ◄── the store, from where we are in it ◄── mesh

Each hub has its own order and its own rules: what somebody may say is decided where they say it. A message is called
the same and has the same time everywhere; its number is each hub's own. **What is for some only stays on its hub**: a
room that is secret, for the invited or for who has logged in, or that has a key, is not shared.

**Each post is told once.** How far in the store all was told is kept in a file beside it, after it was told; those that
may have been told before a `kill -9` are looked up in the hub's history by their names. All that came is told before
the next thing is said here, so what somebody says comes after what they saw, on every hub.

**Remote people** are members of the hub (`remotes.py`) in the rooms in which their own hub says that they are.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from tincans.apps.chat.doors import Lobby
from tincans.apps.chat.events import Event, Message, Said, TopicSet
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.names import folded, is_room
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.remotes import Remote, Remotes
from tincans.apps.chat.room import Room
from tincans.errors import PostsError, reason_of
from tincans.folders import peers_folder
from tincans.limits import PEER_BATCH_POSTS, PEER_PEOPLE
from tincans.peers.identity import Identity
from tincans.peers.known import Ask, Known
from tincans.peers.links import Pace
from tincans.peers.mesh import Mesh
from tincans.peers.news import News
from tincans.peers.posts import SEAL, Post, PostFile
from tincans.peers.presences import Member as Peer
from tincans.peers.store import Store
from tincans.peers.tls import is_peer_hello
from tincans.peers.wire import Person
from tincans.text import human_bytes

#: Modes of rooms that are for some only.
_CLOSED = frozenset("irs")

#: A disk that refused is tried again after so many seconds.
_AGAIN_SECONDS = 1.0


@asynccontextmanager
async def peered(
    hub: Hub, *, name: str = "", mesh: str = "tincans", folder: Path | None = None, ask: Ask | None = None,
    told: Callable[[News], object] | None = None, pace: Pace | None = None,
) -> AsyncIterator[Peering]:  # fmt: skip
    """Have the hub be a peer while the block lasts; `Peering.mesh` calls others and takes callers.

    Who one is and whom one knows is in `folder` (by default `folders.peers_folder()`), the posts of each mesh in a
    folder of its own below. `told` is told what a person may want to know. Raises `IdentityBroken`, `KnownPeersBroken`,
    `PostsError` and `UsageError`.
    """
    folder = peers_folder() if folder is None else folder
    identity = Identity.open(folder)
    store = Store(folder / "meshes" / mesh, mesh)
    try:
        peering = Peering(hub, told or (lambda _: None))
        async with Mesh(
            identity, Known(folder / "known_peers"), store, name=name, hearer=peering, ask=ask, pace=pace
        ) as joined:
            await peering.begin(joined)
            try:
                yield peering
            finally:
                peering.close()
    finally:
        store.close()


def with_peers(lobby: Lobby, mesh: Mesh) -> Lobby:
    """The lobby of a hub whose port is the mesh's as well: peers are known by their ClientHello.

    `mesh.served_at` tells others the address.
    """
    return lobby._replace(is_peer=is_peer_hello, attend_peer=partial(mesh.accept, looked_ahead=True))


class Peering:
    """The joint. It is the mesh's `Hearer`, and one of the hub's watchers."""

    mesh: Mesh

    def __init__(self, hub: Hub, told: Callable[[News], object]) -> None:
        self._hub, self._tell = hub, told
        self._remotes = Remotes(hub)
        self._place: _Place | None = None  # where in the store we are; None before `begin` and after `close`
        self._ours: set[int] = set()  # posts that were said here, and so are told already
        self._busy = False  # what happens on the hub is our doing
        self._presenting = False
        self._again: asyncio.TimerHandle | None = None

    async def begin(self, mesh: Mesh) -> None:
        """Tell what came while nobody was here, and from now on whatever comes. Raises `PostsError`.

        Before it returns nobody may speak on the hub.
        """
        self.mesh = mesh
        place = _Place(mesh.store, self._hub.history.folder if isinstance(self._hub.history, FolderHistory) else None)
        try:
            while place.begin() < mesh.store.end:
                for sealed in mesh.store.read(place.number, PEER_BATCH_POSTS):
                    post = SEAL.read(sealed)
                    if not await self._hub.history.number(folded(post.room), msgid=post.id):
                        self._bring(post)
                    place.number += 1
                place.keep()
                await asyncio.sleep(0)
        except (OSError, Refused) as error:
            place.close()
            raise PostsError(mesh.store.path, f"what is in it cannot be told: {error}") from error
        self._place = place
        for peer in mesh.members.values():
            self.member_changed(None, peer)
        self._hub.watchers.append(self._watch)
        self._present()

    def close(self) -> None:
        """Have the remote people leave, and tell nobody anything any more. Idempotent."""
        if self._place is not None:
            self._hub.watchers.remove(self._watch)
            self._place.close()
            self._place = None
            if self._again is not None:
                self._again.cancel()
            self._remotes.close()

    # ── from the mesh ─────────────────────────────────────────────────────────────────────────────────────

    def posts_came(self) -> None:
        if self._place is None or self._busy:
            return
        try:
            while self._place.begin() < self.mesh.store.end:
                for sealed in self.mesh.store.read(self._place.number, PEER_BATCH_POSTS):
                    self._bring(SEAL.read(sealed))
                    self._place.number += 1
                self._place.keep()
        except (OSError, Refused) as error:
            self._tell(News(f"what others say cannot be kept here now: {error}", loud=True))
            self._again = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.posts_came)

    def member_changed(self, before: Peer | None, after: Peer | None) -> None:
        if self._place is not None:
            with self._doing():
                self._remotes.changed(before, after)

    def told(self, news: News) -> None:
        self._tell(news)

    def _bring(self, post: Post) -> None:
        """Have it said here, unless it was. Raises `Refused` where the disk is at fault, and trying again has a use."""
        if post.author == self.mesh.key and post.seq in self._ours:
            self._ours.discard(post.seq)
            return
        if not is_room(post.room):
            return
        who = self._remotes.who(post.author, post.nick)
        try:
            with self._doing():
                if post.kind == "topic":
                    self._hub.bring_topic(who, post.room, post.text, post.at)
                else:
                    kind = post.kind if post.kind != "file" else "say"
                    self._hub.bring(who, post.room, _shown(post), kind, msgid=post.id, at=post.at)
        except Refused as error:
            if error.why is Why.DISK:
                raise
            self._tell(News(f"what {who.nick} said in {post.room} is not shown: {error}"))

    # ── from the hub ──────────────────────────────────────────────────────────────────────────────────────

    def _watch(self, event: Event) -> None:
        if self._busy:
            return
        if isinstance(event, Said):
            self._post(event.message)
        elif isinstance(event, TopicSet):
            self._post_topic(event)
        elif not self._presenting:  # who is where may have changed: look at the end of the turn
            self._presenting = True
            asyncio.get_running_loop().call_soon(self._present)

    def _post(self, message: Message) -> None:
        if self._shares(message.room):
            file = message.file
            url = f"http://{self._host()}{file.url}" if file is not None and self._host() else ""
            offered = PostFile(file.name, file.size, file.type, url) if file is not None else None
            self._say(
                lambda: self.mesh.post(
                    room=message.room, text=message.text, nick=message.who.nick, kind=message.kind, file=offered,
                    at=message.at, msgid=message.id,
                )
            )  # fmt: skip

    def _post_topic(self, event: TopicSet) -> None:
        if self._shares(event.room):
            self._say(
                lambda: self.mesh.post(room=event.room, text=event.text, nick=event.who.nick, kind="topic", at=event.at)
            )

    def _say(self, saying: Callable[[], Post]) -> None:
        try:
            with self._doing():
                self._ours.add(saying().seq)
        except (OSError, ValueError) as error:
            self._tell(News(f"the other peers do not hear that: {error}", loud=True))
        else:
            self.posts_came()

    def _present(self) -> None:
        """Tell the mesh who is here, and where."""
        self._presenting = False
        if self._place is not None:
            people = [member for member in self._hub.people.values() if not isinstance(member, Remote)]
            self.mesh.present(
                [
                    Person(each.nick, tuple(sorted(room.name for room in each.rooms if _is_open(room))), each.away)
                    for each in people[:PEER_PEOPLE]
                ]
            )

    def _shares(self, name: str) -> bool:
        room = self._hub.rooms.get(folded(name))
        return room is not None and _is_open(room)

    def _host(self) -> str:
        """Where files can be fetched from, as host:port; empty where others cannot call us."""
        addresses = self.mesh.addresses
        return addresses[0].removeprefix("tcp://") if addresses else ""

    @contextmanager
    def _doing(self) -> Iterator[None]:
        """What happens on the hub in this block is not to be posted."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before


def _is_open(room: Room) -> bool:
    """Whether it is for everybody."""
    return not (_CLOSED & set(room.state.modes) or room.state.key)


def _shown(post: Post) -> str:
    """What is shown of it: a file is a link."""
    if post.file is None:
        return post.text
    return f"{post.file.name} ({human_bytes(post.file.size)}) {post.file.url}".strip()


class _Place:
    """Up to which place the posts were told in one history, in a file beside them: 8 bytes, and which history."""

    _NUMBER = struct.Struct("<Q")

    def __init__(self, store: Store, history: Path | None) -> None:
        """Where the history does not outlive its process nothing was told. Raises `PostsError`."""
        self._store = store
        self.number = 0
        self._file = -1
        if history is None:
            return
        try:
            self._file = os.open(store.path / "told", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            said, name = os.pread(self._file, 64 * 1024, 0), os.fsencode(history.resolve())
            if said[self._NUMBER.size :] == name:
                self.number = min(self._NUMBER.unpack_from(said)[0], store.end)
            else:
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, self._NUMBER.pack(0) + name, 0)
        except OSError as error:
            self.close()
            raise PostsError(store.path, reason_of(error)) from error

    def begin(self) -> int:
        """Where to go on: what the store has forgotten is told no more."""
        self.number = max(self.number, self._store.begin)
        return self.number

    def keep(self) -> None:
        """All up to `number` were told. Raises `OSError`."""
        if self._file >= 0:
            os.pwrite(self._file, self._NUMBER.pack(self.number), 0)

    def close(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
