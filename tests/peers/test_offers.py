"""Files offered to a room: fetched from anybody who has them, and checked against what was said of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from passing import ANY, Steps, person
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import CannotRead, CannotWrite, PassingFailed, RemoteProtocolError
from tincans.limits import PASS_OFFERS
from tincans.peers.offers import Call, Offer, Offers
from tincans.peers.parties import Us
from tincans.peers.tls import FILE, Peer
from tincans.progress import Deed
from tincans.server import serve
from tincans.tasks import spawn

LARGE = 16 * 1024 * 1024


class Member:
    """Somebody in a room, who answers for files and can be called."""

    def __init__(self, us: Us, *, trusts: bool = True) -> None:
        self.us, self.offers = us, Offers(lambda peer: trusts)
        self.address = ANY
        self.cut_after: int | None = None
        self.calls = 0

    async def __call__(self, channel: Channel) -> None:
        self.calls += 1
        secure, peer = await self.us.tls.accept(channel)
        async with secure:
            if self.cut_after is not None:
                secure = Cut(secure, self.cut_after)
            await self.offers.answer(secure, peer)

    def calling(self, whom: Member) -> Call:
        """How this one calls that one."""

        async def call() -> tuple[Channel, Peer]:
            return await self.us.tls.call(whom.address, protocol=FILE)

        return call

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with await serve(ANY, self) as server:
            self.address = server.address
            yield


class Cut(Channel):
    """A channel that is lost after so many bytes were sent."""

    def __init__(self, channel: Channel, count: int) -> None:
        self.channel, self._left = channel, count
        self.local, self.remote, self.traits = channel.local, channel.remote, channel.traits

    async def receive(self) -> bytes:
        return await self.channel.receive()

    async def send(self, data: bytes | bytearray | memoryview) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.channel.abort()
        await self.channel.send(data)

    async def send_eof(self) -> None:
        await self.channel.send_eof()

    async def aclose(self) -> None:
        await self.channel.aclose()

    def abort(self) -> None:
        self.channel.abort()


@pytest.fixture
def members(tmp_path: Path) -> list[Member]:
    found = [Member(person(tmp_path, name)) for name in ("ann", "bob", "eve")]
    for name in ("ann", "bob", "eve"):
        (tmp_path / name / "files").mkdir()
    return found


async def test_what_is_said_of_a_file_is_what_it_is(members: list[Member], tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"hello")
    offer = await members[0].offers.offer(tmp_path / "a b")
    assert (offer.name, offer.size) == ("a b", 5)
    assert offer.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert msgspec.json.decode(msgspec.json.encode(offer), type=Offer) == offer
    assert members[0].offers.has(offer.id)
    assert not members[1].offers.has(offer.id)
    again = await members[0].offers.offer(tmp_path / "a b")
    assert again.id != offer.id
    with pytest.raises(CannotRead):
        await members[0].offers.offer(tmp_path / "none")
    with pytest.raises(PassingFailed, match="it is a folder"):
        await members[0].offers.offer(tmp_path)


async def test_a_file_is_fetched_and_answered_for_by_who_fetched_it(members: list[Member], tmp_path: Path) -> None:
    ann, bob, eve = members
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    steps = Steps()
    async with ann.listening():
        path = await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files", steps)
    assert path == tmp_path / "bob" / "files" / "a"
    assert path.read_bytes() == b"hello"
    assert steps.of(Deed.DONE) == ["a"]
    async with bob.listening():  # and ann has gone
        path = await eve.offers.fetch(offer, [eve.calling(ann), eve.calling(bob)], tmp_path / "eve" / "files")
    assert path.read_bytes() == b"hello"


async def test_what_came_from_one_who_broke_off_is_gone_on_with_from_the_next(
    members: list[Member], tmp_path: Path
) -> None:
    ann, bob, eve = members
    data = bytes(range(256)) * (LARGE // 256)
    (tmp_path / "large").write_bytes(data)
    offer = await ann.offers.offer(tmp_path / "large")
    async with ann.listening(), bob.listening():
        await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")
        ann.cut_after = LARGE // 2
        steps = Steps()
        path = await eve.offers.fetch(offer, [eve.calling(ann), eve.calling(bob)], tmp_path / "eve" / "files", steps)
    assert path.read_bytes() == data
    first, second = steps.begun
    assert first == 0
    assert 0 < second <= LARGE // 2


async def test_several_fetch_at_once(tmp_path: Path) -> None:
    data = bytes(range(256)) * (LARGE // 256)
    (tmp_path / "large").write_bytes(data)
    ann = Member(person(tmp_path, "ann"))
    others = [Member(person(tmp_path, f"p{number}")) for number in range(4)]
    offer = await ann.offers.offer(tmp_path / "large")
    async with ann.listening():
        paths = await asyncio.gather(
            *(each.offers.fetch(offer, [each.calling(ann)], tmp_path / each.us.tls.name) for each in others)
        )
    assert [path.read_bytes() == data for path in paths] == [True] * 4


async def test_who_is_not_trusted_is_given_nothing(members: list[Member], tmp_path: Path) -> None:
    ann, bob = Member(members[0].us, trusts=False), members[1]
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    async with ann.listening():
        with pytest.raises(PassingFailed, match=r"a: .*there is no such file here, or not for you"):
            await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")
    assert list((tmp_path / "bob" / "files").iterdir()) == []


async def test_what_nobody_has_is_said_so(members: list[Member], tmp_path: Path) -> None:
    ann, bob = members[:2]
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    ann.offers.withdraw(offer.id)
    ann.offers.withdraw(offer.id)
    with pytest.raises(PassingFailed, match=r"a: .*nobody is there who has it"):
        await bob.offers.fetch(offer, [], tmp_path / "bob" / "files")
    async with ann.listening():
        with pytest.raises(PassingFailed, match="no such file here"):
            await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")


async def test_another_file_in_its_place_is_found_out_and_thrown_away(members: list[Member], tmp_path: Path) -> None:
    ann, bob = members[:2]
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"evil!")
    async with ann.listening():
        with pytest.raises(PassingFailed, match="what came is not what was offered"):
            await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")
        (tmp_path / "a").write_bytes(b"longer than that")
        with pytest.raises(PassingFailed, match="ann: has another file there by now"):
            await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")
        (tmp_path / "a").unlink()
        with pytest.raises(PassingFailed):
            await bob.offers.fetch(offer, [bob.calling(ann)], tmp_path / "bob" / "files")
    assert list((tmp_path / "bob" / "files").iterdir()) == []
    assert not bob.offers.has(offer.id)


async def test_one_that_is_there_already_is_not_fetched(members: list[Member], tmp_path: Path) -> None:
    ann, bob = members[:2]
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    here = tmp_path / "bob" / "files"
    (here / "a").write_bytes(b"mine!")
    async with ann.listening():
        assert await bob.offers.fetch(offer, [bob.calling(ann)], here) == here / "a (1)"
        steps = Steps()
        assert await bob.offers.fetch(offer, [bob.calling(ann)], here, steps) == here / "a (1)"
        assert steps.of(Deed.SAME) == ["a"]
    assert (here / "a").read_bytes() == b"mine!"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "", ".", "..", "a\0b", "x" * 256, ".x.tincans-part"])
async def test_an_offer_of_a_name_that_leads_out_is_refused(members: list[Member], tmp_path: Path, name: str) -> None:
    offer = Offer("1", name, 5, "0" * 64)
    with pytest.raises(RemoteProtocolError):
        await members[0].offers.fetch(offer, [members[0].calling(members[1])], tmp_path)


@pytest.mark.parametrize(
    "offer", [Offer("1", "a", -1, "0" * 64), Offer("1", "a", 5, "0" * 62), Offer("1", "a", 5, "x")]
)
async def test_an_offer_that_is_none_is_refused(members: list[Member], tmp_path: Path, offer: Offer) -> None:
    with pytest.raises(RemoteProtocolError, match="the offer is not one of a file"):
        await members[0].offers.fetch(offer, [], tmp_path)


async def test_a_folder_that_cannot_be_written_to_is_said_so(members: list[Member], tmp_path: Path) -> None:
    ann, bob = members[:2]
    (tmp_path / "a").write_bytes(b"hello")
    offer = await ann.offers.offer(tmp_path / "a")
    async with ann.listening():
        with pytest.raises(CannotWrite):
            await bob.offers.fetch(offer, [bob.calling(ann)], Path("/proc"))


async def test_a_fetch_that_is_cancelled_keeps_what_came(members: list[Member], tmp_path: Path) -> None:
    ann, bob = members[:2]
    data = bytes(range(256)) * (LARGE // 256)
    (tmp_path / "large").write_bytes(data)
    offer = await ann.offers.offer(tmp_path / "large")
    here = tmp_path / "bob" / "files"
    moved = asyncio.Event()
    async with ann.listening():
        fetching = spawn(
            bob.offers.fetch(
                offer, [bob.calling(ann)], here, lambda step: moved.set() if step.deed is Deed.MOVED else None
            )
        )
        await moved.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert (here / ".large.tincans-part").stat().st_size
        await bob.offers.fetch(offer, [bob.calling(ann)], here)
    assert (here / "large").read_bytes() == data


async def test_so_many_are_answered_for_and_the_oldest_is_let_go(members: list[Member], tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    offers = members[0].offers
    first = await offers.offer(tmp_path / "a")
    second = await offers.offer(tmp_path / "a")
    for _ in range(PASS_OFFERS - 2):
        await offers.offer(tmp_path / "a")
    assert offers.has(first.id)
    await offers.offer(tmp_path / "a")
    assert not offers.has(first.id)
    assert offers.has(second.id)


async def test_who_calls_and_says_nothing_sensible_is_let_go(members: list[Member]) -> None:
    ann, bob = members[:2]
    async with ann.listening():
        channel, _ = await bob.us.tls.call(Address.parse(str(ann.address)), protocol=FILE)
        async with channel:
            await channel.send(b"\xff\xff\xff\xff")
            assert [data async for data in channel] == []
