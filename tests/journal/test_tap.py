from __future__ import annotations

import sys
from pathlib import Path

from tincans.channel import Side
from tincans.conversation import BulkTap, How, Kind, Opened, Opening
from tincans.journal import Bounds
from tincans.journal.folder import Folder
from tincans.journal.segments import HEADER
from tincans.journal.tap import DEAF, Batch, Piped, SegmentTap, clean, piece_size
from tincans.journal.writer import Writer
from tincans.limits import HURRY_BYTES, LARGE_BYTES, PIPE_BYTES

OPENED = Opened(conversation=1, at=1, kind=Kind.RELAY, client="a", server="b")


def tap(tmp_path: Path, unwritten: int = 10**6) -> tuple[SegmentTap, Writer]:
    """A tap whose writer never comes."""
    folder = Folder(tmp_path / "j")
    writer = Writer(folder, Bounds(unwritten=unwritten))
    folder.close()
    return SegmentTap(writer, OPENED), writer


def shapes(batch: Batch) -> list[str]:
    return [
        "pipe" if isinstance(piece, Piped) else "small" if isinstance(piece, bytearray) else "large"
        for piece in batch.pieces
    ]


def test_small_words_gather_and_large_ones_stand_alone(tmp_path: Path) -> None:
    one, _ = tap(tmp_path)
    large = bytes(LARGE_BYTES)
    one.said(Side.CLIENT, b"a")
    one.said(Side.CLIENT, b"b")
    one.said(Side.SERVER, large)
    one.said(Side.CLIENT, b"c")
    one.said_pipe(Side.CLIENT, 99, 5, lambda: None)
    one.ended(Side.CLIENT)
    batch = one.take()
    assert shapes(batch) == ["small", "large", "small", "pipe", "small"]
    assert batch.piped
    piece = batch.pieces[1]
    assert isinstance(piece, tuple)
    assert piece[1] is large  # not a copy
    assert (batch.client_bytes, batch.server_bytes) == (8, LARGE_BYTES)
    assert shapes(one.take()) == []


def test_what_waits_is_counted_to_the_byte(tmp_path: Path) -> None:
    one, writer = tap(tmp_path)
    one.said(Side.CLIENT, b"12345")
    one.said(Side.CLIENT, b"12345")
    one.said(Side.SERVER, bytes(LARGE_BYTES))
    one.said_pipe(Side.CLIENT, 99, 1000, lambda: None)
    one.noted("x")
    one.closed(How.FINISHED)
    batch = one.take()
    assert writer.unwritten == batch.size == sum(map(piece_size, batch.pieces))
    assert batch.conversation.client_bytes == 1010


def test_a_batch_knows_whether_more_than_the_counts_has_changed(tmp_path: Path) -> None:
    one, _ = tap(tmp_path)
    assert one.take().changed
    one.said(Side.CLIENT, b"a")
    before = one.take()
    assert not before.changed
    one.joined("far", "server", {})
    after = one.take()
    assert after.changed
    assert (before.conversation.far, after.conversation.far) == ("", "far")


def test_the_bound_is_kept_and_the_rest_is_told(tmp_path: Path) -> None:
    one, writer = tap(tmp_path, unwritten=1000)
    one.said(Side.CLIENT, bytes(1000 - writer.unwritten - HEADER.size))
    assert writer.unwritten == 1000
    one.said(Side.CLIENT, b"12")
    one.said(Side.SERVER, b"345")
    assert writer.unwritten == 1000
    with writer.lock:
        batch = one.take()
    assert (batch.conversation.dropped, batch.conversation.server_bytes) == (5, 3)


def test_it_is_behind_when_another_pipe_would_not_fit(tmp_path: Path) -> None:
    one, writer = tap(tmp_path, unwritten=2 * PIPE_BYTES)
    assert not one.is_behind()
    one.said(Side.CLIENT, bytes(PIPE_BYTES))
    assert one.is_behind()
    writer.trouble = "no space left on device"  # then waiting would not help
    assert not one.is_behind()
    writer.trouble = ""
    one.closed(How.FINISHED)
    assert not one.is_behind()


def test_an_idle_tap_is_small(tmp_path: Path) -> None:
    one, _ = tap(tmp_path)
    one.take()
    slots = (getattr(one, name) for name in SegmentTap.__slots__ if name != "_writer")
    assert sys.getsizeof(one) + sum(map(sys.getsizeof, slots)) < 1024


def test_text_is_made_fit() -> None:
    assert clean("plain") == "plain"
    assert clean("grüße") == "grüße"
    assert clean("a\0\udcff") == "a\\0\\udcff"


def test_the_deaf_tap_takes_everything_and_keeps_nothing() -> None:
    DEAF.joined("a", "b", {})
    DEAF.said(Side.CLIENT, b"x")
    DEAF.carried(Side.CLIENT, 1)
    DEAF.ended(Side.CLIENT)
    DEAF.noted("x")
    DEAF.secured({})
    DEAF.closed(How.FINISHED)
    assert not DEAF.wants(Side.CLIENT)
    assert DEAF.number == 0
    assert not isinstance(DEAF, BulkTap)
    assert Opening(kind=Kind.LISTEN, client="a", server="b").number == DEAF.number


def test_one_byte_more_than_may_wait_hurries_the_writer(tmp_path: Path) -> None:
    one, writer = tap(tmp_path, unwritten=2 * HURRY_BYTES)
    one.said(Side.CLIENT, bytes(HURRY_BYTES - writer.unwritten - 2 * HEADER.size))
    one.said(Side.CLIENT, b"")
    assert writer.unwritten == HURRY_BYTES
    assert not writer._hurry
    one.said(Side.CLIENT, b"x")
    assert writer._hurry
