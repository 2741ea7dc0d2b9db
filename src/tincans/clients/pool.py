"""Connections to one server that are kept for the next who asks.

Whoever takes one has it alone. It is given back when the server's last answer to it was read to its end: then it can be
asked again. After anything else, a cancellation too, nobody knows what comes on it next, and it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from tincans.limits import KEPT_SECONDS


class Connection(Protocol):
    """What a pool keeps."""

    @property
    def is_idle(self) -> bool:
        """Whether it can be asked again."""

    @property
    def is_over(self) -> bool:
        """Whether all was said and heard, but it cannot be asked again: it is closed politely."""

    async def aclose(self) -> None: ...

    def abort(self) -> None: ...


C = TypeVar("C", bound=Connection)


class Pool(Generic[C]):
    """Opens connections by `opener` as they are needed, and closes them all in the end."""

    def __init__(self, opener: Callable[[], Awaitable[C]]) -> None:
        self._opener = opener
        self._idle: list[tuple[C, float]] = []  # and since when

    @asynccontextmanager
    async def take(self, *, fresh: bool = False) -> AsyncIterator[tuple[C, bool]]:
        """A connection, and whether it was kept. `fresh` is one that was not. Raises what the opener raises."""
        kept = None if fresh else await self._kept()
        connection = kept or await self._opener()
        try:
            yield connection, kept is not None
        finally:
            if connection.is_idle:
                self._idle.append((connection, asyncio.get_running_loop().time()))
            elif connection.is_over:
                await connection.aclose()
            else:
                connection.abort()

    async def _kept(self) -> C | None:
        """The one that was used last, if a server can be expected to have kept it, too."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection, since = self._idle.pop()
            if now - since < KEPT_SECONDS:
                return connection
            await connection.aclose()
        return None

    async def aclose(self) -> None:
        """Close those that are kept."""
        while self._idle:
            await self._idle.pop()[0].aclose()
