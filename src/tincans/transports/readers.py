"""A reader of a socket that stays with the loop, as `loop.add_reader` promises.

uvloop breaks that promise once a socket has an error. Where epoll(7) reports EPOLLERR, be it along with data, libuv
stops polling and reports a failure in place of the event. uvloop then calls the callback once, lets go of it, and tells
nobody. A callback that takes a part and expects to be called again would never meet the rest, nor the reset behind it.
(asyncio's own loop calls for as long as there is something, error or not.)

To learn of that costs no system call, and nothing a message. What a `Reader` gives the loop is a bound method that
nobody else holds, and a weak reference to it tells when the loop holds it no more. If that was not our own doing, the
loop is given another one, as often as it takes: until the callback has met the error, and stops the reader.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import MethodType
from typing import cast
from weakref import ref


class Reader:
    """Has the loop call `look`, a method, while the descriptor is readable, has ended or has an error; until `stop`.

    A descriptor has one reader at a time, and is closed only after `stop`.
    """

    __slots__ = ("_file", "_given", "_look", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, file: int | socket.socket, look: Callable[[], None]) -> None:
        self._loop, self._file = loop, file
        self._given: ref[MethodType] | None = None
        self.turn_to(look)

    def turn_to(self, look: Callable[[], None]) -> None:
        """Have another method called from now on; for a reader that was not stopped."""
        self._look = cast("MethodType", look)
        self._forget_lost()
        self._give()

    def stop(self) -> None:
        """Have nothing called any more. Once more does nothing."""
        if self._given is not None:
            self._given = None  # before the loop lets go, so that it is not taken for its own doing
            self._loop.remove_reader(self._file)

    def _give(self) -> None:
        given = MethodType(self._look.__func__, self._look.__self__)
        self._given = ref(given, self._on_lost)
        self._loop.add_reader(self._file, given)

    def _on_lost(self, _: ref[MethodType]) -> None:
        """Nothing is asked of the loop in the middle of letting go, nor when it is closed and lets go of all."""
        if not self._loop.is_closed():
            self._loop.call_soon(self._give_again)

    def _give_again(self) -> None:
        if self._forget_lost():
            self._give()

    def _forget_lost(self) -> bool:
        """Whether the loop has let go by itself: uvloop keeps a dead handle then, and would refuse another one."""
        lost = self._given is not None and self._given() is None
        if lost:
            self._loop.remove_reader(self._file)
        return lost
