"""Peers that call each other hear all that one of them says, each post once and in causal order, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshing import QUICK, Ears, Peered, Stranger, check_causal, peered, stranger, until
from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.errors import IdentityChanged, PeerRefused, ThisPeer, UsageError, WrongMesh
from tincans.limits import PEER_ADDRESSES, PEER_CALLS, PEER_LINKS, PEER_PEOPLE, PEER_ROOMS, PEER_STRANGERS
from tincans.peers.identity import Identity
from tincans.peers.known import Known, Trust
from tincans.peers.links import farewell
from tincans.peers.mesh import Mesh
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store
from tincans.peers.tls import CODE, Peer, PeerTls
from tincans.peers.wire import Again, Hello, Here, Introduced, Person, Ping, Pong, Said, Words
from tincans.tasks import spawn


async def all_have(peers: list[Peered], count: int) -> None:
    await until(lambda: all(len(peer.mesh.store) == count for peer in peers), f"{count} posts everywhere")
    for peer in peers:
        check_causal(peer.posts)
    assert len({frozenset(peer.texts) for peer in peers}) == 1


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────


async def test_what_one_says_the_other_hears(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        await ann.link(bob)
        ann.say("hello")
        await until(lambda: bob.texts == ["hello"])
        bob.say("hello yourself")
        await all_have([ann, bob], 2)
        assert bob.posts[1].after == ((ann.mesh.key, 1),)


async def test_a_line_of_peers_passes_it_on_to_its_end(tmp_path: Path) -> None:
    """Those at the ends trust only their neighbours, and cannot call each other: nobody tells where he is."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(peered(tmp_path, name)) for name in "abcde"]
        for peer in peers:
            peer.mesh._presenter.served.clear()
        for one, other in itertools.pairwise(peers):
            await one.link(other)
        for number in range(20):
            for peer in peers:
                peer.say(f"{peer.name} {number}")
        await all_have(peers, 100)
        assert [len(peer.mesh.links) for peer in peers] == [1, 2, 2, 2, 1]


