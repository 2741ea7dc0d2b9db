"""The folder of the store: numbers, the log of arrivals, and what a killed process leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from posting import files, put, store
from tincans.apps.mail.store_folder import TOKEN_BYTES, Folder, Shelf, sweep
from tincans.errors import MailsError
from tincans.limits import ARRIVALS_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "mails")
    yield made
    made.close()


def test_numbers_grow_by_one(folder: Folder) -> None:
    assert [folder.append(b"words") for _ in range(3)] == [1, 2, 3]
    assert folder.newest == 3
    assert folder.log.read_bytes()[TOKEN_BYTES:] == b"\n1 words\n\n2 words\n\n3 words\n"


def test_two_that_append_share_the_numbers(folder: Folder) -> None:
    other = Folder(folder.path)
    assert [each.append(b"words") for each in (folder, other, folder)] == [1, 2, 3]
    other.close()


def test_a_number_that_the_index_knows_is_not_given_again(folder: Folder) -> None:
    folder.no_number_up_to(7)
    folder.no_number_up_to(3)
    assert folder.append(b"words") == 8


def test_a_log_begins_anew_once_all_of_it_was_taken_in(folder: Folder) -> None:
    other = Folder(folder.path)
    other.append(b"words")
    found = folder.log.stat()
    folder.begin_log((found.st_ino, found.st_size - 1))
    assert folder.log.stat() == found, "there is more"
    folder.begin_log((found.st_ino, found.st_size))
    assert folder.log.stat().st_size == TOKEN_BYTES
    other.append(b"more")  # it had the old one open
    assert folder.log.read_bytes()[TOKEN_BYTES:] == b"\n2 more\n"
    other.close()


def test_a_line_that_a_kill_has_torn_spoils_none_but_itself(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        first = put(mails, b"first")
        with mails.folder.log.open("ab") as log:
            log.write(b"\n2 1700000000000000000 5 0001/000/000001.em")
        second = put(mails, b"second")
        with mails.folder.log.open("ab") as log:
            log.write(b'\n3 1700000000000000000 5 0001/000/000001.eml {"sender": ')
        assert [each.number for each in mails.list()] == [second, first]
        third = put(mails, b"third")
        assert [each.number for each in mails.list()] == [third, second, first]


def test_the_log_stays_short(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        many = [f"{number:0100d}@example.org" for number in range(1000)]  # some hundred kilobytes a line
        for _ in range(2 * ARRIVALS_BYTES // 200_000):
            put(mails, b"x", *many)
            mails.keeper.look()
        assert mails.folder.log.stat().st_size < ARRIVALS_BYTES + 200_000
        assert mails.count() == 2 * ARRIVALS_BYTES // 200_000


def test_a_line_longer_than_a_piece_is_read(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        put(mails)
        many = [f"{number:0200d}@example.org" for number in range(ARRIVALS_BYTES // 200)]
        number = put(mails, b"x", *many)
        put(mails)
        assert len(mails.get(number).envelope.recipients) == len(many)
        assert mails.count() == 3


# ── shelves ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_of_mails_has_a_thousand(folder: Folder) -> None:
    shelf = Shelf(folder.letters)
    places = [shelf.place()[2] for _ in range(1001)]
    assert [places[0], places[999], places[1000]] == [
        "0001/000/000000.eml",
        "0001/000/000999.eml",
        "0001/001/001000.eml",
    ]
    shelf.close()


def test_each_process_has_a_shelf_of_its_own(folder: Folder) -> None:
    one, two = Shelf(folder.letters), Shelf(folder.letters)
    assert [shelf.place()[2] for shelf in (one, two)] == ["0001/000/000000.eml", "0002/000/000000.eml"]
    one.close()
    two.close()


def test_only_the_dead_are_swept(folder: Folder) -> None:
    one, two = Shelf(folder.letters), Shelf(folder.letters)
    for shelf in (one, two):
        for place in (shelf.place(), shelf.place()):
            (folder.letters / place[2]).write_bytes(b"x")
        shelf.begin().write_bytes(b"x")
    one.close()
    sweep(folder.letters, lambda paths: {path for path in paths if path.endswith("000000.eml")})
    assert files(folder.path) == [
        "0001/000/000000.eml",  # which the index knows
        "0002/000/000000.eml",
        "0002/000/000001.eml",
        "0002/begun/1",
    ]
    two.close()


def test_an_empty_shelf_leaves_nothing(folder: Folder) -> None:
    Shelf(folder.letters).close()
    sweep(folder.letters, set)
    assert os.listdir(folder.letters) == []


def test_a_folder_that_was_emptied_is_made_again(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        mails.delete(put(mails, b"first"))
        assert not (mails.folder.letters / "0001" / "000").exists()
        number = put(mails, b"second")
        assert mails.path(number).read_bytes() == b"second"
        mails.delete(number)
        long = put(mails, b"x" * 100_000)
        assert mails.path(long).read_bytes() == b"x" * 100_000


def test_a_place_where_no_folder_can_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MailsError, match="not a directory"):
        Folder(tmp_path / "file" / "mails")
