"""A chat's rows as lines of a terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.cli.chat_lines import COLOURS, Line, View, colour_of, cut, lines_of, width_of
from tincans.cli.chat_talk import Pane, Row

AT = datetime(2026, 11, 28, 12, 34, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def row(text: str, kind: str = "say", nick: str = "bob", **more: object) -> Row:
    return Row(0, AT, kind, nick, text, **more)  # type: ignore[arg-type]


def plain(lines: list[Line]) -> list[str]:
    return ["".join(text for _, text in line) for line in lines]


def drawn(row: Row, width: int = 80) -> list[str]:
    return plain(lines_of(row, width, "ann"))


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("say", "12:34 bob: hello"),
        ("file", "12:34 bob: hello"),
        ("act", "12:34 * bob hello"),
        ("notice", "12:34 -bob- hello"),
        ("event", "12:34 hello"),
        ("error", "12:34 hello"),
    ],
)
def test_one_line(kind: str, line: str) -> None:
    assert drawn(row("hello", kind)) == [line]


def test_it_goes_on_in_the_next_line_below_what_was_said() -> None:
    assert drawn(row("one two three four five six seven"), 24) == ["bob: one two three four", "     five six seven"]
    assert drawn(row("aaaa bbbb cccc dddd eeee ffff gggg"), 30) == [
        "12:34 bob: aaaa bbbb cccc dddd",
        "          eeee ffff gggg",
    ]


def test_a_word_that_is_longer_than_the_line_is_cut_and_wide_letters_take_two_columns() -> None:
    assert drawn(row("x" * 30), 20) == ["bob: " + "x" * 15, "     " + "x" * 15]
    assert drawn(row("漢" * 10), 20) == ["bob: " + "漢" * 7, "     " + "漢" * 3]


def test_lines_of_a_message_are_lines() -> None:
    assert drawn(row("one\n\n  two"), 40) == ["12:34 bob: one", "           ", "             two"]


def test_nothing_in_it_is_obeyed() -> None:
    assert drawn(row("if x:\n\treturn '\\d 👩\u200d👧'"), 40) == [
        "12:34 bob: if x:",
        "               return '\\d 👩\u200d👧'",
    ]
    assert drawn(row("\x1b[2J\r\x07\u202eevil\u2028", nick="b\x1bb")) == [
        r"12:34 b\x1bb: \x1b[2J\r\a\xe2\x80\xaeevil\xe2\x80\xa8"
    ]


@given(st.text(max_size=120), st.sampled_from(["say", "act", "notice", "event", "note"]), st.integers(12, 90))
def test_no_line_is_wider_than_the_terminal_and_all_can_be_printed(text: str, kind: str, width: int) -> None:
    for line in lines_of(row(text, kind, mention=True), width, "ann"):
        assert all(piece.isprintable() for _, piece in line)
        assert sum(width_of(piece) for _, piece in line) <= max(width, 13)


def test_our_own_name_is_marked() -> None:
    (line,) = lines_of(row("hi ann, and Ann", mention=True), 80, "ann")
    assert [piece for piece in line if piece[0] == "class:mention"] == [
        ("class:mention", "ann"),
        ("class:mention", "Ann"),
    ]
    (line,) = lines_of(row("hi ann"), 80, "ann")
    assert ("class:mention", "ann") not in line


# ── colours ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_has_one_colour_whatever_the_case() -> None:
    assert colour_of("Bob") == colour_of("bob")
    assert len({colour_of(f"person{number}") for number in range(200)}) == len(COLOURS)


@pytest.mark.parametrize("colour", COLOURS)
def test_each_can_be_read_on_black_and_on_white(colour: str) -> None:
    """WCAG 2.2 §1.4.3 asks for 4.5."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert min(1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05) >= 4.5


@pytest.mark.parametrize(
    ("text", "width", "found"), [("hello", 5, "hello"), ("hello", 4, "hel…"), ("漢字", 3, "漢…"), ("hello", 0, "")]
)
def test_what_does_not_fit_is_cut(text: str, width: int, found: str) -> None:
    assert cut(text, width) == found


# ── a pane ────────────────────────────────────────────────────────────────────────────────────────────────


def pane_of(count: int, begin: int = 0) -> Pane:
    pane = Pane("#ops")
    for number in range(begin, begin + count):
        pane.add(row(f"line {number}"))
    return pane


def seen(view: View, height: int, width: int = 40) -> list[str]:
    view.refresh(width, "ann")
    return [line.removeprefix("12:34 bob: ") for line in plain(view.seen(height))]


def test_the_end_is_seen_and_follows() -> None:
    view = View(pane := pane_of(20))
    assert seen(view, 3) == ["line 17", "line 18", "line 19"]
    pane.add(row("line 20"))
    assert seen(view, 2) == ["line 19", "line 20"]
    assert View(Pane("#ops")).seen(5) == []


def test_where_one_has_scrolled_to_one_stays() -> None:
    view = View(pane := pane_of(20))
    seen(view, 3)
    view.scroll(-5, 3)
    assert seen(view, 3) == ["line 12", "line 13", "line 14"]
    pane.unread = 3
    for number in range(20, 40):
        pane.add(row(f"line {number}"))
    assert seen(view, 3) == ["line 12", "line 13", "line 14"]
    pane.prepend([row("earlier")])
    assert seen(view, 3) == ["line 12", "line 13", "line 14"]
    assert seen(view, 3, 70) == ["line 12", "line 13", "line 14"]
    view.scroll(1000, 3)
    assert (pane.bottom, pane.unread) == (None, 0)
    assert seen(view, 1) == ["line 39"]


def test_scrolling_ends_at_the_top() -> None:
    view = View(pane_of(20))
    seen(view, 5)
    assert not view.is_at_top(5)
    view.scroll(-1000, 5)
    assert view.is_at_top(5)
    assert seen(view, 5)[1:] == ["line 0", "line 1", "line 2", "line 3"]
    view.scroll(-1, 5)
    view.scroll(1, 5)
    assert seen(view, 5) == [f"line {number}" for number in range(5)]


def test_a_long_row_is_scrolled_through() -> None:
    pane = Pane("#ops")
    pane.add(row("\n".join(f"line {number}" for number in range(30))))
    pane.add(row("end"))
    view = View(pane)
    seen(view, 4)
    view.scroll(-3, 4)
    assert [line.strip() for line in seen(view, 4)] == [f"line {number}" for number in range(24, 28)]


def test_everything_fits() -> None:
    view = View(pane_of(2))
    assert len(seen(view, 10)) == 3
    view.scroll(-5, 10)
    assert len(seen(view, 10)) == 3
    assert view.is_at_top(10)


def test_days_and_what_is_new_are_told_apart() -> None:
    pane = Pane("#ops")
    for number, day in enumerate((0, 0, 1)):
        pane.add(row(str(number))._replace(at=AT + timedelta(days=day)))
    pane.marker = pane.rows[1].serial
    lines = seen(View(pane), 10)
    assert [line.strip("─ ") for line in lines] == ["Saturday, 2026-11-28", "0", "new", "1", "Sunday, 2026-11-29", "2"]
    assert all(len(line) == 40 for line in lines if "─" in line)


def test_rows_that_were_taken_away_are_not_seen() -> None:
    view = View(pane := pane_of(5))
    seen(view, 10)
    pane.clear()
    assert seen(view, 10) == []
    pane.add(row("again"))
    assert seen(view, 10)[-1] == "again"
