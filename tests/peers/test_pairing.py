"""Pairing: both come to the same key about the same things, or not at all; and nobody in between gets anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from passing import ANY, CODE, WRONG, acquainted, person
from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.errors import ChannelError, CodeVoid, EndOfStream, PeerRefused, RemoteProtocolError, WrongCode
from tincans.limits import CODE_GUESSES
from tincans.peers.codes import Code
from tincans.peers.frames import Frames
from tincans.peers.invitations import Invitation
from tincans.peers.pairing import Answer, Ends, Hello, Pairing, Proof, admit, introduce
from tincans.peers.parties import Us
from tincans.peers.tls import CODE as PAIRING
from tincans.peers.tls import Peer
from tincans.server import serve
from tincans.transports.memory import memory_pair

ENDS = Ends(b"a" * 32, b"b" * 32)
ELEMENTS = ("41d815543c0c5755a2", "4255ec4454ba1340f4")
PROOFS = ("d1c4ece15cd00bf6", "20863152827151ff")


def proved(one: Pairing, other: Pairing) -> tuple[bool, bool]:
    """Let two ends tell each other all; gives what the first thinks of the second's proof, and the other way round."""
    one.take(other.element)
    other.take(one.element)
    return one.fits(other.proof), other.fits(one.proof)


def caller(code: Code = CODE, purpose: str = "receive", ends: Ends = ENDS) -> Pairing:
    return Pairing(Side.CLIENT, code, purpose, ends)


def called(code: Code = CODE, purpose: str = "receive", ends: Ends = ENDS) -> Pairing:
    return Pairing(Side.SERVER, code, purpose, ends)


# ── the arithmetic ────────────────────────────────────────────────────────────────────────────────────────


def test_two_who_mean_the_same_prove_it_to_each_other() -> None:
    assert proved(caller(), called()) == (True, True)


@pytest.mark.parametrize(
    "other",
    [
        {"code": WRONG},
        {"code": CODE._replace(number=8)},
        {"code": Code(7, ("orbit", "hovercraft"))},
        {"purpose": "send"},
        {"ends": Ends(b"x" * 32, ENDS.called)},
        {"ends": Ends(ENDS.caller, b"x" * 32)},
        {"ends": Ends(ENDS.called, ENDS.caller)},
    ],
)
def test_who_means_anything_else_proves_nothing(other: dict[str, Any]) -> None:
    assert proved(caller(), called(**other)) == (False, False)


def test_the_points_of_the_library_are_hashed_and_not_chosen() -> None:
    """And stay the same: two releases of tincans with another M would never pair."""
    from spake2.parameters.ed25519 import ParamsEd25519 as Parameters

    assert Parameters.M.to_bytes() == Parameters.group.arbitrary_element(b"M").to_bytes()
    assert Parameters.N.to_bytes() == Parameters.group.arbitrary_element(b"N").to_bytes()
    assert Parameters.M.to_bytes() != Parameters.N.to_bytes()


def test_it_is_the_same_arithmetic_in_every_release() -> None:
    """A known answer: the elements and proofs of two ends whose random numbers are given."""
    one, other = (fixed(side) for side in (Side.CLIENT, Side.SERVER))
    assert (one.element[:9].hex(), other.element[:9].hex()) == ELEMENTS
    assert proved(one, other) == (True, True)
    assert (one.proof[:8].hex(), other.proof[:8].hex()) == PROOFS


def fixed(side: Side) -> Pairing:
    """An end whose random numbers are 1, 1, 1 …, or 2, 2, 2 …."""
    from spake2 import SPAKE2_A, SPAKE2_B

    pairing = Pairing(side, CODE, "receive", ENDS)
    kind, byte = (SPAKE2_A, b"\1") if side is Side.CLIENT else (SPAKE2_B, b"\2")
    spake = kind(CODE.password, idA=ENDS.caller, idB=ENDS.called, entropy_f=lambda count: byte * count)
    pairing._spake = spake
    pairing.element = spake.start()
    return pairing


def test_what_is_said_is_new_each_time() -> None:
    assert len({caller().element for _ in range(5)}) == 5
    one, other = caller(), called()
    again, another = caller(), called()
    proved(one, other)
    proved(again, another)
    assert one.proof != again.proof
    assert not another.fits(one.proof), "a proof that was heard is of no use to another pairing"


def test_one_s_own_proof_is_not_the_other_s() -> None:
    one, other = caller(), called()
    proved(one, other)
    assert not one.fits(one.proof)
    assert not other.fits(other.proof)
    assert not one.fits(b"")


