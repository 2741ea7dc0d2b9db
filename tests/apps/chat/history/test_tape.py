"""A tape has whole lines that make sense, or nothing of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.chat.history import tape as history_tape
from tincans.apps.chat.history.tape import Tape


@contextmanager
def opened(path: Path) -> Iterator[Tape]:
    """One on which lines of letters make sense."""
    tape = Tape(path, bytes.isalpha)
    try:
        yield tape
    finally:
        tape.close()


def test_what_is_appended_is_there(tmp_path: Path) -> None:
    path = tmp_path / "tape"
    with opened(path) as tape:
        assert (tape.end, tape.last_line) == (0, b"")
        tape.append(b"one\ntwo\n")
        tape.append(b"three\n")
    assert path.stat().st_mode & 0o777 == 0o600
    with opened(path) as tape:
        assert (tape.end, tape.last_line) == (14, b"three")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


@given(st.lists(st.sampled_from([b"a\n", b"bcd\n", b"ab", b"1\n", b"\n", b"\0"])).map(b"".join), st.integers(1, 5))
def test_the_end_is_the_last_line_that_makes_sense(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, window: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    whole = [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    while whole and not whole[-1][:-1].isalpha():
        whole.pop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history_tape, "_END_BYTES", window)
        with opened(path) as tape:
            assert (tape.end, tape.last_line) == (len(b"".join(whole)), (whole or [b""])[-1].strip())
            tape.append(b"new\n")
    assert path.read_bytes() == b"".join(whole) + b"new\n"
