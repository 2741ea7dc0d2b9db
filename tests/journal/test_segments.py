from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Noted, Said, Secured
from tincans.journal.segments import HEADER, Segment, encode, records
from tincans.limits import JOURNAL_READ_BYTES

ENTRIES: list[Entry] = [
    Said(conversation=1, at=10, side=Side.CLIENT, data=b"hello"),
    Said(conversation=2, at=11, side=Side.SERVER, data=b""),
    Joined(conversation=1, at=12, far="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2", facts={"a": "b"}),
    Ended(conversation=1, at=13, side=Side.CLIENT),
    Dropped(conversation=1, at=14, side=Side.SERVER, count=5, reason="full"),
    Noted(conversation=1, at=15, text="grüße"),
    Said(conversation=1, at=16, side=Side.SERVER, data=b"x" * (JOURNAL_READ_BYTES + 1)),
    Secured(conversation=1, at=17, facts={"client.tls.version": "TLSv1.3"}),
    Closed(conversation=1, at=18, how=How.RESET, by=Side.CLIENT),
]
DATA = b"".join(map(encode, ENTRIES))


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    segment = Segment(1, tmp_path / "1.segment", 0)
    yield segment
    segment.close()


def read(segment: Segment, start: int = 0, end: int | None = None) -> list[Entry]:
    return [record.entry for record in records(segment.file, start, segment.end if end is None else end)]


def test_a_small_word_costs_21_bytes() -> None:
    assert len(encode(ENTRIES[1])) == HEADER.size == 21


def test_what_was_written_is_read(segment: Segment) -> None:
    segment.write([DATA])
    assert read(segment) == ENTRIES
    ends = [record.end for record in records(segment.file, 0, segment.end)]
    assert ends[-1] == segment.end == len(DATA)
    assert read(segment, ends[1]) == ENTRIES[2:]
    assert read(segment, ends[1], ends[3]) == ENTRIES[2:4]


def test_a_torn_file_is_read_up_to_where_it_is_whole(segment: Segment) -> None:
    small = [entry for entry in ENTRIES if not isinstance(entry, Said) or len(entry.data) < 100]
    data = b"".join(map(encode, small))
    segment.write([data])
    ends = [record.end for record in records(segment.file, 0, len(data))]
    for cut in range(len(data)):
        os.ftruncate(segment.file, cut)
        assert read(segment) == small[: sum(end <= cut for end in ends)]
        segment.rewrite(0, data)


@given(st.binary(max_size=200))
def test_rubbish_ends_it(rubbish: bytes) -> None:
    file = os.memfd_create("rubbish")
    try:
        os.write(file, encode(ENTRIES[0]) + b"\0" + rubbish)
        assert [record.entry for record in records(file, 0, os.fstat(file).st_size)] == ENTRIES[:1]
    finally:
        os.close(file)


def test_what_stands_behind_the_end_is_cut_off_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "1.segment"
    path.write_bytes(encode(ENTRIES[0]) + b"torn")
    segment = Segment(1, path, len(encode(ENTRIES[0])))
    segment.write([encode(ENTRIES[1])])
    assert read(segment) == ENTRIES[:2]
    segment.close()


def test_more_buffers_than_one_call_takes(segment: Segment) -> None:
    segment.write([encode(Said(conversation=1, at=at, side=Side.CLIENT, data=b"x")) for at in range(3000)])
    assert [entry.at for entry in read(segment)] == list(range(3000))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_a_pipe_is_spliced_in(segment: Segment, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"0123456789")
    segment.write([b"ab"])
    segment.splice(pipe[0], 4)
    segment.splice(pipe[0], 6)
    assert os.pread(segment.file, 100, 0) == b"ab0123456789"
    assert segment.end == 12


def test_a_pipe_that_has_less_is_an_error_and_the_end_tells_how_much_there_was(
    segment: Segment, pipe: tuple[int, int]
) -> None:
    os.write(pipe[1], b"0123")
    with pytest.raises(OSError):
        segment.splice(pipe[0], 5)
    assert segment.end == 4


def test_where_a_filesystem_cannot_splice_it_is_copied(
    segment: Segment, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object, **__: object) -> int:
        raise OSError(errno.EINVAL, "splice")

    monkeypatch.setattr(os, "splice", cannot)
    os.write(pipe[1], b"0123456789")
    segment.splice(pipe[0], 10)
    assert os.pread(segment.file, 100, 0) == b"0123456789"
