"""Kernel pipes: lent, taken back, bounded, and gone with the last link."""

from __future__ import annotations

import os
import resource

import pytest

from tincans.limits import PIPES_LENT
from tincans.relays.plumbing import CAN_TEE, Plumbing, tee


class Borrowing:
    def __init__(self, *, idle: bool) -> None:
        self._idle = idle
        self.asked = 0

    def idle(self) -> bool:
        self.asked += 1
        return self._idle


def test_a_pipe_that_was_given_back_is_lent_again() -> None:
    with Plumbing() as plumbing:
        pipe = plumbing.take()
        assert pipe is not None
        plumbing.give(pipe)
        assert plumbing.take() is pipe
        plumbing.give(pipe)


def test_no_more_than_the_limit_are_lent() -> None:
    with Plumbing() as plumbing:
        pipes = [plumbing.take() for _ in range(PIPES_LENT)]
        assert None not in pipes
        assert plumbing.take() is None
        for pipe in pipes:
            assert pipe is not None
            plumbing.scrap(pipe)
        again = plumbing.take()
        assert again is not None
        plumbing.give(again)


def test_without_descriptors_there_is_no_pipe_and_no_error() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Plumbing() as plumbing:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            assert plumbing.take() is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_sweep_keeps_the_busy_and_forgets_the_idle() -> None:
    busy, idle = Borrowing(idle=False), Borrowing(idle=True)
    with Plumbing() as plumbing:
        pipes = [plumbing.lend(busy), plumbing.lend(idle)]
        plumbing.sweep()
        plumbing.sweep()
        assert (busy.asked, idle.asked) == (2, 1)
        plumbing.forget(busy)
        for pipe in pipes:
            assert pipe is not None
            plumbing.give(pipe)


def test_the_last_link_closes_the_pipes() -> None:
    plumbing = Plumbing()
    with plumbing:
        with plumbing:
            pipe = plumbing.take()
            assert pipe is not None
            plumbing.give(pipe)
        os.fstat(pipe.reader)
    with pytest.raises(OSError):
        os.fstat(pipe.reader)


def test_a_pipe_given_back_after_the_last_link_is_closed() -> None:
    plumbing = Plumbing()
    with plumbing:
        pipe = plumbing.take()
        assert pipe is not None
    plumbing.give(pipe)
    with pytest.raises(OSError):
        os.fstat(pipe.reader)


def test_tee_copies_and_leaves_the_bytes() -> None:
    assert CAN_TEE
    with Plumbing() as plumbing:
        one, two = plumbing.take(), plumbing.take()
        assert one is not None
        assert two is not None
        os.write(one.writer, b"hello")
        assert tee(one.reader, two.writer, 5) == 5
        assert os.read(one.reader, 9) == os.read(two.reader, 9) == b"hello"
        assert tee(one.reader, two.writer, 5) == 0
        plumbing.give(one)
        plumbing.give(two)
