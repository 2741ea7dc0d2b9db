"""A terminal's screen, as the bytes that a program writes there make it: enough of ECMA-48 for full-screen programs."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCE = re.compile(r"\x1b(?:\[([?>]?)([\d;]*)([ -/]*)([@-~])|\][^\x07]*\x07|[()][0-9A-B]|.)", re.DOTALL)


class Screen:
    """So many columns and rows; `lines` is what is seen."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        #: Bells that rang.
        self.bells = 0
        self._rest = ""
        self._x = self._y = 0
        self._clear()

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, text: str) -> None:
        """What the program writes next."""
        text, self._rest = self._rest + text, ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
            elif match := _SEQUENCE.match(text, at):
                self._obey(match)
                at = match.end()
            else:
                self._rest = text[at:]
                return

    def _put(self, sign: str) -> None:
        if sign == "\n":
            self._down()
        elif sign == "\r":
            self._x = 0
        elif sign == "\b":
            self._x = max(0, self._x - 1)
        elif sign == "\a":
            self.bells += 1
        elif sign.isprintable():
            wide = 2 if unicodedata.east_asian_width(sign) in "WF" else 1
            if self._x + wide > self.columns:
                self._x = 0
                self._down()
            self._cells[self._y][self._x : self._x + wide] = [sign, *[""] * (wide - 1)]
            self._x += wide

    def _down(self) -> None:
        if self._y == self.rows - 1:
            del self._cells[0]
            self._cells.append([" "] * self.columns)
        else:
            self._y += 1

    def _obey(self, match: re.Match[str]) -> None:
        kind, numbers, _, letter = match[1], match[2], match[3], match[4]
        if letter is None or kind:
            if numbers == "1049":
                self._clear()
            return
        first, *more = [int(number or 0) for number in numbers.split(";")]
        count = max(1, first)
        if letter in "ABCD":
            x, y = {"A": (0, -1), "B": (0, 1), "C": (1, 0), "D": (-1, 0)}[letter]
            self._move(self._x + x * count, self._y + y * count)
        elif letter in "Hf":
            self._move((more[0] if more else 1) - 1, count - 1)
        elif letter == "G":
            self._move(count - 1, self._y)
        elif letter == "J":
            self._erase(first)
        elif letter == "K":
            row, here = self._cells[self._y], min(self._x, self.columns)
            begin, end = {0: (here, self.columns), 1: (0, here + 1), 2: (0, self.columns)}[first]
            row[begin:end] = [" "] * (end - begin)

    def _move(self, x: int, y: int) -> None:
        self._x, self._y = max(0, min(x, self.columns - 1)), max(0, min(y, self.rows - 1))

    def _erase(self, what: int) -> None:
        if what == 2:
            x, y = self._x, self._y
            self._clear()
            self._x, self._y = x, y
        elif what == 0:
            self._cells[self._y][self._x :] = [" "] * (self.columns - self._x)
            for row in range(self._y + 1, self.rows):
                self._cells[row] = [" "] * self.columns

    def _clear(self) -> None:
        self._cells = [[" "] * self.columns for _ in range(self.rows)]
        self._x = self._y = 0
