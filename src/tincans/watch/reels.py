"""The conversations that somebody looks at, shared by all who do; and the threads in which they are decoded."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tincans.journal import Journal
from tincans.limits import REELS_KEPT
from tincans.watch.reel import Reel

T = TypeVar("T")


class Run:
    """Runs what takes long in threads of its own."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(2, "tincans-watch")

    async def __call__(self, function: Callable[[], T]) -> T:
        """What it gives. Cancelling lets it run to its end, and nobody hears of that."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def close(self) -> None:
        """Start nothing more, and wait for what runs."""
        self._executor.shutdown(cancel_futures=True)


class Reels:
    """The conversations that somebody looks at: the REELS_KEPT that were looked at last. Close it with `close`."""

    def __init__(self) -> None:
        self.run = Run()
        self._journal: Journal | None = None
        self._reels: OrderedDict[tuple[int, str, bool], Reel] = OrderedDict()

    def reel(self, journal: Journal, number: int, protocol: str = "", *, secrets: bool = False) -> Reel:
        """The one of that conversation under that way of decoding; where it is another journal, all begin anew.

        Raises `NoSuchProtocol`.
        """
        if journal is not self._journal:
            self._journal = journal
            self._reels.clear()
        key = number, protocol, secrets
        reel = self._reels.pop(key, None) or Reel(journal, number, self.run, protocol, secrets=secrets)
        self._reels[key] = reel
        if len(self._reels) > REELS_KEPT:
            self._reels.popitem(last=False)
        return reel

    def close(self) -> None:
        """Forget all of them, and end the threads."""
        self._reels.clear()
        self.run.close()
