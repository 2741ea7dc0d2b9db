"""A peer is called until there is a link, and again when it was lost, after pauses that double."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from meshing import until
from tincans.address import Address
from tincans.errors import ConnectionRefused, IdentityChanged, Parted, ThisPeer, TincansError, WrongPeer
from tincans.limits import PEER_RETRY_FIRST, PEER_RETRY_MOST
from tincans.peers import calls
from tincans.peers.calls import Call
from tincans.peers.identity import Fingerprint
from tincans.peers.links import Link, Pace

HERE, THERE = (Address("tcp", "127.0.0.1", port) for port in (1, 2))
KEY = b"k" * 32

Answer = Callable[[Call, Address], Exception]


class Caller:
    """A mesh that makes no links: each call is answered by the test."""

    def __init__(self, answer: Answer) -> None:
        self.pace = Pace()
        self.called: list[Address] = []
        self.told: list[str] = []
        self.link: Link | None = None
        self._answer = answer

    async def call_once(self, call: Call, address: Address) -> None:
        self.called.append(address)
        raise self._answer(call, address)

    def linked_with(self, key: bytes | None, fingerprint: Fingerprint | None) -> Link | None:
        return self.link

    def told_of_call(self, call: Call, error: TincansError) -> None:
        self.told.append(str(error))


def refused(call: Call, address: Address) -> Exception:
    return ConnectionRefused(address)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which lasts."""
    made: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        made.append(seconds)
        await sleep(0)

    monkeypatch.setattr(calls, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": note}))
    return made


async def test_pauses_double_up_to_the_most(pauses: list[float]) -> None:
    caller = Caller(refused)
    call = Call(caller, lambda: [HERE], jitter=lambda: 0.0)
    await until(lambda: len(caller.called) > 10)
    await call.stop()
    expected = [PEER_RETRY_FIRST * 2**number for number in range(10)]
    assert pauses[1:9] == [min(pause, PEER_RETRY_MOST) for pause in expected][:8]
    assert caller.told == ["cannot connect to tcp://127.0.0.1:1: the connection was refused"], "the same is told once"


async def test_a_pause_is_shortened_by_up_to_a_half_by_chance(pauses: list[float]) -> None:
    call = Call(Caller(refused), lambda: [HERE], jitter=lambda: 1.0)
    await until(lambda: len(pauses) > 2)
    await call.stop()
    assert pauses[1:3] == [PEER_RETRY_FIRST / 2, PEER_RETRY_FIRST]


async def test_a_link_that_was_there_begins_the_pauses_anew(pauses: list[float]) -> None:
    def answer(call: Call, address: Address) -> Exception:
        if len(caller.called) == 4:
            call.met(KEY)
            return Parted(address, "it leaves")
        return ConnectionRefused(address)

    caller = Caller(answer)
    call = Call(caller, lambda: [HERE], jitter=lambda: 0.0)
    assert await call.linked() == KEY
    await until(lambda: len(pauses) > 5)
    await call.stop()
    first = PEER_RETRY_FIRST
    assert pauses[1:6] == [first, 2 * first, 4 * first, first, 2 * first]


@pytest.mark.usefixtures("pauses")
async def test_all_addresses_are_tried_in_turn() -> None:
    caller = Caller(refused)
    call = Call(caller, lambda: [HERE, THERE], expected=Fingerprint(b"f" * 32))
    await until(lambda: len(caller.called) >= 4)
    await call.stop()
    assert caller.called[:4] == [HERE, THERE, HERE, THERE]


@pytest.mark.usefixtures("pauses")
async def test_it_ends_when_there_is_nobody_to_call_any_more() -> None:
    addresses = [HERE]
    caller = Caller(refused)
    call = Call(caller, lambda: addresses)
    await until(lambda: caller.called)
    addresses.clear()
    await until(lambda: call.over)


@pytest.mark.usefixtures("pauses")
async def test_what_would_be_answered_in_the_same_way_ends_it() -> None:
    error = IdentityChanged(HERE, "ann", "old", "new", by="address")
    caller = Caller(lambda call, address: error)
    call = Call(caller, lambda: [HERE], explicit=True)
    with pytest.raises(IdentityChanged):
        await call.linked()
    assert (call.over, call.error, caller.told) == (True, error, [str(error)])


@pytest.mark.usefixtures("pauses")
async def test_who_is_expected_is_called_again_though_another_was_there() -> None:
    errors: list[Exception] = [WrongPeer(HERE, "a", "b"), ThisPeer(HERE), ConnectionRefused(HERE)]
    caller = Caller(lambda call, address: errors[min(len(caller.called), 3) - 1])
    call = Call(caller, lambda: [HERE], expected=Fingerprint(b"f" * 32))
    await until(lambda: len(caller.called) > 3)
    await call.stop()
    assert call.error is None


async def test_nobody_is_called_while_there_is_a_link() -> None:
    caller = Caller(refused)
    over = asyncio.Event()
    caller.link = SimpleNamespace(peer=SimpleNamespace(key=KEY), over=over)  # type: ignore[assignment]
    call = Call(caller, lambda: [HERE], expected=Fingerprint(b"f" * 32))
    assert await call.linked() == KEY
    assert caller.called == []
    await call.stop()


async def test_who_waits_for_a_link_may_give_up() -> None:
    call = Call(Caller(refused), lambda: [HERE])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await call.linked()
    assert not call.over
    await call.stop()
    await call.stop()