@pytest.mark.parametrize(
    "element",
    [b"", b"B", b"A" + b"\1" * 32, b"B" + b"\0" * 32, b"B" + b"\1" + b"\0" * 31, b"B" + b"\xff" * 32, b"X" * 33],
)
def test_what_is_no_element_is_refused(element: bytes) -> None:
    """Among them the point at infinity, and one of another side: SPAKE2's own, sent back."""
    with pytest.raises(RemoteProtocolError):
        caller().take(element)


def test_one_s_own_element_sent_back_is_refused() -> None:
    one, other = caller(), caller()
    with pytest.raises(RemoteProtocolError):
        one.take(one.element)
    with pytest.raises(RemoteProtocolError):
        other.take(b"B" + other.element[1:])


def test_an_element_with_more_behind_it_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        caller().take(called().element + b"x")


# ── the conversation ──────────────────────────────────────────────────────────────────────────────────────


async def both(calling: Awaitable[Any], answering: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(calling, answering, return_exceptions=True))


async def paired(code: Code, invitation: Invitation, purpose: str = "receive") -> list[Any]:
    """What comes of a pairing at both ends."""
    ours, theirs = memory_pair()
    one, other = Frames(ours), Frames(theirs)

    async def answer() -> None:
        await admit(other, await other.receive(Hello), invitation, ends=ENDS)

    found = await both(introduce(one, code, purpose=purpose, ends=ENDS), answer())
    await one.aclose()
    await other.aclose()
    return found


async def test_the_right_code_pairs_as_often_as_it_is_used() -> None:
    invitation = Invitation(CODE)
    assert await paired(CODE, invitation) == [None, None]
    assert await paired(CODE, invitation) == [None, None]
    assert invitation.left == CODE_GUESSES


async def test_a_wrong_code_fails_at_both_ends_and_is_counted_until_it_is_void() -> None:
    invitation = Invitation(CODE)
    for left in range(CODE_GUESSES - 1, 0, -1):
        one, other = await paired(WRONG, invitation)
        assert isinstance(one, WrongCode)
        assert isinstance(other, WrongCode)
        assert one.left == other.left == invitation.left == left
        assert str(one).startswith("the words are not those of offer 7: ")
    one, other = await paired(WRONG, invitation)
    assert isinstance(one, CodeVoid)
    assert isinstance(other, CodeVoid)
    one, other = await paired(CODE, invitation)
    assert isinstance(one, CodeVoid), "the right code comes too late"
    assert isinstance(other, CodeVoid)


async def test_guesses_that_come_at_once_are_not_one_more() -> None:
    """All have had their answer before the first is judged."""
    invitation = Invitation(CODE)
    found = await asyncio.gather(*(paired(WRONG, invitation) for _ in range(4 * CODE_GUESSES)))
    heard = [one.left if isinstance(one, WrongCode) else 0 for one, _ in found]
    assert sorted(heard, reverse=True) == [*range(CODE_GUESSES - 1, 0, -1), *[0] * (3 * CODE_GUESSES + 1)]


async def test_one_who_was_called_and_does_not_know_the_code_is_found_out() -> None:
    ours, theirs = memory_pair()
    one, other = Frames(ours), Frames(theirs)

    async def pretend() -> None:
        hello = await other.receive(Hello)
        pairing = Pairing(Side.SERVER, WRONG, hello.purpose, ENDS)
        pairing.take(hello.element)
        await other.send(Answer(pairing.element))
        await other.receive(Proof)
        await other.send(Proof(pairing.proof))

    found, _ = await both(introduce(one, CODE, purpose="receive", ends=ENDS), pretend())
    assert isinstance(found, WrongCode)
    assert str(found) == "the words are not those of offer 7"
    await one.aclose()
    await other.aclose()


async def test_who_leaves_before_they_prove_anything_has_learned_nothing_and_is_not_counted() -> None:
    invitation = Invitation(CODE)
    ours, theirs = memory_pair()
    frames, other = Frames(ours), Frames(theirs)
    await frames.send(Hello("receive", 7, caller(WRONG).element))
    await frames.channel.send_eof()
    with pytest.raises(EndOfStream):
        await admit(other, await other.receive(Hello), invitation, ends=ENDS)
    assert invitation.left == CODE_GUESSES
    await frames.aclose()
    await other.aclose()


# ── inside TLS, and somebody in between ───────────────────────────────────────────────────────────────────


