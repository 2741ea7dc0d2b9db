"""A mail that is being taken: there whole, or not at all, whatever the disk says."""

from __future__ import annotations

from pathlib import Path

import pytest

from filling import no_file_longer_than
from posting import files, put, store
from tincans.apps.mail.store import Envelope
from tincans.errors import MailsError
from tincans.limits import MAIL_HELD_BYTES


@pytest.mark.parametrize("size", [0, 1, MAIL_HELD_BYTES, MAIL_HELD_BYTES + 1, 5 * MAIL_HELD_BYTES])
@pytest.mark.parametrize("piece", [1000, 10**6])
def test_it_is_kept_as_it_was_written(tmp_path: Path, size: int, piece: int) -> None:
    data = bytes(number * 7 % 256 for number in range(size))
    with store(tmp_path) as mails:
        incoming = mails.begin(Envelope(recipients=("a@x.org",)))
        for start in range(0, size, piece):
            incoming.write(data[start : start + piece])
        assert incoming.size == size
        number = incoming.commit()
        assert mails.path(number).read_bytes() == data
        assert mails.get(number).size == size


def test_a_short_one_is_held_and_a_long_one_is_on_the_disk(tmp_path: Path) -> None:
    with store(tmp_path) as mails, mails.begin(Envelope()) as incoming:
        incoming.write(b"x" * MAIL_HELD_BYTES)
        assert files(tmp_path) == []
        incoming.write(b"x")
        assert files(tmp_path) == ["0001/begun/1"]
    assert files(tmp_path) == []


def test_nobody_sees_it_before_it_is_whole(tmp_path: Path) -> None:
    with store(tmp_path) as mails, mails.begin(Envelope(recipients=("a@x.org",))) as incoming:
        incoming.write(b"x" * 10 * MAIL_HELD_BYTES)
        assert mails.list() == []
        incoming.commit()
        assert mails.count() == 1


@pytest.mark.parametrize("size", [10_000, 10 * MAIL_HELD_BYTES])
def test_a_full_disk_refuses_it_and_keeps_nothing_of_it(tmp_path: Path, size: int) -> None:
    with store(tmp_path) as mails:
        before = put(mails)
        with no_file_longer_than(5000), pytest.raises(MailsError, match=r"cannot keep mails in .*: file too large"):
            put(mails, b"x" * size)
        assert [each.number for each in mails.list()] == [before]
        assert len(files(tmp_path)) == 1
        assert put(mails) > before


def test_a_log_that_cannot_grow_refuses_it_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        before = put(mails)
        long = mails.folder.log.stat().st_size
        for more in (0, 10):  # not a byte of the line, or a part of it
            with no_file_longer_than(long + more), pytest.raises(MailsError):
                put(mails, b"x")
            assert mails.folder.log.stat().st_size == long
        assert [each.number for each in mails.list()] == [before]
        assert len(files(tmp_path)) == 1
        after = put(mails)
        assert [each.number for each in mails.list()] == [after, before]


def test_an_envelope_of_bytes_that_are_no_text_is_kept_as_far_as_it_is_one(tmp_path: Path) -> None:
    odd = "\udcffada@example.org"
    with store(tmp_path) as mails:
        with mails.begin(Envelope(sender=odd, recipients=(odd,), parameters={"ENVID": odd})) as incoming:
            number = incoming.commit()
        assert mails.get(number).envelope.sender == "?ada@example.org"
        assert mails.get(number).mailboxes == ("?ada@example.org",)
        assert mails.get(number).envelope.parameters == {"ENVID": "?ada@example.org"}


def test_it_is_committed_once(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        incoming = mails.begin(Envelope())
        incoming.commit()
        incoming.discard()
        with pytest.raises(AssertionError):
            incoming.write(b"more")
        with pytest.raises(AssertionError):
            incoming.commit()
        assert mails.count() == 1
