"""What is newer than a mark is found at its own cost, the last first."""

from __future__ import annotations

from tincans.conversation import Conversation, Kind
from tincans.watch.newest import Newest, Standing


def test_what_is_newer_than_a_mark() -> None:
    kept: Newest[str] = Newest()
    for number, value, revision in ((1, "a", 1), (2, "b", 1), (3, "c", 2), (1, "d", 3)):
        kept.put(number, value, revision)
    assert list(kept.since(0)) == [(1, "d"), (3, "c"), (2, "b")]
    assert list(kept.since(1)) == [(1, "d"), (3, "c")]
    assert list(kept.since(3)) == []
    assert (kept.revision(1), kept.revision(9), kept.get(2), kept.get(9)) == (3, 0, "b", None)
    kept.drop(3)
    kept.trim(1)
    assert list(kept) == [(1, "d")]
    assert len(kept) == 1


def test_a_row_is_encoded_once() -> None:
    told = Conversation(number=1, kind=Kind.LISTEN, client="c", server="s", opened=0)
    standing = Standing(told, "http")
    assert b'"protocol":"http"' in bytes(standing.raw)
    assert standing.raw is standing.raw
