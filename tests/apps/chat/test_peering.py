"""Hubs joined by a mesh: one message has one name and one time on all of them, and is told once on each."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from meshing import LOOPBACK, QUICK, until
from rooming import Guest, changes, refused
from running import Certificates
from tincans.address import Address
from tincans.apps.chat.doors import Lobby, attend
from tincans.apps.chat.events import File, Message
from tincans.apps.chat.history import History, MemoryHistory
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.peering import Peering, peered, with_peers
from tincans.apps.chat.refusals import Why
from tincans.apps.chat.remotes import Remote
from tincans.channel import Buffered
from tincans.client import connect
from tincans.errors import PostsError
from tincans.limits import CHAT_NICK_BYTES, PEER_SEGMENTS
from tincans.peers.identity import Identity
from tincans.peers.known import Trust
from tincans.peers.news import News
from tincans.peers.posts import SEAL, Post
from tincans.peers.store import Store
from tincans.server import serve
from tincans.transports.tls import server_wrap


class Side(NamedTuple):
    """A hub that is a peer, and what it was told."""

    hub: Hub
    peering: Peering
    address: Address
    news: list[News]

    def said(self, room: str = "#tins") -> list[str]:
        """What was said in a room, in this hub's order."""
        return [f"{each.who.nick}: {each.text}" for each in self.messages(room)]

    def messages(self, room: str = "#tins") -> list[Message]:
        return self.hub.history.recent(room, 500)

    def people(self, room: str = "#tins") -> list[str]:
        found = self.hub.rooms.get(room)
        return sorted(member.nick for member in found.members) if found is not None else []

    async def link(self, other: Side) -> None:
        await self.peering.mesh.call(other.address).linked()

    def guest(self, nick: str, *rooms: str) -> Guest:
        guest = Guest(self.hub, nick)
        for room in rooms or ("#tins",):
            self.hub.join(guest, room)
        return guest


@contextlib.asynccontextmanager
async def side(folder: Path, name: str, *, history: History | None = None, guests: bool = True) -> AsyncIterator[Side]:
    """A hub whose history is in a folder, unless another one is given."""
    history = history or FolderHistory.open(folder / name / "rooms")
    hub, news = Hub(history, guests=guests), list[News]()
    try:
        async with peered(
            hub, name=name, folder=folder / name, ask=Trust(new=True), told=news.append, pace=QUICK
        ) as peering:
            server = await peering.mesh.listen(LOOPBACK)
            yield Side(hub, peering, server.address, news)
    finally:
        await hub.aclose()


@contextlib.asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[Side, Side]]:
    """Two hubs that are linked."""
    async with side(folder, "one") as one, side(folder, "two") as other:
        await one.link(other)
        yield one, other


