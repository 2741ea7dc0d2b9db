"""A connection is used again when all was heard on it, by one at a time, and not after very long."""

from __future__ import annotations

import asyncio

import pytest

from tincans.clients.pool import Pool
from tincans.limits import KEPT_SECONDS


class Connection:
    """What a pool keeps: it knows what became of it."""

    def __init__(self) -> None:
        self.is_idle, self.is_over = True, False
        self.end = ""

    async def aclose(self) -> None:
        self.end = "closed"

    def abort(self) -> None:
        self.end = "aborted"


async def opened() -> Connection:
    return Connection()


async def test_it_is_kept_for_the_next() -> None:
    pool = Pool(opened)
    async with pool.take() as (one, kept):
        assert not kept
        async with pool.take() as (other, _):
            assert other is not one
    async with pool.take() as (again, kept):
        assert (again, kept) == (one, True)
        async with pool.take(fresh=True) as (third, kept):
            assert third not in (one, other)
            assert not kept
    await pool.aclose()
    assert [each.end for each in (one, other, third)] == ["closed"] * 3


async def test_what_cannot_be_asked_again_is_not_kept() -> None:
    pool = Pool(opened)
    async with pool.take() as (over, _):
        over.is_idle, over.is_over = False, True
    async with pool.take() as (torn, _):
        torn.is_idle = False
    with pytest.raises(KeyError):  # an answer that was heard leaves it sound, whatever it said
        async with pool.take() as (sound, _):
            raise KeyError
    assert (over.end, torn.end, sound.end) == ("closed", "aborted", "")
    await pool.aclose()


async def test_the_server_need_not_have_kept_it_for_very_long() -> None:
    pool = Pool(opened)
    now = asyncio.get_running_loop().time()
    for passed, kept_then in ((KEPT_SECONDS - 1, True), (KEPT_SECONDS, False)):
        async with pool.take() as (first, _):
            pass
        pool._idle = [(first, now - passed)]
        async with pool.take() as (again, kept):
            assert (again is first) == kept == kept_then
        assert first.end == ("" if kept_then else "closed")
    await pool.aclose()
