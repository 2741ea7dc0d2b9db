"""The fields of a message: each is there or the whole message is wrong."""

from __future__ import annotations

import pytest

from tincans.protocols.cursor import Cursor
from tincans.protocols.inbox import Wrong

DATA = b"\x05\xff\xfetin\0rest"


def test_fields_are_taken_one_after_the_other() -> None:
    cursor = Cursor(DATA, 100, 1)
    assert cursor.place == 101
    assert cursor.number(2, signed=True) == -2
    assert cursor.string() == b"tin"
    part = cursor.part(3)
    assert (part.take(3), part.left) == (b"res", 0)
    part.finish()
    assert cursor.rest() == b"t"
    cursor.finish()


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda cursor: cursor.take(12), "middle of a field"),
        (lambda cursor: cursor.take(-1), "middle of a field"),
        (lambda cursor: cursor.part(12), "middle of a field"),
        (lambda cursor: cursor.part(2).take(3), "middle of a field"),
        (lambda cursor: cursor.part(3).string(), "no end"),
        (lambda cursor: cursor.finish(), "11 bytes too many"),
    ],
)
def test_what_is_wrong_is_wrong_with_the_whole_message(read: object, reason: str) -> None:
    assert callable(read)
    with pytest.raises(Wrong, match=reason) as caught:
        read(Cursor(DATA, 100))
    assert caught.value.skip == len(DATA)
    assert caught.value.at == 100