async def test_a_mesh_forms_beyond_those_whom_one_called(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        names = ("ann", "bob", "cyd", "dan")
        peers = [await stack.enter_async_context(peered(tmp_path, name)) for name in names]
        for one, other in itertools.pairwise(peers):
            await one.link(other)
        await until(lambda: all(len(peer.mesh.links) == 3 for peer in peers), "everybody is linked with everybody")
        await until(lambda: all(len(peer.mesh.members) == 3 for peer in peers))
        assert [len(peer.mesh.known.peers) for peer in peers] == [1, 2, 2, 1], "who was introduced is not pinned"
        peers[0].say("to all")
        await all_have(peers, 1)


async def test_whoever_was_away_catches_up_from_whom_they_meet_first(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob, peered(tmp_path, "cyd") as cyd:
            await bob.link(ann)
            await cyd.link(ann)
            bob.say("while cyd is here")
            await all_have([ann, bob, cyd], 1)
        await until(lambda: not ann.mesh.links)
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
            for number in range(200):
                bob.say(f"{number}")
            await all_have([ann, bob], 201)
        async with peered(tmp_path, "cyd") as cyd:  # bob is away now, and ann brings what he said
            await until(lambda: len(cyd.mesh.store) == 201)
            check_causal(cyd.posts)
            cyd.say("and goes on")
            await all_have([ann, cyd], 202)
            assert cyd.posts[-1].seq == 1


async def test_who_comes_back_says_nothing_under_a_number_that_was_had(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
            bob.say("one")
            await all_have([ann, bob], 1)
        shutil.rmtree(tmp_path / "bob" / "mesh" / "posts")
        async with peered(tmp_path, "bob") as bob:  # his disk is new, and his own words come back to him
            await until(lambda: bob.texts == ["one"])
            assert bob.say("two").seq == 2
            await all_have([ann, bob], 2)


async def test_calls_at_the_same_moment_end_in_one_link(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        await asyncio.gather(ann.link(bob), bob.link(ann), ann.link(bob), bob.link(ann))
        await until(lambda: ann.is_linked(bob))
        for number in range(50):
            ann.say(f"a{number}")
            bob.say(f"b{number}")
            await asyncio.sleep(0)
        await all_have([ann, bob], 100)
        assert ann.mesh.links[bob.mesh.key].rank == bob.mesh.links[ann.mesh.key].rank


async def test_a_link_that_was_lost_is_made_again(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        await ann.link(bob)
        await until(lambda: ann.is_linked(bob))
        for _ in range(3):
            link = ann.mesh.links[bob.mesh.key]
            link._channel.abort()
            ann.say("through it all")
            await until(lambda link=link: ann.mesh.links.get(bob.mesh.key) not in (None, link))  # type: ignore[misc]
        await all_have([ann, bob], 3)


async def test_links_that_break_all_the_time_lose_nothing(tmp_path: Path) -> None:
    dice = random.Random(7)
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(peered(tmp_path, name)) for name in "abcd"]
        for one, other in itertools.pairwise(peers):
            await one.link(other)
        for number in range(60):
            dice.choice(peers).say(f"{number}")
            links = [link for peer in peers for link in peer.mesh.links.values()]
            if links and not number % 3:
                dice.choice(links)._channel.abort()
            await asyncio.sleep(0.002)
        await all_have(peers, 60)


# ── who is here ───────────────────────────────────────────────────────────────────────────────────────────


async def test_all_hear_who_is_where_and_who_leaves(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        for peer in (ann, bob):
            peer.mesh._presenter.served.clear()
        async with peered(tmp_path, "cyd") as cyd:
            await ann.link(bob)
            await bob.link(cyd)
            cyd.mesh.present([Person("cyd", ("#tins",)), Person("dan", ("#ops",), "at lunch")])
            await until(lambda: ann.sees(cyd) and len(ann.mesh.members[cyd.mesh.key].people) == 2)
            member = ann.mesh.members[cyd.mesh.key]
            assert (member.name, member.addresses) == ("cyd", (cyd.address,))
            assert member.people[1] == Person("dan", ("#ops",), "at lunch")
        await until(lambda: not ann.sees(cyd))
        assert ann.sees(bob)
        assert ann.ears.changes[-1][1] is None


async def test_who_is_not_heard_of_for_long_is_gone(tmp_path: Path) -> None:
    quick = QUICK._replace(here=0.01, gone=0.05, retry_first=5.0, retry_most=5.0)
    async with peered(tmp_path, "ann", pace=quick) as ann, peered(tmp_path, "bob", pace=quick) as bob:
        await ann.link(bob)
        await until(lambda: ann.sees(bob))
        bob.mesh._ticking.cancel()
        await until(lambda: not ann.sees(bob))
        assert ann.ears.changes[-1][0] is not None
        assert bob.mesh.key in ann.mesh.links, "the link goes on: it answers, and says nothing of itself"


async def test_as_many_people_and_rooms_are_told_as_may_be(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        await ann.link(bob)
        rooms = tuple(f"#{number}" for number in range(PEER_ROOMS + 1))
        ann.mesh.present([Person("ann", rooms)] + [Person(f"p{number}") for number in range(PEER_PEOPLE)])
        await until(lambda: bob.sees(ann) and len(bob.mesh.members[ann.mesh.key].people) == PEER_PEOPLE)
        assert len(bob.mesh.members[ann.mesh.key].people[0].rooms) == PEER_ROOMS
        long = tuple(f"#{'x' * 50}{number:03}" for number in range(PEER_ROOMS))
        ann.mesh.present([Person(f"n{number}", long) for number in range(PEER_PEOPLE)])
        await until(lambda: bob.mesh.members[ann.mesh.key].people[0].nick == "n0")
        assert 1 <= len(bob.mesh.members[ann.mesh.key].people) < PEER_PEOPLE, "as many as fit"


async def test_it_tells_as_many_addresses_as_it_may(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        for port in range(1, PEER_ADDRESSES + 2):
            ann.mesh.served_at(Address("tcp", "10.0.0.7", port))
        assert len(ann.mesh.addresses) == PEER_ADDRESSES


async def test_on_every_interface_it_can_be_called_where_others_see_it(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", address=Address.parse("tcp://*:0")) as ann, peered(tmp_path, "bob") as bob:
        assert ann.mesh.addresses == []
        here = Address("tcp", "127.0.0.1", ann.address.port)
        await bob.mesh.call(here).linked()
        await until(lambda: bob.sees(ann) and bob.mesh.members[ann.mesh.key].addresses == (here,))


# ── who is trusted ────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_answers_first_at_an_address_is_pinned_and_said(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob", ask=None) as bob:
        ann.mesh.call(bob.address)
        said = f"bob is trusted from now on, with the fingerprint {bob.mesh.identity.fingerprint}"
        await until(lambda: said in ann.ears.loud)
        assert [(each.name, each.address) for each in ann.mesh.known.peers] == [("bob", bob.address)]
        await until(lambda: bob.ears.loud)
        fingerprint = ann.mesh.identity.fingerprint
        assert bob.ears.loud[0].endswith(
            f"nobody here knows ann with the fingerprint {fingerprint}; "
            f"to trust them: tincans chat --peer --trust {fingerprint}"
        )
        await until(lambda: any(isinstance(news.error, PeerRefused) for news in ann.ears.news))
        assert not bob.mesh.links, "bob has to trust her as well"
        assert bob.mesh.known.peers == []


async def test_who_is_trusted_by_their_fingerprint_comes_in(tmp_path: Path) -> None:
    trust = Trust([Identity.open(tmp_path / "ann").fingerprint])
    async with (
        peered(tmp_path, "ann") as ann,
        peered(tmp_path, "bob", ask=trust) as bob,
        peered(tmp_path, "eve") as eve,
    ):
        await ann.link(bob)
        call = eve.mesh.call(bob.address)
        await until(lambda: any("nobody here knows eve" in text for text in bob.ears.loud))
        await call.stop()
        assert [each.name for each in bob.mesh.known.peers] == ["ann"]


async def test_as_many_strangers_are_asked_about_at_once_as_may_be(tmp_path: Path) -> None:
    asked: list[str] = []
    answer = asyncio.Event()

    async def ask(peer: Peer) -> bool:
        asked.append(peer.name)
        return await answer.wait()

    async with peered(tmp_path, "ann", ask=ask) as ann, AsyncExitStack() as stack:
        for number in range(PEER_STRANGERS + 1):
            stranger = PeerTls(Identity.open(tmp_path / f"eve{number}"), f"eve{number}")
            channel, _ = await stranger.call(ann.address)
            stack.push_async_callback(channel.aclose)
            if number < PEER_STRANGERS:
                await until(lambda number=number: len(asked) == number + 1)  # type: ignore[misc]
        await until(lambda: any(f"nobody here knows eve{PEER_STRANGERS}" in text for text in ann.ears.loud))
        answer.set()
        await until(lambda: len(ann.mesh.known.peers) == PEER_STRANGERS)


async def test_who_calls_twice_is_trusted_once(tmp_path: Path) -> None:
    asked: list[str] = []
    answer = asyncio.Event()

    async def ask(peer: Peer) -> bool:
        asked.append(peer.name)
        return await answer.wait()

    async with peered(tmp_path, "ann", ask=ask) as ann, AsyncExitStack() as stack:
        bob = PeerTls(Identity.open(tmp_path / "bob"), "bob")
        for calls in (1, 2):
            channel, _ = await bob.call(ann.address)
            stack.push_async_callback(channel.aclose)
            await until(lambda calls=calls: len(asked) == calls)  # type: ignore[misc]
        answer.set()
        async with peered(tmp_path, "eve") as eve:
            await eve.link(ann)
            await until(lambda: len(ann.ears.loud) >= 2)
        assert [text.partition(" is ")[0] for text in ann.ears.loud] == ["bob", "eve"]


async def test_another_key_at_a_known_address_is_refused_by_who_calls(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob:
            await ann.link(bob)
        async with peered(tmp_path, "eve", address=bob.address) as eve:
            with pytest.raises(IdentityChanged) as raised:
                await ann.mesh.call(bob.address).linked()
            assert str(raised.value) == (
                f"cannot connect to {bob.address}: THE IDENTITY OF bob HAS CHANGED: the address is known with the "
                f"fingerprint {bob.mesh.identity.fingerprint}, and showed {eve.mesh.identity.fingerprint}; "
                "if that is right: tincans chat --forget bob"
            )
            assert str(raised.value) in ann.ears.loud
            assert not ann.mesh.links
            await until(lambda: any("it says: THE IDENTITY OF bob HAS CHANGED" in each.text for each in eve.ears.news))
            eve.say("believe me")
            ann.mesh.known.forget("bob")
            await ann.link(eve)
            await until(lambda: ann.texts == ["believe me"])


async def test_another_key_with_a_known_name_is_refused_by_who_is_called(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
        (tmp_path / "bob" / "identity.pem").unlink()
        async with peered(tmp_path, "bob") as other:
            call = other.mesh.call(ann.address)
            await until(lambda: any("THE IDENTITY OF bob HAS CHANGED: the name" in text for text in ann.ears.loud))
            await until(lambda: any(isinstance(news.error, PeerRefused) for news in other.ears.news))
            await call.stop()
            assert not ann.mesh.links


async def test_a_call_to_oneself_and_to_another_mesh_end(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob", mesh="home") as bob:
        with pytest.raises(ThisPeer, match="that is this peer itself"):
            await ann.mesh.call(ann.address).linked()
        with pytest.raises(WrongMesh, match="one is in the mesh 'tincans', and the other in 'home'"):
            await ann.mesh.call(bob.address).linked()


async def test_who_speaks_another_protocol_is_answered_by_whom_it_concerns(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        heard: list[Peer] = []

        async def answer(channel: Channel, peer: Peer) -> None:
            heard.append(peer)
            await channel.send(b"here")

        eve = PeerTls(Identity.open(tmp_path / "eve"), "eve")
        for expected in (b"", b"here"):
            channel, _ = await eve.call(ann.address, protocol=CODE)
            async with channel:
                assert b"".join([data async for data in channel]) == expected
            ann.mesh.answer(CODE, answer)
        assert [peer.name for peer in heard] == ["eve"]


async def test_a_caller_of_whom_the_first_bytes_were_looked_at_comes_in(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob:
        async with await transports.listen(Address.parse("tcp://127.0.0.1:0")) as listener:
            call = bob.mesh.call(listener.address)
            channel = await listener.accept()
            accepting = spawn(ann.mesh.accept(Buffered(channel, await channel.receive()), looked_ahead=True))
            await call.linked()
            await call.stop()
            await accepting


async def test_who_makes_no_handshake_is_sent_away(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", pace=QUICK._replace(hello=0.02)) as ann:
        for words in (b"GET / HTTP/1.1\r\n\r\n", b""):
            async with await transports.dial(ann.address) as channel:
                await channel.send(words) if words else None
                await until(lambda: ann.ears.news)
                assert "was turned away" in ann.ears.news.pop().text


async def test_a_name_that_is_none_is_no_peer(tmp_path: Path) -> None:
    store = Store(tmp_path / "mesh")
    with pytest.raises(UsageError):
        Mesh(Identity.open(tmp_path), Known(tmp_path / "known"), store, name="two words")
    store.close()


# ── peers that do not keep to it ──────────────────────────────────────────────────────────────────────────


async def test_a_forged_post_closes_the_link_with_a_sentence(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(1), Sealed(eve.post(2).body, bytes(64))]))
        assert await eve.bye() == "a post with a forged signature"
        assert ann.texts == ["hello"], "what came before it was good"
        await until(lambda: not ann.mesh.links)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Said([Sealed(b"rubbish", bytes(64))]), "a broken post"),
        (Introduced([Sealed(b"rubbish", bytes(64))]), "a broken introduction"),
        (Here([Sealed(b"rubbish", bytes(64))]), "a broken presence"),
        (Hello("tincans", b"r" * 16, b"n" * 16, {}), "it said hello twice"),
    ],
)
async def test_what_is_wrong_closes_the_link_with_a_sentence(tmp_path: Path, message: Words, reason: str) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(message)
        assert (await eve.bye()).startswith(reason)


async def test_who_does_not_begin_with_hello_is_told(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        channel, _ = await PeerTls(Identity.open(tmp_path / "eve"), "eve").call(ann.address)
        eve = Stranger(await stack.enter_async_context(channel), Identity.open(tmp_path / "eve"))
        await eve.say(Ping())
        assert await eve.bye() == "it did not say hello first"


async def test_a_post_of_another_mesh_is_refused(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(1, mesh="home")]))
        assert await eve.bye() == "a post of another mesh: 'home'"


async def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(1), eve.post(1)]))
        await eve.say(Said([eve.post(1), eve.post(2)]))
        await until(lambda: len(ann.mesh.store) == 2)
        assert ann.mesh.links


async def test_two_things_under_one_number_are_told_once_and_loudly(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(1, "yes"), eve.post(1, "no"), eve.post(1, "no"), eve.post(2, "so")]))
        await until(lambda: len(ann.mesh.store) == 2)
        assert ann.texts == ["yes", "so"]
        said = "eve said two different things as post 1, of which only the first is kept here"
        assert ann.ears.loud.count(said) == 1
        await eve.say(Said([Sealed(eve.post(1, "never").body, bytes(64))]))
        assert await eve.bye() == "a post with a forged signature", "nobody can be made to look a liar"


async def test_what_came_before_its_causes_is_told_after_them(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(3, "three"), eve.post(2, "two")]))
        await eve.say(Ping())
        await eve.hear(Pong)
        assert ann.texts == []
        await eve.say(Said([eve.post(1, "one")]))
        await until(lambda: ann.texts == ["one", "two", "three"])


async def test_who_could_not_keep_something_is_told_it_again(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        for number in range(3):
            ann.say(f"{number}")
        eve = await stranger(stack, tmp_path, ann)
        said = await eve.hear(Said)
        await eve.say(Again({ann.mesh.key: 1}))
        again = await eve.hear(Said)
        assert isinstance(said, Said)
        assert isinstance(again, Said)
        assert again.posts == said.posts[1:]


async def test_what_we_could_not_keep_we_ask_for_again(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Said([eve.post(1)]))
        await until(lambda: len(ann.mesh.store) == 1)
        ann.mesh._intake._order.missed = True
        again = await eve.hear(Again)
        assert again == Again({eve.identity.key: 1})


async def test_silence_is_asked_about_and_then_ends_the_link(tmp_path: Path) -> None:
    pace = QUICK._replace(ping=0.02, pong=0.02, here=30.0)
    async with peered(tmp_path, "ann", pace=pace._replace(pong=30.0)) as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.hear(Ping)
        link = ann.mesh.links[eve.identity.key]
        assert link._asked
        await eve.say(Pong())
        await until(lambda: not link._asked)
    async with peered(tmp_path, "ann", pace=pace) as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.hear(Ping)
        await until(lambda: not ann.mesh.links)
        assert ann.ears.news[-1].text.endswith("ended: it did not answer for 0.02 s")


async def test_who_takes_nothing_is_let_go_and_nothing_is_hoarded_for_them(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", pace=QUICK._replace(stall=0.05)) as ann, AsyncExitStack() as stack:
        await stranger(stack, tmp_path, ann)
        for number in range(900):
            ann.say("x" * 16_000 + f"{number}")
            if not number % 100:
                await asyncio.sleep(0)
        await until(lambda: not ann.mesh.links)
        assert ann.ears.news[-1].text.endswith("ended: it took nothing for 0.05 s")


async def test_who_says_no_hello_is_sent_away(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", pace=QUICK._replace(hello=0.05)) as ann:
        eve = PeerTls(Identity.open(tmp_path / "eve"), "eve")
        while not any("it said no hello within 0.05 s" in news.text for news in ann.ears.news):
            channel, _ = await eve.call(ann.address)
            async with channel:  # where the machine is busy even the handshake takes longer
                told = len(ann.ears.news)
                await until(lambda told=told: len(ann.ears.news) > told)  # type: ignore[misc]


async def test_there_are_as_many_links_as_may_be(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        for number in range(PEER_LINKS):
            await stranger(stack, tmp_path, ann, name=f"eve{number}")
        await until(lambda: len(ann.mesh.links) == PEER_LINKS)
        last = await stranger(stack, tmp_path, ann)
        assert await last.bye() == f"there are {PEER_LINKS} links already"


async def test_as_many_calls_are_under_way_as_may_be(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        listener = await stack.enter_async_context(await transports.listen(Address.parse("tcp://127.0.0.1:0")))
        calls = [ann.mesh.call(listener.address) for _ in range(PEER_CALLS + 1)]
        callers = [await listener.accept() for _ in range(PEER_CALLS)]
        accepting = spawn(listener.accept())
        await asyncio.sleep(0.05)
        assert not accepting.done(), "they wait for an answer"
        callers.pop().abort()
        callers.append(await accepting)
        for call in calls:
            await call.stop()
        for channel in callers:
            channel.abort()


async def test_a_program_that_began_anew_takes_the_place_of_its_old_link(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        old = await stranger(stack, tmp_path, ann, hello=Hello("tincans", b"1" * 16, b"\0" * 16, {}))
        new = await stranger(stack, tmp_path, ann, hello=Hello("tincans", b"2" * 16, b"\xff" * 16, {}))
        assert await old.bye() == "there is another link"
        await new.say(Ping())
        await new.hear(Pong)
        third = await stranger(stack, tmp_path, ann, hello=Hello("tincans", b"2" * 16, b"\xff" * 15 + b"\xfe", {}))
        assert await new.bye() == "there is another link", "of two of one run the one with the lower rank stays"
        fourth = await stranger(stack, tmp_path, ann, hello=Hello("tincans", b"2" * 16, b"\xff" * 16, {}))
        assert await fourth.bye() == "there is another link"
        await third.hear(Ping)  # it is asked whether it is alive
        await third.say(Pong())
        assert ann.mesh.links[third.identity.key].run == b"2" * 16


async def test_a_farewell_to_who_has_gone_is_no_error(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann:
        channel, _ = await PeerTls(Identity.open(tmp_path / "eve"), "eve").call(ann.address)
        channel.abort()
        await farewell(channel, "never mind")
    assert isinstance(ann.ears, Ears)