class Called:
    """Somebody who is called, and lets others pair."""

    def __init__(self, us: Us) -> None:
        self.us, self.invitation = us, Invitation(CODE)
        self.told: list[BaseException | None] = []
        self.peers: list[Peer] = []

    async def __call__(self, channel: Channel) -> None:
        secure, peer = await self.us.tls.accept(channel)
        frames = Frames(secure)
        self.peers.append(peer)
        try:
            hello = await frames.receive(Hello)
            await admit(frames, hello, self.invitation, ends=Ends(peer.key, self.us.tls.identity.key))
            self.told.append(None)
        except (WrongCode, ChannelError) as error:
            self.told.append(error)
        finally:
            await frames.aclose()


async def call(us: Us, address: Address, code: Code = CODE) -> Peer:
    channel, peer = await us.tls.call(address, protocol=PAIRING)
    async with channel:
        await introduce(Frames(channel), code, purpose="receive", ends=Ends(us.tls.identity.key, peer.key))
    return peer


async def test_two_who_know_nothing_of_each_other_pair_inside_tls(tmp_path: Path) -> None:
    ann, bob = person(tmp_path, "ann"), person(tmp_path, "bob")
    answering = Called(ann)
    async with await serve(ANY, answering) as server:
        met = await call(bob, server.address)
    assert answering.told == [None]
    assert met.fingerprint == ann.tls.identity.fingerprint
    assert answering.peers[0].fingerprint == bob.tls.identity.fingerprint


class Between:
    """Somebody in the middle: TLS with each of the two, as they have the key of neither; what is said is passed on."""

    def __init__(self, us: Us, onward: Address) -> None:
        self.us, self.onward = us, onward
        self.passed = bytearray()

    async def __call__(self, channel: Channel) -> None:
        async with AsyncExitStack() as stack:
            near = await stack.enter_async_context((await self.us.tls.accept(channel))[0])
            far = await stack.enter_async_context((await self.us.tls.call(self.onward, protocol=PAIRING))[0])
            await asyncio.gather(self._pass(near, far), self._pass(far, near))

    async def _pass(self, source: Channel, target: Channel) -> None:
        try:
            while True:
                data = await source.receive()
                self.passed += data
                await target.send(data)
        except ChannelError:
            await target.aclose()


async def test_somebody_in_between_who_passes_all_on_gets_nowhere(tmp_path: Path) -> None:
    ann, bob, eve = (person(tmp_path, name) for name in ("ann", "bob", "eve"))
    answering = Called(ann)
    async with await serve(ANY, answering) as server:
        between = Between(eve, server.address)
        async with await serve(ANY, between) as middle:
            with pytest.raises(WrongCode):
                await call(bob, middle.address)
    assert [type(told) for told in answering.told] == [WrongCode], "it was counted as a guess"
    assert answering.invitation.left == CODE_GUESSES - 1
    assert len(between.passed) > 3 * 32, "all was passed on"


async def test_nothing_that_is_passed_on_helps_to_guess(tmp_path: Path) -> None:
    """Neither the words nor anything made of them alone is in what somebody in between sees."""
    ann, bob, eve = (person(tmp_path, name) for name in ("ann", "bob", "eve"))
    seen = []
    for _ in range(2):
        async with await serve(ANY, Called(ann)) as server:
            between = Between(eve, server.address)
            async with await serve(ANY, between) as middle:
                with pytest.raises(WrongCode):
                    await call(bob, middle.address)
        seen.append(bytes(between.passed))
    one, other = ({data[at : at + 16] for at in range(len(data) - 16)} for data in seen)
    same = b"".join(sorted(one & other))
    assert b"hovercraft" not in seen[0]
    assert b"orbit" not in seen[0]
    assert b"receive" in same, "what is the same each time are the names of messages"
    assert len(one & other) < 80, "and nothing of the elements and proofs"


async def test_one_who_is_not_meant_is_told_so(tmp_path: Path) -> None:
    ann, bob = person(tmp_path, "ann"), person(tmp_path, "bob")
    acquainted(ann, bob)

    async def refuse(channel: Channel) -> None:
        secure, _ = await ann.tls.accept(channel)
        frames = Frames(secure)
        await frames.receive(Hello)
        await frames.refuse("here is offer 8")
        await frames.aclose()

    async with await serve(ANY, refuse) as server:
        with pytest.raises(PeerRefused, match="here is offer 8"):
            await call(bob, server.address)
