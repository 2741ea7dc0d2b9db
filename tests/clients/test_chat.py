"""A client of a chat's hub: one room, several, and a hub that is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import tincans
from chatting import LittleHub, hub_process, little_hub, real_hub
from running import Certificates
from tincans.clients.chat import Lost, Regained, open_chat
from tincans.clients.chat_line import Me
from tincans.clients.chat_room import Membership
from tincans.clients.chat_wire import Event, Joined, Kicked, Left, Message, ModesSet, Renamed, TopicSet
from tincans.errors import ChannelBroken, ChannelClosed, ChatRefused, RemoteProtocolError
from tincans.limits import CHAT_PAGE_MESSAGES, CHAT_TEXT_BYTES, CHAT_WAITING_EVENTS
from tincans.tasks import spawn
from tincans.users import Users, Verifier


async def take(room: Membership, count: int) -> list[str]:
    """The next messages of others."""
    found: list[str] = []
    async for message in room:
        found.append(message.text)
        if len(found) == count:
            break
    return found


async def next_of(room: Membership, kind: type[Event]) -> Event:
    """The next event of this kind."""
    while not isinstance(event := await room.next_event(), kind):
        assert event is not None
    return event


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.text for message in messages]


# ── one room ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_program_says_and_hears() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        said = await room.say("hello")
        assert (said.number, said.nick, said.text, said.kind) == (1, "ann", "hello", "say")
        await hub.say("#ops", "bob", "hello ann")
        await hub.say("#other", "bob", "not here")
        assert (await room.act("waves")).kind == "act"
        assert (await room.notice("done")).kind == "notice"
        await hub.say("#ops", "bob", "bye")
        assert await take(room, 2) == ["hello ann", "bye"]
        assert {person.nick for person in room.people.values()} == {"ann"}


async def test_what_was_said_before_comes_first() -> None:
    async with little_hub() as hub:
        for number in range(3):
            hub.message("#ops", "bob", f"old {number}")
        async with tincans.join(hub.address, "#ops", nick="ann", history=2) as room:
            await hub.say("#ops", "bob", "new")
            assert await take(room, 3) == ["old 1", "old 2", "new"]
        async with tincans.join(hub.address, "#ops", nick="ann") as room:
            await hub.say("#ops", "bob", "newer")
            assert await take(room, 1) == ["newer"]


@pytest.mark.parametrize("after", [0, 1, 5, CHAT_PAGE_MESSAGES, 2 * CHAT_PAGE_MESSAGES + 3])
async def test_all_behind_a_number_comes_page_by_page(after: int) -> None:
    async with little_hub() as hub:
        for number in range(1, 2 * CHAT_PAGE_MESSAGES + 4):
            hub.message("#ops", "bob", str(number))
        async with tincans.join(hub.address, "#ops", nick="ann", after=after) as room:
            await hub.say("#ops", "bob", "live")
            last = 2 * CHAT_PAGE_MESSAGES + 3
            assert await take(room, last - after + 1) == [*map(str, range(after + 1, last + 1)), "live"]


async def test_who_is_there_is_known() -> None:
    async with (
        little_hub() as hub,
        tincans.join(hub.address, "#ops", nick="ann") as room,
        await open_chat(hub.address, Me("bob")) as other,
    ):
        theirs = await other.join("#ops")
        assert isinstance(await next_of(room, Joined), Joined)
        assert set(room.people) == {"ann", "bob"}
        await other.command("nick", nick="Rob")
        assert isinstance(event := await next_of(room, Renamed), Renamed)
        assert (event.nick, event.new) == ("bob", "Rob")
        assert (set(room.people), other.nick) == ({"ann", "rob"}, "Rob")
        await theirs.part()
        assert isinstance(await next_of(room, Left), Left)
        assert set(room.people) == {"ann"}
        assert await theirs.next_event() is not None  # it was told who renamed itself
        assert [event async for event in theirs.events()][-1:] != [None]


@pytest.mark.parametrize("place", ["unix:{}/sock", "memory:chat", "ws://127.0.0.1:0/chat", "tcp://127.0.0.1:0"])
async def test_any_transport_will_do(place: str, tmp_path: object) -> None:
    async with little_hub(place.format(tmp_path)) as hub:
        async with tincans.join(str(hub.address).removesuffix("/chat"), "#ops", nick="ann") as room:
            assert (await room.say("hello")).number == 1
            await hub.say("#ops", "bob", "hi")
            assert await take(room, 1) == ["hi"]


async def test_a_refusal_has_the_hubs_code_and_sentence() -> None:
    async with little_hub() as hub:
        async with tincans.join(hub.address, "#ops", nick="ann") as room:
            hub.instead["say"] = {"on": "error", "code": "moderated", "text": "only some may speak in #ops"}
            with pytest.raises(ChatRefused, match="only some may speak in #ops") as caught:
                await room.say("hello")
            assert caught.value.code == "moderated"
            with pytest.raises(ChatRefused, match="somebody is called ann already"):
                await open_chat(hub.address, Me("ann"))
            async with await open_chat(hub.address, Me("ann", yields=True)) as other:
                assert other.nick == "ann_"
        hub.instead["join"] = {"on": "error", "code": "banned", "text": "no"}
        with pytest.raises(ChatRefused):
            async with tincans.join(hub.address, "#ops"):
                pass
    assert hub.callers == []


async def test_who_is_kicked_hears_it() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        await hub.everybody("kicked", "#ops", nick="ann", by={"nick": "bob"}, text="enough")
        assert isinstance(await next_of(room, Kicked), Kicked)
        with pytest.raises(ChatRefused, match="bob took you out of #ops: enough"):
            await room.next_event()


@pytest.mark.parametrize("words", [b"220 smtp.example.org\r\n", b'{"on": "message"}\n'])
async def test_what_is_no_hub_is_told_so(words: bytes) -> None:
    async def app(channel: tincans.Channel) -> None:
        await channel.send(words)
        await channel.receive()

    async with await tincans.serve("tcp://127.0.0.1:0", app) as server:
        with pytest.raises(RemoteProtocolError, match="no object of a chat"):
            await open_chat(server.address)


async def test_an_answer_of_another_kind_is_told_so() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops") as room:
        hub.instead["say"] = {"on": "done"}
        with pytest.raises(RemoteProtocolError, match="answers say with Done, and not Message"):
            await room.say("hello")


async def test_what_is_not_known_is_ignored() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        await hub.everybody("dance", "#ops", steps=3)
        await hub.say("#ops", "bob", "hello")
        assert await take(room, 1) == ["hello"]


# ── several rooms ─────────────────────────────────────────────────────────────────────────────────────────


async def test_rooms_of_one_chat_do_not_wait_for_each_other() -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann")) as chat:
        ops, lobby = await chat.join("#ops"), await chat.join("#lobby")
        assert await chat.join("#OPS") is ops
        for number in range(CHAT_WAITING_EVENTS + 10):
            await hub.say("#lobby", "bob", str(number))
        await hub.say("#ops", "bob", "here")
        assert await take(ops, 1) == ["here"]
        assert await take(lobby, CHAT_WAITING_EVENTS + 10) == list(map(str, range(CHAT_WAITING_EVENTS + 10)))


async def test_whispers_are_of_no_room() -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann")) as chat:
        assert (await chat.whisper("bob", "psst")).to == "bob"


# ── a slow one ────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_takes_slowly_has_the_hub_wait_and_misses_nothing() -> None:
    size = 4096
    count = 4 * CHAT_WAITING_EVENTS
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        reading = spawn(room.next_event())
        await asyncio.sleep(0)
        saying = spawn(_fill(hub, count, size))
        assert isinstance(await reading, Message)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not saying.done()  # the socket is full
        assert len(room.waiting.events) < CHAT_WAITING_EVENTS + 64
        assert [int(text[:9]) for text in await take(room, count - 1)] == list(range(1, count))
        await saying


async def _fill(hub: LittleHub, count: int, size: int) -> None:
    for number in range(count):
        await hub.say("#ops", "bob", f"{number:09}".ljust(size))


async def test_who_takes_slowly_may_still_say_something() -> None:
    count = 2 * CHAT_WAITING_EVENTS
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        reading = spawn(room.next_event())
        await asyncio.sleep(0)
        saying = spawn(_fill(hub, count, 1024))
        assert isinstance(await reading, Message)
        await room.say("and I")
        await saying
        assert len(room.waiting.events) < CHAT_WAITING_EVENTS + 64
        assert [int(text[:9]) for text in await take(room, count - 1)] == list(range(1, count))


async def test_who_never_takes_anything_keeps_little() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann") as room:
        await _fill(hub, 2 * CHAT_WAITING_EVENTS, 10)
        assert (await room.say("still here")).number == 2 * CHAT_WAITING_EVENTS + 1
        assert len(room.waiting.events) == CHAT_WAITING_EVENTS


async def test_one_task_takes_at_a_time() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops") as room:
        first = spawn(room.next_event())
        await asyncio.sleep(0)
        with pytest.raises(tincans.ChannelBusy):
            await room.next_event()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await hub.say("#ops", "bob", "not lost")
        assert await take(room, 1) == ["not lost"]


# ── a hub that is lost ────────────────────────────────────────────────────────────────────────────────────


async def test_without_reconnecting_what_waits_is_told() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops") as room:
        await hub.say("#ops", "bob", "last words")
        hub.instead["say"] = None
        saying = spawn(room.say("hello"))
        await asyncio.sleep(0.01)
        await hub.say_bye("the hub stops")
        with pytest.raises(ChannelBroken, match="the hub stops"):
            await saying
        assert await take(room, 1) == ["last words"]
        with pytest.raises(ChannelBroken, match="the hub stops"):
            await room.next_event()
        with pytest.raises(ChannelBroken):
            await room.say("again")


async def test_a_hub_that_was_lost_is_called_again_and_nothing_is_missed() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann", reconnect=True) as room:
        await hub.say("#ops", "bob", "1")
        assert await take(room, 1) == ["1"]
        await hub.say("#ops", "bob", "2")
        hub.hang_up()
        for number in range(3, 2 * CHAT_PAGE_MESSAGES):
            hub.message("#ops", "bob", str(number))
        wanted = [str(number) for number in range(2, 2 * CHAT_PAGE_MESSAGES)]
        assert await take(room, len(wanted)) == wanted
        await hub.say("#ops", "bob", "live again")
        assert await take(room, 1) == ["live again"]


async def test_a_hub_that_begins_anew_is_begun_with_at_its_last_messages() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", nick="ann", reconnect=True) as room:
        for number in range(3):
            await hub.say("#ops", "bob", f"old {number}")
        assert await take(room, 3) == ["old 0", "old 1", "old 2"]
        hub.hang_up()
        hub.kept = []
        hub.message("#ops", "bob", "new 0", name="n1")
        assert await take(room, 1) == ["new 0"]
        await hub.say("#ops", "bob", "new 1")
        assert await take(room, 1) == ["new 1"]


async def test_where_the_hub_is_may_be_found_anew() -> None:
    async with little_hub() as first, little_hub() as second:

        async def find() -> tincans.Address:
            return second.address

        async with await open_chat(first.address, tincans.Me("ann"), reconnect=True, find=find) as chat:
            room = await chat.join("#ops")
            first.hang_up()
            assert (await room.say("here?")).text == "here?"
            assert (chat.address, [each["text"] for each in second.kept]) == (second.address, ["here?"])


async def test_a_hub_that_does_not_come_back_is_given_up_after_a_while() -> None:
    how = tincans.Calling(retry=0.01)
    async with little_hub() as hub, await open_chat(hub.address, reconnect=True, how=how) as chat:
        hub.hang_up_at.add("hello")
        hub.hang_up()
        with pytest.raises(ChannelBroken):
            await chat.command("rooms")


@pytest.mark.parametrize("kept", [True, False])
async def test_a_message_on_its_way_is_said_once(kept: bool) -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann"), reconnect=True) as chat:
        room = await chat.join("#ops")
        setattr(hub, "hang_up_behind" if kept else "hang_up_before", "two")
        said = await asyncio.gather(*(room.say(text) for text in ("one", "two", "two", "three")))
        assert texts(said) == ["one", "two", "two", "three"]
        assert [message["text"] for message in hub.kept] == ["one", "two", "two", "three"]
        assert [message.number for message in said] == [1, 2, 3, 4]
        happened = chat.events()
        assert isinstance(await anext(happened), Lost)
        assert isinstance(await anext(happened), Regained)


async def test_a_whisper_on_its_way_is_not_said_twice() -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann"), reconnect=True) as chat:
        hub.instead["say"] = None
        whispering = spawn(chat.whisper("bob", "psst"))
        await asyncio.sleep(0.01)
        hub.hang_up()
        with pytest.raises(ChannelBroken, match="nobody knows whether it was said"):
            await whispering


async def test_a_room_that_lets_nobody_in_again_is_over() -> None:
    async with little_hub() as hub, await open_chat(hub.address, Me("ann"), reconnect=True) as chat:
        room = await chat.join("#ops")
        hub.instead["join"] = {"on": "error", "code": "banned", "text": "you are banned from #ops"}
        hub.hang_up()
        with pytest.raises(ChatRefused, match="you are banned"):
            await room.next_event()
        assert chat.rooms == {}


async def test_who_was_kicked_out_does_not_call_again() -> None:
    async with little_hub() as hub, tincans.join(hub.address, "#ops", reconnect=True) as room:
        await hub.say_bye("kicked out")
        with pytest.raises(ChannelBroken, match="kicked out"):
            await room.next_event()


async def test_after_the_close_nothing_more_comes() -> None:
    async with little_hub() as hub:
        async with tincans.join(hub.address, "#ops") as room:
            waiting = spawn(room.next_event())
            await asyncio.sleep(0)
        assert await waiting is None
        with pytest.raises(ChannelClosed):
            await room.say("hello?")


async def test_cancelling_leaves_nothing_open() -> None:
    async with little_hub() as hub:
        hub.instead["hello"] = None
        calling = spawn(open_chat(hub.address))
        while not hub.callers:
            await asyncio.sleep(0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


# ── our own hub ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["tcp://127.0.0.1:0", "unix:{}/sock", "memory:hub"])
async def test_our_own_hub_is_spoken_with(place: str, tmp_path: Path) -> None:
    async with real_hub(str(tmp_path / "rooms"), place.format(tmp_path)) as hub:
        async with (
            tincans.join(hub, "#ops", nick="ann") as ann,
            tincans.join(str(hub), "#OPS", nick="bob") as bob,
        ):
            assert (await ann.say("hello bob")).number == 1
            await bob.say("hello ann")
            assert (await take(ann, 1), await take(bob, 1)) == (["hello ann"], ["hello bob"])
            await ann.set_topic("deploys")
            assert isinstance(await next_of(bob, TopicSet), TopicSet)
            assert bob.topic is not None
            assert (bob.topic.text, bob.topic.by) == ("deploys", "ann")
            assert [person.rank for person in bob.people.values()] == ["operator", ""]
            assert texts((await bob.search("hello")).messages) == ["hello ann", "hello bob"]
            assert texts((await bob.history(before=2)).messages) == ["hello bob"]
            await ann.chat.command("mode", room="#ops", modes="-o+v ann bob")
            await next_of(bob, ModesSet)
            assert [person.rank for person in bob.people.values()] == ["", "voice"]
            with pytest.raises(ChatRefused) as caught:
                await bob.say("a" * (CHAT_TEXT_BYTES + 1))
            assert caught.value.code == "too-long"


async def test_our_own_hub_by_websocket_and_by_tls(tmp_path: Path, certificates: Certificates) -> None:
    async with real_hub() as hub:
        async with tincans.join(f"ws://127.0.0.1:{hub.port}", "#ops", nick="ann") as room:
            assert (await room.say("hello")).number == 1
    leaf = str(certificates.leaf)
    async with real_hub(tls="required", cert=leaf, key=leaf) as hub:
        place, how = f"tls://127.0.0.1:{hub.port}", tincans.Calling(ca=str(certificates.ca))
        async with tincans.join(place, "#ops", nick="ann", how=how) as room:
            assert (await room.say("hello")).number == 1
        with pytest.raises(tincans.CertificateNotTrusted):
            async with tincans.join(place, "#ops"):
                pass


async def test_who_logs_in_is_known_by_their_account() -> None:
    users = Users({"ann": str(Verifier.of("secret", rounds=4096))})
    async with real_hub(users=users) as hub:
        async with tincans.join(hub, "#ops", nick="ann", name="ann", password="secret") as room:
            assert (await room.say("hello")).account == "ann"
        with pytest.raises(ChatRefused) as caught:
            async with tincans.join(hub, "#ops", nick="eve"):
                pass
        assert caught.value.code == "not-logged-in"


async def test_all_of_a_long_history_comes_in_order_and_so_does_what_follows(tmp_path: Path) -> None:
    count = 3 * CHAT_PAGE_MESSAGES + 7
    async with real_hub(str(tmp_path)) as hub:
        async with tincans.join(hub, "#ops", nick="ann") as ann:
            await asyncio.gather(*(ann.say(str(number)) for number in range(count)))
            async with tincans.join(hub, "#ops", nick="bob", after=0) as bob:
                await ann.say(str(count))
                assert await take(bob, count + 1) == [str(number) for number in range(count + 1)]


async def test_a_hub_that_is_killed_again_and_again_keeps_each_message_once(tmp_path: Path) -> None:
    count, rooms = 400, str(tmp_path / "rooms")
    with hub_process(rooms) as first:
        place = tincans.Address("tcp", "127.0.0.1", first.port)
        async with (
            tincans.join(place, "#ops", nick="ann", reconnect=True) as ann,
            tincans.join(place, "#ops", nick="bob", reconnect=True) as bob,
        ):
            saying = spawn(_say_many(ann, count))
            assert await take(bob, 100) == [str(number) for number in range(100)]
            first.kill()
            with hub_process(rooms, first.port) as second:
                assert await take(bob, 100) == [str(number) for number in range(100, 200)]
                second.kill()
                with hub_process(rooms, first.port):
                    assert await take(bob, 200) == [str(number) for number in range(200, count)]
                    assert [message.text for message in await saying] == [str(number) for number in range(count)]
                    page = await bob.history(limit=500)
                    assert texts(page.messages) == [str(number) for number in range(count)]


async def _say_many(room: Membership, count: int) -> list[Message]:
    """Say numbers, thirty ahead of what was acknowledged."""
    said: list[asyncio.Task[Message]] = []
    for number in range(count):
        said.append(spawn(room.say(str(number))))
        if number >= 30:
            await said[number - 30]
    return [await each for each in said]
