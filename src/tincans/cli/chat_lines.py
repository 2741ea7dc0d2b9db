"""Rows of a chat as lines of a terminal: wrapped to its width, in colours by person, and nothing in them that it obeys.

    14:03 ann: a message that is longer than the line is wide goes on in the next,
               indented so that who said it stands out
    14:04 * bob waves
    ──────────────── Sunday, 2026-11-29 ────────────────
    09:12 bob came

A line is a list of pieces, each a style and a text. `View` is the lines of one pane at one width, and which of them are
seen: a place that somebody has scrolled to stays where it is, whatever is said below.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date

from prompt_toolkit.utils import get_cwidth

from tincans.cli.chat_talk import Pane, Row, mention_of
from tincans.clients.chat_present import folded
from tincans.text import legible

Piece = tuple[str, str]
Line = list[Piece]

#: Colours of people: all around the circle, and each as far from black as from white, so that all can be read on both
#: (WCAG's contrast is above 4.5 to either).
COLOURS = (
    "#e12b2b", "#ad6319", "#797911", "#4b8313", "#138813", "#13874d", "#138383", "#1e77d0", "#6565e9", "#9a4de6",
    "#cb1dcb", "#dd207e",
)  # fmt: skip

#: How far the text of a message is indented at most, as a part of the width.
_INDENT = 3
_TAB = 4
#: Below this width the time is left out.
_NARROW = 30


def colour_of(nick: str) -> str:
    """The style of somebody's name: the same wherever and whenever they are seen."""
    return f"class:nick{zlib.crc32(folded(nick).encode('utf-8', 'replace')) % len(COLOURS)}"


def width_of(text: str) -> int:
    """How many columns a printable text takes."""
    return len(text) if text.isascii() else get_cwidth(text)


def cut(text: str, width: int) -> str:
    """As much of a text as fits, with … where it is not all."""
    if width_of(text) <= width:
        return text
    taken = ""
    for character in text:
        if width_of(taken + character) >= width:
            break
        taken += character
    return taken + "…" if width > 0 else ""


# ── one row ───────────────────────────────────────────────────────────────────────────────────────────────


