"""The people of other peers, as members of this hub.

They are told nothing: each is told on their own hub. What their hub says of them, in which rooms they are and whether
they are away, happens here as if they did it; this hub's rules still hold, so who is banned here does not come in.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tincans.apps.chat.events import Event, Whispered, Who
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import folded, is_nick, is_room
from tincans.apps.chat.refusals import Refused
from tincans.apps.chat.texts import cut
from tincans.limits import CHAT_NICK_BYTES
from tincans.peers.identity import Fingerprint
from tincans.peers.presences import Member as Peer
from tincans.peers.wire import Person


class Remote(Member):
    """Somebody on another peer's hub."""

    __slots__ = ("_hub",)

    def __init__(self, hub: Hub, person: Person, peer: Peer) -> None:
        super().__init__(host_of(peer.key))
        self._hub = hub
        self.client = f"peer {peer.name}"
        self.real_name = f"{person.nick if is_nick(person.nick) else 'somebody'} on {peer.name}"

    def tell(self, event: Event) -> None:
        """Nothing reaches them but what all are told, and who whispers should know that."""
        if isinstance(event, Whispered) and event.kind != "notice":
            asyncio.get_running_loop().call_soon(self._answer, event.who.nick)

    def _answer(self, nick: str) -> None:
        with suppress(Refused):
            text = "nobody heard that: what is whispered does not reach other peers, only what is said in rooms"
            self._hub.whisper(self, nick, text, "notice")


class Remotes:
    """All of them, by their peer's key and the nick that they have there."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._people: dict[bytes, dict[str, Remote]] = {}

    def changed(self, before: Peer | None, after: Peer | None) -> None:
        """A peer came, is different now, or is gone."""
        peer = after or before
        assert peer is not None
        there = self._people.setdefault(peer.key, {})
        wanted = {person.nick: person for person in (after.people if after is not None else ())}
        for nick in [nick for nick in there if nick not in wanted]:
            self._hub.leave(there.pop(nick), f"left {peer.name}" if after is not None else f"{peer.name} is gone")
        for person in wanted.values():
            with suppress(Refused):  # a hub that lets no guests in lets none in
                self._follow(there.get(person.nick) or self._enter(there, person, peer), person)
        if not there:
            del self._people[peer.key]

    def who(self, key: bytes, nick: str) -> Who:
        """Somebody who said something on that peer's hub, perhaps long ago, as they are shown here."""
        remote = self._people.get(key, {}).get(nick)
        if remote is not None:
            return remote.who
        plain = nick if is_nick(nick) else "guest"
        return Who(plain if folded(plain) not in self._hub.people else _marked(plain, key), "", host_of(key))

    def close(self) -> None:
        """Have all of them leave."""
        for people in self._people.values():
            for remote in people.values():
                self._hub.leave(remote, "the mesh is left")
        self._people.clear()

    def _enter(self, there: dict[str, Remote], person: Person, peer: Peer) -> Remote:
        remote = Remote(self._hub, person, peer)
        nick = person.nick if is_nick(person.nick) else "guest"
        try:
            self._hub.check_nick(nick)
        except Refused:
            nick = self._hub.free_nick(_marked(nick, peer.key))
        self._hub.enter(remote, nick)
        there[person.nick] = remote
        return remote

    def _follow(self, remote: Remote, person: Person) -> None:
        """Be in the rooms in which they are, and away if they are."""
        rooms = {folded(room): room for room in person.rooms if is_room(room)}
        for room in list(remote.rooms):
            if folded(room.name) not in rooms:
                self._hub.part(remote, room.name)
        for name in rooms.values():
            with suppress(Refused):
                self._hub.join(remote, name)
        if remote.away != cut(person.away):
            self._hub.set_away(remote, person.away)


def host_of(key: bytes) -> str:
    """Where somebody is, as others are shown it: the beginning of their peer's fingerprint."""
    return Fingerprint.of(key).short


def _marked(nick: str, key: bytes) -> str:
    """A nick that tells somebody from another of the same name."""
    mark = f"-{host_of(key)[:4]}"
    return cut(nick, CHAT_NICK_BYTES - len(mark)) + mark