async def until_heard(guest: Guest, beginning: str) -> str:
    """Wait until they are told a line that begins so."""
    while True:
        for line in await guest.heard_lines():
            if line.startswith(beginning):
                return line
        await asyncio.sleep(0.002)


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_is_the_same_on_both_hubs(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann, bob = one.guest("ann"), other.guest("bob")
        one.hub.say(ann, "#tins", "hello")
        await until(lambda: other.said() == ["ann: hello"])
        other.hub.say(bob, "#tins", "waves", "act")
        await until(lambda: one.said() == ["ann: hello", "bob: waves"])
        for here, there in zip(one.messages(), other.messages(), strict=True):
            assert (here.id, here.at, here.kind, here.text) == (there.id, there.at, there.kind, there.text)
        assert other.messages()[0].who.host == one.peering.mesh.identity.fingerprint.short
        assert "#tins act bob: waves" in await ann.heard_lines()


async def test_what_was_said_before_they_met_is_told_then(tmp_path: Path) -> None:
    async with side(tmp_path, "one") as one, side(tmp_path, "two") as other:
        ann = one.guest("ann")
        for number in range(200):
            one.hub.say(ann, "#tins", f"{number}")
        await other.link(one)
        await until(lambda: other.said() == [f"ann: {number}" for number in range(200)])


async def test_a_topic_that_was_set_last_holds_on_both(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann, bob = one.guest("ann"), other.guest("bob")
        one.hub.set_topic(ann, "#tins", "strings")
        await until(lambda: (topic := other.hub.rooms["#tins"].state.topic) and topic.text == "strings")
        other.hub.set_topic(bob, "#tins", "cans")
        await until(lambda: (topic := one.hub.rooms["#tins"].state.topic) and topic.text == "cans")
        one.hub.bring_topic(bob.who, "#tins", "older", 1)
        topic = one.hub.rooms["#tins"].state.topic
        assert topic is not None
        assert topic.text == "cans"
        one.hub.set_topic(ann, "#tins", "")
        await until(lambda: other.hub.rooms["#tins"].state.topic is None)


async def test_a_file_is_a_link_elsewhere(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann = one.guest("ann")
        one.hub.say(ann, "#tins", "a.txt", "file", file=File("a.txt", 2048, "text/plain", "/files/1/a.txt"))
        link = f"a.txt (2.0 KiB) http://127.0.0.1:{one.address.port}/files/1/a.txt"
        await until(lambda: other.said() == [f"ann: {link}"])
        assert other.messages()[0].kind == "say"


@pytest.mark.parametrize("mode", ["+s", "+i", "+r", "+k secret"])
async def test_what_is_for_some_only_stays_on_its_hub(tmp_path: Path, mode: str) -> None:
    async with two(tmp_path) as (one, other):
        ann = one.guest("ann", "#tins", "#closed")
        one.hub.set_modes(ann, "#closed", changes(mode))
        one.hub.set_topic(ann, "#closed", "between us")
        one.hub.say(ann, "#closed", "psst")
        one.hub.say(ann, "#tins", "hello")
        await until(lambda: other.said() == ["ann: hello"])
        await until(lambda: other.people() == ["ann"])
        assert "#closed" not in other.hub.rooms or (other.people("#closed"), other.said("#closed")) == ([], [])


async def test_what_the_hub_cannot_show_is_told_and_left_out(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        other.peering.mesh.post(room="no room", nick="bob", text="lost")
        other.peering.mesh.post(room="#tins", nick="bob", text=" ")
        other.peering.mesh.post(room="#tins", nick="bob smith", text="hello")
        await until(lambda: one.said() == ["guest: hello"])
        assert any("is not shown: there is nothing in it" in news.text for news in one.news)


async def test_a_disk_that_refuses_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two(tmp_path) as (one, other):
        bob = other.guest("bob")

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("tincans.apps.chat.peering._AGAIN_SECONDS", 0.01)
        with monkeypatch.context() as patched:
            patched.setattr(one.hub.history, "append", refuse)
            other.hub.say(bob, "#tins", "hello")
            await until(lambda: any("cannot be kept here now" in news.text and news.loud for news in one.news))
        await until(lambda: one.said() == ["bob: hello"])
        with monkeypatch.context() as patched:
            patched.setattr(other.peering.mesh.store, "append", refuse)
            other.hub.say(bob, "#tins", "here alone")
        assert other.news[-1].text.startswith("the other peers do not hear that: [Errno 28]")
        assert other.news[-1].loud


# ── who is there ──────────────────────────────────────────────────────────────────────────────────────────


async def test_people_are_in_the_rooms_of_both_hubs_and_leave_them(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        bob = other.guest("bob")
        ann = one.guest("ann", "#tins", "#ops")
        await until(lambda: other.people() == ["ann", "bob"] and other.people("#ops") == ["ann"])
        one.hub.set_away(ann, "at lunch")
        await until(lambda: other.hub.find("ann").away == "at lunch")
        one.hub.part(ann, "#ops")
        await until(lambda: other.people("#ops") == [])
        one.hub.rename(ann, "annie")
        await until(lambda: other.people() == ["annie", "bob"])
        one.hub.leave(ann)
        await until(lambda: other.people() == ["bob"])
        heard = await bob.heard_lines()
        assert heard[:2] == ["> #tins bob joined", "#tins ann joined"]
        assert "annie quit: left one" in heard


async def test_a_peer_that_leaves_takes_its_people_along(tmp_path: Path) -> None:
    async with side(tmp_path, "one") as one:
        bob = one.guest("bob")
        async with side(tmp_path, "two") as other:
            await other.link(one)
            other.guest("ann")
            await until(lambda: one.people() == ["ann", "bob"])
        await until(lambda: one.people() == ["bob"])
        assert (await bob.heard_lines())[-1] == "ann quit: two is gone"


async def test_two_of_one_name_are_told_apart(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        here, there = one.guest("ann"), other.guest("ann")
        marked = f"ann-{other.peering.mesh.identity.fingerprint.short[:4]}"
        await until(lambda: one.people() == ["ann", marked])
        other.hub.say(there, "#tins", "I am ann")
        await until(lambda: one.said() == [f"{marked}: I am ann"])
        one.hub.say(here, "#tins", "so am I")
        await until(lambda: len(other.said()) == 2)
        other.hub.leave(there)
        await until(lambda: one.people() == ["ann"])
        other.peering.mesh.post(room="#tins", nick="ann", text="from beyond")
        await until(lambda: one.said()[-1] == f"{marked}: from beyond")
        long = "x" * CHAT_NICK_BYTES
        one.guest(long)
        other.guest(long)
        await until(lambda: len(one.people()) == 3)
        assert all(len(nick) <= CHAT_NICK_BYTES for nick in one.people())


async def test_who_whispers_to_somebody_elsewhere_learns_that_nobody_heard_it(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann = one.guest("ann")
        other.guest("bob")
        await until(lambda: one.people() == ["ann", "bob"])
        one.hub.whisper(ann, "bob", "psst")
        assert await until_heard(ann, "notice bob") == (
            "notice bob to ann: nobody heard that: "
            "what is whispered does not reach other peers, only what is said in rooms"
        )


async def test_the_rules_of_a_hub_hold_for_those_elsewhere(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann = one.guest("ann")
        one.hub.set_modes(ann, "#tins", changes("+b bob"))
        bob = other.guest("bob", "#tins", "#ops")
        await until(lambda: one.people("#ops") == ["bob"])
        assert one.people() == ["ann"]
        other.hub.say(bob, "#tins", "heard all the same: my own hub let me")
        await until(lambda: len(one.said()) == 1)
        remote = one.hub.find("bob")
        assert isinstance(remote, Remote)
        with refused(Why.NOT_IN_ROOM):
            one.hub.say(remote, "#tins", "not as if it were said here")


async def test_a_hub_for_those_who_log_in_shows_nobody_and_tells_all(tmp_path: Path) -> None:
    async with side(tmp_path, "one", guests=False) as one, side(tmp_path, "two") as other:
        await one.link(other)
        bob = other.guest("bob")
        other.hub.say(bob, "#tins", "hello")
        await until(lambda: one.said() == ["bob: hello"])
        assert one.people() == []


async def test_peers_come_in_by_the_port_of_the_other_doors(tmp_path: Path, certificates: Certificates) -> None:
    async with side(tmp_path, "one") as one, side(tmp_path, "two") as other:
        wrap = server_wrap(Address.parse(f"tls://127.0.0.1:0{certificates.served}"), looked_ahead=True)
        lobby = with_peers(Lobby(one.hub, lambda: wrap), one.peering.mesh)
        async with await serve(LOOPBACK, partial(attend, lobby)) as server:
            one.peering.mesh.served_at(server.address)
            await other.peering.mesh.call(server.address).linked()
            bob = other.guest("bob")
            plain = await connect(server.address)
            inside = await connect(f"tls://127.0.0.1:{server.address.port}{certificates.trusted}")
            async with plain, inside:
                for channel, nick in ((plain, "ann"), (inside, "cyd")):
                    await channel.send(
                        f'{{"do": "hello", "nick": "{nick}"}}\n{{"do": "join", "room": "#tins"}}\n'.encode()
                    )
                await until(lambda: one.people() == ["ann", "bob", "cyd"])
                other.hub.say(bob, "#tins", "through three doors of one port")
                for channel in (plain, inside):
                    lines = Buffered(channel)
                    while b"through three doors of one port" not in await lines.receive_until(b"\n"):
                        pass


# ── coming back ───────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_comes_back_is_told_what_they_missed_and_nothing_twice(tmp_path: Path) -> None:
    async with side(tmp_path, "one") as one:
        ann = one.guest("ann")
        for round_ in range(3):
            async with side(tmp_path, "two") as other:
                await one.link(other)
                one.hub.say(ann, "#tins", f"together {round_}")
                bob = other.guest("bob")
                await until(lambda: one.people() == ["ann", "bob"])
                other.hub.say(bob, "#tins", f"bob {round_}")
                await until(lambda round_=round_: one.said()[-1] == f"bob: bob {round_}")  # type: ignore[misc]
                await until(lambda other=other: sorted(other.said()) == sorted(one.said()))  # type: ignore[misc]
            await until(lambda: one.people() == ["ann"])
            one.hub.say(ann, "#tins", f"alone {round_}")
        assert len(one.said()) == 9


async def test_a_kill_between_telling_and_remembering_it_tells_nothing_twice(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        ann, bob = one.guest("ann"), other.guest("bob")
        for number in range(5):
            one.hub.say(ann, "#tins", f"{number}")
            other.hub.say(bob, "#tins", f"{number}")
        await until(lambda: len(one.said()) == len(other.said()) == 10)
    told = tmp_path / "two" / "meshes" / "tincans" / "told"
    for number in (0, 7):
        told.write_bytes(number.to_bytes(8, "little") + told.read_bytes()[8:])
        async with side(tmp_path, "two") as other:
            assert len(other.said()) == 10
    told.unlink()
    async with side(tmp_path, "two") as other:
        assert len(other.said()) == 10


async def test_a_new_history_is_told_all_that_there_is(tmp_path: Path) -> None:
    async with two(tmp_path) as (one, other):
        bob = other.guest("bob")
        for number in range(70):
            other.hub.say(bob, "#tins", f"{number}")
        await until(lambda: len(one.said()) == 70)
    for history in (MemoryHistory(), FolderHistory.open(tmp_path / "other"), MemoryHistory()):
        async with side(tmp_path, "two", history=history) as other:
            assert other.said() == [f"bob: {number}" for number in range(70)]


async def test_what_the_mesh_has_forgotten_is_told_no_more_and_the_rest_is(tmp_path: Path) -> None:
    """The hub is told up to the second post, and many more came before it is begun again."""
    async with side(tmp_path, "one") as one:
        guest = one.guest("ann")
        for text in ("hello", "anybody?"):
            one.hub.say(guest, "#tins", text)
    store, identity = Store(one.peering.mesh.store.path, most=2 * PEER_SEGMENTS), Identity.open(tmp_path / "one")
    for number in range(4 * PEER_SEGMENTS):
        seq, after = store.frontier.next(identity.key)
        post = Post(
            mesh="tincans", author=identity.key, seq=seq, after=after, at=1, id=f"m{number}", room="#tins", nick="bob",
            text=f"{number}",
        )  # fmt: skip
        store.append(SEAL.seal(identity, post), post)
    left = [SEAL.read(store.read(place)[0]).text for place in range(store.begin, store.end)]
    assert store.begin > 2
    store.close()
    for _ in range(2):
        async with side(tmp_path, "one") as one:
            assert one.said() == ["ann: hello", "ann: anybody?", *(f"bob: {text}" for text in left)]
    async with side(tmp_path, "one") as one:
        one.hub.say(one.guest("ann"), "#tins", "so many")
    async with side(tmp_path, "one") as one:
        assert one.said()[-2:] == [f"bob: {left[-1]}", "ann: so many"]


async def test_what_cannot_be_told_at_the_beginning_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with side(tmp_path, "one") as one:
        one.hub.say(one.guest("ann"), "#tins", "hello")
    history = MemoryHistory()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(history, "append", refuse)
    with pytest.raises(PostsError, match="what is in it cannot be told: it cannot be kept: no space left on device"):
        async with side(tmp_path, "one", history=history):
            pytest.fail("it began")
    monkeypatch.undo()
    async with side(tmp_path, "one", history=MemoryHistory()):
        pass


async def test_one_identity_is_one_peer_whatever_hub_it_has(tmp_path: Path) -> None:
    async with side(tmp_path, "one") as one:
        assert one.peering.mesh.identity.key == Identity.open(tmp_path / "one").key
        await asyncio.sleep(0)
