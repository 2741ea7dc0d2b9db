"""Retention: the oldest go first, of each mailbox by itself, and their files with them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from posting import files, put, store
from running import PATIENCE, POLL
from tincans.apps.mail.store import Mails
from tincans.limits import MAILS_A_LOOK

DAY = 86_400 * 10**9


def age(mails: Mails, number: int, days: float) -> None:
    """Have a mail come so many days ago."""
    with mails.index() as index:
        index.execute("UPDATE mails SET at = ? WHERE number = ?", (time.time_ns() - int(days * DAY), number))


@pytest.fixture(autouse=True)
def _there_is_time_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, the last look of a store is done to its end."""
    monkeypatch.setattr("tincans.apps.mail.store_keeper.MAILS_CLOSE_SECONDS", PATIENCE)


def test_each_mailbox_keeps_so_many(tmp_path: Path) -> None:
    with store(tmp_path, keep=2) as mails:
        many = [put(mails, b"%d" % number, "many@x.org") for number in range(5)]
        few = put(mails, b"few", "few@x.org")
        mails.keeper.look()
        assert [each.number for each in mails.list()] == [few, many[4], many[3]]
        assert len(files(tmp_path)) == 3


def test_a_mail_in_several_mailboxes_lives_until_it_has_left_the_last(tmp_path: Path) -> None:
    with store(tmp_path, keep=2) as mails:
        both = put(mails, b"both", "many@x.org", "few@x.org")
        for number in range(3):
            put(mails, b"%d" % number, "many@x.org")
        mails.keeper.look()
        assert mails.get(both).mailboxes == ("few@x.org",)
        assert {box.name: box.count for box in mails.mailboxes()} == {"few@x.org": 1, "many@x.org": 2}


def test_old_mails_go(tmp_path: Path) -> None:
    with store(tmp_path, days=2) as mails:
        old, young = put(mails), put(mails)
        mails.list()
        age(mails, old, 2.01)
        age(mails, young, 1.99)
        mails.keeper.look()
        assert [each.number for each in mails.list()] == [young]


def test_it_is_checked_when_the_store_is_opened(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        numbers = [put(mails) for _ in range(5)]
        mails.keeper.look()
        assert mails.count() == 5, "nobody asked for less"
    with store(tmp_path, keep=3):
        pass  # the thread looks once, however short
    with store(tmp_path) as mails:
        assert [each.number for each in mails.list()] == numbers[:1:-1]


def test_a_store_that_is_closed_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.mail.store_keeper.MAILS_CLOSE_SECONDS", -1)
    with store(tmp_path) as mails:
        for _ in range(5):
            put(mails)
        with mails.index():  # the thread waits for its turn until it is too late
            mails.keeper.ask(keep=1, days=0)
            mails.keeper._end = 0
        mails.keeper.close()
        assert mails.count() == 5


def test_the_strictest_that_was_asked_for_counts(tmp_path: Path) -> None:
    with store(tmp_path, keep=3), store(tmp_path, keep=2), store(tmp_path), store(tmp_path, keep=9) as mails:
        for _ in range(5):
            put(mails)
        mails.keeper.look()
        assert mails.count() == 2


def test_it_is_done_while_mails_come(tmp_path: Path) -> None:
    with store(tmp_path, keep=10) as mails:
        for _ in range(2 * MAILS_A_LOOK):
            put(mails)
    assert len(files(tmp_path)) <= 10, "the thread's last look is at the end"


def test_files_that_were_doomed_when_a_process_was_killed_are_removed(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        number = put(mails)
        path = mails.path(number)
        with mails.index() as index:  # as `delete` has left it before it removes the file
            index.execute("INSERT INTO doomed SELECT file FROM mails")
            index.execute("DELETE FROM boxes")
            index.execute("DELETE FROM mails")
        assert path.exists()
    with store(tmp_path):
        assert not path.exists()


def test_thousands_are_deleted_at_once(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        for _ in range(2100):
            put(mails, b"x", "a@x.org", "b@x.org")
        mails.clear("a@x.org")
        assert mails.count() == mails.count(mailbox="b@x.org") == 2100
        mails.clear()
        assert (mails.count(), files(tmp_path)) == (0, [])


def test_it_is_done_while_nothing_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.mail.store_keeper.MAILS_LOOK_SECONDS", 0.01)
    with store(tmp_path, days=1) as mails:
        number = put(mails)
        mails.list()
        age(mails, number, 1.01)
        until = time.monotonic() + PATIENCE
        while mails.count():
            assert time.monotonic() < until
            time.sleep(POLL)
