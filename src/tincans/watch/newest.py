"""What holds now, kept so that a reader finds what is newer than what it was told last, at the cost of that alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from tincans.conversation import Conversation
from tincans.watch import shapes

T = TypeVar("T")


class Standing:
    """A conversation as it stands, and its shape once somebody wants it."""

    __slots__ = ("_raw", "protocol", "told")

    def __init__(self, told: Conversation, protocol: str = "") -> None:
        """`protocol` is what is spoken, where that is known."""
        self.told, self.protocol = told, protocol
        self._raw: msgspec.Raw | None = None

    @property
    def raw(self) -> msgspec.Raw:
        """Encoded once for all readers."""
        if self._raw is None:
            self._raw = msgspec.Raw(shapes.to_json(shapes.conversation(self.told, self.protocol)))
        return self._raw


class Newest(Generic[T]):
    """The newest of each, by number, in the order in which they changed, with the revision at which they did."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, number: int, value: T, revision: int) -> None:
        """It is this now."""
        self._kept.pop(number, None)
        self._kept[number] = revision, value

    def get(self, number: int) -> T | None:
        found = self._kept.get(number)
        return found[1] if found else None

    def revision(self, number: int) -> int:
        """At which it changed last; 0 for what is not kept."""
        found = self._kept.get(number)
        return found[0] if found else 0

    def drop(self, number: int) -> None:
        self._kept.pop(number, None)

    def trim(self, most: int) -> None:
        """Forget those that changed longest ago, but for so many."""
        while len(self._kept) > most:
            del self._kept[next(iter(self._kept))]

    def since(self, mark: int) -> Iterator[tuple[int, T]]:
        """Those that changed after revision `mark`, the last first, at the cost of these alone."""
        for number in reversed(self._kept):
            revision, value = self._kept[number]
            if revision <= mark:
                return
            yield number, value

    def __iter__(self) -> Iterator[tuple[int, T]]:
        return ((number, value) for number, (_, value) in self._kept.items())
