"""What `tincans.journal` itself has: the choice of a journal, and the filter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tincans.channel import Side
from tincans.conversation import Conversation, Dropped, How, Kind, Opened
from tincans.errors import JournalError
from tincans.journal import ALL, FORGOTTEN, Bounds, Filter, beginning, default_folder, open_journal
from tincans.journal.memory import MemoryJournal
from tincans.journal.sqlite import SqliteJournal
from tincans.limits import JOURNAL_BYTES, SEGMENT_BYTES, UNWRITTEN_BYTES


@pytest.mark.parametrize("form", ["{}", "sqlite:{}"])
async def test_a_path_is_a_folder(tmp_path: Path, form: str) -> None:
    journal = open_journal(form.format(tmp_path / "j"))
    assert isinstance(journal, SqliteJournal)
    assert (tmp_path / "j" / "index.sqlite3").exists()
    await journal.aclose()


async def test_memory_is_memory() -> None:
    journal = open_journal("memory:")
    assert isinstance(journal, MemoryJournal)
    await journal.aclose()


async def test_without_a_name_the_environment_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINCANS_JOURNAL", str(tmp_path / "there"))
    await open_journal().aclose()
    assert (tmp_path / "there" / "index.sqlite3").exists()
    monkeypatch.setenv("TINCANS_JOURNAL", "memory:")
    assert isinstance(open_journal(), MemoryJournal)


async def test_else_it_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINCANS_JOURNAL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    await open_journal().aclose()
    assert default_folder() == tmp_path / "tincans" / "journal"
    assert (default_folder() / "index.sqlite3").exists()


async def test_the_home_folder_may_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    await open_journal("~/j").aclose()
    assert (tmp_path / "j" / "index.sqlite3").exists()


def test_one_that_is_only_to_be_read_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal in "):
        open_journal(tmp_path / "j", create=False)
    assert not (tmp_path / "j").exists()


CONVERSATION = Conversation(
    number=1, kind=Kind.RELAY, name="front", client="tcp://10.0.0.1:1", server="unix:/Run/X", near="tcp://[::1]:1",
    opened=100, closed=200, how=How.RESET, client_bytes=10, server_bytes=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("which", "matches"),
    [
        (ALL, True),
        (Filter(party="run/x"), True),
        (Filter(party="::1"), True),
        (Filter(party="1\ntcp"), True),
        (Filter(party="nobody"), False),
        (Filter(kind=Kind.RELAY), True),
        (Filter(kind=Kind.LISTEN), False),
        (Filter(open=False), True),
        (Filter(open=True), False),
        (Filter(how=(How.LOST, How.RESET)), True),
        (Filter(how=(How.LOST,)), False),
        (Filter(since=100, until=101), True),
        (Filter(since=101), False),
        (Filter(until=100), False),
        (Filter(name="front"), True),
        (Filter(name="Front"), False),
        (Filter(how=(None,)), False),
        (Filter(how=(None, How.RESET)), True),
        (Filter(least=30), True),
        (Filter(least=31), False),
        (Filter(most=30), True),
        (Filter(most=29), False),
        (Filter(before=2), True),
        (Filter(before=1), False),
    ],
)
def test_filter(which: Filter, matches: bool) -> None:
    assert which.matches(CONVERSATION) is matches


def test_a_beginning_that_was_dropped_is_told_from_what_is_known() -> None:
    assert [type(entry) for entry in beginning(CONVERSATION, 0, 0)] == [Opened]
    opened, *dropped = beginning(CONVERSATION, 0, 7)
    assert isinstance(opened, Opened)
    assert Conversation.from_opened(opened).client == CONVERSATION.client
    assert dropped == [Dropped(conversation=1, at=100, side=Side.SERVER, count=7, reason=FORGOTTEN)]


def test_without_bounds_of_ones_own_it_keeps_the_limits() -> None:
    assert Bounds() == Bounds(JOURNAL_BYTES, SEGMENT_BYTES, UNWRITTEN_BYTES, None)