def lines_of(row: Row, width: int, nick: str) -> list[Line]:
    """A row, wrapped; `nick` is ours."""
    head, style = _head(row, width)
    indent = min(sum(width_of(text) for _, text in head), max(0, width // _INDENT))
    first, lines = head, list[Line]()
    for paragraph in row.text.split("\n"):
        room = width - sum(width_of(text) for _, text in first)
        for text in _wrapped(legible(paragraph.expandtabs(_TAB)), room, width - indent):
            lines.append([*first, *_marked(text, style, row, nick)])
            first = [("", " " * indent)]
    return lines


def _head(row: Row, width: int) -> tuple[Line, str]:
    """What stands before the text, and the text's style."""
    time = f"{row.at:%H:%M} " if width >= _NARROW else ""
    head: Line = [("class:time", time)] if time else []
    nick = legible(row.nick)
    if row.kind == "act":
        return [*head, ("", "* "), (colour_of(row.nick), nick), ("", " ")], ""
    if row.kind == "notice":
        return [*head, ("class:notice", "-"), (colour_of(row.nick), nick), ("class:notice", "- ")], "class:notice"
    if row.is_speech:
        return [*head, (colour_of(row.nick), nick), ("", ": ")], ""
    return head, f"class:{row.kind}"


def _marked(text: str, style: str, row: Row, nick: str) -> Line:
    """The text, with our own name in it marked."""
    if not row.mention or not row.is_speech or not nick:
        return [(style, text)]
    pieces, end = list[Piece](), 0
    for match in mention_of(nick).finditer(text):
        pieces += [(style, text[end : match.start()]), ("class:mention", match[0])]
        end = match.end()
    return [piece for piece in [*pieces, (style, text[end:])] if piece[1]]


def _wrapped(text: str, first: int, width: int) -> Iterator[str]:
    """The text in lines, the first of another width than the others; broken at blanks where there are any."""
    room = max(1, first)
    while width_of(text) > room:
        fits = _fitting(text, room)
        blank = text.rfind(" ", 0, fits + 1)
        at = blank if blank > 0 else fits
        yield text[:at]
        text = text[at:].removeprefix(" ")
        room = max(1, width)
    yield text


def _fitting(text: str, room: int) -> int:
    """How many characters fit; at least one."""
    if text.isascii():
        return room
    used = 0
    for place, character in enumerate(text):
        used += get_cwidth(character)
        if used > room:
            return max(1, place)
    return len(text)


# ── a pane ────────────────────────────────────────────────────────────────────────────────────────────────


class View:
    """The lines of a pane at one width."""

    def __init__(self, pane: Pane) -> None:
        self.pane = pane
        self.lines: list[Line] = []
        self._serials: list[int] = []  # of the row of each line
        self._drawn: tuple[int, int, int | None, str] = (-1, 0, None, "")
        self._last = 0  # the serial of the last row that is drawn
        self._day: date | None = None
        self._wrapped: dict[int, list[Line]] = {}  # by serial, as long as width and nick stay

    def refresh(self, width: int, nick: str) -> None:
        """Draw what is new; or all, where something before it has changed."""
        pane = self.pane
        how = (pane.version, width, pane.marker, nick)
        if how != self._drawn:
            if (width, nick) != (self._drawn[1], self._drawn[3]) or len(self._wrapped) > 2 * len(pane.rows):
                self._wrapped = {}
            self.lines, self._serials, self._day = [], [], None
            self._drawn, self._last = how, pane.rows[0].serial - 1 if pane.rows else 0
        at = bisect_right(pane.rows, self._last, key=lambda row: row.serial)
        for row in pane.rows[at:]:
            wrapped = self._wrapped.get(row.serial)
            if wrapped is None:
                wrapped = self._wrapped[row.serial] = lines_of(row, width, nick)
            lines = [*self._rules(row, width), *wrapped]
            self.lines += lines
            self._serials += [row.serial] * len(lines)
            self._last = row.serial

    def _rules(self, row: Row, width: int) -> Iterator[Line]:
        """What separates a row from the one before: another day, and what was not seen."""
        if row.at.date() != self._day:
            self._day = row.at.date()
            yield _rule(f"{row.at:%A, %Y-%m-%d}", width, "class:day")
        if row.serial == self.pane.marker:
            yield _rule("new", width, "class:new")

    @property
    def end(self) -> int:
        """How many lines there are down to the bottom of what is seen."""
        if self.pane.bottom is None:
            return len(self.lines)
        serial, below = self.pane.bottom
        return max(0, bisect_right(self._serials, serial) - below)

    def seen(self, height: int) -> list[Line]:
        """The lines that are seen in so many rows."""
        end = self._clamped(self.end, height)
        return self.lines[max(0, end - height) : end]

    def is_at_top(self, height: int) -> bool:
        return self._clamped(self.end, height) <= height

    def scroll(self, by: int, height: int) -> None:
        """Look further down, or with a negative number up."""
        end = self._clamped(self._clamped(self.end, height) + by, height)
        if end >= len(self.lines):
            self.pane.see_end()
            return
        serial = self._serials[end - 1]
        self.pane.bottom = (serial, bisect_right(self._serials, serial) - end)

    def find(self, serial: int, height: int) -> None:
        """Look at the row of that serial."""
        self.scroll(bisect_left(self._serials, serial) + height - self.end, height)

    def _clamped(self, end: int, height: int) -> int:
        return max(min(height, len(self.lines)), min(end, len(self.lines)))


def _rule(text: str, width: int, style: str) -> Line:
    text = cut(f" {text} ", max(0, width - 2))
    left = max(1, (width - width_of(text)) // 2)
    return [(style, "─" * left + text + "─" * max(0, width - left - width_of(text)))]
