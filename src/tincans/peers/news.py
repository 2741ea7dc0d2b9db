"""What a mesh tells whoever uses it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tincans.errors import TincansError
from tincans.peers.presences import Member


class News(NamedTuple):
    """Something that a person may want to know."""

    text: str
    #: They have to: somebody was trusted, or was not.
    loud: bool = False
    #: What went wrong, if anything did.
    error: TincansError | None = None


class Hearer(Protocol):
    """Who is told what happens on a mesh. None of it may wait or raise."""

    def posts_came(self) -> None:
        """There is more in the store, ours or others'."""

    def member_changed(self, before: Member | None, after: Member | None) -> None:
        """A peer came (`before` is None), is different now, or is gone (`after` is None)."""

    def told(self, news: News) -> None: ...


class Nobody:
    """A hearer that hears nothing."""

    def posts_came(self) -> None:
        pass

    def member_changed(self, before: Member | None, after: Member | None) -> None:
        pass

    def told(self, news: News) -> None:
        pass
