"""Peers that keep only so many posts: who lacks what they have forgotten is told the rest, and all go on together."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

from meshing import QUICK, Peered, Stranger, check_causal, peered, stranger, until
from tincans.limits import PEER_SEGMENTS, PEER_SEQ_MOST
from tincans.peers.causal import Frontier
from tincans.peers.posts import SEAL
from tincans.peers.wire import Again, Bye, Forgotten, Hello, Ping, Pong, Said, receive

#: Two posts a segment.
FEW = 2 * PEER_SEGMENTS


def last(peer: Peered) -> str:
    """What it was told last."""
    store = peer.mesh.store
    return SEAL.read(store.read(store.end - 1)[0]).text if len(store) else ""


async def same_end(peers: list[Peered], text: str) -> None:
    """Wait until the last thing that all were told is this; what each has is in order."""
    await until(lambda: all(last(peer) == text for peer in peers), f"{text} everywhere")
    for peer in peers:
        check_causal(peer.posts, peer.mesh.store.forgotten)


async def talk(peers: list[Peered], count: int, speakers: int = 2) -> None:
    """So many things are said, by one after the other, when all have heard the one before."""
    for number in range(count):
        peers[number % speakers].say(f"{number}")
        await until(lambda number=number: all(last(peer) == f"{number}" for peer in peers))  # type: ignore[misc]


def gaps(peer: Peered) -> list[str]:
    return [news.text for news in peer.ears.news if "missing here" in news.text]


async def test_who_joins_a_mesh_that_has_forgotten_is_told_what_is_left(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", most=FEW) as ann, peered(tmp_path, "bob", most=FEW) as bob:
        await ann.link(bob)
        await talk([ann, bob], 3 * FEW)
        ann.say("the last")
        await same_end([ann, bob], "the last")
        assert ann.mesh.store.begin > 0
        left = ann.texts
        async with peered(tmp_path, "cyd") as cyd:
            await cyd.link(ann)
            await same_end([cyd], "the last")
            assert cyd.texts == left
            assert gaps(cyd) == ["some of what was said is missing here: ann has forgotten it"]
            assert cyd.mesh.store.have == ann.mesh.store.have
            cyd.say("hello")
            await same_end([ann, bob, cyd], "hello")
            bob.say("hello yourself")
            await same_end([ann, bob, cyd], "hello yourself")
        async with peered(tmp_path, "cyd") as cyd:  # and that is so when it is begun again
            assert cyd.mesh.store.forgotten.keys() == {ann.mesh.key, bob.mesh.key}
            bob.say("welcome back")
            await same_end([ann, bob, cyd], "welcome back")
            assert cyd.texts[: len(left)] == left
            assert gaps(cyd) == gaps(ann) == gaps(bob) == []


async def test_one_who_joined_late_can_tell_the_next_one(tmp_path: Path) -> None:
    async with peered(tmp_path, "cyd") as cyd, peered(tmp_path, "dan") as dan:
        async with peered(tmp_path, "ann", most=FEW) as ann:
            for number in range(2 * FEW):
                ann.say(f"{number}")
            await cyd.link(ann)
            await same_end([cyd], ann.texts[-1])
        cyd.say("she has left")
        await dan.link(cyd)
        await same_end([cyd, dan], "she has left")
        assert dan.texts == cyd.texts
        assert dan.mesh.store.forgotten == cyd.mesh.store.forgotten == {ann.mesh.key: FEW}


async def test_who_was_away_for_long_brings_what_they_said_meanwhile(tmp_path: Path) -> None:
    """Nothing that bob had said is left anywhere else, and nothing that he comes after."""
    async with peered(tmp_path, "ann", most=FEW) as ann:
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
            ann.say("hello")
            await same_end([bob], "hello")
            bob.say("hello, I have to go")
            await same_end([ann], "hello, I have to go")
        await until(lambda: not ann.mesh.links)
        for number in range(3 * FEW):
            ann.say(f"{number}")
        assert ann.mesh.store.forgotten[bob.mesh.key] == 1
        async with peered(tmp_path, "bob") as bob:
            for number in range(3):
                assert bob.say(f"offline {number}").seq == number + 2
            await until(lambda: ann.texts[-3:] == ["offline 0", "offline 1", "offline 2"])
            await until(lambda: bob.mesh.store.have == ann.mesh.store.have)
            check_causal(bob.posts, bob.mesh.store.forgotten)
            check_causal(ann.posts, ann.mesh.store.forgotten)
            assert bob.texts[:2] == ["hello", "hello, I have to go"], "what he had he keeps"
            assert bob.texts[-1] == f"{3 * FEW - 1}"
            assert len(gaps(bob)) == 1
            ann.say("welcome back")
            await same_end([ann, bob], "welcome back")


async def test_what_one_has_forgotten_it_does_not_fetch_from_who_has_it(tmp_path: Path) -> None:
    async with peered(tmp_path, "bob") as bob:
        async with peered(tmp_path, "ann", most=FEW) as ann:
            await ann.link(bob)
            await talk([ann, bob], 3 * FEW, speakers=1)
            bob.say("so many")
            await same_end([ann, bob], "so many")
            assert len(bob.posts) == 3 * FEW + 1
            begin, end = ann.mesh.store.begin, ann.mesh.store.end
            assert begin > 0
        async with peered(tmp_path, "ann", most=FEW) as ann:
            await until(lambda: ann.is_linked(bob))
            bob.say("again?")
            await same_end([ann, bob], "again?")
            assert ann.mesh.store.end == end + 1
            assert ann.mesh.store.begin >= begin
            assert gaps(ann) == gaps(bob) == []


async def test_whoever_joins_is_told_as_much_as_whom_they_meet_first_has(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        few = await stack.enter_async_context(peered(tmp_path, "few", most=FEW))
        many = await stack.enter_async_context(peered(tmp_path, "many"))
        for peer in (few, many):
            peer.mesh._presenter.served.clear()  # so those who join meet one of them alone
        await few.link(many)
        await talk([many, few], 3 * FEW)
        few.say("so many")
        await same_end([few, many], "so many")
        one = await stack.enter_async_context(peered(tmp_path, "one"))
        other = await stack.enter_async_context(peered(tmp_path, "other"))
        for peer in (one, other):
            peer.mesh._presenter.served.clear()
        await one.link(few)
        await other.link(many)
        await same_end([one, other], "so many")
        assert one.texts == few.texts
        assert other.texts == many.texts
        await one.link(many)
        await other.link(few)
        many.say("now all are linked")
        await same_end([few, many, one, other], "now all are linked")
        assert len(one.posts) == len(few.posts), "what was stepped over is not told late"
        assert len(other.posts) == 3 * FEW + 2


async def test_who_lost_their_disk_gives_no_number_that_others_have_forgotten(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", most=FEW) as ann:
        async with peered(tmp_path, "bob") as bob:
            await bob.link(ann)
            for number in range(5):
                bob.say(f"{number}")
            await same_end([ann], "4")
        for number in range(3 * FEW):
            ann.say(f"{number}")
        shutil.rmtree(tmp_path / "bob" / "mesh" / "posts")
        async with peered(tmp_path, "bob") as bob:
            await same_end([bob], ann.texts[-1])
            assert bob.say("I am back").seq == 6
            await same_end([ann, bob], "I am back")
        async with peered(tmp_path, "bob") as bob:
            assert bob.say("once more").seq == 7
            await same_end([ann, bob], "once more")


async def test_all_that_forget_while_links_break_end_with_the_same(tmp_path: Path) -> None:
    """Nobody is ever behind by more than the least that is kept."""
    async with AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(peered(tmp_path, name, most=most))
            for name, most in (("a", FEW), ("b", 2 * FEW), ("c", FEW), ("d", 3 * FEW))
        ]
        for one, other in itertools.pairwise(peers):
            await one.link(other)
        for number in range(3 * FEW):
            peers[number % 4].say(f"{number}")
            if number in (FEW, 2 * FEW):
                for link in list(peers[1].mesh.links.values()):
                    link._channel.abort()
            await asyncio.sleep(0)
            if not (number + 1) % 8:
                await until(lambda: all(peer.mesh.store.have == peers[0].mesh.store.have for peer in peers))
        peers[0].say("the end")
        await same_end(peers, "the end")
        for peer in peers:
            assert len(peer.posts) <= peer.mesh.store._segments._most * PEER_SEGMENTS
            assert peer.ears.loud == [each for each in peer.ears.loud if "is trusted from now on" in each]


# ── message by message ────────────────────────────────────────────────────────────────────────────────────


async def told(eve: Stranger, hello: Hello, last: str) -> Frontier:
    """What whoever said this hello has been told at the end, if nothing came before its causes."""
    frontier, forgotten = Frontier(), dict[bytes, int]()
    frontier.have = dict(hello.have)
    while True:
        message = await receive(eve.channel)
        if isinstance(message, Forgotten):
            forgotten = message.posts
        elif isinstance(message, Said):
            for post in map(SEAL.read, message.posts):
                assert not frontier.has(post)
                assert frontier.missing(post, forgotten) is None
                frontier.tell(post)
                if post.text.endswith(last):
                    return frontier
        else:
            assert not isinstance(message, Bye), message


async def test_who_has_what_was_forgotten_is_told_of_nothing(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", most=FEW) as ann, AsyncExitStack() as stack:
        for number in range(2 * FEW):
            ann.say(f"{number}")
        begin = ann.mesh.store.begin
        for have, expected in ((begin, False), (begin - 1, True)):
            hello = Hello("tincans", bytes([have]) * 16, b"n" * 16, {ann.mesh.key: have})
            eve = await stranger(stack, tmp_path, ann, hello=hello)
            while not isinstance(message := await receive(eve.channel), Forgotten | Said):
                pass
            assert isinstance(message, Forgotten) is expected
        assert message == Forgotten({ann.mesh.key: begin})


async def test_a_slow_one_is_told_what_is_forgotten_meanwhile(tmp_path: Path) -> None:
    """What waits on the way is a few hundred KiB; the rest is forgotten before eve takes it."""
    size = PEER_SEGMENTS * 256 * 1024
    patient = QUICK._replace(stall=600.0, ping=600.0)
    async with peered(tmp_path, "ann", most_bytes=size, pace=patient) as ann, AsyncExitStack() as stack:
        hello = Hello("tincans", b"r" * 16, b"n" * 16, {})
        eve = await stranger(stack, tmp_path, ann, hello=hello)
        for number in range(1500):
            ann.say("x" * 16_000 + f" {number}")
            if not number % 10:
                await asyncio.sleep(0)
        assert ann.mesh.store.begin > 1000
        frontier = await told(eve, hello, " 1499")
        assert frontier.have == ann.mesh.store.have
        assert frontier.forgotten.get(ann.mesh.key, 0) > 0, "some was forgotten on the way"


async def test_who_asks_for_it_again_is_told_again_what_is_forgotten(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann", most=FEW) as ann, AsyncExitStack() as stack:
        for number in range(2 * FEW):
            ann.say(f"{number}")
        eve = await stranger(stack, tmp_path, ann)
        first = await eve.hear(Forgotten)
        await eve.hear(Said)
        await eve.say(Again({ann.mesh.key: 1}))
        assert await eve.hear(Forgotten) == first
        await eve.hear(Said)
        await eve.say(Again({ann.mesh.key: 2 * FEW}))
        await eve.say(Ping())
        while not isinstance(message := await receive(eve.channel), Pong):
            assert not isinstance(message, Forgotten), "she lacks nothing"


async def test_what_somebody_claims_to_have_forgotten_takes_nothing_from_others(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, peered(tmp_path, "bob") as bob, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Forgotten({bob.mesh.key: 2**62, ann.mesh.key: 1000}))
        await eve.say(Said([eve.post(1, after=((bob.mesh.key, 2**62),))]))
        await until(lambda: ann.texts == ["hello"])
        assert gaps(ann) == ["some of what was said is missing here: eve has forgotten it"]
        bob.say("I have just begun")
        await bob.link(ann)
        await until(lambda: ann.texts == ["hello", "I have just begun"])
        assert ann.say("and I go on").seq == 1001, "what she may have said is counted, and nobody waits for it"
        await until(lambda: bob.texts[-1:] == ["and I go on"])
        assert sorted(bob.texts) == sorted(ann.texts)


async def test_a_gap_of_which_nobody_said_that_it_is_forgotten_is_waited_for(tmp_path: Path) -> None:
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        await eve.say(Forgotten({eve.identity.key: 7}))
        await eve.say(Said([eve.post(9, "nine")]))
        await eve.say(Ping())
        await eve.hear(Pong)
        assert ann.texts == [], "only up to the seventh"
        await eve.say(Said([eve.post(8, "eight")]))
        await until(lambda: ann.texts == ["eight", "nine"])
        assert gaps(ann) == ["some of what was said is missing here: eve has forgotten it"]


async def test_nobody_is_believed_that_we_said_more_than_anybody_does(tmp_path: Path) -> None:
    """Nor is the link closed: who says so may have been told it by another."""
    async with peered(tmp_path, "ann") as ann, AsyncExitStack() as stack:
        eve = await stranger(stack, tmp_path, ann)
        for seq, following in ((PEER_SEQ_MOST + 1, 1), (PEER_SEQ_MOST, PEER_SEQ_MOST + 1)):
            await eve.say(Forgotten({ann.mesh.key: seq}))
            await eve.say(Ping())
            await eve.hear(Pong)
            assert ann.say("so many already").seq == following
        assert ann.say("and there is room for more").seq == PEER_SEQ_MOST + 2
